"""What every provider does with a request before anything is sent: check it, and write it for its target."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.base import ENDED, Capabilities, JobRequest, JobStatus
from langsmith_finetune.providers.rest import status_of


def check_request(name: str, request: JobRequest, can: Capabilities, parameters: Mapping[str, Any]) -> None:
    """See that a provider can do what is asked, offline.

    Args:
        name: The provider's name.
        request: What is asked.
        can: What it can do.
        parameters: The annotations of its TypedDict of parameters.

    Raises:
        NotSupportedError: It does not train by this method.
        ValueError: A parameter is unknown, or the suffix is too long.
    """
    if request.method not in can.methods:
        known = ", ".join(sorted(can.methods))
        raise NotSupportedError(name, f"method={request.method!r}; it trains {known}")
    if unknown := sorted(set(request.parameters) - set(parameters)):
        raise ValueError(
            f"{name}: parameters: unknown name {', '.join(map(repr, unknown))}; it takes {', '.join(parameters)}"
        )
    if request.suffix is not None and len(request.suffix) > can.longest_suffix:
        raise ValueError(
            f"{name}: suffix has {len(request.suffix)} characters, but may have {can.longest_suffix}; shorten it"
        )


@contextmanager
def file_for(path: Path, target: str) -> Iterator[Path]:
    """A training file as its target reads it: the file itself where nothing changes, or a private copy.

    Args:
        path: A file of lines in the OpenAI format.
        target: The target's name.

    Raises:
        InvalidExampleError: A line is not JSON, or the target has no form for it; names the line.
    """
    from langsmith_finetune.shapes.canonical import line_json  # noqa: PLC0415 - only who uploads needs them
    from langsmith_finetune.targets import FILE_PREFIX, to_target  # noqa: PLC0415
    from langsmith_finetune.targets.read_lines import sound_lines  # noqa: PLC0415

    changed = bool(FILE_PREFIX.get(target))
    handle, name = tempfile.mkstemp(suffix=".jsonl")
    copy = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(FILE_PREFIX.get(target, b""))
            for number, _, line in sound_lines(path):
                row = to_target(line, target, where=f"{path.name}:{number}")  # type: ignore[arg-type]
                changed = changed or row != line
                out.write(line_json(row) + b"\n")
        yield copy if changed else path
    finally:
        copy.unlink(missing_ok=True)


def ended_meanwhile(refused: ProviderError, look: Callable[[], JobStatus]) -> JobStatus:
    """The job that could not be cancelled because it had ended.

    Args:
        refused: Why the cancel was refused.
        look: Asks where the job stands.

    Raises:
        ProviderError: The refusal, where the job has not ended.
    """
    if status_of(refused) not in {400, 409, 412, 422}:
        raise refused
    job = look()
    if job.status not in ENDED:
        raise refused
    return job


def key_of(variable: str, api_key: str | None) -> str:
    """The API key that was given, or that stands in the environment.

    Raises:
        ValueError: There is none. The SDK would take `OPENAI_API_KEY` then, and show it to somebody else.
    """
    key = api_key or os.environ.get(variable)
    if not key:
        raise ValueError(f"there is no API key; give api_key=, or set {variable}")
    return key


def line_count(path: Path) -> int:
    """How many lines of a file hold something."""
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
