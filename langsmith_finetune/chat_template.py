"""Messages as chat templates take them, and the tokenizer that holds the template."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from langsmith_finetune._foundation.extras import without_tqdm_warning
from langsmith_finetune._foundation.surrogates import HALF, WHOLE, has_halves_in_json
from langsmith_finetune.errors import InvalidExampleError, ProviderError

T = TypeVar("T")

_ROLES = {"system", "developer", "user", "assistant", "tool"}


def messages_for_template(messages: Sequence[Any], where: str) -> list[dict[str, Any]]:
    """Messages of the OpenAI form, as chat templates take them.

    Content becomes text, `developer` becomes `system`, and the arguments of calls become objects: given
    JSON text, some templates quote it a second time and others fail. Tool answers get the name of the tool
    they answer, which some templates ask for.

    Raises:
        InvalidExampleError: A message has no such form.
    """
    called: dict[str, str] = {}
    rendered = []
    for index, message in enumerate(messages):
        field = f"messages[{index}]"
        role = message.get("role") if isinstance(message, Mapping) else None
        if not isinstance(role, str) or role not in _ROLES:
            fix = "Make lines with training_examples(sessions)"
            _refuse(where, f"{field}.role", "is none of system, developer, user, assistant, tool", fix)
        assert isinstance(message, Mapping)  # noqa: S101 - for the type checker; _refuse has seen to it
        result: dict[str, Any] = {
            "role": "system" if role == "developer" else role,
            "content": _text(message, where, field),
        }
        if role == "assistant" and isinstance(message.get("reasoning_content"), str):
            result["reasoning_content"] = message["reasoning_content"]  # for templates that show it
        if role == "assistant" and message.get("tool_calls"):
            result["tool_calls"] = _calls(message["tool_calls"], where, f"{field}.tool_calls")
            called |= {call["id"]: call["function"]["name"] for call in result["tool_calls"] if "id" in call}
        elif role == "assistant" and message.get("function_call"):
            fix = "Make lines with training_examples(sessions), which turns it into tool_calls"
            _refuse(where, f"{field}.function_call", "is a function call of the legacy form", fix)
        if role == "tool":
            call_id = message.get("tool_call_id")
            result |= {"tool_call_id": call_id} if call_id is not None else {}
            name = message.get("name") or called.get(str(call_id))
            result |= {"name": name} if name else {}
        rendered.append(result)
    return rendered


def _text(message: Mapping[str, Any], where: str, field: str) -> str:
    """The message's text: a model trained here reads nothing else."""
    content = message.get("content")
    if content is None:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(content if isinstance(content, list) else [content]):
        kind = part.get("type") if isinstance(part, Mapping) else None
        text = part.get(kind) if isinstance(part, Mapping) and kind in {"text", "refusal"} else None
        if not isinstance(text, str):
            named = {"image_url": "an image_url", "input_audio": "an input_audio", "file": "a file"}
            what = named.get(str(kind), "a part of another kind than text")
            fix = "Leave the line out, or train with a provider that takes such parts"
            _refuse(where, f"{field}.content[{index}]", f"is {what}, and local models read text only", fix)
        texts.append(text)
    return "".join(texts)


def _calls(calls: Any, where: str, field: str) -> list[dict[str, Any]]:
    rendered = []
    for index, call in enumerate(calls if isinstance(calls, list) else [calls]):
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
            fix = "Make lines with training_examples(sessions)"
            _refuse(where, f"{field}[{index}].function.name", "is missing", fix)
        rendered.append(
            {
                **({"id": call["id"]} if isinstance(call.get("id"), str) else {}),
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": _arguments(
                        function.get("arguments"), where, f"{field}[{index}].function.arguments"
                    ),
                },
            }
        )
    return rendered


def _arguments(arguments: Any, where: str, field: str) -> dict[str, Any]:
    if isinstance(arguments, str):
        if has_halves_in_json(arguments):
            _refuse(where, field, HALF, WHOLE)
        try:
            # Without a constant's name in JSON (NaN, Infinity), which a template would write into the text.
            arguments = json.loads(arguments or "{}", parse_constant=_no_constant)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        fix = "Leave the line out, or correct the arguments: a model trained on them would learn to fail"
        _refuse(where, field, "is not JSON text of an object", fix)
    return arguments


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse(where: str, field: str, reason: str, fix: str) -> NoReturn:
    raise InvalidExampleError(where, field, reason, fix)


def load_tokenizer(name: str, **settings: Any) -> Any:
    """The tokenizer of a model.

    Args:
        name: A folder, or a name on the Hugging Face Hub.
        **settings: Further settings of `AutoTokenizer.from_pretrained`.

    Raises:
        ProviderError: It is code of its own.
    """
    without_tqdm_warning()
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

    return loaded_without_code(
        name, lambda: AutoTokenizer.from_pretrained(name, **settings | {"trust_remote_code": False})
    )


def loaded_without_code(name: str, load: Callable[[], T]) -> T:
    """What `load` gives, or an error in our own words if the folder asks to run its code."""
    try:
        return load()
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        what = "model folder" if Path(name).is_dir() else "model"
        raise ProviderError(
            "local",
            f"the {what} {name} brings code of its own, and its code is not run. Take a model that transformers "
            "has built in",
        ) from None
