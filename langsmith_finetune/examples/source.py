"""Where an example came from, and what it does not say about its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

NoteKind: TypeAlias = Literal[
    "answer_cut_off",
    "answer_in_request",
    "answer_repeated",
    "arguments_missing",
    "attachments",
    "calls_missing",
    "compaction_call",
    "found_in_trace",
    "history_missing",
    "hosted_file",
    "ids_made",
    "keys_dropped",
    "middleware_call",
    "numbers_rounded",
    "other_candidates",
    "other_inputs",
    "reasoning_dropped",
    "reasoning_mixed",
    "redacted",
    "response_format",
    "schema_changed",
    "server_tool_dropped",
    "system_missing",
    "text_missing",
    "title_call",
    "tool_choice",
    "tools_missing",
    "turns_joined",
    "unsent",
]
"""What was kept but changed, or what training cannot see:

- `answer_cut_off`: the answer stopped at a token limit or a filter, not where the model meant to.
- `answer_in_request`: the inputs held the answer, as a list does that the application went on with before it was
  written down; they were cut back to what was asked.
- `answer_repeated`: an earlier message of the model's says the same, which may be the answer itself, posted with
  the inputs; nothing was cut.
- `arguments_missing`: a call has no arguments, though its tool requires some: the model may have left them out.
- `attachments`: files are attached to the run; whether the model saw them, the run does not say.
- `calls_missing`: the answer ended in a call that the run does not hold; or tools were offered, and the producer posts
  the text of an answer alone.
- `compaction_call`: the call made a conversation shorter, for an agent to go on with; it answered nobody.
- `found_in_trace`: the run lacks tools or the system prompt; they come from a run above it in the trace.
- `history_missing`: the producer does not post the earlier turns of the session, if there were any.
- `hosted_file`: a part refers to a file kept at the provider; it is gone once the file is.
- `ids_made`: calls without ids got ids made from their place, since a training line needs them.
- `keys_dropped`: keys that a training line has no place for were left out.
- `middleware_call`: the call was made beside the conversation, as to choose its tools; it answered nobody.
- `numbers_rounded`: a call has an integer that JavaScript makes of others, too, which it cannot hold: beyond 2^53 it
  keeps about sixteen digits. The model may have written another.
- `other_candidates`: the call asked for several answers; the first is the example.
- `other_inputs`: a traced function took more to read than its messages hold (`context=`, `system_prompt=`);
  whether the model read it, the run does not say.
- `reasoning_dropped`: the model's thinking was left out: nobody asked for it, or it is no text.
- `reasoning_mixed`: the model thought, and the producer joins thoughts that were asked for to the answer.
- `redacted`: a text holds an anonymizer's mark in place of what the model saw or said.
- `response_format`: the answer was held to a format that a training line cannot name.
- `schema_changed`: the provider's package changes the parameters of a tool before it sends them, each of its versions
  in its own way; the line says what the run holds, or what most versions make of it.
- `server_tool_dropped`: a tool or a search that runs at the provider was offered, or the answer cites what it found;
  a training line takes functions only.
- `system_missing`: the producer does not post the system prompt with the call.
- `text_missing`: the producer posts calls without the text that the model may have said beside them.
- `title_call`: the call gave a conversation its title; it answered nobody.
- `tool_choice`: the call forced or forbade tools; a training line cannot say so.
- `tools_missing`: the producer does not post tool definitions, or calls occur though the run names no tools.
- `turns_joined`: the producer posts texts of the user's in a row alike, whether they went out as one message or as
  several; the line says one. Or it is of those that joined the system prompt to the first, and the line does not.
- `unsent`: earlier turns hold text beside calls, or calls, that versions of LangChain's chat models leave out of
  the request; these were not, or may not have been, read by the model.
"""


class Note(Struct, frozen=True, kw_only=True):
    """Something about a run that its training example does not say.

    Args:
        run_id: The run's id.
        kind: One of a closed list, see `NoteKind`.
        detail: Where and what, without any content.
    """

    run_id: str
    kind: NoteKind
    detail: str


class RunSource(Struct, frozen=True, kw_only=True):  # a tenth of what a frozen dataclass costs to make
    """Where an example came from. Stays beside the training line, never in it.

    Args:
        run_id: The llm run.
        trace_id: The trace that the run belongs to.
        thread_id: The conversation that the trace belongs to, if any.
        user_id: The end user, where the application named one in the run's metadata.
        project_id: The LangSmith project.
        start_time: When the call began, ISO 8601.
        model: The model that answered.
        example_id: The dataset example that the run was made for, in an experiment.
        prompt_tokens: What the provider counted for the request, in tokens.
        completion_tokens: What the provider counted for the answer, in tokens.
        agent: The name of the agent that called the model.
        node: The node of a graph that called the model.
        agent_type: What the call was for, as LangSmith sorts calls: see `AgentType`.
        namespace: The nodes on the way to this one, where a graph runs inside of another, each with the id of
            its run: `tools:<id>`.
        scores: Average scores of the feedback on the run itself, by key.
        trace_scores: Those of the feedback on the root of its trace, where users rate an answer.
        notes: What the example does not say about the run.
    """

    run_id: str
    trace_id: str | None = None
    thread_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    start_time: str | None = None
    model: str | None = None
    example_id: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    agent: str | None = None
    node: str | None = None
    agent_type: str | None = None
    namespace: str | None = None
    scores: Mapping[str, float] = {}
    trace_scores: Mapping[str, float] = {}
    notes: tuple[Note, ...] = ()

    def score(self, key: str) -> float | None:
        """The run's own score, or else that of its trace; None if neither has one under this key.

        Args:
            key: The key of the feedback.

        Example:
            >>> source = RunSource(run_id="a", scores={"correct": 0.0}, trace_scores={"correct": 1.0, "liked": 1.0})
            >>> source.score("correct"), source.score("liked"), source.score("other")
            (0.0, 1.0, None)
        """
        return self.scores.get(key, self.trace_scores.get(key))

    @property
    def all_scores(self) -> dict[str, float]:
        """What `score` gives for each key."""
        return {**self.trace_scores, **self.scores}
