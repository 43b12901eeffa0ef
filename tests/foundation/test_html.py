"""Cards, tables and drawings: escaped, and without a fixed width."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from langsmith_finetune._foundation.curve import curve
from langsmith_finetune._foundation.html import (
    NOTHING,
    Html,
    bar,
    card,
    concat,
    element,
    escaped,
    facts,
    link,
    table,
)

EVIL = "<script>alert(1)</script>\x1b[2J\u202e&'\""


@pytest.mark.parametrize(
    "page",
    [
        escaped(EVIL),
        element("div", EVIL),
        concat([EVIL, Html("<b>safe</b>")]),
        link("https://host.example/?a='><script>", EVIL),
        link(EVIL, EVIL),
        table([(EVIL, EVIL)], head=(EVIL, EVIL)),
        facts({EVIL: EVIL}),
        card(EVIL, EVIL),
        curve({EVIL: [(1, 2.0), (2, 1.0)]}),
    ],
    ids=["text", "element", "concat", "link", "no link", "table", "facts", "card", "curve"],
)
def test_text_from_outside_is_never_markup_nor_obeyed(page):
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert not BeautifulSoup(page, "html.parser").find_all("script")


def test_markup_stays_as_it_is_and_is_escaped_once():
    assert escaped(element("b", "1 < 2")) == "<b>1 &lt; 2</b>"
    assert card("", element("b", "x"), "") == card("", Html("<b>x</b>"))


def test_link_to_anything_but_the_web_is_text():
    assert link("javascript:alert(1)", "rule") == "rule"
    assert (
        BeautifulSoup(link("https://host.example/a", "rule"), "html.parser").a["href"]
        == "https://host.example/a"
    )


def test_facts_that_say_nothing_are_left_out():
    page = facts({"a": None, "b": "", "c": 0, "d": "x"})
    assert [row.th.text for row in BeautifulSoup(page, "html.parser").find_all("tr")] == ["c", "d"]


@pytest.mark.parametrize(("fraction", "width"), [(-1, "0.0%"), (0.25, "25.0%"), (7, "100.0%")])
def test_bar_is_never_wider_than_its_frame(fraction, width):
    assert f"width:{width}" in bar(fraction)


def test_no_width_is_fixed_and_colors_are_the_page_s():
    page = card("title", table([("a", "b")]), bar(0.5), curve({"loss": [(1, 2.0), (2, 1.0)]}))
    assert "overflow-x:auto" in page
    assert not re.findall(r"(?<!max-)(?<!stroke-)width:\d+px", page)
    assert not re.findall(r"(?:color|background):(?:#|white|black)", page)


def test_curve_is_drawn_from_the_first_point_to_the_last():
    points = [(step, 1 / step) for step in range(1, 10_001)]
    page = curve({"train loss": points, "valid loss": [(1, 1.0), (10_000, 0.5)], "single": [(1, 1.0)]})
    lines = BeautifulSoup(page, "html.parser").find_all("polyline")
    assert len(lines) == 2
    train = lines[0]["points"].split()
    assert len(train) <= 240
    assert (train[0], train[-1]) == ("2.0,2.0", "478.0,94.0")
    assert "train loss: 1 at step 1, 0.0001 at step 10000" in page
    assert "valid loss (dashed): 1 at step 1, 0.5 at step 10000" in page


def test_curve_of_equal_losses_lies_in_the_middle():
    page = curve({"loss": [(1, 2.0), (2, 2.0)]})
    assert BeautifulSoup(page, "html.parser").polyline["points"] == "2.0,48.0 478.0,48.0"
    assert curve({}) == NOTHING
