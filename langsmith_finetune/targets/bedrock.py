"""Amazon Nova on Bedrock: the Converse form, user and assistant in turn, without tools.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/nova-2-sft-data-prep.html
"""

from __future__ import annotations

from typing import Any

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets.rules import Line, TargetRules

_DATA = "https://docs.aws.amazon.com/bedrock/latest/userguide/nova-2-sft-data-prep.html"
_WORDS = "https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html"
_VERSION = "bedrock-conversation-2024"


def to_row(line: Line) -> dict[str, Any]:
    """A line that keeps the rules, as a row of the Converse form."""
    messages = line.get("input", line)["messages"]
    row: dict[str, Any] = {"schemaVersion": _VERSION}
    system = [block for m in messages if m["role"] == "system" for block in _to_blocks(m["content"])]
    if system:
        row["system"] = system
    row["messages"] = [
        {"role": m["role"], "content": _to_blocks(m["content"])} for m in messages if m["role"] != "system"
    ]
    if "input" in line:
        labels = {"preferred": "preferred_output", "non-preferred": "non_preferred_output"}
        candidates = [
            {"content": _to_blocks(line[key][0]["content"]), "preferenceLabel": label}
            for label, key in labels.items()
        ]
        row["messages"].append({"role": "assistant", "candidates": candidates})
    return row


def from_row(row: Line) -> dict[str, Any]:
    """A row as a line.

    Raises:
        InvalidExampleError: The row is not as Bedrock reads it.
    """
    if not isinstance(row.get("messages"), list):
        raise _bad("messages", "is not a list")
    messages = [
        {"role": "system", "content": _from_blocks([block], f"system[{index}]")}
        for index, block in enumerate(_list(row.get("system")))
    ]
    for index, message in enumerate(row["messages"]):
        field = f"messages[{index}]"
        if not isinstance(message, dict):
            raise _bad(field, "is not an object")
        if "candidates" in message:
            return {"input": {"messages": messages}, **_from_candidates(message["candidates"], field)}
        content = _from_blocks(message.get("content"), f"{field}.content")
        messages.append({"role": message.get("role"), "content": content})
    return {"messages": messages}


def _to_blocks(content: Any) -> list[dict[str, Any]]:
    return [{"text": content}] if isinstance(content, str) else [_to_block(part) for part in content]


def _to_block(part: Line) -> dict[str, Any]:
    if part["type"] == "text":
        return {"text": part["text"]}
    url = part["image_url"]["url"]
    ending = url.rsplit(".", 1)[-1].lower()
    kind = "jpeg" if ending == "jpg" else ending
    return {"image": {"format": kind, "source": {"s3Location": {"uri": url}}}}


def _from_candidates(candidates: Any, field: str) -> dict[str, Any]:
    answers = {}
    for index, candidate in enumerate(_list(candidates)):
        label = candidate.get("preferenceLabel") if isinstance(candidate, dict) else None
        if label not in ("preferred", "non-preferred"):
            raise _bad(f"{field}.candidates[{index}]", "has no label preferred or non-preferred")
        content = _from_blocks(candidate.get("content"), f"{field}.candidates[{index}].content")
        answers[label] = [{"role": "assistant", "content": content}]
    if answers.keys() != {"preferred", "non-preferred"}:
        raise _bad(f"{field}.candidates", "are not one preferred and one non-preferred")
    return {"preferred_output": answers["preferred"], "non_preferred_output": answers["non-preferred"]}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _from_blocks(blocks: Any, field: str) -> Any:
    if not isinstance(blocks, list) or not blocks:
        raise _bad(field, "is not a list of blocks")
    parts = [_from_block(block, f"{field}[{index}]") for index, block in enumerate(blocks)]
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _from_block(block: Any, field: str) -> dict[str, Any]:
    if isinstance(block, dict) and isinstance(block.get("text"), str):
        return {"type": "text", "text": block["text"]}
    try:
        return {"type": "image_url", "image_url": {"url": block["image"]["source"]["s3Location"]["uri"]}}
    except (KeyError, TypeError):
        raise _bad(field, "is neither text nor an image in S3") from None


def _bad(field: str, reason: str) -> InvalidExampleError:
    return InvalidExampleError("row", field, reason, 'Write rows with to_target(line, "bedrock")')


BEDROCK = TargetRules(
    name="bedrock",
    source=_DATA,
    sources={"forbidden_word": _WORDS},
    warns=frozenset({"byte_order_mark", "line_key", "message_key", "name", "refusal", "surrogate"}),
    ignores=frozenset({"undefined_tool"}),
    line_keys=frozenset({"messages", "tools"}),
    weights="none",
    order="in_turn",
    joins_users=True,  # each text is a block of the content
    system_first=True,
    tools=False,  # "Adding tool sections might cause your job to fail"
    image_urls=("s3://",),
    image_endings=(".jpeg", ".jpg", ".png", ".gif"),
    forbidden_words=("User:", "Bot:", "Assistant:", "System:", "<image>", "<video>", "[EOS]"),
    row_keys=frozenset({"schemaVersion"}),
    to_row=to_row,
    from_row=from_row,
)
