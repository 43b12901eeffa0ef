"""Loads models safely: weights from safetensors, and no code from the model's folder.

Every tokenizer and model is loaded here, so that the same is said each time: no code of the folder's own, no pickle,
no question on standard input.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune.chat_template import load_tokenizer, loaded_without_code
from langsmith_finetune.errors import ProviderError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_WITH_CODE = ("config.json", "tokenizer_config.json")


def load_model(name: str, **settings: Any) -> Any:
    """A model. A LoRA adapter's folder works too: transformers loads the base model that it names.

    Args:
        name: A folder, or a name on the Hugging Face Hub.
        **settings: Further settings of `AutoModelForCausalLM.from_pretrained`.

    Raises:
        ProviderError: It is code of its own, or there are no safetensors in the folder.
    """
    from transformers import AutoModelForCausalLM

    _refuse_pickles(name)
    safe = {"trust_remote_code": False, "use_safetensors": True}
    return loaded_without_code(name, lambda: AutoModelForCausalLM.from_pretrained(name, **settings | safe))


def context_of(name: str) -> int | None:
    """How many tokens a model takes, if it says so; its weights are not loaded.

    Args:
        name: A folder, also of a LoRA adapter, or a name on the Hugging Face Hub.

    Raises:
        ProviderError: It is code of its own.
    """
    from transformers import AutoConfig

    base = _object(Path(name, "adapter_config.json")).get("base_model_name_or_path")
    of = base if isinstance(base, str) else name
    config = loaded_without_code(of, lambda: AutoConfig.from_pretrained(of, trust_remote_code=False))
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    return context if isinstance(context, int) else None


def check_model_folder(name: str) -> None:
    """Refuse a folder that cannot be loaded safely, before anything is started. A name on the Hub is not asked for.

    Raises:
        ProviderError: Its weights are pickled, or it needs code of its own.
    """
    if not Path(name).is_dir():
        return
    _refuse_pickles(name)
    # transformers has most models built in, and then leaves the folder's code alone; only it can tell.
    if any("auto_map" in _object(Path(name, file)) for file in _WITH_CODE):
        from transformers import AutoConfig

        loaded_without_code(name, lambda: AutoConfig.from_pretrained(name, trust_remote_code=False))
        load_tokenizer(name)


def with_response_template(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, saying how its answers are read where that is known, so that other servers read calls too.

    Source: https://huggingface.co/docs/transformers/chat_response_parsing
    """
    from trl.chat_template_utils import add_response_schema

    if getattr(tokenizer, "response_template", None) is None:
        with suppress(ValueError):  # a chat template that TRL does not know
            return add_response_schema(tokenizer)
    return tokenizer


def _refuse_pickles(name: str) -> None:
    folder, base = Path(name), _object(Path(name, "adapter_config.json")).get("base_model_name_or_path")
    for each in (folder, Path(base)) if isinstance(base, str) else (folder,):
        if not each.is_dir() or any(each.glob("*.safetensors")):
            continue
        if pickled := sorted(file.name for pattern in _PICKLES for file in each.glob(pattern)):
            raise ProviderError(
                "local",
                f"the model folder {each} has its weights in {pickled[0]}, a pickle, which can run code and is not "
                "read. Save the model as safetensors",
            )


def _object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is none to read."""
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
