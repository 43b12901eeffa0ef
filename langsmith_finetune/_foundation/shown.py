"""What there is to show of something that takes a while, and what shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from langsmith_finetune._foundation.html import NOTHING, Html, bar, concat, element
from langsmith_finetune._printable import printable_line

_SECONDS_BETWEEN = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What there is to show of something at one moment.

    Args:
        title: What it is of: a job, a file.
        count: How many there are, beside the title.
        status: Where it stands, in a word or two.
        done: How much is done; None where that is not known.
        total: Of how much.
        facts: Names and values, such as `{"train loss": "0.41"}`.
        drawing: Something to draw below, in a notebook.
        note: A sentence that stays.
        ended: Nothing more happens to it.
    """

    title: str
    count: str = ""
    status: str = ""
    done: float | None = None
    total: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    drawing: Html = NOTHING
    note: str = ""
    ended: bool = False

    @property
    def fraction(self) -> float | None:
        """How much of it is done, from 0 to 1."""
        if self.done is None or not self.total:
            return None
        return min(max(self.done / self.total, 0.0), 1.0)

    def __str__(self) -> str:
        heading = ": ".join(filter(None, (self.title, " ".join(filter(None, (self.count, self.status))))))
        facts = [f"{name} {value}" for name, value in self.facts.items()]
        return printable_line(", ".join(filter(None, (heading, *facts, self.note))))

    def html(self) -> Html:
        """The same as markup."""
        words = [element("span", self.title, f"{_WORDS};font-weight:600")] if self.title else []
        words += [element("span", text, _WORDS) for text in (self.count, self.status) if text]
        for name, value in self.facts.items():
            words.append(element("span", concat([element("span", f"{name} ", "opacity:.75"), value]), _WORDS))
        fraction = self.fraction
        rows = [
            element("div", concat(words)) if words else "",
            bar(fraction) if fraction is not None else "",
            self.drawing,
            element("div", self.note, "margin-top:.3em") if self.note else "",
        ]
        return element("div", concat(rows), "padding:.15em 0")


_WORDS = "display:inline-block;margin-right:1.2em"


class Display:
    """Shows nothing; what inherits from it shows something."""

    draws = False
    """There is room for a drawing."""

    def __init__(self) -> None:
        self._last: tuple[str, float] | None = None

    def show(self, shown: Shown, *, now: bool = False) -> None:
        """Show it, unless the last one was shown just before.

        Args:
            shown: What there is to show.
            now: Show it in any case.
        """
        seconds, last = time.monotonic(), self._last
        if (
            now
            or shown.ended
            or last is None
            or last[0] != shown.status
            or seconds - last[1] > _SECONDS_BETWEEN
        ):
            self._last = (shown.status, seconds)
            self._draw(shown)

    def say(self, text: str) -> None:
        """Say something that stays."""

    def close(self) -> None:
        """Leave what is shown as it is."""

    def _draw(self, shown: Shown) -> None:
        pass
