"""A provider's API key, from the caller or the environment."""

from __future__ import annotations

import os
import re

from langsmith_finetune._foundation.masking import remember_key


class ApiKey:
    """A provider's key. One that is there is checked at once; that there is none is said where it is first needed.

    So a provider can be made, and a job planned, without a key.

    Args:
        provider: The provider's name.
        variable: The environment variable. No other is read: a host is never shown the key of another.
        given: What the caller gave.
        argument: Under which name.

    Raises:
        ValueError: It cannot be sent in a header.

    Example:
        >>> key = ApiKey("together", "NO_SUCH_VARIABLE")
        >>> key()
        Traceback (most recent call last):
        ValueError: together: no API key. Pass api_key= or set NO_SUCH_VARIABLE
    """

    def __init__(
        self, provider: str, variable: str, given: str | None = None, *, argument: str = "api_key"
    ) -> None:
        self._provider, self._variable, self._argument = provider, variable, argument
        self._key = given or None
        self.found()

    def found(self) -> str | None:
        """The key, or None where there is none yet."""
        key = self._key or os.environ.get(self._variable)
        if key:
            self._key = sendable_key(self._provider, key)
            remember_key(self._key)
        return self._key

    def __call__(self) -> str:
        """The key.

        Raises:
            ValueError: There is none; says how to give it.
        """
        if key := self.found():
            return key
        raise ValueError(f"{self._provider}: no API key. Pass {self._argument}= or set {self._variable}")


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
