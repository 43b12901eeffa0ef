"""Reads Gemini: `wrap_gemini` in Python and JavaScript, and traced functions around Google's own SDK.

The wrapper posts the contents as messages, the rest of the request in `config`:

    inputs.messages                  [{"role": "user" | "model", "content": text or parts}]
    inputs.config                    system_instruction, tools[].function_declarations, tool_config, ...
    outputs                          {"content", "role", "finish_reason", "tool_calls"}; streamed without role

The wrapper loses parts before it posts: those given as objects are left out, which shows where a message is
left empty; a stream keeps its text alone, calls are left out; thoughts that were asked for are mixed into the
answer. Such runs are refused. Sources: https://ai.google.dev/api/generate-content, `langsmith.wrappers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.checked import list_at, malformed, mapping_at
from langsmith_finetune.dialects.content import content_from
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.endings import note_ending
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.tools import note_tool_config, refuse_kept_elsewhere, tools_from
from langsmith_finetune.dialects.turns import Turns
from langsmith_finetune.runs.fields import RunPayload


def is_gemini(run: RunPayload) -> bool:
    """True if `wrap_gemini` posted the run: its metadata says so, or a config that nobody else writes."""
    if run.metadata.get("ls_provider") == "google" and "ls_invocation_params" in run.metadata:
        return True
    config = run.inputs.get("config")
    return (
        config is not None
        and isinstance(config, OBJECT)
        and _setting(config, "system_instruction") is not None
    )


def add_request(run: RunPayload, turns: Turns) -> None:
    """Read the system instruction and the contents."""
    config = _config(run)
    refuse_kept_elsewhere(_setting(config, "cached_content"))
    system = _setting(config, "system_instruction")
    if system:
        turns.messages.append({"role": "system", "content": _instruction(system, turns.notes)})
    for index, found in enumerate(list_at("inputs.messages", run.inputs.get("messages"))):
        where = f"inputs.messages[{index}]"
        message = mapping_at(where, found)
        if not message.get("content"):
            raise Unreadable("lost_at_source", f"{where} was posted without its parts, as wrap_gemini does")
        role = message.get("role")
        before = len(turns.messages)
        turns.add(where, {**message, "role": "assistant" if role == "model" else role or "user"})
        for added in turns.messages[before:]:
            _drop_made_up_detail(added)
    _join_texts(turns)


def _join_texts(turns: Turns) -> None:
    """Texts of the user's in a row: a list of them went out as one message, contents as several, posted alike."""
    joined: list[Message] = []
    for message in turns.messages:
        if joined and joined[-1]["role"] == message["role"] == "user":
            turns.notes.add("turns_joined", "texts in a row may have been several messages")
            joined[-1] = {"role": "user", "content": [*_parts(joined[-1]), *_parts(message)]}
        else:
            joined.append(message)
    turns.messages = joined


def _parts(message: Message) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def add_answer(run: RunPayload, turns: Turns) -> None:
    """Check that the answer is whole; and give its calls ids that no call before them has."""
    outputs, config = run.outputs, _config(run)
    streamed_in_python = "role" not in outputs
    if streamed_in_python and _setting(config, "tools"):
        if not outputs.get("content"):
            raise Unreadable(
                "lost_at_source", "wrap_gemini posts the text of a stream alone; tools were offered"
            )
        turns.notes.add("calls_missing", "wrap_gemini posts the text of a stream alone; tools were offered")
    thinking = _setting(config, "thinking_config")
    asked_for_thoughts = isinstance(thinking, Mapping) and _setting(thinking, "include_thoughts") is True
    content = outputs.get("content")
    several = isinstance(content, (list, tuple)) or bool(content and outputs.get("tool_calls"))
    has_thoughts = isinstance(content, (list, tuple)) and any(
        isinstance(p, Mapping) and "thought" in p for p in content
    )
    if asked_for_thoughts and several and not streamed_in_python and not has_thoughts:
        raise Unreadable(
            "lost_at_source", "wrap_gemini mixes the thoughts that were asked for into the answer"
        )
    calls = outputs.get("tool_calls")
    message = {key: outputs[key] for key in ("content", "tool_calls") if outputs.get(key)}
    if calls:
        message["tool_calls"] = _with_ids(list_at("outputs.tool_calls", calls), turns)
    turns.add("outputs", {"role": outputs.get("role", "assistant"), **message})
    _drop_made_up_detail(turns.messages[-1])
    candidates = _setting(config, "candidate_count")
    if isinstance(candidates, int) and candidates > 1:
        turns.notes.add(
            "other_candidates", "config.candidate_count asked for more; the wrapper posts the first"
        )


def add_contents(run: RunPayload, turns: Turns) -> None:
    """Read the request of Google's own SDK: the system instruction and `contents`."""
    config = _config(run)
    refuse_kept_elsewhere(_setting(config, "cached_content"))
    system = _setting(config, "system_instruction") or _setting(run.inputs, "system_instruction")
    if system:
        turns.messages.append({"role": "system", "content": _instruction(system, turns.notes)})
    # Where the SDK called functions by itself, this is what the last request held.
    contents = _setting(run.outputs, "automatic_function_calling_history") or run.inputs.get("contents")
    if contents is None:
        raise Unreadable("unknown_shape", "the answer is Gemini's, but inputs.contents is not there")
    for where, content in _contents("inputs.contents", contents):
        turns.add(where, {"role": content.get("role") or "user", "parts": content["parts"]})


def _contents(where: str, contents: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Contents, where texts and parts in a row make one content of the user's, as the SDK has it."""
    if not isinstance(contents, (list, tuple)):
        contents = [contents]
    found: list[tuple[str, Mapping[str, Any]]] = []
    loose: list[Any] | None = None
    for index, given in enumerate(contents):
        at = f"{where}[{index}]"
        content = mapping_at(at, {"text": given} if isinstance(given, str) else given)
        if isinstance(content.get("parts"), (list, tuple)):
            loose = None
            found.append((at, content))
        elif isinstance(content.get("uri"), str):
            raise Unreadable("kept_elsewhere", f"{at} is a file that is kept at the provider")
        elif loose is None:
            loose = [content]
            found.append((at, {"role": "user", "parts": loose}))
        else:
            loose.append(content)
    return found


def add_candidate(where: str, responses: Sequence[Any], turns: Turns) -> None:
    """Read the first candidate of an answer, whole or in the pieces of a stream."""
    parts: list[Any] = []
    for index, response in enumerate(responses):
        at = f"{where}.candidates" if len(responses) == 1 else f"{where}[{index}].candidates"
        candidates = list_at(at, mapping_at(where, response).get("candidates") or [])
        if len(candidates) > 1:
            turns.notes.add("other_candidates", f"{at} holds {len(candidates)}")
        for found in candidates[:1]:
            candidate = mapping_at(f"{at}[0]", found)
            note_ending(f"{at}[0]", candidate, turns.notes)
            if any(_setting(candidate, key) for key in ("citation_metadata", "grounding_metadata")):
                turns.notes.add("keys_dropped", f"{at}[0]")
            content = candidate.get("content")
            if content is not None:
                parts += list_at(f"{at}[0].content.parts", mapping_at(at, content).get("parts") or [])
    if not parts:
        raise Unreadable("empty_output", f"{where}.candidates holds no part of an answer")
    turns.add(
        where, {"role": "model", "parts": parts if len(responses) == 1 else _joined(parts, turns.notes)}
    )


def _joined(parts: list[Any], notes: Notes) -> list[Any]:
    """The parts that the pieces of a stream make: texts in a row are one."""
    joined: list[Any] = []
    texts: list[str] = []
    for part in [*parts, None]:
        is_text = isinstance(part, Mapping) and isinstance(part.get("text"), str)
        if texts and not (is_text and part.get("thought") == joined[-1].get("thought")):
            joined[-1] = {**joined[-1], "text": "".join(texts)}
            texts = []
        if not (is_text and texts):
            joined.append(part)
        if is_text:
            texts.append(part["text"])
            notes.spend(1 + len(texts[-1]) // 100)
    return joined[:-1]


def add_settings(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Add the declared functions; note the settings that a training line has no place for."""
    config = _config(run)
    tools = list_at("inputs.config.tools", _setting(config, "tools") or [])
    for index, tool in enumerate(tools):
        if isinstance(tool, str):
            where = f"inputs.config.tools[{index}]"
            raise Unreadable("lost_at_source", f"{where} is a Python function, called unseen by the SDK")
    conversation.tools = tools_from("inputs.config.tools", tools, notes)
    calling = _setting(config, "tool_config")
    note_tool_config(calling if isinstance(calling, Mapping) else {}, notes)
    for key in ("response_schema", "response_json_schema"):
        if _setting(config, key) is not None:
            notes.add("response_format", f"the call named a {key}")
    if _setting(config, "response_mime_type") not in (None, "text/plain"):
        notes.add("response_format", "the call named a response_mime_type")


def _config(run: RunPayload) -> Mapping[str, Any]:
    """The rest of the request, by the names that people give to what they hand to the SDK."""
    for name in ("config", "cfg", "generation_config", "generationConfig", "generate_content_config"):
        if run.inputs.get(name) is not None:
            return mapping_at(f"inputs.{name}", run.inputs[name])
    return {}


def _setting(settings: Mapping[str, Any], key: str) -> Any:
    """A setting as Python's SDK or as JavaScript's spells it."""
    if settings.get(key) is not None:
        return settings[key]
    first, *rest = key.split("_")
    return settings.get(first + "".join(word.capitalize() for word in rest))


def _instruction(system: Any, notes: Notes) -> Any:
    """Text, a part, several, or a content that holds them."""
    where = "inputs.config.system_instruction"
    if isinstance(system, Mapping) and system.get("parts") is not None:
        system = system["parts"]
    if isinstance(system, Mapping):
        system = [system]
    if isinstance(system, (list, tuple)):
        system = [_text_part(f"{where}[{i}]", part) for i, part in enumerate(system)]
    return content_from(where, system, notes) or ""


def _text_part(where: str, part: Any) -> Any:
    if isinstance(part, Mapping):
        if part.get("parts") is not None:
            raise malformed(where, "a part with text", part)
        return {"type": "text", "text": part.get("text")}
    return part


def _drop_made_up_detail(message: Message) -> None:
    """The wrapper says `"detail": "high"` of every image; nobody asked for it."""
    for part in message["content"] if isinstance(message["content"], list) else ():
        if part["type"] == "image_url":
            part["image_url"].pop("detail", None)


def _with_ids(calls: Any, turns: Turns) -> list[Any]:
    """Gemini need not give a call an id; Python's wrapper makes `call_0` and so on, anew in each answer."""
    taken = {call["id"] for message in turns.messages for call in message.get("tool_calls", ())}
    read_calls = [mapping_at(f"outputs.tool_calls[{i}]", call) for i, call in enumerate(calls)]
    ids = [call.get("id") for call in read_calls]
    if all(isinstance(call_id, str) and call_id not in taken for call_id in ids):
        return read_calls
    turns.notes.add("ids_made", "outputs.tool_calls")
    return [{**call, "id": turns.new_id()} for call in read_calls]
