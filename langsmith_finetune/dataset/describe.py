"""Counts what is in many runs or examples, in one pass and constant memory.

Names are counted up to a thousand of each sort; further ones are counted together.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Any

from langsmith_finetune._foundation.arguments import checked, many
from langsmith_finetune._foundation.watched import length_of, watched
from langsmith_finetune.chat_format import ANSWERS, kind_of_line, request_of_line
from langsmith_finetune.cost.tokens import token_counter
from langsmith_finetune.dataset.description import Description
from langsmith_finetune.dataset.given import ExampleSource
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.read import conversation_from_run
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.examples.sound import check_form, is_example, line_of, name_of
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.runs.fields import RunPayload, getter, payload_of, source_of
from langsmith_finetune.runs.project_names import labels_of_projects, note_project
from langsmith_finetune.runs.unparsed import opened


@checked()
def describe_examples(examples: Iterable[Any], counter: str | Any = None) -> Description:
    """What there is in these examples: turns, tokens, roles, tools, models, scripts, projects.

    Args:
        examples: Training examples, preferences or bare lines.
        counter: Counts tokens: anything that `token_counter` takes. By default tokens are estimated.

    Returns:
        Counts of `roles`, `tools offered`, `tools called`, `models`, `scripts` (the writing system most of an
        example's letters belong to), `projects`, and, where any run tells, `agents`, `nodes` and `agent types`;
        spreads of `turns` (assistant messages), `messages`,
        `tokens` and `trained tokens`.

    Example:
        >>> line = {"messages": [{"role": "user", "content": "Привет"}, {"role": "assistant", "content": "Да"}]}
        >>> description = describe_examples([line])
        >>> description.count, dict(description.counts["scripts"])
        (1, {'Cyrillic': 1})
    """
    several = ExampleSource(examples, "examples or lines")
    tokens = token_counter(counter)
    found, exact = Description(what="examples"), True
    total = length_of(several.given)
    for example in watched("examples described", several, total=total, goes_through=True):
        where = name_of(example, found.count)
        line = check_form(where, line_of(where, example))
        source = example.source if is_example(example) else None
        prompt = request_of_line(line)
        messages = [
            *prompt["messages"],
            *chain.from_iterable(line[key] for key in ANSWERS[kind_of_line(line)]),
        ]
        found.count += 1
        found.measure("messages", len(messages))
        found.measure("turns", sum(message["role"] == "assistant" for message in messages))
        for message in messages:
            found.tally("roles", message["role"])
        for tool in prompt.get("tools") or ():
            found.tally("tools offered", tool["function"]["name"])
        _tally_calls(found, messages)
        if script := script_of(messages):
            found.tally("scripts", script)
        if source is not None:
            found.tally("models", source.model or "(not told)")
            found.tally("projects", source.project_id or "(not told)")
            _tally_role(found, source)
        count = tokens.count(line)
        exact = exact and count.exact
        found.measure("tokens", count.total)
        if count.trained is not None:
            found.measure("trained tokens", count.trained)
    _name_projects(found)
    found.notes.append(f"tokens: {'exact' if exact else 'estimated, wholly or partly'}; {tokens.how}")
    return found


@checked()
def describe_runs(runs: Iterable[Any]) -> Description:
    """What there is in these runs: models, producers, tool use, tokens, days, feedback, and what is usable.

    Each run is read as for training, so that what this calls usable is.

    Args:
        runs: As for `examples_from_runs`.

    Returns:
        Counts of `models`, `producers`, `days`, `projects`, `usable` (`yes`, or the reason why not), `tool
        use` (how many usable runs offered tools and how many called some: most that call are among those that
        offer), `tools offered` and `tools called` (by name), `feedback` (runs with a score of their own or of their
        trace, by key) and `feedback scores` (by key and score, to one decimal), and, of runs that tell, `agents`,
        `nodes` and `agent types`; spreads of `prompt tokens` and `completion tokens`, as the provider counted them.
        Projects that `select_runs` has read in this process have their names, others their ids.

    Example:
        >>> run = {"id": "d2a3", "run_type": "llm", "start_time": "2026-11-22T08:51:21",
        ...     "extra": {"metadata": {"ls_model_name": "gpt-4.1-mini"}},
        ...     "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        ...     "outputs": {"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]}}
        >>> print(describe_runs([run]))
        1 run
        models: gpt-4.1-mini 1
        producers: unknown 1
        projects: (not told) 1
        days: 2026-11-22 1
        usable: yes 1
        tool use: no tools offered 1
    """
    runs = many("runs", runs, "runs")
    found = Description(what="runs")
    for unread in watched("runs described", runs, goes_through=True):
        found.count += 1
        try:
            run = opened(unread)
            source, payload = source_of(run), payload_of(run)
        except RunNotUsableError as why:
            found.tally("usable", why.reason)
            continue
        except Exception:  # noqa: BLE001 - objects that are no JSON can raise anything
            found.tally("usable", "malformed")
            continue
        found.tally("models", source.model or "(not told)")
        found.tally("producers", _producer(payload))
        found.tally("projects", _project(run, source))
        _tally_role(found, source)
        found.tally("days", (source.start_time or "(not told)")[:10])
        for kind, tokens in (("prompt", source.prompt_tokens), ("completion", source.completion_tokens)):
            if tokens is not None:
                found.measure(f"{kind} tokens", tokens)
        for key, score in source.all_scores.items():
            found.tally("feedback", key)
            found.tally("feedback scores", f"{key} = {round(score, 1):g}")
        try:
            conversation, _ = conversation_from_run(run)
        except RunNotUsableError as why:
            found.tally("usable", why.reason)
            continue
        found.tally("usable", "yes")
        _tally_tools(found, conversation)
    _name_projects(found)
    if "feedback" in found.counts:
        found.out_of["feedback"] = found.count
    return found


def _tally_tools(found: Description, conversation: Conversation) -> None:
    """Count the tools that a run offered, and those that its answer called; of a run that does both, both."""
    answer = conversation.messages[-1]
    offered = [tool["function"]["name"] for tool in conversation.tools]
    offered += [function["name"] for function in conversation.functions]
    found.out_of["tool use"] = found.out_of.get("tool use", 0) + 1
    found.tally("tool use", "tools offered" if offered else "no tools offered")
    if "tool_calls" in answer or "function_call" in answer:
        found.tally("tool use", "tools called")
    for name in dict.fromkeys(offered):
        found.tally("tools offered", name)
    _tally_calls(found, [answer])


def _project(run: Any, source: RunSource) -> str:
    """The project of a run by its id, or by the name that a tracer has sent it with."""
    name = getter(run)("session_name")
    if source.project_id is not None:
        note_project(source.project_id, name)
        return source.project_id
    return name if isinstance(name, str) and name else "(not told)"


def _name_projects(found: Description) -> None:
    """Name the projects, now that all are seen."""
    if ids := found.counts.get("projects"):
        labels = labels_of_projects(ids)
        found.counts["projects"] = Counter({labels[project_id]: times for project_id, times in ids.items()})


def _tally_role(found: Description, source: RunSource) -> None:
    for kind, name in (("agents", source.agent), ("nodes", source.node), ("agent types", source.agent_type)):
        if name is not None:
            found.tally(kind, name)


def _tally_calls(found: Description, messages: Iterable[Mapping[str, Any]]) -> None:
    for message in messages:
        for call in message.get("tool_calls") or ():
            found.tally("tools called", call["function"]["name"])
        if call := message.get("function_call"):
            found.tally("tools called", call["name"])


def _producer(run: RunPayload) -> str:
    """What wrote the run: the integration where it says its name, else library and provider."""
    if isinstance(name := run.metadata.get("ls_integration"), str):
        return name[:100]
    runtime = run.extra.get("runtime")
    library = None
    with suppress(Exception):  # a mapping that is no dict can raise anything
        library = runtime.get("library") or runtime.get("sdk") if isinstance(runtime, Mapping) else None
    names = [name for name in (library, run.metadata.get("ls_provider")) if isinstance(name, str)]
    return " ".join(names)[:100] or "unknown"


def script_of(messages: Iterable[Mapping[str, Any]]) -> str | None:
    """The writing system that most letters of a conversation belong to; the system prompt does not count."""
    letters: Counter[str] = Counter()
    for message in messages:
        content = message.get("content")
        if message["role"] in ("user", "assistant") and content:
            parts = [content] if isinstance(content, str) else [part.get("text") or "" for part in content]
            for part in parts:
                letters.update(part)
    scripts: Counter[str] = Counter()
    for letter, times in letters.items():
        if script := _script(letter):
            scripts[script] += times
    if kana := scripts["Kana"]:  # Japanese is written in both at once
        scripts["Kana"] = kana + scripts.pop("Han", 0)
    return scripts.most_common(1)[0][0] if scripts.total() else None


@lru_cache(maxsize=100_000)
def _script(letter: str) -> str | None:
    """The writing system of a letter: the first word of its Unicode name, as a rule."""
    if not letter.isalpha():
        return None
    words = unicodedata.name(letter, "").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").split()
    word = words[0] if words else "unknown"
    return {"CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana"}.get(word, word.capitalize())
