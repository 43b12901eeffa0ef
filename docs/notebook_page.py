"""Puts the walkthrough into its page: text, code, and what each cell showed when it was run last.

The notebook in git has no outputs. `make walkthrough` leaves a copy with outputs in `notebooks/runs/`; where there is none,
the page shows the code alone, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
NAMES = {"walkthrough", "walkthrough_zh"}
RAN = NOTEBOOKS / "runs" / "walkthrough.ipynb"
PLACE = "<!-- the notebook, as it ran last -->"
NOT_RUN = (
    "Here it stands as it is, for it was not run before this page was built."
)
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx ask for the page."""
    app.connect("source-read", put_notebook)
    app.connect("env-get-outdated", lambda *_: NAMES)  # it may have run since
    return {"parallel_read_safe": True}


def put_notebook(_app: Any, name: str, source: list[str]) -> None:
    """Put the notebook of a page's name where the page has a place for it."""
    if name in NAMES:
        source[0] = source[0].replace(
            PLACE, page_of(NOTEBOOKS / f"{name}.ipynb", RAN)
        )


def page_of(path: Path, ran: Path) -> str:
    """A notebook as a part of a page, one level of headings down.

    Args:
        path: The notebook.
        ran: One with the same code that was run; its text may be in another language.
    """
    cells = _cells(path)
    shown = _cells(ran) if ran.exists() else []
    outputs = [cell.outputs for cell in shown if cell.cell_type == "code"]
    if _code(shown) != _code(cells):
        outputs = [[] for _ in _code(cells)]
        return "\n\n".join([NOT_RUN, *_page(cells, outputs)])
    return "\n\n".join(_page(cells, outputs))


def _cells(path: Path) -> list[Any]:
    return list(nbformat.read(path, as_version=4).cells)


def _code(cells: list[Any]) -> list[str]:
    return [cell.source for cell in cells if cell.cell_type == "code"]


def _page(cells: list[Any], outputs: list[list[Any]]) -> Iterator[str]:
    of_code = iter(outputs)
    for cell in cells:
        if cell.cell_type == "code":
            yield f"```python\n{cell.source}\n```"
            for output in next(of_code):
                yield from _output(output)
        else:
            # Its table of contents links to headings as notebooks name them; the page has one beside it.
            text = re.sub(
                r"^(\d+\.) \[(.*?)\]\(#.*\)$",
                r"\1 \2",
                cell.source,
                flags=re.MULTILINE,
            )
            yield re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)


def _output(output: Any) -> Iterator[str]:
    if output.output_type == "stream":
        data = (
            {"text/plain": output["text"]} if output["name"] == "stdout" else {}
        )  # no progress bars
    else:
        data = output.get("data", {})
    if "image/png" in data:
        yield _raw(
            f'<img alt="plot" src="data:image/png;base64,{data["image/png"].strip()}">'
        )
    elif "text/html" in data:
        yield _raw(data["text/html"])
    elif "text/plain" in data:
        yield _raw(f"<pre>{escape(_COLORS.sub('', data['text/plain']))}</pre>")


def _raw(html: str) -> str:
    fence = ":" * 12  # longer than any inside
    return f"{fence}{{raw}} html\n{html}\n{fence}"
