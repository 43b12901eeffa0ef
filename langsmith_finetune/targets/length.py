"""Says whether a line is longer than a target takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

from langsmith_finetune._foundation.arguments import returned
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.rules import Problem, RuleName, TargetRules

_UNSOUND: frozenset[RuleName] = frozenset(
    {"call_id", "content", "function_name", "messages", "preference", "role", "tools", "type"}
)
"""Rules whose breach leaves a line that no counter can be asked about."""


class Lengths:
    """Counts the tokens of lines where a target has a limit.

    Args:
        rules: The target's.
        tokens: Counts the tokens of a line; by default what is at hand.
    """

    def __init__(self, rules: TargetRules, tokens: Callable[[Mapping[str, Any]], int] | None) -> None:
        self._rules = rules
        self._tokens = tokens

    def check(
        self, line: Mapping[str, Any], found: Collection[Problem], problems: Problems, data: bytes = b""
    ) -> None:
        """Say it where the line is too long.

        Args:
            line: The line.
            found: What else is wrong with it: a line that is not sound is not counted.
            problems: Takes the problem.
            data: Its bytes, where they are known.
        """
        limit = self._rules.max_tokens
        if limit is None or any(problem.rule in _UNSOUND for problem in found):
            return
        if self._tokens is None and 4 * len(data or repr(line)) <= limit:
            return  # no character is more than four tokens, so most lines need no counting
        tokens = self._tokens or self._own_counter
        count = returned("tokens", tokens(line), int)
        if count > limit:
            counter = getattr(tokens, "count", None)  # a TokenCounter says how sure it is
            exact = counter is None or counter(line).exact
            fix = f"Trim the oldest turns to {limit:,} tokens, or leave the line out"
            about = "" if exact else "about "
            unsure = not exact and count < 2 * limit
            problems.say("too_long", "", f"has {about}{count:,} tokens", fix, warn=unsure)

    @cached_property
    def _own_counter(self) -> Callable[[Mapping[str, Any]], int]:
        from langsmith_finetune.cost.tokens import token_counter  # noqa: PLC0415 - few files need it

        return token_counter(self._rules.name)
