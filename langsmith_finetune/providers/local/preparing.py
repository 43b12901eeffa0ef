"""Turns the files of a run folder into tokens on disk, before any model is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.watched import watched
from langsmith_finetune._printable import logger_of
from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.errors import InvalidExampleError, ProviderError
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.adapting import adapt
from langsmith_finetune.providers.local.extra import require_local_extra
from langsmith_finetune.providers.local.joining import joined
from langsmith_finetune.providers.local.model_folder import context_of, response_template_of
from langsmith_finetune.providers.local.rows import learned_messages, rows_of_line
from langsmith_finetune.providers.local.run_folder import RunFolder, read_json, write_json
from langsmith_finetune.providers.local.sequences import SAID, SequenceNote, Sequencer, TrainedSequence
from langsmith_finetune.providers.local.token_file import TokenFile, token_file
from langsmith_finetune.providers.values import JobRequest, Method
from langsmith_finetune.targets.read_lines import sound_lines

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logger_of(__name__)

_COLUMNS: Mapping[Method, tuple[str, ...]] = {
    "supervised": ("input_ids", "labels"),
    "dpo": ("prompt_ids", "chosen_ids", "rejected_ids"),
    "kto": ("prompt_ids", "completion_ids"),
}
"""What TRL's trainers call the tokens."""


class NoTokenizerError(ProviderError):
    """A model's tokenizer cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedModel:
    """What is known of a model before it is loaded.

    Args:
        tokenizer: Its tokenizer, with its chat template.
        context: How many tokens a sequence may have, if there is a limit.
    """

    tokenizer: PreTrainedTokenizerBase
    context: int | None


def chat_tokenizer(path: str, *, name: str, asks_hub: bool = True) -> PreTrainedTokenizerBase:
    """A model's tokenizer, with its chat template.

    Args:
        path: A folder, or a name on the Hugging Face Hub.
        name: What to call it in errors.
        asks_hub: What is not on this machine is fetched from the Hub.

    Raises:
        ProviderError: The model has no chat template, its tokenizer cannot be had, or it brings code of its own.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = load_tokenizer(path, local_files_only=not asks_hub)
    except (OSError, ValueError) as error:
        raise _cannot_be_loaded(name, error) from error
    if not tokenizer.chat_template:
        raise ProviderError(
            "local",
            f"the model {name} has no chat template, so nothing says how a conversation reads. "
            "Take its instruct or chat variant, or put a chat_template.jinja into its folder",
        )
    return tokenizer


def _cannot_be_loaded(name: str, error: Exception) -> NoTokenizerError:
    return NoTokenizerError(
        "local",
        f"the tokenizer of {name} cannot be loaded ({type(error).__name__}). Give a model folder, or the name of a "
        "model on the Hugging Face Hub that this machine can reach",
    )


def opened_model(
    path: str, *, name: str, max_length: int | None = None, asks_hub: bool = True
) -> OpenedModel:
    """The tokenizer of a model, and how many tokens a sequence may have.

    Args:
        path: A folder, or a name on the Hugging Face Hub.
        name: What to call it in errors.
        max_length: Tokens that the user allows.
        asks_hub: What is not on this machine is fetched from the Hub.

    Raises:
        ProviderError: The model has no chat template, its tokenizer cannot be had, or it brings code of its own.
    """
    tokenizer = chat_tokenizer(path, name=name, asks_hub=asks_hub)
    try:
        context = context_of(path, asks_hub=asks_hub)
    except (OSError, ValueError) as error:
        raise _cannot_be_loaded(name, error) from error
    limits = [limit for limit in (context, max_length) if limit is not None]
    return OpenedModel(tokenizer=tokenizer, context=min(limits, default=None))


class LineReader:
    """Reads lines into sequences, all of them by one adaptation.

    Args:
        model: The model's tokenizer, and how long a sequence may be.
        adaptation: How conversations are changed for its chat template.
        method: How the lines are trained.
    """

    def __init__(self, model: OpenedModel, adaptation: Adaptation, *, method: Method) -> None:
        self.adaptation = adaptation
        self.method = method
        self._tokenizer = model.tokenizer
        self._sequencer = Sequencer(model.tokenizer, adaptation, context=model.context)

    def sequences(self, line: Mapping[str, Any], where: str) -> list[TrainedSequence]:
        """One sequence an answer of a line, not joined yet.

        Raises:
            InvalidExampleError: The line cannot be trained on with this model; says why.
        """
        rows = rows_of_line(line, where, self.method)
        found = [self._sequencer.sequence(row) for row in rows]
        calling = next((row for row in rows if row.completion.get("tool_calls")), None)
        if calling is not None and not self._reads_calls:
            raise InvalidExampleError(
                where,
                calling.field,
                "its calls would be written in a form that nothing says how to read back, so the tuned model could be "
                "offered no tools",
                "Set tokenizer.response_template and save the tokenizer into the model's folder, see "
                "https://huggingface.co/docs/transformers/chat_response_parsing",
            )
        return found

    @cached_property
    def _reads_calls(self) -> bool:
        template = response_template_of(self._tokenizer, self.adaptation)
        return template is not None and "tool_calls" in template["fields"]


def reader_of(
    lines: Iterable[Mapping[str, Any]],
    model: OpenedModel,
    *,
    method: Method = "supervised",
    chat_template_kwargs: Mapping[str, Any] | None = None,
) -> LineReader:
    """A reader for lines; all of them are looked at first, for what their answers hold.

    Args:
        lines: All that will be read, read once here.
        model: The model to start from.
        method: How the lines are trained.
        chat_template_kwargs: The user's own settings of the chat template.
    """
    has_reasoning = any(
        message.get("reasoning_content") for line in lines for message in learned_messages(line)
    )
    adaptation = adapt(
        model.tokenizer, has_reasoning=has_reasoning, chat_template_kwargs=chat_template_kwargs
    )
    return LineReader(model, adaptation, method=method)


def lines_of(files: Iterable[tuple[Path, str]]) -> Iterator[Mapping[str, Any]]:
    """The lines of files, each with what to call it in errors.

    Raises:
        InvalidExampleError: A file is empty, or a line is not JSON.
    """
    for path, name in files:
        for _, _, line in sound_lines(path, name):
            yield line


def check_by_template(request: JobRequest, path: str) -> Callable[[Mapping[str, Any], str], object]:
    """Whether a model's chat template shows the lines of a request whole; nobody is asked for the model.

    Where its tokenizer, or the extra `local`, is not on this machine, only the form of the lines is looked at, and that
    is said.

    Args:
        request: What is to be trained.
        path: The model, a folder or a name on the Hugging Face Hub.

    Raises:
        ProviderError: The model has no chat template, or its folder no tokenizer.
    """
    try:
        require_local_extra()
        model = opened_model(
            path, name=request.model, max_length=request.parameters.get("max_length"), asks_hub=False
        )
    except (ImportError, NoTokenizerError):
        if Path(path).is_dir():
            raise
        logger.warning(
            "the tokenizer of %s is not on this machine, so its chat template is not tried on the lines yet",
            path,
        )
        return partial(rows_of_line, method=request.method)
    reader = reader_of(
        lines_of((file, file.name) for file, _ in request.files),
        model,
        method=request.method,
        chat_template_kwargs=request.parameters.get("chat_template_kwargs"),
    )
    return reader.sequences


def prepare(run: RunFolder, request: Mapping[str, Any]) -> None:
    """Turn a run folder's files into tokens, and say as events what was put right.

    Args:
        run: The folder, with the files to train on.
        request: What `request.json` says.

    Raises:
        InvalidExampleError: A line does not fit the model or its chat template; names it.
        ProviderError: The model has no chat template, or its tokenizer cannot be had.
    """
    parameters: Mapping[str, Any] = request["parameters"]
    method: Method = request.get("method", "supervised")
    model = opened_model(
        request["model_path"], name=request["model"], max_length=parameters.get("max_length")
    )
    files = [(run.training_file, request["training_name"], run.training_tokens)]
    if run.validation_file.exists():
        files.append((run.validation_file, request["validation_name"], run.validation_tokens))
    reader = reader_of(
        lines_of((path, name) for path, name, _ in files),
        model,
        method=method,
        chat_template_kwargs=parameters.get("chat_template_kwargs"),
    )
    counts = _Counts()
    flags = ("label",) if method == "kto" else ()
    for path, name, tokens in files:
        with token_file(tokens, tokens=_COLUMNS[method], flags=flags) as out:
            _write(out, counts.reading(reader, path, name), method)
        counts.sequences += out.count
    for note, count in sorted(counts.notes.items()):
        run.add_event(f"{count} of {counts.answers} answers: {SAID[note]}")
    if method == "supervised" and counts.sequences < counts.answers:
        run.add_event(
            f"{counts.answers} answers are trained in {counts.sequences} sequences: what begins another one is not "
            "repeated"
        )
    write_json(run.prepared_file, {"adaptation": reader.adaptation.as_dict()})


class _Counts:
    """What was read of a run folder's files."""

    def __init__(self) -> None:
        self.notes: Counter[SequenceNote] = Counter()
        self.answers = self.sequences = 0

    def reading(
        self, reader: LineReader, path: Path, name: str
    ) -> Iterator[tuple[Mapping[str, Any], list[TrainedSequence]]]:
        """The lines of a file with their sequences, counted on the way."""
        for number, _, line in watched(
            f"lines of {name} made tokens", sound_lines(path, name), goes_through=True
        ):
            found = reader.sequences(line, f"{name}:{number}")
            self.answers += len(found)
            for sequence in found:
                self.notes.update(sequence.notes)
            yield line, found


def prepared_adaptation(run: RunFolder) -> Adaptation | None:
    """How conversations were changed for the template; None where the tokens are not there, or not whole."""
    kept = read_json(run.prepared_file)
    return None if kept is None else Adaptation.from_dict(kept.get("adaptation"))


def _write(
    out: TokenFile, lines: Iterable[tuple[Mapping[str, Any], Sequence[TrainedSequence]]], method: Method
) -> None:
    if method == "supervised":
        for one in joined(sequence for _, found in lines for sequence in found):
            out.add({"input_ids": one.input_ids, "labels": one.labels, "length": len(one.input_ids)})
        return
    for line, found in lines:
        prompts, answers = zip(*map(_divided, found), strict=True)
        row = dict(zip(_COLUMNS[method], (prompts[0], *answers), strict=True))
        out.add(row | {"label": line.get("label"), "length": len(prompts[0]) + max(map(len, answers))})


def _divided(sequence: TrainedSequence) -> tuple[list[int], list[int]]:
    """The tokens before the answer, and those of it."""
    begin = next(index for index, label in enumerate(sequence.labels) if label != -100)
    return sequence.input_ids[:begin], sequence.input_ids[begin:]
