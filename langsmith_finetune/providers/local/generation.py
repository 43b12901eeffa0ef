"""Generates text: prompt, sampling, and parsing by the response template."""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import torch
from langchain_core.exceptions import ContextOverflowError
from transformers.utils.chat_parsing import ResponseParser

from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.local.adaptation import Adaptation, adaptation_in
from langsmith_finetune.providers.local.extra import no_progress_bars
from langsmith_finetune.providers.local.model_folder import load_model, with_response_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SOME_TOOL = "TOOL_a8f3e2b1"
"""Stands for a tool's name while a prompt is rendered; no prompt holds it by chance."""


class Generator:
    """A model with its tokenizer, answering one prompt at a time.

    Args:
        name: A folder, or a name on the Hugging Face Hub.
        base_model: The model that an adapter was trained on, where its folder does not lead to it.
    """

    def __init__(self, name: str, *, base_model: str | None = None) -> None:
        self.name = name
        self.tokenizer = load_tokenizer(name)
        self.adaptation = adaptation_in(name)
        with no_progress_bars():
            model = load_model(name, base_model=base_model, dtype="auto")
        mps = torch.backends.mps.is_available()
        self.model = model.to("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu").eval()
        self.response_template = _response_template(self.tokenizer)
        self.stop_ids = _stop_ids(self.model, self.tokenizer, self.adaptation)
        self.context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.lock = threading.Lock()

    def prompt(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], *, forced: str | None
    ) -> str:
        """The text that the model continues.

        Args:
            messages: As `messages_for_template` makes them.
            tools: Of the OpenAI form.
            forced: A tool's name: begin a call of it. `""`: begin a call. None: begin nothing.

        Raises:
            NotSupportedError: There are tools, and the chat template cannot show them or their calls
                cannot be read back.
        """
        if not tools:
            return self._render(messages, None, add_generation_prompt=True)
        if self.response_template is None:
            raise NotSupportedError(
                self.name,
                "reading its tool calls: nothing says how its chat template writes them. Set "
                "tokenizer.response_template and save the tokenizer into the model's folder, see "
                "https://huggingface.co/docs/transformers/chat_response_parsing",
            )
        prompt = self._render(messages, tools, add_generation_prompt=True)
        call = {"type": "function", "function": {"name": _SOME_TOOL, "arguments": {}}}
        with_call = self._render(
            [*messages, {"role": "assistant", "content": "", "tool_calls": [call]}], tools
        )
        shown = all(tool["function"]["name"] in prompt for tool in tools)
        if not shown or _SOME_TOOL not in with_call:
            raise NotSupportedError(self.name, "tools: its chat template leaves them out")
        return prompt if forced is None else with_call[: with_call.index(_SOME_TOOL)] + forced

    def answer(
        self, prompt: str, *, max_tokens: int, temperature: float | None, seed: int | None, stop: list[str]
    ) -> Generation:
        """Prepare an answer; the model begins when its pieces are read.

        Raises:
            ContextOverflowError: The prompt fills the model's context.
        """
        inputs = self.tokenizer(prompt, add_special_tokens=False, return_tensors="pt").to(self.model.device)
        length = inputs["input_ids"].shape[1]
        room = max_tokens if self.context is None else min(max_tokens, self.context - length)
        if room <= 0:
            raise ContextOverflowError(
                f"the prompt is {length} tokens long, and the model takes {self.context}. Shorten the messages"
            )
        sampling: dict[str, Any] = {} if temperature is None else {"do_sample": temperature > 0}
        if temperature:
            sampling["temperature"] = temperature
        elif temperature == 0:
            sampling |= {"temperature": None, "top_p": None, "top_k": None}
        generation = Generation(self, prompt, length, stop)

        def generate() -> None:
            with self.lock, torch.random.fork_rng(enabled=seed is not None):
                if seed is not None:
                    torch.manual_seed(seed)
                self.model.generate(
                    **inputs,
                    **sampling,
                    max_new_tokens=room,
                    eos_token_id=self.stop_ids,
                    pad_token_id=self.tokenizer.pad_token_id or self.stop_ids[0],
                    streamer=generation,
                    stopping_criteria=[generation.is_stopped],
                )

        generation.generate = generate
        return generation

    def _render(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        *,
        add_generation_prompt: bool = False,
    ) -> str:
        return self.adaptation.render(self.tokenizer, messages, tools, asks=add_generation_prompt)


class Generation:
    """One answer on its way: transformers puts tokens in at one end, in a thread of its own.

    Args:
        generator: Who generates.
        prompt: What is continued.
        input_tokens: Its length in tokens.
        stop: Texts that end the answer.
    """

    def __init__(self, generator: Generator, prompt: str, input_tokens: int, stop: list[str]) -> None:
        self.queue: queue.Queue[list[int] | BaseException | None] = queue.Queue()
        self.input_tokens = input_tokens
        self.output_tokens = 0
        self.cut_off = True
        self.generate: Callable[[], None] = lambda: None
        self._generator = generator
        self._prompt = prompt
        self._stop = stop
        self._stopped = threading.Event()
        self._prompt_seen = False

    def put(self, ids: Any) -> None:
        """Called by transformers, with the prompt first and then with each token."""
        if self._prompt_seen:
            self.queue.put(ids.flatten().tolist())
        self._prompt_seen = True

    def end(self) -> None:
        """Called by transformers after the last token. `_run` says it, once nothing can fail any more."""

    def is_stopped(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002
        """Called by transformers after each token."""
        return torch.full((input_ids.shape[0],), self._stopped.is_set(), device=input_ids.device)

    def _run(self) -> None:
        try:
            self.generate()
            self.queue.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is read
            self.queue.put(error)

    def pieces(self, tools: list[dict[str, Any]], *, stream: bool) -> Iterator[tuple[str, Any]]:
        """The answer's fields: text of `content` in bits, `tool_calls` one by one.

        Args:
            tools: What was offered; says of what kind the arguments are.
            stream: Give them as they come. Otherwise the answer is read as a whole, once it is.
        """
        markup = self._generator.tokenizer.all_special_tokens
        thread = threading.Thread(target=self._run, name="generate")
        thread.start()
        try:
            texts = self._text() if stream else iter(["".join(self._text())])
            template = self._generator.response_template
            if template is None:
                events: Iterator[dict[str, Any]] = (
                    {"type": "region_chunk", "field": "content", "text": text} for text in texts
                )
            else:
                events = _events(ResponseParser(template, prefix=self._prompt, tools=tools or None), texts)
            spaces: dict[str, str | None] = {}
            for event in events:
                field = event["field"]
                if event["type"] == "region_close" and field == "tool_calls":
                    yield field, event["value"]
                elif event["type"] == "region_chunk" and field != "tool_calls":
                    text = event["text"]
                    for token in markup:
                        text = text.replace(token, "")
                    # Spaces at the ends belong to the form, not to the answer: those before are dropped,
                    # those after are held back until more text shows that they were in the middle.
                    before = spaces.get(field)
                    body = text.lstrip() if before is None else before + text
                    kept = body.rstrip()
                    if kept:
                        yield field, kept
                    if kept or before is not None:
                        spaces[field] = body[len(kept) :]
        finally:
            self._stopped.set()  # whoever stops reading, stops the model
            thread.join()

    def _text(self) -> Iterator[str]:
        """The text as it comes, up to a stop text."""
        held = ""
        longest = max((len(stop) for stop in self._stop), default=1)
        for text in self._decoded():
            held += text
            found = [at for stop in self._stop if (at := held.find(stop)) >= 0]
            if found:
                self.cut_off = False
                yield held[: min(found)]
                return
            # What may be the beginning of a stop text is kept until it is known.
            safe = len(held) - longest + 1
            if safe > 0:
                yield held[:safe]
                held = held[safe:]
        if held:
            yield held

    def _decoded(self) -> Iterator[str]:
        """The text as it comes, never half a character."""
        tokenizer = self._generator.tokenizer
        ids: list[int] = []
        done = ""
        while (item := self.queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self.output_tokens += len(item)
            self.cut_off = item[-1] not in self._generator.stop_ids
            ids += item
            text = tokenizer.decode(ids)
            if not text.endswith("\ufffd"):
                yield text[len(done) :]
                # Decoding starts anew at every line, or a long answer would be decoded over and over.
                ids, done = ([], "") if text.endswith("\n") else (ids, text)
        if ids and len(text := tokenizer.decode(ids)) > len(done):
            yield text[len(done) :]


def _events(parser: ResponseParser, texts: Iterator[str]) -> Iterator[dict[str, Any]]:
    yield from parser.initial_events
    for text in texts:
        yield from parser.feed(text)
    _, events = parser.finalize()
    yield from events


def _response_template(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any] | None:
    """How the model's answers are read: the tokenizer's own way, or TRL's for its chat template."""
    template = getattr(with_response_template(copy.copy(tokenizer)), "response_template", None)
    if template is None:
        return None
    template = cast("dict[str, Any]", copy.deepcopy(template))
    calls = template["fields"].get("tool_calls", {})
    if calls.get("content") == "json":
        # What is not JSON comes out as the text it is, to be shown as an invalid call, instead of an error.
        calls["content_args"] = {**calls.get("content_args", {}), "allow_non_json": True}
    return template


def _stop_ids(model: Any, tokenizer: PreTrainedTokenizerBase, adaptation: Adaptation) -> list[int]:
    """The tokens that end an answer: the model's, the tokenizer's, and that of the chat template.

    The last is what a base model has learned from us to end with, and what its own settings do not know.
    """
    own = model.generation_config.eos_token_id
    ids = [own] if isinstance(own, int) else list(own or [])
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
    if tokenizer.chat_template:
        messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _SOME_TOOL}]
        text = adaptation.render(tokenizer, messages)
        after = tokenizer(text.rpartition(_SOME_TOOL)[2].strip(), add_special_tokens=False).input_ids
        if after and after[0] in tokenizer.all_special_ids:
            ids.append(after[0])
    return list(dict.fromkeys(ids))
