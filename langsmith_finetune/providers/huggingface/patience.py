"""Gives up calls of a client that waits without limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import httpx2

T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T]) -> T:
    """What a call returns. One that takes longer goes on in its thread, and nobody waits for it any more.

    Args:
        seconds: How long to wait.
        ask: The call.

    Raises:
        httpx2.ReadTimeout: It took longer.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - raised where somebody waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="a call of huggingface_hub")
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise httpx2.ReadTimeout(f"no answer within {seconds:.0f} s")
    return answers[0]
