"""The model card: what a tuned model is, where it comes from, and what not to do with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.json_values import count_from
from langsmith_finetune._printable import printable, printable_line
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.providers.local.adaptation import FILE
from langsmith_finetune.providers.local.model_folder import json_in
from langsmith_finetune.serving.model_files import ModelFiles

_TOLD = (
    "job_id",
    "provider",
    "base_model",
    "base_licence",
    "method",
    "training_name",
    "training_sha256",
    "validation_name",
    "validation_sha256",
)
_LICENCE = re.compile(r"^license:\s*[\"']?([A-Za-z0-9][\w.+-]{0,63})[\"']?\s*$", re.MULTILINE)
_FRONT = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)


def training_of(model: FineTunedModel | str | Path, folder: Path) -> dict[str, Any]:
    """What is known of a model's training: from the job's folder, or from what an earlier export kept.

    Args:
        model: The model.
        folder: Its folder.
    """
    kept = json_in(folder / FILE).get("training")
    asked = json_in(folder.parent / "request.json")
    if "training_sha256" in asked:
        kept = {
            **{name: asked.get(name) for name in _TOLD},
            "job_id": folder.parent.name,
            "provider": "local",
            "base_model": _name_of(str(asked.get("model") or "")),
            "base_licence": licence_of(str(asked.get("model_path") or "")),
            "parameters": asked.get("parameters"),
        }
    if isinstance(model, FineTunedModel):
        kept = {
            **(kept if isinstance(kept, Mapping) else {}),
            "job_id": model.job_id,
            "provider": model.provider.name,
        }
        kept.setdefault("base_model", _name_of(model.base_model))
    told = kept if isinstance(kept, Mapping) else {}
    parameters = told.get("parameters")
    plain = {name: value for name in _TOLD if isinstance(value := told.get(name), str) and value}
    return plain | (
        {"parameters": dict(parameters)} if isinstance(parameters, Mapping) and parameters else {}
    )


def card_of(
    files: ModelFiles,
    training: Mapping[str, Any],
    *,
    format: str,  # noqa: A002 - as in `export`
    quantization: str | None,
    evaluation: object,
) -> str:
    """The card as Markdown, in the Hub's form.

    Args:
        files: The model.
        training: As `training_of` gives it.
        format: The format of the export.
        quantization: The quantization, if one was asked for.
        evaluation: What an evaluation found.
    """
    base = training.get("base_model") or (_name_of(files.base) if files.base else None)
    licence = training.get("base_licence") or licence_of(files.base or files.name)
    head = {
        "library_name": "gguf"
        if format == "gguf"
        else "peft"
        if files.base and format == "safetensors"
        else "transformers"
    }
    head |= {"pipeline_tag": "text-generation"}
    if base and re.fullmatch(r"[\w.-]+/[\w.-]+", base):
        head["base_model"] = base
    if licence:
        head["license"] = licence
    lines = [
        "---",
        *(f"{name}: {json.dumps(value)}" for name, value in head.items()),
        "---",
        "",
        f"# {files.label}",
        "",
    ]
    lines += [
        "A model fine-tuned with langsmith-finetune on runs of an application.",
        "",
        "| | |",
        "|---|---|",
    ]
    facts = {
        "Format": _code(" ".join(filter(None, (format, quantization)))),
        **_facts(files, training, base, licence),
    }
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += [
        "",
        "## Evaluation",
        "",
        _evaluated(evaluation),
        "",
        "## What it learned from",
        "",
        _data(training),
    ]
    lines += ["", "## What not to do with it", "", *_DO_NOT]
    return "\n".join(lines) + "\n"


_DO_NOT = (
    "- Do not give it to people who may not read its training data: a model can repeat what it learned.",
    "- Do not use it for tools, systems or languages that its training data had none of before you have measured it there.",
    "- Do not let its tool calls change anything without the checks that you would ask of a stranger's request.",
    "- Do not ask it through another chat template than the one in this folder: it loses its tools without a word.",
    "- Do not serve it where others reach it without a key before it.",
    "- Do not pass it on under other terms than its base's licence allows.",
)


def licence_of(base: str) -> str | None:
    """The licence that a model folder's own card names; None where it names none."""
    try:
        text = Path(base, "README.md").read_text(encoding="utf-8", errors="replace")[:100_000]
    except OSError:
        return None
    front = _FRONT.match(text.replace("\r\n", "\n"))
    found = _LICENCE.search(front.group(1)) if front else None
    return found.group(1) if found else None


def _facts(
    files: ModelFiles,
    training: Mapping[str, Any],
    base: str | None,
    licence: str | None,
) -> dict[str, str]:
    unknown = "not known here"
    stated = (
        f"{_code(licence)}, as its own card says"
        if licence
        else "not stated in the base's folder; look it up before you share this"
    )
    tokens = files.context
    return {
        "Base model": _code(base) if base else unknown,
        "Licence of the base": stated,
        "Method": _code(training.get("method")) if training.get("method") else unknown,
        "Job": f"{_code(training['job_id'])} at {_code(training.get('provider', 'unknown'))}"
        if training.get("job_id")
        else unknown,
        "Training file": _file(training, "training") or unknown,
        "Validation file": _file(training, "validation") or "none",
        "Settings": _settings(training) or unknown,
        "Context": f"{tokens} tokens" if count_from(tokens) else unknown,
        "An answer ends with": ", ".join(map(_code, files.stop)) or unknown,
    }


def _settings(training: Mapping[str, Any]) -> str | None:
    if not training.get("method"):
        return None
    return _code(json.dumps(training["parameters"])) if training.get("parameters") else "the defaults"


def _file(training: Mapping[str, Any], which: str) -> str | None:
    digest = training.get(f"{which}_sha256")
    return f"{_code(training.get(f'{which}_name', 'unnamed'))}, SHA-256 {_code(digest)}" if digest else None


def _data(training: Mapping[str, Any]) -> str:
    if not training.get("training_sha256"):
        return "Not known here: the model's folder was not beside its job's."
    job = (
        f" The job is {_code(training['job_id'])} in `Ledger(folder).jobs()`."
        if training.get("job_id")
        else ""
    )
    return (
        "The ledger beside the training file (`*.ledger.jsonl`) says which runs each line is from; the file is the one with the "
        f"SHA-256 above.{job} `Ledger(folder).seen(user_ids=[...])` says whether a user is in it, and `Ledger.erase` writes the "
        "file anew without them; the model has to be trained anew then."
    )


def _evaluated(evaluation: object) -> str:
    return (
        "None was given when this folder was written."
        if evaluation is None
        else printable(str(evaluation)).strip()
    )


def _code(text: object) -> str:
    """A text from outside as code, in which no markup and no end of a table's cell is left."""
    shown = printable_line(str(text)).replace("|", "\\|").replace("`", "'")
    return f"`{shown}`"


def _name_of(model: str) -> str:
    """A name on the Hub as it is, and of a folder its last part: a path tells more than a card should."""
    return Path(model).name if Path(model).is_absolute() or model.startswith(".") else model
