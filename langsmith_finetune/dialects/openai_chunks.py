"""Joins the chunks of a streamed chat completion that was traced without a `reduce_fn`.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from langsmith_finetune._foundation.json_text import object_of
from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.checked import list_at, malformed, mapping_at, text_at
from langsmith_finetune.dialects.endings import note_ending
from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.dialects.openai_chat import calls_at, message_from, note_unknown

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
_KNOWN = frozenset({*_TEXTS, "role", "tool_calls", "function_call", "index"})


def message_of_chunks(where: str, chunks: Sequence[Any], notes: Notes) -> Message:
    """The message that a stream's chunks make."""
    texts: dict[str, list[str]] = {key: [] for key in _TEXTS}
    calls: list[dict[str, Any]] = []
    legacy: list[dict[str, Any]] = []
    for index, chunk in enumerate(chunks):
        at = f"{where}[{index}]"
        for choice in list_at(f"{at}.choices", mapping_at(at, chunk).get("choices")):
            if mapping_at(f"{at}.choices", choice).get("index", 0) != 0:
                notes.add("other_candidates", where)
                continue
            # Azure's last chunk tells of filters alone.
            delta = mapping_at(f"{at}.choices[0].delta", choice.get("delta") or {})
            for key, pieces in texts.items():
                if isinstance(delta.get(key), str) or key in ("content", "refusal"):
                    pieces.append(text_at(f"{at}.{key}", delta.get(key) or ""))
            for piece in calls_at(f"{at}.tool_calls", delta.get("tool_calls")):
                notes.spend(1)
                _add_piece(f"{at}.tool_calls", calls, mapping_at(f"{at}.tool_calls", piece), notes)
            if delta.get("function_call"):
                _add_piece(f"{at}.function_call", legacy, {"function": delta["function_call"]}, notes)
            note_unknown(f"{at}.choices[0].delta", delta, _KNOWN, notes)
            note_ending(f"{at}.choices[0]", choice, notes)
    for pieces in texts.values():
        notes.spend(sum(1 + len(piece) // 100 for piece in pieces))  # before they are joined
    message: dict[str, Any] = {key: "".join(pieces) or None for key, pieces in texts.items()}
    message["tool_calls"] = [
        {"id": call["id"], "function": _joined(call, notes)}
        for call in sorted(calls, key=itemgetter("index"))
    ]
    if legacy:
        message["function_call"] = _joined(legacy[-1], notes)
    return message_from(where, message | {"role": "assistant"}, notes)


def _add_piece(where: str, calls: list[dict[str, Any]], piece: Mapping[str, Any], notes: Notes) -> None:
    """Add a piece to the call it belongs to, or begin another: hosts may number all calls of a stream alike."""
    index = piece.get("index") or 0
    if not isinstance(index, int):
        raise malformed(f"{where}.index", "a number", index)
    function = mapping_at(f"{where}.function", piece.get("function"))
    name = text_at(f"{where}.function.name", function.get("name") or "")
    call = next((call for call in reversed(calls) if call["index"] == index), None)
    notes.spend(len(calls))
    if call is None or (name and _is_another(call, piece.get("id"), notes)):
        call = {"index": index, "id": None, "names": [], "pieces": []}
        calls.append(call)
    call["id"] = call["id"] or piece.get("id")
    if name and call["names"] != [name]:  # some hosts say the name with every piece
        call["names"].append(name)
    call["pieces"].append(text_at(f"{where}.function.arguments", function.get("arguments") or ""))


def _is_another(call: Mapping[str, Any], call_id: Any, notes: Notes) -> bool:
    """True if a piece with a name begins another call: it has another id, or, without ids, the call is whole."""
    if call["id"] and call_id:
        return bool(call["id"] != call_id)
    notes.spend(len(call["pieces"]))
    return object_of("".join(call["pieces"])) is not None


def _joined(call: Mapping[str, Any], notes: Notes) -> dict[str, str]:
    notes.spend(sum(1 + len(piece) // 100 for piece in (*call["names"], *call["pieces"])))
    return {"name": "".join(call["names"]), "arguments": "".join(call["pieces"])}
