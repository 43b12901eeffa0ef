"""The files of a job are read once before they are sent, and what was found out is what is sent."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from codecs import BOM_UTF8
from dataclasses import replace

import pytest

from langsmith_finetune import FineTuneJob, InvalidExampleError
from langsmith_finetune.cost.tokens import token_counter
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.local import provider as local
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.providers.values import JobRequest
from langsmith_finetune.targets import registry as targets
from tests.support.local_calculator import untrained
from tests.support.providers import KINDS, MODELS, plain, stand_in

pytestmark = pytest.mark.usefixtures("clock")

LINES = [plain(n) for n in range(10)]
_opened: list[str] | None = None


def _watch(event: str, args: tuple[object, ...]) -> None:
    if event == "open" and _opened is not None and isinstance(args[0], str | bytes):
        _opened.append(os.path.realpath(os.fsdecode(args[0])))


sys.addaudithook(_watch)  # sees every way to open a file; a hook cannot be removed again


@pytest.fixture
def opened():
    """The paths of the files that are opened from now on."""
    global _opened  # noqa: PLW0603
    _opened = []
    yield _opened
    _opened = None


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("ending", [b"", b"\n"], ids=["as written", "with a blank line at the end"])
def test_a_file_is_opened_three_times_and_converted_once(tmp_path, monkeypatch, opened, name, ending):
    path, validation = tmp_path / "train.jsonl", tmp_path / "validation.jsonl"
    for file in (path, validation):
        file.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in LINES) + ending)
    opened.clear()
    converted = []
    row_of = targets.row_of
    monkeypatch.setattr(
        targets,
        "row_of",
        lambda line, *args, **more: converted.append(line) or row_of(line, *args, **more),
    )
    monkeypatch.setattr(local, "start_training", lambda run, processes: None)
    with stand_in(name, tmp_path) as provider:
        job = FineTuneJob.create(
            path,
            provider=provider,
            model=untrained() if name == "local" else MODELS.get(name, "Qwen/Qwen3-0.6B"),
            parameters={} if name == "fake" else {"n_epochs": 3},
            journal=tmp_path / "journal",
            progress=False,
            validation_file=validation,
        )
    assert job.id
    # Hashed, prepared, and sent or copied.
    assert 1 <= opened.count(str(path)) <= 3
    assert opened.count(str(validation)) <= 3
    assert len(converted) == (2 * len(LINES) if provider.converts_files else 0)


@pytest.fixture
def request_of(tmp_path):
    def request_of(data, **settings):
        path = tmp_path / "train.jsonl"
        path.write_bytes(data)
        return JobRequest(
            training_file=path, training_sha256=hashlib.sha256(data).hexdigest(), model="m", **settings
        )

    return request_of


def encoded(lines, **how):
    return b"".join(json.dumps(line, **how).encode() + b"\n" for line in lines)


def test_a_file_that_needs_no_change_is_sent_itself(request_of):
    request = request_of(encoded(LINES))
    with prepared_files(TogetherProvider("made-up"), request, check=True) as (file,):
        assert file.content == file.path == request.training_file
        assert file.content_sha256 == file.sha256 == request.training_sha256
        assert (file.lines, file.check.ok, file.size_bytes) == (
            10,
            True,
            request.training_file.stat().st_size,
        )


CHANGED = {
    "a byte order mark": BOM_UTF8 + encoded(LINES),
    "a blank line at the end": encoded(LINES) + b"\r\n",
    "a key that the host does not know": encoded(line | {"parallel_tool_calls": None} for line in LINES),
    "a weight that is true": encoded(
        {"messages": [line["messages"][0], line["messages"][1] | {"weight": True}]} for line in LINES
    ),
}


@pytest.mark.parametrize("data", CHANGED.values(), ids=CHANGED)
def test_a_file_that_changes_is_sent_as_a_private_copy(request_of, data):
    request = request_of(data)
    with prepared_files(TogetherProvider("made-up"), request) as (file,):
        copy, sent = file.content, file.content.read_bytes()
        assert copy != request.training_file
        assert copy.stat().st_mode & 0o077 == 0
        assert (file.content_sha256, file.size_bytes) == (hashlib.sha256(sent).hexdigest(), len(sent))
        assert file.sha256 == request.training_sha256
    assert not copy.exists()
    lines = [json.loads(line) for line in sent.splitlines()]
    assert [line.keys() for line in lines] == [{"messages"}] * 10
    assert [line["messages"][1].get("weight", 1) for line in lines] == [1] * 10
    assert b"true" not in sent


def test_what_only_the_writing_of_a_copy_mends_is_no_error(request_of):
    request = request_of(BOM_UTF8 + encoded(LINES) + b"\n")
    with prepared_files(TogetherProvider("made-up"), request, check=True) as (file,):
        assert file.check.problems == ()


def test_every_line_is_checked_after_one_that_is_refused(request_of):
    bad = {"messages": [{"role": "user", "content": "Hi"}]}
    request = request_of(encoded([*LINES[:5], bad, *LINES[:5], bad]))
    for kind in (TogetherProvider, FireworksProvider, OpenAIProvider):
        with (
            pytest.raises(InvalidExampleError) as caught,
            prepared_files(kind("made-up"), request, check=True),
        ):
            pass
        assert str(caught.value) == (
            "train.jsonl:6: messages: hold no assistant message. Leave the line out: there is nothing to learn"
        )
        [note] = caught.value.__notes__
        assert "errors: nothing_trained 2" in note
        assert note.endswith("check=False sends the file all the same")


def test_a_file_that_changed_since_it_was_hashed_is_not_sent(request_of):
    request = request_of(encoded(LINES))
    with request.training_file.open("ab") as file:
        file.write(encoded(LINES[:1]))
    for kind in (TogetherProvider, OpenAIProvider):
        with (
            pytest.raises(InvalidExampleError) as caught,
            prepared_files(kind("made-up"), request, check=True),
        ):
            pass
        assert str(caught.value) == "train.jsonl: changed while the job was created. Call create again"


def test_tokens_are_counted_in_the_same_pass(request_of):
    request, counter = request_of(encoded(LINES)), token_counter()
    for kind in (TogetherProvider, OpenAIProvider):
        with prepared_files(kind("made-up"), request, counter=counter) as (file,):
            assert file.tokens.total == sum(counter(line) for line in LINES)
            assert file.tokens_unknown is None


@pytest.mark.parametrize("check", [True, False])
def test_folded_lines_are_split_counted_and_sent_as_the_provider_takes_them(request_of, tmp_path, check):
    context = {"role": "assistant", "content": "no", "weight": 0}
    turn = LINES[0]["messages"]
    folded = {"messages": [*turn, turn[0], context, *turn, turn[0], context]}
    request, counter = request_of(encoded([LINES[0], folded])), token_counter()

    def sent(weights):
        with stand_in("nebius", tmp_path) as provider:
            provider.rules = replace(provider.rules, weights=weights)
            with prepared_files(provider, request, check=check, counter=counter) as (file,):
                lines = [json.loads(line) for line in file.content.read_bytes().splitlines()]
                assert (file.lines, file.sha256) == (len(lines), request.training_sha256)
                assert file.content_sha256 == hashlib.sha256(file.content.read_bytes()).hexdigest()
                assert file.tokens.total == sum(counter(line) for line in lines)
                assert file.check is None or file.check.ok
                return lines, file.split

    lines, split = sent("none")
    assert lines == [LINES[0], {"messages": [*turn, turn[0], {"role": "assistant", "content": "no"}, *turn]}]
    assert (split.trained_context, split.changes[0].where) == (1, "train.jsonl:2")
    lines, split = sent("history")
    weights = [[m.get("weight", 1) for m in line["messages"] if m["role"] == "assistant"] for line in lines]
    assert (weights, split.split, split.trained_context) == ([[1], [1], [0, 0, 1]], 1, 0)
    lines, split = sent("each")
    assert (lines, split) == ([LINES[0], folded], None)


def test_tokens_that_cannot_be_counted_stop_nothing(request_of):
    request = request_of(encoded([*LINES, {"messages": 5}]))
    with prepared_files(OpenAIProvider("made-up"), request, counter=token_counter()) as (file,):
        assert (file.tokens, file.lines) == (None, 11)
        assert file.tokens_unknown == "the tokens cannot be counted (TypeError)"


def test_lines_for_a_grader_keep_their_own_form(request_of):
    line = {"messages": [{"role": "user", "content": "Hi"}], "answer": "x"}
    request = request_of(encoded([line] * 10), method="reinforcement", parameters={"grader": {}})
    with (
        stand_in("azure", request.training_file.parent) as provider,
        prepared_files(provider, request, check=True) as (file,),
    ):
        assert file.content.read_bytes() == BOM_UTF8 + encoded([line] * 10)
        assert file.check is None


def test_line_the_trainer_refuses_is_refused_unpaid(request_of):
    request = request_of(encoded([*LINES, {"messages": [{"role": "assistant", "content": "Hi"}]}]))
    with (
        stand_in("huggingface", request.training_file.parent) as provider,
        pytest.raises(InvalidExampleError) as caught,
        prepared_files(provider, request),
    ):
        pass
    assert str(caught.value).startswith("train.jsonl:11: messages[0]: is to be learned, but answers nothing.")


def test_nothing_is_read_where_nothing_is_to_be_found_out(request_of, opened):
    request = request_of(encoded(LINES))
    opened.clear()
    with prepared_files(LocalProvider(request.training_file.parent), request) as (file,):
        assert (file.content, file.lines, file.check, file.tokens) == (
            request.training_file,
            None,
            None,
            None,
        )
    assert str(request.training_file) not in opened
