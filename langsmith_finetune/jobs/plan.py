"""Finds out what a job would send and cost, before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from langsmith_finetune._foundation.html import NOTHING, Html, card, facts
from langsmith_finetune._printable import logger_of, printable
from langsmith_finetune.chat_format import LineKind, kind_of_line
from langsmith_finetune.errors import InvalidExampleError, ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.providers.values import JobRequest, Method, PreparedFile

if TYPE_CHECKING:
    from langsmith_finetune.cost.counters import TokenCount, TokenCounter
    from langsmith_finetune.cost.prices import CostEstimate
    from langsmith_finetune.providers.lifecycle import Lifecycle
    from langsmith_finetune.targets.for_target import SplitReport
    from langsmith_finetune.targets.report import CheckReport

logger = logger_of(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobPlan:
    """Everything that `FineTuneJob.create` would send, and what it would cost.

    Args:
        provider: The provider's name.
        home: Its address or folder.
        fingerprint: What tells this job from others.
        training_file: The file to be trained on.
        training_bytes: Its size.
        validation_file: The file to be measured on, if any.
        body: What the request that creates the job would say; files stand in it by name.
        check: What the target's rules say of the training file; None if it was not checked.
        tokens: The tokens of the training file, one epoch.
        cost: What the training would cost; None where `cost_unknown` says why.
        cost_unknown: Why no price is known.
        lifecycle: What is known of the model's and the provider's end.
        model_unknown: Why the model's name may be none, as far as this machine can tell; None where it is known.
        split: Which lines would be sent in another form, since the provider has no weights for context; None where it
            has them.
    """

    provider: str
    home: str
    fingerprint: str
    training_file: Path
    training_bytes: int
    validation_file: Path | None
    body: Mapping[str, Any]
    check: CheckReport | None
    tokens: TokenCount | None
    cost: CostEstimate | None
    cost_unknown: str | None
    lifecycle: Lifecycle | None = None
    model_unknown: str | None = None
    split: SplitReport | None = None

    @property
    def usd(self) -> float | None:
        """The price in US dollars, where one is known; training on this machine has none to pay."""
        return None if self.cost is None else self.cost.usd

    def __str__(self) -> str:
        lines = [
            f"nothing was sent. {self.provider} {self.home}".rstrip(),
            f"upload: {self.training_file.name} ({self.training_bytes:,} bytes)",
        ]
        if self.validation_file is not None:
            lines.append(
                f"upload: {self.validation_file.name} ({self.validation_file.stat().st_size:,} bytes)"
            )
        lines.append("create: " + json.dumps(self.body, ensure_ascii=False, default=str))
        if self.tokens is not None:
            exactly = "" if self.tokens.exact else "about "
            lines.append(f"tokens: {exactly}{self.tokens.total:,} an epoch ({self.tokens.how})")
        lines.append(f"price: {self.cost or self.cost_unknown}")
        if self.lifecycle and (end := self.lifecycle.warning(str(self.body.get("model")))):
            lines.append(f"end: {end}")
        if self.model_unknown is not None:
            lines.append(f"model: {self.model_unknown}")
        if self.split is not None and self.split.says():
            lines.append(f"lines: {self.split}")
        if self.check is not None:
            lines.append(f"check: {self.check}")
        return printable("\n".join(lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        model = str(self.body.get("model"))
        about = "" if self.tokens is None or self.tokens.exact else "about "
        shown = {
            "provider": f"{self.provider} {self.home}".rstrip(),
            "model": model,
            "note": self.model_unknown,
            "upload": f"{self.training_file.name} ({self.training_bytes:,} bytes)",
            "and to measure on": self.validation_file and self.validation_file.name,
            "tokens": self.tokens and f"{about}{self.tokens.total:,} an epoch ({self.tokens.how})",
            "price": str(self.cost or self.cost_unknown),
            "end": self.lifecycle and self.lifecycle.warning(model),
            "create": json.dumps(self.body, ensure_ascii=False, default=str, indent=1),
        }
        check = NOTHING if self.check is None else Html(self.check._repr_html_())
        return card("Nothing was sent", facts(shown), check)


_KINDS: Mapping[LineKind, tuple[str, Method]] = {
    "training": ("training lines", "supervised"),
    "preference": ("preferences", "dpo"),
    "label": ("labels", "kto"),
}
"""What a file of each kind of line holds, and the method that trains on it."""


def check_request(provider: Provider, request: JobRequest, first_line: Mapping[str, Any]) -> None:
    """See that a provider can do what is asked, and that the file is of the method's kind.

    Raises:
        InvalidExampleError: The file's first line is of another method's kind.
        NotSupportedError: The provider does not train by this method.
        ValueError: The suffix is too long, the file too large, or there is no grader.
    """
    if request.method not in get_args(Method):
        names = ", ".join(map(repr, get_args(Method)))
        raise ValueError(f"method must be one of {names}, not {request.method!r}")
    provider.check_request(request)
    found, method = _KINDS[kind_of_line(first_line)]
    wanted = "supervised" if request.method == "reinforcement" else request.method
    if method != wanted:
        raise InvalidExampleError(
            f"{request.training_file.name}:1",
            "",
            f"method={request.method!r}, but the file holds {found}",
            f"Pass method={method!r}, or another file",
        )
    if request.method == "reinforcement" and "grader" not in request.parameters:
        raise ValueError(
            "method='reinforcement' needs parameters={'grader': {...}}, the provider's own grader"
        )


@contextmanager
def planned(
    provider: Provider, request: JobRequest, *, check: bool, cost: bool, only: bool = False
) -> Iterator[tuple[JobPlan, Sequence[PreparedFile]]]:
    """What a job would send and cost, and the files that it would send. Sends nothing.

    The files are read once, and private copies of them live as long as the context.

    Args:
        provider: Who would train.
        request: What would be asked.
        check: Apply the provider's rules to the files.
        cost: Look up what it costs, and count the tokens if that is known.
        only: Ask nobody, and count the tokens in any case.

    Raises:
        InvalidExampleError: The provider's rules refuse a line; says which, and holds the report as a note.
        NotSupportedError: The model, or the provider's training, has ended.
    """
    from langsmith_finetune.providers.lifecycle import check_lifecycle  # noqa: PLC0415 - only who pays needs it

    lifecycle = check_lifecycle(provider, request.model, request.method, asks=not only)
    if unknown_name := _unknown_name(provider, request.model):
        logger.warning("%s: %s", provider.name, unknown_name)
    estimate = _Cost(provider, request) if cost else None
    counter = estimate.counter(count=only) if estimate is not None else None
    with prepared_files(provider, request, check=check, counter=counter, only=only) as files:
        training = files[0]
        for file in files:
            if file.split is not None and (said := file.split.says()):
                logger.warning("%s: %s: %s", provider.name, file.path.name, said)
        found, unknown = (None, "not asked for") if estimate is None else estimate.of(training)
        yield (
            JobPlan(
                provider=provider.name,
                home=provider.home,
                fingerprint=request.fingerprint,
                training_file=request.training_file,
                training_bytes=training.size_bytes,
                validation_file=request.validation_file,
                body=provider.preview(request),
                check=training.check,
                tokens=training.tokens,
                cost=found,
                cost_unknown=unknown,
                lifecycle=lifecycle,
                model_unknown=unknown_name,
                split=training.split,
            ),
            files,
        )


def _unknown_name(provider: Provider, model: str) -> str | None:
    """Why a model's name may be none, where this machine can tell: the provider itself says it only for a job."""
    if provider.trains_folders:
        is_plain = Path(model).is_dir() or "/" in model
        return None if is_plain else f"{model!r} is no folder here; it is looked for on the Hugging Face Hub"
    from langsmith_finetune.cost.prices import models_of  # noqa: PLC0415
    from langsmith_finetune.providers.lifecycle import host_name, is_listed  # noqa: PLC0415

    base, host = model.removeprefix("ft:").split(":")[0], host_name(provider)
    known = models_of(host)
    if not known or base in known or is_listed(host, base):
        return None
    near = get_close_matches(base, known, n=1)
    meant = f" Is {near[0]!r} meant?" if near else ""
    return f"no model {model!r} is known at {provider.name}, which decides itself.{meant}"


def refuse_above(max_cost_usd: float | None, plan: JobPlan, *, free: bool) -> None:
    """See that a job costs no more than the caller will pay.

    Raises:
        ValueError: It costs more, or nobody knows what it costs.
    """
    if max_cost_usd is None or free:
        return
    if plan.cost is None:
        raise ValueError(
            f"max_cost_usd={max_cost_usd:g}, but the price is not known: {plan.cost_unknown}. Nothing was sent; "
            "without max_cost_usd the job is started all the same"
        )
    if plan.cost.usd > max_cost_usd:
        raise ValueError(
            f"the job would cost {plan.cost}. That is more than max_cost_usd={max_cost_usd:g}; nothing was sent"
        )


class _Cost:
    """What a request costs, as far as the table of prices knows."""

    def __init__(self, provider: Provider, request: JobRequest) -> None:
        self._provider, self._request = provider, request
        # Some providers have a number of epochs of their own.
        asked = {**provider.preview(request), **request.parameters}
        self._epochs: Any = asked.get("n_epochs", asked.get("epochs"))
        self._unknown: str | None = None
        if not provider.costs_money:
            self._unknown = "training on this machine costs no money"
        elif self._priced(1, n_epochs=1) is None:
            self._unknown = f"the table of prices has none for {request.model} at {provider.name}"
        elif isinstance(self._epochs, bool) or not isinstance(self._epochs, int) or self._epochs < 1:
            self._unknown = (
                "the provider chooses the number of epochs itself; set it, as by parameters={'n_epochs': 3}"
            )

    def counter(self, *, count: bool) -> TokenCounter | None:
        """Counts the tokens; None where there is no price and nobody asked for them, or no tokenizer."""
        from langsmith_finetune.cost.tokens import token_counter  # noqa: PLC0415

        if not self._provider.costs_money or (self._unknown and not count):
            return None
        try:
            return token_counter(self._request.model)
        except (
            ImportError,
            OSError,
            ProviderError,
            ValueError,
        ) as error:  # a tokenizer that cannot be loaded
            self._unknown = self._unknown or f"the tokens cannot be counted ({type(error).__name__})"
            return None

    def of(self, file: PreparedFile) -> tuple[CostEstimate | None, str | None]:
        """The price of training on a file, or why it is not known."""
        unknown = self._unknown or file.tokens_unknown
        if unknown or file.tokens is None:
            return None, unknown
        return self._priced(file.tokens, n_epochs=self._epochs), None

    def _priced(self, tokens: TokenCount | int, *, n_epochs: int) -> CostEstimate | None:
        from langsmith_finetune.cost.prices import price_of  # noqa: PLC0415

        return price_of(
            tokens,
            provider=self._provider.name,
            model=self._request.model,
            n_epochs=n_epochs,
            method=self._request.method,
            training="full" if self._request.parameters.get("lora") is False else "lora",
        )
