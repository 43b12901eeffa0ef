"""Reads Ollama's own client in a traced function: images beside the text, and streams of whole messages.

    inputs.messages   [{"role", "content", "images": [base64, ...], "tool_calls", "thinking"}]
    outputs           {"message": {...}, "done": true, "done_reason"}; streamed a list of them

Calls have no ids, and what answers one names the function (`tool_name`).
Source: https://docs.ollama.com/api/chat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects.blocks import base64_at, image_type
from langsmith_finetune.dialects.checked import list_at, mapping_at, text_at
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.openai_chat import calls_at


def with_images(where: str, message: Mapping[str, Any], notes: Notes) -> Mapping[str, Any]:
    """The message with its images as parts after its text.

    Raises:
        Unreadable: An image is told by its path on the machine that made the call.
    """
    images = list_at(f"{where}.images", message["images"])
    parts: list[Any] = [{"type": "text", "text": message["content"]}] if message.get("content") else []
    for index, image in enumerate(images):
        at = f"{where}.images[{index}]"
        data = image.get("value") if isinstance(image, OBJECT) and "value" in image else image
        try:
            encoded = base64_at(at, data, notes)
            kind = image_type(encoded)
        except Unreadable:
            kind = None
        if kind is None:
            raise Unreadable("lost_at_source", f"{at} is not an image, but may be a path to one")
        parts.append({"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}})
    return {**{key: value for key, value in message.items() if key != "images"}, "content": parts}


def joined(where: str, pieces: Sequence[Any], notes: Notes) -> dict[str, Any]:
    """The answer that the pieces of a stream make."""
    texts: dict[str, list[str]] = {"content": [], "thinking": []}
    calls: list[Any] = []
    last: Mapping[str, Any] = {}
    for index, found in enumerate(pieces):
        last = mapping_at(f"{where}[{index}]", found)
        at = f"{where}[{index}].message"
        message = mapping_at(at, last.get("message"))
        for key, said in texts.items():
            said.append(text_at(f"{at}.{key}", message.get(key) or ""))
        calls += calls_at(f"{at}.tool_calls", message.get("tool_calls"))
        notes.spend(1 + sum(len(said[-1]) // 100 for said in texts.values()))
    if last.get("done") is not True:
        notes.add("answer_cut_off", f"{where} was left before its end")
    message = {key: "".join(said) for key, said in texts.items()}
    return {**last, "message": {"role": "assistant", **message, "tool_calls": calls}}
