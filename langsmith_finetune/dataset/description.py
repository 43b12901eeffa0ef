"""What a description of a dataset found, as text, as a table, as a plot and in a notebook."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.html import card, paragraphs, table
from langsmith_finetune._foundation.plot import Plot, new_figure
from langsmith_finetune._foundation.tables import data_frame
from langsmith_finetune._printable import printable_line
from langsmith_finetune.dataset.distribution import Distribution

if TYPE_CHECKING:
    import pandas as pd


@dataclass(slots=True, kw_only=True)
class Description:
    """What `describe_examples` and `describe_runs` found; shows itself in a notebook and as text.

    Args:
        what: `"examples"` or `"runs"`.
        count: How many there are.
        counts: How often each name occurs, by what is counted: `counts["roles"]["user"]`.
        spreads: How numbers are spread, by what is measured: `spreads["turns"]`.
        notes: What to know when reading it.
        out_of: By what is counted, of how many it is counted, where one of them can have several names.
    """

    what: str
    count: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    spreads: dict[str, Distribution] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    out_of: dict[str, int] = field(default_factory=dict)

    def tally(self, kind: str, name: str, times: int = 1) -> None:
        """Count a name."""
        names = self.counts.setdefault(kind, Counter())
        names[name if name in names or len(names) < _MOST_NAMES else _OTHERS] += times

    def measure(self, kind: str, value: int) -> None:
        """Take in a number."""
        self.spreads.setdefault(kind, Distribution()).add(value)

    def fraction(self, kind: str, name: str) -> float:
        """How much of all of its kind a name is, from 0 to 1.

        Where one run can have several, as in `tool use` and `feedback`, it is of the runs.
        """
        names = self.counts[kind]
        return names[name] / (self.out_of.get(kind) or names.total() or 1)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; names by how often they occur."""
        return {
            "what": self.what,
            "count": self.count,
            "counts": {kind: dict(names.most_common()) for kind, names in self.counts.items()},
            "spreads": {kind: spread.to_dict() for kind, spread in self.spreads.items()},
            "notes": list(self.notes),
        }

    def to_pandas(self) -> pd.DataFrame:
        """A table with one row per name: `kind`, `name`, `count`, and its `fraction` of all of that kind.

        Raises:
            ImportError: pandas is not installed.
        """
        rows = [
            (kind, name, times, self.fraction(kind, name))
            for kind, names in self.counts.items()
            for name, times in names.most_common()
        ]
        return data_frame(rows, ["kind", "name", "count", "fraction"])

    def plot(self) -> Plot:
        """A plot with a panel for each thing that is counted or measured; shows itself in a notebook.

        Raises:
            ImportError: matplotlib is not installed.
        """
        panels = len(self.spreads) + len(self.counts)
        figure = new_figure(10, 2.6 * max(1, -(-panels // 2)))
        axes = iter(figure.subplots(max(1, -(-panels // 2)), 2, squeeze=False).flat)
        for kind, spread in self.spreads.items():
            ax = next(axes)
            starts = sorted(spread.bins)
            ax.fill_between(starts, [spread.bins[start] for start in starts], step="post")
            ax.set(title=kind, ylabel=self.what)
        for kind, names in self.counts.items():
            ax = next(axes)
            shown = list(reversed(names.most_common(10)))
            # Names are the runs': a dollar sign in one is no formula.
            ax.barh([name.replace("$", r"\$")[:40] for name, _ in shown], [times for _, times in shown])
            ax.set(title=kind)
        for ax in axes:
            ax.set_axis_off()
        return Plot(figure)

    def __str__(self) -> str:
        lines = [self._heading()]
        for kind, spread in self.spreads.items():
            lines.append(f"{kind}: {spread!s}")
        for kind, names in self.counts.items():
            shown = [f"{name} {times:,}" for name, times in names.most_common(8)]
            more = [f"and {len(names) - 8} more"] if len(names) > 8 else []
            lines.append(f"{kind}: {', '.join(shown + more)}")
        return "\n".join(map(printable_line, lines + self.notes))

    __repr__ = __str__

    def _heading(self) -> str:
        return f"{self.count:,} {self.what.removesuffix('s') if self.count == 1 else self.what}"

    def _repr_html_(self) -> str:
        rows = [(kind, str(spread)) for kind, spread in self.spreads.items()]
        for kind, names in self.counts.items():
            shown = [
                f"{name} {times:,} ({self.fraction(kind, name):.0%})" for name, times in names.most_common(8)
            ]
            more = [f"and {len(names) - 8:,} more"] if len(names) > 8 else []
            rows.append((kind, ", ".join(shown + more)))
        return card(self._heading(), table(rows), paragraphs(self.notes))


_MOST_NAMES = 1000


_OTHERS = "(others)"
