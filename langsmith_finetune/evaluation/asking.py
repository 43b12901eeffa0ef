"""Asks a model every question that is not answered yet, and keeps each answer as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TypeVar

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune._foundation.retry import ATTEMPTS, retry_delay
from langsmith_finetune._foundation.watched import Step
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.evaluation.answers import Answer, answer_of_row, row_of_answer
from langsmith_finetune.evaluation.cases import Case
from langsmith_finetune.evaluation.faults import (
    CannotBeAskedError,
    fault_in,
    seconds_asked_for,
    words_of,
)
from langsmith_finetune.evaluation.models import Asked
from langsmith_finetune.evaluation.results_folder import KeptRows

logger = logger_of(__name__)

T = TypeVar("T")


class StoppedError(Exception):
    """Somebody waits for the answers no longer."""


_SILENT = 10
"""So many questions in a row that nobody answered are an outage, and no failures of the model's."""


class Pace:
    """What all who ask one host share: when one is told to wait, all wait; and whether it answers at all.

    Args:
        stopped: Set when nobody waits for the answers any more.
    """

    def __init__(self, stopped: threading.Event) -> None:
        self.stopped = stopped
        self.has_answered = False
        self._silent = 0
        self._until = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the host may be asked.

        Raises:
            StoppedError: Nobody waits for the answer.
        """
        while True:
            if self.stopped.is_set():
                raise StoppedError
            with self._lock:
                left = self._until - clock().now()
            if left <= 0:
                return
            clock().sleep(min(left, 1.0))

    def answered(self) -> None:
        """The host answered."""
        with self._lock:
            self.has_answered, self._silent = True, 0

    def given_up(self, count: int) -> bool:
        """So many questions more were asked in vain. True if that is no longer by chance."""
        with self._lock:
            self._silent += count
            return self._silent >= _SILENT

    def hold(self, seconds: float) -> None:
        """Let all wait for so many seconds from now."""
        with self._lock:
            self._until = max(self._until, clock().now() + seconds)


def ask_all(
    model: Asked,
    cases: Sequence[Case],
    kept: KeptRows,
    *,
    max_concurrency: int,
    stopped: threading.Event,
) -> list[Answer]:
    """The answers of a model to all cases, in their order.

    Args:
        model: Who is asked.
        cases: What is asked. A question that occurs twice is asked once.
        kept: The answers so far; each new one is added to it before the next is asked for.
        max_concurrency: How many questions wait for a host's answers at a time.
        stopped: Once it is set, nothing more is asked.

    Raises:
        ProviderError: No question can be answered, such as with a wrong key. Answers so far are kept.
        StoppedError: `stopped` was set.
    """
    open_cases = unanswered(cases, kept)
    batches = list(_batches(open_cases, model.together))
    pace = Pace(stopped)

    def work(batch: Sequence[Case]) -> int:
        for case, answer in zip(batch, _asked(model, batch, pace), strict=True):
            kept.add(case.key, row_of_answer(answer))
        return len(batch)

    with Step(f"answers of {model.name}", total=len(open_cases), goes_through=True) as step:
        workers = 1 if model.is_local else max_concurrency
        for count in in_parallel([partial(work, batch) for batch in batches], workers, stopped):
            for _ in range(count):
                step.add()
    answers = []
    for case in cases:
        row = kept.get(case.key)
        answer = None if row is None else answer_of_row(row)
        assert answer is not None  # noqa: S101 - each was answered above
        answers.append(answer)
    if errors := sum(answer.error is not None for answer in answers):
        logger.warning(
            "%s: %d of %d answers are errors, which count as failures", model.name, errors, len(answers)
        )
    return answers


def unanswered(cases: Sequence[Case], kept: KeptRows) -> list[Case]:
    """The cases that are still to be asked, each question once: also those whose error may not come again."""
    found: dict[str, Case] = {}
    for case in cases:
        row = kept.get(case.key)
        answer = None if row is None else answer_of_row(row)
        if answer is None or answer.is_temporary:
            found.setdefault(case.key, case)
    return list(found.values())


def in_parallel(tasks: Sequence[Callable[[], T]], workers: int, stopped: threading.Event) -> Iterator[T]:
    """Do all tasks, so many at a time, and yield what each returns. The first that raises, or an interruption, ends all.

    Args:
        tasks: What is to be done.
        workers: How many at a time.
        stopped: Set when one fails, for those which wait.
    """

    def work(task: Callable[[], T]) -> T:
        try:
            return task()
        except BaseException:
            stopped.set()  # at once, before this thread takes the next task
            raise

    with ThreadPoolExecutor(workers, thread_name_prefix="evaluate") as executor:
        futures = [executor.submit(work, task) for task in tasks]
        try:
            for future in as_completed(futures):
                if future.exception() is not None:
                    break
                yield future.result()
        except BaseException:
            stopped.set()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
    errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    for error in errors:
        if not isinstance(error, StoppedError):  # the cause of the others
            raise error
    if stopped.is_set():
        raise StoppedError


def _batches(cases: Iterable[Case], together: int) -> Iterable[Sequence[Case]]:
    """Cases with the same tools go together; of one size, so that little is padded."""
    if together == 1:
        return ((case,) for case in cases)
    alike: dict[str, list[Case]] = {}
    for case in cases:
        alike.setdefault(compact_json([case.tools, case.parallel_tool_calls]), []).append(case)
    return (
        some[start : start + together]
        for some in (sorted(cases, key=_length) for cases in alike.values())
        for start in range(0, len(some), together)
    )


def _length(case: Case) -> int:
    return sum(len(str(message.get("content"))) for message in case.messages)


def _asked(model: Asked, batch: Sequence[Case], pace: Pace) -> list[Answer]:
    """The answers to a batch; what fails for a while is asked again, up to four times."""
    answers: dict[str, Answer] = {}
    left = list(batch)
    for attempt in range(1, ATTEMPTS + 1):
        pace.wait()
        again, delay = [], 0.0
        for case, said in zip(left, _once(model, left), strict=True):
            if isinstance(said, Answer):
                answers[case.key] = said
                pace.answered()
                continue
            fault = fault_in(said, has_answered=pace.has_answered)
            if fault == "model":
                raise _of_the_model(model.name, said) from None
            answers[case.key] = Answer(error=words_of(said), is_temporary=fault == "temporary")
            if fault == "temporary":
                again.append(case)
                delay = max(delay, _delay(said, attempt))
        if not again:
            break
        left = again
        if attempt < ATTEMPTS:
            pace.hold(delay)
        elif pace.given_up(len(again)):
            raise ProviderError(
                model.name,
                f"{answers[again[-1].key].error}. {_SILENT} questions in a row were not answered in four tries each. "
                "Evaluate again later: what is answered is not asked again",
                temporary=True,
            )
    return [answers[case.key] for case in batch]


def _once(model: Asked, batch: Sequence[Case]) -> list[Answer | BaseException]:
    """What came of asking once. A batch that fails, as for want of memory, is asked one by one."""
    said = model.ask(batch)
    if len(batch) == 1:
        return said
    return [
        one if isinstance(one, Answer) or fault_in(one) != "answer" else model.ask([case])[0]
        for case, one in zip(batch, said, strict=True)
    ]


def _delay(error: BaseException, attempt: int) -> float:
    """Seconds until the next try."""
    known = ProviderError("", "", temporary=True, retry_after_seconds=seconds_asked_for(error))
    return retry_delay(known, attempt)


def _of_the_model(name: str, error: BaseException) -> Exception:
    if isinstance(error, ImportError | CannotBeAskedError):
        return error
    return ProviderError(
        name,
        f"{words_of(error)}. Every question would fail like this, so none was counted. Mend it and evaluate again: "
        "what is answered is not asked again",
    )
