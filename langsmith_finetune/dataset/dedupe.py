"""Removes exact and near duplicates."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Literal

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.extras import missing
from langsmith_finetune._foundation.passes import Source
from langsmith_finetune._printable import logger_of
from langsmith_finetune.chat_format import TrainingLine, TrainingMessage, nameless
from langsmith_finetune.dataset.given import Examples, ExampleSource
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.scores import NO_SCORES, ScoreKeys
from langsmith_finetune.dataset.steps import StepPass, in_passes
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.sound import name_of

logger = logger_of(__name__)


@checked()
def drop_duplicates(
    examples: Examples,
    *,
    similarity: float | None = None,
    keep: Literal["newest", "best", "first"] = "newest",
    score: str | None = None,
    report: DatasetReport | None = None,
) -> Iterator[TrainingExample]:
    """Leave out examples that say what another one says; those that stay keep their order.

    Exact duplicates have the same messages, tools and weights; ids of tool calls and the names of assistants
    may differ. Near duplicates
    are alike in what was asked *and* in what was answered: a long document with another question is no
    duplicate, nor is the same question with another answer. System prompts and tools, which all examples of
    an application share, do not make two of them alike.

    Args:
        examples: A list, or anything that can be gone through twice: memory then grows by some hundred bytes an
            example, and by some thousand more with `similarity`. A generator, or what another step returns, is held in
            memory whole, unless `keep` is `"first"`.
        similarity: The least likeness of near duplicates, such as 0.9: the share of common triples of words
            (Jaccard), estimated to about 0.03 by MinHash. Needs the extra `dedupe`.
        keep: `"newest"` by the time of the call; `"best"` by `score`, then the newest; or `"first"`.
        score: The key of a feedback score, for `"best"`. An example without it is worse than any with it.
        report: Filled with each example left out, the one kept, and how alike they are.

    Raises:
        ImportError: `similarity` is given and rensa is not installed; says how to install it.
        ValueError: `keep`, `similarity` or `score` cannot be.

    Example:
        >>> hi = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
        >>> len(list(drop_duplicates([TrainingExample(line=hi), TrainingExample(line=hi)])))
        1
    """
    if (keep == "best") != (score is not None):
        raise ValueError("keep='best' and score='the key of a feedback score' go together")
    DuplicateIndex(similarity)  # raises where there can be none
    source = ExampleSource(examples, "training examples")

    def kept(this: StepPass) -> Iterator[TrainingExample]:
        seen = DuplicateIndex(similarity)
        return _first(source, seen, this) if keep == "first" else _chosen(source, seen, score, this)

    return in_passes("drop_duplicates", source, report, kept)


def _first(
    source: Source[TrainingExample], seen: DuplicateIndex, this: StepPass
) -> Iterator[TrainingExample]:
    for index, example in enumerate(this.reading_examples(source)):
        if not _is_duplicate(name_of(example, index), seen.features(example.line), seen, this):
            yield example


def _chosen(
    source: Source[TrainingExample], seen: DuplicateIndex, score: str | None, this: StepPass
) -> Iterator[TrainingExample]:
    # To make examples a second time, as what is lazy would, takes longer than to hold them.
    again = list(source) if isinstance(source.given, Iterator) else source
    keys, candidates = ScoreKeys(score or ""), []
    for index, example in enumerate(this.reading_examples(again)):
        keys.add(example)
        candidates.append((name_of(example, index), _worth(example, score), seen.features(example.line)))
    if score is not None and keys.see_that_it_is_there(this):
        logger.warning("drop_duplicates keeps the newest. %s", NO_SCORES)
    dropped = set()
    # The most wanted first; sorting keeps the order of those that are wanted alike.
    for index in sorted(range(len(candidates)), key=lambda index: candidates[index][1], reverse=True):
        name, _, features = candidates[index]
        if _is_duplicate(name, features, seen, this):
            dropped.add(index)
    for index, example in enumerate(again):
        if index not in dropped:
            yield example


def _is_duplicate(name: str, features: Features, seen: DuplicateIndex, this: StepPass) -> bool:
    match = seen.match(features)
    if match is None:
        seen.add(name, features)
        return False
    what = "duplicate" if match.likeness is None else "near duplicate"
    detail = "" if match.likeness is None else f"{match.likeness:.2f} alike"
    this.add(what, name, kept=match.name, detail=detail)
    return True


def _worth(example: TrainingExample, score: str | None) -> tuple[float, float]:
    source = example.source
    value = source.score(score) if source and score else 0.0
    return -math.inf if value is None else value, _seconds(source.start_time if source else None)


def _seconds(time: str | None) -> float:
    try:
        found = datetime.fromisoformat(time or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return -math.inf


@dataclass(frozen=True, slots=True)
class Features:
    """What an example is compared by: a digest, and MinHash signatures of questions, answers, and both."""

    digest: bytes
    asked: Any = None
    said: Any = None
    whole: Any = None


@dataclass(frozen=True, slots=True)
class Match:
    """An example met before, and how alike: None where it is the same."""

    name: str
    likeness: float | None = None


class DuplicateIndex:
    """The examples met so far, to ask whether another one is among them.

    Args:
        similarity: As for `drop_duplicates`.
    """

    def __init__(self, similarity: float | None) -> None:
        if similarity is not None and not 0 < similarity <= 1:
            raise ValueError(f"similarity must be above 0 and at most 1, not {similarity!r}")
        self._similarity = similarity
        self._exact: dict[bytes, str] = {}
        self._kept: list[tuple[str, Features]] = []
        if similarity is not None:
            self._rensa = _rensa()
            # Finds candidates; that they are alike is decided by their signatures.
            self._bands = self._rensa.RMinHashLSH(similarity, _SLOTS, _bands_for(similarity))

    def features(self, line: TrainingLine) -> Features:
        """What the line is compared by."""
        if self._similarity is None:
            return Features(_digest(line))
        asked, said = _triples(line, answers=False), _triples(line, answers=True)
        whole = self._signature([*asked, *("said: " + triple for triple in said)])
        return Features(_digest(line), self._signature(asked), self._signature(said), whole)

    def match(self, features: Features) -> Match | None:
        """The example that this one repeats: the same one, or else the one most alike."""
        name = self._exact.get(features.digest)
        if name is not None or self._similarity is None:
            return None if name is None else Match(name)
        best = None
        for index in sorted(self._bands.query(features.whole)):
            name, other = self._kept[index]
            likeness = min(features.asked.jaccard(other.asked), features.said.jaccard(other.said))
            if likeness >= self._similarity and (best is None or likeness > (best.likeness or 0)):
                best = Match(name, likeness)
        return best

    def add(self, name: str, features: Features) -> None:
        """Remember an example."""
        self._exact[features.digest] = name
        if self._similarity is not None:
            self._bands.insert(len(self._kept), features.whole)
            self._kept.append((name, replace(features, whole=None)))

    def _signature(self, triples: list[str]) -> Any:
        signature = self._rensa.RMinHash(_SLOTS, 1)  # always the same seed
        signature.update(triples)
        return signature


_SLOTS = 128


def _bands_for(similarity: float) -> int:
    """The fewest bands that find at least 99 of 100 pairs that are just alike enough.

    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4.2, http://www.mmds.org
    """
    finding = (b for b in (4, 8, 16, 32, 64) if 1 - (1 - similarity ** (_SLOTS // b)) ** b >= 0.99)
    return next(finding, _SLOTS)


def _rensa() -> Any:
    # rensa: MinHash in Rust, without dependencies. It has no type hints.
    try:
        return import_module("rensa")
    except ImportError as error:
        raise missing("finding near duplicates", "rensa", "dedupe") from error


def as_compared(messages: Iterable[TrainingMessage]) -> list[dict[str, Any]]:
    """The messages as duplicates have them in common.

    The ids of tool calls are replaced by their place; weights that say nothing and the names of assistants
    are left out: LangChain gives an agent's name to an answer once it is recorded, so that only its copies in
    later prompts have it.
    """
    ids: dict[str | None, str] = {}
    renamed = []
    for message in messages:
        compared = nameless(message)
        if compared.get("weight") == 1:
            del compared["weight"]
        if "tool_calls" in compared:
            compared["tool_calls"] = [
                {**call, "id": ids.setdefault(call.get("id"), f"call_{len(ids)}")}
                for call in compared["tool_calls"]
            ]
        if "tool_call_id" in compared:
            compared["tool_call_id"] = ids.setdefault(compared["tool_call_id"], f"call_{len(ids)}")
        renamed.append(compared)
    return renamed


def digest_of(value: object) -> bytes:
    """The same for equal JSON, whatever the order of its keys."""
    return hashlib.blake2b(sorted_json(value), digest_size=16).digest()


def sorted_json(value: object) -> bytes:
    """JSON with its keys in order; half a surrogate pair, as a token limit leaves it, is kept."""
    return _ENCODER.encode(value).encode("utf-8", "surrogatepass")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _digest(line: TrainingLine) -> bytes:
    return digest_of({**line, "messages": as_compared(line["messages"])})


def _triples(line: TrainingLine, *, answers: bool) -> list[str]:
    """The triples of words that were asked, or answered. System prompts are neither."""
    words: list[str] = []
    for message in line["messages"]:
        if message["role"] != "system" and (message["role"] == "assistant") is answers:
            words += _WORDS.findall(" ".join(_texts(message)).lower())
    return [" ".join(words[at : at + 3]) for at in range(max(len(words) - 2, min(len(words), 1)))]


# Scripts without spaces go by character.
_WITHOUT_SPACES = r"\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORDS = re.compile(rf"[{_WITHOUT_SPACES}]|[^\W_{_WITHOUT_SPACES}]+")


def _texts(message: TrainingMessage) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        # An image is the same or another one.
        yield part["text"] if part.get("type") == "text" else digest_of(part).hex()
    yield message.get("refusal", "")
    for call in message.get("tool_calls", ()):
        yield f"{call['function']['name']} {call['function']['arguments']}"
