import json
from datetime import UTC, datetime

import pytest

from langsmith_finetune._foundation.json_values import (
    count_from,
    id_from,
    json_object,
    json_value,
    number_from,
    numbers_from,
    objects_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune.providers.values import Checkpoint, JobEvent, JobInfo

ODD = (None, True, 7, -1, 1e400, float("nan"), 10**400, "", "x", [], ["x"], {}, {"a": 1}, b"x", object())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00+00:00"),
        ("2026-11-23T08:00:00.123456789Z", "2026-11-23T08:00:00.123456+00:00"),
        ("2026-11-23T08:00:00", "2026-11-23T08:00:00+00:00"),
        ("2026-11-23T08:00:00+05:30", "2026-11-23T02:30:00+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
        (1_790_000_000.5, "2026-09-21T14:13:20.500000+00:00"),
        ("soon", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
        (-1, None),
        (10**30, None),
        (253_402_300_799, None),
        (True, None),
        (None, None),
        (float("nan"), None),
        ([2026], None),
    ],
)
def test_times_are_read_in_every_form(value, shown):
    when = time_from(value)
    assert (when and when.isoformat()) == shown


@pytest.mark.parametrize(
    "read", [count_from, id_from, number_from, numbers_from, objects_from, text_from, time_from, word_from]
)
def test_no_value_is_too_odd_to_be_read(read):
    for value in ODD:
        read(value)


def test_ids_hold_nothing_that_steers_a_terminal():
    assert id_from("ftjob-你好/1") == "ftjob-你好/1"
    for odd in (
        "ftjob-\u202e1",
        "ftjob\u2066",
        "\x1b[2Jftjob",
        "ftjob\n",
        "ftjob 1",
        "\ud800",
        "\u2028",
        "x" * 501,
    ):
        assert id_from(odd) is None


def test_numbers_are_finite_and_counts_are_whole():
    assert [number for value in ODD if (number := number_from(value)) is not None] == [7.0, -1.0]
    assert [count for value in ODD if (count := count_from(value)) is not None] == [7]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff\xfe\xfa", "is not JSON"),
        (b'{"a": "\xff"}', "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"[" * 200_000 + b"]" * 200_000, "is nested too deeply"),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "is nested too deeply"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "is nested too deeply"),
        (b"[1]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
    ],
    ids=lambda value: f"{value[:12]} {len(value)}" if isinstance(value, bytes) else "",
)
def test_what_is_no_json_object_says_so(content, text):
    with pytest.raises(ValueError, match=f"^{text}$"):
        json_object(content)


def test_json_has_neither_nan_nor_half_characters():
    assert json_value(b'[NaN, -Infinity, "\\ud800x", {"\\udc00": "\\ud83d\\ude00"}]') == [
        None,
        None,
        "\ufffdx",
        {"\ufffd": "\U0001f600"},
    ]
    assert json_value(json.dumps({"a": "é"}).encode("utf-16")) == {"a": "é"}


def test_metrics_hold_finite_numbers_only():
    numbers = {"train_loss": 0.5, "valid_loss": float("nan"), "lr": float("inf"), "note": "x", "on": True}
    for shown in (
        JobInfo(id="j", status="running", provider_status="r", model="m", metrics=numbers),
        JobEvent(id="e", created_at=datetime.now(UTC), level="info", message="", metrics=numbers),
        Checkpoint(id="c", metrics=numbers),
    ):
        assert shown.metrics == {"train_loss": 0.5}
