"""A plot that shows itself in a notebook and saves itself in a script."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.extras import missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHARP = 144
"""Dots an inch of a picture, twice what it is shown at, for sharp screens."""


class Plot:
    """A plot: the last line of a notebook's cell shows it, and `save` writes it.

    Args:
        figure: The matplotlib figure, to be changed at will. pyplot does not know it, so that none stays in memory.

    Example:
        >>> plot = job.plot()  # doctest: +SKIP
        >>> plot.figure.axes[0].set_yscale("log")  # doctest: +SKIP
        >>> plot.save("losses.svg")  # doctest: +SKIP
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def save(self, path: str | Path, **settings: Any) -> Path:
        """Write the plot into a file, whose ending says in which form: `.png`, `.svg`, `.pdf`.

        Args:
            path: Where to write; an existing file is replaced.
            **settings: As for matplotlib's `Figure.savefig`, such as `dpi=300`.

        Returns:
            The path.

        Raises:
            ValueError: There is no form of that ending.
        """
        path = Path(path)
        self.figure.savefig(path, **settings)
        return path

    def __repr__(self) -> str:
        titles = [title for axes in self.figure.axes if (title := axes.get_title())]
        return f"<Plot of {', '.join(titles) or 'nothing'}; plot.save(path) writes it, plot.figure is matplotlib's>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = self.figure.get_size_inches() * _SHARP / 2
        return self._drawn("png", dpi=_SHARP), {"width": round(width), "height": round(height)}

    def _repr_svg_(self) -> str:
        return self._drawn("svg").decode("utf-8")

    def _drawn(self, form: str, **settings: Any) -> bytes:
        out = io.BytesIO()
        self.figure.savefig(out, format=form, **settings)
        return out.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size, in inches.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - without pyplot, which would keep every figure
    except ImportError as error:
        raise missing("a plot", "matplotlib", "notebook") from error
    return Figure(figsize=(width, height), layout="constrained")
