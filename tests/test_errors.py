import pickle
from pathlib import Path
from typing import get_args

import pytest

from langsmith_finetune import errors
from langsmith_finetune.errors import (
    FineTuneError,
    InvalidExampleError,
    JobFailedError,
    JobTimeoutError,
    NotSupportedError,
    ProviderError,
    RunNotUsableError,
    RunReason,
)
from langsmith_finetune.providers.values import JobInfo

RUNNING = JobInfo(id="ftjob-1", status="running", provider_status="running", model="m")
FAILED = JobInfo(id="ftjob-1", status="failed", provider_status="error", model="m", error="out of llamas")

ERRORS = {
    "run 1234 is not usable (pending): end_time is null": (
        RunNotUsableError("1234", "pending", "end_time is null"),
        {"run_id": "1234", "reason": "pending", "detail": "end_time is null"},
        ValueError,
    ),
    "run (without id) is not usable (malformed): id: missing": (
        RunNotUsableError("", "malformed", "id: missing"),
        {"run_id": "", "reason": "malformed", "detail": "id: missing"},
        ValueError,
    ),
    "train.jsonl:17: messages[2].role: is a number. Write a string": (
        InvalidExampleError("train.jsonl:17", "messages[2].role", "is a number", "Write a string"),
        {
            "where": "train.jsonl:17",
            "field": "messages[2].role",
            "reason": "is a number",
            "how_to_fix": "Write a string",
        },
        ValueError,
    ),
    "train.jsonl:1: the line is empty. Write it again": (
        InvalidExampleError("train.jsonl:1", "", "the line is empty", "Write it again"),
        {
            "where": "train.jsonl:1",
            "field": "",
            "reason": "the line is empty",
            "how_to_fix": "Write it again",
        },
        ValueError,
    ),
    "openai: HTTP 429: slow down": (
        ProviderError("openai", "HTTP 429: slow down", temporary=True, retry_after_seconds=2.5),
        {
            "provider": "openai",
            "message": "HTTP 429: slow down",
            "temporary": True,
            "ambiguous": False,
            "retry_after_seconds": 2.5,
        },
        RuntimeError,
    ),
    "openai: the connection failed": (
        ProviderError("openai", "the connection failed", ambiguous=True),
        {"temporary": False, "ambiguous": True, "retry_after_seconds": None},
        RuntimeError,
    ),
    "local does not support events; read the log": (
        NotSupportedError("local", "events; read the log"),
        {"provider": "local", "what": "events; read the log"},
        NotImplementedError,
    ),
    "job ftjob-1 failed (error): out of llamas": (
        JobFailedError(FAILED),
        {"job": FAILED},
        RuntimeError,
    ),
    'job ftjob-1 was still running after 60 s; it goes on: FineTuneJob.attach("ftjob-1", '
    "provider=...).wait() returns to it": (
        JobTimeoutError(RUNNING, 60.4),
        {"job": RUNNING, "waited_seconds": 60.4},
        TimeoutError,
    ),
}

each = pytest.mark.parametrize(
    ("text", "error", "fields", "builtin"),
    [(text, *case) for text, case in ERRORS.items()],
    ids=[f"{type(case[0]).__name__}-{n}" for n, case in enumerate(ERRORS.values())],
)


@each
def test_the_text_says_what_it_says(text, error, fields, builtin):
    assert str(error) == text


@each
def test_it_is_caught_as_ours_and_as_the_builtin_beside_it(text, error, fields, builtin):
    assert isinstance(error, FineTuneError)
    assert isinstance(error, builtin)


@each
def test_its_parts_are_fields(text, error, fields, builtin):
    assert {name: getattr(error, name) for name in fields} == fields


@each
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_survives_pickling_with_text_and_fields(text, error, fields, builtin, protocol):
    error.add_note("a note")
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is type(error)
    assert str(copy) == text
    assert copy.args == error.args
    assert {name: getattr(copy, name) for name in fields} == fields
    assert "a note" in copy.__notes__


@each
def test_it_can_be_raised_again_after_pickling(text, error, fields, builtin):
    with pytest.raises(builtin) as caught:
        raise pickle.loads(pickle.dumps(error))
    assert str(caught.value) == text


def test_a_failure_without_a_reason_says_so():
    job = JobInfo(id="j", status="cancelled", provider_status="cancelled", model="m")
    assert str(JobFailedError(job)) == "job j was cancelled: the provider gave no reason"


def test_every_error_is_tried_here():
    public = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, FineTuneError) and value is not FineTuneError
    }
    assert public == {type(case[0]) for case in ERRORS.values()}


def test_the_drawing_at_the_top_is_the_tree():
    drawn = [line.split()[1] for line in (errors.__doc__ or "").splitlines() if line[:1] in {"├", "└"}]
    assert drawn == [cls.__name__ for cls in FineTuneError.__subclasses__()]


def test_every_reason_is_explained():
    source = Path(errors.__file__).read_text(encoding="utf-8")
    for reason in get_args(RunReason):
        assert f"- `{reason}`: " in source
