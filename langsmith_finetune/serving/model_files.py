"""What the files of a tuned model say about serving it."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.json_values import count_from
from langsmith_finetune._printable import printable_line
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.providers.local.adaptation import Adaptation, adaptation_in
from langsmith_finetune.providers.local.end_tokens import end_ids
from langsmith_finetune.providers.local.extra import require_local_extra
from langsmith_finetune.providers.local.model_folder import base_of, check_model_folder, context_of, json_in
from langsmith_finetune.providers.local.preparing import chat_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from langsmith_finetune.providers.local.answer_forms import AnswerForms

_JOB = re.compile(r"model(-[A-Za-z0-9][A-Za-z0-9._-]{0,63})?")
"""The folder of a job's model, in the job's own."""

_ON_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[\w.-]{1,96})?")


class ModelFiles:
    """A model by its folder, or by its name on the Hugging Face Hub.

    Args:
        model: A model of a job, a folder, or a name on the Hub.
        base_model: The model that an adapter was trained on, where it is no longer found by what the folder says.

    Raises:
        ImportError: The extra `local` is not installed.
        NotSupportedError: The model's weights are at a host.
        ProviderError: There is no such folder, its weights are pickled, or it needs code of its own.
        ValueError: The path holds a character that a terminal would obey.
    """

    def __init__(self, model: FineTunedModel | str | Path, *, base_model: str | Path | None = None) -> None:
        self.name = safe_path(_place_of(model))
        require_local_extra()
        given = None if base_model is None else safe_path(base_model)
        check_model_folder(self.name, base_model=given)
        base = base_of(self.name, base_model=given)
        self.base = None if base is None else safe_path(base)  # a stranger's folder may name a flag

    @property
    def path(self) -> Path:
        """The folder.

        Raises:
            NotSupportedError: It is a name on the Hub.
        """
        folder = Path(self.name)
        if not folder.is_dir():
            what = f"exporting {self.name}, which is a name on the Hub. Download it, and name its folder"
            raise NotSupportedError("export", what)
        return folder

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer, with its chat template."""
        return chat_tokenizer(self.name, name=printable_line(self.name))

    @cached_property
    def adaptation(self) -> Adaptation:
        """How conversations were changed for the chat template when the model was trained."""
        return adaptation_in(self.name)

    @cached_property
    def forms(self) -> AnswerForms:
        """How the chat template writes answers."""
        from langsmith_finetune.providers.local.answer_forms import AnswerForms  # noqa: PLC0415 - heavy

        return AnswerForms(self.tokenizer, self.adaptation)

    @cached_property
    def context(self) -> int | None:
        """How many tokens the model takes, if it says so."""
        return context_of(self.base or self.name)

    @cached_property
    def ends(self) -> list[int]:
        """The tokens that end an answer."""
        return end_ids(self.own_ends, self.tokenizer, self.adaptation)

    @cached_property
    def own_ends(self) -> list[int]:
        """The tokens that the model's own settings name, which is what servers stop at."""
        for file in ("generation_config.json", "config.json"):
            found = json_in(Path(self.base or self.name, file)).get("eos_token_id")
            ids = found if isinstance(found, list) else [found]
            if kept := [one for one in map(count_from, ids) if one is not None]:
                return kept
        return []

    @property
    def stop(self) -> list[str]:
        """The texts that end an answer."""
        return [str(self.tokenizer.convert_ids_to_tokens(one)) for one in self.ends]

    @property
    def adapter(self) -> dict[str, Any]:
        """The settings of an adapter; empty for a whole model."""
        return json_in(Path(self.name, "adapter_config.json"))

    @property
    def label(self) -> str:
        """What a server can call the model: the job's id, or the folder's name."""
        folder = Path(self.name)
        name = folder.parent.name if _JOB.fullmatch(folder.name) else folder.name
        return label_of(name)


def label_of(name: str) -> str:
    """A name that every server takes: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "model"


def safe_path(path: str | Path) -> str:
    """A folder as an absolute path, which no program takes for a flag; a name on the Hub as it is.

    Raises:
        ProviderError: There is no such folder, and no model on the Hub could have that name.
        ValueError: The path holds a character that a terminal would obey.
    """
    text = str(path)
    if printable_line(text) != text:
        raise ValueError(
            f"the path {printable_line(text)} holds a character that a terminal would obey. Rename the folder"
        )
    if Path(text).exists():
        return str(Path(text).absolute())
    if isinstance(path, str) and _ON_THE_HUB.fullmatch(text):
        return text
    raise ProviderError(
        "local", f"there is no model folder {text!r}. Give a folder, or a name on the Hugging Face Hub"
    )


def _place_of(model: FineTunedModel | str | Path) -> str | Path:
    if not isinstance(model, FineTunedModel):
        return model
    if not Path(model.id).is_dir():
        raise NotSupportedError(
            model.provider.name,
            f"serving {model.id} elsewhere: its weights are not on this machine. model.download(path) fetches them "
            "where the provider gives them; then name that folder",
        )
    return model.id
