"""Collects the problems of one line."""

from __future__ import annotations

import re
from typing import Any

from langsmith_finetune._foundation.safe_words import LEFTOVERS, SETTINGS, described, key_described
from langsmith_finetune.targets.rules import WHY, Line, Problem, RuleName, TargetRules
from langsmith_finetune.targets.schemas import NULLS, holds_nothing

# <|im_start|> and its like, and DeepSeek's with full-width bars.
_SPECIAL = re.compile("<\\|[^|<>\\s]{1,64}\\|>|<\uff5c[^\uff5c<>\\s]{1,64}\uff5c>")

_TO_THE_LEDGER = "Remove it; data worth keeping belongs in the ledger"


class Problems:
    """The problems of one line.

    Args:
        rules: The target's.
        number: The line's number, from 1.
        show_content: Say what was found in full words.
    """

    def __init__(self, rules: TargetRules, *, number: int | None, show_content: bool) -> None:
        self.found: list[Problem] = []
        self.rules = rules
        self._number = number
        self._show = show_content

    def say(
        self, rule: RuleName, field: str, found: str, fix: str, *, warn: bool = False, is_fatal: bool = False
    ) -> None:
        """Add a problem, unless the target has no such rule. One that is fatal is an error, whatever it warns of."""
        if rule in self.rules.ignores:
            return
        self.found.append(
            Problem(
                line=self._number,
                field=field,
                rule=rule,
                found=found,
                why=WHY[rule],
                source=self.rules.source_of(rule),
                how_to_fix=fix,
                severity="warning" if warn or (rule in self.rules.warns and not is_fatal) else "error",
            )
        )

    def what(self, value: Any) -> str:
        """A few words about a value."""
        return described(value, show_content=self._show)

    def key(self, key: Any) -> str:
        """A few words about a key."""
        return key_described(str(key), show_content=self._show)

    def keys(self, field: str, value: Line, known: frozenset[str], rule: RuleName) -> None:
        """Name the keys that the format does not have."""
        if not known.issuperset(value):
            for key in value:
                if key not in known:
                    leftover = key in SETTINGS if rule == "line_key" else key in LEFTOVERS
                    leftover = leftover or holds_nothing(value[key])
                    fix = "Remove it, or call check(..., fix=True)" if leftover else _TO_THE_LEDGER
                    self.say(rule, field, f"{self.key(key)} is not the format's", fix)

    def of_schema(self, what: str, field: str, fix: str) -> None:
        """Take what `json_schema` would change."""
        found = "is null, which says nothing" if what == NULLS else "is a type as Google's Schema writes it"
        self.say("tools", field, found, f"{fix}, or call check(..., fix=True)", warn=what == NULLS)

    def text(self, text: str, field: str) -> None:
        """Look for what no text may hold."""
        if ("<|" in text or "<\uff5c" in text) and (token := _SPECIAL.search(text)):
            at = f"holds what looks like a control token at character {token.start()}"
            fix = "Take it out, or leave the line out: a tokenizer may read it as the end of a turn"
            self.say("special_token", field, at, fix)
        for word in self.rules.forbidden_words:
            if word in text:
                self.say(
                    "forbidden_word", field, f'holds "{word}"', "Write it otherwise, or leave the line out"
                )
