"""Values that show their fields as a card in a notebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from langsmith_finetune._foundation.html import Html, card, facts
from langsmith_finetune._foundation.tables import facts_text


class ShowsFields:
    """Shows a dataclass as the table of its fields: those that say something, under names in words."""

    __slots__ = ()

    def _facts(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {name.replace("_", " "): in_words(value) for name, value in values.items()}

    def _heading(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        return facts_text(self._heading(), self._facts())

    def _repr_html_(self) -> Html:
        return card(self._heading(), facts(self._facts()))


def in_words(value: Any) -> Any:
    """A value in words: numbers with separators, times without fractions, several in a row."""
    match value:
        case bool():
            said: Any = "yes" if value else None
        case int():
            said = f"{value:,}"
        case float():
            said = f"{value:,.6g}"
        case datetime():
            said = f"{value:%Y-%m-%d %H:%M:%S} {value.tzname() or ''}".rstrip()
        case Mapping():
            said = ", ".join(f"{key} {in_words(inner)}" for key, inner in value.items())
        case tuple() | list():
            said = ", ".join(str(in_words(inner)) for inner in value)
        case _:
            said = value
    return said
