"""Generates the answers of many callers at once: prompts that wait together go through the model together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from langsmith_finetune.providers.local.constraints import Constraint

_TOGETHER = 16
"""Prompts in one batch at most: each keeps its own keys and values in memory."""

_GATHERING_SECONDS = 0.25
"""How long the first of a batch waits for the next one that was announced."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen; answers of one batch share it.

    Args:
        temperature: 0 takes the likeliest token; None leaves it to the model's own settings.
        seed: For the random choices. An answer that is drawn with a seed is drawn alone.
    """

    temperature: float | None
    seed: int | None

    @property
    def is_alone(self) -> bool:
        """True if the answer depends on what else is drawn beside it."""
        return self.seed is not None and self.temperature != 0

    def settings(self) -> dict[str, Any]:
        """For transformers' `generate`."""
        if self.temperature is None:
            return {}
        if self.temperature > 0:
            return {"do_sample": True, "temperature": self.temperature}
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}


@dataclass(slots=True, eq=False)
class Answer:
    """One answer on its way: the model puts tokens in at one end.

    Args:
        ids: The prompt.
        longest: Tokens that the answer may have.
        sampling: How tokens are chosen.
        constraint: What the answer must keep to, if anything.
    """

    ids: list[int]
    longest: int
    sampling: Sampling
    constraint: Constraint | None = None
    tokens: queue.Queue[int | BaseException | None] = field(default_factory=queue.Queue)
    count: int = 0
    is_over: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def take(self, token: int, stop_ids: frozenset[int]) -> None:
        """One more token of the model's."""
        if self.is_over:
            return
        self.count += 1
        self.tokens.put(token)
        if token in stop_ids or self.count >= self.longest or self.stopped.is_set():
            self.end(None)

    def end(self, word: BaseException | None) -> None:
        """The answer is there, or there will be none."""
        if not self.is_over:
            self.is_over = True
            self.tokens.put(word)

    def __iter__(self) -> Iterator[int]:
        while (item := self.tokens.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item


class Batcher:
    """Takes answers that are wanted, and generates them together in a thread of its own.

    Args:
        generate: Generates one batch, and puts the tokens into its answers.
    """

    def __init__(self, generate: Callable[[Sequence[Answer]], None]) -> None:
        self._generate = generate
        self._waiting: list[Answer] = []
        self._announced = 0
        self._is_at_work = False
        self._change = threading.Condition()

    @contextmanager
    def expecting(self, count: int) -> Iterator[None]:
        """Say that so many answers are wanted together, as by `batch`."""
        with self._change:
            self._announced += count
        try:
            yield
        finally:
            with self._change:
                self._announced = max(0, self._announced - count)
                self._change.notify_all()

    def add(self, answer: Answer) -> Answer:
        """Let an answer be generated, beside others that wait."""
        with self._change:
            self._waiting.append(answer)
            self._change.notify_all()
            if not self._is_at_work:
                self._is_at_work = True
                # No daemon: a process that ends while torch computes may hang or crash.
                threading.Thread(target=self._work, name="generate").start()
        return answer

    def _work(self) -> None:
        while batch := self._next():
            try:
                self._generate(batch)
            except BaseException as error:  # noqa: BLE001 - raised again where the answer is read
                for answer in batch:
                    answer.end(error)
            for answer in batch:
                answer.end(None)

    def _next(self) -> list[Answer]:
        """The next batch; empty, and the work over, where nothing waits."""
        with self._change:
            self._gather()
            self._waiting = [answer for answer in self._waiting if not self._is_given_up(answer)]
            if not self._waiting:
                self._is_at_work = False
                return []
            first = self._waiting[0]
            like = [
                one for one in self._waiting if one.sampling == first.sampling and not first.sampling.is_alone
            ]
            batch = like[:_TOGETHER] or [first]
            taken = set(map(id, batch))
            self._waiting = [one for one in self._waiting if id(one) not in taken]
            return batch

    def _gather(self) -> None:
        """Wait while more answers that were announced come in."""
        while 0 < len(self._waiting) < min(self._announced, _TOGETHER):
            before = len(self._waiting)
            if not self._change.wait(_GATHERING_SECONDS) and len(self._waiting) == before:
                return

    @staticmethod
    def _is_given_up(answer: Answer) -> bool:
        if answer.stopped.is_set():
            answer.end(None)
        return answer.is_over


class TokenStreamer:
    """What transformers calls with each step's tokens; it hands them out to the answers of a batch.

    Args:
        batch: The answers, in the order of their rows.
        stop_ids: The tokens that end an answer.
    """

    def __init__(self, batch: Sequence[Answer], stop_ids: frozenset[int]) -> None:
        self._batch, self._stop_ids = batch, stop_ids
        self._prompt_seen = False

    def put(self, ids: Any) -> None:
        """Called by transformers, with the prompts first and then with one token of each row."""
        if self._prompt_seen:
            for answer, token in zip(self._batch, ids.flatten().tolist(), strict=True):
                answer.take(token, self._stop_ids)
        self._prompt_seen = True

    def end(self) -> None:
        """Called by transformers after the last token; `Batcher` ends the answers, once nothing can fail any more."""

    def is_done(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002
        """Called by transformers after each token: which rows have ended."""
        return torch.tensor([answer.is_over for answer in self._batch], device=input_ids.device)
