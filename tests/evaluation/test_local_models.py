"""Local models: many prompts in one pass, loaded when asked and let go after, perplexity of recorded answers."""

import math
import os

import pytest

from langsmith_finetune import FineTunedModel, evaluate
from langsmith_finetune.evaluation import cases_of
from langsmith_finetune.evaluation.models import asked_model
from langsmith_finetune.providers.local import LocalChatModel, LocalProvider, tiny_model
from langsmith_finetune.providers.local.generation import Generator
from langsmith_finetune.providers.local.likelihood import answer_loss
from tests.support.evaluations import adds, says, sum_lines, text_lines, written
from tests.support.training_here import training_here

__all__ = ["training_here"]

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny", [*sum_lines(12), *text_lines(12)])


@pytest.fixture
def passes(monkeypatch):
    """How many prompts go through the model in each pass."""
    sizes = []
    generate = Generator._generate

    def counted(self, batch):
        sizes.append(len(batch))
        return generate(self, batch)

    monkeypatch.setattr(Generator, "_generate", counted)
    return sizes


def test_prompts_of_a_local_model_go_through_it_together(folder, passes):
    lines = [*sum_lines(6), *text_lines(10)]
    chat = LocalChatModel(model=str(folder), temperature=0, max_tokens=4)
    together = evaluate({"mine": chat}, lines, batch_size=8, **QUIET)
    assert sorted(passes) == [2, 6, 8]  # those with tools apart from those without
    alone = evaluate({"mine": chat}, lines, batch_size=1, **QUIET)
    assert [each.message for each in together.answers["mine"] if not each.calls] == [
        each.message for each in alone.answers["mine"] if not each.calls
    ]
    assert together.usage[0].usd == 0
    assert together.usage[0].output_tokens <= 4 * 16


def test_a_batch_that_fails_is_asked_one_by_one(folder, monkeypatch):
    generate = Generator._generate

    def fails_together(self, batch):
        if len(batch) > 1:
            raise RuntimeError("out of memory")
        return generate(self, batch)

    monkeypatch.setattr(Generator, "_generate", fails_together)
    chat = LocalChatModel(model=str(folder), temperature=0, max_tokens=2)
    result = evaluate({"mine": chat}, text_lines(3), **QUIET)
    assert result.usage[0].errors == 0


def test_a_folder_is_loaded_when_it_is_asked_and_let_go_after(folder, tmp_path, monkeypatch):
    loads = []
    load = Generator.__init__
    monkeypatch.setattr(Generator, "__init__", lambda self, *a, **k: loads.append(a) or load(self, *a, **k))
    path = written(tmp_path / "heldout.jsonl", text_lines(2))
    evaluate({"mine": str(folder)}, path, metrics=["exact_match", "perplexity"], **QUIET)
    assert len(loads) == 1
    evaluate({"mine": str(folder)}, path, metrics=["exact_match", "perplexity"], **QUIET)
    assert len(loads) == 1
    model = asked_model("mine", folder, batch_size=2)
    first = model.chat
    model.release()
    assert model.chat is not first


def test_a_folder_that_was_trained_into_anew_is_another_model(folder, tmp_path):
    def digest():
        return asked_model("mine", folder, batch_size=2).digest

    before = digest()
    assert digest() == before
    [weights] = folder.glob("*.safetensors")
    state = weights.stat()
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert digest() != before


def test_a_tuned_model_of_this_machine_is_asked_with_temperature_0(folder):
    model = FineTunedModel(
        id=str(folder),
        base_model="base",
        job_id="ft-1",
        provider=LocalProvider(folder.parent / "runs"),
    )
    asked = asked_model("tuned", model, batch_size=4)
    assert (asked.is_local, asked.together, asked.chat.temperature) == (True, 4, 0)
    assert asked.origin == {"provider": "local", "model": str(folder), "job_id": "ft-1", "base_model": "base"}


def test_perplexity_is_that_of_transformers_own_loss(folder):
    import torch

    generator = Generator(str(folder))
    for line in (sum_lines(3)[2], text_lines(3)[1]):
        [case] = cases_of([line])
        nats, tokens = answer_loss(generator, case.messages, case.expected, case.tools, where="x")
        answer = {"role": "assistant", "content": case.expected["content"] or ""}
        if case.expects_calls:
            function = case.expected["tool_calls"][0]["function"]
            answer["tool_calls"] = [
                {"type": "function", "function": {"name": function["name"], "arguments": {"a": 2, "b": 3}}}
            ]
        tokenizer, tools = generator.tokenizer, list(case.tools) or None
        prompt = tokenizer.apply_chat_template(
            list(case.messages), tools=tools, add_generation_prompt=True, return_dict=False
        )
        whole = tokenizer.apply_chat_template([*case.messages, answer], tools=tools, return_dict=False)
        assert whole[: len(prompt)] == prompt
        stop = (
            whole.index(tokenizer.eos_token_id, len(prompt)) + 1
        )  # the line feed after it is never generated
        ids = torch.tensor([whole[:stop]])
        labels = ids.clone()
        labels[:, : len(prompt)] = -100
        with torch.no_grad():
            loss = generator.model(input_ids=ids, labels=labels).loss
        assert nats / tokens == pytest.approx(float(loss), rel=1e-4)


def test_perplexity_compares_local_models_and_says_which_is_none(folder):
    other = {
        "mine": LocalChatModel(model=str(folder), temperature=0, max_tokens=1),
        "host": lambda messages: "x",
    }
    result = evaluate(other, text_lines(3), metrics=["exact_match", "perplexity"], **QUIET)
    assert result.mean("mine", "perplexity") > 100  # it has learned nothing
    assert result.mean("host", "perplexity") is None
    assert result.notes == ("perplexity is measured of local models, and host is none",)
    assert [one.metric for one in result.comparisons] == ["exact_match"]


def test_an_answer_that_the_template_cannot_show_has_no_perplexity(folder):
    line = {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]},
            says("x"),
        ]
    }
    chat = LocalChatModel(model=str(folder), temperature=0, max_tokens=1)
    result = evaluate({"mine": chat}, [line, *text_lines(2)], metrics=["exact_match", "perplexity"], **QUIET)
    assert [score is None for score in result.scores["perplexity"]["mine"]] == [True, False, False]
    assert result.answers["mine"][0].error.startswith(
        "NotSupportedError: LocalChatModel does not support messages[0]"
    )


def test_recorded_thoughts_are_shown_to_a_local_model_as_they_are_trained(folder):
    chat = LocalChatModel(model=str(folder), temperature=0, max_tokens=1)
    generator = chat.loaded(str(folder))
    seen = []
    generator.tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.reasoning_content or '' }}{{ m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
    )
    prompt = generator.prompt
    generator.prompt = lambda *given, **settings: seen.append(prompt(*given, **settings)) or seen[-1]
    thoughtful = {"role": "assistant", "content": "It is 2.", "reasoning_content": "Twice one.", "weight": 0}
    line = {
        "messages": [
            {"role": "user", "content": "1?"},
            thoughtful,
            {"role": "user", "content": "2?"},
            says("It is 4."),
        ]
    }
    evaluate({"mine": chat}, [line], **QUIET)
    assert seen == [
        "<|im_start|>user 1?<|im_end|><|im_start|>assistant Twice one.It is 2.<|im_end|><|im_start|>user 2?<|im_end|>"
        "<|im_start|>assistant "
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("training_here")
def test_a_trained_model_is_shown_to_be_better_than_its_base(folder, tmp_path):
    from langsmith_finetune import FineTuneJob, write_jsonl

    lines = [*sum_lines(12)]
    path = write_jsonl(lines, tmp_path / "train.jsonl").path
    settings = {"max_steps": 120, "batch_size": 12, "learning_rate": 3e-3, "warmup_steps": 10}
    job = FineTuneJob.create(
        path,
        model=folder,
        provider=LocalProvider(tmp_path / "runs"),
        parameters=settings,
        progress=False,
    )
    models = {"before": folder, "after": job.wait()}
    result = evaluate(models, path, metrics=["calls_match", "tool_decision_match", "perplexity"], **QUIET)
    assert result.compare(metric="tool_decision_match").better == "after"
    found = result.compare(metric="perplexity")
    assert found.better == "after"
    assert math.exp(-found.low) > 10
    result.assert_better("before", "after", metric="calls_match")
    sure = evaluate({"before": adds, "after": job.wait()}, path, metrics=["calls_match"], **QUIET)
    assert sure.compare().better is None
