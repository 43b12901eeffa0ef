"""What every provider does with a request before anything is sent: check it, and write it for its target."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import ENDED, JobRequest, JobStatus, PreparedFile, Provider
from langsmith_finetune.providers.rest import status_of

if TYPE_CHECKING:
    from langsmith_finetune.targets.rules import TargetRules


def check_names(name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """See that a provider knows every parameter.

    Args:
        name: The provider's name.
        given: The names of the parameters that are asked for.
        known: Those that it takes.

    Raises:
        ValueError: One is unknown.
    """
    known = list(known)
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(
            f"{name}: parameters: unknown name {', '.join(map(repr, unknown))}; it takes {', '.join(known)}"
        )


@contextmanager
def prepared_files(provider: Provider, request: JobRequest) -> Iterator[Sequence[PreparedFile]]:
    """The files of a request as a provider reads them. Private copies live as long as the context.

    Raises:
        InvalidExampleError: A line is not JSON, or the provider has no form for it; names the line.
    """
    with ExitStack() as copies:
        yield [
            copies.enter_context(_converted(path, sha256, provider.rules))
            if provider.converts_files
            else PreparedFile(
                path=path,
                sha256=sha256,
                content=path,
                content_sha256=sha256,
                size_bytes=path.stat().st_size,
            )
            for path, sha256 in request.files
        ]


@contextmanager
def _converted(path: Path, sha256: str, rules: TargetRules) -> Iterator[PreparedFile]:
    """A file with each line as its target reads it: the file itself where nothing changes, or a private copy."""
    from langsmith_finetune.shapes.canonical import line_json  # noqa: PLC0415 - only who uploads needs them
    from langsmith_finetune.targets import to_target  # noqa: PLC0415
    from langsmith_finetune.targets.read_lines import sound_lines  # noqa: PLC0415

    changed, digest, count = bool(rules.file_prefix), hashlib.sha256(rules.file_prefix), 0
    handle, name = tempfile.mkstemp(suffix=".jsonl")
    copy = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(rules.file_prefix)
            for number, _, line in sound_lines(path):
                row = to_target(line, rules, where=f"{path.name}:{number}")
                changed = changed or row != line
                data = line_json(row) + b"\n"
                digest.update(data)
                out.write(data)
                count += 1
        content = copy if changed else path
        yield PreparedFile(
            path=path,
            sha256=sha256,
            content=content,
            content_sha256=digest.hexdigest() if changed else sha256,
            size_bytes=content.stat().st_size,
            lines=count,
        )
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
