"""What holds for every notebook of the project: it is in git without outputs, and has a page that shows it."""

from __future__ import annotations

import pytest

from tests.support.paths import NOTEBOOKS, ROOT
from tests.support.run_notebook import cells

EVERY = sorted(NOTEBOOKS.glob("*.ipynb"))
TRANSLATIONS = [path for path in EVERY if path.stem.endswith("_zh")]


def name(path):
    return path.name


@pytest.mark.parametrize("path", EVERY, ids=name)
def test_it_is_committed_without_outputs(path):
    for cell in cells(path, "code"):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_each_has_a_page_that_shows_it(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    from notebook_page import notebooks_of_pages

    assert sorted(notebooks_of_pages().values()) == [path.name for path in EVERY]


@pytest.mark.parametrize("path", TRANSLATIONS, ids=name)
def test_a_translation_has_the_same_code_and_a_text_for_each(path):
    original = path.with_name(path.name.replace("_zh", ""))
    assert [cell.source for cell in cells(path, "code")] == [cell.source for cell in cells(original, "code")]
    assert len(cells(path, "markdown")) == len(cells(original, "markdown"))
