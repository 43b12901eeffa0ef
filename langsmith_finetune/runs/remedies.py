"""Says why no run of many could be used: the commonest reasons, and what to do about the first."""

from __future__ import annotations

from collections.abc import Mapping

from langsmith_finetune.errors import RunReason

REMEDIES: Mapping[RunReason, str] = {
    "not_llm": "Only llm runs hold what a model saw and said, and a root is mostly a chain: select_runs(...) gives the "
    'llm runs of a project, and run_files(path, run_type="llm") those of a file',
    "pending": "These runs have not ended; read them again when they have. If they come from a file, it may lack "
    "status and end_time",
    "failed": "These calls ended in an error; select_runs(error=False), the default, leaves them out",
    "hidden": "Inputs or outputs were emptied before they were posted: see LANGSMITH_HIDE_INPUTS and "
    "LANGSMITH_HIDE_OUTPUTS of the application; if they were not asked for, name them in fields=",
    "empty_output": "These runs hold no answer; if they were read with fields=, it must name OUTPUTS",
    "completion_model": "These are text completions; trace a chat model instead",
    "unknown_shape": "No reader knows how these were recorded: trace with LangChain or a wrapper of langsmith's, such as "
    "wrap_openai, or keep to chat models",
    "malformed": "A field is missing or of another type, and the detail of each says which",
    "not_expressible": "These calls hold what a training line has no form for; the detail of each says what",
    "kept_elsewhere": "Part of what the model saw is kept at the provider; send the whole conversation with each call",
    "lost_at_source": "The tracer posted these without parts of the call; trace with LangChain or another wrapper",
    "too_deep": "These are nested deeper than any payload; look at how they were recorded",
    "too_large": "These hold more values than LangSmith takes in one run; look at how they were recorded",
    "unwanted_note": "skip_notes= leaves these out; name fewer kinds of notes",
    "not_found": "LangSmith has no runs with these ids in this workspace, or keeps them no longer: check the ids, "
    "LANGSMITH_ENDPOINT and LANGSMITH_WORKSPACE_ID",
}
"""What to do about runs that were left out, by the reason."""


def why_none(reasons: Mapping[str, int]) -> str:
    """Why runs were left out: the commonest reasons with their counts, and the remedy of the first.

    Args:
        reasons: How many runs, by reason.

    Example:
        >>> why_none({"too_deep": 2})
        'too_deep 2. These are nested deeper than any payload; look at how they were recorded'
    """
    most = sorted(reasons.items(), key=lambda reason: -reason[1])[:3]
    remedy = REMEDIES.get(most[0][0], "")  # type: ignore[call-overload]  # of a reason yet to come there is none
    return ", ".join(f"{reason} {count:,}" for reason, count in most) + (f". {remedy}" if remedy else "")
