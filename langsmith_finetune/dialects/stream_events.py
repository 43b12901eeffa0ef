"""Reads the events of a stream that a traced function yielded: of Anthropic, Bedrock and OpenAI.

    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hel"}}}
    {"type": "response.completed", "response": {...}}

Sources: https://docs.claude.com/en/docs/build-with-claude/streaming,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects.checked import malformed, mapping_at, text_at
from langsmith_finetune.dialects.notes import Notes, Unreadable

_BEGINNINGS = ("message_start", "messageStart")


def is_stream(event: Mapping[str, Any]) -> bool:
    """True if a list that begins with this is a stream's."""
    return event.get("type") == _BEGINNINGS[0] or _BEGINNINGS[1] in event


def joined(where: str, events: Sequence[Any], notes: Notes) -> dict[str, Any]:
    """The message that the events of a stream make."""
    blocks: dict[int, tuple[dict[str, Any], list[str]]] = {}
    ending: Any = None
    for index, found in enumerate(events):
        at = f"{where}[{index}]"
        notes.spend(1)
        event = mapping_at(at, found)
        kind = event.get("type")
        if kind == "content_block_start":
            block = mapping_at(f"{at}.content_block", event.get("content_block"))
            blocks[_index(at, event.get("index"))] = ({**block}, [])
        elif kind == "content_block_delta":
            _add(at, blocks, event.get("index"), mapping_at(f"{at}.delta", event.get("delta")), notes)
        elif kind == "message_delta":
            ending = mapping_at(f"{at}.delta", event.get("delta")).get("stop_reason") or ending
        elif isinstance(start := event.get("contentBlockStart"), OBJECT):
            call = mapping_at(f"{at}.start", start.get("start")).get("toolUse")
            call = mapping_at(f"{at}.start.toolUse", call)
            block = {"type": "tool_use", "id": call.get("toolUseId"), "name": call.get("name")}
            blocks[_index(at, start.get("contentBlockIndex"))] = (block, [])
        elif isinstance(more := event.get("contentBlockDelta"), OBJECT):
            delta = mapping_at(f"{at}.delta", more.get("delta"))
            _add(at, blocks, more.get("contentBlockIndex"), delta, notes)
        elif isinstance(stop := event.get("messageStop"), OBJECT):
            ending = stop.get("stopReason") or ending
    if ending is None:
        notes.add("answer_cut_off", f"{where} was left before its end")
    content = [_whole(block, pieces) for _, (block, pieces) in sorted(blocks.items())]
    return {"role": "assistant", "content": content, "stop_reason": ending}


_TEXT_OF = {"text": "text", "tool_use": "input", "thinking": "thinking"}
"""Where the text of a block goes, by its kind."""


def _add(
    where: str,
    blocks: dict[int, tuple[dict[str, Any], list[str]]],
    index: Any,
    delta: Mapping[str, Any],
    notes: Notes,
) -> None:
    call, reasoning = delta.get("toolUse"), delta.get("reasoningContent")
    if isinstance(call, OBJECT):
        kind, piece = "tool_use", call.get("input")
    elif isinstance(reasoning, OBJECT):
        kind, piece = "thinking", reasoning.get("text")
    elif delta.get("partial_json") is not None:
        kind, piece = "tool_use", delta["partial_json"]
    elif delta.get("thinking") is not None:
        kind, piece = "thinking", delta["thinking"]
    elif delta.get("text") is not None:
        kind, piece = "text", delta["text"]
    else:
        if "citation" in delta:
            notes.add("keys_dropped", where)
        return  # a signature
    place = _index(where, index)
    if place not in blocks and kind == "tool_use":
        raise malformed(where, "a piece of a call that has begun", None)
    block, pieces = blocks.setdefault(place, ({"type": kind}, []))
    if block.get("type") != kind:
        raise Unreadable("malformed", f"{where} goes on with a block of another kind")
    piece = text_at(f"{where}.delta", piece or "")
    notes.spend(len(piece) // 100)
    pieces.append(piece)


def _index(where: str, index: Any) -> int:
    if type(index) is not int:
        raise malformed(f"{where}.index", "a number", index)
    return index


def _whole(block: dict[str, Any], pieces: list[str]) -> dict[str, Any]:
    key, text = _TEXT_OF.get(str(block.get("type"))), "".join(pieces)
    if key == "input" and not text.strip():
        return {**block, key: block.get(key) or {}}  # no arguments are sent as no piece, or as an empty one
    return {**block, key: text} if key and pieces else block


def is_of_response(event: Mapping[str, Any]) -> bool:
    """True if this is an event of a stream of the Responses API."""
    kind = event.get("type")
    return isinstance(kind, str) and kind.startswith("response.")


def response_of(where: str, events: Sequence[Any]) -> Mapping[str, Any]:
    """The response that the last event of such a stream holds, whole.

    Raises:
        Unreadable: The stream was left before it.
    """
    last = events[-1] if events else None
    if isinstance(last, OBJECT) and last.get("type") in _ENDS and isinstance(last.get("response"), OBJECT):
        return mapping_at(where, last["response"])
    raise Unreadable("lost_at_source", f"{where} was left before the event that holds the response")


_ENDS = ("response.completed", "response.incomplete")
