"""The models that are asked, each behind one method: cases in, answers out."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langsmith import tracing_context

from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.chat_format import Message, ToolCall
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.evaluation.answers import Answer
from langsmith_finetune.evaluation.cases import Case
from langsmith_finetune.evaluation.faults import CannotBeAskedError, fault_in, words_of
from langsmith_finetune.evaluation.identity import (
    digest_of,
    kind_of,
    kind_of_folder,
    kind_of_function,
)
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.providers.local.chat import LocalChatModel
from langsmith_finetune.sessions import answer_of_message, langchain_message

Model: TypeAlias = "BaseChatModel | Runnable[Any, Any] | FineTunedModel | str | Path | Callable[..., Any]"
"""What can be asked: a chat model of LangChain's, a `FineTunedModel`, a model folder, a provider's model as
`"openai:gpt-4.1-mini"`, or a function of the messages and, if it takes two, the tools."""

_PROVIDERS = {
    "openai": "OpenAIProvider",
    "together": "TogetherProvider",
    "fireworks": "FireworksProvider",
    "nebius": "NebiusProvider",
    "crusoe": "CrusoeProvider",
    "azure": "AzureProvider",
    "huggingface": "HuggingFaceProvider",
    "local": "LocalProvider",
}


class Asked(ABC):
    """A model under the name that the user gave it.

    Args:
        name: The name in reports.

    Attributes:
        together: How many cases are asked in one call.
        is_local: It answers in this process, which costs nothing and does not become quicker by threads.
    """

    together = 1
    is_local = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.origin: dict[str, str] = {}
        """What is known of it, in words."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Names the model and its settings: what another one answered is not taken for its answers."""

    def release(self) -> None:  # noqa: B027 - most have nothing to let go
        """Let go of what was loaded to answer, once it is not asked any more."""

    @abstractmethod
    def ask(self, cases: Sequence[Case]) -> list[Answer | BaseException]:
        """Ask, once. What fails is returned in place of its answer.

        Args:
            cases: At most `together` of them, all with the same tools.
        """


def asked_model(name: str, model: Model, *, batch_size: int) -> Asked:
    """The model behind whatever the user gave.

    Args:
        name: The name in reports.
        model: See `Model`.
        batch_size: How many prompts of a local model go through it together.

    Raises:
        TypeError: It is no model.
        ValueError: It is text that names neither a folder nor a provider's model.
    """
    if isinstance(model, FineTunedModel):
        return _tuned(name, model, batch_size)
    if isinstance(model, str | Path):
        return _named(name, model, batch_size)
    if isinstance(model, Runnable):
        local = model if isinstance(model, LocalChatModel) else None
        kind = kind_of(model)
        if local is not None:
            kind = kind_of_folder(local.model_name, kind)
        return _Chat(name, lambda: model, kind, batch_size if local is not None else None)
    if callable(model):
        return _Function(name, model)
    raise TypeError(
        f"models[{name!r}] must be a chat model, a FineTunedModel, a folder, a provider's model such as "
        f"'openai:gpt-4.1-mini' or a function, not {type(model).__name__}"
    )


def _tuned(name: str, model: FineTunedModel, batch_size: int) -> Asked:
    kind, is_folder = f"{model.provider.name}:{model.id}", model.provider.result == "folder"
    asked = _Chat(
        name,
        lambda: model.chat_model(temperature=0),
        kind_of_folder(model.id, kind) if is_folder else kind,
        batch_size if is_folder else None,
    )
    asked.origin = {
        "provider": model.provider.name,
        "model": model.id,
        "job_id": model.job_id,
        "base_model": model.base_model,
    }
    return asked


def _named(name: str, model: str | Path, batch_size: int) -> Asked:
    if Path(model).is_dir():
        folder = str(model)
        return _Chat(
            name,
            lambda: LocalChatModel(model=folder, temperature=0),
            kind_of_folder(folder, "local"),
            batch_size,
        )
    provider, colon, model_id = str(model).partition(":")
    if not (colon and model_id and provider in _PROVIDERS):
        known = ", ".join(sorted(_PROVIDERS))
        raise ValueError(
            f"models[{name!r}] is text that names no folder and no provider's model. Write the provider before the "
            f"model, as in 'openai:gpt-4.1-mini' (known: {known}), or give a chat model"
        )

    def made() -> BaseChatModel:
        home = importlib.import_module(f"langsmith_finetune.providers.{provider}")
        chat: BaseChatModel = getattr(home, _PROVIDERS[provider])().chat_model(model_id, temperature=0)
        return chat

    return _Chat(name, made, f"{provider}:{model_id}", batch_size if provider == "local" else None)


class _Chat(Asked):
    """A chat model. It is made when it is first asked something, so that a finished evaluation loads none.

    Args:
        name: The name in reports.
        make: Makes it.
        kind: Names the model and its settings.
        batch_size: For a local model, how many prompts go together.
    """

    def __init__(
        self, name: str, make: Callable[[], Runnable[Any, Any]], kind: str, batch_size: int | None
    ) -> None:
        super().__init__(name)
        self._make, self._kind = make, kind
        if batch_size is not None:
            self.together, self.is_local = batch_size, True

    @property
    def digest(self) -> str:
        """Of the model's class and settings."""
        return digest_of(self._kind)

    @cached_property
    def chat(self) -> Runnable[Any, Any]:
        """The chat model."""
        return self._make()

    def release(self) -> None:
        """Forget the chat model; where the evaluation made it, its memory is free for the next."""
        self.__dict__.pop("chat", None)

    def ask(self, cases: Sequence[Case]) -> list[Answer | BaseException]:
        """One call of `batch` for several cases, of `invoke` for one."""
        prompts = [list(map(langchain_message, case.messages)) for case in cases]
        started = time.perf_counter()
        with tracing_context(enabled=False):  # else its runs go to LangSmith wherever a key is set
            try:
                bound = _with_tools(self.chat, cases[0])
                if len(cases) == 1:
                    said: list[Any] = [bound.invoke(prompts[0])]
                else:
                    config = {"max_concurrency": self.together}
                    said = bound.batch(prompts, config, return_exceptions=True)  # type: ignore[arg-type]
            except Exception as error:  # noqa: BLE001 - a model can raise anything
                said = [error] * len(cases)
        seconds = (time.perf_counter() - started) / len(cases)
        return [one if isinstance(one, BaseException) else _answer_of(one, seconds) for one in said]


def local_chat_of(model: Asked) -> LocalChatModel | None:
    """The local chat model behind a model; None where it is none."""
    chat = model.chat if isinstance(model, _Chat) and model.is_local else None
    return chat if isinstance(chat, LocalChatModel) else None


class _Function(Asked):
    """A function of the user's, which may be a coroutine function."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__(name)
        self._function = function
        self._takes_tools = _takes_tools(function)

    @property
    def digest(self) -> str:
        """Of the function's name and code."""
        return digest_of(kind_of_function(self._function))

    def ask(self, cases: Sequence[Case]) -> list[Answer | BaseException]:
        """One call of the function."""
        (case,) = cases
        given: list[Any] = [list(map(langchain_message, case.messages))]
        given += [list(case.tools)] if self._takes_tools else []
        started = time.perf_counter()
        with tracing_context(enabled=False):
            try:
                said = self._function(*given)
                if inspect.isawaitable(said):
                    said = asyncio.run(_awaited(said))
            except Exception as error:  # noqa: BLE001 - as for chat models
                return [error]
        return [_answer_of(said, time.perf_counter() - started)]


async def _awaited(said: Any) -> Any:
    return await said


def _with_tools(chat: Runnable[Any, Any], case: Case) -> Runnable[Any, Any]:
    """The chat model with the tools of a case offered, as the recorded call offered them."""
    if not case.tools:
        return chat
    bind = getattr(chat, "bind_tools", None)
    if bind is None or getattr(type(chat), "bind_tools", None) is BaseChatModel.bind_tools:
        raise CannotBeAskedError(
            f"{type(chat).__name__} cannot be offered tools, as the held-out lines do: give a chat model that has "
            "bind_tools, or a function of messages and tools"
        )
    settings = {}
    if case.parallel_tool_calls is not None and "parallel_tool_calls" in inspect.signature(bind).parameters:
        settings["parallel_tool_calls"] = case.parallel_tool_calls
    bound: Runnable[Any, Any] = bind([dict(tool) for tool in case.tools], **settings)
    return bound


def _answer_of(said: Any, seconds: float) -> Answer:
    """What a model returned, in OpenAI's form."""
    usage: Mapping[str, Any] = {}
    message, error, is_temporary = None, None, False
    try:
        if isinstance(said, BaseMessage):
            usage = getattr(said, "usage_metadata", None) or {}
            message = answer_of_message(said)
        else:
            message = _message_from(said)
    except RunNotUsableError as unreadable:  # such as a call that was cut off before its name
        error = f"the answer cannot be read: {unreadable.detail}"
    except Exception as failure:  # noqa: BLE001 - an answer that cannot be read is a failure of the model's
        error, is_temporary = words_of(failure), fault_in(failure) == "temporary"
    return Answer(
        message=message,
        error=error,
        is_temporary=is_temporary,
        input_tokens=usage.get("input_tokens"),
        output_tokens=usage.get("output_tokens"),
        seconds=seconds,
    )


def _message_from(said: Any) -> Message:
    """The answer of a function: text, or a message of OpenAI's."""
    if isinstance(said, str):
        return {"role": "assistant", "content": said}
    if not isinstance(said, Mapping):
        raise TypeError(
            f"the function returned {type(said).__name__}, not text, an AIMessage or a message dict"
        )
    calls: list[ToolCall] = []
    for call in said.get("tool_calls") or ():
        function = call.get("function", call)
        arguments = function.get("arguments", function.get("args", {}))
        text = arguments if isinstance(arguments, str) else compact_json(arguments)
        calls.append(
            {
                "id": str(call.get("id") or f"call_{len(calls)}"),
                "type": "function",
                "function": {"name": str(function["name"]), "arguments": text},
            }
        )
    content = said.get("content")
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = calls
    return answer_of_message(langchain_message(message))


def _takes_tools(function: Callable[..., Any]) -> bool:
    """True if a function has to be given a second argument, or has one that is called `tools`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    second = parameters[1] if len(parameters) > 1 else None
    return second is not None and (
        (second.name == "tools" and second.kind != second.KEYWORD_ONLY)
        or (
            second.default is second.empty
            and second.kind in (second.POSITIONAL_ONLY, second.POSITIONAL_OR_KEYWORD)
        )
    )
