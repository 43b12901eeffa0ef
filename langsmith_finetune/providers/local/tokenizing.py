"""Makes tokens of text, once for each stretch between two special tokens.

The prompts of a conversation's answers begin alike, and the longest holds all the others. A tokenizer splits a text at
its special tokens before it does anything else, so the stretches between them can be remembered.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_REMEMBERED = 256
"""Stretches of text: about those of one long agent's trace."""


class TextTokens:
    """Makes tokens of text by a tokenizer, the same ones as the tokenizer itself.

    Args:
        tokenizer: The model's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._parting = _parting(tokenizer)
        self._special = {t.content for t in tokenizer.added_tokens_decoder.values() if t.special}
        self._known = lru_cache(maxsize=_REMEMBERED)(self._asked)

    def ids(self, text: str) -> list[int]:
        """The tokens of a text, without any that a tokenizer adds around it."""
        if self._parting is None:
            return list(self._asked(text))
        at = 0
        ids: list[int] = []
        for found in self._parting.finditer(text):
            if found.group() in self._special and found.start() > at:
                ids.extend(self._known(text[at : found.start()]))
                at = found.start()
        ids.extend(self._known(text[at:]))
        return ids

    def _asked(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids) if text else ()


def _parting(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str] | None:
    """What a tokenizer splits a text at; None where a stretch cannot be read apart from what stands around it."""
    added = [token for token in tokenizer.added_tokens_decoder.values() if not token.normalized]
    if not tokenizer.is_fast or any(token.lstrip or token.single_word for token in added):
        return None
    if not any(token.special for token in added):
        return None
    # The longest first, as the tokenizer takes them; also those that it does not part at.
    longest_first = sorted((token.content for token in added), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)))
