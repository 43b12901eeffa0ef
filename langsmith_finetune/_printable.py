"""Makes text from outside safe to print: it may contain terminal escape sequences."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

# Controls, changes of direction, halves of surrogate pairs, line and paragraph separators. See UTR 36 and
# CVE-2021-42574 for what the directions do.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SAFE = frozenset("\n\t\u200c\u200d\u00ad")  # joiners, which scripts and emoji need, and soft hyphens


def printable(text: str) -> str:
    r"""The text with everything that a terminal would obey written as an escape.

    Line feeds and tabs stay.

    Args:
        text: Text from outside.

    Example:
        >>> print(printable("gone: \x1b[2J, \u202eback"))
        gone: \x1b[2J, \u202eback
    """
    if text.isprintable():  # most are, and this is quick
        return text
    return "".join(
        character
        if character.isprintable() or character in _SAFE or unicodedata.category(character) not in _UNSAFE
        else _escape(ord(character))
        for character in text
    )


def printable_line(text: str) -> str:
    r"""`printable` for a text that has one line only: line feeds are escaped too.

    Example:
        >>> print(printable_line("done\nERROR: no"))
        done\nERROR: no
    """
    return printable(text).replace("\n", "\\n")


def printable_address(url: str) -> str:
    """An address without its user, password, query and fragment, any of which may be a key.

    Args:
        url: An address; any other text stays as it is.

    Example:
        >>> printable_address("https://me:secret@host.example/v1/?sig=secret")
        'https://host.example/v1/'
    """
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition('://')[0]}://[unreadable]"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def logger_of(name: str) -> logging.LoggerAdapter[logging.Logger]:
    """A logger whose records are safe to print, one line each.

    Args:
        name: The module's `__name__`.
    """
    return _PrintableLogger(logging.getLogger(name), {})


class _PrintableLogger(logging.LoggerAdapter[logging.Logger]):
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message whose arguments may be from outside."""
        if self.isEnabledFor(level):
            safe = (arg if isinstance(arg, (int, float)) else printable_line(str(arg)) for arg in args)
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            super().log(level, msg, *safe, **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Leave both as they are."""
        return msg, kwargs
