"""Inputs from public bug reports, each with the right result; the reports are named in the files."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from langsmith_finetune import check
from tests.support.paths import DATA
from tests.support.reading import by_bulk, by_loader

CASES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((DATA / "cases").glob("*.json"))
}
RUNS = [(name, index) for name, case in CASES.items() for index in range(len(case["input"].get("runs", ())))]


def comparable(line: dict[str, Any], *, any_ids: bool):
    """A line without the names of tool messages, which Python's chat models leave out of the request."""
    line = copy.deepcopy(line)
    number: dict[str, str] = {}
    for message in line["messages"]:
        if message["role"] == "tool":
            message.pop("name", None)
        for call in message.get("tool_calls", ()) if any_ids else ():
            call["id"] = number.setdefault(call["id"], f"#{len(number)}")
        if any_ids and "tool_call_id" in message:
            message["tool_call_id"] = number[message["tool_call_id"]]
    return line


def assert_is(found, expected: dict[str, Any]):
    lines, reasons, notes = found
    assert set(expected.get("notes", ())) <= set(notes)
    if "any_of" in expected:
        failures = []
        for one in expected["any_of"]:
            try:
                return assert_is(found, one)
            except AssertionError as error:
                failures.append(error)
        raise AssertionError(failures)
    if "refused" in expected:
        assert (lines, bool(reasons)) == ([], True)
        assert expected["refused"] in ("*", reasons[0])
    elif "note" in expected:
        assert reasons or expected["note"] in notes
    elif "not_silent" in expected:
        assert reasons or notes
    else:
        assert reasons == []
        any_ids = expected.get("ids") == "any"
        wanted = comparable(expected["line"], any_ids=any_ids)
        assert [comparable(line, any_ids=any_ids) for line in lines] == [wanted]
    return None


@pytest.mark.parametrize("door", [by_loader, by_bulk])
@pytest.mark.parametrize(("name", "index"), RUNS)
def test_reported_run_gives_right_line_or_reason(name, index, door):
    case = CASES[name]
    run = {"status": "success", **copy.deepcopy(case["input"]["runs"][index])}
    run.setdefault("trace_id", run["id"])
    if run.get("error"):
        run["status"] = "error"
    assert_is(door(run), case["expect"][index])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "target" in case["input"]])
def test_reported_file_is_checked_rightly(name, tmp_path):
    given, expected = CASES[name]["input"], CASES[name]["expect"]
    path, fixed = tmp_path / "file.jsonl", tmp_path / "fixed.jsonl"
    if "lines" in given:
        data = "".join(json.dumps(line) + "\n" for line in given["lines"]).encode()
    else:
        data = base64.b64decode(given["base64"]) if "base64" in given else given["text"].encode()
    path.write_bytes(data)
    ignore = given.get("ignore", ["too_few"])
    options = {"fix": True, "fixed_path": fixed} if given.get("fix") else {}
    report = check(path, given["target"], ignore=ignore, **options)
    assert report.ok is expected.get("ok", report.ok)
    if "errors" in expected:
        errors = {(p.line or 0, p.rule) for p in report.problems if p.severity == "error"}
        assert errors == {(line or 0, rule) for line, rule in expected["errors"]}
    if "ok_fixed" in expected:
        assert check(fixed, given["target"], ignore=ignore).ok is expected["ok_fixed"]
    if "fixed" in expected:
        lines = fixed.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == expected["fixed"]
