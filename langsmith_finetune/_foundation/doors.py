"""The door of a room: the names that its `__init__` offers, each looked up on first use (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def door(
    room: str, homes: Mapping[str, Sequence[str]], *, rooms: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A module's `__getattr__` and `__dir__`.

    Nothing is imported before a name is used, so that a room costs only what is used of it.

    Args:
        room: The module's own name.
        homes: By module, the names that are defined there.
        rooms: Modules that `dir()` shows as well.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def look_up(name: str) -> Any:
        if name in home_of:
            found = getattr(importlib.import_module(home_of[name]), name)
            setattr(sys.modules[room], name, found)
            return found
        if name in rooms:
            return importlib.import_module(f"{room}.{name}")
        raise AttributeError(f"module {room!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({*home_of, *rooms})

    return look_up, names
