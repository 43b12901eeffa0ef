"""Lists that show themselves."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from bs4 import BeautifulSoup

from langsmith_finetune._foundation.tables import Rows, facts_text, some


def numbers(count: int) -> Rows[int]:
    columns = {"n": lambda n: n, "none": lambda _: None, "square": lambda n: n * n}
    return Rows(range(count), columns=columns, nothing="no numbers")


def test_it_is_a_list_in_every_other_way():
    rows = numbers(3)
    assert rows == [0, 1, 2]
    assert list(reversed(rows)) == [2, 1, 0]
    assert json.dumps(rows) == "[0, 1, 2]"
    assert rows[-1] == 2
    assert type(pickle.loads(pickle.dumps(rows))) is list
    assert copy.deepcopy(rows) == rows


def test_a_part_of_it_shows_itself_too():
    assert repr(numbers(5)[-2:]) == "n  square\n3  9\n4  16"


def test_a_column_in_which_nothing_stands_is_not_shown():
    assert repr(numbers(2)) == "n  square\n0  0\n1  1"
    head = [cell.text for cell in BeautifulSoup(numbers(2)._repr_html_(), "html.parser").find_all("th")]
    assert head == ["n", "square"]


def test_of_many_the_first_and_the_last_are_shown_and_the_others_counted():
    lines = repr(numbers(1000)).splitlines()
    assert len(lines) == 22
    assert (lines[10], lines[11], lines[12]) == ("9    81", "... 980 more ...", "990  980100")
    assert len(repr(numbers(20)).splitlines()) == 21
    assert "... 980 more ..." in numbers(1000)._repr_html_()


def test_where_there_is_none_it_says_so():
    assert repr(numbers(0)) == "(no numbers)"
    assert "no numbers" in numbers(0)._repr_html_()


def test_a_cell_from_outside_keeps_its_row():
    rows = Rows(["a\nb\x1b[2J<b>" + "x" * 100], columns={"text": str}, nothing="none")
    assert repr(rows).splitlines()[1].startswith("a\\nb\\x1b[2J<b>xxx")
    assert repr(rows).endswith("…")
    assert "<b>" not in rows._repr_html_()


def test_it_is_a_table_of_pandas():
    pytest.importorskip("pandas")
    frame = numbers(3).to_pandas()
    assert list(frame.columns) == ["n", "none", "square"]
    assert list(frame["square"]) == [0, 1, 4]
    assert numbers(0).to_pandas().empty


def test_ipython_shows_it_as_python_does():
    pretty = pytest.importorskip("IPython.lib.pretty")
    assert pretty.pretty(numbers(2)) == repr(numbers(2))


def test_facts_are_a_line_each():
    assert facts_text("job", {"a": 1, "b": None, "c": "x\ny"}) == "job\n  a: 1\n  c: x\\ny"


def test_numbers_are_told_up_to_a_limit():
    assert some(range(1, 4)) == "1, 2, 3"
    assert some([1, 2, 3000], most=1) == "1 and 2 more"
