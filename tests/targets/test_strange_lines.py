"""No value, whatever it is and wherever it stands in a line, brings anything but the library's own errors."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum, StrEnum
from itertools import product
from types import MappingProxyType
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from msgspec import structs

from langsmith_finetune import (
    FineTuneError,
    InvalidExampleError,
    LangSmithDatasetChatLoader,
    PreferenceExample,
    TrainingExample,
    check,
    convert_messages_for_finetuning,
    read_jsonl,
    training_examples,
    write_jsonl,
)
from langsmith_finetune._foundation import json_line as given_lines
from langsmith_finetune.cost import count_tokens
from langsmith_finetune.dataset import (
    describe_examples,
    drop_duplicates,
    examples_from_hf,
    fit_length,
    fold_traces,
    preferences_from_experiments,
    preferences_from_scores,
    redact,
    split_side,
    to_hf_dataset,
    train_validation_split,
)
from langsmith_finetune.examples.source import Note
from langsmith_finetune.runs import RunSource
from langsmith_finetune.targets import examples_for_target, fix_examples, from_target, split_line, to_target
from langsmith_finetune.targets.read_lines import sound_lines
from tests.support.strange import (
    SECRET,
    STRANGE_IN_LINES,
    Endless,
    RaisesAttributes,
    RaisesItems,
    RaisesText,
    places,
    replaced,
)
from tests.support.thinned import thinned


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    """What has no end is given up sooner than in earnest, for there are many places to put it."""
    monkeypatch.setattr(given_lines, "LARGEST", 500)


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"said in private"}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
LINE = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": SECRET}], "name": "n"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": SECRET, "tool_call_id": "c"},
        {"role": "assistant", "content": SECRET, "weight": 1},
    ],
    "tools": [TOOL],
    "parallel_tool_calls": True,
}
PLAIN = {"messages": [{"role": "user", "content": SECRET}, {"role": "assistant", "content": SECRET}]}
ANSWER = [{"role": "assistant", "content": SECRET}]
PREFERENCE = {
    "input": {"messages": PLAIN["messages"][:1]},
    "preferred_output": ANSWER,
    "non_preferred_output": [{"role": "assistant", "content": "no"}],
}
SOURCE = RunSource(
    run_id="r-1", trace_id="t", thread_id="x", user_id="u", project_id="p", start_time="2026-11-01T00:00:00",
    model="m", example_id="e", prompt_tokens=3, completion_tokens=3, agent="a", node="n", agent_type="root",
    namespace="n:1", scores={"k": 1.0}, notes=(Note(run_id="r-1", kind="redacted", detail="messages[0]"),),
)  # fmt: skip
GOOD = TrainingExample(line=PLAIN, source=RunSource(run_id="good"))


def by_hand(line: Any) -> Any:
    """An example of the line, as somebody makes one who does not look at the line."""
    is_preference = type(line) is dict and "preferred_output" in line
    return (PreferenceExample if is_preference else TrainingExample)(line=line, source=SOURCE)


def of_lines(door: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda given, _: door(given)


STEPS: dict[str, Callable[[list[Any]], Any]] = {
    "fold_traces": lambda given: list(fold_traces(given)),
    "drop_duplicates": lambda given: list(drop_duplicates(given)),
    "drop_duplicates, near": lambda given: list(
        drop_duplicates(given, similarity=0.9, keep="best", score="k")
    ),
    "split": lambda given: [list(side) for side in train_validation_split(given, group_by="user")],
    "split_side": lambda given: split_side(given[0]),
    "fit_length": lambda given: list(
        fit_length(given, 2, lambda line: len(line["messages"]), over_length="trim_oldest_turns")
    ),
    "redact": lambda given: list(
        redact(given, [("WORD", r"\w+")], str.upper, media="drop", tool_descriptions=True)
    ),
    "preferences_from_scores": lambda given: list(preferences_from_scores(given, "k")),
    "preferences_from_experiments": lambda given: list(preferences_from_experiments(given, "k")),
}
"""They take examples alone."""

NAMES = list(STRANGE_IN_LINES)
TARGETS = ("openai", "trl", "gemini", "bedrock")
DOORS: dict[str, Callable[[Any, Any], Any]] = {
    **{f"to_target {name}": of_lines(lambda line, name=name: to_target(line, name, where="r-1")) for name in TARGETS},
    "write_jsonl": lambda line, folder: write_jsonl([line, by_hand(line)], folder / "r-1"),
    "split_line": of_lines(lambda line: split_line(line, "trl", where="r-1")),
    "examples_for_target": of_lines(lambda line: list(examples_for_target([by_hand(line)], "bedrock"))),
    "write_jsonl for Gemini, what is refused left out": lambda line, folder: write_jsonl([line, by_hand(line)], folder / "r-1", target="gemini", on_skip=str),
    "write_jsonl for TRL": lambda line, folder: write_jsonl([by_hand(line)], folder / "r-1", target="trl"),
    "count_tokens": of_lines(lambda line: count_tokens(by_hand(line))),
    "count_tokens, many": of_lines(lambda line: count_tokens([by_hand(line), line])),
    "describe_examples": of_lines(lambda line: str(describe_examples([by_hand(line), line]))),
    **{name: of_lines(lambda line, step=step: step([TrainingExample(line=line, source=SOURCE)])) for name, step in STEPS.items()},
    **{f"{name} of preferences": of_lines(lambda line, step=STEPS[name]: step([PreferenceExample(line=line, source=SOURCE)])) for name in ("redact", "split", "split_side")},
}  # fmt: skip


def strange_values_in(line: Any, value: Any) -> list[Any]:
    """The line with the value in each place, or with it as a key."""
    made = [replaced(line, at, value) for at in places(line)]
    try:
        hash(value)
    except Exception:  # noqa: BLE001 - it is no key
        return made
    for at in places(line):
        found = line
        for step in at:
            found = found[step]
        if isinstance(found, dict):
            made.append(replaced(line, at, {**found, value: SECRET}))
    return made


def strange_lines(value: Any) -> list[Any]:
    """Lines of both kinds with the value in each place."""
    return strange_values_in(LINE, value) + strange_values_in(PREFERENCE, value)


def told(call: Callable[[], Any]) -> str:
    """What the library says to it, if anything; any other error than its own comes out of here."""
    try:
        call()
    except (FineTuneError, TypeError) as error:
        said = str(error)
        if isinstance(error, TypeError) and not (" must be " in said or " takes " in said):
            raise  # what is no line at all is an argument of another form, and no more
        assert SECRET not in said
        return said
    return ""


def test_each_two_of_door_value_and_place_meet_in_what_is_taken_of_the_product():
    places_in_line = range(30)
    met = {
        (door, value, place)
        for door in range(len(DOORS))
        for value in range(len(NAMES))
        for place in thinned(places_in_line, door + value, every=6)
    }
    assert {(door, value) for door, value, _ in met} == {*product(range(len(DOORS)), range(len(NAMES)))}
    assert {(door, place) for door, _, place in met} == {*product(range(len(DOORS)), places_in_line)}
    assert {(value, place) for _, value, place in met} == {*product(range(len(NAMES)), places_in_line)}


@pytest.mark.slow
@pytest.mark.thinned
@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_a_line_with_a_strange_value_is_taken_or_refused_by_name(name, tmp_path):
    for number, door in enumerate(DOORS, NAMES.index(name)):
        for line in thinned(strange_lines(STRANGE_IN_LINES[name]()), number, every=6):
            said = told(lambda door=door, line=line: DOORS[door](line, tmp_path))
            assert said.startswith(("", "r-1:", "the example: ", "example 1: ")), door


@pytest.mark.slow
@pytest.mark.thinned
@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_row_with_strange_value_is_read_or_refused_by_name(name):
    for number, target in enumerate(TARGETS, NAMES.index(name)):
        row = to_target(PLAIN if target == "bedrock" else LINE, target)
        for strange in thinned(strange_values_in(row, STRANGE_IN_LINES[name]()), number, every=4):
            said = told(lambda target=target, row=strange: from_target(row, target, where="r-1"))
            assert said.startswith(("", "r-1:")), target
            assert check([strange], target).lines == 1


@pytest.mark.parametrize("levels", [64, 65, 94, 100, 400, 900, 980])
@pytest.mark.parametrize("target", TARGETS[:3])
def test_arguments_of_any_depth_are_written_or_refused(target, levels, tmp_path):
    arguments = '{"a":' * levels + "1" + "}" * levels
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    line = replaced(LINE, ("messages", 1, "tool_calls"), [call])
    said = told(lambda: write_jsonl([line], tmp_path / "train.jsonl", target=target))
    if levels == 64 or target == "openai":  # which warns alone: the text stays what the model wrote
        assert check(tmp_path / "train.jsonl", target).lines == 1
        assert told(lambda: [*sound_lines(tmp_path / "train.jsonl")]) == said == ""
    else:
        assert said == (
            "train.jsonl:1: messages[1].tool_calls[0].function.arguments: is JSON text nested deeper than 64 "
            "levels. Leave the line out"
        )


@pytest.mark.slow
@pytest.mark.thinned
@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_a_line_with_a_strange_value_is_checked_and_mended(name):
    for number, target in enumerate(TARGETS, NAMES.index(name)):
        for line in thinned(strange_lines(STRANGE_IN_LINES[name]()), number, every=4):
            for fix in (False, True):
                report = check([line, GOOD], target, fix=fix)
                assert report.lines == 2, target
                assert SECRET not in str(report) + "".join(map(str, report.problems)), target
            skipped: list[InvalidExampleError] = []
            kept = list(fix_examples([by_hand(line), GOOD], target, on_skip=skipped.append))
            assert len(kept) + len(skipped) == 2, target
            assert kept[-1].source == GOOD.source
            assert not any(SECRET in str(error) for error in skipped)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_strange_value_beside_a_line_is_refused_by_name(name, tmp_path):
    value = STRANGE_IN_LINES[name]()
    sources = [structs.replace(SOURCE, **{field: value}) for field in RunSource.__struct_fields__]
    sources += [
        value,
        *(structs.replace(SOURCE, **{name: {"k": value}}) for name in ("scores", "trace_scores")),
    ]
    notes = (Note(run_id="r-1", kind=value, detail="x"), Note(run_id="r-1", kind="redacted", detail=value))
    sources += [structs.replace(SOURCE, notes=(note,)) for note in notes]
    examples = [TrainingExample(line=PLAIN, source=source) for source in sources]
    examples += [TrainingExample(line=PLAIN, merged=given) for given in (value, (value,))]
    examples += [TrainingExample(line=PLAIN, changes=given) for given in (value, (value,))]
    examples.append(PreferenceExample(line=PREFERENCE, rejected_source=value))
    for example in examples:
        for step in STEPS.values():
            try:
                told(lambda example=example, step=step: step([example]))
            except TypeError as error:
                assert re.match(r"\w+( takes|: the source of example 0 must be)", str(error))  # noqa: PT017
        told(lambda example=example: write_jsonl([example], tmp_path / "train.jsonl"))
        told(lambda example=example: str(describe_examples([example])))
        told(lambda example=example: count_tokens(example))
        told(lambda example=example: list(fix_examples([example], "trl")))
        assert check([example], "trl").lines == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_strange_value_for_an_example_is_refused_by_place(name, tmp_path):
    value = STRANGE_IN_LINES[name]()
    for step in STEPS.values():
        with pytest.raises((TypeError, InvalidExampleError), match=_NO_EXAMPLE):
            step([value])
    assert told(lambda: write_jsonl([value], tmp_path / "train.jsonl")).startswith("train.jsonl:1: ")
    assert told(lambda: count_tokens([value])).startswith("example 0: ")
    assert told(lambda: describe_examples([value])).startswith("example 0: ")
    skipped: list[InvalidExampleError] = []
    assert list(fix_examples([value], "trl", on_skip=skipped.append)) == []
    assert [error.where for error in skipped] == ["example 0"]
    assert check([value], "trl").errors


_NO_EXAMPLE = r"^(\w+ takes TrainingExample.*, but example 0 is a|example must be a TrainingExample, |(the )?example( 0)?: )"
"""Of an object, which may be meant for a line, the text says what is wrong with it."""


@pytest.mark.slow
@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_a_dataset_is_made_of_a_strange_line_or_refused_by_name(name):
    pytest.importorskip("datasets")
    value = STRANGE_IN_LINES[name]()
    for at in places(LINE):
        line = replaced(LINE, at, value)
        assert told(lambda line=line: to_hf_dataset([by_hand(line)])).startswith(("", "example 0: "))


@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_session_with_strange_value_is_skipped(name):
    value = STRANGE_IN_LINES[name]()
    dicts = {key: LINE[key] for key in ("messages", "tools", "parallel_tool_calls")}
    sessions = [replaced(dicts, at, value) for at in places(dicts) if at]
    sessions += [{"messages": [["user", "Hi"], ["assistant", value]]}, {"messages": [value]}]
    sessions += [{**dicts, "functions": given} for given in (value, [value])]
    for message in (HumanMessage("Hi"), AIMessage("Hello!", tool_calls=[])):
        for field in message.__dict__:
            edited = copy.copy(message)
            edited.__dict__[field] = value
            sessions.append({"messages": [edited, AIMessage("Hello!")]})
    good = {"messages": [HumanMessage("Hi"), AIMessage("Hello!")], "source": GOOD.source}
    skipped: list[InvalidExampleError] = []
    both = [session for strange in sessions for session in (strange, good)]
    examples = list(training_examples(both, on_skip=skipped.append))
    assert len(examples) + len(skipped) == len(both)
    assert sum(example.source == GOOD.source for example in examples) == len(sessions)
    assert not any(SECRET in str(error) for error in skipped)
    for session in sessions:
        told(lambda session=session: convert_messages_for_finetuning([session]))


class ChatDataset:
    """A client whose dataset holds these lines."""

    def __init__(self, lines: Any) -> None:
        self.lines = lines

    def read_dataset_openai_finetuning(self, *, dataset_name: str) -> Any:
        return self.lines


@pytest.mark.slow
@pytest.mark.parametrize("name", STRANGE_IN_LINES)
def test_strange_line_of_a_dataset_is_skipped(name):
    lines = [line for strange in strange_lines(STRANGE_IN_LINES[name]()) for line in (strange, PLAIN)]
    loader = LangSmithDatasetChatLoader(dataset_name="chats", client=ChatDataset(lines))
    assert len(loader.load()) + loader.skipped.total == len(lines)
    assert loader.skipped.total <= len(lines) // 2
    assert not any(SECRET in str(error) for error in loader.skipped)


def test_what_is_found_in_a_line_is_named_by_its_field_and_type(tmp_path):
    for value, said in [
        (b"x", "is of type bytes, which JSON does not have. Use text, numbers, lists and dicts only"),
        (float("nan"), "holds NaN or an infinity, which JSON does not have. Write null, or leave the value out"),
        (10**5000, "holds an integer of more digits than Python reads. Leave the line out"),
        (RaisesAttributes(), "is of type RaisesAttributes, which JSON does not have. Use text, numbers, lists and dicts only"),
        (RaisesItems(), "reading it raised OSError. Use text, numbers, lists and dicts only"),
    ]:  # fmt: skip
        for at in ("messages", "secret name"):
            line = {**PLAIN, "tools": [{at: (value,)}]}
            with pytest.raises(InvalidExampleError) as caught:
                write_jsonl([line], tmp_path / "train.jsonl")
            field = f"tools[0].{at if at == 'messages' else '?'}[0]"
            assert str(caught.value) == f"train.jsonl:1: {field}: {said}"


def test_an_object_without_an_end_is_given_up():
    with pytest.raises(InvalidExampleError) as caught:
        count_tokens({**PLAIN, "tools": Endless()})
    assert str(caught.value) == "the example: is made of more than 500 values. Leave the line out"


class Role(StrEnum):
    user = "user"


def test_what_only_looks_like_json_is_written_as_what_it_is(tmp_path):
    line = {
        "messages": (
            OrderedDict(role=Role.user, content=RaisesText("Hi")),
            MappingProxyType(
                {"role": "assistant", "content": "Hello!", "weight": IntEnum("W", {"one": 1}).one}
            ),
        )
    }
    plain = {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello!", "weight": 1},
        ]
    }
    write_jsonl([line], tmp_path / "train.jsonl")
    assert list(read_jsonl(tmp_path / "train.jsonl")) == [plain]
    assert to_target(line, "openai") == plain
    [example] = drop_duplicates([TrainingExample(line=line), TrainingExample(line=plain)], keep="first")
    assert example.line == plain


def test_unreadable_foreign_dataset_is_named_by_row():
    datasets = pytest.importorskip("datasets")
    for column in (
        [["secret"]],
        ["secret"],
        [5],
        [['{"role": "user", "content": NaN}']],
        [["[" * 10_000]],
        [["5"]],
        [[None]],
    ):
        dataset = datasets.Dataset.from_dict({"messages": column})
        assert told(lambda dataset=dataset: list(examples_from_hf(dataset))).startswith("row 0: ")
    dataset = datasets.Dataset.from_dict({"messages": [['{"role": "user"}']], "source": ["{"]})
    with pytest.raises(InvalidExampleError) as caught:
        list(examples_from_hf(dataset))
    assert str(caught.value) == (
        "row 0: reading it raised JSONDecodeError. "
        "Make the dataset with to_hf_dataset(examples), or with messages as structs"
    )
