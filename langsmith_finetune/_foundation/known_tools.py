"""Keeps lists of tools that many lines offer alike: written once, and copied for whoever looks at them."""

from __future__ import annotations

import marshal
from collections.abc import Hashable
from typing import Any, TypeVar, cast

from langsmith_finetune._foundation.json_text import compact_json

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

LONGEST = 50_000
"""Bytes of a key; with the bound on their number, all that is kept takes a few MB at most."""


class Kept(dict[Key, Value]):
    """The values of the last few keys. The calls of one project offer the same few lists.

    Args:
        most: How many are kept; one more, and it begins anew.
    """

    def __init__(self, most: int = 64) -> None:
        super().__init__()
        self.most = most

    def keep(self, key: Key, value: Value) -> Value:
        """Keep a value."""
        if len(self) >= self.most:
            self.clear()
        self[key] = value
        return value


def exact_key(value: Any) -> bytes | None:
    """What a value of JSON's own types is known by: equal bytes are equal values of equal types, 1 and 1.0 told apart.

    None for a value that is larger than `LONGEST`, or holds objects. A value that stands in many places, or in itself, is
    written once.
    """
    try:
        key = marshal.dumps(value, 4)
    except ValueError:
        return None
    return key if len(key) <= LONGEST else None


class KnownTools:
    """A list of tools in the form of a training line.

    Args:
        tools: The list. It is not kept: nobody's later change reaches the lines that offer it.

    Raises:
        ValueError: It has no form in JSON text.
    """

    __slots__ = ("_copy", "json", "names")

    def __init__(self, tools: list[Any]) -> None:
        self.names = frozenset(tool["function"]["name"] for tool in tools)
        self.json = compact_json(tools).encode()
        self._copy = marshal.dumps(tools, 4)

    def copy(self) -> list[Any]:
        """A list of one's own."""
        return cast("list[Any]", marshal.loads(self._copy))  # noqa: S302 - by us, above
