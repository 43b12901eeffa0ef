"""Prices: from a dated table with its sources, and None where it does not know."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from langsmith_finetune.cost import prices
from langsmith_finetune.cost.counters import TokenCount
from langsmith_finetune.cost.prices import estimate_cost

DAY = date(2026, 11, 23)
TABLE = tomllib.loads(Path(prices.__file__).with_name("prices.toml").read_text(encoding="utf-8"))["price"]

KNOWN = {
    "openai": ({"provider": "openai", "model": "gpt-4.1-2025-04-14"}, 75.0),
    "openai, by alias": ({"provider": "openai", "model": "gpt-4o-mini"}, 9.0),
    "together, small": ({"provider": "together", "model": "Qwen/Qwen3-8B"}, 4.0),
    "together, middle": ({"provider": "together", "model": "Qwen/Qwen3-30B-A3B"}, 4.5),
    "together, full": ({"provider": "together", "model": "x-70B", "training": "full"}, 9.6),
    "together, preferences": ({"provider": "together", "model": "x-70B", "method": "dpo"}, 21.75),
    "fireworks": ({"provider": "fireworks", "model": "accounts/fireworks/models/qwen3-0p6b"}, 1.5),
    "fireworks, millions": ({"provider": "fireworks", "model": "gemma-3-270m-it"}, 1.5),
    "fireworks, mixture": ({"provider": "fireworks", "model": "qwen3-235b-a22b"}, 18.0),
    "fireworks, size given": ({"provider": "fireworks", "model": "kimi-k2", "billions": 1000}, 30.0),
    "fireworks, preferences": ({"provider": "fireworks", "model": "llama-v3p1-8b-instruct", "method": "dpo"}, 3.0),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "usd"), KNOWN.values(), ids=KNOWN)
def test_a_million_tokens_in_three_epochs_cost(asked, usd):
    cost = estimate_cost(1_000_000, n_epochs=3, on=DAY, **asked)
    assert cost.usd == pytest.approx(usd)
    assert (cost.tokens, cost.n_epochs) == (3_000_000, 3)
    assert cost.source.startswith("https://")


UNKNOWN = {
    "a provider that is not in the table": {"provider": "azure", "model": "gpt-4.1-mini"},
    "a model that is not in the table": {"provider": "openai", "model": "gpt-6-luna"},
    "a method without a price": {"provider": "openai", "model": "gpt-4.1", "method": "dpo"},
    "a training without a price": {"provider": "fireworks", "model": "x-70b", "training": "full"},
    "a family with prices of its own": {"provider": "together", "model": "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"},
    "a size that the name does not say": {"provider": "together", "model": "my-model"},
    "a size that the name says twice": {"provider": "together", "model": "merge-7b-and-8b"},
    "a mixture written as a product": {"provider": "fireworks", "model": "mixtral-8x7b"},
    "a size between the brackets": {"provider": "together", "model": "x-16.5b"},
    "a model that is gone": {"provider": "openai", "model": "gpt-4.1-nano"},
    "a host that takes no more jobs": {"provider": "openai", "model": "gpt-4.1", "on": date(2027, 1, 6)},
    "a price of more than a year ago": {"provider": "fireworks", "model": "x-8b", "on": date(2027, 10, 8)},
}  # fmt: skip


@pytest.mark.parametrize("asked", UNKNOWN.values(), ids=UNKNOWN)
def test_no_guess_is_made_at(asked):
    assert estimate_cost(1_000_000, n_epochs=3, **{"on": DAY, **asked}) is None


def test_a_job_costs_the_minimum_at_least():
    least = estimate_cost(1000, provider="together", model="Qwen3-8B", n_epochs=1, on=DAY)
    assert (least.usd, least.minimum) == (4.0, True)
    more = estimate_cost(
        10_000_000, provider="together", model="Qwen3-8B", n_epochs=1, on=DAY, evaluated_tokens=10_000_000
    )
    assert (more.usd, more.minimum, more.tokens) == (pytest.approx(9.6), False, 20_000_000)


def test_the_text_says_what_is_known():
    count = TokenCount(total=1234567, trained=9, exact=False, how="by characters")
    cost = estimate_cost(count, provider="openai", model="gpt-4.1-mini", n_epochs=3, on=DAY)
    assert str(cost) == (
        "about $18.52: 3,703,701 tokens in 3 epochs at $5 a million "
        "(https://developers.openai.com/api/docs/pricing, checked on 2026-07-30)"
    )
    exact = TokenCount(total=1, trained=1, exact=True, how="x")
    cost = estimate_cost(exact, provider="together", model="Qwen3-8B", n_epochs=1, on=DAY)
    assert str(cost) == (
        "$4.00, the least that a job costs: 1 token in 1 epoch at $0.48 a million "
        "(https://www.together.ai/pricing, checked on 2026-07-10; as a third party read it; Together's "
        "documentation says that there is no minimum)"
    )


def test_a_table_of_ones_own(tmp_path):
    table = tmp_path / "mine.toml"
    table.write_text(
        '[[price]]\nprovider = "azure"\nmodels = ["gpt-4.1-mini"]\nsupervised = 2.75\n'
        'source = "our contract"\nchecked_on = 2026-11-01\n'
    )
    cost = estimate_cost(1_000_000, provider="azure", model="gpt-4.1-mini", n_epochs=2, on=DAY, table=table)
    assert (cost.usd, cost.source) == (5.5, "our contract")


def test_today_is_the_day_unless_another_is_given(monkeypatch):
    row = max(TABLE, key=lambda row: row["checked_on"])
    for days, known in ((365, True), (366, False)):
        monkeypatch.setattr(prices, "_today", lambda days=days: row["checked_on"] + timedelta(days=days))
        assert (estimate_cost(1, provider=row["provider"], model="x-8b", n_epochs=1) is not None) == known


@pytest.mark.parametrize(
    ("tokens", "epochs", "text"),
    [
        (-1, 1, "tokens must be at least 0, not -1"),
        (1, 0, "n_epochs must be at least 1, not 0"),
    ],
)
def test_what_makes_no_sense_is_refused(tokens, epochs, text):
    with pytest.raises(ValueError) as caught:
        estimate_cost(tokens, provider="openai", model="gpt-4.1", n_epochs=epochs)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "row", TABLE, ids=lambda row: f"{row['provider']}-{row.get('models', row.get('billions'))}"
)
def test_every_row_has_a_source_a_day_and_a_price(row):
    assert row["source"].startswith("https://")
    assert date(2026, 1, 1) <= row["checked_on"] <= datetime.now(UTC).date()
    assert ("models" in row) != ("billions" in row)
    rates = [rate for method in ("supervised", "dpo") for rate in _rates(row.get(method))]
    assert rates
    assert all(0 < rate < 100 for rate in rates)
    assert set(row) <= {"provider", "models", "billions", "not_models", "supervised", "dpo", "minimum_usd",
                        "until", "source", "checked_on", "caveat"}  # fmt: skip


def _rates(asked):
    return asked.values() if isinstance(asked, dict) else () if asked is None else (asked,)
