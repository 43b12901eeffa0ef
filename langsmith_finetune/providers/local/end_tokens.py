"""The tokens that end an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from langsmith_finetune.providers.local.adaptation import Adaptation

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ANSWER = "qzanswer"


def end_ids(
    own: int | Sequence[int] | None, tokenizer: PreTrainedTokenizerBase, adaptation: Adaptation
) -> list[int]:
    """The tokens that end an answer: the model's, the tokenizer's, and that of the chat template.

    The last is what a base model has learned from us to end with, and what its own settings do not know.

    Args:
        own: What the model's generation settings name.
        tokenizer: The model's.
        adaptation: How conversations are changed for its chat template.
    """
    ids = [own] if isinstance(own, int) else list(own or [])
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
    if tokenizer.chat_template:
        messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _ANSWER}]
        text = adaptation.render(tokenizer, messages)
        after = tokenizer(text.rpartition(_ANSWER)[2].strip(), add_special_tokens=False).input_ids
        if after and after[0] in tokenizer.all_special_ids:
            ids.append(after[0])
    return list(dict.fromkeys(ids))
