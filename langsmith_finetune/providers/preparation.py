"""Reads the files of a job once: checks them, counts their tokens, writes them in the form that the provider takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from langsmith_finetune._foundation.line_bytes import line_json
from langsmith_finetune._foundation.scratch import scratch_folder
from langsmith_finetune._foundation.watched import watched
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import JobRequest, PreparedFile

if TYPE_CHECKING:
    from langsmith_finetune.cost.counters import TokenCount, TokenCounter
    from langsmith_finetune.targets.for_target import SplitReport
    from langsmith_finetune.targets.report import CheckReport
    from langsmith_finetune.targets.splitting import Splitter


@contextmanager
def prepared_files(
    provider: Provider,
    request: JobRequest,
    *,
    check: bool = False,
    counter: TokenCounter | None = None,
    only: bool = False,
) -> Iterator[Sequence[PreparedFile]]:
    """The files of a request as a provider reads them. Private copies live as long as the context.

    Each file is opened once; not at all where it is sent as it is and nothing is to be found out.

    Args:
        provider: Who reads them.
        request: Names the files.
        check: Apply the provider's rules to every line.
        counter: Counts the tokens of the training file.
        only: Nothing is sent after that.

    Raises:
        InvalidExampleError: The provider's rules refuse a line, a line is not JSON, the provider has no form for it,
            or a file is not the one that was hashed; names the line. Where the rules were applied, a note of the error
            is the whole report.
    """
    with ExitStack() as copies:
        line_check = provider.line_check(request) if only or not provider.reads_lines_itself else None
        training, *validation = (
            _Preparation(provider, path, sha256, request, check=check) for path, sha256 in request.files
        )
        for file in (training, *validation):
            file.line_check = line_check
        training.counter = counter
        for file in validation:
            file.allow_few_lines()
        yield [copies.enter_context(file.prepared()) for file in (training, *validation)]


class _Preparation:
    """One pass over one file."""

    def __init__(
        self, provider: Provider, path: Path, sha256: str, request: JobRequest, *, check: bool
    ) -> None:
        self.provider, self.rules = provider, provider.rules
        self.path, self.sha256 = path, sha256
        # The lines of reinforcement have a form of their own, with keys that the grader reads.
        self.has_own_form = request.method == "reinforcement"
        self.checks = check and not self.has_own_form
        self.counter: TokenCounter | None = None
        self.line_check: Callable[[Mapping[str, Any], str], object] | None = None
        self.tokens: TokenCount | None = None
        self.tokens_unknown: str | None = None
        self.report: CheckReport | None = None
        self.splitter: Splitter | None = None
        self.split: SplitReport | None = None
        self.lines: int | None = None

    def allow_few_lines(self) -> None:
        """A few lines are enough to measure on."""
        self.rules = replace(self.rules, ignores=self.rules.ignores | {"too_few"})

    @contextmanager
    def prepared(self) -> Iterator[PreparedFile]:
        """The file as the provider reads it: itself, or a private copy where anything changes."""
        if not self.provider.converts_files:
            if self.checks or self.counter or self.line_check:
                self._read(None)
            yield self._file(self.path, self.sha256)
            return
        with scratch_folder("upload-") as folder:
            copy = folder / "lines.jsonl"
            copy.touch(mode=0o600)
            with copy.open("wb") as out:
                written = self._read(out)
            yield self._file(self.path, self.sha256) if written is None else self._file(copy, written)

    def _file(self, content: Path, sha256: str) -> PreparedFile:
        return PreparedFile(
            path=self.path,
            sha256=self.sha256,
            content=content,
            content_sha256=sha256,
            size_bytes=content.stat().st_size,
            lines=self.lines,
            check=self.report,
            tokens=self.tokens,
            tokens_unknown=self.tokens_unknown,
            split=self.split,
        )

    def _read(self, out: IO[bytes] | None) -> str | None:
        """Read the file, and write what is sent. Returns its SHA-256 where it is not the file itself."""
        given, sent, count = hashlib.sha256(), hashlib.sha256(self.rules.file_prefix), 0
        changed = bool(self.rules.file_prefix)
        if out is not None:
            out.write(self.rules.file_prefix)
            self._split_lines()
        with self.path.open("rb") as file:
            lines = _Hashed(file, given)
            what = f"lines of {self.path.name} read"
            for number, line, data in watched(what, self._lines(lines), goes_through=True):
                count += 1
                self._count(line)
                where = f"{self.path.name}:{number}"
                if self.line_check is not None:
                    self.line_check(line, where)
                if out is None:
                    continue
                row, is_other = self._row(line, data, where)
                changed = changed or is_other
                out.write(row)
                sent.update(row)
        if given.hexdigest() != self.sha256:
            raise InvalidExampleError(
                self.path.name, "", "changed while the job was created", "Call create again"
            )
        self.lines = count
        return sent.hexdigest() if changed or lines.are_more_than_examples else None

    def _lines(self, lines: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, Any], bytes]]:
        """The lines, those that are split as several, without bytes of their own.

        Where they are checked, what comes after the first that is refused is only checked.
        """
        if not self.checks:
            from langsmith_finetune.targets.read_lines import sound  # noqa: PLC0415 - only who pays needs them

            for number, data, value in sound(lines, self.path.name):
                for part in self._parts(number, value):
                    yield number, part, data if part is value else b""
            return
        from langsmith_finetune.targets.checker import Checker  # noqa: PLC0415

        checker = Checker(self.rules, is_written_anew=self.provider.converts_files)
        checker.size(self.path.stat().st_size)
        for number, line, data in checker.read(lines):
            if line is None:
                checker.line(number, None, data)
                continue
            for part in self._parts(number, line):
                own = data if part is line else b""
                checker.line(number, part, own)
                if not checker.errors:
                    yield number, part, own
        self.report = report = checker.report(self.path.name)
        if not report.ok:
            raise _refusal(self.path, report)

    def _split_lines(self) -> None:
        """Split what is sent where the provider has no weights, or none after what is trained."""
        if self.rules.weights == "each" or self.has_own_form:
            return
        from langsmith_finetune.targets.for_target import SplitReport  # noqa: PLC0415
        from langsmith_finetune.targets.registry import TEXT_RULES  # noqa: PLC0415
        from langsmith_finetune.targets.splitting import Splitter  # noqa: PLC0415

        rules = self.rules
        if not self.checks:  # what it can read is sent all the same
            rules = replace(rules, ignores=rules.ignores | TEXT_RULES | {"too_long"})
        self.splitter = Splitter(rules)
        self.split = SplitReport(self.rules.name)

    def _parts(self, number: int, line: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """The line as it is sent, before it is a row. One that loses an answer stays whole, to be refused."""
        if self.splitter is None or self.split is None:
            return (line,)
        where = f"{self.path.name}:{number}"
        split = self.splitter.split(line) if self.checks else self.splitter.mended(line)
        if error := split.error(where):
            if self.checks:
                return (self.splitter.as_one(line),)
            raise error
        self.split.add(where, split)
        return split.lines

    def _row(self, line: Mapping[str, Any], data: bytes, where: str) -> tuple[bytes, bool]:
        """A line as it is sent, and whether it says anything else than the file does."""
        if self.has_own_form:
            return data, False
        from langsmith_finetune.targets.registry import row_of  # noqa: PLC0415

        row = line_json(row_of(line, self.rules, where)) + b"\n"
        return row, row != data and (not data or row != line_json(line) + b"\n")

    def _count(self, line: Mapping[str, Any]) -> None:
        if self.counter is None:
            return
        try:
            count = self.counter.count(line)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Of a line that was not checked. The number is for the reader; the job does without.
            self.counter = self.tokens = None
            self.tokens_unknown = f"the tokens cannot be counted ({type(error).__name__})"
        else:
            self.tokens = count if self.tokens is None else self.tokens + count


class _Hashed:
    """The lines of a file, hashed as they are read."""

    def __init__(self, lines: Iterable[bytes], digest: Any) -> None:
        self._lines, self._digest = lines, digest
        self.are_more_than_examples = False
        """There is a byte order mark, or a blank line, which some hosts refuse."""

    def __iter__(self) -> Iterator[bytes]:
        for number, line in enumerate(self._lines, start=1):
            self._digest.update(line)
            if not line.strip() or (number == 1 and line.startswith(b"\xef\xbb\xbf")):
                self.are_more_than_examples = True
            yield line


def _refusal(path: Path, report: CheckReport) -> InvalidExampleError:
    worst = next(problem for problem in report.problems if problem.severity == "error")
    where = path.name if worst.line is None else f"{path.name}:{worst.line}"
    error = InvalidExampleError(where, worst.field, worst.found, worst.how_to_fix)
    error.add_note(f"{report}\ncheck=False sends the file all the same")
    return error
