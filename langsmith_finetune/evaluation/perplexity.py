"""Perplexity: how surprised a local model is by the recorded answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.json_values import number_from
from langsmith_finetune.errors import FineTuneError
from langsmith_finetune.evaluation.asking import StoppedError
from langsmith_finetune.evaluation.cases import Case, digest
from langsmith_finetune.evaluation.results_folder import KeptRows
from langsmith_finetune.providers.local.likelihood import answer_loss

if TYPE_CHECKING:
    from langsmith_finetune.providers.local.chat import LocalChatModel


def log_perplexities(
    chat: LocalChatModel, cases: Sequence[Case], kept: KeptRows, *, stopped: threading.Event
) -> list[float | None]:
    """The logarithm of the perplexity of each recorded answer, in nats per token.

    Args:
        chat: The local model.
        cases: The cases.
        kept: What was measured before.
        stopped: Once it is set, nothing more is measured.

    Returns:
        None for an answer that the model's chat template cannot show.
    """
    found: list[float | None] = []
    for case in cases:
        key = digest([case.key, case.expected])
        if key not in kept:
            if stopped.is_set():
                raise StoppedError
            kept.add(key, _measured(chat, case))
        row = kept.get(key) or {}
        found.append(number_from(row.get("nats_per_token")))
    return found


def _measured(chat: LocalChatModel, case: Case) -> dict[str, Any]:
    try:
        nats, tokens = answer_loss(
            chat.loaded(chat.model_name), case.messages, case.expected, case.tools, where=case.where
        )
    except FineTuneError as error:
        return {"error": type(error).__name__}
    return {"nats_per_token": nats / tokens, "tokens": tokens} if tokens else {"error": "no tokens"}
