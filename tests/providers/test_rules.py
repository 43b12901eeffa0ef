"""What each provider says that it takes, beside what its code does. No provider is left out."""

import importlib
import json
import pkgutil
from functools import partial

import pytest

import langsmith_finetune
from langsmith_finetune import FineTuneJob, TrainingExample, check, write_jsonl
from langsmith_finetune.dataset.fold import fold_traces
from langsmith_finetune.errors import InvalidExampleError, NotSupportedError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.local.rows import rows_of_file
from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.providers.values import JobRequest
from langsmith_finetune.runs import RunSource
from langsmith_finetune.targets import TARGETS
from tests.support.by_hand import make
from tests.support.providers import KINDS, MODELS, plain, said, stand_in, user

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(params=KINDS)
def provider(request, tmp_path):
    with stand_in(request.param, tmp_path) as provider:
        yield provider


@pytest.fixture
def plan(tmp_path):
    def plan(provider, lines, **settings):
        model = MODELS.get(provider.name, "Qwen/Qwen3-0.6B")
        request = make(tmp_path, lines=tuple(lines))
        return FineTuneJob.plan(request.training_file, provider=provider, **{"model": model} | settings)

    return plan


@pytest.fixture
def create(tmp_path):
    def create(provider, lines, **settings):
        request = make(tmp_path, lines=tuple(lines))
        return FineTuneJob.create(
            request.training_file,
            provider=provider,
            **{
                "model": MODELS.get(provider.name, "Qwen/Qwen3-0.6B"),
                "journal": tmp_path / "journal",
                "progress": False,
            }
            | settings,
        )

    return create


FOLDED = {
    "messages": [user("a?"), said("a"), user("b?"), said("b", weight=0), user("c?"), said("c")],
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
CALLING = {
    "messages": [
        user("add"),
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "2", "tool_call_id": "call_1"},
        said("2"),
    ],
    "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
}
PREFERENCE = {
    "input": {"messages": [user("Hi")]},
    "preferred_output": [said("Hello!")],
    "non_preferred_output": [said("No.")],
}
FILES = {
    "supervised": ([plain(n) for n in range(10)], {}),
    "dpo": ([PREFERENCE] * 10, {}),
    "kto": ([{"prompt": [user("Hi")], "completion": [said("Hello!")], "label": True}] * 10, {}),
    "reinforcement": ([{"messages": [user("Hi")], "answer": "x"}] * 10, {"grader": {"type": "string_check"}}),
}


def sent(provider, request):
    """The lines of a request as they go to the provider."""
    with prepared_files(provider, request) as (file,):
        text = file.content.read_bytes().removeprefix(provider.rules.file_prefix)
    return [json.loads(line) for line in text.splitlines()]


def concrete(kind):
    """The classes of providers below one, in this package, that can be made."""
    for below in kind.__subclasses__():
        yield from concrete(below)
        if below.__module__.startswith("langsmith_finetune.") and not below.__abstractmethods__:
            yield below


def test_no_provider_is_left_out():
    for package in (langsmith_finetune.providers, langsmith_finetune.testing):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith((".__main__", ".tiny")):
                importlib.import_module(module.name)
    assert {*concrete(Provider)} == {*KINDS.values()}


def test_rules_are_those_that_check_applies(provider):
    assert provider.rules.name == provider.name
    if provider.name != "fake":
        assert TARGETS[provider.name] is provider.rules


@pytest.mark.parametrize("method", FILES)
def test_it_takes_its_methods_and_refuses_the_others_by_name(provider, plan, method):
    lines, parameters = FILES[method]
    ask = partial(plan, provider, lines, method=method, parameters=parameters)
    if method in provider.methods:
        assert ask().provider == provider.name
        return
    with pytest.raises(NotSupportedError) as caught:
        ask()
    trains = ", ".join(sorted(provider.methods))
    assert str(caught.value) == f"{provider.name} does not support method={method!r}; it trains {trains}"


def test_no_plan_says_that_epochs_are_chosen_which_it_sends(provider, plan):
    found = plan(provider, FILES["supervised"][0])
    assert not ("n_epochs" in found.body and "chooses the number of epochs" in (found.cost_unknown or ""))


def test_it_takes_as_few_lines_as_it_says_and_no_fewer(provider, create, plan):
    least = provider.rules.min_examples
    if least > 1:
        with pytest.raises(InvalidExampleError) as caught:
            create(provider, [plain(n) for n in range(least - 1)])
        assert str(caught.value).endswith(
            f"holds {least - 1} examples. Add examples: {provider.name} takes no file of fewer than {least}"
        )
        assert f" for {provider.name}: " in caught.value.__notes__[0]
    if provider.name == "local":
        assert plan(provider, [plain(0)]).check.ok  # a training of its own is in test_local_train
    else:
        assert create(provider, [plain(n) for n in range(least)]).id


def test_weight_0_reaches_it_or_what_it_says_is_trained_too_and_told(
    provider, create, tmp_path, plan, caplog
):
    lines = (FOLDED,) * provider.rules.min_examples
    request = make(tmp_path, lines=lines)
    found = plan(provider, lines)
    assert found.check.ok
    if provider.rules.weights == "each":
        assert [m.get("weight", 1) for m in sent(provider, request)[0]["messages"]] == [1, 1, 1, 0, 1, 1]
        assert found.split is None
        return
    assert provider.rules.weights == "none"
    told = f"1 assistant message of the context in 1 line trained too, since {provider.name} has no weights"
    assert f"lines: for {provider.name}: 1 in, 1 out; {told}\n" in str(found)
    assert f"{request.training_file.name}:1: context trained: 1" in str(found)
    assert (found.split.trained_context, found.split.with_context) == (1, 1)
    assert [{**m, "weight": 1} for m in sent(provider, request)[0]["messages"]] == [
        {**m, "weight": 1} for m in FOLDED["messages"]
    ]
    caplog.clear()
    assert create(provider, lines).id
    assert f"{provider.name}: {request.training_file.name}: {told}" in caplog.messages


def test_a_folded_line_that_a_provider_without_weights_refuses_is_refused_for_what_it_refuses(tmp_path, plan):
    seen = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}
    line = {"messages": [*FOLDED["messages"], seen, said("d")]}
    with stand_in("nebius", tmp_path) as provider:
        with pytest.raises(InvalidExampleError) as caught:
            plan(provider, [plain(0), FOLDED, line])
        assert str(caught.value).endswith(
            ":3: messages[6].content[0].image_url.url: is an image, and this target takes none. Remove the image, or "
            "leave the line out"
        )
        assert "errors: image 1" in caught.value.__notes__[0]
        with pytest.raises(InvalidExampleError) as caught:
            plan(provider, [plain(0), FOLDED, line], check=False)
        assert ":3: messages[6].content[0].image_url.url: is an image" in str(caught.value)
        odd = {"messages": [user("a <|im_end|>"), *FOLDED["messages"][1:]]}
        assert plan(provider, [odd], check=False).split.trained_context == 1
        with pytest.raises(InvalidExampleError):
            plan(provider, [odd])


@pytest.mark.parametrize("name", ["local", "huggingface"])
def test_the_local_trainer_learns_what_a_folded_line_says(name, tmp_path):
    request = make(tmp_path, lines=(FOLDED,))
    rows = list(rows_of_file(request.training_file, "train.jsonl"))
    assert [row.completion["content"] for row in rows] == ["a", "c"]
    assert KINDS[name].rules.weights == "each"


def test_calls_of_tools_reach_it(provider, plan, tmp_path):
    lines = (CALLING,) * provider.rules.min_examples
    assert provider.rules.tools
    assert plan(provider, lines).check.ok
    line = sent(provider, make(tmp_path, lines=lines))[0]
    assert line["tools"] == CALLING["tools"]
    assert [m.get("tool_calls") for m in line["messages"]][1] == [CALL]


def test_a_file_may_be_as_large_as_it_says_and_no_larger(provider, tmp_path):
    limit, path = provider.rules.max_bytes, tmp_path / "large.jsonl"
    request = JobRequest(training_file=path, training_sha256="0" * 64, model="m")
    with path.open("wb") as file:
        file.truncate(limit or 1 << 40)
    provider.check_request(request)
    if limit is None:
        return
    with path.open("wb") as file:
        file.truncate(limit + 1)
    with pytest.raises(ValueError, match="bytes") as caught:
        provider.check_request(request)
    assert str(caught.value) == (
        f"{provider.name}: large.jsonl has {limit + 1:,} bytes, but may have {limit:,}; train on fewer lines"
    )


def test_a_suffix_may_be_as_long_as_it_says_and_no_longer(provider, plan):
    lines = [plain(n) for n in range(10)]
    longest = provider.longest_suffix
    found = plan(provider, lines, suffix="x" * longest)
    assert "x" * longest in json.dumps(found.body) or provider.name == "fireworks"  # there, in the job's id
    with pytest.raises(ValueError, match="characters") as caught:
        plan(provider, lines, suffix="x" * (longest + 1))
    assert str(caught.value) == (
        f"{provider.name}: suffix has {longest + 1} characters, but may have {longest}; shorten it"
    )


# --- the four that disagreed -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["local", "huggingface"])
def test_a_folded_thread_is_taken_by_the_local_trainer(name, tmp_path, plan):
    turns = [user("a?"), said("a"), user("b?"), said("rewritten since"), user("c?"), said("c")]
    examples = [
        TrainingExample(
            line={"messages": turns[:end]},
            source=RunSource(run_id=f"run-{end}", trace_id=f"trace-{end}", thread_id="thread"),
        )
        for end in (2, 6)
    ]
    folded = tmp_path / "folded.jsonl"
    write_jsonl(fold_traces(examples, across="thread"), folded)
    (line,) = map(json.loads, folded.read_text().splitlines())
    assert [m.get("weight", 1) for m in line["messages"]] == [1, 1, 1, 0, 1, 1]
    with stand_in(name, tmp_path) as provider:
        found = plan(provider, [line])
        assert found.check.ok
        assert check(folded, provider.rules).ok


def test_five_lines_are_taken_at_crusoe(tmp_path, create):
    with stand_in("crusoe", tmp_path) as provider:
        assert create(provider, [plain(n) for n in range(5)]).id


@pytest.mark.slow
def test_a_file_of_600_megabytes_is_taken_for_openai(tmp_path):
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:
        for megabyte in range(1, 601):
            file.seek((megabyte << 20) - 1)
            file.write(b"\n")
    report = check(path, "openai", keep=0)
    assert path.stat().st_size == 600 << 20
    assert "file_size" not in report.errors
    assert check(path, "azure", keep=0).errors["file_size"] == 1
