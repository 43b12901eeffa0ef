"""What has ended and what will end: providers, base models and methods, from a file with sources and dates.

    check_lifecycle(provider, "gpt-4.1-mini-2025-04-14", "supervised", date.today())

refuses what is gone, and warns of what has days to live. The data is `lifecycle.toml`, beside this file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

from langsmith_finetune._foundation.arguments import checked, unknown_choice
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.values import Method

logger = logger_of(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Something that ends.

    Args:
        what: `"jobs"`: none can be created from then on. `"models"`: tuned models stop answering.
        day: The first day without it.
        source: Who says so.
        checked: When that was last read; None where it was asked just now.
        note: What else is to be known.
    """

    what: Literal["jobs", "models"]
    day: date
    source: str
    checked: date | None = None
    note: str | None = None

    def __str__(self) -> str:
        checked = f", checked {self.checked}" if self.checked else ""
        note = f"; {self.note}" if self.note else ""
        return f"{self.day} ({self.source}{checked}{note})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What is known of a provider's future for one model and method, on one day.

    Args:
        today: The day.
        gone: What has ended.
        ending: What will end, the nearest first.
        alternatives: Providers that train by the same method and of which no end is known.
    """

    today: date
    gone: tuple[Ending, ...]
    ending: tuple[Ending, ...]
    alternatives: tuple[str, ...]

    def warning(self, model: str) -> str | None:
        """What to know before a job is paid for; None where nothing ends.

        Args:
            model: What the base model is called.
        """
        living = (
            f"Still available: {', '.join(self.alternatives)}"
            if self.alternatives
            else "No alternative known"
        )
        if self.days_to_live is not None and not self.gone:
            end = next(ending for ending in self.ending if ending.what == "models")
            days = f"{self.days_to_live} day{'' if self.days_to_live == 1 else 's'}"
            return f"a model tuned from {model} will live {days}: it ends on {end}. {living}"
        return f"new fine-tuning jobs end on {self.ending[0]}. {living}" if self.ending else None

    @property
    def days_to_live(self) -> int | None:
        """For how many days a model that is tuned today would answer; None where no end is known."""
        ends = [ending.day for ending in (*self.gone, *self.ending) if ending.what == "models"]
        return max(0, (min(ends) - self.today).days) if ends else None


@checked()
def lifecycle_of(
    provider_name: str,
    model: str,
    method: Method = "supervised",
    today: date | str | None = None,
    *,
    shutdown_date: date | str | None = None,
) -> Lifecycle:
    """What is gone and what will end, by the data alone. Asks nobody.

    Args:
        provider_name: Such as `"openai"` or `"azure"`.
        model: The base model, or a model tuned before.
        method: How to train.
        today: The day to judge by.
        shutdown_date: What the provider itself says of the model, where it was asked.

    Raises:
        ValueError: There is no such provider or method.

    Example:
        >>> lifecycle_of("openai", "gpt-4.1-mini-2025-04-14", "supervised", date(2027, 1, 5)).days_to_live
        9
    """
    known = {entry["provider"] for entry in (*_data()["end"], *_data()["alive"])}
    if provider_name not in known:
        raise unknown_choice("provider_name", provider_name, sorted(known))
    return _lifecycle_of(
        provider_name,
        model,
        method,
        cast("date | None", today),
        shutdown_date=cast("date | None", shutdown_date),
    )


def _lifecycle_of(
    provider_name: str,
    model: str,
    method: str,
    today: date | None,
    *,
    shutdown_date: date | None,
) -> Lifecycle:
    """The same for a provider of the caller's own, too."""
    today = today or _today()
    base = model.removeprefix("ft:").split(":")[0]  # ft:gpt-4o-mini:org::id lives as long as its base
    data = _data()
    endings = [
        Ending(
            what=entry["what"],
            day=entry["date"],
            source=entry["source"],
            checked=data["checked"],
            note=entry.get("note"),
        )
        for entry in data["end"]
        if entry["provider"] == provider_name
        and method in entry.get("methods", [method])
        and any(fnmatchcase(base, pattern) for pattern in entry.get("models", ["*"]))
    ]
    if shutdown_date is not None:
        # What the provider says now counts, and not what was read some time ago.
        endings = [ending for ending in endings if ending.what != "models"]
        endings.append(Ending(what="models", day=shutdown_date, source="the provider's list of models"))
    endings.sort(key=lambda ending: ending.day)
    return Lifecycle(
        today=today,
        gone=tuple(ending for ending in endings if ending.day <= today),
        ending=tuple(ending for ending in endings if ending.day > today),
        alternatives=tuple(
            entry["name"]
            for entry in data["alive"]
            if entry["provider"] != provider_name and method in entry["methods"]
        ),
    )


def check_lifecycle(
    provider: Any,
    model: str,
    method: str = "supervised",
    today: date | None = None,
    *,
    asks: bool = True,
) -> Lifecycle:
    """Refuse what is gone, and warn of what will end, before anything is paid for.

    OpenAI is asked for the model's own `shutdown_date`; if it does not answer, the data counts.

    Args:
        provider: The provider that is to train.
        model: The base model.
        method: How to train.
        today: The day to judge by.
        asks: Ask OpenAI. Where False, the data counts.

    Returns:
        What is known.

    Raises:
        NotSupportedError: Jobs, or models tuned from this base, have ended; names what lives.
    """
    name = host_name(provider)
    shutdown_date = _shutdown_date(provider, model) if asks else None
    found = _lifecycle_of(name, model, method, today, shutdown_date=shutdown_date)
    living = (
        f"Still available: {', '.join(found.alternatives)}" if found.alternatives else "No alternative known"
    )
    for ending in found.gone:
        what = "new fine-tuning jobs" if ending.what == "jobs" else f"models tuned from {model!r}"
        raise NotSupportedError(provider.name, f"{what}: that ended on {ending}. {living}")
    if warning := found.warning(model):
        logger.warning("%s: %s", provider.name, warning)
    return found


def is_listed(provider_name: str, base: str) -> bool:
    """True if the data names a base model, one that has ended too.

    Args:
        provider_name: Such as `"openai"`.
        base: The model.
    """
    entries = (entry for entry in _data()["end"] if entry["provider"] == provider_name)
    return any(fnmatchcase(base, pattern) for entry in entries for pattern in entry.get("models", ()))


@cache
def _data() -> Mapping[str, Any]:
    text = (
        resources.files("langsmith_finetune.providers").joinpath("lifecycle.toml").read_text(encoding="utf-8")
    )
    return tomllib.loads(text)


def host_name(provider: Any) -> str:
    """Whose calendar and models hold: a host that merely speaks OpenAI's API has its own."""
    url = getattr(getattr(provider, "client", None), "base_url", None)
    name = str(provider.name)
    return f"openai at {url}" if name == "openai" and getattr(url, "host", None) != _OPENAI else name


_OPENAI = "api.openai.com"


def _shutdown_date(provider: Any, model: str) -> date | None:
    """The `shutdown_date` that OpenAI's `GET /v1/models/MODEL` shows. Never a reason to fail."""
    client = getattr(provider, "client", None)
    if getattr(getattr(client, "base_url", None), "host", None) != _OPENAI:
        return None
    try:
        brisk = client.with_options(max_retries=0, timeout=10.0)  # type: ignore[union-attr]
        answer = brisk.models.with_raw_response.retrieve(model).http_response.json()
        return date.fromisoformat(answer["shutdown_date"]) if answer["id"] == model else None
    except Exception as error:  # noqa: BLE001 - whatever it is: the data is there, and creating will say it
        logger.info("openai: no shutdown date of %s (%s)", model, type(error).__name__)
        return None


def _today() -> date:
    return date.today()  # noqa: DTZ011 - the user's own calendar
