"""Fast path for the most common runs: text-only messages, no tools or settings, normal finish reason.

What is read here, `readers` would read to the same conversation and without a note; tests hold the two equal.
This only saves time: msgspec checks the few fields that matter, in C, whether they come as dicts or as JSON
text, where it also skips all others. A run that is in the least unlike these types is not read here.
"""

from __future__ import annotations

from types import NoneType
from typing import Any

import msgspec
from msgspec import UNSET

from langsmith_finetune._foundation.json_text import LARGEST, short_text
from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.fast_forms import (
    ROLE_OF_CLASS,
    PlainExtra,
    PlainInputs,
    PlainMessage,
    PlainMetadata,
    PlainOutputs,
    PlainRun,
)
from langsmith_finetune.dialects.losses.lost_media import CUT
from langsmith_finetune.dialects.losses.unseen_context import HOSTED, KEPT, NESTED, TOLD_AGAIN
from langsmith_finetune.dialects.notes import MARKS
from langsmith_finetune.dialects.sent.langchain_python import JOINING, SYSTEM_AS_USER, may_be_joined
from langsmith_finetune.dialects.tools import SETTINGS
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.runs.fields import count_from, given_text, scores_from, time_text
from langsmith_finetune.runs.placeholders import is_placeholder
from langsmith_finetune.runs.roles import SIDE_CALLS, role_from


def read_fast(run: Any) -> tuple[list[Message], RunSource] | None:
    """The messages of a plain run, its answer last, and where they came from; None where it is not plain.

    Args:
        run: A run, a dict of one, its JSON text as bytes, or a row whose fields are JSON text.
    """
    try:
        found = _PLAIN(run)
        messages = _messages(found)
        if found.extra is not None and _is_sent_otherwise(found.extra.invocation_params, messages):
            return None
        return messages, plain_source(found)
    except Exception:  # noqa: BLE001 - text and objects can raise anything; the readers say what is wrong
        return None


def _is_sent_otherwise(settings: Any, messages: list[Message]) -> bool:
    """True if LangChain's chat model may put messages together, or change their order."""
    return type(settings) is dict and settings.get("_type") in JOINING and may_be_joined(messages[:-1])


MODELS = {("langsmith.schemas", "Run"), ("langsmith.types.run", "Run")}
"""The classes of ready runs, by name: langsmith is not imported for this."""


class NotPlain(Exception):  # noqa: N818 - never leaves the fast paths
    """A run is in some way unlike the forms that are read here."""


class RunDecoder:
    """Reads runs of one form, whichever way they come.

    Args:
        run: The form of a run.
        inputs: The form of its inputs.
        outputs: The form of its outputs.
        extra: The form of its settings.
    """

    def __init__(self, run: Any, inputs: Any, outputs: Any, extra: Any) -> None:
        self._run, self._outputs, self._extra = run, outputs, (extra, NoneType)
        self._text = msgspec.json.Decoder(run)
        self._columns: dict[str, msgspec.json.Decoder[Any]] = {
            "inputs": msgspec.json.Decoder(inputs),
            "outputs": msgspec.json.Decoder(outputs),
            "extra": msgspec.json.Decoder(extra | None),
            "metadata": msgspec.json.Decoder(PlainMetadata | None),
            "feedback_stats": msgspec.json.Decoder(),
        }

    def __call__(self, run: Any) -> Any:
        """The run, if it has the form.

        Raises:
            Exception: It has not; text and objects can raise anything.
        """
        kind = type(run)
        if kind is dict:
            is_row = type(run.get("inputs")) in (str, bytes)
            return self._from_row(run) if is_row else msgspec.convert(run, self._run)
        if kind is bytes:
            return self._text.decode(run)
        if (kind.__module__, kind.__name__) in MODELS:
            return msgspec.convert(run.__dict__, self._run)
        raise NotPlain  # other objects may make up their fields as they are asked for them

    def _from_row(self, row: dict[str, Any]) -> Any:
        """A row of an export, each text of which is decoded by itself."""
        if row.get("run_type") not in ("llm", "LLM"):
            raise NotPlain
        fields = {name: row[name] for name in self._run.__struct_fields__ if name in row}
        for name, decoder in self._columns.items():
            if type(fields.get(name)) in (str, bytes):
                fields[name] = decoder.decode(fields[name])
        found = self._run(**fields)
        if type(found.outputs) is self._outputs and type(found.extra) in self._extra:
            return found
        raise NotPlain


_PLAIN = RunDecoder(PlainRun, PlainInputs, PlainOutputs, PlainExtra)


def asked_and_answered(run: PlainRun, *, settings: frozenset[str]) -> tuple[list[Any], Any, bool]:
    """The messages of the request, the one answer, and whether it is a choice of OpenAI's.

    Args:
        run: The run.
        settings: Settings of the call that the caller looks at itself.

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
    if answers is UNSET or len(answers) != 1 or not asked or _is_unlike(run, answers[0], is_choice, settings):
        raise NotPlain
    return asked, answers[0], is_choice


def _messages(run: PlainRun) -> list[Message]:  # noqa: C901 - see below
    """One pass over what was said, in one piece: this loop is what reading in bulk costs."""
    asked, answer, _ = asked_and_answered(run, settings=frozenset())
    messages: list[Message] = []
    size = 0
    for message in (*asked, answer.message):
        if type(message) is list:
            raise NotPlain
        fields = message.kwargs
        if fields is None:
            role, text = message.role, message.content
            if message.type is not None or message.id is not None:
                raise NotPlain
            if role == "system" and is_placeholder(text):
                raise NotPlain
        else:
            role, text = ROLE_OF_CLASS.get(message.id[-1] if message.id else ""), fields.content
            if message.type is None or message.role is not None or message.content is not None:
                raise NotPlain
            if role == "system" and (messages or _is_of_old_javascript(run, message)):
                raise NotPlain  # some chat models join it to another
        if (
            role is None
            or text is None
            or (("[" in text or "<" in text) and (CUT in text or MARKS.search(text)))
        ):
            raise NotPlain
        size += 100 + len(text)
        messages.append({"role": role, "content": text})
    if role != "assistant" or text in _NO_ANSWER or size > LARGEST:
        raise NotPlain
    if messages.index(messages[-1]) < len(messages) - 1:
        raise NotPlain  # an earlier message says the same
    return messages


_NO_ANSWER = ("", "redacted-by-litellm")


def _is_of_old_javascript(run: PlainRun, message: PlainMessage) -> bool:
    return message.id is not None and message.id[0] == "langchain_core" and run.outputs.llm_output_js is None


def _is_unlike(run: PlainRun, answer: Any, is_choice: bool, settings: frozenset[str]) -> bool:  # noqa: FBT001 - told once, right above
    """True if the run has anything a full reader would use besides the text."""
    if type(answer) is list or run.error or run.attachments:
        return True
    if run.status is not None and (type(run.status) is not str or run.status.lower() == "error"):
        return True
    if run.extra is not None and (
        _is_made(run.extra.invocation_params, settings) or _is_made(run.extra.options)
    ):
        return True
    if is_choice and run.outputs.object == "chat.completion.chunk" and answer.finish_reason is None:
        return True
    if is_choice and (answer.message.kwargs is not None or answer.type or answer.generation_info is not None):
        return True  # a mixture of both forms
    made_with = run.serialized or run.manifest
    return bool(made_with and _is_made_with(made_with))


_LOOKED_AT = (
    SETTINGS | KEPT | HOSTED | NESTED | {"documents", "instructions", "prompt", "think", SYSTEM_AS_USER}
)


def _has_settings(extra: PlainExtra | None) -> bool:
    return extra is not None and (type(extra.invocation_params) is dict or type(extra.options) is dict)


def _is_made(settings: Any, but: frozenset[str] = frozenset()) -> bool:
    """True if any setting was made that a reader looks at, but for some."""
    if settings is None:
        return False
    if type(settings) is not dict:
        return True
    return not _LOOKED_AT.isdisjoint(settings) and any(
        settings[name] is not None and not (name in NESTED and settings[name] == {})
        for name in _LOOKED_AT.intersection(settings) - but
    )


def _is_made_with(serialized: Any) -> bool:
    """True if LangChain's model was made with such a setting, or may have been."""
    if type(serialized) is not dict or serialized.get("repr") is not None:
        return True
    return _is_made(serialized.get("kwargs"))


_INTEGRATIONS_READ_WITH_CARE = ("openai-agents-sdk", "claude-agent-sdk", "google-adk")


def plain_source(run: PlainRun) -> RunSource:
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
    if not metadata.keys().isdisjoint(TOLD_AGAIN):  # which looks up the few
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
    )
