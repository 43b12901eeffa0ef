"""Puts a notebook into its page: text, code, and what each cell showed when it was run last.

A page says which, and where: `<!-- agent.ipynb, as it ran last -->`; a translation shows what the original showed:
`<!-- agent_zh.ipynb, as agent.ipynb ran last -->`. A notebook in git has no outputs. `notebooks/run.py` leaves a copy with
outputs in `notebooks/runs/`; where there is none, the page shows the code alone, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat

DOCS = Path(__file__).parent
NOTEBOOKS = DOCS.parent / "notebooks"
PLACE = re.compile(
    r"^<!-- (\w+\.ipynb), as (it|\w+\.ipynb) ran last -->$", re.MULTILINE
)
NOT_RUN = (
    "Here it stands as it is, for it was not run before this page was built."
)
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx ask for the pages."""
    app.connect("source-read", put_notebook)
    # Their notebooks may have run since.
    app.connect("env-get-outdated", lambda *_: set(notebooks_of_pages()))
    return {"parallel_read_safe": True}


def notebooks_of_pages() -> dict[str, str]:
    """The notebook that each page shows, by the page's name."""
    pages = {page.stem: page.read_text("utf-8") for page in DOCS.glob("*.md")}
    found = {name: PLACE.search(text) for name, text in pages.items()}
    return {name: place[1] for name, place in found.items() if place}


def put_notebook(_app: Any, _name: str, source: list[str]) -> None:
    """Put a notebook where a page has a place for it."""
    source[0] = PLACE.sub(_notebook, source[0])


def _notebook(place: re.Match[str]) -> str:
    ran = place[1] if place[2] == "it" else place[2]
    return page_of(NOTEBOOKS / place[1], NOTEBOOKS / "runs" / ran)


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
        # As small as code, so that 80 columns are shown.
        text = escape(_COLORS.sub("", data["text/plain"]))
        yield _raw(
            f'<pre style="font-size: var(--code-font-size)">{text}</pre>'
        )


def _raw(html: str) -> str:
    fence = ":" * 12  # longer than any inside
    return f"{fence}{{raw}} html\n{html}\n{fence}"
