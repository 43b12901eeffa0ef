"""The walkthrough's page in the documentation: the notebook with what it showed when it ran."""

from __future__ import annotations

import nbformat
import pytest

from tests.support.paths import ROOT


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "docs")
    import notebook_page

    monkeypatch.setattr(notebook_page, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebook_page, "RAN", tmp_path / "ran.ipynb")
    return notebook_page


def write(path, *cells):
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)


def shown(page):
    source = [f"before\n\n{page.PLACE}\n\nafter"]
    page.put_notebook(None, "walkthrough", source)
    return source[0]


TEXT = nbformat.v4.new_markdown_cell(
    "# Title\n\n1. [Choose](#1.-Choose)\n2. [Check, it](#2.-Check,-it)", id="a"
)
CODE = nbformat.v4.new_code_cell("print('<b>')", id="b")
OUTPUTS = [
    nbformat.v4.new_output("stream", text="\x1b[1m<b>\x1b[0m\n"),
    nbformat.v4.new_output("stream", name="stderr", text="50 %"),
    nbformat.v4.new_output("display_data", {"text/html": "<div>card</div>", "text/plain": "card"}),
    nbformat.v4.new_output("display_data", {"image/png": "iVBORw0K\n", "text/plain": "plot"}),
]


def test_outputs_stand_below_their_cell_and_texts_are_escaped(page):
    write(page.NOTEBOOKS / "walkthrough.ipynb", TEXT, CODE)
    write(page.RAN, TEXT, nbformat.v4.new_code_cell(CODE.source, id="b", outputs=OUTPUTS))
    fence = ":" * 12
    assert shown(page).split("\n\n") == [
        "before",
        "## Title",
        "1. Choose\n2. Check, it",
        "```python\nprint('<b>')\n```",
        f"{fence}{{raw}} html\n<pre>&lt;b&gt;\n</pre>\n{fence}",
        f"{fence}{{raw}} html\n<div>card</div>\n{fence}",
        f'{fence}{{raw}} html\n<img alt="plot" src="data:image/png;base64,iVBORw0K">\n{fence}',
        "after",
    ]


def test_a_notebook_that_did_not_run_as_it_is_now_is_shown_without_outputs(page):
    write(page.NOTEBOOKS / "walkthrough.ipynb", CODE)
    assert page.NOT_RUN in shown(page)
    write(page.RAN, nbformat.v4.new_code_cell("print('older')", id="b", outputs=OUTPUTS))
    assert page.NOT_RUN in shown(page)
    assert "older" not in shown(page)
    assert "print('<b>')" in shown(page)


def test_a_translation_shows_what_the_same_code_showed(page):
    write(page.NOTEBOOKS / "walkthrough.ipynb", nbformat.v4.new_markdown_cell("标题", id="a"), CODE)
    write(page.RAN, TEXT, nbformat.v4.new_code_cell(CODE.source, id="b", outputs=OUTPUTS[:1]))
    assert "标题" in shown(page)
    assert "<pre>&lt;b&gt;\n</pre>" in shown(page)
    assert page.NOT_RUN not in shown(page)


def test_other_pages_are_left_alone(page):
    source = [page.PLACE]
    page.put_notebook(None, "tutorial", source)
    assert source == [page.PLACE]
