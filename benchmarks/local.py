"""Local training beside a bare TRL script on the same spans: tokens fed, CPU seconds, bytes kept.

An agent's trace is a line with calls of a tool, each answered, and a last answer in words; every answer is learned.
CPU seconds are those of `train()`, the median of five rounds in turn, on one thread.
"""

from __future__ import annotations

import json
import resource
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PrinterCallback, set_seed
from trl import SFTConfig, SFTTrainer

from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.providers.local import preview, tiny_model
from langsmith_finetune.providers.local.preparing import prepare
from langsmith_finetune.providers.local.run_folder import RunFolder
from langsmith_finetune.providers.local.trainers import trainer_of

ANSWERS = (1, 6, 11, 21, 41)
ROUNDS = 5
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
}


def trace(answers: int, start: int) -> dict[str, Any]:
    """A line with so many answers of an agent."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"Count up from {start}."}]
    for number in range(start, start + answers - 1):
        call = {"name": "add", "arguments": json.dumps({"a": number, "b": 1})}
        calls = [{"id": f"call_{number}", "type": "function", "function": call}]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": str(number + 1)})
    messages.append({"role": "assistant", "content": "That is all."})
    return {"messages": messages, "tools": [TOOL]}


def model_of(folder: Path, hidden: int, layers: int, lines: list[dict[str, Any]]) -> Path:
    """A model of random weights in a folder, with a tokenizer for the lines."""
    tiny_model(folder, lines, context=8192)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=8192,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def cpu_seconds(trainer: Any) -> float:
    """CPU seconds of a training."""
    trainer.remove_callback(PrinterCallback)
    before = resource.getrusage(resource.RUSAGE_SELF)
    trainer.train()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def prepared(folder: Path, model: Path, lines: list[dict[str, Any]]) -> tuple[RunFolder, dict[str, Any]]:
    """A run folder with its tokens."""
    run = RunFolder(folder)
    folder.mkdir()
    run.training_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    request = {
        "model": "model",
        "model_path": str(model),
        "parameters": {"batch_size": 4, "n_epochs": 1},
        "training_name": "train.jsonl",
        "validation_name": None,
        "suffix": None,
        "seed": 0,
    }
    prepare(run, request)
    return run, request


def bare(folder: Path, model: Path, rows: Any) -> SFTTrainer:
    """TRL with its own defaults, but for what a CPU needs."""
    config = SFTConfig(
        str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=4,
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        max_length=None,
        learning_rate=2e-5,
        train_sampling_strategy="group_by_length",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    columns = [name for name in rows.column_names if name not in ("input_ids", "labels", "length")]
    return SFTTrainer(
        model=LlamaForCausalLM.from_pretrained(model),
        args=config,
        train_dataset=rows.remove_columns(columns),
        processing_class=AutoTokenizer.from_pretrained(model),
    )


def main() -> None:
    """Measure, and print."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        lines = [trace(answers, start) for start in range(6) for answers in ANSWERS]
        tiny = model_of(folder / "tiny", 128, 4, lines)
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        print("tokens fed for an agent's trace, of those of its longest call:")
        for answers in ANSWERS:
            line = trace(answers, 0)
            fed = sum(len(one.input_ids) for one in preview(line, model=tokenizer))
            text = tokenizer.apply_chat_template(
                messages_for_template(line["messages"], "line"), tools=line["tools"], tokenize=False
            )
            whole = len(tokenizer(text, add_special_tokens=False).input_ids)
            print(f"  {answers:>2} answers: {fed:,} tokens, {fed / whole:.2f} of one sequence")
        for name, hidden, layers, count in (("1 M", 128, 4, 24), ("30 M", 512, 10, 4)):
            model = model_of(folder / name.replace(" ", ""), hidden, layers, lines)
            some = [trace(1 + number % 6, number) for number in range(count)]
            own, other = [], []
            for round_number in range(ROUNDS):
                place = folder / f"{name}-{round_number}".replace(" ", "")
                run, request = prepared(place, model, some)
                ours = trainer_of(run, request, AutoTokenizer.from_pretrained(model))
                theirs = bare(place / "bare", model, ours.train_dataset)
                for trainer, taken in ((ours, own), (theirs, other))[:: 1 if round_number % 2 else -1]:
                    taken.append(cpu_seconds(trainer))
            ratio = statistics.median(own) / statistics.median(other)
            print(
                f"{name} weights, {len(ours.train_dataset)} sequences: {statistics.median(own):.2f} s of CPU, {ratio:.2f} of bare TRL"
            )
        tokens = sum(len(row["input_ids"]) for row in ours.train_dataset)
        print(f"tokens on disk: {run.training_tokens.stat().st_size / tokens:.1f} bytes each")


if __name__ == "__main__":
    main()
