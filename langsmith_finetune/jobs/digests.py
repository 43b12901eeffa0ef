"""Tells files and folders by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from langsmith_finetune.errors import InvalidExampleError


def sha256_of_folder(path: Path) -> str:
    """Tell a model folder's content: names, sizes, and the first and last MiB of each file.

    Weights are many GB, and training changes every part of them: reading their ends is enough.
    """
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            size = file.stat().st_size
            digest.update(f"{file.relative_to(path).as_posix()}\0{size}\0".encode())
            with file.open("rb") as content:
                digest.update(content.read(1 << 20))
                content.seek(max(size - (1 << 20), content.tell()))
                digest.update(content.read())
    return digest.hexdigest()


def sha256_and_first_line(path: Path) -> tuple[str, dict[str, Any]]:
    """Hash a file in constant memory, and read its first line.

    Raises:
        InvalidExampleError: The file is empty, or its first line is not a JSON object.
    """
    from langsmith_finetune.targets.read_lines import NO_EXAMPLES, WRITE_JSONL, sound  # noqa: PLC0415

    with path.open("rb") as file:
        first = next(sound(file, path.name), None)
        if first is None:
            raise InvalidExampleError(path.name, "", NO_EXAMPLES, WRITE_JSONL)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest(), first[2]
