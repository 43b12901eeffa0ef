"""Keeps calls valid while they are generated: by a grammar of the template's form and the tools' schemas.

Text is free. Where an answer begins a call, the grammar decides which tokens may follow, until the call is whole; so its
arguments fit the schema, or the answer was cut off. Source: https://github.com/guidance-ai/llguidance
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import llguidance
import llguidance.hf
import numpy as np

from langsmith_finetune.providers.local.answer_forms import CallForm
from langsmith_finetune.providers.local.call_forms import parted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ID = r"/[\w.:-]+/"
"""The id of a call, where a template writes one: whatever the model chooses."""


@dataclass(slots=True, eq=False)
class Constraint:
    """What one answer must keep to.

    Args:
        trigger: The text that begins a call.
        grammar: What follows it.
        tokens: Makes tokens, and text of them.
        vocabulary: llguidance's view of the tokens.
        matcher: Where the answer stands in the grammar; None where it is free.
    """

    trigger: str
    grammar: str
    tokens: PreTrainedTokenizerBase
    vocabulary: llguidance.LLTokenizer
    matcher: llguidance.LLMatcher | None = None
    text: str = ""

    def take(self, token: int) -> None:
        """One more token of the answer."""
        if self.matcher is not None:
            self.matcher.consume_token(token)
            if self.matcher.is_stopped() or self.matcher.is_error():
                self.matcher, self.text = None, ""
            return
        self.text = (self.text + self.tokens.decode([token]))[-_LOOKED_AT - len(self.trigger) :]
        at = self.text.rfind(self.trigger)
        if at >= 0:
            rest = self.text[at + len(self.trigger) :]
            matcher = llguidance.LLMatcher(self.vocabulary, self.grammar, log_level=0)
            ids = self.tokens(rest, add_special_tokens=False).input_ids if rest else []
            if matcher.try_consume_tokens(ids) == len(ids):
                self.matcher = matcher
            self.text = ""

    def allowed(self) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
        """For each token whether it may come next; None where every one may."""
        if self.matcher is None:
            return None
        # Where the call is whole, what follows is free.
        mask = None if self.matcher.is_accepting() else self.matcher.compute_bitmask()
        if mask is None or self.matcher.is_error():
            self.matcher, self.text = None, ""
            return None
        return np.unpackbits(np.frombuffer(mask, dtype=np.uint8), bitorder="little")


_LOOKED_AT = 64
"""Characters of text in which a call may have begun."""


class CallGrammar:
    """Makes the constraints of a model's answers.

    Args:
        tokenizer: The model's.
        form: How its template writes calls.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, form: CallForm) -> None:
        self._tokenizer, self._form = tokenizer, form
        self._vocabulary = llguidance.hf.from_tokenizer(tokenizer)

    def constraint(self, tools: Sequence[Mapping[str, Any]], *, begun: str | None) -> Constraint | None:
        """What an answer with tools must keep to; None where a schema is beyond the grammar.

        Args:
            tools: What is offered.
            begun: The call that the prompt has begun: a tool's name, or `""` for one of them; None for no call.
        """
        wanted = [tool["function"] for tool in tools if begun in (None, "", tool["function"]["name"])]
        lead = self._form.before_name()
        trigger = parted(lead.lstrip())[0] if lead.strip() else ""
        if not trigger:
            return None
        skipped = lead.index(trigger) + len(trigger) if begun is None else len(lead) + len(begun)
        for functions in (wanted, [{**function, "parameters": {"type": "object"}} for function in wanted]):
            grammar = self._grammar(functions, skipped)
            matcher = llguidance.LLMatcher(self._vocabulary, grammar, log_level=0)
            if not matcher.is_error():
                found = Constraint(trigger, grammar, self._tokenizer, self._vocabulary)
                found.matcher = matcher if begun is not None else None
                return found
        return None

    def _grammar(self, functions: Sequence[Mapping[str, Any]], skipped: int) -> str:
        """The calls in Lark's form, without the first characters of the first one."""
        rules = []
        for number, function in enumerate(functions):
            first = self._form.first.replace(self._form.name, function["name"])[skipped:]
            rules.append(f"first_{number}: {self._literal(first)} arguments_{number}")
            if self._form.between is not None:
                between = self._form.between.replace(self._form.name, function["name"])
                rules.append(f"next_{number}: {self._literal(between)} arguments_{number}")
            schema = function.get("parameters") or {"type": "object"}
            rules.append(f"arguments_{number}: %json {json.dumps(schema)}")
        options = range(len(functions))
        firsts = " | ".join(f"first_{number}" for number in options)
        several = f" ({' | '.join(f'next_{n}' for n in options)})*" if self._form.between is not None else ""
        start = f"start: ({firsts}){several} {self._literal(self._form.last)}"
        return "\n".join(["%llguidance {}", start, *rules]) + "\n"

    def _literal(self, text: str) -> str:
        """A text in Lark's form: special tokens by their number, ids as any id."""
        vocabulary = self._tokenizer.get_vocab()
        special = [
            t for t in self._tokenizer.get_added_vocab() if self._vocabulary.is_special_token(vocabulary[t])
        ]
        longest = sorted(special, key=len, reverse=True)
        pattern = "|".join(map(re.escape, [*self._form.ids, *longest]))
        pieces = []
        for piece in re.split(f"({pattern})", text) if pattern else [text]:
            if piece in self._form.ids:
                pieces.append(_ID)
            elif piece in longest:
                pieces.append(f"<[{vocabulary[piece]}]>")
            elif piece:
                pieces.append(json.dumps(piece))
        return " ".join(pieces)
