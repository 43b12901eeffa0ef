"""Local training on a GPU beside a bare TRL script: tokens a second, memory, share of the chip's peak.

    python -m benchmarks.gpu               a Qwen3 of 0.6 B weights, made from its configuration
    python -m benchmarks.gpu --small 1     the same script with a tiny one, on any machine

The weights are random: what is measured does not depend on them. Each way trains the same sequences, once whole and once
with LoRA, in bfloat16.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PrinterCallback, Qwen3Config, Qwen3ForCausalLM, set_seed
from trl import SFTConfig, SFTTrainer

from benchmarks import results
from langsmith_finetune.providers.local import tiny_model
from langsmith_finetune.providers.local.preparing import prepare
from langsmith_finetune.providers.local.run_folder import RunFolder
from langsmith_finetune.providers.local.trainers import trainer_of

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16 operations a second, by the makers' data sheets."""


def line_of(number: int, words: int) -> dict[str, Any]:
    """A training line of so many words."""
    text = " ".join(f"word{(number * 31 + index) % 997}" for index in range(words))
    return {
        "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": text[: words * 3]}]
    }


def model_in(folder: Path, lines: list[dict[str, Any]], *, small: bool) -> Path:
    """A model of Qwen3's architecture in a folder."""
    tiny_model(folder, lines, context=8192)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "vocab_size": 2048,
    }
    if not small:
        sizes = {
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 28,
            "vocab_size": 151936,
        }
    set_seed(0)
    config = Qwen3Config(
        **sizes,
        num_attention_heads=16 if not small else 4,
        num_key_value_heads=8 if not small else 2,
        head_dim=128 if not small else 16,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


def measured(trainer: Any, tokens: int) -> dict[str, float]:
    """Train, and return how fast: tokens a second, GiB, and percent of the chip's peak where there is a GPU."""
    trainer.remove_callback(PrinterCallback)
    weights = sum(parameter.numel() for parameter in trainer.model.parameters())
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    begun = time.perf_counter()
    trainer.train()
    if on_gpu:
        torch.cuda.synchronize()
    found = {"tokens_per_second": tokens / (time.perf_counter() - begun)}
    if on_gpu:
        name = torch.cuda.get_device_name()
        found["gigabytes"] = torch.cuda.max_memory_allocated() / 1e9
        if peak := next((value for key, value in PEAKS.items() if key in name), None):
            found["of_peak_percent"] = 100 * 6 * weights * found["tokens_per_second"] / peak
    return found


def main() -> None:
    """Measure, print, and record."""
    sizes = results.sizes(__doc__, small=0)
    small, figures = bool(sizes.small), {}
    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")
    lines = [line_of(number, 40 if small else 400) for number in range(16 if small else 256)]
    with tempfile.TemporaryDirectory() as home:
        model = model_in(Path(home, "model"), lines, small=small)
        for name, lora in (("every weight", False), ("LoRA", True)):
            run = RunFolder(Path(home, name.replace(" ", "")))
            run.path.mkdir()
            run.training_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
            parameters = {"batch_size": 8, "n_epochs": 1, "lora": lora, "dtype": "bfloat16"}
            request = {
                "model": "model",
                "model_path": str(model),
                "parameters": parameters,
                "training_name": "train.jsonl",
                "validation_name": None,
                "suffix": None,
                "seed": 0,
            }
            prepare(run, request)
            tokenizer = AutoTokenizer.from_pretrained(model)
            trainer_of(run, request, tokenizer).train()  # once unmeasured, so that all is loaded
            ours = trainer_of(run, request, tokenizer)
            rows = ours.train_dataset
            tokens = sum(len(row["input_ids"]) for row in rows)
            own = measured(ours, tokens)
            print(f"{name}, this library: {own}")
            config = SFTConfig(
                str(run.path / "bare"),
                num_train_epochs=1,
                per_device_train_batch_size=8,
                max_length=None,
                use_cpu=not torch.cuda.is_available(),
                bf16=torch.cuda.is_available(),
                activation_checkpointing=torch.cuda.is_available(),
                train_sampling_strategy="group_by_length",
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            )
            bare = SFTTrainer(
                model=Qwen3ForCausalLM.from_pretrained(model, dtype=torch.bfloat16),
                args=config,
                train_dataset=rows,
                processing_class=tokenizer,
                peft_config=ours.model.peft_config["default"] if lora else None,
            )
            theirs = measured(bare, tokens)
            print(f"{name}, bare TRL: {theirs}")
            key = "lora" if lora else "whole"
            figures |= {f"{key}_{figure}": value for figure, value in own.items()}
            figures |= {f"{key}_bare_{figure}": value for figure, value in theirs.items()}
            del ours, bare
    if torch.cuda.is_available():
        results.record("gpu", figures, sizes, packages=("torch", "transformers", "trl"))


if __name__ == "__main__":
    main()
