"""Polling and retrying with backoff."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain, repeat
from typing import TypeVar

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.deadline import answers_within
from langsmith_finetune.errors import ProviderError

Answer = TypeVar("Answer")

ATTEMPTS = 4
_LONGEST_RETRY_SECONDS = 60.0
_LONGEST_RETRY_AFTER_SECONDS = 300.0
_LONGEST_SILENCE_SECONDS = 6 * 3600.0
"""Without a timeout of the caller's, a provider may be unreachable for this long at a stretch."""


SOON_SECONDS = 40.0
"""A host shows what it has made this soon as a rule."""

SETTLED_SECONDS = 600.0
"""How long after something was asked for a host may still show it for the first time. Until then it is never asked
for again. No host documents such a time; ten minutes are four times the longest that was seen."""

_LATER_SECONDS = 30.0


def seconds_left(asked_at: str) -> float:
    """How long something that was asked for may still take to show, in seconds.

    Args:
        asked_at: When it was asked for, in ISO 8601. A time in the future, or none, counts as now: a clock can be set.
    """
    try:
        age = (datetime.now(UTC) - datetime.fromisoformat(asked_at)).total_seconds()
    except (TypeError, ValueError):
        age = 0.0
    return max(0.0, SETTLED_SECONDS - max(0.0, age))


def look_again_delays(seconds: float) -> Iterator[float]:
    """The pauses, each before a look, that make up this many seconds; one look at least.

    Example:
        >>> list(look_again_delays(60)), list(look_again_delays(0))
        ([1.0, 3.0, 9.0, 27.0, 20.0], [0.0])
    """
    waited = 0.0
    for delay in chain((1.0, 3.0, 9.0, 27.0), repeat(_LATER_SECONDS)):
        pause = min(delay, max(seconds - waited, 0.0))
        yield pause
        waited += pause
        if waited >= seconds:
            return


def poll(
    look: Callable[[], bool],
    *,
    first_poll_seconds: float,
    timeout: float | None,
    poll_seconds: float | None,
    on_silence: Callable[[str], None],
    on_timeout: Callable[[float], Exception],
) -> Generator[float, None, None]:
    """Look until it has ended, and yield the seconds to wait between two looks.

    Args:
        look: Asks, and says whether it is over.
        first_poll_seconds: The pace at first; it grows slower, up to six times.
        timeout: The seconds that all may take.
        poll_seconds: A pace of the caller's, which does not change.
        on_silence: Called when there is no answer.
        on_timeout: Makes the error for the seconds waited.

    Raises:
        ProviderError: The provider refuses to tell, or is gone for long.
        ValueError: `poll_seconds` is negative.
    """
    if poll_seconds is not None and poll_seconds < 0:
        raise ValueError(f"poll_seconds must not be negative, but is {poll_seconds}")
    started = last_answer = clock().now()
    pace = first_poll_seconds if poll_seconds is None else poll_seconds
    failures = 0
    while True:
        try:
            with answers_within(None if timeout is None else timeout - (clock().now() - started)):
                has_ended = look()
            if has_ended:
                return
            failures, last_answer = 0, clock().now()
            delay = pace
            if poll_seconds is None:
                pace = min(pace * 1.2, 6 * first_poll_seconds)
        except ProviderError as error:
            silence = clock().now() - last_answer
            if not error.temporary or (timeout is None and silence > _LONGEST_SILENCE_SECONDS):
                raise
            failures += 1
            delay = retry_delay(error, failures)
            on_silence(f"no answer for {silence:.0f} s, asking again in {delay:.0f} s")
        waited = clock().now() - started
        if timeout is not None and waited >= timeout:
            raise on_timeout(waited)
        # Jitter, so that many notebooks started together do not ask together.
        delay *= random.uniform(0.9, 1.1)  # noqa: S311
        yield delay if timeout is None else min(delay, timeout - waited)


def with_retries(ask: Callable[[], Answer]) -> Answer:
    """Ask what can be asked twice without harm; a temporary failure is waited out, up to four times."""
    attempt = 1
    while True:
        try:
            return ask()
        except ProviderError as error:
            if not error.temporary or attempt == ATTEMPTS:
                raise
            clock().sleep(retry_delay(error, attempt))
            attempt += 1


def retry_delay(error: ProviderError, attempt: int) -> float:
    """Seconds until the next try: what the provider asked for, within reason, or twice as long each time."""
    if error.retry_after_seconds is not None:
        return min(max(error.retry_after_seconds, 0.1), _LONGEST_RETRY_AFTER_SECONDS)
    return min(2.0 ** (attempt - 1), _LONGEST_RETRY_SECONDS)


LOOK_AGAIN_SECONDS = (1.0, 3.0, 9.0)
"""After an ambiguous answer a host is asked this long for what it may have made, before anything is sent again."""


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """What `retry-after` asks for, in seconds or as a date (RFC 9110, 10.2.3), or OpenAI's `retry-after-ms`.

    Example:
        >>> retry_after_seconds({"retry-after": "7"})
        7.0
    """
    milliseconds = _seconds_in(headers.get("retry-after-ms") or "")
    return _seconds_in(headers.get("retry-after") or "") if milliseconds is None else milliseconds / 1000


def _seconds_in(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
