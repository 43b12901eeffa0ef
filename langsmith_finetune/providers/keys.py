"""The key that a provider is called with: from the caller or the environment, and of a form that can be sent."""

from __future__ import annotations

import os
import re


def key_of(provider: str, variable: str, given: str | None, *, argument: str = "api_key") -> str:
    """The key that was given, or that the environment holds; looked up when a provider is made.

    Args:
        provider: The provider's name.
        variable: The environment variable. No other is read: a host is never shown the key of another.
        given: What the caller gave.
        argument: Under which name.

    Raises:
        ValueError: There is none, or it cannot be sent in a header.

    Example:
        >>> key_of("together", "NO_SUCH_VARIABLE", None)
        Traceback (most recent call last):
        ValueError: together: no API key. Pass api_key= or set NO_SUCH_VARIABLE
    """
    key = given or os.environ.get(variable)
    if not key:
        raise ValueError(f"{provider}: no API key. Pass {argument}= or set {variable}")
    return sendable_key(provider, key)


def sendable_key(provider: str, key: str, kind: str = "API key") -> str:
    """The key, which must be of a form that can be sent in a header. It is not shown.

    Args:
        provider: The provider's name.
        key: The key.
        kind: What error texts call it.

    Raises:
        ValueError: It is not.
    """
    if not re.fullmatch(r"[!-~]+", key):
        raise ValueError(
            f"{provider}: the {kind} is empty, or holds a space, a line break or a character outside ASCII; "
            "copy it again"
        )
    return key
