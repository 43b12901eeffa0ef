"""What a job would send and cost, found out on this machine before anything is sent."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.printable import printable
from langsmith_finetune.providers.base import JobRequest, Method, Provider

if TYPE_CHECKING:
    from langsmith_finetune.checks import CheckReport
    from langsmith_finetune.dataset.prices import Price
    from langsmith_finetune.dataset.tokens import TokenCount
    from langsmith_finetune.targets import RuleName, TargetRules


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """Everything that `FineTuneJob.create(..., dry_run=True)` would send, and what it would cost.

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
        price: What the training would cost; None where `price_unknown` says why.
        price_unknown: Why no price is known.
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
    price: Price | None
    price_unknown: str | None

    @property
    def usd(self) -> float | None:
        """The price in US dollars, where one is known; training on this machine has none to pay."""
        return None if self.price is None else self.price.usd

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
        lines.append(f"price: {self.price or self.price_unknown}")
        if self.check is not None:
            lines.append(f"check: {self.check}")
        return printable("\n".join(lines))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def kind_of_line(line: Mapping[str, Any]) -> Literal["supervised", "dpo"]:
    """Whether a line is to be imitated, or prefers one answer to another."""
    answers = (line.get("preferred_output"), line.get("non_preferred_output"))
    return "supervised" if answers == (None, None) else "dpo"


def check_request(provider: Provider, request: JobRequest, first_line: Mapping[str, Any]) -> None:
    """See that a provider can do what is asked, and that the file is of the method's kind.

    Raises:
        InvalidExampleError: The file's first line is of another method's kind.
        NotSupportedError: The provider does not train by this method.
        ValueError: The suffix is too long, the file too large, or there is no grader.
    """
    if request.method not in ("supervised", "dpo", "reinforcement"):
        raise ValueError(f"method must be 'supervised', 'dpo' or 'reinforcement', not {request.method!r}")
    provider.check_request(request)
    kind: Method = kind_of_line(first_line)
    if (request.method == "dpo") != (kind == "dpo"):
        found = "preferences" if kind == "dpo" else "no preferences"
        fix = "Pass method='dpo'" if kind == "dpo" else "Pass method='supervised', or a file of preferences"
        raise InvalidExampleError(
            f"{request.training_file.name}:1",
            "",
            f"method={request.method!r}, but the file holds {found}",
            fix,
        )
    if request.method == "reinforcement" and "grader" not in request.parameters:
        raise ValueError(
            "method='reinforcement' needs parameters={'grader': {...}}, the provider's own grader"
        )


def plan_of(
    provider: Provider, request: JobRequest, *, check: bool, price: bool, count: bool = False
) -> JobPlan:
    """Find out what a job would send and cost. Sends nothing.

    Args:
        provider: Who would train.
        request: What would be asked.
        check: Apply the target's rules to the training file.
        price: Look up what it costs, and count the tokens if that is known.
        count: Count the tokens in any case.

    Raises:
        InvalidExampleError: The target's rules refuse a line; says which, and holds the report as a note.
    """
    report = None
    # The lines of reinforcement have a form of their own, with keys that the grader reads.
    if check and request.method != "reinforcement":
        report = _checked(request.training_file, provider.rules)
        if request.validation_file is not None:
            _checked(request.validation_file, provider.rules, validation=True)
    tokens, found, unknown = (
        _price(provider, request, count=count) if price else (None, None, "not asked for")
    )
    return JobPlan(
        provider=provider.name,
        home=provider.home,
        fingerprint=request.fingerprint,
        training_file=request.training_file,
        training_bytes=request.training_file.stat().st_size,
        validation_file=request.validation_file,
        body=provider.preview(request),
        check=report,
        tokens=tokens,
        price=found,
        price_unknown=unknown,
    )


def refuse_above(max_cost_usd: float | None, plan: JobPlan, *, free: bool) -> None:
    """See that a job costs no more than the caller will pay.

    Raises:
        ValueError: It costs more, or nobody knows what it costs.
    """
    if max_cost_usd is None or free:
        return
    if plan.price is None:
        raise ValueError(
            f"max_cost_usd={max_cost_usd:g}, but the price is not known: {plan.price_unknown}. Nothing was sent; "
            "without max_cost_usd the job is started all the same"
        )
    if plan.price.usd > max_cost_usd:
        raise ValueError(
            f"the job would cost {plan.price}. That is more than max_cost_usd={max_cost_usd:g}; nothing was sent"
        )


def _checked(path: Path, rules: TargetRules, *, validation: bool = False) -> CheckReport:
    from langsmith_finetune.checks import check  # noqa: PLC0415 - only who pays needs the rules

    ignore: set[RuleName] = {"too_few"} if validation else set()  # a few lines are enough to measure on
    report = check(path, rules, ignore=ignore)
    if report.ok:
        return report
    worst = next(problem for problem in report.problems if problem.severity == "error")
    where = path.name if worst.line is None else f"{path.name}:{worst.line}"
    error = InvalidExampleError(where, worst.field, worst.found, worst.fix)
    error.add_note(f"{report}\ncheck=False sends the file all the same")
    raise error


def _price(
    provider: Provider, request: JobRequest, *, count: bool
) -> tuple[TokenCount | None, Price | None, str | None]:
    """Tokens and price, or why there is none. Without a price the tokens are counted only if asked for."""
    from langsmith_finetune.dataset.prices import price  # noqa: PLC0415

    if not provider.costs_money:
        return None, None, "training on this machine costs no money"
    n_epochs = request.parameters.get("n_epochs", request.parameters.get("epochs"))

    def priced(tokens: TokenCount | int) -> Price | None:
        return price(
            tokens,
            provider=provider.name,
            model=request.model,
            n_epochs=n_epochs,
            method=request.method,
            training="full" if request.parameters.get("lora") is False else "lora",
        )

    unknown = None
    if isinstance(n_epochs, bool) or not isinstance(n_epochs, int) or n_epochs < 1:
        unknown = "the provider chooses the number of epochs itself; set it in parameters"
    elif priced(1) is None:
        unknown = f"the table of prices has none for {request.model} at {provider.name}"
    if unknown and not count:
        return None, None, unknown
    try:
        tokens = _tokens(request)
    except (ImportError, OSError, ValueError) as error:  # a tokenizer that cannot be loaded
        return None, None, unknown or f"the tokens cannot be counted ({type(error).__name__})"
    return tokens, None if unknown else priced(tokens), unknown


def _tokens(request: JobRequest) -> TokenCount:
    from langsmith_finetune.dataset.jsonl import read_jsonl  # noqa: PLC0415
    from langsmith_finetune.dataset.tokens import total_tokens  # noqa: PLC0415

    return total_tokens(read_jsonl(request.training_file), request.model)
