"""The process that trains: `python -m langsmith_finetune.providers.local.train RUN_FOLDER`.

Everything it is to do stands in the folder, and everything it has to say goes there: see `run_folder`.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.errors import FineTuneError, ProviderError
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.model_folder import context_of, load_model, with_response_template
from langsmith_finetune.providers.local.process import record_process
from langsmith_finetune.providers.local.rows import has_reasoning, rows_of_file
from langsmith_finetune.providers.local.run_folder import RunFolder, now, read_json
from langsmith_finetune.providers.local.sequences import SAID, SequenceNote, Sequencer, adapt

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import SFTTrainer

_EVALUATIONS = 10
"""How often the validation file is measured on."""


def main(folder: str) -> int:
    """Train what a run folder asks for; the exit code is 0 if there is a model then."""
    os.umask(0o077)  # whatever any library writes from here on is its owner's alone
    run = RunFolder(Path(folder))
    if run.cancelled_file.exists():
        return 1
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
        """Train, and save the model."""
        self.say("validating", "loading the model")
        trainer, adaptation = build_trainer(
            self.folder, self.request, on_phase=partial(self.say, "validating"), callback=self.callback()
        )
        trainer.train()
        total = self.progress["total_steps"]
        self.say("running", "saving the model")
        suffix = self.request["suffix"]
        model = self.folder.path / (f"model-{suffix}" if suffix else "model")
        # Not trainer.save_model: that adds its own settings as a pickle.
        trainer.model.save_pretrained(model)
        with_response_template(trainer.processing_class).save_pretrained(model)
        adaptation.save(model)
        self.folder.add_event("the model is saved", step=total, total_steps=total)
        self.folder.write_status(
            "succeeded", "succeeded", fine_tuned_model=str(model), finished_at=now(), **self.progress
        )

    def say(self, status: str, phase: str) -> None:
        """Say where the job stands."""
        self.phase = phase
        self.folder.write_status(status, phase, **self.progress)

    def callback(self) -> Any:
        """What the trainer calls after each step."""
        from transformers import TrainerCallback

        training = self

        class Progress(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
                training.begin(state.max_steps)

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
        names = {"loss": "train_loss", "eval_loss": "valid_loss", "learning_rate": "learning_rate"}
        metrics = {names[name]: float(value) for name, value in logs.items() if name in names}
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
        # While rows are read, a library's message may quote one; before and after, it speaks of the model.
        said = "" if self.phase == "reading the rows" else f": {' '.join(str(error).split())[:500]}"
        return f"{type(error).__name__} while {self.phase}{said}. More is in {self.folder.log_file}"


def build_trainer(
    run: RunFolder,
    request: Mapping[str, Any],
    *,
    on_phase: Callable[[str], None] = lambda _: None,
    callback: Any = None,
) -> tuple[SFTTrainer, Adaptation]:
    """TRL's trainer for a run folder, ready to train, and how conversations are changed for the template.

    Every row is read before the model is loaded.

    Args:
        run: The folder, with the files to train on.
        request: What `request.json` says.
        on_phase: Called with what is done next.
        callback: A `transformers.TrainerCallback`.

    Raises:
        InvalidExampleError: A row does not fit the model or its chat template.
        ProviderError: The model has no chat template.
    """
    import torch
    from transformers import set_seed
    from trl import SFTConfig, SFTTrainer

    parameters: Mapping[str, Any] = request["parameters"]
    seed = request["seed"] if request["seed"] is not None else 0
    on_cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    set_seed(seed)
    lora = parameters.get("lora") or None

    tokenizer = load_tokenizer(request["model_path"])
    if not tokenizer.chat_template:
        raise ProviderError(
            "local",
            f"the model {request['model']} has no chat template, so nothing says how a conversation reads. "
            "Take its instruct or chat variant, or put a chat_template.jinja into its folder",
        )
    context = context_of(request["model_path"])
    on_phase("reading the rows")
    files = [(run.training_file, request["training_name"])]
    if has_validation := run.validation_file.exists():
        files.append((run.validation_file, request["validation_name"]))
    adaptation = adapt(
        tokenizer,
        has_reasoning=any(has_reasoning(path, name) for path, name in files),
        chat_template_kwargs=parameters.get("chat_template_kwargs"),
    )
    sequencer = Sequencer(tokenizer, adaptation, context=context)
    notes: Counter[SequenceNote] = Counter()

    def dataset(path: Path, name: str) -> Dataset:
        from datasets import Dataset

        # Made here and not in TRL, because `datasets` would keep the row in between: it turns numbers beyond 64 bits
        # into text. So a row that the template refuses is also known by its line.
        rows = []
        for sequence in map(sequencer.sequence, rows_of_file(path, name)):
            notes.update(sequence.notes)
            rows.append({"input_ids": sequence.input_ids, "labels": sequence.labels})
        return Dataset.from_list(rows)

    datasets = [dataset(path, name) for path, name in files]
    for note, count in sorted(notes.items()):
        run.add_event(f"{count} of {sum(map(len, datasets))} answers: {SAID[note]}")
    on_phase("loading the model")
    model = load_model(
        request["model_path"],
        # Weights that are trained stay in full precision; frozen ones need not.
        dtype=torch.bfloat16 if lora and bf16 else torch.float32,
    )
    batch_size = parameters.get("batch_size", 4)
    config = SFTConfig(
        output_dir=str(run.path / "trainer"),
        num_train_epochs=parameters.get("n_epochs", 3),
        max_steps=parameters.get("max_steps", -1),
        learning_rate=parameters.get("learning_rate", 1e-4 if lora else 2e-5),
        warmup_steps=parameters.get("warmup_steps", 0),
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        gradient_accumulation_steps=parameters.get("gradient_accumulation_steps", 1),
        activation_checkpointing=parameters.get("gradient_checkpointing", not on_cpu),
        seed=seed,
        use_cpu=on_cpu,  # and bf16: the defaults raise on a machine without a GPU
        bf16=bf16,
        max_length=None,  # what is too long was refused by line; nothing is cut off in silence
        dataloader_pin_memory=not on_cpu,
        eval_strategy="steps" if has_validation else "no",
        eval_steps=1 / _EVALUATIONS,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=datasets[0],
        eval_dataset=datasets[1] if has_validation else None,
        processing_class=tokenizer,
        peft_config=_lora_config(lora) if lora else None,
        callbacks=[callback] if callback else None,
    )
    return trainer, adaptation


def _lora_config(lora: Any) -> Any:
    from peft import LoraConfig

    settings: Mapping[str, Any] = {} if lora is True else lora
    rank = settings.get("r", 16)
    return LoraConfig(
        r=rank,
        lora_alpha=settings.get("alpha", 2 * rank),
        lora_dropout=settings.get("dropout", 0.0),
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
