"""Finds how conversations must be changed so that a chat template shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.sequences import RefusedError, Sequencer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_THINKING = ("enable_thinking", "thinking")
"""The names by which templates let the thinking be switched off."""


def adapt(
    tokenizer: PreTrainedTokenizerBase,
    *,
    has_reasoning: bool,
    chat_template_kwargs: Mapping[str, Any] | None = None,
) -> Adaptation:
    """How conversations must be changed so that a template shows them: the fewest changes that do.

    Args:
        tokenizer: The model's, with its chat template.
        has_reasoning: Some answer that is trained holds the model's reasoning.
        chat_template_kwargs: The user's own; what they name is not chosen here.
    """
    chosen = Adaptation(chat_template_kwargs=dict(chat_template_kwargs or {}))
    said = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello to you."}]
    chosen = _first_that_shows(tokenizer, [said], chosen, [replace(chosen, content_parts=True)])
    source = str(tokenizer.chat_template)
    if not has_reasoning:
        switches = [
            replace(chosen, chat_template_kwargs={**chosen.chat_template_kwargs, name: False})
            for name in _THINKING
            if name in source and name not in chosen.chat_template_kwargs
        ]
        chosen = _first_that_shows(tokenizer, [said], chosen, switches)
    instructed = [{"role": "system", "content": "Be kind."}, *said]
    chosen = _first_that_shows(tokenizer, [instructed], chosen, [replace(chosen, folded_system=True)])
    call = {"id": "call_12345678", "type": "function", "function": {"name": "f", "arguments": {"a": "b"}}}
    called: list[dict[str, Any]] = [
        said[0],
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "found", "tool_call_id": "call_12345678", "name": "f"},
        said[1],
    ]
    ways = [
        replace(chosen, short_ids=True),
        replace(chosen, text_arguments=True),
        replace(chosen, short_ids=True, text_arguments=True),
    ]
    return _first_that_shows(tokenizer, [called[:2], called], chosen, ways)


def _first_that_shows(
    tokenizer: PreTrainedTokenizerBase,
    conversations: Sequence[Sequence[Mapping[str, Any]]],
    chosen: Adaptation,
    others: Iterable[Adaptation],
) -> Adaptation:
    """The first way in which a template shows conversations whole; the one chosen already if none does."""
    return next((way for way in (chosen, *others) if _shows(tokenizer, conversations, way)), chosen)


def _shows(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Mapping[str, Any]]], way: Adaptation
) -> bool:
    sequencer = Sequencer(tokenizer, way)
    try:
        for messages in conversations:
            sequencer.divided(messages, ())
    except RefusedError:
        return False
    return True
