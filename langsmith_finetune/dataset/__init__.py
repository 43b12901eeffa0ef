"""Many examples, one step per file. Each step takes an iterable and gives an iterator.

    report = DatasetReport()
    examples = fold_traces(examples, report=report)              # the calls of one agent, merged
    examples = drop_duplicates(examples, report=report)
    examples = redact(examples, PERSONAL_RULES, report=report)
    train, validation = train_validation_split(examples, report=report)
    print(report)

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.dataset.dedupe import drop_duplicates
    from langsmith_finetune.dataset.describe import describe_examples, describe_runs
    from langsmith_finetune.dataset.description import Description
    from langsmith_finetune.dataset.distribution import Distribution
    from langsmith_finetune.dataset.fold import fold_traces
    from langsmith_finetune.dataset.hf import examples_from_hf, to_hf_dataset
    from langsmith_finetune.dataset.labels import labels_from_scores
    from langsmith_finetune.dataset.length import fit_length
    from langsmith_finetune.dataset.on_ray import ray_map
    from langsmith_finetune.dataset.preferences import (
        preferences_from_candidates,
        preferences_from_corrections,
        preferences_from_edits,
        preferences_from_experiments,
        preferences_from_scores,
    )
    from langsmith_finetune.dataset.redaction import PERSONAL_RULES, redact
    from langsmith_finetune.dataset.report import DatasetChange, DatasetReport
    from langsmith_finetune.dataset.shards import WrittenShards, examples_of_file, write_shards
    from langsmith_finetune.dataset.split import split_side, train_validation_split
    from langsmith_finetune.examples.example import replace
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.dataset.dedupe": ["drop_duplicates"],
            "langsmith_finetune.dataset.describe": ["describe_examples", "describe_runs"],
            "langsmith_finetune.dataset.description": ["Description"],
            "langsmith_finetune.dataset.distribution": ["Distribution"],
            "langsmith_finetune.dataset.fold": ["fold_traces"],
            "langsmith_finetune.dataset.hf": ["examples_from_hf", "to_hf_dataset"],
            "langsmith_finetune.dataset.labels": ["labels_from_scores"],
            "langsmith_finetune.dataset.length": ["fit_length"],
            "langsmith_finetune.dataset.on_ray": ["ray_map"],
            "langsmith_finetune.dataset.preferences": [
                "preferences_from_candidates",
                "preferences_from_corrections",
                "preferences_from_edits",
                "preferences_from_experiments",
                "preferences_from_scores",
            ],
            "langsmith_finetune.dataset.redaction": ["PERSONAL_RULES", "redact"],
            "langsmith_finetune.dataset.report": ["DatasetChange", "DatasetReport"],
            "langsmith_finetune.dataset.shards": ["WrittenShards", "examples_of_file", "write_shards"],
            "langsmith_finetune.dataset.split": ["split_side", "train_validation_split"],
            "langsmith_finetune.examples.example": ["replace"],
        },
    )

__all__ = [
    "PERSONAL_RULES",
    "DatasetChange",
    "DatasetReport",
    "Description",
    "Distribution",
    "WrittenShards",
    "describe_examples",
    "describe_runs",
    "drop_duplicates",
    "examples_from_hf",
    "examples_of_file",
    "fit_length",
    "fold_traces",
    "labels_from_scores",
    "preferences_from_candidates",
    "preferences_from_corrections",
    "preferences_from_edits",
    "preferences_from_experiments",
    "preferences_from_scores",
    "ray_map",
    "redact",
    "replace",
    "split_side",
    "to_hf_dataset",
    "train_validation_split",
    "write_shards",
]
