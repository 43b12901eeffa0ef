"""Progress: a card in a notebook, a line in a terminal, a few lines in a log."""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import redirect_stderr

import pytest

from langsmith_finetune._foundation import terminal as terminal_module
from langsmith_finetune._foundation.display import new_display, place, progress_shown
from langsmith_finetune._foundation.shown import Shown
from langsmith_finetune._foundation.watched import Step, watched
from langsmith_finetune._printable import logger_of
from tests.support.notebook import Cell, show_at_once
from tests.support.terminal import terminal

EVIL = "<script>\x1b[2J{0}"


@pytest.fixture
def cell(monkeypatch):
    return Cell(monkeypatch)


@pytest.fixture
def at_once(monkeypatch):
    show_at_once(monkeypatch)


# --- where -------------------------------------------------------------------------------------------------


def test_place_is_what_the_program_runs_in(monkeypatch):
    with terminal():
        assert place() == "terminal"
    with redirect_stderr(io.StringIO()):
        assert place() == "log"
    with redirect_stderr(None):
        assert place() == "log"  # as under pythonw, which has no stderr
    Cell(monkeypatch)
    assert place() == "notebook"


def test_process_of_a_pool_draws_nothing_into_the_terminal_of_all(monkeypatch):
    monkeypatch.setattr("multiprocessing.process.parent_process", lambda: "the one that has begun it")
    with terminal():
        assert place() == "log"
    Cell(monkeypatch)
    assert place() == "log"


@pytest.mark.parametrize(("value", "is_off"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_tqdm_s_own_switch_switches_all_off(monkeypatch, value, is_off):
    monkeypatch.setenv("TQDM_DISABLE", value)
    with terminal():
        assert (place() is None) == is_off


def test_progress_of_a_function_holds_for_what_it_calls():
    with terminal(), progress_shown(False):
        with progress_shown(True):
            assert place() is None
        assert new_display().draws is False


# --- a log and a terminal ----------------------------------------------------------------------------------


def test_log_has_a_line_for_each_status():
    with redirect_stderr(io.StringIO()) as log:
        shown = new_display()
        for status, count in (("a", "1"), ("a", "2"), ("b", "3")):
            shown.show(Shown(title="job", status=status, count=count), now=True)
        shown.close()
    assert log.getvalue().splitlines() == ["job: 1 a", "job: 3 b"]


def test_terminal_has_a_bar_where_the_end_is_known_and_obeys_nothing():
    with terminal() as shown:
        line = new_display()
        line.show(Shown(title=EVIL, done=1, total=2, facts={"left": "3 s"}))
        line.close()
    assert shown.last == "|######      | <script>\\x1b[2J{0}, left 3 s"


def test_line_that_is_too_long_for_the_terminal_is_cut(monkeypatch):
    monkeypatch.setattr(terminal_module, "_columns", lambda: 40)
    with terminal() as shown:
        line = new_display()
        line.show(Shown(title="x" * 50, done=1, total=2))
        line.show(Shown(title="y" * 50), now=True)
        line.close()
    assert f"|######      | {'x' * 23}…" in shown.getvalue()
    assert shown.last == f"{'y' * 38}…"


# --- a notebook --------------------------------------------------------------------------------------------


def test_cell_has_one_card_that_changes(cell, capfd):
    first, second = new_display(), new_display()
    first.show(Shown(title="one", done=1, total=4))
    second.show(Shown(title="two", status="running", facts={"loss": "0.5"}))
    first.show(Shown(title="one", count="7", ended=True))
    assert cell.text == "one: 7\ntwo: running, loss 0.5"
    assert cell.updates == 2
    assert capfd.readouterr() == ("", "")
    cell.next()
    new_display().show(Shown(title="three"))
    assert [output["text/plain"] for output in cell.outputs] == ["one: 7\ntwo: running, loss 0.5", "three"]


def test_a_loop_shows_its_last_round(cell):
    for count in range(3):
        new_display().show(Shown(title="lines", count=str(count), ended=True))
    assert cell.text == "lines: 2"


def test_card_shows_at_most_two_times_a_second(cell):
    line = new_display()
    for count in range(100):
        line.show(Shown(title="lines", count=str(count)))
    assert cell.updates <= 1
    line.show(Shown(title="lines", count="100", ended=True))
    assert cell.text == "lines: 100"


def test_what_comes_from_outside_is_not_markup(cell):
    line = new_display()
    line.show(Shown(title=EVIL, status=EVIL, count=EVIL, facts={EVIL: EVIL}, note=EVIL))
    line.say(EVIL)
    assert "<script>" not in cell.page
    assert "\x1b" not in cell.page + cell.text


def test_a_display_that_fails_ends_nothing(cell, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no front end")

    monkeypatch.setattr("IPython.display.display", fail)
    new_display().show(Shown(title="one"))


def test_warnings_of_the_library_are_in_the_card_and_not_in_red(cell, capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # but for those of pytest
    place()
    place()
    logger_of("langsmith_finetune.x").warning("7 runs could not be used: %s", EVIL)
    logger_of("langsmith_finetune.x").info("nothing to see")
    assert cell.text == "warning: 7 runs could not be used: <script>\\x1b[2J{0}"
    assert "<script>" not in cell.page
    assert capfd.readouterr() == ("", "")


def test_warnings_of_a_pool_s_process_go_to_stderr(cell, monkeypatch):
    place()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr("multiprocessing.process.parent_process", lambda: "the kernel")
    with redirect_stderr(io.StringIO()) as log:
        logger_of("langsmith_finetune.x").warning("7 runs could not be used")
    assert log.getvalue() == "7 runs could not be used\n"
    assert cell.outputs == []


def test_a_program_s_own_logging_is_left_alone(cell, monkeypatch):
    place()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    logger_of("langsmith_finetune.x").warning("told elsewhere")
    assert cell.outputs == []


def test_tqdm_of_other_packages_loads_without_a_warning(cell):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        place()
        import tqdm.auto  # noqa: F401


# --- steps -------------------------------------------------------------------------------------------------


def test_a_pipeline_is_in_one_card_the_first_step_on_top(cell, at_once):
    with Step("lines written") as writing:
        with Step("runs read", total=2) as reading:
            reading.add()
            assert cell.text == "runs read: 1 of 2 …\nlines written: 0 …"
        writing.add()
    assert cell.text == "runs read: 1\nlines written: 1"


def test_a_pipeline_has_its_order_whichever_step_is_shown_first(cell):
    with Step("lines written") as writing, Step("runs read") as reading:
        reading._begin()
        writing._begin()
    assert cell.text == "runs read: 0\nlines written: 0"


def test_what_is_done_at_once_is_not_shown(cell):
    assert list(watched("runs", [1, 2, 3])) == [1, 2, 3]
    assert cell.outputs == []


def test_zero_is_shown(cell, at_once):
    with Step("runs read"):
        pass
    assert cell.text == "runs read: 0"


def test_one_thing_that_takes_its_time_has_no_number(cell, at_once):
    with Step("loading the model m", counts=False):
        assert cell.text == "loading the model m: …"
    assert cell.text == "loading the model m: done"


def test_a_loop_that_is_left_ends_its_step(cell, at_once):
    for _ in watched("runs", iter(range(9))):
        break
    assert cell.text == "runs: 1 stopped"


def test_a_loop_that_raises_ends_its_step(cell, at_once):
    def go():
        for _ in watched("runs", iter(range(9))):
            raise KeyError

    with pytest.raises(KeyError) as caught:
        go()
    assert caught.tb is not None  # which keeps the function's variables alive
    assert cell.text == "runs: 1 stopped"


def test_a_terminal_shows_what_goes_through_everything_by_itself(at_once):
    with terminal() as shown:
        assert list(watched("lines written", [1, 2], goes_through=True)) == [1, 2]
        things = [1]
        assert watched("runs read", things) is things  # a loop of the user's may print
    assert "|######      | lines written: 1 of 2 …" in shown.getvalue()
    assert shown.last == "lines written: 2"


def test_a_log_shows_no_step_and_nothing_is_put_between():
    things = [1]
    with redirect_stderr(io.StringIO()) as log:
        assert watched("runs", things, goes_through=True) is things
        with Step("runs", goes_through=True) as step:
            step.add()
    assert log.getvalue() == ""
    assert step.count == 1
