"""`LocalChatModel`: a model folder as a LangChain chat model, answering in this process."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    InvalidToolCall,
    ToolCall,
    convert_to_openai_messages,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables.config import get_config_list, run_in_executor
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json import parse_partial_json
from pydantic import ConfigDict, Field, PrivateAttr

from langsmith_finetune._foundation.arguments import check_settings
from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.errors import InvalidExampleError, NotSupportedError
from langsmith_finetune.providers.local.extra import require_local_extra

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.tools import BaseTool

    from langsmith_finetune.providers.local.generation import Generator

_LOADING = threading.Lock()
"""Two models loaded at once, as by `batch`, leave transformers unable to load any (seen with 5.23)."""

_TOGETHER = 16
"""Prompts of a batch that wait for each other, where the user sets no `max_concurrency`."""

_BLOCKS = {"tool_call", "tool_use", "tool_call_chunk", "invalid_tool_call", "reasoning", "thinking"}
"""Parts of an assistant's content that stand beside it too, or that a chat template is not given."""

_REASONING = {"reasoning_content", "thinking"}
"""What response templates call a model's thoughts."""


class LocalChatModel(BaseChatModel):
    """A model folder, or a model of the Hugging Face Hub, answering in this process.

    Loaded when it is first asked something, on a GPU if there is one. Tool calls are read with the
    tokenizer's own response template, or the one TRL knows for its chat template.

    Args:
        model: A folder as `LocalProvider` leaves it, or a name on the Hub.
        temperature: 0 takes the likeliest token each time; None leaves it to the model's own settings.
        max_tokens: Tokens an answer may have.
        stop: Texts that end an answer; they are not part of it.
        seed: For the random choices when the temperature is not 0.
        base_model: The model that an adapter was trained on, where it is no longer found by what its folder says.

    Example:
        >>> from langsmith_finetune.providers.local import LocalChatModel
        >>> model = LocalChatModel(model="finetune-runs/ft-0123456789abcdef-1/model", temperature=0)
        >>> model.invoke("45 / 9?")  # doctest: +SKIP
    """

    model_config = ConfigDict(populate_by_name=True)

    passed_over: ClassVar[frozenset[str]] = frozenset({"api_key", "timeout", "max_retries", "streaming"})
    """Settings of any chat model of LangChain's that mean nothing in this process."""

    model_name: str = Field(alias="model")
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int = Field(default=512, gt=0)
    stop: list[str] | None = Field(default=None, alias="stop_sequences")
    seed: int | None = None
    base_model: str | None = None

    _generator: Generator | None = PrivateAttr(default=None)

    def __init__(self, **settings: Any) -> None:
        require_local_extra()
        check_settings(type(self), "LocalChatModel()", settings)
        super().__init__(**settings)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools to the model.

        Args:
            tools: Pydantic classes, functions, LangChain tools, or dicts of the OpenAI form.
            tool_choice: `"auto"` or None: the model decides. `"none"`: the tools are not shown to it.
                `"any"`, `"required"` or True: its answer is begun for it as a call. A tool's name: as a call
                of that tool.
            **kwargs: Further settings of a call, such as `stop`.

        Raises:
            ValueError: `tool_choice` names no tool that is bound.
        """
        bound = [convert_to_openai_tool(tool) for tool in tools]
        choice = _tool_choice(tool_choice, [tool["function"]["name"] for tool in bound])
        return self.bind(tools=bound, tool_choice=choice, **kwargs)

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answer many prompts, up to 16 of them in one pass of the model.

        Args:
            inputs: The prompts.
            config: As for `Runnable.batch`; `max_concurrency` says how many go together.
            return_exceptions: Return what failed in place of its answer.
            **kwargs: Settings of the calls, such as `stop`.
        """
        if not inputs:
            return []
        configs = get_config_list(config, len(inputs))
        limit = configs[0].get("max_concurrency") or _TOGETHER
        for one in configs:
            one["max_concurrency"] = limit
        with self.loaded(kwargs.get("model", self.model_name)).batcher.expecting(min(len(inputs), limit)):
            return super().batch(inputs, configs, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """As `batch`, without blocking the loop."""
        answering = partial(self.batch, inputs, config, return_exceptions=return_exceptions, **kwargs)
        return await run_in_executor(None, answering)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        text, reasoning = [], []
        message = AIMessage("")
        for piece in self._answer(messages, stop, kwargs, stream=False):
            match piece:
                case ("text", str(more)):
                    text.append(more)
                case ("reasoning", str(more)):
                    reasoning.append(more)
                case ("call", call):
                    message.tool_calls.append(call)
                case ("invalid", call):
                    message.invalid_tool_calls.append(call)
                case ("end", (metadata, usage)):
                    message.response_metadata, message.usage_metadata = metadata, usage
        message.content = "".join(text)
        if reasoning:
            message.additional_kwargs["reasoning_content"] = "".join(reasoning)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        calls = 0
        for kind, value in self._answer(messages, stop, kwargs, stream=True):
            if kind == "text":
                message = AIMessageChunk(content=value)
            elif kind == "reasoning":
                message = AIMessageChunk(content="", additional_kwargs={"reasoning_content": value})
            elif kind == "end":
                message = AIMessageChunk(
                    content="", response_metadata=value[0], usage_metadata=value[1], chunk_position="last"
                )
            else:
                arguments = (
                    json.dumps(value["args"], ensure_ascii=False) if kind == "call" else _unmendable(value)
                )
                part = tool_call_chunk(name=value["name"], args=arguments, id=value["id"], index=calls)
                message = AIMessageChunk(content="", tool_call_chunks=[part])
                calls += 1
            chunk = ChatGenerationChunk(message=message)
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _answer(
        self, messages: list[BaseMessage], stop: list[str] | None, settings: dict[str, Any], *, stream: bool
    ) -> Iterator[tuple[str, Any]]:
        """The pieces of an answer as they come: text, reasoning, call, invalid, and at last the end."""
        settings = {name: value for name, value in settings.items() if value is not None}
        tools: list[dict[str, Any]] = settings.pop("tools", None) or []
        choice = _tool_choice(settings.pop("tool_choice", None), [tool["function"]["name"] for tool in tools])
        name = settings.pop("model", self.model_name)
        temperature = settings.pop("temperature", self.temperature)
        max_tokens = settings.pop("max_tokens", None) or self.max_tokens
        seed = settings.pop("seed", self.seed)
        if settings:
            raise NotSupportedError("LocalChatModel", f"the setting {', '.join(sorted(settings))}")
        if choice == "none":
            tools, choice = [], None

        generator = self.loaded(name)
        prompt = generator.prompt(_template_messages(messages), tools, forced=choice)
        generation = generator.answer(
            prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            stop=stop if stop is not None else self.stop or [],
            constraint=generator.constraint(tools, forced=choice),
        )
        called = False
        for field, value in generation.pieces(tools, stream=stream):
            if field == "tool_calls":
                kind, call = _read_call(value)
                called = called or kind == "call"
                yield kind, call
            else:
                yield "reasoning" if field in _REASONING else "text", value
        reason = "length" if generation.cut_off else "tool_calls" if called else "stop"
        yield (
            "end",
            (
                {"model_name": name, "model_provider": "local", "finish_reason": reason},
                UsageMetadata(
                    input_tokens=generation.input_tokens,
                    output_tokens=generation.output_tokens,
                    total_tokens=generation.input_tokens + generation.output_tokens,
                ),
            ),
        )

    def loaded(self, name: str) -> Generator:
        """The model of this name with its tokenizer, loaded when it is first asked for."""
        from langsmith_finetune.providers.local.generation import Generator

        with _LOADING:
            if self._generator is None or self._generator.name != name:
                self._generator = Generator(name, base_model=self.base_model)
            return self._generator

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "local"
        return params

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "temperature": self.temperature, "max_tokens": self.max_tokens}

    @property
    def _llm_type(self) -> str:
        return "langsmith-finetune-local"


def _template_messages(messages: list[BaseMessage]) -> list[dict[str, Any]]:
    try:
        plain = [part for message in messages for part in _plain(message)]
        return messages_for_template(plain, "the conversation")
    except InvalidExampleError as error:
        raise NotSupportedError("LocalChatModel", f"{error.field}: it {error.reason}") from error


def _plain(message: BaseMessage) -> list[dict[str, Any]]:
    """A message in OpenAI's form. LangChain leaves out the thoughts, which templates may show and training does."""
    parts = convert_to_openai_messages([_without_call_blocks(message)])
    assert isinstance(parts, list)  # noqa: S101 - as it is for a list
    thought = message.additional_kwargs.get("reasoning_content")
    if isinstance(message, AIMessage) and isinstance(thought, str) and len(parts) == 1:
        parts[0]["reasoning_content"] = thought
    return parts


def _without_call_blocks(message: BaseMessage) -> BaseMessage:
    """A message whose content does not hold its calls and its reasoning a second time, as LangChain's blocks do."""
    if not isinstance(message, AIMessage) or not isinstance(message.content, list):
        return message
    kept = [part for part in message.content if not (isinstance(part, dict) and part.get("type") in _BLOCKS)]
    return message.model_copy(update={"content": kept or ""})


def _tool_choice(choice: Any, names: list[str]) -> str | None:
    """The one word for it: None, `"none"`, `""` for some tool, or a tool's name."""
    if isinstance(choice, dict):
        choice = choice.get("function", choice).get("name")
    if choice in (None, False, "auto"):
        return None
    if choice in ("none", *names):
        return str(choice)
    if choice in (True, "any", "required", "") and names:
        return names[0] if len(names) == 1 else ""
    raise ValueError(
        f"tool_choice must be 'auto', 'none', 'any', 'required' or a bound tool's name ({', '.join(names)}), "
        f"got {choice!r}"
    )


def _read_call(value: Any) -> tuple[str, ToolCall | InvalidToolCall]:
    """What the response template made of a call: a call, or what the model wrote instead of one."""
    call_id = f"call_{uuid.uuid4().hex[:24]}"
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    arguments = function.get("arguments", {}) if isinstance(function, dict) else None
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return "invalid", _invalid(name, arguments, call_id)
    if isinstance(name, str) and name and isinstance(arguments, dict):
        return "call", ToolCall(name=name, args=arguments, id=call_id, type="tool_call")
    written = function if isinstance(function, str) else json.dumps(function, ensure_ascii=False)
    return "invalid", _invalid(name, written, call_id)


def _invalid(name: Any, written: str, call_id: str) -> InvalidToolCall:
    return InvalidToolCall(
        name=name if isinstance(name, str) else None,
        args=written,
        id=call_id,
        error="the model wrote no JSON object with a name and arguments",
        type="invalid_tool_call",
    )


def _unmendable(call: InvalidToolCall) -> str:
    """The arguments of an invalid call, in a form that LangChain does not repair when it adds up chunks.

    It completes half an object to a whole one, so that a call that was cut off would look like a call.
    """
    written = call["args"] or ""
    try:
        mended = parse_partial_json(written) if written else {}
    except ValueError:
        return written
    return json.dumps(written, ensure_ascii=False) if isinstance(mended, dict) else written
