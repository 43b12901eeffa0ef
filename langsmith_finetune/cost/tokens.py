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
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from langsmith_finetune._foundation.arguments import check_many
from langsmith_finetune._foundation.extras import missing
from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.chat_template import load_tokenizer, messages_for_template
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.sound import check_form, is_example, line_of, name_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """How many tokens a line has.

    Args:
        total: All of them: what a context window must hold, and what hosts bill once an epoch.
        trained: Those of the assistant messages that are learned; None where the counter cannot tell.
        exact: Whether `total` is what the target counts, so far as its maker documents; else an estimate.
        how: How it was counted, or why only estimated.
    """

    total: int
    trained: int | None
    exact: bool
    how: str

    def __add__(self, other: TokenCount) -> TokenCount:
        how = self.how if self.how == other.how or not self.exact else other.how
        return TokenCount(
            total=self.total + other.total,
            trained=None if self.trained is None or other.trained is None else self.trained + other.trained,
            exact=self.exact and other.exact,
            how=how,
        )


class TokenCounter(ABC):
    """Counts the tokens of lines. Call it with a line for their number, or ask `count` for all it knows.

    Made by `token_counter`. It can be given wherever a function from a line to a number is wanted.

    Args:
        how: How it counts.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, line: Mapping[str, Any]) -> int:
        """The tokens of a line, all of them."""
        return self.count(line).total

    @abstractmethod
    def count(self, line: Mapping[str, Any]) -> TokenCount:
        """The tokens of a line. A preference is two conversations: with the one answer, and with the other."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.how}>"


def count_tokens(examples: Any, target: Any = None, *, download: bool = False) -> TokenCount:
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
    check_many("examples", examples, "examples or lines")
    total: TokenCount | None = None
    for index, example in enumerate(examples):
        count = _counted(counter, name_of(example, index), example)
        total = count if total is None else total + count
    return total or TokenCount(total=0, trained=0, exact=True, how="nothing to count")


def _counted(counter: TokenCounter, where: str, example: Any) -> TokenCount:
    line = check_form(where, line_of(where, example))
    count = counter.count(line)
    if isinstance(counter, _ByCharacters) and issubclass(type(example), TrainingExample):
        return _reported(example, line, count) or count
    return count


def token_counter(target: Any = None, *, download: bool = False) -> TokenCounter:
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
        return _ByFunction(target)
    if target is None:
        return _ByCharacters("estimated by characters")
    raise TypeError(
        f"a target must be a name, a folder, a tokenizer or a function, not {type(target).__name__}"
    )


def _by_name(name: str, *, download: bool) -> TokenCounter:
    if Path(name).is_dir():
        return _ByTemplate(_tokenizer(name, download=False), f"the tokenizer in {Path(name).name}")
    if encoding := _encoding_of(name):
        return _by_tiktoken(encoding, download=download)
    if "/" in name:
        return _by_hub(name, download=download)
    return _ByCharacters(f"estimated by characters: no tokenizer is known for {name!r}")


def _by_tokenizer(tokenizer: Any) -> TokenCounter:
    if hasattr(tokenizer, "encode_ordinary"):  # tiktoken's
        return _ByTiktoken(tokenizer)
    if hasattr(tokenizer, "apply_chat_template"):  # transformers'
        return _ByTemplate(tokenizer, "the tokenizer given")
    how = "estimated: a tokenizer without chat template, and 4 tokens a message"
    return _ByCharacters(how, lambda text: len(tokenizer.encode(text).ids))


class _ByFunction(TokenCounter):
    """A function of the caller's."""

    def __init__(self, function: Callable[[Mapping[str, Any]], int]) -> None:
        super().__init__("by the function given")
        self._function = function

    def count(self, line: Mapping[str, Any]) -> TokenCount:
        return TokenCount(total=self._function(line), trained=None, exact=False, how=self.how)


class _ByMessages(TokenCounter):
    """Counts conversations."""

    def count(self, line: Mapping[str, Any]) -> TokenCount:
        if "messages" in line:
            return self._count(line["messages"], line.get("tools") or [])
        prompt = line["input"]
        answers = (line["preferred_output"], line["non_preferred_output"])
        one, other = (
            self._count(
                [*({**message, "weight": 0} for message in prompt["messages"]), *answer],
                prompt.get("tools") or [],
            )
            for answer in answers
        )
        return one + other

    @abstractmethod
    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount: ...


class _ByCharacters(_ByMessages):
    """A rule of thumb: a token for each 4 bytes of UTF-8.

    Measured against o200k_base: English and Chinese within a tenth, Cyrillic and Arabic half as many again,
    JSON a third too few.
    """

    def __init__(self, how: str, tokens_of: Callable[[str], int] | None = None) -> None:
        super().__init__(how)
        self._tokens_of = tokens_of or _by_bytes

    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount:
        total = self._tokens_of(compact_json(tools)) if tools else 0
        trained = 0
        for message in messages:
            texts, images = _texts(message)
            size = sum(map(self._tokens_of, texts)) + images * _IMAGE_TOKENS
            total += size + _MESSAGE_TOKENS
            trained += (size + 1) * _is_trained(message)
        return TokenCount(total=total, trained=trained, exact=False, how=self.how)


class _Encoding(Protocol):
    """A tiktoken encoding."""

    name: str

    def encode_ordinary(self, text: str) -> list[int]: ...


class _ByTiktoken(_ByMessages):
    def __init__(self, encoding: _Encoding) -> None:
        super().__init__(f"tiktoken's {encoding.name}, with OpenAI's 3 tokens a message")
        self._encoding = encoding

    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount:
        tokens_of = self._tokens_of
        guessed = {"tools"} if tools else set()
        total = tokens_of(compact_json(tools)) if tools else 0
        trained = 0
        for message in messages:
            texts, images = _texts(message)
            size = sum(map(tokens_of, texts)) + images * _IMAGE_TOKENS
            total += 3 + tokens_of(message["role"]) + size
            if name := message.get("name"):
                total += 1 + tokens_of(name)
            trained += (size + 1) * _is_trained(message)
            guessed |= {
                key for key in ("tool_calls", "tool_call_id", "reasoning_content") if message.get(key)
            }
            guessed |= {"images and files"} if images else set()
        how = self.how if not guessed else f"{self.how}; estimated for {', '.join(sorted(guessed))}"
        return TokenCount(total=total, trained=trained, exact=not guessed, how=how)

    def _tokens_of(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))


class _ByTemplate(_ByMessages):
    """Renders a line as it is trained on, and counts that."""

    def __init__(self, tokenizer: Any, whose: str) -> None:
        super().__init__(f"{whose}, with its chat template")
        self._tokenizer = tokenizer
        self._fallback = _ByCharacters(
            "", lambda text: len(tokenizer(text, add_special_tokens=False).input_ids)
        )

    def __call__(self, line: Mapping[str, Any]) -> int:
        if "messages" in line:  # without the tokens that are trained: those take a rendering each
            rendered = self._rendered(line["messages"])
            size = None if rendered is None else self._size(rendered, line.get("tools") or [])
            if size is not None:
                return size
        return self.count(line).total

    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount:
        rendered = self._rendered(messages)
        total = None if rendered is None else self._size(rendered, tools)
        if rendered is None or total is None:
            how = f"{self.how}; estimated, since the template does not take these messages"
            count = self._fallback.count({"messages": messages, "tools": tools})
            return TokenCount(total=count.total, trained=count.trained, exact=False, how=how)
        trained = 0
        for index, message in enumerate(messages):
            if index and _is_trained(message):
                after = self._size(rendered[: index + 1], tools)
                before = self._size(rendered[:index], tools, add_generation_prompt=True)
                trained += max((after or 0) - (before or 0), 0)
        return TokenCount(total=total, trained=trained, exact=True, how=self.how)

    @staticmethod
    def _rendered(messages: list[Any]) -> list[dict[str, Any]] | None:
        try:
            return messages_for_template(messages, "the line")
        except InvalidExampleError:
            return None

    def _size(
        self, messages: list[dict[str, Any]], tools: list[Any], *, add_generation_prompt: bool = False
    ) -> int | None:
        from jinja2 import TemplateError  # noqa: PLC0415 - comes with the tokenizer

        try:
            ids = self._tokenizer.apply_chat_template(
                messages,
                tools=tools or None,
                tokenize=True,
                return_dict=False,
                add_generation_prompt=add_generation_prompt,
            )
        except (TemplateError, TypeError, ValueError):  # templates refuse in many ways
            return None
        return len(ids)


_MESSAGE_TOKENS = 4
_IMAGE_TOKENS = 765
"""A square image of 1024 pixels in high detail, for gpt-4o: https://developers.openai.com/api/docs/guides/images-vision"""


def _by_bytes(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // 4)


def _texts(message: Mapping[str, Any]) -> tuple[list[str], int]:
    """The texts of a message that a model reads, and the number of parts that are no text."""
    content = message.get("content")
    texts, others = [], 0
    for part in [content] if isinstance(content, str) else content or ():
        text = part if isinstance(part, str) else part.get(str(part.get("type")))
        if isinstance(text, str):
            texts.append(text)
        else:
            others += 1
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = function["arguments"]
        texts += [function["name"], arguments if isinstance(arguments, str) else compact_json(arguments)]
    texts += [message[key] for key in ("refusal", "reasoning_content") if message.get(key)]
    return texts, others


def _is_trained(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "assistant" and message.get("weight", 1) != 0


def _reported(example: TrainingExample, line: Mapping[str, Any], estimated: TokenCount) -> TokenCount | None:
    """What the provider counted when the run was made, if the line is still what it was made of."""
    source = example.source
    if source is None or example.merged or example.changes or "messages" not in line:
        return None
    asked, said = source.prompt_tokens, source.completion_tokens
    if asked is None or said is None or asked + said == 0:
        return None
    total = asked + said
    turns = [m for m in line["messages"] if _is_trained(m)]
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
        return _ByCharacters(f"estimated by characters: {missing('counting', 'tiktoken', 'tokens')}")
    if not download and not _has_ranks(name):
        return _ByCharacters(
            f"estimated by characters: the ranks of {name} are not on this machine, download=True fetches them"
        )
    return _ByTiktoken(tiktoken.get_encoding(name))


def _has_ranks(name: str) -> bool:
    """True if tiktoken has this encoding in its cache; otherwise it would download it."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    key = hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    return Path(folder or Path(tempfile.gettempdir()) / "data-gym-cache", key).exists()


def _by_hub(name: str, *, download: bool) -> TokenCounter:
    try:
        return _ByTemplate(_tokenizer(name, download=download), f"the tokenizer of {name}")
    except ImportError:
        why = str(missing("counting", "transformers", "tokens"))
    except (OSError, ValueError):
        if download:
            raise
        why = f"the tokenizer of {name} is not on this machine, download=True fetches it"
    return _ByCharacters(f"estimated by characters: {why}")


def _tokenizer(name: str, *, download: bool) -> Any:
    try:
        import transformers  # noqa: F401, PLC0415
    except ImportError as error:
        raise missing("counting by a model's own tokenizer", "transformers", "tokens") from error

    return load_tokenizer(name, local_files_only=not download)
