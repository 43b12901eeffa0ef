"""Everything the library says of the captured runs, and of common mistakes, in one file that `git diff` shows well.

`make golden` (or `python -m tests.support.golden`) writes `tests/data/golden/runs.txt`; `tests/package/test_golden.py` holds
today's code to it. A record is a case, a line of it one fact:

    == wire/lc_plain[0]
    messages[0] {"role": "user", "content": "Hi"}       of the training line
    source {"run_id": ...}                              what stays beside it
    note, skipped, raised                               what is not in it, or why there is none
    examples_from_runs: ...                             only where that door says something else
    with its trace: ...                                 only where the other runs of the trace change something
    row to openai, azure: the line                      what each target reads; only the parts that the line
                                                        does not have
    problem for openai: ...                             what `check` says
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import unified_diff
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from langsmith_finetune import (
    LangSmithRunChatLoader,
    check,
    examples_from_runs,
    read_jsonl,
    training_examples,
)
from langsmith_finetune.targets import TARGETS, to_target
from langsmith_finetune.targets.rules import WHY
from tests.support import corpus, wire
from tests.support.golden_cases import BAD_FILES, BAD_LINES, LINES, MAKERS, MISUSES
from tests.support.paths import DATA, NOTEBOOKS

GOLDEN = DATA / "golden" / "runs.txt"
NOTEBOOK = NOTEBOOKS / "data" / "calculator_runs.jsonl"
HEADER = """\
# What the library makes of each case: lines, notes, refusals, rows and problems; tests/support/golden.py says how to
# read it. Written by `make golden`. After a change, run it, read `git diff`, and commit the file with the change;
# after a conflict, take either side and run it again.
"""

Facts = list[str]


def golden() -> str:
    """The whole file."""
    records = dict(_records())
    parts = [HEADER]
    parts += ["\n".join([f"== {name}", *_one_line_each(records[name])]) + "\n" for name in sorted(records)]
    return "\n".join(parts).encode("utf-8", "backslashreplace").decode()


def difference(found: str, kept: str, *, most: int = 60) -> str:
    """The first lines that differ, each below the name of its case."""
    lines: Facts = []
    before, after = _cases_of(kept), _cases_of(found)
    for name in sorted(before.keys() | after.keys()):
        if change := _difference(after.get(name, []), before.get(name, [])):
            lines += [f"== {name}", *change]
    return "\n".join(line[:300] for line in lines[:most])


def _cases_of(text: str) -> dict[str, Facts]:
    cases: dict[str, Facts] = {}
    for line in text.split("\n"):
        if line.startswith("== "):
            facts = cases.setdefault(line[3:], [])
        elif line and cases:
            facts.append(line)
    return cases


def _records() -> Iterator[tuple[str, Facts]]:
    for name, run, _ in wire.cases(""):
        yield f"wire/{name}", of_run(run)
    for producer in corpus.producers():
        seen: dict[str, int] = {}
        for case, run in corpus.captured(producer):
            seen[case] = number = seen.get(case, -1) + 1
            yield f"run_shapes/{producer}/{case}[{number}]", of_run(run, _trace_of(producer, run))
    trace = [json.loads(line) for line in NOTEBOOK.read_text(encoding="utf-8").splitlines()]
    for number, run in enumerate(trace):
        if run["run_type"] == "llm":
            yield f"notebook/{number:03}", of_run(run, trace)
    for maker, make in MAKERS.items():
        for name, line in LINES.items():
            yield f"made/{maker}/{name}", _tried(lambda line=line, make=make: of_run(make(line)))
    for path in sorted((DATA / "cases").glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        yield from _of_case(path.stem, case.get("input", {}))
    for name, line in BAD_LINES.items():
        yield f"line/{name}", _of_line(line)
    for name, data in BAD_FILES.items():
        yield f"file/{name}", _of_file(data, "openai")
    for name, misuse in MISUSES.items():
        yield f"misuse/{name}", _tried(lambda misuse=misuse: [f"gives {misuse()!r}"])
    yield "texts/why", [f"{rule}: {text}" for rule, text in sorted(WHY.items())]


def _of_case(name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, Facts]]:
    for number, run in enumerate(given.get("runs", ())):
        ended = {"status": "error" if run.get("error") else "success", "trace_id": run.get("id")}
        yield f"cases/{name}[{number}]", of_run(ended | run)
    if "lines" in given or "text" in given:
        text = given.get("text") or "".join(json.dumps(line) + "\n" for line in given["lines"])
        yield f"cases/{name}", _of_file(text.encode(), given["target"])
    if "line" in given:
        yield f"cases/{name}", _of_line(given["line"])


def of_run(run: Mapping[str, Any], trace: list[Any] | None = None) -> Facts:
    """What the library makes of a run, through every door."""
    facts, line = _through_loader(run)
    told = list(facts)
    told += _section("examples_from_runs", _difference(_through_examples(run), facts))
    told += _section("as JSON text", _difference(_through_examples(json.dumps(run).encode()), facts))
    settings: dict[str, dict[str, Any]] = {"keep_reasoning": {"keep_reasoning": True}}
    settings |= {"train_on='last'": {"train_on": "last"}}
    settings |= {"with its trace": {"trace_runs": trace}} if trace else {}
    for name, given in settings.items():
        found = _through_loader(run, **given)[0]
        told += _section(name, _difference(found, facts))
        other = _through_examples(run, **given)
        told += _section(f"{name}, examples_from_runs", _difference(other, found))
    return told + ([] if line is None else _at_targets(line))


def _through_loader(run: Any, train_on: Any = "all", **settings: Any) -> tuple[Facts, Any]:
    loader = LangSmithRunChatLoader([run], **settings)
    return _told(
        lambda told: training_examples(loader.lazy_load(), train_on=train_on, on_skip=told),
        lambda: list(loader.skipped),
    )


def _through_examples(run: Any, **settings: Any) -> Facts:
    return _told(lambda told: examples_from_runs([run], on_skip=told, **settings))[0]


def _told(examples: Callable[[Any], Any], more: Callable[[], list[Any]] = list) -> tuple[Facts, Any]:
    skipped: list[Any] = []
    facts: Facts = []
    line = None
    try:
        for example in examples(skipped.append):
            line = example.line
            facts += [*_parts(line), *_source(example.source)]
    except Exception as error:  # noqa: BLE001 - that is what is told
        facts.append(f"raised {type(error).__name__}: {error}")
    return facts + [f"skipped {error}" for error in [*more(), *skipped]], line


def _source(source: Any) -> Facts:
    fields = msgspec.structs.asdict(source) if isinstance(source, msgspec.Struct) else dict(vars(source))
    told = {key: value for key, value in fields.items() if key != "notes" and value not in (None, {})}
    return [f"source {_json(told)}", *(f"note {note.kind}: {note.detail}" for note in source.notes)]


def _parts(line: Mapping[str, Any]) -> Facts:
    """A line or a row, one part a fact."""
    facts = []
    for key, value in line.items():
        if isinstance(value, list):
            facts += [f"{key}[{i}] {_json(part)}" for i, part in enumerate(value)]
        else:
            facts.append(f"line {key} {_json(value)}")
    return facts


def _of_line(line: Mapping[str, Any]) -> Facts:
    return _parts(line) + _at_targets(line)


def _at_targets(line: Mapping[str, Any]) -> Facts:
    """The row that each target reads, and the problems that the line has there."""
    facts = set(_parts(line))
    rows: dict[tuple[str, ...], list[str]] = {}
    problems: dict[str, list[str]] = {}
    for target in TARGETS:
        row = _tried(lambda target=target: _parts(to_target(line, target)))
        told = [part for part in row if part not in facts]
        if len(told) < len(row):  # of the line's own shape: what it lacks is worth a word
            there = {_place(part) for part in row}
            told += [f"without {place}" for part in sorted(facts) if (place := _place(part)) not in there]
        rows.setdefault(tuple(told or ["the line"]), []).append(target)
        for problem in check([line], target, ignore=["too_few"]).problems:
            problems.setdefault(str(problem), []).append(target)
    return [
        *(fact for row, targets in rows.items() for fact in _section(f"row to {', '.join(targets)}", row)),
        *(f"problem for {', '.join(targets)}: {text}" for text, targets in problems.items()),
    ]


def _place(part: str) -> str:
    """`messages[0]`, `line parallel_tool_calls`."""
    return " ".join(part.split(" ")[: 2 if part.startswith("line ") else 1])


def _section(name: str, facts: Iterable[str]) -> Facts:
    facts = [f"    {fact}" for fact in facts]
    return [f"{name}:", *facts] if facts else []


def _of_file(data: bytes, target: Any) -> Facts:
    with tempfile.TemporaryDirectory() as folder:
        path, fixed = Path(folder) / "train.jsonl", Path(folder) / "fixed.jsonl"
        path.write_bytes(data)
        read = _tried(lambda: [f"read {_json(line)}" for line in read_jsonl(path)])
        report = check(path, target, fix=True, fixed_path=fixed, ignore=["too_few"])
        fixed_text = fixed.read_bytes().decode("utf-8", "backslashreplace")
        problems = list(map(str, report.problems))
        found = [*read, *report._summary().split("\n"), *problems, "fixed:", *fixed_text.split("\n")]
        return [text.replace(folder, "") for text in found if text]


def _tried(make: Callable[[], Facts]) -> Facts:
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - that is what is told
        return [f"raised {type(error).__name__}: {error}"]


def _difference(found: Facts, kept: Facts) -> Facts:
    changes = unified_diff(kept, found, n=0, lineterm="")
    return [change for change in changes if not change.startswith(("---", "+++", "@@"))]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _one_line_each(facts: Facts) -> Facts:
    return [fact.replace("\r", "\\r").replace("\n", "\\n") for fact in facts]


@cache
def _runs_of(producer: str) -> tuple[Any, ...]:
    cases = json.loads((corpus.RUN_SHAPES / f"{producer}.json").read_text(encoding="utf-8"))["cases"]
    return tuple(posted["run"] for case in cases for posted in case.get("runs", ()))


def _trace_of(producer: str, run: Mapping[str, Any]) -> list[Any]:
    trace = run.get("trace_id")
    return [other for other in _runs_of(producer) if trace and other.get("trace_id") == trace]


def main() -> None:
    """Write the file, and say what changed."""
    logging.disable()  # the mistakes among the cases are told in the file
    text = golden()
    before = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_bytes(text.encode())
    changed = difference(text, before)
    print(changed or f"{GOLDEN.name} is as it was")  # noqa: T201 - for whoever runs it


if __name__ == "__main__":
    sys.exit(main())
