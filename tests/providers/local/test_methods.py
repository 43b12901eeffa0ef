"""Trainings by each method: what is fed to TRL, and what a tiny model learns of it."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from langsmith_finetune import FineTuneJob, TrainingExample, write_jsonl
from langsmith_finetune.dataset import labels_from_scores
from langsmith_finetune.errors import InvalidExampleError, JobFailedError, NotSupportedError, ProviderError
from langsmith_finetune.providers.local import LocalChatModel, LocalProvider, merge, preview, tiny_model
from langsmith_finetune.providers.local.preparing import prepare
from langsmith_finetune.providers.local.process import training_command
from langsmith_finetune.providers.local.run_folder import RunFolder
from langsmith_finetune.providers.local.sampling import EpochSampler
from langsmith_finetune.providers.local.trainers import trainer_of
from langsmith_finetune.runs import RunSource
from tests.support.local_calculator import lines, untrained, write_lines
from tests.support.training_here import trained_here, training_here

__all__ = ["training_here"]

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")
QUESTIONS = ("What is red?", "What is blue?", "What is green?", "What is a cat?")


def preference(question, better="Yes.", worse="No!"):
    return {
        "input": {"messages": [{"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": better}],
        "non_preferred_output": [{"role": "assistant", "content": worse}],
    }


def labelled(question, answer, label):
    return {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
        "label": label,
    }


PAIRS = [preference(question) for question in QUESTIONS]
LABELS = [
    labelled(question, answer, answer == "Yes.") for question in QUESTIONS for answer in ("Yes.", "No!")
]
COLORS = [
    {"messages": [pair["input"]["messages"][0], pair[key][0]]}
    for pair in PAIRS
    for key in ("preferred_output", "non_preferred_output")
]


def write(path, some):
    write_jsonl(some, path)
    return path


def trained(tmp_path, some, **settings):
    model = settings.pop("model", None) or tiny_model(tmp_path / "tiny", COLORS)
    provider = settings.pop("provider", None) or LocalProvider(tmp_path / "runs")
    parameters = {"batch_size": 4, "learning_rate": 3e-3, "max_steps": 30} | settings.pop("parameters", {})
    job = FineTuneJob.create(
        write(tmp_path / "train.jsonl", some),
        model=model,
        provider=provider,
        parameters=parameters,
        **settings,
    )
    job.wait(timeout=300, poll_seconds=0.3, progress=False)
    return job


def chances(folder, question):
    """The log-probability of each of both answers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    found = []
    for answer in ("Yes.", "No!"):
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        (one,) = preview({"messages": messages}, model=tokenizer)
        labels = torch.tensor([one.labels])
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([one.input_ids])).logits
        found.append(
            -torch.nn.functional.cross_entropy(
                logits[0, :-1], labels[0, 1:], ignore_index=-100, reduction="sum"
            ).item()
        )
    return found


# --- preferences -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
@pytest.mark.parametrize(("method", "some"), [("dpo", PAIRS), ("kto", LABELS)])
@pytest.mark.parametrize("lora", [False, True])
def test_tiny_model_prefers_what_it_was_shown_to_prefer(tmp_path, method, some, lora):
    parameters = {"lora": {"r": 8}} if lora else {"learning_rate": 1e-3}
    job = trained(tmp_path, some, method=method, parameters=parameters)
    folder = job.info.fine_tuned_model
    for question in QUESTIONS:
        before, after = chances(tmp_path / "tiny", question), chances(folder, question)
        assert after[0] - after[1] > before[0] - before[1] + 1
    assert job.info.metrics["train_loss"] < 0.69


def prepared(folder, parameters, *lines, **request):
    """A trainer of the untrained model at its first step, and the tokenizer; lines as `write_lines` takes them."""
    run = RunFolder(folder)
    write_lines(run.training_file, *lines)
    request |= {
        "model": "tiny",
        "model_path": str(untrained()),
        "parameters": parameters,
        "training_name": "train.jsonl",
        "validation_name": None,
        "suffix": None,
    }
    prepare(run, request)
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    return trainer_of(run, request, tokenizer), tokenizer


@pytest.mark.parametrize(("method", "some"), [("dpo", PAIRS), ("kto", LABELS)])
def test_trainer_is_fed_what_preview_shows(tmp_path, method, some):
    parameters = {"batch_size": 2, "max_steps": 1}
    trainer, tokenizer = prepared(tmp_path, parameters, some, method=method, seed=3)
    shown = sorted(one.input_ids for line in some for one in preview(line, model=tokenizer, method=method))
    batch = next(iter(trainer.get_train_dataloader()))
    ids = [
        row[mask.bool()].tolist()
        for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    assert all(one in shown for one in ids)
    rows = list(trainer.train_dataset)
    answers = ("chosen_ids", "rejected_ids") if method == "dpo" else ("completion_ids",)
    assert sorted(row["prompt_ids"] + row[key] for row in rows for key in answers) == shown
    if method == "kto":
        assert {row["label"] for row in rows} == {True, False}
        for first in range(0, len(rows), 2):
            pair = rows[first : first + 2]
            assert [row["KL_completion_ids"] for row in pair] == [
                pair[1]["completion_ids"],
                pair[0]["completion_ids"],
            ]


OF_MANY_LENGTHS = [
    {
        "messages": [
            {"role": "user", "content": "red " * (1 + 7 * number % 32)},
            {"role": "assistant", "content": "Yes."},
        ]
    }
    for number in range(32)
]


@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_sequences_of_like_length_share_a_batch_where_that_is_asked_for(tmp_path, method):
    some = OF_MANY_LENGTHS
    if method == "dpo":
        some = [preference(line["messages"][0]["content"]) for line in some]
    padded = {}
    for asked in (False, True):
        folder = tmp_path / str(asked)
        folder.mkdir()
        parameters = {"batch_size": 4, "group_by_length": asked}
        trainer, _ = prepared(folder, parameters, some, method=method, seed=3)
        batches = list(trainer.get_train_dataloader())
        padded[asked] = sum(int((batch["attention_mask"] == 0).sum()) for batch in batches)
    assert padded[True] < 0.7 * padded[False]


def test_order_by_length_takes_each_sequence_once_and_mixes_the_steps():
    lengths = [7 * number % 50 for number in range(50)]
    sampler = EpochSampler(size=50, batch_size=4, seed=1, lengths=lengths)
    order = list(sampler)
    assert sorted(order) == list(range(50))
    assert order == list(sampler)
    longest = [max(lengths[number] for number in order[at : at + 4]) for at in range(0, 48, 4)]
    assert longest[0] == max(lengths)
    assert longest != sorted(longest, reverse=True)
    sampler.set_epoch(1)
    assert list(sampler) != order
    assert list(EpochSampler(size=3, batch_size=4, seed=1, lengths=[5, 9, 7])) == [1, 2, 0]


@pytest.mark.parametrize(
    ("line", "method", "text"),
    [
        (preference("?") | {"preferred_output": []}, "dpo", "line: preferred_output: is not a list of one message. "
         "Make lines with preferences_from_scores(examples, score)"),
        (preference("?") | {"input": None}, "dpo", "line: input.messages: is not a list of messages. "
         "Make lines with preferences_from_scores(examples, score)"),
        (preference("?") | {"non_preferred_output": [{"role": "user", "content": "?"}]}, "dpo",
         "line: non_preferred_output[0]: is no message of the assistant. "
         "Make lines with preferences_from_scores(examples, score)"),
        (labelled("?", "!", "yes"), "kto", "line: label: is neither true nor false. "
         "Make lines with labels_from_scores(examples, score)"),
        (labelled("?", "!", True) | {"prompt": []}, "kto", "line: prompt: is not a list of messages. "
         "Make lines with labels_from_scores(examples, score)"),
    ],
)  # fmt: skip
def test_line_without_its_answer_is_refused_by_field(line, method, text):
    with pytest.raises(InvalidExampleError) as caught:
        preview(line, model=AutoTokenizer.from_pretrained(untrained()), method=method)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("some", "method", "text"),
    [
        (PAIRS, "kto", "method='kto', but the file holds preferences. Pass method='dpo', or another file"),
        (
            LABELS,
            "supervised",
            "method='supervised', but the file holds labels. Pass method='kto', or another file",
        ),
        (
            COLORS,
            "dpo",
            "method='dpo', but the file holds training lines. Pass method='supervised', or another file",
        ),
    ],
)
def test_file_of_another_method_is_refused(tmp_path, some, method, text):
    with pytest.raises(InvalidExampleError) as caught:
        FineTuneJob.plan(
            write(tmp_path / "train.jsonl", some),
            model=untrained(),
            provider=LocalProvider(tmp_path),
            method=method,
        )
    assert str(caught.value) == f"train.jsonl:1: {text}"


def test_labels_come_from_scores_above_a_number():
    def scored(score):
        messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": str(score)}]
        scores = {} if score is None else {"thumb": score}
        return TrainingExample(
            line={"messages": messages}, source=RunSource(run_id=str(score), scores=scores)
        )

    found = list(labels_from_scores([scored(s) for s in (1.0, 0.0, 0.5, None)], "thumb"))
    assert [(one.source.run_id, one.line["label"]) for one in found] == [
        ("1.0", True),
        ("0.0", False),
        ("0.5", False),
    ]
    assert [one.line["label"] for one in labels_from_scores([scored(0.5)], "thumb", above=0.4)] == [True]


# --- going on --------------------------------------------------------------------------------------------


def losses_of(job):
    return {
        event.step: event.metrics["train_loss"] for event in job.events() if "train_loss" in event.metrics
    }


def killed_after(job, provider, step):
    """Kill the training as soon as there is a checkpoint of this step."""
    run = RunFolder(provider.runs_dir / job.id)
    until = time.monotonic() + 120
    while not (run.trainer_folder / f"checkpoint-{step}" / "whole.json").exists():
        assert time.monotonic() < until, run.log_file.read_text()[-2000:]
        time.sleep(0.02)
    os.kill(json.loads(run.process_file.read_text())["pid"], signal.SIGKILL)
    while job.refresh().status != "failed":
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_killed_job_goes_on_with_the_same_losses(tmp_path, method):
    some = lines() if method == "supervised" else PAIRS * 5
    file, model = (
        write(tmp_path / "train.jsonl", some),
        tiny_model(tmp_path / "tiny", some[:3] if method == "supervised" else COLORS),
    )
    settings = {"batch_size": 2, "max_steps": 24, "save_steps": 3, "learning_rate": 1e-3}
    if method == "supervised":
        settings["lora"] = {"r": 4, "dropout": 0.2}  # so that chance matters too
    whole, cut = LocalProvider(tmp_path / "whole"), LocalProvider(tmp_path / "cut")

    def create(provider):
        return FineTuneJob.create(
            file,
            model=model,
            provider=provider,
            parameters=settings,
            method=method,
            seed=7,
            journal=tmp_path / "journal",
        )

    job = create(cut)
    killed_after(job, cut, 15)
    assert job.info.resumable
    with pytest.raises(JobFailedError, match=r"The same create, or job\.resume\(\), lets it go on"):
        job.wait(progress=False)
    again = create(cut)
    assert again.id == job.id
    again.wait(timeout=300, poll_seconds=0.3, progress=False)
    messages = [event.message for event in again.events()]
    assert sum(message.startswith("the job was stopped; it goes on from step ") for message in messages) == 1
    with trained_here():
        other = create(whole)
    assert losses_of(again) == losses_of(other)
    assert list(losses_of(again)) == list(range(1, 25))
    assert again.info.trained_tokens == other.info.trained_tokens
    name = "adapter_model.safetensors" if "lora" in settings else "model.safetensors"
    weights = [
        (cut.runs_dir / again.id / "model" / name).read_bytes(),
        (whole.runs_dir / other.id / "model" / name).read_bytes(),
    ]
    assert weights[0] == weights[1]
    assert not (cut.runs_dir / again.id / "trainer").exists()
    with pytest.raises(ProviderError, match="has ended"):
        again.resume()


@pytest.mark.slow
def test_job_killed_before_a_checkpoint_begins_again_in_its_folder(tmp_path):
    provider = LocalProvider(tmp_path / "runs")
    file = write(tmp_path / "train.jsonl", lines())

    def create(**more):
        return FineTuneJob.create(
            file,
            model=untrained(),
            provider=provider,
            parameters={"max_steps": 4, "batch_size": 2},
            journal=tmp_path / "j",
            **more,
        )

    job = create()
    os.kill(json.loads((provider.runs_dir / job.id / "process.json").read_text())["pid"], signal.SIGKILL)
    while job.refresh().status != "failed":
        time.sleep(0.05)
    assert job.resume().status == "validating"
    assert job.wait(timeout=300, poll_seconds=0.3, progress=False)
    assert list(losses_of(job)) == [1, 2, 3, 4]
    other = create(force_new=True)
    assert other.id != job.id
    other.cancel()


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_best_step_is_saved_and_no_later_one_is_waited_for(tmp_path):
    wrong = [
        {"messages": [line["messages"][0], {"role": "assistant", "content": "Who knows?"}]} for line in COLORS
    ]
    job = trained(
        tmp_path,
        COLORS,
        validation_file=write(tmp_path / "validation.jsonl", wrong),
        parameters={"max_steps": 200, "eval_steps": 2, "early_stopping": 3},
    )
    evaluated = {e.step: e.metrics["valid_loss"] for e in job.events() if "valid_loss" in e.metrics}
    best = min(evaluated, key=evaluated.get)
    assert max(evaluated) == best + 6 < 200
    messages = [event.message for event in job.events()]
    assert (
        f"step {best} has the lowest validation loss, {evaluated[best]:.4f}: its weights are saved"
        in messages
    )


# --- settings --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_sequences_train_as_separate_ones(tmp_path, attention):
    parameters = {"batch_size": 2, "max_steps": 1, "packing": True, "attention": attention, "max_length": 512}
    trainer, tokenizer = prepared(tmp_path, parameters, seed=0)
    rows = list(trainer.train_dataset)
    assert len(rows) < 20
    batch = trainer.data_collator(rows)
    batch = {name: value for name, value in batch.items() if name != "num_items_in_batch"}
    trainer.model.train()
    with torch.no_grad():
        packed = trainer.compute_loss(trainer.model, dict(batch)).item()
    total = learned = 0
    for line in lines():
        (one,) = preview(line, model=tokenizer)
        ids, labels = torch.tensor([one.input_ids]), torch.tensor([one.labels])
        with torch.no_grad():
            logits = trainer.model(input_ids=ids).logits
        total += torch.nn.functional.cross_entropy(
            logits[0, :-1], labels[0, 1:], ignore_index=-100, reduction="sum"
        ).item()
        learned += one.trained_tokens
    assert packed == pytest.approx(total / learned, rel=1e-5)


def test_model_whose_packed_sequences_see_each_other_is_refused():
    from langsmith_finetune.providers.local.packing import refuse_leaks

    model = AutoModelForCausalLM.from_pretrained(untrained())
    refuse_leaks(model)
    forward = model.forward
    model.forward = lambda **given: forward(
        **{**given, "position_ids": torch.arange(given["input_ids"].shape[1])[None]}
    )
    with pytest.raises(ProviderError, match="lets a sequence see the one before it in the same row"):
        refuse_leaks(model)


@pytest.mark.slow
def test_two_processes_train_one_model_together(tmp_path):
    provider = LocalProvider(tmp_path / "runs", processes=2)
    job = trained(tmp_path, lines(), provider=provider, parameters={"max_steps": 3, "batch_size": 2})
    request = json.loads((provider.runs_dir / job.id / "request.json").read_text())
    assert request["processes"] == 2
    assert list(losses_of(job)) == [1, 2, 3]
    messages = [event.message for event in job.events()]
    assert sum(message.startswith("training for 3 steps") for message in messages) == 1
    assert any(message.startswith("2 processes train together: ") for message in messages)
    assert LocalChatModel(model=job.info.fine_tuned_model, max_tokens=2).invoke("hi").usage_metadata


def test_command_of_several_processes_is_torchruns(tmp_path):
    run = RunFolder(tmp_path)
    assert training_command(run, 1)[1:] == [
        "-P",
        "-m",
        "langsmith_finetune.providers.local.train",
        str(tmp_path),
    ]
    assert training_command(run, 4)[1:] == [
        *("-P", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4", "-m"),
        *("langsmith_finetune.providers.local.train", str(tmp_path)),
    ]
    with pytest.raises(ValueError, match="processes must be at least 1, not 0"):
        LocalProvider(tmp_path, processes=0)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks it
@pytest.mark.parametrize(
    ("lora", "adapted"),
    [
        ({}, {(block, name) for block in range(4) for name in (*ATTENTION, *MLP)}),
        ({"layers_to_transform": [2, 3]}, {(block, name) for block in (2, 3) for name in (*ATTENTION, *MLP)}),
        ({"target_modules": "all-linear", "layers_to_transform": [0]}, {(0, name) for name in (*ATTENTION, *MLP)}),
        ({"target_modules": "q_proj"}, {(block, "q_proj") for block in range(4)}),
        ({"target_modules": "q_proj", "layers_to_transform": [1]}, {(1, "q_proj")}),
        ({"target_modules": r".*\.(q|v)_proj"}, {(block, name) for block in range(4) for name in ("q_proj", "v_proj")}),
        ({"exclude_modules": "mlp.up_proj"}, {(block, name) for block in range(4) for name in (*ATTENTION, *MLP) if name != "up_proj"}),
    ],
)  # fmt: skip
def test_lora_adapts_the_named_layers_of_the_numbered_blocks(tmp_path, lora, adapted):
    trainer, _ = prepared(
        tmp_path, {"batch_size": 2, "max_steps": 1, "lora": {"r": 2, **lora}}, COLORS, seed=0
    )
    found = [name.split(".") for name, _ in trainer.model.named_parameters() if ".lora_A." in name]
    assert {
        (int(path[path.index("layers") + 1]), path[path.index("lora_A") - 1]) for path in found
    } == adapted


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_adapter_and_its_base_can_be_moved_and_merged(tmp_path):
    job = trained(
        tmp_path,
        COLORS,
        parameters={"lora": {"r": 4, "use_rslora": True, "target_modules": ["q_proj"]}, "max_steps": 5},
    )
    folder = Path(job.info.fine_tuned_model)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["use_rslora"], config["target_modules"]) == (True, ["q_proj"])
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "tiny").rename(moved / "tiny")
    (tmp_path / "runs").rename(moved / "runs")
    adapter = moved / folder.relative_to(tmp_path)
    said = LocalChatModel(model=str(adapter), temperature=0, max_tokens=8).invoke("What is red?").content
    merged = merge(adapter, tmp_path / "merged")
    assert (merged / "model.safetensors").exists()
    assert not (merged / "adapter_config.json").exists()
    assert (
        LocalChatModel(model=str(merged), temperature=0, max_tokens=8).invoke("What is red?").content == said
    )
    with pytest.raises(FileExistsError, match="is there already; name a new folder, or remove it"):
        merge(adapter, merged)
    with pytest.raises(NotSupportedError, match="it is no adapter, but a whole model already"):
        merge(merged, tmp_path / "again")
    (moved / "tiny").rename(tmp_path / "lost")
    with pytest.raises(
        ProviderError, match=r"was trained on the model folder .* Pass that model as base_model="
    ):
        merge(adapter, tmp_path / "again")
    assert merge(adapter, tmp_path / "again", base_model=tmp_path / "lost").exists()
    asked = LocalChatModel(model=str(adapter), base_model=str(tmp_path / "lost"), temperature=0, max_tokens=8)
    assert asked.invoke("What is red?").content == said


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_model_is_saved_in_the_type_of_its_base(tmp_path):
    base = tiny_model(tmp_path / "tiny", COLORS)
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    job = trained(tmp_path, COLORS, model=base, parameters={"max_steps": 2})
    tuned = AutoModelForCausalLM.from_pretrained(job.info.fine_tuned_model, dtype="auto")
    assert tuned.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("parameters", "method", "text"),
    [
        ({"learning_rat": 1}, "supervised", "parameters has no 'learning_rat'; is 'learning_rate' meant? the local provider knows "),
        ({"lr_scheduler": "cosinus"}, "supervised", "parameters['lr_scheduler'] must be one of 'linear', 'cosine', "),
        ({"weight_decay": -1}, "supervised", "parameters['weight_decay'] must be a number from 0, got -1"),
        ({"max_length": 1.5}, "supervised", "parameters['max_length'] must be a whole number from 1, got 1.5"),
        ({"packing": 1}, "supervised", "parameters['packing'] must be a bool, got 1"),
        ({"packing": True}, "dpo", "parameters['packing'] is for method='supervised', not 'dpo'; leave it out"),
        ({"packing": True, "attention": "flash_attention_2"}, "supervised", "parameters['packing'] is tried with the attention 'sdpa' and 'eager' only"),
        ({"beta": 0.1}, "supervised", "parameters['beta'] is for method='dpo' and 'kto', not 'supervised'; leave it out"),
        ({"batch_size": 1}, "kto", "parameters['batch_size'] must be at least 2 for method='kto', which compares the answers of a batch"),
        ({"quantization": "4bit"}, "supervised", "parameters['quantization'] keeps the model's own weights frozen; add 'lora': True"),
        ({"quantization": "4bit", "lora": True}, "supervised", "parameters['quantization'] needs a package: pip install bitsandbytes"),
        ({"quantization": 4}, "supervised", "parameters['quantization'] must be one of '4bit', '8bit', got 4"),
        ({"report_to": "wandb"}, "supervised", "parameters['report_to'] needs a package: pip install wandb"),
        ({"report_to": ["email"]}, "supervised", "parameters['report_to'] must be of wandb, mlflow, tensorboard, trackio, got 'email'"),
        ({"report_to": []}, "supervised", "parameters['report_to'] must be a name or a list, got []"),
        ({"trainer_args": []}, "supervised", "parameters['trainer_args'] must be a dict such as {'adam_beta2': 0.95}, got []"),
        ({"trainer_args": {"num_train_epochs": 1}}, "supervised", "parameters['trainer_args'] has 'num_train_epochs', which is parameters['n_epochs'] here"),
        ({"trainer_args": {"output_dir": "/"}}, "supervised", "parameters['trainer_args'] has 'output_dir', which follows from the job and cannot be set"),
        ({"trainer_args": {"adam_beta3": 1}}, "supervised", "parameters['trainer_args'] has 'adam_beta3', which TRL's configuration for 'supervised' does not know; is 'adam_beta"),
        ({"trainer_args": {"desirable_weight": 1}}, "dpo", "parameters['trainer_args'] has 'desirable_weight', which TRL's configuration for 'dpo' does not know"),
        ({"lora": {"dropout": 1}}, "supervised", "parameters['lora']['dropout'] must be a number from 0 to below 1, got 1"),
        ({"lora": {"target_modules": []}}, "supervised", "parameters['lora']['target_modules'] must be a name or a list, got []"),
        ({"lora": {"modules_to_save": "head"}}, "supervised", "parameters['lora']['modules_to_save'] must be a list of names, got 'head'"),
        ({"lora": {"bias": "some"}}, "supervised", "parameters['lora']['bias'] must be one of 'none', 'all', 'lora_only', got 'some'"),
        ({"lora": {"target_modules": ".*q_proj", "layers_to_transform": [1]}}, "supervised", "parameters['lora'] has 'layers_to_transform', which needs names in 'target_modules' and no pattern, got '.*q_proj'"),
        ({"early_stopping": 2}, "supervised", "parameters['early_stopping'] needs a validation_file to look at"),
    ],
)  # fmt: skip
def test_setting_that_is_wrong_is_named_in_plan_and_create(tmp_path, parameters, method, text):
    some = {"supervised": COLORS, "dpo": PAIRS, "kto": LABELS}[method]
    file = write(tmp_path / "train.jsonl", some)
    for start in (FineTuneJob.plan, FineTuneJob.create):
        with pytest.raises(ValueError) as caught:
            start(
                file,
                model=untrained(),
                provider=LocalProvider(tmp_path),
                method=method,
                parameters=parameters,
            )
        assert str(caught.value).startswith(text)


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_any_setting_of_trl_is_reached_by_its_own_name(tmp_path):
    parameters = {
        "trainer_args": {"adam_beta2": 0.9, "lr_scheduler_kwargs": {}, "logging_steps": 2},
        "max_steps": 4,
    }
    job = trained(tmp_path, COLORS, parameters=parameters)
    assert list(losses_of(job)) == [2, 4]


def test_memory_that_ran_out_is_told_with_a_remedy(tmp_path):
    from langsmith_finetune.providers.local.train import Training

    training = Training(RunFolder(tmp_path))
    training.phase = "training"
    for error in (
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("can't allocate memory: x"),
    ):
        assert training.explain(error) == (
            "memory ran out while training. Make parameters['batch_size'] smaller and 'gradient_accumulation_steps' "
            "larger, set 'gradient_checkpointing': True, train with 'lora': True, or leave long lines out with "
            f"'max_length'. More is in {tmp_path / 'log.txt'}"
        )


def test_plan_and_check_read_every_line_and_start_nothing(tmp_path):
    provider = LocalProvider(tmp_path / "runs")
    long_line = {"messages": [{"role": "user", "content": "1 " * 200}, {"role": "assistant", "content": "2"}]}
    file = write(tmp_path / "train.jsonl", [*COLORS, long_line])
    found = provider.check(file, untrained(), max_length=100)
    assert (found.answers, found.refused_count) == (8, 1)
    with pytest.raises(InvalidExampleError, match=r"train\.jsonl:9: .* and the model takes 100"):
        FineTuneJob.plan(file, model=untrained(), provider=provider, parameters={"max_length": 100})
    assert not (tmp_path / "runs").exists()
    with pytest.raises(ValueError, match="parameters has no 'max_lenght'; is 'max_length' meant"):
        provider.check(file, untrained(), max_lenght=100)


def test_plan_of_a_model_that_is_not_here_looks_at_the_lines_alone(tmp_path, caplog):
    file = write(tmp_path / "train.jsonl", COLORS)
    with caplog.at_level("WARNING"):
        FineTuneJob.plan(file, model="nobody/has-this-model", provider=LocalProvider(tmp_path / "runs"))
    assert (
        "the tokenizer of nobody/has-this-model is not on this machine, so its chat template is not tried on the lines yet"
        in caplog.text
    )
    file.write_text(json.dumps({"messages": [{"role": "user", "content": "Hi"}]}) + "\n")
    with pytest.raises(InvalidExampleError):
        FineTuneJob.plan(file, model="nobody/has-this-model", provider=LocalProvider(tmp_path / "runs"))


def test_model_without_a_chat_template_is_refused_by_plan(tmp_path):
    model = tiny_model(tmp_path / "tiny", COLORS)
    (model / "chat_template.jinja").unlink()
    with pytest.raises(ProviderError, match="has no chat template, so nothing says how a conversation reads"):
        FineTuneJob.plan(
            write(tmp_path / "train.jsonl", COLORS), model=model, provider=LocalProvider(tmp_path / "runs")
        )
