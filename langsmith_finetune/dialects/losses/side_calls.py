"""Notes the calls that answer nobody: titles, summaries, choosing tools."""

from __future__ import annotations

from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.runs.roles import SIDE_CALLS, Role


def note_side_call(role: Role, notes: Notes) -> None:
    """Note a call that is no part of the conversation it stands beside."""
    if role.agent_type in SIDE_CALLS:
        notes.add(SIDE_CALLS[role.agent_type], f"agent_type {role.agent_type}, by the run's metadata or name")
