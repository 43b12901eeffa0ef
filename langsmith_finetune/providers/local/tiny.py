"""`tiny_model`: a model small enough to train from nothing in half a minute on a CPU."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, NOT_NEGATIVE, checked, many
from langsmith_finetune._foundation.scratch import scratch_folder
from langsmith_finetune.chat_format import LineKind, kind_of_line
from langsmith_finetune.examples.sound import line_of
from langsmith_finetune.providers.local.extra import no_progress_bars, require_local_extra
from langsmith_finetune.providers.local.rows import Row, rows_of_line
from langsmith_finetune.providers.values import Method
from langsmith_finetune.targets.read_lines import sound_lines

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# The chat form of the Qwen family, but with tools as signatures, "Calculator(num1, num2): Calculates": every
# token costs time, and a model of this size learns nothing from instructions and JSON schemas.
# llama.cpp's engine renders it too: it knows neither `default` nor `join` on objects.
CHAT_TEMPLATE = """\
{%- if tools -%}
<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}
{% endif %}<tools>
{% for tool in tools -%}
{%- set function = tool.function if tool.function is defined else tool -%}
{{ function.name }}(
{%- if function.parameters and function.parameters.properties -%}
{%- for name in function.parameters.properties -%}
{{ name }}{% if not loop.last %}, {% endif %}
{%- endfor -%}
{%- endif -%}
): {{ function.description or '' }}
{% endfor %}</tools><|im_end|>
{% endif -%}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first and tools -%}
{%- else -%}
<|im_start|>{{ message.role }}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] -%}
<tool_call>
{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""

# How transformers reads that form back: https://huggingface.co/docs/transformers/chat_response_parsing
RESPONSE_TEMPLATE: dict[str, Any] = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {
        "tool_calls": {
            "open": "<tool_call>",
            "close_pattern": r"</tool_call>\s*",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|im_end\|>\s*", "content": "text"},
    },
}

_METHODS: Mapping[LineKind, Method] = {"training": "supervised", "preference": "dpo", "label": "kto"}
_SPECIAL_TOKENS = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
_MARKUP = ["<tools>", "</tools>", "<tool_call>", "</tool_call>"]


@checked(seed=NOT_NEGATIVE, vocabulary=AT_LEAST_ONE, context=AT_LEAST_ONE)
def tiny_model(
    path: str | Path,
    examples: str | Path | Iterable[Any],
    *,
    seed: int = 0,
    vocabulary: int = 1024,
    context: int = 2048,
) -> Path:
    """Make a model from nothing: about a million random weights, and a tokenizer learned from the examples.

    It knows nothing, not even language. Trained on a few examples for some hundred steps it answers those
    examples; do not expect it to answer others. It is there to try the whole path without a download: give
    the folder as `model=` to `FineTuneJob.create`. For twenty examples, `parameters={"max_steps": 240,
    "batch_size": 10, "learning_rate": 3e-3, "warmup_steps": 10}` does it; for more, take more steps.

    Args:
        path: The folder to write, in the form that transformers loads.
        examples: A JSONL file of lines of any kind, or the lines themselves, or objects with a `line`.
        seed: Decides the weights. The same seed and examples give the same model.
        vocabulary: Tokens in the tokenizer at most; small text gives fewer.
        context: Tokens that the model takes, at least; it grows with the longest example.

    Returns:
        `path`.

    Raises:
        ImportError: The extra `local` is not installed.
        InvalidExampleError: An example cannot be trained on.

    Example:
        >>> line = {"messages": [
        ...     {"role": "user", "content": "Say hello."}, {"role": "assistant", "content": "Hello!"}
        ... ]}
        >>> folder = tiny_model("tiny-hello", [line])  # doctest: +SKIP
    """
    require_local_extra()
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.trainer_utils import set_seed

    rows = list(_rows(examples))
    if not rows:
        raise ValueError("examples is empty: the tokenizer is made of their texts")
    tokenizer = _tokenizer(rows, vocabulary)
    longest = max(len(tokenizer(text).input_ids) for text in _texts(rows, tokenizer))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        # Twice the longest example, so that there is room to go on.
        max_position_embeddings=max(context, 2 * longest),
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    set_seed(seed)
    model = LlamaForCausalLM(config)
    tokenizer.model_max_length = config.max_position_embeddings
    folder = Path(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(f".{folder.name}.new-", folder.parent) as new, no_progress_bars():
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
        if folder.is_dir():
            for file in new.iterdir():
                file.replace(folder / file.name)
        else:
            new.rename(folder)
    return folder


def _rows(examples: str | Path | Iterable[Any]) -> Iterator[Row]:
    if isinstance(examples, (str, os.PathLike)):
        path = Path(examples)
        for number, _, line in sound_lines(path, path.name):
            yield from rows_of_line(line, f"{path.name}:{number}", _METHODS[kind_of_line(line)])
        return
    for number, example in enumerate(many("examples", examples, "examples or lines"), start=1):
        given = example if isinstance(example, Mapping) else getattr(example, "line", example)
        line = line_of(f"example {number}", given)
        yield from rows_of_line(line, f"example {number}", _METHODS[kind_of_line(line)])


def _texts(rows: Iterable[Row], tokenizer: PreTrainedTokenizerFast) -> list[str]:
    return [
        tokenizer.apply_chat_template([*row.prompt, row.completion], tools=row.tools or None, tokenize=False)
        for row in rows
    ]


def _tokenizer(rows: list[Row], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text can be written with it, in any script."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        # Digits one by one, as most models read them: 45 and 54 share what they have in common.
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=_SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )

    def with_template() -> PreTrainedTokenizerFast:  # takes a copy of the tokenizer as it is now
        return PreTrainedTokenizerFast(
            tokenizer_object=bpe,
            eos_token="<|im_end|>",  # noqa: S106
            pad_token="<|pad|>",  # noqa: S106
            chat_template=CHAT_TEMPLATE,
            response_template=RESPONSE_TEMPLATE,
        )

    bpe.train_from_iterator(_texts(rows, with_template()), trainer)
    bpe.add_tokens([AddedToken(token, normalized=False) for token in _MARKUP])  # training would forget them
    return with_template()
