"""Loads models safely: weights from safetensors, and no code from the model's folder.

Every tokenizer and model is loaded here, so that the same is said each time: no code of the folder's own, no pickle,
no question on standard input.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune.chat_template import load_tokenizer, loaded_without_code
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.local.adaptation import FILE, Adaptation, write_note

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_ADAPTER = "adapter_config.json"
_WITH_CODE = ("config.json", "tokenizer_config.json")


def load_model(name: str, *, base_model: str | None = None, **settings: Any) -> Any:
    """A model. A LoRA adapter's folder works too: the model that it was trained on is loaded first.

    Args:
        name: A folder, or a name on the Hugging Face Hub.
        base_model: The model that an adapter was trained on, where it is no longer found by what the folder says.
        **settings: Further settings of `AutoModelForCausalLM.from_pretrained`.

    Raises:
        ProviderError: It is code of its own, there are no safetensors in the folder, or an adapter's base is not found.
    """
    from transformers import AutoModelForCausalLM

    base = base_of(name, base_model=base_model)
    for folder in (name, base):
        if folder is not None:
            _refuse_pickles(folder)
    safe = {"trust_remote_code": False, "use_safetensors": True}
    loaded = base or name
    model = loaded_without_code(
        loaded, lambda: AutoModelForCausalLM.from_pretrained(loaded, **settings | safe)
    )
    if base is not None:
        model.load_adapter(name)
    return model


def base_of(name: str, *, base_model: str | None = None) -> str | None:
    """The model that an adapter was trained on; None for a model that is no adapter.

    Args:
        name: A folder, or a name on the Hugging Face Hub.
        base_model: What the user says that it is.

    Raises:
        ProviderError: It is a folder that is not where the adapter's folder says.
    """
    named = json_in(Path(name, _ADAPTER)).get("base_model_name_or_path")
    if not isinstance(named, str):
        return None
    if base_model is not None:
        return base_model
    beside = json_in(Path(name, FILE)).get("base_folder")
    for folder in (Path(named), Path(name, beside) if isinstance(beside, str) else None):
        if folder is not None and folder.is_dir():
            return str(folder.resolve())
    if not Path(named).is_absolute():
        return named  # on the Hub
    raise ProviderError(
        "local",
        f"the adapter in {name} was trained on the model folder {named}, which is not there. Pass that model as "
        "base_model=",
    )


def name_base(folder: Path, model: str) -> None:
    """Write into an adapter's folder where its base lies beside it, so that both can be moved together.

    Args:
        folder: The adapter's folder; nothing is written where it is none.
        model: The model that it was trained on, a folder or a name on the Hub.
    """
    if (folder / _ADAPTER).is_file() and Path(model).is_dir():
        write_note(folder, base_folder=os.path.relpath(Path(model).resolve(), folder.resolve()))


def context_of(name: str, *, asks_hub: bool = True) -> int | None:
    """How many tokens a model takes, if it says so; its weights are not loaded.

    Args:
        name: A folder, also of a LoRA adapter, or a name on the Hugging Face Hub.
        asks_hub: What is not on this machine is fetched from the Hub.

    Raises:
        ProviderError: It is code of its own.
    """
    context = getattr(_config(name, asks_hub=asks_hub).get_text_config(), "max_position_embeddings", None)
    return context if isinstance(context, int) else None


def in_type_of(model: Any, name: str) -> Any:
    """A model with its weights in the number type of another, which is what the files of that one hold.

    Args:
        model: The model.
        name: A folder, or a name on the Hugging Face Hub.
    """
    dtype = getattr(_config(name), "dtype", None)
    return model if dtype is None else model.to(dtype)


def _config(name: str, *, asks_hub: bool = True) -> Any:
    from transformers import AutoConfig

    of = base_of(name) or name
    safe = {"trust_remote_code": False, "local_files_only": not asks_hub}
    return loaded_without_code(of, lambda: AutoConfig.from_pretrained(of, **safe))


def check_model_folder(name: str, *, base_model: str | None = None) -> None:
    """Refuse a folder that cannot be loaded safely, before anything is started. A name on the Hub is not asked for.

    Args:
        name: A folder, or a name on the Hugging Face Hub.
        base_model: The model that an adapter was trained on, where it is no longer found by what the folder says.

    Raises:
        ProviderError: Its weights are pickled, or it needs code of its own.
    """
    if not Path(name).is_dir():
        return
    for folder in (name, base_of(name, base_model=base_model)):
        if folder is not None:
            _refuse_pickles(folder)
    # transformers has most models built in, and then leaves the folder's code alone; only it can tell.
    if any("auto_map" in json_in(Path(name, file)) for file in _WITH_CODE):
        from transformers import AutoConfig

        if Path(name, _WITH_CODE[0]).is_file():  # an adapter's folder has none
            loaded_without_code(name, lambda: AutoConfig.from_pretrained(name, trust_remote_code=False))
        load_tokenizer(name)


def with_response_template(
    tokenizer: PreTrainedTokenizerBase, adaptation: Adaptation | None = None
) -> PreTrainedTokenizerBase:
    """The tokenizer, saying how its answers are read where that can be found, so that other servers read calls too.

    Its own way comes first, then the one that TRL knows for its chat template, then what marked answers tell.

    Args:
        tokenizer: The model's.
        adaptation: How conversations are changed for its chat template.

    Source: https://huggingface.co/docs/transformers/chat_response_parsing
    """
    from trl.chat_template_utils import add_response_schema

    from langsmith_finetune.providers.local.answer_forms import AnswerForms

    if getattr(tokenizer, "response_template", None) is None:
        try:
            return add_response_schema(tokenizer)
        except ValueError:  # a chat template that TRL does not know
            found = AnswerForms(tokenizer, adaptation or Adaptation()).response_template()
            tokenizer.response_template = found
    return tokenizer


def response_template_of(tokenizer: PreTrainedTokenizerBase, adaptation: Adaptation) -> dict[str, Any] | None:
    """How a model's answers are read, where that can be found; the tokenizer stays as it is.

    Args:
        tokenizer: The model's.
        adaptation: How conversations are changed for its chat template.
    """
    copied = with_response_template(copy.copy(tokenizer), adaptation)
    found: dict[str, Any] | None = getattr(copied, "response_template", None)
    return found


def _refuse_pickles(name: str) -> None:
    folder = Path(name)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return
    if pickled := sorted(file.name for pattern in _PICKLES for file in folder.glob(pattern)):
        raise ProviderError(
            "local",
            f"the model folder {folder} has its weights in {pickled[0]}, a pickle, which can run code and is not "
            "read. Save the model as safetensors",
        )


def json_in(file: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is none to read."""
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
