"""Ollama's Modelfile for an exported model.

It holds no TEMPLATE on purpose. Since 0.30.0 Ollama renders the chat template that lies in the GGUF file, with llama.cpp's
engine, so the model sees what it was trained on. A TEMPLATE would take its place, in Go's language, and Go writes tools in
another form of JSON than chat templates do: the model would be asked with other tokens. `REQUIRES` keeps older versions off.
Sources: https://docs.ollama.com/modelfile, Ollama's `server/images.go` and `llm/llama_server.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune._foundation.json_values import numbers_from
from langsmith_finetune.providers.local.model_folder import json_in
from langsmith_finetune.serving.model_files import ModelFiles

_RENDERS_CHAT_TEMPLATES = "0.30.0"
_CONTEXT = 32_768
"""Tokens of context at most, since Ollama takes the memory for all of it at once."""


def modelfile(gguf: str, files: ModelFiles) -> str:
    """The text of a Modelfile.

    Args:
        gguf: The name of the GGUF file beside it.
        files: The model.
    """
    parameters = [f"stop {_quoted(text)}" for text in files.stop if text.isprintable() and '"""' not in text]
    parameters += _sampling(json_in(files.path / "generation_config.json"))
    if files.context is not None:
        parameters.append(f"num_ctx {min(files.context, _CONTEXT)}")
    lines = [
        f"FROM ./{gguf}",
        f"REQUIRES {_RENDERS_CHAT_TEMPLATES}",
        "# The chat template is in the GGUF file (and beside it in chat_template.jinja), and Ollama renders it from there.",
        "# A TEMPLATE here would replace it, and show the model its tools otherwise than it was trained.",
        *(f"PARAMETER {parameter}" for parameter in parameters),
    ]
    return "\n".join(lines) + "\n"


def _sampling(settings: Mapping[str, Any]) -> list[str]:
    """How the model's own settings choose tokens; Ollama's would be at temperature 0.8."""
    if settings.get("do_sample") is not True:
        return ["temperature 0"]
    numbers = numbers_from(settings)
    return [
        f"{name} {numbers[name]:.12g}"
        for name in ("temperature", "top_p", "top_k", "min_p")
        if name in numbers
    ]


def _quoted(text: str) -> str:
    """A value as Ollama's parser reads it: it ends at the closing quotes, and knows no escapes."""
    return f'"""{text}"""' if '"' in text else f'"{text}"'
