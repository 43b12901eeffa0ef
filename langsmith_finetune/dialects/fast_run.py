"""Fast path, first half: a run that has the forms of `fast_forms`, and where it is from.

msgspec checks the few fields that matter, in C, whether they come as dicts or as JSON text, where it skips all others.
"""

from __future__ import annotations

from types import NoneType
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune.dialects.fast_forms import (
    ExtraOfText,
    InputsOfText,
    PlainExtra,
    PlainInputs,
    PlainMadeWith,
    PlainOutputs,
    PlainRun,
    RunOfObjects,
    RunOfText,
)
from langsmith_finetune.dialects.losses.unseen_context import TOLD_AGAIN
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.runs.fields import count_from, given_text, scores_from, time_text
from langsmith_finetune.runs.roles import SIDE_CALLS, role_from

FoundRun: TypeAlias = PlainRun[Any, Any]

MODELS = {("langsmith.schemas", "Run"), ("langsmith.types.run", "Run")}
"""The classes of ready runs, by name: langsmith is not imported for this."""


class NotPlain(Exception):  # noqa: N818 - never leaves the fast path
    """A run is in some way unlike the forms that are read here."""


def plain_run(run: Any) -> tuple[FoundRun, bool]:
    """The run, if it has the form; and True if it was JSON text, which holds nothing but JSON.

    Args:
        run: A run, a dict of one, its JSON text as bytes, or a row whose fields are JSON text.

    Raises:
        Exception: It has not; text and objects can raise anything.
    """
    kind = type(run)
    if kind is bytes:
        return _TEXT.decode(run), True
    if kind is dict:
        if type(run.get("inputs")) in (str, bytes):
            return _from_row(run), True
        return msgspec.convert(run, RunOfObjects), False
    if (kind.__module__, kind.__name__) in MODELS:
        given = run.__pydantic_extra__  # where select_runs puts what LangSmith's class has no field for
        return msgspec.convert({**run.__dict__, **given} if given else run.__dict__, RunOfObjects), False
    raise NotPlain  # other objects may make up their fields as they are asked for them


_TEXT: msgspec.json.Decoder[FoundRun] = msgspec.json.Decoder(RunOfText)
_COLUMNS: dict[str, msgspec.json.Decoder[Any]] = {
    "inputs": msgspec.json.Decoder(InputsOfText),
    "outputs": msgspec.json.Decoder(PlainOutputs),
    "extra": msgspec.json.Decoder(ExtraOfText | None),
    "metadata": msgspec.json.Decoder(Any),
    "feedback_stats": msgspec.json.Decoder(Any),
    "trace_feedback_stats": msgspec.json.Decoder(Any),
}
_MADE_WITH: Any = PlainMadeWith | None


def _from_row(row: dict[str, Any]) -> FoundRun:
    """A row of an export, each text of which is decoded by itself."""
    if row.get("run_type") not in ("llm", "LLM"):
        raise NotPlain
    fields = {name: row[name] for name in PlainRun.__struct_fields__ if name in row}
    for name, decoder in _COLUMNS.items():
        if type(fields.get(name)) in (str, bytes):
            fields[name] = decoder.decode(fields[name])
    for name in ("serialized", "manifest"):
        fields[name] = msgspec.convert(fields.get(name), _MADE_WITH)
    found: FoundRun = PlainRun(**fields)
    if (
        type(found.inputs) is PlainInputs
        and type(found.outputs) is PlainOutputs
        and type(found.extra) in (PlainExtra, NoneType)
    ):
        return found
    raise NotPlain


def asked_and_answered(run: FoundRun) -> tuple[list[Any], Any, bool]:
    """The messages of the request, the one answer, and True if it is a choice of OpenAI's.

    Raises:
        NotPlain: The run says more than that, or nothing.
    """
    asked: list[Any] = run.inputs.messages
    answers: Any = run.outputs.generations
    is_choice = False
    if asked and type(asked[0]) is list and len(asked) == 1:  # LangChain's batch of one
        asked = asked[0]
    if answers is UNSET:
        answers, is_choice = run.outputs.choices, True
    elif run.outputs.choices is not UNSET or not _has_settings(run.extra):
        raise NotPlain
    elif answers and type(answers[0]) is list and len(answers) == 1:
        answers = answers[0]
    if answers is UNSET or len(answers) != 1 or not asked or _is_unlike(run, answers[0], is_choice):
        raise NotPlain
    return asked, answers[0], is_choice


def _has_settings(extra: PlainExtra[Any] | None) -> bool:
    return extra is not None and (extra.invocation_params is not None or extra.options is not None)


def _is_unlike(run: FoundRun, answer: Any, is_choice: bool) -> bool:  # noqa: FBT001 - told once, right above
    """True if the run has anything a full reader would use besides what was said."""
    if type(answer) is list or run.error or run.attachments:
        return True
    if run.status is not None and (type(run.status) is not str or run.status.lower() == "error"):
        return True
    fields = answer.message.kwargs
    metadata = fields.response_metadata if fields is not None else None
    if metadata is not None and str(metadata.id or "").startswith("resp_"):
        return True  # of the Responses API, which says in other words how an answer ended
    if is_choice and run.outputs.object == "chat.completion.chunk" and answer.finish_reason is None:
        return True
    return is_choice and bool(
        fields is not None or answer.type or answer.generation_info is not None
    )  # a mixture of both forms


_TOLD = TOLD_AGAIN | {"openai_span_id"}  # of an agent of OpenAI's, whose runs name no tools
_INTEGRATIONS_READ_WITH_CARE = ("openai-agents-sdk", "claude-agent-sdk", "google-adk")


def plain_source(run: FoundRun) -> RunSource:
    """Where a run is from.

    Raises:
        NotPlain: Its metadata says what is read with care.
    """
    inner = run.extra.metadata if run.extra is not None else None
    if run.metadata is not None and inner is not None:
        raise NotPlain  # they are merged key by key
    metadata = run.metadata or inner or {}
    if type(metadata) is not dict or metadata.get("ls_integration") in _INTEGRATIONS_READ_WITH_CARE:
        raise NotPlain
    if not metadata.keys().isdisjoint(_TOLD):  # which looks up the few
        raise NotPlain
    role = role_from(metadata, run.name)
    if role.agent_type in SIDE_CALLS:
        raise NotPlain  # which is noted
    return RunSource(
        run_id=short_text(run.id) or "",
        trace_id=short_text(run.trace_id),
        thread_id=given_text(run.thread_id or metadata.get("thread_id") or metadata.get("session_id")),
        user_id=given_text(metadata.get("user_id")),
        project_id=short_text(run.project_id or run.session_id),
        start_time=time_text(run.start_time),
        model=given_text(metadata.get("ls_model_name")),
        example_id=short_text(run.reference_example_id),
        prompt_tokens=count_from(run.prompt_tokens),
        completion_tokens=count_from(run.completion_tokens),
        agent=role.agent,
        node=role.node,
        agent_type=role.agent_type,
        namespace=role.namespace,
        scores=scores_from(run.feedback_stats) if run.feedback_stats else {},
        trace_scores=scores_from(run.trace_feedback_stats) if run.trace_feedback_stats else {},
    )
