"""The names of the projects that this process has looked up: a run itself holds its project's id alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

_names: dict[str, str] = {}


def note_project(project_id: str, name: Any) -> None:
    """Remember the name of a project, as LangSmith told it."""
    if isinstance(name, str) and name:
        _names[project_id.lower()] = name


def labels_of_projects(project_ids: Collection[str]) -> dict[str, str]:
    """What to call projects: by their names where these are known, with the id beside a name that several have.

    Example:
        >>> note_project("0b1c", "support-bot")
        >>> labels_of_projects(["0b1c", "77aa"])
        {'0b1c': 'support-bot', '77aa': '77aa'}
    """
    names = {project_id: _names.get(str(project_id).lower(), str(project_id)) for project_id in project_ids}
    times = Counter(names.values())
    return {
        project_id: name if times[name] == 1 else f"{name} ({project_id})"
        for project_id, name in names.items()
    }
