"""The differences and their intervals as a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from langsmith_finetune._foundation.plot import Plot, new_figure
from langsmith_finetune._printable import printable_line

if TYPE_CHECKING:
    from langsmith_finetune.evaluation.comparison import Comparison


def plot_of(comparisons: Sequence[Comparison]) -> Plot:
    """A line with its interval for each comparison in points, the first at the top.

    Args:
        comparisons: What is shown; figures without points are left out.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There is nothing to show.
    """
    shown = [one for one in comparisons if one.unit == "share"][::-1]
    if not shown:
        raise ValueError("there are no two models to show the differences of")
    figure = new_figure(7, 1 + 0.35 * len(shown))
    axes = figure.add_subplot()
    for place, one in enumerate(shown):
        low, high = (
            100 * (end if math.isfinite(end) else math.copysign(1, end)) for end in (one.low, one.high)
        )
        color = "tab:gray" if one.better is None else "tab:green" if one.better == one.after else "tab:red"
        axes.plot([low, high], [place, place], color=color, linewidth=2)
        axes.plot(100 * one.difference, place, "o", color=color)
    several = len({one.after for one in shown}) > 1
    labels = [f"{one.metric}, {one.after}" if several else one.metric for one in shown]
    axes.set_yticks(range(len(shown)), [_literal(label) for label in labels])
    axes.axvline(0, color="black", linewidth=0.8)
    ahead = "the others" if several else shown[0].after
    axes.set_xlabel(_literal(f"points by which {ahead} does better than {shown[0].before}"))
    return Plot(figure)


def _literal(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return printable_line(text).replace("$", r"\$")
