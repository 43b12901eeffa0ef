"""Who trains: a provider by its name. Its key comes from the environment."""

from __future__ import annotations

import importlib
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langsmith_finetune.command.options import values

if TYPE_CHECKING:
    from langsmith_finetune.providers.base import Provider


@dataclass(frozen=True, kw_only=True)
class _Known:
    """Where a provider's class is, and its settings with the types that they have."""

    module: str
    of: str
    settings: Mapping[str, type] = field(default_factory=dict)


PROVIDERS: Mapping[str, _Known] = {
    "local": _Known(module="local", of="LocalProvider", settings={"runs_dir": str, "processes": int}),
    "openai": _Known(module="openai", of="OpenAIProvider", settings={"base_url": str}),
    "azure": _Known(
        module="azure",
        of="AzureProvider",
        settings={"endpoint": str, "training_type": str, "resource_id": str},
    ),
    "nebius": _Known(module="nebius", of="NebiusProvider", settings={"base_url": str}),
    "crusoe": _Known(module="crusoe", of="CrusoeProvider", settings={"base_url": str}),
    "together": _Known(
        module="together", of="TogetherProvider", settings={"base_url": str, "project_id": str}
    ),
    "fireworks": _Known(
        module="fireworks", of="FireworksProvider", settings={"base_url": str, "account_id": str}
    ),
    "huggingface": _Known(
        module="huggingface",
        of="HuggingFaceProvider",
        settings={"namespace": str, "flavor": str, "timeout": str},
    ),
}
"""Every provider of this library."""


def add_provider_options(parser: ArgumentParser, *, required: bool = True) -> None:
    """The flags that say who trains.

    Args:
        parser: The subcommand's.
        required: A provider must be named.
    """
    parser.add_argument("--provider", choices=tuple(PROVIDERS), required=required, help="who trains")
    parser.add_argument(
        "--provider-setting",
        dest="provider_settings",
        action="append",
        type=values.named,
        default=[],
        metavar="NAME=VALUE",
        help="such as runs_dir=DIR of local, base_url=URL of openai; keys come from the environment",
    )


def provider_of(name: str, settings: Iterable[tuple[str, str]], **usual: str) -> Provider:
    """The provider of that name.

    Args:
        name: One of `PROVIDERS`.
        settings: What the command line says.
        usual: Settings to use where it says nothing.

    Raises:
        ValueError: It is not known; it has no such setting, or one has another type.
    """
    known = PROVIDERS.get(name)
    if known is None:
        raise ValueError(f"the command line knows no provider {name!r}: one of {', '.join(PROVIDERS)}")
    given: dict[str, Any] = dict(usual)
    for setting, text in settings:
        if setting not in known.settings:
            raise ValueError(f"{name} has no setting {setting!r}, but {', '.join(known.settings)}")
        try:
            given[setting] = known.settings[setting](text)
        except ValueError:
            raise ValueError(
                f"the setting {setting} of {name} must be a whole number, not {text!r}"
            ) from None
    made: Provider = getattr(
        importlib.import_module(f"langsmith_finetune.providers.{known.module}"), known.of
    )(**given)
    return made


def code_for(provider: Provider) -> str:
    """The Python that makes a provider, as for a line that says how to go on there."""
    given = f"runs_dir={provider.home!r}" if provider.name == "local" else ""
    return f"{type(provider).__name__}({given})"
