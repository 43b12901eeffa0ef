"""Counts tokens: by the target's own tokenizer where it is installed, otherwise by an estimate that says so.

Sources of OpenAI's form, `<|im_start|>role<|im_sep|>content<|im_end|>`:
https://developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken (3 tokens a message beside
role and content, 1 more beside a name) and https://amitness.com/notes/openai-finetuning-cost (the sum equals
what a fine-tuning job is billed for). What tools, calls and images take is not documented.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.arguments import checked, many
from langsmith_finetune._foundation.extras import missing, without_tqdm_warning
from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.cost.counters import (
    ByCharacters,
    ByFunction,
    ByTemplate,
    ByTiktoken,
    TokenCount,
    TokenCounter,
    is_trained,
)
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.sound import check_form, is_example, line_of, name_of


@checked()
def count_tokens(examples: Any, target: str | Any = None, *, download: bool = False) -> TokenCount:
    """Count the tokens of an example or a line, or of many together.

    Args:
        examples: A training example, a preference or a bare line; or many, such as `read_jsonl(path)` gives.
        target: As for `token_counter`. Where no tokenizer is at hand, what the provider counted when the run
            was made is taken, if the example knows its run, and otherwise an estimate by characters.
        download: As for `token_counter`.

    Returns:
        The count. That of many is exact only if each is.

    Example:
        >>> line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
        >>> count = count_tokens(line)
        >>> count.exact, count.how
        (False, 'estimated by characters')
        >>> count_tokens([line, line]).total == 2 * count.total
        True
    """
    counter = token_counter(target, download=download)
    if is_example(examples) or isinstance(examples, Mapping):
        return _counted(counter, "the example", examples)
    examples = many("examples", examples, "examples or lines")
    total: TokenCount | None = None
    for index, example in enumerate(examples):
        count = _counted(counter, name_of(example, index), example)
        total = count if total is None else total + count
    return total or TokenCount(total=0, trained=0, exact=True, how="nothing to count")


def _counted(counter: TokenCounter, where: str, example: Any) -> TokenCount:
    line = check_form(where, line_of(where, example))
    count = counter.count(line)
    if isinstance(counter, ByCharacters) and issubclass(type(example), TrainingExample):
        return _reported(example, line, count) or count
    return count


@checked()
def token_counter(target: str | Any = None, *, download: bool = False) -> TokenCounter:
    """A counter for a target, a model, or a tokenizer. Nothing is downloaded unless it is asked for.

    Args:
        target: `"openai"` or `"azure"`, or the name of an OpenAI model, tuned or not: counted by tiktoken. A
            model folder, or the name of a model on the Hugging Face Hub: counted by its own tokenizer, with
            its chat template and the tools in it. A tokenizer of transformers, tokenizers or tiktoken. A
            function from a line to a number. Another name, or that of a tokenizer which is not on this
            machine: an estimate by characters, whose `how` says why.
        download: Fetch a tokenizer that is not on this machine yet.

    Raises:
        ImportError: A model folder is given, and transformers is not installed.
        OSError: A model folder holds no tokenizer.
        ProviderError: The tokenizer is code of its own, which is not run.
        TypeError: The target is none of these.

    Example:
        >>> counter = token_counter("together")
        >>> counter({"messages": [{"role": "assistant", "content": "Hello there, how are you?"}]})
        11
    """
    if isinstance(target, TokenCounter):
        return target
    if isinstance(target, (str, os.PathLike)):
        return _by_name(os.fspath(target), download=download)
    if hasattr(target, "encode"):
        return _by_tokenizer(target)
    if callable(target):
        return ByFunction(target)
    if target is None:
        return ByCharacters("estimated by characters")
    raise TypeError(
        f"a target must be a name, a folder, a tokenizer or a function, not {type(target).__name__}"
    )


def _by_name(name: str, *, download: bool) -> TokenCounter:
    if Path(name).is_dir():
        return ByTemplate(_tokenizer(name, download=False), f"the tokenizer in {Path(name).name}")
    if encoding := _encoding_of(name):
        return _by_tiktoken(encoding, download=download)
    if "/" in name:
        return _by_hub(name, download=download)
    return ByCharacters(f"estimated by characters: no tokenizer is known for {name!r}")


def _by_tokenizer(tokenizer: Any) -> TokenCounter:
    if hasattr(tokenizer, "encode_ordinary"):  # tiktoken's
        return ByTiktoken(tokenizer)
    if hasattr(tokenizer, "apply_chat_template"):  # transformers'
        return ByTemplate(tokenizer, "the tokenizer given")
    how = "estimated: a tokenizer without chat template, and 4 tokens a message"
    return ByCharacters(how, lambda text: len(tokenizer.encode(text).ids))


def _reported(example: TrainingExample, line: Mapping[str, Any], estimated: TokenCount) -> TokenCount | None:
    """What the provider counted when the run was made, if the line is still what it was made of."""
    source = example.source
    if source is None or example.merged or example.changes or "messages" not in line:
        return None
    asked, said = source.prompt_tokens, source.completion_tokens
    if asked is None or said is None or asked + said == 0:
        return None
    total = asked + said
    turns = [m for m in line["messages"] if is_trained(m)]
    only_answer = len(turns) == 1 and turns[0] is line["messages"][-1]
    trained = said if only_answer else round(total * (estimated.trained or 0) / max(estimated.total, 1))
    how = f"estimated: what {source.model or 'the model of the run'} counted for the run"
    return TokenCount(total=total, trained=min(trained, total), exact=False, how=how)


def _encoding_of(name: str) -> str | None:
    """The tiktoken encoding of an OpenAI model.

    Not tiktoken's own table: that takes `ft:gpt-4.1-mini` for a gpt-4, and does not know Azure's names.
    """
    model = name.removeprefix("ft:").partition(":")[0].partition(".ft-")[0]
    if model in ("openai", "azure"):
        return "o200k_base"  # that of every model which can still be tuned there
    if model.startswith("gpt-oss") or "/" in model:
        return None
    if model.startswith(("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "chatgpt-4o", "o1", "o3", "o4-mini")):
        return "o200k_base"
    return "cl100k_base" if model.startswith(("gpt-4", "gpt-3.5-turbo", "gpt-35-turbo")) else None


def _by_tiktoken(name: str, *, download: bool) -> TokenCounter:
    try:
        import tiktoken  # noqa: PLC0415
    except ImportError:
        return ByCharacters(f"estimated by characters: {missing('counting', 'tiktoken', 'tokens')}")
    if not download and not _has_ranks(name):
        return ByCharacters(
            f"estimated by characters: the ranks of {name} are not on this machine; token_counter(..., download=True) "
            "fetches them"
        )
    return ByTiktoken(tiktoken.get_encoding(name))


def _has_ranks(name: str) -> bool:
    """True if tiktoken has this encoding in its cache; otherwise it would download it."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    key = hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    return Path(folder or Path(tempfile.gettempdir()) / "data-gym-cache", key).exists()


def _by_hub(name: str, *, download: bool) -> TokenCounter:
    try:
        return ByTemplate(_tokenizer(name, download=download), f"the tokenizer of {name}")
    except ImportError:
        why = str(missing("counting", "transformers", "tokens"))
    except (OSError, ValueError):
        if download:
            raise
        why = f"the tokenizer of {name} is not on this machine; token_counter(..., download=True) fetches it"
    return ByCharacters(f"estimated by characters: {why}")


def _tokenizer(name: str, *, download: bool) -> Any:
    try:
        without_tqdm_warning()
        import transformers  # noqa: F401, PLC0415
    except ImportError as error:
        raise missing("counting by a model's own tokenizer", "transformers", "tokens") from error

    return load_tokenizer(name, local_files_only=not download)
