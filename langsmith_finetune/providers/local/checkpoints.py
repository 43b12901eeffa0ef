"""Keeps a training's state on disk, so that a killed job goes on where it was."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.json_values import count_from
from langsmith_finetune.providers.local.run_folder import write_json

if TYPE_CHECKING:
    from transformers import Trainer

_WHOLE = "whole.json"
"""The file of a checkpoint that is written last."""

_SECONDS = 300.0
"""Between two checkpoints, where the user names no number of steps: a kill costs no more."""

_SHARE = 10
"""The checkpoints of a training in several processes, which have no clock in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFolder:
    """A checkpoint that is whole.

    Args:
        path: Its folder.
        step: The steps that were trained.
        trained_tokens: The tokens that were learned in them.
    """

    path: Path
    step: int
    trained_tokens: int


def last_checkpoint(folder: Path) -> CheckpointFolder | None:
    """The newest checkpoint that is whole; what was being written when the process died is removed."""
    found = []
    for path in folder.glob("checkpoint-*"):
        try:
            kept = json.loads((path / _WHOLE).read_bytes())
            step, tokens = count_from(kept["step"]), count_from(kept["trained_tokens"])
        except (OSError, ValueError, LookupError, TypeError):
            shutil.rmtree(path, ignore_errors=True)
            continue
        if step is not None:
            found.append(CheckpointFolder(path=path, step=step, trained_tokens=tokens or 0))
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


def checkpoints(trainer: Trainer, *, save_steps: int | None) -> Any:
    """The callback that says when a checkpoint is written, and when it is whole.

    Args:
        trainer: Whose training it is.
        save_steps: Steps between two checkpoints; None for one in five minutes.
    """
    from transformers import TrainerCallback

    class Checkpoints(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.saved_at = time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            steps = save_steps
            if steps is None and args.world_size > 1:
                steps = max(1, state.max_steps // _SHARE)
            if state.global_step >= state.max_steps:
                return  # the model itself is next
            if steps is None:
                control.should_save |= time.monotonic() - self.saved_at >= _SECONDS
            else:
                control.should_save |= state.global_step % steps == 0

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            self.saved_at = time.monotonic()
            folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
            if state.is_world_process_zero and folder.is_dir():
                tokens = int(getattr(trainer, "_total_train_tokens", 0))
                write_json(folder / _WHOLE, {"step": state.global_step, "trained_tokens": tokens})

    return Checkpoints()
