"""Merges a LoRA adapter into the model that it was trained on."""

from __future__ import annotations

import warnings
from pathlib import Path

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.local.adaptation import adaptation_in
from langsmith_finetune.providers.local.extra import require_local_extra
from langsmith_finetune.providers.local.model_folder import base_of, load_model


@checked()
def merge(model: str | Path, folder: str | Path, *, base_model: str | Path | None = None) -> Path:
    """Write an adapter and the model that it was trained on as one model, as servers and converters take it.

    Args:
        model: The adapter's folder, as a training with `lora` leaves it.
        folder: Where the model goes; must not be there yet.
        base_model: The model that the adapter was trained on, where it is no longer found by what the folder says.

    Returns:
        The folder.

    Raises:
        FileExistsError: The folder is there.
        ImportError: The extra `local` is not installed.
        NotSupportedError: The model is no adapter.
        ProviderError: The adapter's base is not found.

    Example:
        >>> merge("finetune-runs/ft-0123456789abcdef-1/model", "merged")  # doctest: +SKIP
    """
    require_local_extra()
    from peft import PeftModel

    source, target = str(model), Path(folder)
    if target.exists():
        raise FileExistsError(f"{target} is there already; name a new folder, or remove it")
    base = base_of(source, base_model=None if base_model is None else str(base_model))
    if base is None:
        raise NotSupportedError(source, "merging: it is no adapter, but a whole model already")
    with warnings.catch_warnings():  # of transformers, about what PEFT asks of it
        warnings.simplefilter("ignore", FutureWarning)
        merged = PeftModel.from_pretrained(load_model(base, dtype="auto"), source).merge_and_unload()
    merged.save_pretrained(target)
    load_tokenizer(source).save_pretrained(target)
    adaptation_in(source).save(target)
    return target
