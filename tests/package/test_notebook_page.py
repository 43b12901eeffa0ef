"""A notebook's page in the documentation: the notebook with what it showed when it ran."""

from __future__ import annotations

import nbformat
import pytest

from tests.support.paths import ROOT


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "docs")
    import notebook_page

    monkeypatch.setattr(notebook_page, "NOTEBOOKS", tmp_path)
    (tmp_path / "runs").mkdir()
    return notebook_page


def write(path, *cells):
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)


def shown(page, place="<!-- agent.ipynb, as it ran last -->"):
    source = [f"before\n\n{place}\n\nafter"]
    page.put_notebook(None, "page", source)
    return source[0]


PRE = '<pre style="font-size: var(--code-font-size)">'
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
    write(page.NOTEBOOKS / "agent.ipynb", TEXT, CODE)
    write(
        page.NOTEBOOKS / "runs" / "agent.ipynb",
        TEXT,
        nbformat.v4.new_code_cell(CODE.source, id="b", outputs=OUTPUTS),
    )
    fence = ":" * 12
    assert shown(page).split("\n\n") == [
        "before",
        "## Title",
        "1. Choose\n2. Check, it",
        "```python\nprint('<b>')\n```",
        f"{fence}{{raw}} html\n{PRE}&lt;b&gt;\n</pre>\n{fence}",
        f"{fence}{{raw}} html\n<div>card</div>\n{fence}",
        f'{fence}{{raw}} html\n<img alt="plot" src="data:image/png;base64,iVBORw0K">\n{fence}',
        "after",
    ]


def test_a_notebook_that_did_not_run_as_it_is_now_is_shown_without_outputs(page):
    write(page.NOTEBOOKS / "agent.ipynb", CODE)
    assert page.NOT_RUN in shown(page)
    write(
        page.NOTEBOOKS / "runs" / "agent.ipynb",
        nbformat.v4.new_code_cell("print('older')", id="b", outputs=OUTPUTS),
    )
    assert page.NOT_RUN in shown(page)
    assert "older" not in shown(page)
    assert "print('<b>')" in shown(page)


def test_a_translation_shows_what_the_same_code_showed(page):
    write(page.NOTEBOOKS / "agent_zh.ipynb", nbformat.v4.new_markdown_cell("标题", id="a"), CODE)
    write(
        page.NOTEBOOKS / "runs" / "agent.ipynb",
        TEXT,
        nbformat.v4.new_code_cell(CODE.source, id="b", outputs=OUTPUTS[:1]),
    )
    part = shown(page, "<!-- agent_zh.ipynb, as agent.ipynb ran last -->")
    assert "标题" in part
    assert f"{PRE}&lt;b&gt;\n</pre>" in part
    assert page.NOT_RUN not in part


def test_pages_without_a_place_are_left_alone(page):
    source = ["as it ran last <!-- agent.ipynb -->"]
    page.put_notebook(None, "tutorial", source)
    assert source == ["as it ran last <!-- agent.ipynb -->"]


def test_the_pages_are_known_by_their_places(page, monkeypatch, tmp_path):
    monkeypatch.setattr(page, "DOCS", tmp_path)
    (tmp_path / "agent_distillation.md").write_text("# Title\n\n<!-- agent.ipynb, as it ran last -->\n")
    (tmp_path / "tutorial.md").write_text("# Title\n")
    assert page.notebooks_of_pages() == {"agent_distillation": "agent.ipynb"}
