"""The process that trains: `python -m langsmith_finetune.providers.local.train RUN_FOLDER`.

Everything it is to do stands in the folder, and everything it has to say goes there: see `run_folder`.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.errors import FineTuneError, ProviderError
from langsmith_finetune.providers.local.adaptation import Adaptation, with_defaults
from langsmith_finetune.providers.local.checkpoints import CheckpointFolder, checkpoints, last_checkpoint
from langsmith_finetune.providers.local.end_tokens import end_ids
from langsmith_finetune.providers.local.model_folder import in_type_of, name_base, with_response_template
from langsmith_finetune.providers.local.preparing import prepare, prepared_adaptation
from langsmith_finetune.providers.local.process import record_process
from langsmith_finetune.providers.local.run_folder import RunFolder, SilentRunFolder, now, read_json
from langsmith_finetune.providers.local.trainers import trainer_of

if TYPE_CHECKING:
    from transformers import Trainer

_METRICS = {
    "loss": "train_loss",
    "eval_loss": "valid_loss",
    "learning_rate": "learning_rate",
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
    "eval_rewards/accuracies": "valid_reward_accuracy",
    "eval_rewards/margins": "valid_reward_margin",
}
"""What TRL's numbers are called in events."""

_LESS_MEMORY = (
    "Make parameters['batch_size'] smaller and 'gradient_accumulation_steps' larger, set 'gradient_checkpointing': True, "
    "train with 'lora': True, or leave long lines out with 'max_length'"
)


def main(folder: str) -> int:
    """Train what a run folder asks for; the exit code is 0 if there is a model then."""
    os.umask(0o077)  # whatever any library writes from here on is its owner's alone
    reports = os.environ.get("RANK", "0") == "0"
    run = RunFolder(Path(folder)) if reports else SilentRunFolder(Path(folder))
    if run.cancelled_file.exists():
        return 1
    if "RANK" not in os.environ:  # otherwise it is the launcher that lives as long as the training
        record_process(run, os.getpid())
    training = Training(run)
    try:
        training.run()
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for the job's end
        traceback.print_exc()
        message = training.explain(error)
        run.add_event(message, level="error")
        run.write_status("failed", "failed", error=message, finished_at=now(), **training.progress)
        return 1
    return 0


class Training:
    """One training, from request to model.

    Args:
        run: The folder.
    """

    def __init__(self, run: RunFolder) -> None:
        self.folder = run
        self.request: Mapping[str, Any] = read_json(run.request_file) or {}
        self.phase = "starting"
        self.progress: dict[str, Any] = {}

    def run(self) -> None:
        """Train, from the last checkpoint if there is one, and save the model."""
        if (adaptation := prepared_adaptation(self.folder)) is None:
            self.say("validating", "reading the rows")
            prepare(self.folder, self.request)
            adaptation = prepared_adaptation(self.folder) or Adaptation()
        self.say("validating", "loading the model")
        tokenizer = load_tokenizer(self.request["model_path"])
        trainer = trainer_of(self.folder, self.request, tokenizer)
        self.check_processes(trainer)
        trainer.add_callback(self.callback(trainer))
        checkpoint = last_checkpoint(self.folder.trainer_folder)
        trainer.add_callback(checkpoints(trainer, save_steps=self.request["parameters"].get("save_steps")))
        if checkpoint is not None:
            self.go_on_from(trainer, checkpoint)
        trainer.train(resume_from_checkpoint=str(checkpoint.path) if checkpoint else None)
        self.save(trainer, adaptation)

    def check_processes(self, trainer: Trainer) -> None:
        """See that as many processes train together as were asked for: some launchers start fewer, in silence.

        Raises:
            ProviderError: They are not.
        """
        asked, found = self.request.get("processes", 1), trainer.args.world_size
        if asked != found:
            raise ProviderError(
                "local", f"{asked} processes were to train together, and {found} do. Start the job again"
            )

    def go_on_from(self, trainer: Trainer, checkpoint: CheckpointFolder) -> None:
        """Say where a killed job goes on, and forget what it said of the steps after that."""
        self.folder.forget_events_after(checkpoint.step)
        self.folder.add_event(
            f"the job was stopped; it goes on from step {checkpoint.step}", step=checkpoint.step
        )
        trainer._total_train_tokens = checkpoint.trained_tokens  # noqa: SLF001 - TRL counts from 0 again
        self.progress |= {"step": checkpoint.step, "trained_tokens": checkpoint.trained_tokens}

    def save(self, trainer: Trainer, adaptation: Adaptation) -> None:
        """Save the model, in the type of the one that it started from, and drop the checkpoints."""
        total = self.progress["total_steps"]
        self.say("running", "saving the model")
        if not trainer.is_world_process_zero():
            return
        if (best := trainer.state.best_global_step) and trainer.state.best_metric is not None:
            message = f"step {best} has the lowest validation loss, {trainer.state.best_metric:.4f}: its weights are saved"
            self.folder.add_event(message, step=trainer.state.global_step)
        suffix = self.request["suffix"]
        model = self.folder.path / (f"model-{suffix}" if suffix else "model")
        # Not trainer.save_model: that adds its own settings as a pickle.
        trained = trainer.model
        if not self.request["parameters"].get("lora"):
            trained = in_type_of(trained, self.request["model_path"])
            settings = trained.generation_config
            settings.eos_token_id = end_ids(settings.eos_token_id, trainer.processing_class, adaptation)
        trained.save_pretrained(model)
        name_base(model, self.request["model_path"])
        tokenizer = with_response_template(trainer.processing_class, adaptation)
        if isinstance(tokenizer.chat_template, str):
            tokenizer.chat_template = with_defaults(tokenizer.chat_template, adaptation.chat_template_kwargs)
        tokenizer.save_pretrained(model)
        adaptation.save(model)
        shutil.rmtree(self.folder.trainer_folder, ignore_errors=True)
        self.folder.add_event("the model is saved", step=trainer.state.global_step, total_steps=total)
        self.folder.write_status(
            "succeeded", "succeeded", fine_tuned_model=str(model), finished_at=now(), **self.progress
        )

    def say(self, status: str, phase: str) -> None:
        """Say where the job stands."""
        self.phase = phase
        self.folder.write_status(status, phase, **self.progress)

    def callback(self, trainer: Trainer) -> Any:
        """What the trainer calls after each step."""
        from transformers import TrainerCallback

        training = self

        class Progress(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
                training.begin(state.max_steps)

            def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
                # accelerate passes it on too, but not through all that it wraps a sampler in.
                if (sampler := getattr(trainer, "sampler", None)) is not None:
                    sampler.set_epoch(int((state.epoch or 0) + 1e-6))

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
                training.report(state.global_step, logs or {})

        return Progress()

    def begin(self, total_steps: int) -> None:
        """The first step is next."""
        self.progress["total_steps"] = total_steps
        self.say("running", "training")
        self.folder.add_event(f"training for {total_steps} steps", total_steps=total_steps)

    def report(self, step: int, logs: Mapping[str, Any]) -> None:
        """Pass on the numbers of a step: a loss, or the loss on the validation file."""
        metrics = {_METRICS[name]: float(value) for name, value in logs.items() if name in _METRICS}
        if "num_tokens" in logs:
            self.progress["trained_tokens"] = int(logs["num_tokens"])
        if not metrics:
            return
        total = self.progress["total_steps"]
        self.progress |= {"step": step, "metrics": {**self.progress.get("metrics", {}), **metrics}}
        self.say("running", "training")
        what = "validation" if "valid_loss" in metrics else "training"
        loss = metrics.get("valid_loss", metrics.get("train_loss"))
        self.folder.add_event(
            f"step {step}/{total}: {what} loss {loss:.4f}", step=step, total_steps=total, metrics=metrics
        )

    def explain(self, error: Exception) -> str:
        """Why it failed, without a word of the training data."""
        if isinstance(error, ProviderError):
            return error.message
        if isinstance(error, FineTuneError):
            return str(error)
        if is_out_of_memory(error):
            return f"memory ran out while {self.phase}. {_LESS_MEMORY}. More is in {self.folder.log_file}"
        # While rows are read, a library's message may quote one; before and after, it speaks of the model.
        said = "" if self.phase == "reading the rows" else f": {' '.join(str(error).split())[:500]}"
        return f"{type(error).__name__} while {self.phase}{said}. More is in {self.folder.log_file}"


def is_out_of_memory(error: Exception) -> bool:
    """True if there was not enough memory, of the GPU or of the machine."""
    import torch

    said = str(error)
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
