"""Turns a row into the tokens that are trained, after exactly the tokens that the model will see.

The tokens before an answer are those of the chat template with its generation prompt, as the model gets them when it is
asked. Whether the template shows every field of the conversation is told by a conversation of the same shape whose
fields are unique marks, never by names. What cannot be kept is refused by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.marks import Mark, marked, shape_of
from langsmith_finetune.providers.local.rows import Row
from langsmith_finetune.providers.local.tokenizing import TextTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SequenceNote = Literal[
    "answer_taken_apart",
    "arguments_text",
    "chat_template_kwargs",
    "content_parts",
    "empty_thought",
    "end_token_added",
    "short_ids",
    "system_folded",
    "tokenized_apart",
]
"""What was put right so that an answer follows the tokens that the model will see, or what is learned besides."""

SAID: Mapping[str, str] = {
    "answer_taken_apart": "the template changes the conversation once the answer is there; it is trained after the prompt "
    "that the model will see",
    "arguments_text": "the arguments of calls are given to the template as text",
    "chat_template_kwargs": "the template is rendered with settings of its own, which are kept with the model",
    "content_parts": "texts are given to the template as a list of one part",
    "empty_thought": "the template writes an empty thought before the answer, so the model learns not to think",
    "end_token_added": "the template does not end the answer; the tokenizer's end token is trained after it",
    "short_ids": "the ids of calls are given to the template as nine letters",
    "system_folded": "the system's text stands before the first user's, for the template has no place for it",
    "tokenized_apart": "the prompt and the answer are tokenized apart, as when the model is asked",
}
assert set(SAID) == set(get_args(SequenceNote))  # noqa: S101 - a closed list

_OTHER_ROLES = "Leave the line out, or take a model whose template knows these roles and their order"
_OTHER_MODEL = "Take a model whose template shows it, or leave the line out"
_EMPTY_THOUGHT = re.compile(r"<think>\s*</think>")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedSequence:
    """Tokens, and which of them are learned: an answer after what came before it, or several of one conversation.

    Args:
        input_ids: The tokens.
        labels: The same where something is learned, -100 where not.
        where: The line: `"train.jsonl:17"`.
        field: The messages that are learned: `"messages[2], messages[4]"`.
        notes: What was put right.
        chat_template_kwargs: What the template was rendered with.
        parts: The text in pieces, and whether each is learned.
    """

    input_ids: list[int]
    labels: list[int]
    where: str
    field: str
    notes: tuple[SequenceNote, ...]
    chat_template_kwargs: Mapping[str, Any]
    parts: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        """The text of all tokens."""
        return "".join(text for text, _ in self.parts)

    @property
    def trained_tokens(self) -> int:
        """How many tokens are learned."""
        return sum(label != -100 for label in self.labels)


class RefusedError(Exception):
    """A template cannot show a conversation; the reason is in its arguments, and the fix."""


class Sequencer:
    """Makes sequences of rows for one tokenizer.

    Args:
        tokenizer: The model's, with its chat template.
        adaptation: How conversations are changed for the template.
        context: How many tokens the model takes, if it says so.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, adaptation: Adaptation, *, context: int | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.adaptation = adaptation
        self.context = context
        self._checked: dict[tuple[Any, ...], tuple[str, str] | None] = {}
        self._tokens = TextTokens(tokenizer)
        added = tokenizer.added_tokens_decoder.items()
        self._ending = {*tokenizer.all_special_ids, *(index for index, token in added if token.special)}

    def sequence(self, row: Row) -> TrainedSequence:
        """The tokens of a row.

        Raises:
            InvalidExampleError: The template cannot show it whole, or trains something else with it; or it is longer
                than the model takes.
        """
        try:
            prompt, answer, goes_on = self.divided([*row.prompt, row.completion], row.tools)
        except RefusedError as why:
            raise InvalidExampleError(row.where, row.field, *why.args) from why.__cause__
        notes = set(self._notes(row))
        before, together = self._tokens.ids(prompt), self._tokens.ids(prompt + answer)
        after = together[len(before) :]
        if together[: len(before)] != before:
            notes.add("tokenized_apart")
            after = self._tokens.ids(answer)
        if not goes_on:
            notes.add("answer_taken_apart")
        if not self._ends(after) and self.tokenizer.eos_token_id is not None:
            notes.add("end_token_added")
            after.append(self.tokenizer.eos_token_id)
        if not row.completion.get("reasoning_content") and _EMPTY_THOUGHT.search(answer):
            notes.add("empty_thought")
        self._refuse_longer(row, len(before) + len(after))
        return TrainedSequence(
            input_ids=before + after,
            labels=[-100] * len(before) + after,
            where=row.where,
            field=row.field,
            notes=tuple(sorted(notes)),
            chat_template_kwargs=self.adaptation.chat_template_kwargs,
            parts=((prompt, False), (answer, True)),
        )

    def divided(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> tuple[str, str, bool]:
        """The text that the model is asked with, the text that it is to write, and whether the template joins them so.

        Args:
            messages: The conversation, the answer last.
            tools: The tools.

        Raises:
            RefusedError: The template does not show it whole, or begins the answer otherwise than it asks for it.
        """
        shape = shape_of(messages, tools)
        if shape not in self._checked:
            self._checked[shape] = self._fault(messages, tools)
        if fault := self._checked[shape]:
            raise RefusedError(*fault)
        return self.split(messages, tools)

    def _render(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], *, asks: bool) -> str:
        try:
            return self.adaptation.render(self.tokenizer, messages, tools, asks=asks)
        except Exception as error:
            raise RefusedError(self._words(error), _OTHER_ROLES) from error

    def _words(self, error: Exception) -> str:
        """Why a template refuses: in its own words where they stand in it, for others may hold training data."""
        said = str(error)
        if type(error).__name__ == "TemplateError" and said and said in str(self.tokenizer.chat_template):
            return f'the model\'s chat template refuses the conversation up to here: "{said}"'
        return f"the model's chat template refuses the conversation up to here ({type(error).__name__})"

    # --- prompt and answer -----------------------------------------------------------------------------

    def split(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> tuple[str, str, bool]:
        """As `divided`, without a look at what the template leaves out.

        Args:
            messages: The conversation, the answer last.
            tools: The tools.

        Raises:
            RefusedError: The template begins the answer otherwise than it asks for it.
        """
        prompt = self._render(messages[:-1], tools, asks=True)
        whole = self._render(messages, tools, asks=False)
        if whole.startswith(prompt):
            return prompt, whole[len(prompt) :], True
        begin = self._answer_at(messages, tools, whole)
        bare = self._render(messages[:-1], tools, asks=False)
        asking = prompt[len(bare) :] if prompt.startswith(bare) else ""
        last = messages[-2]["content"].strip()
        if asking.strip():
            at = whole.rfind(asking, 0, begin)
            if at >= max(0, whole.rfind(last, 0, begin)):  # not where an earlier answer begins
                return prompt, whole[at + len(asking) :], False
            answer = _after_closed_thought(asking, whole, begin, last)
            if answer is not None:
                return prompt, answer, False
        elif last in prompt:
            after = prompt[prompt.rfind(last) + len(last) :]
            at = whole.rfind(last, 0, begin) + len(last)
            if last and after and whole.startswith(after, at) and at + len(after) <= begin:
                return prompt, whole[at + len(after) :], False
        raise RefusedError(
            "the model's chat template begins this answer otherwise than it asks for one, so what is learned would follow "
            "other tokens than the model will see",
            "Train with the model's reasoning (keep_reasoning=True), give chat_template_kwargs, or take another model",
        )

    def _answer_at(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], whole: str) -> int:
        """Where the first field of the answer stands in the whole text."""
        answer = marked(messages[-1:], (), letters="wv")
        text = self._render([*messages[:-1], *answer.messages], tools, asks=False)
        found = [text.find(mark.text) for mark in answer.marks if mark.text in text]
        begin = min(found, default=len(whole))
        return begin if text[:begin] == whole[:begin] else 0

    # --- fields ----------------------------------------------------------------------------------------

    def _fault(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> tuple[str, str] | None:
        """What the template does wrong with every conversation of this shape, and what to do."""
        conversation = marked(messages, tools)
        try:
            prompt, answer, _ = self.split(conversation.messages, conversation.tools)
        except RefusedError as why:
            # Marks are no conversation: a template may refuse them and take the line itself.
            return (why.args[0], why.args[1]) if why.__cause__ is None else None
        last = len(messages) - 1
        for mark in sorted(conversation.marks, key=lambda mark: mark.message != last):  # the answer first
            if mark.message == last and mark.text not in answer:
                return _left_out_of_answer(mark)
            if mark.message != last and mark.what != "the reasoning" and mark.text not in prompt:
                return _left_out_of_prompt(mark)
            if mark.message != last and mark.text in answer:
                where = f"messages[{mark.message}]" if mark.message >= 0 else "a tool"
                reason = (
                    f"the model's chat template puts {mark.what} of {where} behind where the answer begins, so it "
                    "would be learned as the model's own"
                )
                return reason, _OTHER_MODEL
        return None

    # --- tokens ----------------------------------------------------------------------------------------

    def _ends(self, ids: Sequence[int]) -> bool:
        """True if an answer ends in a token that ends it."""
        return any(token in self._ending for token in ids[-4:])

    def _refuse_longer(self, row: Row, length: int) -> None:
        if self.context is not None and length > self.context:
            raise InvalidExampleError(
                row.where,
                row.field,
                f"the conversation up to here is {length} tokens long, and the model takes {self.context}",
                "Leave the line out or shorten it: what is cut off would be learned as an answer's end",
            )

    def _notes(self, row: Row) -> Iterable[SequenceNote]:
        changes = self.adaptation
        if changes.chat_template_kwargs:
            yield "chat_template_kwargs"
        called = any("tool_calls" in message for message in (*row.prompt, row.completion))
        if changes.short_ids and called:
            yield "short_ids"
        if changes.text_arguments and called:
            yield "arguments_text"
        if changes.folded_system and row.prompt[0]["role"] == "system":
            yield "system_folded"
        if changes.content_parts:
            yield "content_parts"


_CLOSED_THOUGHT = re.compile(
    r"(?:(?P<a><(?P<tag>[\w:]+)>)\s*(?P<z></(?P=tag)>)"
    r"|(?P<start><\|START_(?P<name>\w+)\|>)\s*(?P<stop><\|END_(?P=name)\|>)"
    r"|(?P<open><\|channel>\w*)\s*(?P<close><channel\|>))\s*$"
)
"""A thought that begins and ends at once, as templates write for a model that is not to think."""


def _after_closed_thought(asking: str, whole: str, begin: int, last: str) -> str | None:
    """The answer, where the model is asked behind an empty thought that the template leaves out once it has answered.

    Args:
        asking: What the model is asked with, from the end of the last message.
        whole: The conversation with its answer.
        begin: Where the answer's first field stands.
        last: The text of the last message.
    """
    thought = _CLOSED_THOUGHT.search(asking)
    if thought is None or not (start := asking[: thought.start()]).strip():
        return None
    at = whole.rfind(start, 0, begin)
    if at < max(0, whole.rfind(last, 0, begin)):
        return None
    answer = whole[at + len(start) :]
    opening = thought["a"] or thought["start"] or thought["open"]
    closing = thought["z"] or thought["stop"] or thought["close"]
    if answer.lstrip().startswith(opening):
        return None  # a thought of its own
    return answer.removeprefix(closing)


def _left_out_of_answer(mark: Mark) -> tuple[str, str]:
    if mark.what == "the tool call":
        return (
            "the model's chat template leaves the tool call out, so there is nothing to learn",
            "Take a model whose template knows tool calls",
        )
    return f"the model's chat template leaves {mark.what} of the answer out", _OTHER_MODEL


def _left_out_of_prompt(mark: Mark) -> tuple[str, str]:
    if mark.message < 0:
        what = "the tools that the model is offered"
    else:
        what = f"{mark.what} of messages[{mark.message}]"
    reason = f"the model's chat template leaves {what} out, so the answer would be learned without it"
    return reason, _OTHER_MODEL
