"""LangSmith runs and chat datasets as LangChain chat sessions, one at a time."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Sized,
)
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from uuid import UUID

from langchain_core.chat_loaders import BaseChatLoader

from langsmith_finetune._foundation.arguments import checked, many
from langsmith_finetune._foundation.html import card, table_of_counts
from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune._foundation.passes import AsyncPasses, Passes, Source, is_spent, spent
from langsmith_finetune._foundation.tally import Tally
from langsmith_finetune._foundation.watched import watched
from langsmith_finetune._printable import logger_of, printable_line
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.read import Reading, begin_reading, conversation_from_run
from langsmith_finetune.dialects.trace import TraceRuns
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.examples.source import Note, NoteKind, RunSource
from langsmith_finetune.runs.ids import aids_replaced, aruns_found, ids_replaced, runs_found
from langsmith_finetune.runs.remedies import why_none
from langsmith_finetune.sessions import (
    RunChatSession,
    session_from_conversation,
    session_from_example,
    session_from_line,
)

if TYPE_CHECKING:
    from langsmith.schemas import Dataset

    Client: TypeAlias = Any
    """A client of langsmith's, or an object of the caller's that does the same."""

Run: TypeAlias = Any
"""A langsmith v1 or v2 `Run`, a dict of either, or a run's id (str or UUID)."""


_Read: TypeAlias = Reading | tuple[Conversation, RunSource] | RunNotUsableError


T = TypeVar("T")

logger = logger_of(__name__)


class LangSmithRunChatLoader(BaseChatLoader):
    """Chat sessions from LangSmith llm runs, one at a time.

    A run that cannot be used never ends the stream: it is in `skipped`, with its id and the reason. What an
    example does not say about its run is in `notes`. Both are reset on each load, and with each loop over what
    `lazy_load` returned. If no run can be used, a warning says the commonest reason and what to do.

    Args:
        runs: Runs (langsmith's `Run` of the v1 or the v2 API, or dicts of either) or run ids, from any
            iterable; `alazy_load` takes an async iterable too.
        client: A langsmith client, to fetch runs by id. Without one, a client is made from the
            environment when the first id arrives.
        trace_runs: Other runs of the same traces. Some agent SDKs post the tools or the system prompt with
            a run above the call only; they are then looked up here. Kept in memory.
        fetch_trace: Fetch those runs through the client, for each run that lacks something and whose trace
            is not among `trace_runs`: a request or two each.
        skip_notes: Kinds of notes that are reason enough to skip a run, such as `redacted`.
        keep_reasoning: Keep the model's thinking, where it is text, in
            `additional_kwargs["reasoning_content"]`, and so in the training line; for targets that train on
            it. By default it is left out and noted.
        on_skip: Called with each run's `RunNotUsableError`.
        on_note: Called with each `Note`.

    Raises:
        RuntimeError: `runs` gives its items only once, as a generator does, and was gone through before.
        TypeError: `runs` is no iterable, or a single run.

    Example:
        >>> from langsmith_finetune import LangSmithRunChatLoader
        >>> run = {
        ...     "id": "d2a3", "run_type": "llm",
        ...     "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        ...     "outputs": {"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]},
        ... }
        >>> loader = LangSmithRunChatLoader(runs=[run, {"id": "e7c1", "run_type": "chain"}])
        >>> [message.content for session in loader.lazy_load() for message in session["messages"]]
        ['Hi', 'Hello!']
        >>> [(error.run_id, error.reason) for error in loader.skipped]
        [('e7c1', 'not_llm')]
    """

    @checked()
    def __init__(
        self,
        runs: Iterable[Run] | AsyncIterable[Run],
        client: Client | None = None,
        *,
        trace_runs: Iterable[Any] = (),
        fetch_trace: bool = False,
        skip_notes: Collection[NoteKind] = (),
        keep_reasoning: bool = False,
        on_skip: Callable[[RunNotUsableError], None] | None = None,
        on_note: Callable[[Note], None] | None = None,
    ) -> None:
        trace_runs = many("trace_runs", trace_runs, "runs")
        self.runs = _many_runs(runs)
        self.client = client
        self.trace_runs = TraceRuns(trace_runs)
        self.fetch_trace = fetch_trace
        self.skip_notes = skip_notes
        self.keep_reasoning = keep_reasoning
        self.on_skip = on_skip
        self.on_note = on_note
        self._source: Source[Run] = Source("runs", self.runs)
        self._start_afresh()

    def _start_afresh(self) -> _Told:
        told = _Told()
        self.skipped, self.notes = told.skipped, told.notes
        if self._source.given is not self.runs:
            self._source = Source("runs", self.runs)
        return told

    def lazy_load(self) -> Iterator[RunChatSession]:
        """Yield one session for each usable run, in the order of the runs. Each loop over it starts again.

        Raises:
            TypeError: The runs are an async iterable; `alazy_load` takes that.
        """
        return Passes(self._load)

    def _load(self) -> Generator[RunChatSession, None, None]:
        if not isinstance(self.runs, Iterable):
            raise TypeError("runs is an async iterable: use `async for session in loader.alazy_load()`")
        told = self._start_afresh()
        ids: list[str] = []
        for run in ids_replaced(self._source, self.client):
            read = self._read(run)
            # The calls of one agent lie under the same runs, which are fetched once.
            if (wanted := _wanted(read)) and wanted != ids:
                ids, above = wanted, runs_found(wanted, self.client)
            if session := self._session(read, above if wanted else (), told):
                yield session
        told.explain(self._source)

    def alazy_load(self) -> AsyncIterator[RunChatSession]:
        """`lazy_load`, over an async iterable too, without blocking the event loop."""
        return AsyncPasses(self._aload)

    async def _aload(self) -> AsyncGenerator[RunChatSession, None]:
        told = self._start_afresh()
        ids: list[str] = []
        async for run in aids_replaced(self._source, self.client):
            read = self._read(run)
            if (wanted := _wanted(read)) and wanted != ids:
                ids = wanted
                above = await aruns_found(wanted, self.client)
            if session := self._session(read, above if wanted else (), told):
                yield session
        told.explain(self._source)

    def load(self) -> list[RunChatSession]:  # type: ignore[override]
        """Every session, in a list."""
        return list(watched("chat sessions", self.lazy_load(), goes_through=True))

    def __repr__(self) -> str:
        return f"<{self._said()}>"

    def _repr_html_(self) -> str:
        return card(
            self._said(), *(table_of_counts(tally.counts) for tally in (self.skipped, self.notes) if tally)
        )

    def _said(self) -> str:
        runs = f"{len(self.runs):,} runs" if isinstance(self.runs, Sized) else f"a {type(self.runs).__name__}"
        last = f"{self.skipped.total:,} skipped and {self.notes.total:,} notes in the last load"
        return f"LangSmithRunChatLoader of {runs}: {last}"

    def _read(self, run: Any) -> _Read:
        """What a run says; where runs may be fetched for what it lacks, it is left unfinished."""
        if type(run) is RunNotUsableError:
            return run
        trace_runs, keep = self.trace_runs.of(run), self.keep_reasoning
        try:
            if self.fetch_trace:
                return begin_reading(run, trace_runs, keep_reasoning=keep)
            return conversation_from_run(run, trace_runs, skip_notes=self.skip_notes, keep_reasoning=keep)
        except RunNotUsableError as error:
            return error

    def _session(self, read: _Read, above: Iterable[Any], told: _Told) -> RunChatSession | None:
        try:
            if isinstance(read, RunNotUsableError):
                raise read
            if isinstance(read, Reading):
                read.add_from_trace(above)
                read = read.finish(self.skip_notes)
        except RunNotUsableError as error:
            told.skipped.add(error)
            if self.on_skip is not None:
                self.on_skip(error)
            return None
        told.used += 1
        conversation, source = read
        session = session_from_conversation(conversation)
        session["source"] = source
        for note in source.notes:
            told.notes.add(note)
            if self.on_note is not None:
                self.on_note(note)
        return session


class _Told:
    """What one pass of a loader left out and noted."""

    def __init__(self) -> None:
        self.skipped: Tally[RunNotUsableError] = Tally(lambda error: error.reason)
        self.notes: Tally[Note] = Tally(lambda note: note.kind)
        self.used = 0

    def explain(self, source: Source[Any]) -> None:
        """Log why there is no session, if there is none."""
        if self.used:
            return
        if self.skipped.total:
            why = why_none(self.skipped.counts)
            logger.warning(
                "LangSmithRunChatLoader: none of %d runs could be used: %s", self.skipped.total, why
            )
        elif not source.explains_itself:
            logger.warning("LangSmithRunChatLoader gives nothing: %s", source.emptiness)


def _wanted(read: _Read) -> list[str]:
    return read.wanted if isinstance(read, Reading) else []


class LangSmithDatasetChatLoader(BaseChatLoader):
    """Chat sessions from a LangSmith dataset, or from its examples.

    A dataset of the type "chat" is read as LangSmith exports it. Of one of the type "kv", the inputs hold `messages` (and
    `tools`), and the outputs what is to be said: `messages`, or one `message`, `output`, `answer` or `response`. Their
    sessions say which run, and which example, they come from.

    Args:
        dataset_name: The dataset's name, or a `Dataset` of langsmith's.
        examples: In place of a dataset, examples of one: from langsmith's `Client.list_examples`, or dicts of them.
        client: A `langsmith.Client` or a `langsmith.Langsmith`, or any object with a method
            `read_dataset_openai_finetuning(dataset_name=)`. Without one, a client is made from the environment
            when loading begins.

    Raises:
        TypeError: `examples` is a single one.
        ValueError: Not exactly one of `dataset_name` and `examples` is given.

    Example:
        >>> from langsmith_finetune import LangSmithDatasetChatLoader
        >>> example = {
        ...     "id": "e1",
        ...     "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        ...     "outputs": {"answer": "Hello!"},
        ... }
        >>> [session] = LangSmithDatasetChatLoader(examples=[example]).lazy_load()
        >>> [message.content for message in session["messages"]]
        ['Hi', 'Hello!']
    """

    @checked()
    def __init__(
        self,
        *,
        dataset_name: str | Dataset | None = None,
        examples: Iterable[Any] | None = None,
        client: Client | None = None,
    ) -> None:
        if (dataset_name is None) == (examples is None):
            raise ValueError("say what to load: give either dataset_name or examples")
        self._source: Source[Any] | None = None
        if examples is not None:
            self._source = Source("examples", many("examples", examples, "dataset examples"))
        self.dataset_id = (
            None if isinstance(dataset_name, str) else short_text(getattr(dataset_name, "id", None))
        )
        self.dataset_name = (
            dataset_name if isinstance(dataset_name, str) else getattr(dataset_name, "name", None)
        )
        if examples is None and not self.dataset_name:
            raise TypeError(
                f"dataset_name must be a name or a Dataset of langsmith's, not {type(dataset_name).__name__}"
            )
        self.client = client
        self.skipped: Tally[RunNotUsableError] = Tally(lambda error: error.reason)

    def lazy_load(self) -> Iterator[RunChatSession]:
        """Yield one session for each example of the dataset. One that cannot be used is in `skipped`."""
        return Passes(self._load)

    def _load(self) -> Generator[RunChatSession, None, None]:
        skipped: Tally[RunNotUsableError] = Tally(lambda error: error.reason)
        self.skipped = skipped
        used = 0
        for index, given in enumerate(self._given()):
            where = f"{self.dataset_name or 'examples'}[{index}]"
            try:
                session = (
                    session_from_example(where, given)
                    if _is_example(given)
                    else session_from_line(where, given)
                )
            except RunNotUsableError as error:
                skipped.add(error)
            else:
                used += 1
                yield session
        if not used:
            self._explain(skipped)

    def _given(self) -> Iterable[Any]:
        if self._source is not None:
            return self._source
        from langsmith_finetune.runs.langsmith.projects import fetch_dataset  # noqa: PLC0415 - an HTTP client

        return fetch_dataset(self.dataset_name, self.dataset_id, self.client)

    def _explain(self, skipped: Tally[RunNotUsableError]) -> None:
        """Log why there is no session."""
        if skipped.total:
            logger.warning(
                "LangSmithDatasetChatLoader: none of %d examples%s is a chat. The first: %s",
                skipped.total,
                f" of '{self.dataset_name}'" if self._source is None else "",
                skipped[0].detail,
            )
        elif self._source is None:
            logger.warning(
                "LangSmithDatasetChatLoader gives nothing: the dataset '%s' has no examples",
                self.dataset_name,
            )
        elif not self._source.explains_itself:
            logger.warning("LangSmithDatasetChatLoader gives nothing: %s", self._source.emptiness)

    def alazy_load(self) -> AsyncIterator[RunChatSession]:
        """`lazy_load` without blocking the event loop."""
        return AsyncPasses(self._aload)

    async def _aload(self) -> AsyncGenerator[RunChatSession, None]:
        import asyncio  # noqa: PLC0415 - a tenth of what importing this module costs

        sessions = self._load()
        while (session := await asyncio.to_thread(next, sessions, None)) is not None:
            yield session

    def load(self) -> list[RunChatSession]:  # type: ignore[override]
        """Every session, in a list."""
        return list(watched("chat sessions", self.lazy_load(), goes_through=True))

    def __repr__(self) -> str:
        return f"<{self._said()}>"

    def _repr_html_(self) -> str:
        return card(self._said(), table_of_counts(self.skipped.counts) if self.skipped else "")

    def _said(self) -> str:
        of = repr(self.dataset_name) if self._source is None else "examples"
        return printable_line(
            f"LangSmithDatasetChatLoader of {of}: {self.skipped.total:,} skipped in the last load"
        )


def _is_example(given: Any) -> bool:
    """True if this is an example of a dataset, and not the line that LangSmith exports of one."""
    return not issubclass(type(given), str) and (type(given) is not dict or "inputs" in given)


def _many_runs(runs: Any) -> Iterable[Any] | AsyncIterable[Any]:
    if isinstance(runs, (str, UUID)):  # an id
        raise TypeError(
            f"runs must be an iterable of runs or ids, not a single {type(runs).__name__}: runs=[run]"
        )
    if is_spent(runs):
        raise spent("runs", runs)
    return runs if isinstance(runs, AsyncIterable) else many("runs", runs, "runs or ids")
