"""Sessions or runs -> training examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from typing import Any, Literal, cast
from uuid import UUID

from langchain_core.chat_loaders import BaseChatLoader
from langchain_core.chat_sessions import ChatSession

from langsmith_finetune._foundation.arguments import check_many, checked, many
from langsmith_finetune._foundation.passes import Passes, Source
from langsmith_finetune._foundation.watched import length_of, watched
from langsmith_finetune._printable import logger_of
from langsmith_finetune.chat_format import (
    Message,
    Tool,
    TrainingLine,
    TrainingMessage,
)
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.fast_path import read_fast
from langsmith_finetune.dialects.read import read_full
from langsmith_finetune.dialects.trace import TraceRuns
from langsmith_finetune.errors import InvalidExampleError, RunNotUsableError
from langsmith_finetune.examples.example import ReadLine, TrainingExample, example_from_reading
from langsmith_finetune.examples.source import Note, NoteKind
from langsmith_finetune.runs.remedies import why_none
from langsmith_finetune.sessions import NO_ANSWER, conversation_from_session, session_at

logger = logger_of(__name__)


@checked()
def training_examples(
    sessions: Iterable[ChatSession] | BaseChatLoader,
    *,
    train_on: Literal["all", "last"] = "all",
    on_skip: Callable[[InvalidExampleError], None] | None = None,
) -> Iterator[TrainingExample]:
    """Turn chat sessions into training examples, one at a time.

    Only the representation changes: messages are read as they stand, edited or not. Legacy functions
    become tools, and `developer` becomes `system`, as training formats ask.

    Args:
        sessions: Of any LangChain chat loader, or the loader itself; those of `LangSmithRunChatLoader` carry tools too. Messages
            may also be dicts and pairs, `("user", "Hi")`, and a session a bare list of messages.
        train_on: `"all"` trains every assistant message; `"last"` only the last one, by giving the
            others `weight: 0`.
        on_skip: Called for each session that cannot be an example, such as one without an assistant
            message. Without it, their number is logged at the end.

    Raises:
        TypeError: What was given are not chat sessions.
        ValueError: `train_on` is neither.

    Example:
        >>> from langchain_core.messages import AIMessage, HumanMessage
        >>> session = {"messages": [HumanMessage("Hi"), AIMessage("Hello!")]}
        >>> next(training_examples([session])).line
        {'messages': [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello!'}]}
    """
    source = Source("sessions", _sessions(sessions))

    def made() -> Generator[TrainingExample, None, None]:
        skipped = Counter[tuple[str, str]]()
        read = 0
        for read, given in enumerate(
            watched("sessions converted", source, total=length_of(sessions)), start=1
        ):
            where, session, run = session_at(read - 1, given)
            try:
                conversation = conversation_from_session(where, session)
            except InvalidExampleError as error:
                skipped[error.reason, error.how_to_fix] += 1
                if on_skip is not None:
                    on_skip(error)
            else:
                yield TrainingExample(line=_line(conversation, train_on), source=run)
        if read and read == skipped.total():
            [((reason, how_to_fix), count)] = skipped.most_common(1)
            logger.warning(
                "training_examples: none of %d sessions can be an example. Most often (%d) it %s. %s",
                read, count, reason, how_to_fix,
            )  # fmt: skip
        elif skipped and on_skip is None:
            logger.warning(
                "%d sessions were left out of the examples; on_skip= gives each with its reason",
                skipped.total(),
            )
        elif not read and not source.explains_itself:
            logger.warning("training_examples gives nothing: %s", source.emptiness)

    return Passes(made)


@checked()
def examples_from_runs(
    runs: Iterable[Any],
    *,
    train_on: Literal["all", "last"] = "all",
    trace_runs: Iterable[Any] = (),
    skip_notes: Collection[NoteKind] = (),
    keep_reasoning: bool = False,
    on_skip: Callable[[RunNotUsableError], None] | None = None,
    on_note: Callable[[Note], None] | None = None,
) -> Iterator[TrainingExample]:
    """Turn LangSmith runs straight into training examples: the fast way for many runs.

    The same examples as `training_examples(LangSmithRunChatLoader(runs).lazy_load())`, without the
    LangChain messages in between.

    Args:
        runs: Runs, not ids: v1, v2, dicts of either, or their JSON text as bytes, which is the fastest, as of
            a file of JSON lines: `examples_from_runs(open("runs.jsonl", "rb"))`.
        train_on: As for `training_examples`.
        trace_runs: As for `LangSmithRunChatLoader`.
        skip_notes: As for `LangSmithRunChatLoader`.
        keep_reasoning: As for `LangSmithRunChatLoader`.
        on_skip: Called with each run's `RunNotUsableError`. Without it, their number is logged at the end.
        on_note: Called with each `Note`.

    Example:
        >>> run = {
        ...     "id": "d2a3", "run_type": "llm",
        ...     "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        ...     "outputs": {"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]},
        ... }
        >>> [example.source.run_id for example in examples_from_runs([run])]
        ['d2a3']
    """
    runs = many("runs", runs, "runs")
    trace_runs = many("trace_runs", trace_runs, "runs")
    traces = TraceRuns(trace_runs)
    source = Source("runs", runs)

    def full_example(run: Any, skipped: Counter[str]) -> TrainingExample | None:
        try:
            example, notes = _full_example(
                run, train_on, traces.of(run), skip_notes=skip_notes, keep_reasoning=keep_reasoning
            )
        except RunNotUsableError as error:
            skipped[error.reason] += 1
            if on_skip is not None:
                on_skip(error)
            return None
        if on_note is not None:
            for note in notes:
                on_note(note)
        return example

    def made() -> Generator[TrainingExample, None, None]:
        skipped = Counter[str]()
        used = 0
        for run in watched("runs converted", source, total=length_of(runs)):
            example = _quick_example(run, train_on) or full_example(run, skipped)
            if example is not None:
                used += 1
                yield example
        _tell_of_runs(skipped, used, source, each_was_told=on_skip is not None)

    return Passes(made)


def example_of_run(run: Any) -> TrainingExample:
    """`examples_from_runs` of one run, for the loops that ask for one at a time.

    Raises:
        RunNotUsableError: It cannot be an example.
    """
    if (example := _quick_example(run, "all")) is not None:
        return example
    return _full_example(run, "all")[0]


def _full_example(
    run: Any, train_on: Literal["all", "last"], trace_runs: Iterable[Any] = (), **reading: Any
) -> tuple[TrainingExample, tuple[Note, ...]]:
    """The example of a run of any form, read by the readers, and the notes that were taken."""
    _refuse_id(run)
    conversation, source = read_full(run, trace_runs, **reading)
    return TrainingExample(line=_line(conversation, train_on), source=source), source.notes


def _tell_of_runs(skipped: Counter[str], used: int, source: Source[Any], *, each_was_told: bool) -> None:
    """Log how many runs were left out; if that were all, why."""
    if skipped and not used:
        logger.warning(
            "examples_from_runs: none of %d runs could be used: %s", skipped.total(), why_none(skipped)
        )
    elif skipped and not each_was_told:
        logger.warning("%d runs could not be used; on_skip= gives each with its reason", skipped.total())
    elif not used and not source.explains_itself:
        logger.warning("examples_from_runs gives nothing: %s", source.emptiness)


def _quick_example(run: Any, train_on: Literal["all", "last"]) -> TrainingExample | None:
    """The example of a run of a common form; None where the readers must look at it."""
    found = read_fast(run)
    if found is None:
        return None
    messages, tools, parallel, source = found
    if train_on == "last":
        _train_on_last(messages)
    return example_from_reading(ReadLine(messages, tools, parallel), source)


def _refuse_id(run: Any) -> None:
    if issubclass(type(run), (str, UUID)):
        raise TypeError(
            "examples_from_runs takes runs, not ids: LangSmithRunChatLoader fetches runs by their ids. "
            'JSON text must be bytes: open(path, "rb")'
        )


@checked()
def convert_messages_for_finetuning(
    sessions: Iterable[ChatSession] | BaseChatLoader,
) -> list[list[dict[str, Any]]]:
    """The messages of each session as dicts for fine-tuning: a drop-in for langchain-community's function.

    Sessions without an assistant message are left out. Tool definitions have no place in this form; where
    sessions carry some, a warning says so once.

    Args:
        sessions: From any LangChain chat loader.

    Example:
        >>> from langchain_core.messages import AIMessage, HumanMessage
        >>> convert_messages_for_finetuning([{"messages": [HumanMessage("Hi"), AIMessage("Hello!")]}])
        [[{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello!'}]]
    """
    index, with_tools = -1, 0
    dialogs: list[list[dict[str, Any]]] = []
    source = Source("sessions", _sessions(sessions))
    for index, given in enumerate(source):
        where, session, _ = session_at(index, given)
        tools = session.get("tools")
        if type(tools) is list and tools:  # a value of another type may raise when asked for its truth
            with_tools += 1
            session = {key: value for key, value in session.items() if key != "tools"}
        try:
            conversation = conversation_from_session(where, session)
        except InvalidExampleError as error:
            if error.reason != NO_ANSWER:
                raise
            continue
        with_tools += bool(conversation.tools or conversation.functions)
        messages: list[Any] = _training_messages(conversation.messages)
        for message in messages:
            message.pop("reasoning_content", None)  # an answer's alone; hosts refuse the key
        dialogs.append(messages)
    if not dialogs and not (index < 0 and source.explains_itself):
        why = source.emptiness if index < 0 else f"none of {index + 1} sessions has an assistant message"
        logger.warning("convert_messages_for_finetuning gives nothing: %s", why)
    if with_tools:
        logger.warning(
            "%d sessions carry tool definitions, which a list of messages cannot: "
            "write_jsonl(training_examples(sessions), path) keeps them",
            with_tools,
        )
    return dialogs


def _sessions(given: Any) -> Iterable[ChatSession]:
    """The sessions; of a chat loader, what it loads."""
    if isinstance(given, BaseChatLoader):
        return given.lazy_load()
    check_many("sessions", given, "chat sessions")
    return cast("Iterable[ChatSession]", given)


_PLAIN_ROLES = ("user", "assistant", "system")


def _line(conversation: Conversation, train_on: Literal["all", "last"]) -> TrainingLine:
    line: TrainingLine = {"messages": _training_messages(conversation.messages)}
    tools = [*conversation.tools, *(Tool(type="function", function=f) for f in conversation.functions)]
    if tools:
        line["tools"] = tools
    if conversation.parallel_tool_calls is not None:
        line["parallel_tool_calls"] = conversation.parallel_tool_calls
    if train_on == "last":
        _train_on_last(line["messages"])
    return line


def _train_on_last(messages: Sequence[Any]) -> None:
    turns = [message for message in messages if message["role"] == "assistant"]
    for turn in turns[:-1]:
        turn["weight"] = 0


def _training_messages(messages: list[Message]) -> list[TrainingMessage]:
    """The messages in the roles that training formats know; a legacy call gets an id made from its place."""
    trained: list[TrainingMessage] = []
    call_id = "call_0"
    for index, message in enumerate(messages):
        role = message["role"]
        if len(message) == 2 and role in _PLAIN_ROLES:
            trained.append(cast("TrainingMessage", message))
            continue
        line: TrainingMessage = {
            "role": {"developer": "system", "function": "tool"}.get(role, role),  # type: ignore[typeddict-item]
            "content": message["content"],
        }
        if "name" in message:
            line["name"] = message["name"]
        if "tool_calls" in message:
            line["tool_calls"] = message["tool_calls"]
        elif "function_call" in message:
            call_id = f"call_{index}"
            line["tool_calls"] = [{"id": call_id, "type": "function", "function": message["function_call"]}]
        if role == "tool":
            line["tool_call_id"] = message["tool_call_id"]
        elif role == "function":
            line["tool_call_id"] = call_id
        if "refusal" in message:
            line["refusal"] = message["refusal"]
        if "reasoning_content" in message:
            line["reasoning_content"] = message["reasoning_content"]
        trained.append(line)
    return trained
