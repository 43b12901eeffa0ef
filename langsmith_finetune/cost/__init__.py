"""How many tokens, and how many dollars.

    tokens = count_tokens(read_jsonl("train.jsonl"), "gpt-4.1-mini")
    cost = estimate_cost(tokens, provider="openai", model="gpt-4.1-mini", n_epochs=3)

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.cost.counters import TokenCount, TokenCounter
    from langsmith_finetune.cost.prices import CostEstimate, estimate_cost
    from langsmith_finetune.cost.tokens import count_tokens, token_counter
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.cost.counters": ["TokenCount", "TokenCounter"],
            "langsmith_finetune.cost.prices": ["CostEstimate", "estimate_cost"],
            "langsmith_finetune.cost.tokens": ["count_tokens", "token_counter"],
        },
    )

__all__ = [
    "CostEstimate",
    "TokenCount",
    "TokenCounter",
    "count_tokens",
    "estimate_cost",
    "token_counter",
]
