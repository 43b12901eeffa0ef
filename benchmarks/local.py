"""Local training beside a bare TRL script on the same spans: tokens fed, CPU seconds, bytes kept; and many prompts at once.

    python -m benchmarks.local

An agent's trace is a line with calls of a tool, each answered, and a last answer in words; every answer is learned.
CPU seconds are those of `train()`, the median of rounds in turn, on one thread. Eight prompts are answered in one pass, and one
alone, by the larger of the two models, 32 tokens each.
"""

from __future__ import annotations

import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PrinterCallback, set_seed
from trl import SFTConfig, SFTTrainer

from benchmarks import results
from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.providers.local import LocalChatModel, preview, tiny_model
from langsmith_finetune.providers.local.preparing import prepare
from langsmith_finetune.providers.local.run_folder import RunFolder
from langsmith_finetune.providers.local.trainers import trainer_of

ANSWERS = (1, 6, 11, 21, 41)
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
        "parameters": {"batch_size": 4, "n_epochs": 1, "group_by_length": True},
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


def times_of_eight(folder: Path, rounds: int) -> float:
    """How many times the CPU time of one prompt eight take that are answered at once."""
    model = LocalChatModel(model=str(folder), temperature=0, max_tokens=32)
    prompts = [f"Count up from {number}." for number in range(8)]
    model.invoke(prompts[0])  # loads it
    one, eight = [], []
    for _ in range(rounds):
        for asked, taken in ((prompts[:1], one), (prompts, eight)):
            started = time.process_time()
            answers = model.batch(asked)
            taken.append(time.process_time() - started)
            assert all(answer.usage_metadata["output_tokens"] == 32 for answer in answers)
    return statistics.median(eight) / statistics.median(one)


def main() -> None:
    """Measure, print, and record."""
    sizes = results.sizes(__doc__, rounds=5)
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
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
            figures["tokens_ratio"] = max(figures.get("tokens_ratio", 0), fed / whole)
            print(f"  {answers:>2} answers: {fed:,} tokens, {fed / whole:.2f} of one sequence")
        for name, hidden, layers, count in (("1 M", 128, 4, 24), ("30 M", 512, 10, 4)):
            model = model_of(folder / name.replace(" ", ""), hidden, layers, lines)
            some = [trace(1 + number % 6, number) for number in range(count)]
            own, other = [], []
            for round_number in range(sizes.rounds):
                place = folder / f"{name}-{round_number}".replace(" ", "")
                run, request = prepared(place, model, some)
                ours = trainer_of(run, request, AutoTokenizer.from_pretrained(model))
                theirs = bare(place / "bare", model, ours.train_dataset)
                for trainer, taken in ((ours, own), (theirs, other))[:: 1 if round_number % 2 else -1]:
                    taken.append(cpu_seconds(trainer))
            ratio = statistics.median(own) / statistics.median(other)
            figures[f"{name.replace(' ', '').lower()}_weights_ratio"] = ratio
            print(
                f"{name} weights, {len(ours.train_dataset)} sequences: {statistics.median(own):.2f} s of CPU, {ratio:.2f} of bare TRL"
            )
        tokens = sum(len(row["input_ids"]) for row in ours.train_dataset)
        figures["token_bytes"] = run.training_tokens.stat().st_size / tokens
        print(f"tokens on disk: {figures['token_bytes']:.1f} bytes each")
        figures["eight_prompts_times"] = times_of_eight(model, sizes.rounds)
        print(f"eight prompts at once take {figures['eight_prompts_times']:.1f} times the time of one")
    results.record("local", figures, sizes, packages=("torch", "transformers", "trl"))


if __name__ == "__main__":
    main()
