import json
from importlib.resources import files
from itertools import groupby
from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

from langsmith_finetune import TrainingExample, write_jsonl
from langsmith_finetune.dataset.fold import fold_traces
from langsmith_finetune.errors import InvalidExampleError, JobFailedError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.local import LocalChatModel, LocalProvider, tiny_model
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.generation import Generator
from langsmith_finetune.providers.local.model_folder import with_response_template
from langsmith_finetune.providers.local.preparing import prepare
from langsmith_finetune.providers.local.rows import rows_of_line
from langsmith_finetune.providers.local.run_folder import RunFolder, write_json
from langsmith_finetune.providers.local.sequences import Sequencer
from langsmith_finetune.providers.local.trainers import trainer_of
from langsmith_finetune.runs import RunSource
from tests.support.local_calculator import TOOL, call, lines, untrained, write_lines
from tests.support.training_here import train_here, training_here

__all__ = ["training_here"]

CONVERSATION = {
    "messages": [
        {"role": "system", "content": "You are an accounting assistant."},
        {"role": "user", "content": "45 除以 9 等于多少？"},
        {"role": "assistant", "content": None, "tool_calls": [call("Calculator", '{"num1": 45, "num2": 9}')]},
        {"role": "tool", "tool_call_id": "call_1", "content": "5"},
        {"role": "assistant", "content": "Not this one.", "weight": 0},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "It is 5."},
    ],
    "tools": [TOOL],
}
LEARNED = [
    '<tool_call>\n{"name": "Calculator", "arguments": {"num1": 45, "num2": 9}}\n</tool_call><|im_end|>\n',
    "It is 5.<|im_end|>\n",
]


def request(**changes):
    return {
        "model": "tiny",
        "model_path": str(untrained()),
        "parameters": {"max_steps": 3, "batch_size": 2},
        "training_name": "train.jsonl",
        "validation_name": None,
        "suffix": None,
        "seed": None,
        **changes,
    }


def encode(row, tokenizer, context):
    sequence = Sequencer(tokenizer, Adaptation(), context=context).sequence(row)
    return {"input_ids": sequence.input_ids, "labels": sequence.labels}


def build_trainer(run, wanted):
    prepare(run, wanted)
    return trainer_of(run, wanted, AutoTokenizer.from_pretrained(wanted["model_path"]))


def learned_by(trainer, tokenizer):
    return [
        tokenizer.decode([label for label in row["labels"] if label != -100]) for row in trainer.train_dataset
    ]


def test_loss_is_on_trained_messages_and_their_end_alone(tmp_path):
    run = RunFolder(tmp_path)
    write_lines(run.training_file, [CONVERSATION])
    trainer = build_trainer(run, request())
    tokenizer = trainer.processing_class
    (row,) = trainer.train_dataset  # both answers in one pass
    assert learned_by(trainer, tokenizer) == ["".join(LEARNED)]
    assert all(label in (-100, token) for label, token in zip(row["labels"], row["input_ids"], strict=True))
    spans = [
        list(ids) for is_learned, ids in groupby(row["labels"], lambda label: label != -100) if is_learned
    ]
    assert list(map(tokenizer.decode, spans)) == LEARNED
    batch = trainer.data_collator([dict(row)])
    assert (batch["labels"] != -100).sum() == sum(
        len(tokenizer(text, add_special_tokens=False).input_ids) for text in LEARNED
    )


def test_tokens_and_labels_equal_those_of_trl(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    rows = [row for line in (CONVERSATION, *lines()) for row in rows_of_line(line, "x:1")]
    conversational = Dataset.from_list(
        [
            {"prompt": row.prompt, "completion": [row.completion], "tools": json.dumps(row.tools)}
            for row in rows
        ],
        on_mixed_types="use_json",
    )
    config = SFTConfig(
        str(tmp_path),
        use_cpu=True,
        bf16=False,
        max_length=None,
        report_to="none",
        activation_checkpointing=False,
    )
    trainer = SFTTrainer(str(untrained()), config, train_dataset=conversational, processing_class=tokenizer)
    assert [{"input_ids": row["input_ids"], "labels": row["labels"]} for row in trainer.train_dataset] == [
        encode(row, tokenizer, None) for row in rows
    ]


def test_numbers_beyond_64_bits_are_learned_as_they_are(tmp_path):
    answer = {"role": "assistant", "tool_calls": [call("f", '{"n": 123456789012345678901234567890}')]}
    line = {"messages": [{"role": "user", "content": "hi"}, answer]}
    run = RunFolder(tmp_path)
    write_lines(run.training_file, [line])
    trainer = build_trainer(run, request())
    assert '{"n": 123456789012345678901234567890}' in learned_by(trainer, trainer.processing_class)[0]


@pytest.mark.slow
def test_losses_follow_bytes_and_seed(tmp_path):
    def losses(name, seed):
        run = RunFolder(tmp_path / name)
        run.path.mkdir()
        write_lines(run.training_file)
        trainer = build_trainer(run, request(seed=seed))
        trainer.train()
        return [log["loss"] for log in trainer.state.log_history if "loss" in log]

    first, second, other = losses("a", 1), losses("b", 1), losses("c", 2)
    assert len(first) == 3
    assert first == second != other


def test_too_long_conversation_is_refused_by_line_never_cut():
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    (row, _) = rows_of_line(CONVERSATION, "train.jsonl:7")
    length = len(encode(row, tokenizer, None)["input_ids"])
    assert len(encode(row, tokenizer, length)["labels"]) == length
    with pytest.raises(InvalidExampleError) as caught:
        encode(row, tokenizer, length - 1)
    assert str(caught.value) == (
        f"train.jsonl:7: messages[2]: the conversation up to here is {length} tokens long, and the model takes "
        f"{length - 1}. Leave the line out or shorten it: what is cut off would be learned as an answer's end"
    )


def test_conversation_the_template_refuses_is_named_by_line():
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    tokenizer.chat_template = "{{ raise_exception('no: ' + messages[0].content) }}"
    row = next(iter(rows_of_line(CONVERSATION, "train.jsonl:7")))
    with pytest.raises(InvalidExampleError) as caught:
        encode(row, tokenizer, None)
    assert str(caught.value) == (
        "train.jsonl:7: messages[2]: the model's chat template refuses the conversation up to here "
        "(TemplateError). Leave the line out, or take a model whose template knows these roles and their order"
    )


def test_a_chat_template_that_leaves_calls_out_is_refused():
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}<|im_end|>{% endfor %}"
    row = next(iter(rows_of_line(CONVERSATION, "train.jsonl:7")))
    with pytest.raises(InvalidExampleError) as caught:
        encode(row, tokenizer, None)
    assert str(caught.value) == (
        "train.jsonl:7: messages[2]: the model's chat template leaves the tool call out, so there is nothing to "
        "learn. Take a model whose template knows tool calls"
    )


def failure_of(run_path: Path, text: str, model: Path, **changes) -> str:
    """Train what a folder asks for, and return the error that is left there."""
    run = RunFolder(run_path)
    run.path.mkdir()
    run.training_file.write_text(text)
    write_json(run.request_file, request(model_path=str(model), **changes))
    assert train_here(run) == 1
    status = json.loads(run.status_file.read_text())
    assert status["status"] == "failed"
    assert [event["message"] for event in run.events()] == [status["error"]]
    return status["error"]


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_what_was_put_right_is_told_and_kept_with_the_model(tmp_path):
    model = tiny_model(tmp_path / "tiny", lines()[:1])
    template = model / "chat_template.jinja"
    refusal = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    )
    template.write_text(refusal + template.read_text())
    job = FineTuneJob.create(
        write_lines(tmp_path / "train.jsonl", [CONVERSATION]),
        model=model,
        provider=LocalProvider(tmp_path / "runs"),
        parameters={"max_steps": 1, "batch_size": 2},
    )
    tuned = job.wait(timeout=120, poll_seconds=0.5, progress=False)
    messages = [event.message for event in job.events()]
    assert messages[0] == (
        "2 of 2 answers: the system's text stands before the first user's, for the template has no place for it"
    )
    kept = json.loads((Path(tuned.id) / "langsmith_finetune.json").read_text())
    assert kept == {"adaptation": {"folded_system": True}}
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    prompt = Generator(tuned.id).prompt(asked, [], forced=None)
    assert prompt == "<|im_start|>user\nBe kind.\n\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_tuned_folder_says_how_its_answers_are_read(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    known = files("trl") / "chat_templates" / "qwen3.jinja"
    tokenizer.chat_template, tokenizer.response_template = known.read_text(encoding="utf-8"), None
    with_response_template(tokenizer).save_pretrained(tmp_path)
    template = AutoTokenizer.from_pretrained(tmp_path).response_template
    assert "tool_calls" in template["fields"]
    tokenizer.chat_template, tokenizer.response_template = "{{ messages[0].content }}", None
    assert with_response_template(tokenizer).response_template is None


@pytest.mark.slow
def test_model_without_chat_template_fails_with_a_remedy(tmp_path):
    model = tiny_model(tmp_path / "tiny", lines()[:1])
    (model / "chat_template.jinja").unlink()
    assert failure_of(tmp_path / "run", json.dumps(lines()[0]), model) == (
        "the model tiny has no chat template, so nothing says how a conversation reads. Take its instruct or "
        "chat variant, or put a chat_template.jinja into its folder"
    )


@pytest.mark.slow
def test_folder_without_a_model_fails_in_plain_words(tmp_path):
    (tmp_path / "model").mkdir()
    error = failure_of(tmp_path / "run", json.dumps(lines()[0]), tmp_path / "model")
    assert error == (
        "the tokenizer of tiny cannot be loaded (ValueError). Give a model folder, or the name of a model on the "
        "Hugging Face Hub that this machine can reach"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_lora_with_validation_leaves_a_working_adapter(tmp_path):
    job = FineTuneJob.create(
        write_lines(tmp_path / "train.jsonl"),
        model=untrained(),
        provider=LocalProvider(tmp_path / "runs"),
        parameters={"max_steps": 4, "batch_size": 2, "lora": {"r": 4}, "gradient_checkpointing": True},
        validation_file=write_lines(tmp_path / "validation.jsonl", lines()[:2]),
        suffix="books",
    )
    model = job.wait(timeout=120, poll_seconds=0.5, progress=False)
    assert Path(model.id).name == "model-books"
    assert (Path(model.id) / "adapter_model.safetensors").exists()
    assert not (Path(model.id) / "model.safetensors").exists()
    assert job.info.metrics.keys() == {"train_loss", "valid_loss", "learning_rate"}
    assert len([event for event in job.events() if "valid_loss" in event.metrics]) == 4
    message = model.chat_model(temperature=0, max_tokens=5).invoke("hi")
    assert 0 < message.usage_metadata["output_tokens"] <= 5


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_a_folded_thread_trains(tmp_path):
    def turn(text, answer):
        return [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]

    history = [*turn("What is 1 plus 1?", "2"), *turn("And 2?", "said otherwise"), *turn("And 3?", "5")]
    examples = [
        TrainingExample(
            line={"messages": history[:end]},
            source=RunSource(run_id=f"run-{end}", trace_id=f"trace-{end}", thread_id="thread"),
        )
        for end in (2, 6)
    ]
    write_jsonl(fold_traces(examples, across="thread"), tmp_path / "folded.jsonl")
    job = FineTuneJob.create(
        tmp_path / "folded.jsonl",
        model=untrained(),
        provider=LocalProvider(tmp_path / "runs"),
        parameters={"max_steps": 2, "batch_size": 2},
    )
    model = job.wait(timeout=120, poll_seconds=0.5, progress=False)
    assert (Path(model.id) / "model.safetensors").exists()
    (line,) = (job.provider.runs_dir / job.id / "training.jsonl").read_text().splitlines()
    assert [m.get("weight", 1) for m in json.loads(line)["messages"]] == [1, 1, 1, 0, 1, 1]


def test_line_that_does_not_fit_is_refused_before_anything_starts(tmp_path):
    long_line = {
        "messages": [{"role": "user", "content": "secret 1 " * 3000}, {"role": "assistant", "content": "?"}]
    }
    file = write_lines(tmp_path / "train.jsonl", [lines()[0], long_line])
    given = {"model": untrained(), "provider": LocalProvider(tmp_path / "runs")}
    for start in (FineTuneJob.create, FineTuneJob.plan):
        with pytest.raises(
            InvalidExampleError, match=r"train\.jsonl:2: messages\[1\]: the conversation up to here is"
        ) as caught:
            start(file, **given)
        assert "secret" not in str(caught.value)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".gitignore"]


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_a_job_that_fails_says_why_through_wait(tmp_path):
    model = tiny_model(tmp_path / "tiny", lines()[:1])
    job = FineTuneJob.create(
        write_lines(tmp_path / "train.jsonl", lines()[:1]),
        model=model,
        provider=LocalProvider(tmp_path / "runs"),
        parameters={"trainer_args": {"optim": "no_such_optimizer"}},
    )
    with pytest.raises(JobFailedError, match=r"ValueError while loading the model: no_such_optimizer is not"):
        job.wait(timeout=120, poll_seconds=0.5, progress=False)


def test_tiny_model_is_small_and_follows_its_seed(tmp_path):
    def weights(name, seed):
        return (tiny_model(tmp_path / name, lines(), seed=seed) / "model.safetensors").read_bytes()

    assert weights("a", 0) == weights("b", 0) != weights("c", 1)
    assert len(weights("a", 0)) < 5_000_000  # about a million weights of four bytes
    long_line = {
        "messages": [{"role": "user", "content": "1 2 3 " * 1000}, {"role": "assistant", "content": "4"}]
    }
    config = json.loads((tiny_model(tmp_path / "long", [long_line]) / "config.json").read_text())
    assert config["max_position_embeddings"] > 2048

    class Example:
        line = lines()[0]

    tokenizer = AutoTokenizer.from_pretrained(tiny_model(tmp_path / "examples", [Example()]))
    text = "Grüße, 等于 🙂 <|im_end|>"
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    with pytest.raises(InvalidExampleError, match=r"^example 1: messages: is not a list of messages"):
        tiny_model(tmp_path / "bad", [{}])


def test_an_untrained_model_stops_nowhere_and_says_so():
    message = LocalChatModel(model=str(untrained()), temperature=0, max_tokens=4).invoke("hi")
    assert message.response_metadata["finish_reason"] == "length"
    assert message.usage_metadata["output_tokens"] == 4
