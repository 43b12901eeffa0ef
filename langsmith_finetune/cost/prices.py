"""Estimates what training costs, from a dated table of published prices. None if the table has no price."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, cast

from langsmith_finetune._foundation.arguments import (
    AT_LEAST_ONE,
    NOT_NEGATIVE,
    checked,
    more_than,
    unknown_choice,
)
from langsmith_finetune._foundation.counted import counted
from langsmith_finetune._foundation.fields import ShowsFields
from langsmith_finetune._foundation.html import link
from langsmith_finetune._printable import printable_line
from langsmith_finetune.cost.counters import TokenCount

_TABLE = Path(__file__).with_name("prices.toml")
_OLDEST_DAYS = 365
_PROVIDERS = ("azure", "crusoe", "fireworks", "huggingface", "local", "nebius", "openai", "together")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CostEstimate(ShowsFields):
    """What training a file costs.

    Args:
        usd: In US dollars.
        tokens: The tokens that are paid for, all epochs together.
        n_epochs: How often the file is gone through.
        usd_per_million_tokens: The rate used.
        minimum: Whether `usd` is the least that a job costs, because the tokens come to less.
        exact: Whether the tokens were counted exactly; the bill is the host's in any case.
        source: Where the price is published.
        checked_on: The day as of which it was read there.
        caveat: What makes it less than certain, if anything.
    """

    usd: float
    tokens: int
    n_epochs: int
    usd_per_million_tokens: float
    minimum: bool
    exact: bool
    source: str
    checked_on: date
    caveat: str | None = None

    def __str__(self) -> str:
        about = "" if self.exact else "about "
        least = ", the least that a job costs" if self.minimum else ""
        return printable_line(
            f"{about}${self.usd:,.2f}{least}: {counted(self.tokens, 'token')} in {counted(self.n_epochs, 'epoch')} at "
            f"${self.usd_per_million_tokens:g} a million ({self.source}, checked on {self.checked_on}"
            f"{'; ' + self.caveat if self.caveat else ''})"
        )

    __repr__ = __str__

    def _heading(self) -> str:
        return f"{'' if self.exact else 'about '}${self.usd:,.2f}"

    def _facts(self) -> dict[str, Any]:
        return {
            "tokens": f"{self.tokens:,} in {counted(self.n_epochs, 'epoch')}",
            "price": f"${self.usd_per_million_tokens:g} a million tokens",
            "the least a job costs": "yes" if self.minimum else "",
            "tokens counted": "exactly" if self.exact else "estimated",
            "published": link(self.source, self.source),
            "checked on": self.checked_on,
            "caveat": self.caveat,
        }


@checked(billions=more_than(0), n_epochs=AT_LEAST_ONE, evaluated_tokens=NOT_NEGATIVE)
def estimate_cost(
    tokens: TokenCount | int,
    *,
    provider: str,
    model: str,
    n_epochs: int,
    method: Literal["supervised", "dpo", "kto", "reinforcement"] = "supervised",
    training: Literal["lora", "full"] = "lora",
    billions: float | None = None,
    evaluated_tokens: int = 0,
    on: date | str | None = None,
    table: str | Path | None = None,
) -> CostEstimate | None:
    """What training costs, or None where no price is known for it: no guess is made.

    Args:
        tokens: The tokens of the training file, as `count_tokens` counts them.
        provider: Who trains: `"openai"`, `"together"`, `"fireworks"`.
        model: The model to start from, by the provider's name for it.
        n_epochs: How often the file is gone through. Hosts that choose the number themselves tell it only
            afterwards.
        method: `"supervised"` or `"dpo"`.
        training: `"lora"` or `"full"`, for hosts that ask another price for each.
        billions: The model's parameters in billions, for hosts that go by size. By default read from its
            name, if that says it plainly.
        evaluated_tokens: Further tokens that are paid for: on Together, those of the validation file times
            the number of evaluations.
        on: The day on which the job is created; today by default. A price that was checked more than a year
            before it is not used, nor one for a model that can no longer be trained then.
        table: Another table of the same form, such as one with prices that you have agreed on.

    Raises:
        ValueError: There is no such provider, or the number of tokens or epochs makes no sense.

    Example:
        >>> cost = estimate_cost(2_000_000, provider="openai", model="gpt-4.1-mini", n_epochs=3, on=date(2026, 12, 1))
        >>> cost.usd, cost.checked_on.isoformat()
        (30.0, '2026-07-30')
        >>> estimate_cost(2_000_000, provider="together", model="gpt-4.1-mini", n_epochs=3) is None
        True
    """
    count = tokens.total if isinstance(tokens, TokenCount) else tokens
    if count < 0:
        raise ValueError(f"tokens must be at least 0, not {count}")
    known = sorted({*_PROVIDERS, *(row["provider"] for row in _rows(table))})
    if provider not in known:
        raise unknown_choice("provider", provider, known)
    return price_of(
        tokens,
        provider=provider,
        model=model,
        n_epochs=n_epochs,
        method=method,
        training=training,
        billions=billions,
        evaluated_tokens=evaluated_tokens,
        on=cast("date | None", on),
        table=table,
    )


def price_of(
    tokens: TokenCount | int,
    *,
    provider: str,
    model: str,
    n_epochs: int,
    method: str,
    training: str,
    billions: float | None = None,
    evaluated_tokens: int = 0,
    on: date | None = None,
    table: str | Path | None = None,
) -> CostEstimate | None:
    """Do as `estimate_cost`, for a provider that may be the caller's own: none of those has a price."""
    count, exact = (tokens.total, tokens.exact) if isinstance(tokens, TokenCount) else (tokens, True)
    on = on or _today()
    size = billions if billions is not None else _billions_of(model)
    for row in _rows(table):
        asked = row.get(method)
        rate = asked.get(training) if isinstance(asked, dict) else asked
        if rate is not None and row["provider"] == provider and _is_for(row, model, size) and _holds(row, on):
            paid = count * n_epochs + evaluated_tokens
            usd = paid * rate / 1e6
            least = row.get("minimum_usd", 0.0)
            return CostEstimate(
                usd=max(usd, least),
                tokens=paid,
                n_epochs=n_epochs,
                usd_per_million_tokens=rate,
                minimum=usd < least,
                exact=exact,
                source=row["source"],
                checked_on=row["checked_on"],
                caveat=row.get("caveat"),
            )
    return None


def _rows(table: str | Path | None) -> list[dict[str, Any]]:
    path = Path(table or _TABLE)
    try:
        rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get("price", [])
    except ValueError as error:
        raise ValueError(f"table: {path} is not TOML: {error}") from None
    if not rows:
        raise ValueError(f"table: {path} holds no [[price]], as prices.toml of this library does")
    return rows


def models_of(provider: str) -> frozenset[str]:
    """The names of a provider's models; empty where its prices go by size, so that it trains any.

    Args:
        provider: The provider's name.
    """
    rows = [
        row
        for row in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["price"]
        if row["provider"] == provider
    ]
    if any("models" not in row for row in rows):
        return frozenset()
    return frozenset(model for row in rows for model in row["models"])


def _is_for(row: Mapping[str, Any], model: str, size: float | None) -> bool:
    if "models" in row:
        return model in row["models"]
    if size is None or any(family in model.lower() for family in row.get("not_models", ())):
        return False
    least, most = row["billions"]
    return bool(least <= size <= most)


def _holds(row: Mapping[str, Any], on: date) -> bool:
    return bool((on - row["checked_on"]).days <= _OLDEST_DAYS and on <= row.get("until", on))


def _billions_of(model: str) -> float | None:
    """The size that a model's name says: `Qwen3-8B`, `gemma-3-270m-it`, `qwen3-0p6b`; not `8x7B`."""
    found = re.findall(r"(?<![a-z0-9.])(\d+(?:[.p]\d+)?)([bm])(?![a-z0-9])", model.lower())
    if len(found) != 1 or re.search(r"\d+x\d", model):
        return None
    number, unit = found[0]
    return float(number.replace("p", ".")) / (1000 if unit == "m" else 1)


def _today() -> date:
    return datetime.now(UTC).date()
