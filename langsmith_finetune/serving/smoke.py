"""`smoke_test`: does a served model answer as the same model does in this process, tools and all?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages, convert_to_openai_messages

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, checked
from langsmith_finetune._printable import printable
from langsmith_finetune.chat_format import kind_of_line
from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.serving.model_files import ModelFiles
from langsmith_finetune.targets.read_lines import sound_lines

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

SmokeDifference: TypeAlias = Literal["error", "template", "parser", "stop words", "calls", "text"]
"""What differs between an answer in this process and the served one: the first of these that does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeCase:
    """One prompt, asked here and at the server.

    Args:
        where: The line it is from: `"validation.jsonl:3"`.
        here: The answer in this process.
        there: The server's; None where it failed.
        prompt_tokens: The tokens of the prompt here.
        served_prompt_tokens: The same at the server; None where it does not say.
        difference: What differs first, in the order in which one causes the next; None where nothing does.
        says: What was found, and what to do.
    """

    where: str
    here: AIMessage
    there: AIMessage | None
    prompt_tokens: int
    served_prompt_tokens: int | None
    difference: SmokeDifference | None = None
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest:
    """What a smoke test found. `print()` shows it.

    Args:
        cases: One for each prompt.
    """

    cases: tuple[SmokeCase, ...]

    @property
    def passed(self) -> bool:
        """True if the server answered each prompt as this process does."""
        return all(case.difference is None for case in self.cases)

    def __str__(self) -> str:
        same = sum(case.difference is None for case in self.cases)
        told = sum(case.served_prompt_tokens is not None for case in self.cases)
        calls = sum(len(case.here.tool_calls) for case in self.cases)
        counted = "all with as many prompt tokens" if told == same else f"prompt tokens compared in {told}"
        lines = [
            f"{same} of {len(self.cases)} prompts answered as in this process, with {calls} tool calls; {counted}"
        ]
        lines += [f"{case.where}: {case.difference}: {case.says}" for case in self.cases if case.difference]
        return printable("\n".join(lines))


@checked(count=AT_LEAST_ONE, max_tokens=AT_LEAST_ONE)
def smoke_test(
    model: FineTunedModel | str | Path,
    chat_model: BaseChatModel,
    examples: str | Path | Iterable[Any] | None = None,
    *,
    count: int = 5,
    compare: Literal["answers", "calls"] = "answers",
    max_tokens: int = 256,
    base_model: str | Path | None = None,
) -> SmokeTest:
    """Ask a model the same prompts in this process and at its server, and say what differs, and why.

    The commonest complaint about a tuned model that was moved is a wrong chat template: it has lost its tools, without a
    word. The prompts' tokens are compared where the server tells them, then the calls, then the text; both are asked at
    temperature 0. Loads the model.

    Args:
        model: The model, a model of a job or a folder.
        chat_model: The served model, such as `ChatOpenAI(**serve_command(...).client)`.
        examples: A JSONL file of training lines or the lines themselves, best ones that were held out; the last answer of
            each is asked for. By default the validation or the training file in the job's folder.
        count: How many lines, from the first.
        compare: `"calls"` leaves texts aside, for quantized models: theirs may differ by a word.
        max_tokens: Tokens an answer may have.
        base_model: The model that an adapter was trained on, where it is no longer found by what the folder says.

    Raises:
        ImportError: The extra `local` is not installed.
        InvalidExampleError: A line is no training line, or has no answer.
        ProviderError: There is no such model, or its folder needs code of its own.
        ValueError: There are no lines, or a setting is not of its kind.

    Example:
        >>> from langchain_openai import ChatOpenAI
        >>> served = ChatOpenAI(model="support-bot", base_url="http://127.0.0.1:8000/v1", api_key="none")
        >>> print(smoke_test("support-bot", served, "heldout.jsonl"))  # doctest: +SKIP
        5 of 5 prompts answered as in this process, with 3 tool calls; all with as many prompt tokens
    """
    files = ModelFiles(model, base_model=base_model)
    asked = list(islice(_prompts(files, examples), count))
    if not asked:
        raise ValueError(
            "examples has no lines; pass a JSONL file of training lines, best one that was held out"
        )
    compared = _Comparison(files, chat_model, compare=compare, max_tokens=max_tokens)
    return SmokeTest(cases=tuple(map(compared.case, asked)))


@checked(count=AT_LEAST_ONE, max_tokens=AT_LEAST_ONE)
async def asmoke_test(
    model: FineTunedModel | str | Path,
    chat_model: BaseChatModel,
    examples: str | Path | Iterable[Any] | None = None,
    *,
    count: int = 5,
    compare: Literal["answers", "calls"] = "answers",
    max_tokens: int = 256,
    base_model: str | Path | None = None,
) -> SmokeTest:
    """`smoke_test` without blocking the event loop."""
    return await asyncio.to_thread(
        smoke_test,
        model,
        chat_model,
        examples,
        count=count,
        compare=compare,
        max_tokens=max_tokens,
        base_model=base_model,
    )


@dataclass(frozen=True, slots=True)
class _Prompt:
    where: str
    messages: list[BaseMessage]
    tools: list[dict[str, Any]]


def _prompts(files: ModelFiles, examples: str | Path | Iterable[Any] | None) -> Iterator[_Prompt]:
    """What comes before the last answer of each line."""
    for where, line in _lines(_of_the_job(files) if examples is None else examples):
        if kind_of_line(line) != "training":
            raise InvalidExampleError(where, "", "is a preference or a label", "Pass training lines")
        messages = line.get("messages")
        said = messages if isinstance(messages, list) else []
        answers = [
            i for i, one in enumerate(said) if isinstance(one, Mapping) and one.get("role") == "assistant"
        ]
        if not answers or answers[-1] == 0:
            raise InvalidExampleError(where, "messages", "has no answer to a prompt", "Leave the line out")
        before = [
            {key: value for key, value in one.items() if key != "weight"} for one in said[: answers[-1]]
        ]
        yield _Prompt(where, convert_to_messages(before), list(line.get("tools") or []))


def _of_the_job(files: ModelFiles) -> Path:
    folder = Path(files.name).parent
    for file in (folder / "validation.jsonl", folder / "training.jsonl"):
        if file.is_file() and (folder / "request.json").is_file():
            return file
    raise ValueError(
        f"examples is needed: there is no job's folder around {printable(files.name)}. Pass a JSONL file of training lines, "
        "best one that was held out"
    )


def _lines(examples: str | Path | Iterable[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(examples, str | Path):
        path = Path(examples)
        yield from ((f"{path.name}:{number}", line) for number, _, line in sound_lines(path, path.name))
        return
    for number, example in enumerate(examples, start=1):
        yield f"example {number}", example if isinstance(example, Mapping) else example.line


class _Comparison:
    """Asks here and there, and explains what differs."""

    def __init__(
        self,
        files: ModelFiles,
        served: BaseChatModel,
        *,
        compare: Literal["answers", "calls"],
        max_tokens: int,
    ) -> None:
        from langsmith_finetune.providers.local.chat import LocalChatModel  # noqa: PLC0415 - heavy

        self._files, self._served, self._compare, self._max_tokens = files, served, compare, max_tokens
        self._local = LocalChatModel(
            model=files.name, base_model=files.base, temperature=0, max_tokens=max_tokens
        )

    def case(self, prompt: _Prompt) -> SmokeCase:
        """One prompt asked at both."""
        here = self._answer(self._local, prompt)
        tokens = here.usage_metadata["input_tokens"] if here.usage_metadata else 0
        try:
            there = self._answer(self._served, prompt)
        except Exception as error:  # noqa: BLE001 - whatever a client raises is what the test is to show
            return SmokeCase(
                where=prompt.where,
                here=here,
                there=None,
                prompt_tokens=tokens,
                served_prompt_tokens=None,
                difference="error",
                says=_failure(error),
            )
        told = there.usage_metadata["input_tokens"] or None if there.usage_metadata else None
        found = self._difference(prompt, here, there, tokens, told)
        return SmokeCase(
            where=prompt.where,
            here=here,
            there=there,
            prompt_tokens=tokens,
            served_prompt_tokens=told,
            difference=found[0] if found else None,
            says=found[1] if found else "",
        )

    def _answer(self, model: BaseChatModel, prompt: _Prompt) -> AIMessage:
        asked = model.bind_tools(prompt.tools) if prompt.tools else model
        answer = asked.invoke(prompt.messages, temperature=0, max_tokens=self._max_tokens)
        if not isinstance(answer, AIMessage):
            raise TypeError(f"chat_model must answer with an AIMessage, got {type(answer).__name__}")
        return answer

    def _difference(
        self, prompt: _Prompt, here: AIMessage, there: AIMessage, tokens: int, told: int | None
    ) -> tuple[SmokeDifference, str] | None:
        if told is not None and told != tokens:
            return (
                "template",
                f"the prompt has {tokens} tokens here and {told} there: {self._why(prompt, told)}",
            )
        ours, theirs = _calls(here), _calls(there)
        if len(theirs) < len(ours) and self._has_calls(prompt, there.text, ours):
            fix = "the server's tool-call parser reads another form than the chat template writes; serve_command names the right one"
            return "parser", f"a call came back as text: {fix}"
        ended = here.response_metadata.get("finish_reason") != "length"
        longer = there.text.strip().startswith(here.text.strip()) and len(there.text.strip()) > len(
            here.text.strip()
        )
        more = theirs[: len(ours)] == ours and len(theirs) > len(ours)
        if any(one in there.text for one in self._files.stop) or (
            ended and (more or (longer and theirs == ours and not ours))
        ):
            names = json.dumps(self._files.stop, ensure_ascii=False)
            return (
                "stop words",
                f"the server goes on where the answer ends: name them in each request, stop={names}",
            )
        if theirs != ours:
            return "calls", f"calls {_named(ours)} here and {_named(theirs)} there"
        if self._compare == "answers" and there.text.strip() != here.text.strip():
            same = next(
                (i for i, (a, b) in enumerate(zip(here.text, there.text, strict=False)) if a != b),
                min(len(here.text), len(there.text)),
            )
            why = "the weights or the sampling are others; of a quantized model compare='calls'"
            return "text", f"the texts differ from character {same + 1} on: {why}"
        return None

    def _why(self, prompt: _Prompt, told: int) -> str:
        """What the server does with the prompt, by the number of tokens that it comes to."""
        files = self._files
        plain = Adaptation(chat_template_kwargs=files.adaptation.chat_template_kwargs)
        if prompt.tools and self._served_tokens(_Prompt(prompt.where, prompt.messages, [])) == told:
            return "it is as long without the tools, so its chat template leaves them out"
        guesses: list[tuple[str, Adaptation]] = []
        if plain != files.adaptation:
            unchanged = "its chat template gets the conversation without the changes that training made"
            guesses.append((unchanged, plain))
        if plain.chat_template_kwargs:
            unset = "its chat template gets none of the settings that training gave it"
            guesses.append((unset, Adaptation()))
        for what, adaptation in guesses:
            for more, besides in ((0, ""), (1, ", and a token is put before it")):
                if self._count(prompt, adaptation) + more == told:
                    return what + besides
        if self._count(prompt, files.adaptation) + 1 == told:
            return (
                "a token is put before what the chat template writes, mostly a second beginning of the text"
            )
        return "its chat template is another one; give it that of the model's folder"

    def _served_tokens(self, prompt: _Prompt) -> int | None:
        """The tokens of a prompt at the server, if it answers and tells them."""
        try:
            answer = self._answer(self._served, prompt)
        except Exception:  # noqa: BLE001 - this asks only for a hint
            return None
        return answer.usage_metadata["input_tokens"] if answer.usage_metadata else None

    def _count(self, prompt: _Prompt, adaptation: Adaptation) -> int:
        try:
            text = adaptation.render(self._files.tokenizer, _plain(prompt), prompt.tools, asks=True)
        except Exception:  # noqa: BLE001 - a template that refuses a conversation counts nothing
            return -1
        return len(self._files.tokenizer(text, add_special_tokens=False).input_ids)

    def _has_calls(self, prompt: _Prompt, text: str, ours: list[Any]) -> bool:
        """True if a text holds calls as the model's template writes them, or their names beside JSON."""
        from langsmith_finetune.providers.local.model_folder import response_template_of  # noqa: PLC0415 - heavy
        from langsmith_finetune.providers.local.reading import AnswerReader  # noqa: PLC0415 - heavy

        files = self._files
        if any(name in text for name, _ in ours):
            return True
        reader = AnswerReader(response_template_of(files.tokenizer, files.adaptation), [])
        asked = files.adaptation.render(files.tokenizer, _plain(prompt), prompt.tools, asks=True)
        return any(field == "tool_calls" for field, _ in reader.pieces([text], asked, prompt.tools))


def _plain(prompt: _Prompt) -> list[dict[str, Any]]:
    return messages_for_template(convert_to_openai_messages(prompt.messages), prompt.where)


def _calls(answer: AIMessage) -> list[tuple[str, dict[str, Any]]]:
    return [(call["name"], call["args"]) for call in answer.tool_calls]


def _named(calls: list[tuple[str, dict[str, Any]]]) -> str:
    return ", ".join(f"{name}({', '.join(args)})" for name, args in calls) or "nothing"


def _failure(error: Exception) -> str:
    """Why there is no answer, without the server's words, which may quote the prompt."""
    status = getattr(error, "status_code", None)
    answered = f"the server answered {status}" if isinstance(status, int) else "there is no answer"
    return f"{answered} ({type(error).__name__}); its log says more"
