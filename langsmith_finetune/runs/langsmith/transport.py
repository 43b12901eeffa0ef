"""Sends requests to LangSmith with rate limiting and retries, from one code path for the sync and async clients.

Everything that asks is written once, for the sync and the async client alike: a generator yields each `ApiCall`
it wants made and is sent what was `Received` (a `RequestPlan`); `execute` and `aexecute` make the calls. Between them
and the talk stands the patience: what may pass by itself is asked again.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias, TypedDict, TypeVar

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune._foundation.clock import Clock, clock
from langsmith_finetune._foundation.retry import retry_after_seconds
from langsmith_finetune.runs.langsmith.rate_limit import RateLimit
from langsmith_finetune.runs.langsmith.request import (
    ApiCall,
    UnreadableAnswerError,
    address_of,
    afetch,
    fetch,
)

T = TypeVar("T")

QUERIES = (15, 10.0)
"""Run queries that one key may make, in so many seconds: https://docs.langchain.com/langsmith/cloud-rate-limits,
for v1. Nothing is said of v2, so the same holds there."""

MAX_RETRIES = 7
"""Of one request, after 429, 5xx and lost connections: about a minute."""

LONGEST_WAIT_SECONDS = 120.0
"""What a server may ask for with Retry-After. Beyond it, it cannot be meant."""

NOT_OFFERED = (404, 405, 410, 501)
"""What a server answers that has no such endpoint."""

_PASSING = (408, 409, 425, 429)


class WhichServer:
    """Ask a connection for the address that it asks."""


RequestPlan: TypeAlias = Generator[ApiCall | WhichServer, Any, T]
_Steps: TypeAlias = Generator["ApiCall | float", Any, T]  # a float: wait for so many seconds


class Closing(Exception):  # noqa: N818 - no error: nobody wants the answer any more
    """The connection is being closed; whatever is under way may end."""


class Connection:
    """A client, and the limit that its key is under."""

    def __init__(self, client: Any) -> None:
        # Turn off the SDK's own retries: they bypass the rate limiter, and lose the position when they give up.
        self.client = client.with_options(max_retries=0)
        self.limit = _limit_of(client)
        self.closing = False

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the closing."""
        while seconds > 0:
            if self.closing:
                raise Closing
            part = min(seconds, 1.0)
            clock().sleep(part)
            seconds -= part


_limits: dict[tuple[int, Clock], RateLimit] = {}


def _limit_of(client: Any) -> RateLimit:
    """One limit a key in this process: two selections at once are under the same one."""
    key = hash((str(client.base_url), client.api_key)), clock()
    if key not in _limits:
        requests, seconds = QUERIES
        _limits[key] = RateLimit(requests, seconds=seconds)
    return _limits[key]


def execute(api: Connection, talk: RequestPlan[T]) -> T:
    """Make a talk's calls on a client, one after another, and return what it comes to."""
    steps = _with_retries(api, talk)
    try:
        step = next(steps)
        while True:
            if api.closing:
                raise Closing
            answer: Any = None
            try:
                if isinstance(step, float):
                    api.sleep(step)
                else:
                    answer = fetch(api.client, step)
            except _FAULTS as fault:
                step = steps.throw(fault)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


async def aexecute(api: Connection, talk: RequestPlan[T]) -> T:
    """`execute` without blocking the event loop; a sync client is called in a thread."""
    steps = _with_retries(api, talk)
    in_thread = isinstance(api.client, langsmith.Langsmith)
    try:
        step = next(steps)
        while True:
            answer: Any = None
            try:
                if isinstance(step, float):
                    await clock().asleep(step)
                elif in_thread:
                    answer = await asyncio.to_thread(fetch, api.client, step)
                else:
                    answer = await afetch(api.client, step)
            except _FAULTS as fault:
                step = steps.throw(fault)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


# --- patience --------------------------------------------------------------------------------------------

_FAULTS = (langsmith.LangsmithError,)


def _with_retries(api: Connection, talk: RequestPlan[T]) -> _Steps[T]:
    """A talk's calls, with all the waiting they need."""
    try:
        call = next(talk)
        while True:
            try:
                if isinstance(call, WhichServer):
                    answer: Any = address_of(api.client)
                else:
                    answer = yield from _as_often_as_it_takes(api, call)
            except _FAULTS as fault:
                call = talk.throw(fault)
            else:
                call = talk.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


def _as_often_as_it_takes(api: Connection, call: ApiCall) -> _Steps[Any]:
    retries = 0
    while True:
        if call.counted:
            while wait := api.limit.take():
                yield wait
        try:
            return (yield call)
        except _FAULTS as fault:
            most = 1 if call.divisible and took_too_long(fault) else MAX_RETRIES
            if retries >= most or not _may_pass(fault):
                raise
            wait = _wait_after(fault, retries)
            if call.counted and _status(fault) == 429:
                api.limit.pause(wait)
        finally:
            if call.counted:
                api.limit.give_back()
        retries += 1
        yield wait


def took_too_long(fault: Exception) -> bool:
    """The server, or the way to it, was too slow: the same request may be so again."""
    return isinstance(fault, langsmith.APITimeoutError) or _status(fault) in (408, 504)


def _may_pass(fault: Exception) -> bool:
    status = _status(fault)
    if status is None:  # no answer, or half of one
        return isinstance(fault, (langsmith.APIConnectionError, UnreadableAnswerError))
    return status in _PASSING or (status >= 500 and status not in NOT_OFFERED)


def _status(fault: Exception) -> int | None:
    return fault.status_code if isinstance(fault, langsmith.APIStatusError) else None


def _wait_after(fault: Exception, retries: int) -> float:
    """What the server asks for; where that makes no sense, twice as long each time."""
    if isinstance(fault, langsmith.APIStatusError):
        asked = retry_after_seconds(fault.response.headers)
        if asked is not None and 0 < asked <= LONGEST_WAIT_SECONDS:
            return asked
    return float(0.5 * 2**retries * random.uniform(0.75, 1))  # noqa: S311 - so that many do not come at once


# --- clients ---------------------------------------------------------------------------------------------


@contextmanager
def connected(client: Any) -> Iterator[Connection]:
    """The client that can read both APIs; one that had to be made is closed afterwards."""
    if isinstance(client, langsmith.Langsmith):
        yield Connection(client)
    else:
        with langsmith.Langsmith(**_settings(client, "Langsmith")) as own:
            yield Connection(own)


@asynccontextmanager
async def aconnected(client: Any) -> AsyncIterator[Connection]:
    """`connected` for the async client."""
    if isinstance(client, (langsmith.AsyncLangsmith, langsmith.Langsmith)):
        yield Connection(client)
    else:
        async with langsmith.AsyncLangsmith(**_settings(client, "AsyncLangsmith")) as own:
            yield Connection(own)


class _Settings(TypedDict):
    api_key: str
    tenant_id: str | None
    base_url: str | None
    default_headers: dict[str, str] | None


def _settings(client: object, wanted: str) -> _Settings:
    if client is None:
        api_key, workspace, url, headers = _env("API_KEY"), _env("WORKSPACE_ID"), _env("ENDPOINT"), None
        if not api_key:
            raise ValueError(
                "reading runs needs a LangSmith API key: set LANGSMITH_API_KEY, "
                f"or pass client=langsmith.{wanted}(api_key=...)"
            )
    elif isinstance(client, langsmith.Client):
        api_key, workspace, url = client.api_key, client.workspace_id, client.api_url
        headers = dict(client.headers)
        if not api_key:
            raise ValueError(
                "this langsmith.Client has no API key (it may be signed in by a profile, which cannot be "
                f"passed on): pass client=langsmith.{wanted}(api_key=...)"
            )
    else:
        raise TypeError(
            f"client must be a langsmith.Client, a langsmith.{wanted} or None, not {type(client).__name__}"
        )
    # The generated clients add /api/v1 or /api/v2 themselves.
    base_url = re.sub(r"(/api(/v1)?)?/*$", "", url) if url else None
    return {"api_key": api_key, "tenant_id": workspace, "base_url": base_url, "default_headers": headers}


def _env(name: str) -> str | None:
    # langsmith.Langsmith itself reads neither LANGSMITH_ENDPOINT nor LANGSMITH_WORKSPACE_ID.
    value = os.environ.get(f"LANGSMITH_{name}") or os.environ.get(f"LANGCHAIN_{name}") or ""
    return value.strip().strip("\"'") or None
