"""What errors call the forms of arguments, with an example of each."""

from __future__ import annotations

from typing import Any

from langsmith_finetune._foundation.form_kinds import Kind

FEW = 12
"""Choices that are told one by one in any error."""

_SUCH_AS = {
    "above": "0.5",
    "agents": '["support"]',
    "api_key": 'os.environ["API_KEY"]',
    "base_url": '"https://api.example.com/v1"',
    "chat_template_kwargs": '{"enable_thinking": False}',
    "dataset_name": '"support"',
    "endpoint": '"https://my-resource.openai.azure.com"',
    "evaluated_tokens": "20000",
    "example": '{"messages": [...]}',
    "experiment_name": '"gpt-4o-1a2b3c"',
    "feedback": '{"user_score": 1}',
    "fields": '["INPUTS", "OUTPUTS"]',
    "filter": "'eq(name, \"ChatOpenAI\")'",
    "folder": '"merged"',
    "fixed_path": '"fixed.jsonl"',
    "job_id": '"ftjob-abc123"',
    "line": '{"messages": [...]}',
    "margin": "0.5",
    "max_cost_usd": "5.0",
    "max_length": "4096",
    "max_tokens": "4096",
    "model": '"Qwen/Qwen3-0.6B"',
    "models": '["gpt-4o"]',
    "models: dict": '{"before": base_model, "after": tuned_model}',
    "n_epochs": "3",
    "name": '"support-2026-11"',
    "names": '["ChatOpenAI"]',
    "newest": "10",
    "nodes": '["agent"]',
    "parameters": '{"n_epochs": 3}',
    "path": '"train.jsonl"',
    "project_name": '"support-bot"',
    "provider": '"openai"',
    "queue_name": '"good answers"',
    "row": '{"messages": [...]}',
    "run_ids": '["d2a3"]',
    "runs_dir": '"finetune-runs"',
    "score": '"user_score"',
    "seed": "7",
    "similarity": "0.9",
    "splits": '["train"]',
    "suffix": '"support"',
    "tags": '["prod"]',
    "timeout": "3600",
    "training_file": '"train.jsonl"',
    "user_ids": '["user-17"]',
    "validation_file": '"validation.jsonl"',
}
"""An example of each argument whose default is none."""

_OF_CLASS = {
    "DatasetReport": "a DatasetReport, such as DatasetReport()",
    "SplitReport": "a SplitReport, such as SplitReport()",
    "Provider": "a Provider, such as LocalProvider() or an object of a class of yours that inherits Provider",
}

_PLAINLY = {"switch": "True or False", "id": "a UUID", "function": "a function"}

_OF_KIND = {
    "whole": ("a whole number", "100"),
    "number": ("a number", "0.5"),
    "text": ("text", '"support"'),
    "path": ("a path", '"train.jsonl"'),
    "dict": ("a dict", '{"n_epochs": 3}'),
    "many": ("a list of texts", '["one", "another"]'),
    "time": ("a time", '"2026-11-01" or datetime(2026, 11, 1, tzinfo=UTC)'),
    "day": ("a day", '"2026-11-01" or date(2026, 11, 1)'),
}


def said_of(kinds: list[Kind], name: str, default: Any) -> str:
    """What an error calls a form, with an example: `"a whole number, such as 100"`.

    Args:
        kinds: The kinds of things that are of the form.
        name: The argument, which has an example of its own if its default is none.
        default: Its default.
    """
    if {"text", "many"} <= {kind.what for kind in kinds}:
        others = [kind for kind in kinds if kind.what != "text"]
        return f"text, or {said_of(others, name, default)}"
    if {"choice", "many"} <= {kind.what for kind in kinds}:
        return (
            f"{said_of([kind for kind in kinds if kind.what != 'many'], name, default)}, or a list of these"
        )
    return _joined([each for kind in kinds for each in _said(kind, name, default)])


def _said(kind: Kind, name: str, default: Any) -> list[str]:
    if kind.what in _PLAINLY:
        return [_PLAINLY[kind.what]]
    if kind.what == "choice":
        return _choices_said(kind)
    if kind.what == "object":
        return [_OF_CLASS.get(kind.of, f"{'an' if kind.of[0] in 'AEIOU' else 'a'} {kind.of}")]
    if kind.what == "many" and kind.choices:
        return [f"a list of {_joined(_choices_said(kind))}"]
    said, example = _OF_KIND[kind.what]
    if kind.what == "number" and (name == "timeout" or name.endswith("_seconds")):
        said, example = "a number of seconds", "60"
    if kind.what == "path" and name in ("model", "base_model"):
        said = "the name of a model or a folder"
    if kind.what not in ("time", "day"):
        example = _SUCH_AS.get(f"{name}: {kind.what}", _SUCH_AS.get(name, example))
    if isinstance(default, (int, float, str)) and not isinstance(default, bool) and default:
        example = f'"{default}"' if isinstance(default, str) else f"{default:.10g}"
    return [f"{said}, such as {example}"]


def _choices_said(kind: Kind) -> list[str]:
    names = [repr(choice) for choice in kind.choices]
    return names if len(names) <= FEW else [f"names such as {names[0]}"]


def _joined(said: list[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(said[:-1]), said[-1]))) if said else "anything"
