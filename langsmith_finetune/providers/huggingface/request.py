"""What is sent to Hugging Face's machine: this library's code, the packages it needs, and the request."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from langsmith_finetune.providers.values import JobRequest


def requirements() -> list[str]:
    """What the trainer needs, as this library's own package says it."""
    return sorted(
        re.split(r"\s*;", need)[0]
        for need in metadata.requires("langsmith-finetune") or []
        if "extra ==" not in need or re.search(r"""extra == ['"]local['"]""", need)
    )


def code_archive() -> bytes:
    """This library's own code as a zip that Python imports from; the same code gives the same bytes."""
    root = Path(__file__).parents[2]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(root.rglob("*")):
            if file.suffix in {".py", ".toml"}:
                info = zipfile.ZipInfo(f"langsmith_finetune/{file.relative_to(root).as_posix()}")
                packed.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def with_packages(needs: Sequence[str]) -> Iterator[str]:
    """The arguments by which `uv run` installs packages."""
    for need in [*needs, "huggingface_hub"]:
        yield from ("--with", need)


def request_json(
    request: JobRequest, training_path: str, validation_path: str | None = None
) -> dict[str, Any]:
    """The `request.json` that the trainer reads.

    Args:
        request: What to train.
        training_path: Where the training file lies in the repository.
        validation_path: Where the validation file lies, if there is one.
    """
    return {
        "fingerprint": request.fingerprint,
        "model": request.model,
        "model_path": request.model,
        "method": request.method,
        "parameters": dict(request.parameters),
        "training_name": request.training_file.name,
        "training_path": training_path,
        "validation_name": request.validation_file.name if request.validation_file else None,
        "validation_path": validation_path,
        "suffix": request.suffix,
        "seed": request.seed,
    }
