"""Get the runs worth learning from: from LangSmith, from its lists, from files.

    runs = select_runs(project_name="support-bot", feedback={"user_score": 1})   # LangSmith, the newest first
    runs = runs_from_annotation_queue(queue_name="good answers")                 # a list that somebody keeps
    runs = runs_of_traces(ids)                                                   # or of threads: runs_of_threads
    save_runs(runs, "runs.jsonl.gz")
    runs = run_files("runs.jsonl.gz")                                            # files and bulk exports

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.examples.source import Note, NoteKind, RunSource
    from langsmith_finetune.runs.files.read import run_files
    from langsmith_finetune.runs.files.save import save_runs
    from langsmith_finetune.runs.langsmith.read_apis import RUN_FIELDS
    from langsmith_finetune.runs.langsmith.selection import Selection
    from langsmith_finetune.runs.langsmith.selection_state import SelectionState
    from langsmith_finetune.runs.lists import (
        ListedRuns,
        runs_from_annotation_queue,
        runs_from_dataset,
        runs_from_experiment,
        runs_of_threads,
        runs_of_traces,
    )
    from langsmith_finetune.runs.roles import AgentType
    from langsmith_finetune.runs.select import select_runs
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.examples.source": ["Note", "NoteKind", "RunSource"],
            "langsmith_finetune.runs.files.read": ["run_files"],
            "langsmith_finetune.runs.files.save": ["save_runs"],
            "langsmith_finetune.runs.langsmith.read_apis": ["RUN_FIELDS"],
            "langsmith_finetune.runs.langsmith.selection": ["Selection"],
            "langsmith_finetune.runs.langsmith.selection_state": ["SelectionState"],
            "langsmith_finetune.runs.lists": [
                "ListedRuns",
                "runs_from_annotation_queue",
                "runs_from_dataset",
                "runs_from_experiment",
                "runs_of_threads",
                "runs_of_traces",
            ],
            "langsmith_finetune.runs.roles": ["AgentType"],
            "langsmith_finetune.runs.select": ["select_runs"],
        },
    )

__all__ = [
    "RUN_FIELDS",
    "AgentType",
    "ListedRuns",
    "Note",
    "NoteKind",
    "RunSource",
    "Selection",
    "SelectionState",
    "run_files",
    "runs_from_annotation_queue",
    "runs_from_dataset",
    "runs_from_experiment",
    "runs_of_threads",
    "runs_of_traces",
    "save_runs",
    "select_runs",
]
