"""Generates text: a model with its tokenizer, its prompts, and the answers that many callers want of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from langchain_core.exceptions import ContextOverflowError

from langsmith_finetune._foundation.watched import Step
from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.local.adaptation import adaptation_in
from langsmith_finetune.providers.local.answer_forms import AnswerForms
from langsmith_finetune.providers.local.batching import Answer, Batcher, Sampling, TokenStreamer
from langsmith_finetune.providers.local.constraints import CallGrammar, Constraint
from langsmith_finetune.providers.local.end_tokens import end_ids
from langsmith_finetune.providers.local.extra import no_progress_bars
from langsmith_finetune.providers.local.model_folder import load_model, response_template_of
from langsmith_finetune.providers.local.reading import AnswerReader, decoded, until_stop

_SOME_TOOL = "TOOL_a8f3e2b1"
"""Stands for a tool's name while a prompt is rendered; no prompt holds it by chance."""


class Generator:
    """A model with its tokenizer.

    Args:
        name: A folder, or a name on the Hugging Face Hub.
        base_model: The model that an adapter was trained on, where its folder does not lead to it.
    """

    def __init__(self, name: str, *, base_model: str | None = None) -> None:
        self.name = name
        self.tokenizer = load_tokenizer(name)
        self.adaptation = adaptation_in(name)
        loading = Step(f"loading the model {Path(name).name}", goes_through=True, counts=False)
        with loading, no_progress_bars():
            model = load_model(name, base_model=base_model, dtype="auto")
        mps = torch.backends.mps.is_available()
        self.model = model.to("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu").eval()
        self.read_by(response_template_of(self.tokenizer, self.adaptation))
        self.stop_ids = end_ids(self.model.generation_config.eos_token_id, self.tokenizer, self.adaptation)
        self.context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.batcher = Batcher(self._generate)

    def read_by(self, response_template: dict[str, Any] | None) -> None:
        """Read answers by a response template."""
        self.reader = AnswerReader(response_template, self.tokenizer.all_special_tokens)

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
            return self._render(messages, None, asks=True)
        if not self.reader.reads_calls:
            raise NotSupportedError(
                self.name,
                "reading its tool calls: nothing says how its chat template writes them. Set "
                "tokenizer.response_template and save the tokenizer into the model's folder, see "
                "https://huggingface.co/docs/transformers/chat_response_parsing",
            )
        prompt = self._render(messages, tools, asks=True)
        call = {"type": "function", "function": {"name": _SOME_TOOL, "arguments": {}}, "id": "call00000"}
        with_call = self._render(
            [*messages, {"role": "assistant", "content": "", "tool_calls": [call]}], tools, asks=False
        )
        shown = all(tool["function"]["name"] in prompt for tool in tools)
        if not shown or _SOME_TOOL not in with_call:
            raise NotSupportedError(self.name, "tools: its chat template leaves them out")
        return prompt if forced is None else with_call[: with_call.rindex(_SOME_TOOL)] + forced

    def constraint(self, tools: list[dict[str, Any]], *, forced: str | None) -> Constraint | None:
        """What keeps calls valid; None where there are no tools, or their arguments are not written as JSON.

        Args:
            tools: Of the OpenAI form.
            forced: As for `prompt`.
        """
        if not tools or self._calls is None:
            return None
        return self._calls.constraint(tools, begun=forced)

    @cached_property
    def _calls(self) -> CallGrammar | None:
        form = AnswerForms(self.tokenizer, self.adaptation).call_form()
        return CallGrammar(self.tokenizer, form) if form is not None and self.tokenizer.is_fast else None

    def answer(
        self,
        prompt: str,
        *,
        max_tokens: int,
        temperature: float | None,
        seed: int | None,
        stop: Sequence[str],
        constraint: Constraint | None = None,
    ) -> Generation:
        """Prepare an answer; the model begins when its pieces are read.

        Raises:
            ContextOverflowError: The prompt fills the model's context.
        """
        ids: list[int] = self.tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids
        room = max_tokens if self.context is None else min(max_tokens, self.context - len(ids))
        if room <= 0:
            raise ContextOverflowError(
                f"the prompt is {len(ids)} tokens long, and the model takes {self.context}. Shorten the messages"
            )
        wanted = Answer(ids, room, Sampling(temperature, seed), constraint)
        return Generation(self, prompt, wanted, stop)

    def _generate(self, batch: Sequence[Answer]) -> None:
        """Generate one batch: the prompts with their ends aligned, so that each answer begins in the same column."""
        longest = max(len(answer.ids) for answer in batch)
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.stop_ids[0]
        ids = [[pad] * (longest - len(answer.ids)) + answer.ids for answer in batch]
        mask = [[0] * (longest - len(answer.ids)) + [1] * len(answer.ids) for answer in batch]
        sampling = batch[0].sampling
        streamer = TokenStreamer(batch, frozenset(self.stop_ids))
        seeded = sampling.seed is not None
        with torch.random.fork_rng(enabled=seeded), torch.no_grad():
            if sampling.seed is not None:
                torch.manual_seed(sampling.seed)
            self.model.generate(
                input_ids=torch.tensor(ids, device=self.model.device),
                attention_mask=torch.tensor(mask, device=self.model.device),
                **sampling.settings(),
                max_new_tokens=max(answer.longest for answer in batch),
                eos_token_id=self.stop_ids,
                pad_token_id=pad,
                streamer=streamer,
                stopping_criteria=[streamer.is_done],
                logits_processor=[_Constrained(batch, longest, self.stop_ids)]
                if _is_constrained(batch)
                else None,
            )

    def _render(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, *, asks: bool
    ) -> str:
        return self.adaptation.render(self.tokenizer, messages, tools, asks=asks)


class Generation:
    """One answer: its text and its fields, as they come.

    Args:
        generator: Who generates.
        prompt: What is continued.
        answer: The tokens.
        stop: Texts that end the answer.
    """

    def __init__(self, generator: Generator, prompt: str, answer: Answer, stop: Sequence[str]) -> None:
        self.input_tokens = len(answer.ids)
        self.cut_off = True
        self._generator = generator
        self._prompt = prompt
        self._answer = answer
        self._stop = stop

    @property
    def output_tokens(self) -> int:
        """The tokens of the answer so far."""
        return self._answer.count

    def pieces(self, tools: list[dict[str, Any]], *, stream: bool) -> Iterator[tuple[str, Any]]:
        """The answer's fields: text of `content` in bits, `tool_calls` one by one.

        Args:
            tools: What was offered; says of what kind the arguments are.
            stream: Give them as they come. Otherwise the answer is read as a whole, once it is.
        """
        self._generator.batcher.add(self._answer)
        try:
            texts = until_stop(
                decoded(self._tokens(), self._generator.tokenizer.decode), self._stop, self._is_whole
            )
            whole = texts if stream else iter(["".join(texts)])
            yield from self._generator.reader.pieces(whole, self._prompt, tools)
        finally:
            self._answer.stopped.set()  # whoever stops reading, stops the model

    def _tokens(self) -> Iterator[int]:
        for token in self._answer:
            self.cut_off = token not in self._generator.stop_ids
            yield token

    def _is_whole(self) -> None:
        self.cut_off = False


class _Constrained:
    """What transformers asks for the tokens that may come next in each row of a batch.

    Args:
        batch: The answers.
        begin: The column in which they begin.
        stop_ids: The tokens that end an answer.
    """

    def __init__(self, batch: Sequence[Answer], begin: int, stop_ids: Sequence[int]) -> None:
        self._batch, self._seen, self._stop_ids = batch, begin, list(stop_ids)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        new = input_ids[:, self._seen :].tolist()
        self._seen = input_ids.shape[1]
        for row, answer in enumerate(self._batch):
            if answer.constraint is None or answer.is_over:
                continue
            for token in new[row]:
                answer.constraint.take(token)
            allowed = answer.constraint.allowed()
            if allowed is not None:
                mask = torch.zeros(scores.shape[1], dtype=torch.bool)
                size = min(len(allowed), scores.shape[1])
                mask[:size] = torch.from_numpy(allowed[:size].copy()).bool()
                mask[self._stop_ids] = False
                scores[row].masked_fill_(~mask.to(scores.device), float("-inf"))
        return scores


def _is_constrained(batch: Sequence[Answer]) -> bool:
    return any(answer.constraint is not None for answer in batch)
