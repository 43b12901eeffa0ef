"""Keeps runs by the role of their call: agent, node, type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from langsmith_finetune.runs.fields import role_of
from langsmith_finetune.runs.roles import AGENT_TYPES, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which agents, nodes and types are wanted; of each, an empty one is no condition."""

    agents: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    agent_types: tuple[str, ...] = ()

    def take(self, run: Any) -> bool:
        """True if a run's call plays such a part. One that nothing is said of is the application's own."""
        role: Role = role_of(run)
        return (
            (not self.agents or role.agent in self.agents)
            and (not self.nodes or role.node in self.nodes)
            and (not self.agent_types or (role.agent_type or "root") in self.agent_types)
        )


def roles_of(
    agents: str | Iterable[str] | None,
    nodes: str | Iterable[str] | None,
    agent_types: str | Iterable[str] | None,
) -> Roles | None:
    """The wish, or None where there is none.

    Raises:
        ValueError: One of them is empty, or there is no such type.
    """
    types = several("agent_types", agent_types)
    for name in types:
        if name not in AGENT_TYPES:
            raise ValueError(f"agent_types may be {', '.join(AGENT_TYPES)}, not {name!r}")
    wanted = Roles(agents=several("agents", agents), nodes=several("nodes", nodes), agent_types=types)
    return wanted if wanted != Roles() else None


def several(what: str, given: str | Iterable[str] | None) -> tuple[str, ...]:
    """One name, several, or none.

    Raises:
        TypeError: It is neither text nor an iterable of texts.
        ValueError: There is a list, but nothing in it.
    """
    if given is None:
        return ()
    if isinstance(given, (bytes, Mapping)) or not isinstance(given, Iterable):
        raise TypeError(f"{what} must be text, or an iterable of texts, not {type(given).__name__}")
    values = (given,) if isinstance(given, str) else tuple(given)
    if others := [value for value in values if not isinstance(value, str)]:
        raise TypeError(f"{what} must hold texts, not {type(others[0]).__name__}")
    if not values:
        raise ValueError(f"{what} is empty: leave it out where it is no condition")
    if not all(value.strip() for value in values):
        raise ValueError(f"{what} holds an empty text, which no run has: leave it out")
    return values
