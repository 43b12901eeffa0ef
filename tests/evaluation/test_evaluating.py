"""`evaluate` from lines to verdict: who is asked what, what is kept, what leaves, and what a failure counts."""

import asyncio
import functools
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage

from langsmith_finetune import FineTuneJob, ProviderError, TrainingExample, aevaluate, evaluate, write_jsonl
from langsmith_finetune.evaluation import plan_evaluation
from langsmith_finetune.evaluation.models import asked_model
from langsmith_finetune.runs import RunSource
from langsmith_finetune.testing import FakeProvider
from tests.support.evaluations import (
    adds,
    adds_half,
    asks,
    doubles,
    numbers_in,
    says,
    shrugs,
    sum_lines,
    text_lines,
    written,
)
from tests.support.paths import ROOT, python_path

QUIET = {"progress": False}


class Counting:
    """A model that counts what it is asked."""

    def __init__(self, answer):
        self.asked = 0
        self._answer = answer

    def __call__(self, messages, tools):
        self.asked += 1
        return self._answer(messages, tools)


def test_a_model_that_fails_on_half_of_the_cases_scores_half():
    result = evaluate({"before": adds_half, "after": adds}, sum_lines(40), **QUIET)
    assert result.mean("before") == 0.5
    assert result.mean("after") == 1
    found = result.compare("before", "after", metric="calls_match")
    assert (found.difference, found.only_after, found.only_before) == (0.5, 20, 0)
    assert (
        str(result)
        .splitlines()[0]
        .startswith("calls_match: after is better than before by 50 points (95 % interval ")
    )
    assert str(result).splitlines()[0].endswith(", n = 40 answers in 40 conversations)")
    result.assert_better("before", "after", metric="calls_match", by=0.2)


def test_a_model_that_raises_on_half_of_the_cases_scores_half():
    def raises_on_half(messages, tools):
        if numbers_in(messages)[0] % 2:
            raise RuntimeError("no")
        return adds(messages, tools)

    result = evaluate({"before": raises_on_half, "after": adds}, sum_lines(20), **QUIET)
    assert result.mean("before") == 0.5
    assert result.answers["before"][1].error == "RuntimeError: no"
    assert "before: 10 of 20 answers are errors, which count as failures" in str(result)
    assert "error: RuntimeError: no" in str(result.show_cases(20))


def test_a_model_against_itself_shows_no_difference():
    result = evaluate({"one": adds_half, "other": adds_half}, sum_lines(30), **QUIET)
    assert all(found.better is None and found.difference == 0 for found in result.comparisons)
    assert all("no difference can be shown" in line for line in str(result).splitlines())
    with pytest.raises(AssertionError) as caught:
        result.assert_better()
    assert str(caught.value).startswith(
        "other is not shown to be better than one. calls_match: no difference can be shown between one and other with "
        "30 answers in 30 conversations (95 % interval "
    )


@pytest.mark.parametrize("by", [0.4, 0.95])
def test_the_gate_asks_for_the_whole_interval(by):
    result = evaluate({"before": adds_half, "after": adds}, sum_lines(40), **QUIET)
    with pytest.raises(AssertionError) as caught:
        result.assert_better("before", "after", metric="calls_match", by=by)
    assert str(caught.value).startswith(
        f"after is not shown to be better than before by more than {100 * by:g} points. "
    )
    with pytest.raises(ValueError) as refused:
        result.assert_better(by=5)
    assert str(refused.value) == "by must be a share between -1 and 1, such as 0.05 for 5 points, not 5"


def test_a_model_gets_what_came_before_and_the_tools_of_that_call():
    seen = []

    def remembers(messages, tools):
        seen.append((messages, tools))
        return "x"

    line = {
        "messages": [{"role": "system", "content": "Add."}, *sum_lines(1)[0]["messages"]],
        "tools": sum_lines(1)[0]["tools"],
    }
    line["messages"] += [{"role": "tool", "tool_call_id": "call_1", "content": "1"}, says("It is 1.")]
    evaluate({"mine": remembers}, [line], max_concurrency=1, **QUIET)
    (first, tools), (second, _) = seen
    assert [message.type for message in first] == ["system", "human"]
    assert [message.type for message in second] == ["system", "human", "ai", "tool"]
    assert second[2].tool_calls == [
        {"name": "add", "args": {"a": 0, "b": 1}, "id": "call_1", "type": "tool_call"}
    ]
    assert tools == line["tools"]


def test_a_chat_model_is_offered_the_tools_and_settings_of_the_line():
    bound = []

    class WithTools(FakeListChatModel):
        def bind_tools(self, tools, *, parallel_tool_calls=None, **kwargs):
            bound.append((tools, parallel_tool_calls))
            return self

    line = {**sum_lines(1)[0], "parallel_tool_calls": False}
    evaluate({"mine": WithTools(responses=["x"])}, [line], **QUIET)
    assert bound == [(line["tools"], False)]


def test_models_may_be_functions_coroutines_and_chat_models():
    async def doubles_later(messages):
        await asyncio.sleep(0)
        return AIMessage(doubles(messages))

    def as_dict(messages):
        return {"role": "assistant", "content": doubles(messages)}

    chat = GenericFakeChatModel(messages=iter(f"It is {2 * n}." for n in range(12)))
    models = {"function": doubles, "coroutine": doubles_later, "dict": as_dict, "chat": chat}
    result = evaluate(models, text_lines(12), max_concurrency=1, **QUIET)
    assert [result.mean(name, "exact_match") for name in models] == [1, 1, 1, 1]


def test_an_answer_of_no_known_kind_is_an_error():
    result = evaluate({"mine": lambda messages: 3}, text_lines(2), **QUIET)
    assert result.answers["mine"][0].error.startswith("TypeError: the function returned int")


@pytest.mark.parametrize(
    ("model", "kind", "text"),
    [
        (3, TypeError, "models['mine'] must be a chat model, a FineTunedModel, a folder, a provider's model such as 'openai:gpt-4.1-mini' or a function, not int"),
        ("gpt-4.1-mini", ValueError, "models['mine'] is text that names no folder and no provider's model. Write the provider before the model, as in 'openai:gpt-4.1-mini' (known: azure, crusoe, fireworks, huggingface, local, nebius, openai, together), or give a chat model"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(model, kind, text):
    with pytest.raises(kind) as caught:
        evaluate({"mine": model}, text_lines(1), **QUIET)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"models": {}}, TypeError, 'models must name at least one model: {"before": base_model, "after": tuned_model}'),
        ({"models": {1: doubles}}, TypeError, 'models must be a dict, such as {"before": base_model, "after": tuned_model}, not one whose names are no text'),
        ({"max_concurrency": 0}, ValueError, "max_concurrency must be at least 1, not 0"),
        ({"batch_size": True}, TypeError, "batch_size must be a whole number, such as 16, not True"),
        ({"confidence": 95}, ValueError, "confidence must be between 0.5 and 1, such as 0.95, not 95"),
        ({"seed": -1}, ValueError, "seed must be at least 0, not -1"),
        ({"metrics": ["f1"]}, ValueError, "there is no metric 'f1'"),
        ({"metrics": ["calls_match"]}, ValueError, "none of the metrics applies to any of these cases; give others by metrics="),
    ],
)  # fmt: skip
def test_a_setting_out_of_its_range_is_refused(settings, kind, text):
    with pytest.raises(kind) as caught:
        evaluate(**{"models": {"mine": doubles}, "heldout": text_lines(1), **QUIET} | settings)
    assert str(caught.value).startswith(text)


# --- the results folder ---------------------------------------------------------------------------------------------


def test_a_finished_evaluation_asks_nothing(tmp_path):
    path = written(tmp_path / "heldout.jsonl", sum_lines(10))
    first, again = Counting(adds_half), Counting(adds_half)
    before = evaluate({"mine": first}, path, **QUIET)
    after = evaluate({"mine": again}, path, **QUIET)
    assert (first.asked, again.asked) == (10, 0)
    assert before.folder == tmp_path / "heldout.evaluation"
    assert before.to_dict() == after.to_dict()


def test_a_question_that_occurs_twice_is_asked_once(tmp_path):
    model = Counting(adds)
    result = evaluate({"mine": model}, sum_lines(5) * 2, **QUIET)
    assert model.asked == 5
    assert len(result.cases) == 10
    assert result.usage[0].questions == 5


def test_more_lines_ask_for_more_answers_alone(tmp_path):
    model = Counting(adds)
    for count in (4, 10):
        evaluate({"mine": model}, written(tmp_path / "heldout.jsonl", sum_lines(count)), **QUIET)
    assert model.asked == 10


def test_another_model_under_the_same_name_is_asked_itself(tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(3))
    for words in ("It is 0.", "It is 2."):
        result = evaluate(
            {"mine": lambda messages, words=words: words}, path, metrics=["exact_match"], **QUIET
        )
        assert {answer.text for answer in result.answers["mine"]} == {words}
    for model in (FakeListChatModel(responses=["a"]), FakeListChatModel(responses=["b"])):
        result = evaluate({"mine": model}, path, **QUIET)
        assert {answer.text for answer in result.answers["mine"]} == set(model.responses)


def test_a_functions_surroundings_belong_to_what_it_is_known_by(tmp_path):
    def answering(words):
        return lambda messages: words

    path = written(tmp_path / "heldout.jsonl", text_lines(1))
    said = [
        evaluate({"mine": answering(words)}, path, **QUIET).answers["mine"][0].text
        for words in ("a", "b", "a")
    ]
    assert said == ["a", "b", "a"]
    assert len(list((tmp_path / "heldout.evaluation").glob("mine-*.answers.jsonl"))) == 2


def test_only_the_owner_can_read_what_is_kept(tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(2))
    before = os.umask(0)
    try:
        folder = evaluate(
            {"mine": doubles, "other": shrugs}, path, judge=lambda m: "VERDICT: TIE", **QUIET
        ).folder
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [file for file in folder.iterdir() if file.name != ".lock"]
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_lines_that_are_no_file_are_kept_only_where_a_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evaluate({"mine": doubles}, text_lines(2), **QUIET).folder is None
    assert list(tmp_path.iterdir()) == []
    assert evaluate({"mine": doubles}, text_lines(2), results="kept", **QUIET).folder.name == "kept"
    assert (tmp_path / "kept" / "result.json").exists()


def test_half_a_row_is_cut_off_and_asked_again(tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(6))
    model = Counting(lambda messages, tools: doubles(messages))
    whole = evaluate({"mine": model}, path, max_concurrency=1, **QUIET)
    [rows] = whole.folder.glob("*.answers.jsonl")
    data = rows.read_bytes()
    for cut in range(len(data) - 60, len(data), 7):
        rows.write_bytes(data[:cut])
        model.asked = 0
        result = evaluate({"mine": model}, path, max_concurrency=1, **QUIET)
        assert model.asked == 1
        assert result.to_dict() == whole.to_dict()
        assert len(rows.read_bytes().splitlines()) == 6


def test_a_row_that_cannot_be_read_is_asked_again_with_a_warning(tmp_path, caplog):
    path = written(tmp_path / "heldout.jsonl", text_lines(3))
    model = Counting(lambda messages, tools: doubles(messages))
    folder = evaluate({"mine": model}, path, max_concurrency=1, **QUIET).folder
    [rows] = folder.glob("*.answers.jsonl")
    _, second, third = rows.read_bytes().splitlines(keepends=True)
    rows.write_bytes(b"\x00rubbish\n" + second + third.replace(b'"role"', b'"rule"'))
    result = evaluate({"mine": model}, path, **QUIET)
    assert model.asked == 5
    assert result.mean("mine") == 1
    assert f"{rows}: 1 rows cannot be read; what they held is asked again" in caplog.text


SLOW_RUN = """
import os, sys, time
import langsmith, scipy.stats
from langsmith_finetune import evaluate

def before(messages):
    time.sleep(0.01)
    return "It is 2."

def after(messages):
    time.sleep(0.01)
    return "It is %d." % (2 * int(messages[-1].content.split()[1].strip(".")))

def judge(messages):
    time.sleep(0.005)
    return "VERDICT: TIE"

for path in sys.stdin:  # each in a fork, which need not import anything
    pid = os.fork()
    if not pid:
        models = {"before": before, "after": after}
        evaluate(models, path.strip(), judge=judge, max_concurrency=3, progress=False)
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.mark.slow
def test_a_run_killed_at_random_places_ends_with_the_same_result(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "heldout.jsonl", text_lines(60))
    folder = tmp_path / "killed" / "heldout.evaluation"
    kills = 0
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": python_path(ROOT)},
    ) as runs:

        def start(name):
            print(tmp_path / name / "heldout.jsonl", file=runs.stdin, flush=True)
            return int(runs.stdout.readline())

        def status():
            return int(runs.stdout.readline())

        start("whole")
        assert status() == 0
        for pause in [0.05, 0.02, 0.09, 0.03, 0.13, 0.01, 0.06]:
            rows = kept_rows(folder)
            run = start("killed")
            while kept_rows(folder) == rows and psutil.pid_exists(run):
                time.sleep(0.001)
            time.sleep(pause)
            with suppress(ProcessLookupError):
                os.kill(run, signal.SIGKILL)
            kills += os.WIFSIGNALED(status())
        assert kills >= 3
        start("killed")
        assert status() == 0
    assert (folder / "result.json").read_bytes() == (
        tmp_path / "whole" / "heldout.evaluation" / "result.json"
    ).read_bytes()
    for rows in folder.glob("*.jsonl"):  # nothing was asked again for what had been answered
        keys = [json.loads(line)["key"] for line in rows.read_text(encoding="utf-8").splitlines()]
        assert len(keys) == len(set(keys))


def kept_rows(folder):
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*.jsonl")) if folder.exists() else 0


def test_two_evaluations_of_one_file_do_not_ask_twice(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    path = written(tmp_path / "heldout.jsonl", text_lines(10))
    model = Counting(lambda messages, tools: time.sleep(0.01) or doubles(messages))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: evaluate({"mine": model}, path, **QUIET).to_dict(), range(2))
    assert one == other
    assert model.asked == 10


# --- failures -------------------------------------------------------------------------------------------------------


class HostError(Exception):
    def __init__(self, status, **fields):
        super().__init__(f"the host said {status}")
        self.status_code = status
        self.__dict__.update(fields)


def failing(times, error):
    """A model that fails so often on each question, and then answers."""
    failed = {}

    def answer(messages):
        text = messages[-1].content
        failed[text] = failed.get(text, 0) + 1
        if failed[text] <= times:
            raise error
        return doubles(messages)

    return answer


@pytest.mark.parametrize(
    "error",
    [
        HostError(429),
        HostError(503),
        HostError(408),
        TimeoutError("slow"),
        ConnectionResetError(),
        ProviderError("x", "y", temporary=True),
    ],
    ids=repr,
)
def test_what_passes_is_asked_again(clock, error):
    result = evaluate({"mine": failing(3, error)}, text_lines(3), max_concurrency=1, **QUIET)
    assert result.mean("mine", "exact_match") == 1
    assert clock.now() > 0


def test_the_wait_that_a_host_asks_for_holds_for_all(clock):
    class Response:
        status_code = 429
        headers = property(lambda self: {"retry-after": "20"})

    started = clock.now()
    evaluate({"mine": failing(1, HostError(429, response=Response()))}, text_lines(1), **QUIET)
    assert clock.now() - started >= 20


def test_what_does_not_pass_in_four_tries_fails_now_and_is_asked_next_time(clock, tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(2))
    model = failing(4, HostError(503))
    assert evaluate({"mine": model}, path, max_concurrency=1, **QUIET).mean("mine", "exact_match") == 0
    assert evaluate({"mine": model}, path, max_concurrency=1, **QUIET).mean("mine", "exact_match") == 1


def test_what_is_wrong_with_a_question_is_asked_once_and_kept(tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(2))
    model = Counting(lambda messages, tools: (_ for _ in ()).throw(HostError(400)))
    for _ in range(2):
        assert evaluate({"mine": model}, path, **QUIET).usage[0].errors == 2
    assert model.asked == 2


@pytest.mark.parametrize(
    "error",
    [HostError(401), HostError(403), HostError(404), HostError(429, code="insufficient_quota")],
    ids=repr,
)
def test_a_model_that_can_answer_nothing_is_no_failure_of_its_answers(error, tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(5))
    asked = Counting(lambda messages, tools: (_ for _ in ()).throw(error))
    with pytest.raises(ProviderError) as caught:
        evaluate({"fine": doubles, "mine": asked}, path, max_concurrency=1, **QUIET)
    assert str(caught.value) == (
        f"mine: HostError: the host said {error.status_code}. Every question would fail like this, so none was counted. "
        "Mend it and evaluate again: what is answered is not asked again"
    )
    assert asked.asked == 1
    fine = Counting(lambda messages, tools: doubles(messages))
    evaluate({"mine": fine}, path, **QUIET)
    assert fine.asked == 5


def test_an_outage_ends_the_evaluation_and_is_no_failure_of_the_model(clock, tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(30))
    model = Counting(lambda messages, tools: (_ for _ in ()).throw(HostError(503)))
    with pytest.raises(ProviderError) as caught:
        evaluate({"mine": model}, path, max_concurrency=1, **QUIET)
    assert str(caught.value) == (
        "mine: HostError: the host said 503. 10 questions in a row were not answered in four tries each. Evaluate again "
        "later: what is answered is not asked again"
    )
    assert model.asked == 40
    assert (
        evaluate({"mine": Counting(lambda m, tools: doubles(m))}, path, **QUIET).mean("mine", "exact_match")
        == 1
    )


def test_a_question_that_is_forbidden_by_its_content_is_a_failure_of_that_question():
    def forbids_one(messages):
        if numbers_in(messages) == [3]:
            raise HostError(403)
        return doubles(messages)

    result = evaluate({"mine": forbids_one}, text_lines(5), max_concurrency=1, **QUIET)
    assert result.mean("mine", "exact_match") == 0.8


def test_a_missing_package_is_raised_as_it_is():
    def needs(messages):
        raise ImportError('torch is missing: pip install "x"')

    with pytest.raises(ImportError) as caught:
        evaluate({"mine": needs}, text_lines(5), **QUIET)
    assert str(caught.value) == 'torch is missing: pip install "x"'


def test_an_answer_that_was_cut_off_before_the_name_of_its_call_is_a_failure_with_its_tokens():
    cut = {"name": None, "args": '{"a": ', "id": "c1", "error": "cut off", "type": "invalid_tool_call"}
    usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    said = AIMessage(content="", invalid_tool_calls=[cut], usage_metadata=usage)
    [answer] = evaluate({"mine": lambda messages: said}, text_lines(1), **QUIET).answers["mine"]
    assert answer.error == (
        "the answer cannot be read: answer.invalid_tool_calls[0].name must be text, found nothing"
    )
    assert (answer.input_tokens, answer.output_tokens, answer.is_temporary) == (7, 3, False)


def test_neither_prompts_nor_answers_nor_keys_are_in_logs_and_errors(caplog, tmp_path):
    secret = "sk-" + "abcdefghijklmnopqrstuvwx"

    def leaks(messages):
        raise ValueError(
            f'bad request {{"messages": [{{"content": "{messages[-1].content}"}}]}} with {secret}'
        )

    caplog.set_level("DEBUG")
    path = written(tmp_path / "heldout.jsonl", text_lines(3))
    result = evaluate({"mine": leaks, "other": doubles}, path, **QUIET)
    assert "Double" not in caplog.text
    assert "It is" not in caplog.text
    assert secret not in caplog.text
    kept = "".join(file.read_text(encoding="utf-8") for file in result.folder.iterdir())
    assert secret not in kept
    assert "Double" not in kept
    assert "mine: 3 of 3 answers are errors, which count as failures" in caplog.text


def test_an_interruption_keeps_what_was_answered(tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(10))

    class Interrupts(Counting):
        def __call__(self, messages, tools):
            if self.asked == 4:
                self.asked += 1
                raise KeyboardInterrupt
            return super().__call__(messages, tools)

    model = Interrupts(lambda messages, tools: doubles(messages))
    with pytest.raises(KeyboardInterrupt):
        evaluate({"mine": model}, path, max_concurrency=1, **QUIET)
    evaluate({"mine": model}, path, max_concurrency=1, **QUIET)
    assert model.asked == 11


# --- async ----------------------------------------------------------------------------------------------------------


async def test_the_async_twin_gives_the_same_and_does_not_block():
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    slow = lambda messages: time.sleep(0.02) or doubles(messages)  # noqa: E731
    found = await aevaluate({"mine": slow}, text_lines(10), max_concurrency=1, **QUIET)
    ticking.cancel()
    assert ticks > 5
    assert (
        found.to_dict()["metrics"]
        == evaluate({"mine": doubles}, text_lines(10), **QUIET).to_dict()["metrics"]
    )


async def test_the_sync_form_works_inside_a_running_loop():
    async def doubles_later(messages):
        return doubles(messages)

    assert evaluate({"mine": doubles_later}, text_lines(3), **QUIET).mean("mine", "exact_match") == 1


async def test_a_cancelled_evaluation_asks_no_more(tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(200))
    model = Counting(lambda messages, tools: time.sleep(0.01) or doubles(messages))
    task = asyncio.create_task(aevaluate({"mine": model}, path, max_concurrency=1, **QUIET))
    while model.asked < 3:  # noqa: ASYNC110 - it is asked in a thread
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.1)
    asked = model.asked
    await asyncio.sleep(0.1)
    assert model.asked == asked < 200


def test_questions_to_a_host_are_asked_side_by_side():
    now, most = 0, 0

    def slow(messages):
        nonlocal now, most
        now += 1
        most = max(most, now)
        time.sleep(0.05)
        now -= 1
        return "x"

    evaluate({"mine": slow}, text_lines(12), max_concurrency=4, **QUIET)
    assert 2 <= most <= 4


# --- cost -----------------------------------------------------------------------------------------------------------


def told(messages):
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    return AIMessage(doubles(messages), usage_metadata=usage)


def test_cost_is_estimated_before_and_counted_after(tmp_path):
    path = written(tmp_path / "heldout.jsonl", text_lines(10))
    prices = {"mine": (2.0, 10.0)}
    plan = plan_evaluation({"mine": told}, path, usd_per_million_tokens=prices)
    assert plan.models[0].questions == 10
    assert 0 < plan.usd < 0.01
    assert str(plan).startswith("10 answers in 10 conversations\nabout mine: 10 questions, ")
    assert not (tmp_path / "heldout.evaluation").exists()
    result = evaluate({"mine": told}, path, usd_per_million_tokens=prices, **QUIET)
    assert result.usage[0].usd == pytest.approx(10 * (1000 * 2 + 100 * 10) / 1e6)
    assert str(result.usage[0]) == "mine: 10 questions, 10,000 tokens in, 1,000 out, $0.03"
    assert plan_evaluation({"mine": told}, path).models[0].questions == 0


def test_what_costs_more_than_allowed_is_not_asked():
    model = Counting(told)
    with pytest.raises(ValueError) as caught:
        evaluate(
            {"mine": model},
            text_lines(10),
            max_usd=0.01,
            usd_per_million_tokens={"mine": (1000, 1000)},
            **QUIET,
        )
    assert str(caught.value).startswith("this would cost about $0.")
    assert "more than max_usd=$0.01: 10 answers in 10 conversations" in str(caught.value)
    with pytest.raises(ValueError) as unknown:
        evaluate({"mine": model}, text_lines(10), max_usd=0.01, **QUIET)
    assert str(unknown.value) == (
        "max_usd is given, and no price is known for mine: give usd_per_million_tokens={name: (in, out)}, or leave "
        "max_usd out"
    )
    assert model.asked == 0


# --- nothing leaves -------------------------------------------------------------------------------------------------

OFFLINE = """
import os, socket, sys
os.environ.update(
    LANGSMITH_TRACING="true", LANGCHAIN_TRACING_V2="true", LANGSMITH_API_KEY="lsv2_stand_in", LANGCHAIN_API_KEY="x",
    LANGSMITH_TEST_TRACKING="true", OPENAI_API_KEY="sk-stand-in",
)
tried = []
def refuse(self, address, *_):
    tried.append(address)
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.create_connection = lambda address, *_, **__: refuse(None, address)
socket.getaddrinfo = lambda host, *_, **__: refuse(None, host)

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langsmith import traceable
from langsmith_finetune import evaluate
from langsmith_finetune.evaluation import trajectory_match

@traceable
def traced(messages):
    return RunnableLambda(lambda text: text).invoke("It is 2.")

@traceable
def scorer(case, answer):
    return 1.0

lines = [{"messages": [{"role": "user", "content": "1?"}, {"role": "assistant", "content": "It is 2."}]}]
call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
lines.append({"messages": [{"role": "user", "content": "2?"}, {"role": "assistant", "content": None, "tool_calls": [call]}]})
result = evaluate(
    {"chat": FakeListChatModel(responses=["It is 3."]), "traced": traced, "chain": FakeListChatModel(responses=["x"]) | RunnableLambda(lambda m: m)},
    lines, metrics=["exact_match", scorer, trajectory_match()], judge=FakeListChatModel(responses=["VERDICT: TIE"]), progress=False,
)
import time
import langsmith.run_trees
time.sleep(0.5)  # whatever was queued
assert langsmith.run_trees._CLIENT is None
assert not tried, tried
print(result.mean("traced", "exact_match"))
"""


@pytest.mark.slow
def test_nothing_leaves_whatever_keys_and_tracing_variables_are_set(tmp_path):
    environment = {**os.environ, "PYTHONPATH": python_path(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["1.0"]


@pytest.mark.slow
def test_the_same_program_without_our_care_is_caught():
    program = OFFLINE.replace("from langsmith_finetune import evaluate\n", "").partition("result = evaluate")[
        0
    ]
    program = program.replace("from langsmith_finetune.evaluation import trajectory_match\n", "")
    program += "traced([])\nimport langsmith.run_trees\nlangsmith.run_trees._CLIENT.flush()\nassert tried\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_best_of_several_says_whether_it_is_shown():
    models = {"a": adds_half, "b": lambda messages, tools: "x", "c": adds}
    result = evaluate(models, sum_lines(40), **QUIET)
    best = result.best(metric="calls_match")
    assert best.model == "c"
    assert best.is_shown
    assert str(best).splitlines()[0] == "best by calls_match: c"
    assert all(
        line.startswith("c is better than ") and "97.5 % interval" in line
        for line in str(best).splitlines()[1:]
    )
    twins = evaluate({"a": adds, "b": adds}, sum_lines(10), **QUIET).best()
    assert not twins.is_shown
    with pytest.raises(ValueError) as caught:
        evaluate({"a": adds}, sum_lines(3), **QUIET).best()
    assert str(caught.value) == "there is only one model, so none is the best of several"


def test_an_empty_prompt_line_is_asked_too():
    lines = [{"messages": [asks(""), says("Yes?")]}]
    assert evaluate({"mine": lambda messages: "Yes?"}, lines, **QUIET).mean("mine", "exact_match") == 1


def test_lines_that_a_job_was_trained_on_are_told(tmp_path):
    example = TrainingExample(line=text_lines(1)[0], source=RunSource(run_id="r"))
    path = write_jsonl([example], tmp_path / "train.jsonl").path
    assert "was trained on" not in str(evaluate({"mine": doubles}, path, **QUIET))
    FineTuneJob.create(path, model="fake", provider=FakeProvider(), progress=False, check=False)
    text = str(evaluate({"mine": doubles}, path, **QUIET))
    assert re.search(
        r"train.jsonl was trained on by job \S+: what its model does here says little of other lines", text
    )


def test_an_object_that_is_called_is_known_by_its_code():
    class Answers:
        def __init__(self):
            self.asked = 0

        def __call__(self, messages):
            self.asked += 1
            return "x"

    class Others(Answers):
        def __call__(self, messages):
            return "y"

    Others.__qualname__ = Answers.__qualname__

    def digest(model):
        return asked_model("mine", model, batch_size=1).digest

    used = Answers()
    used([])
    assert digest(Answers()) == digest(used) != digest(Others())
    assert digest(functools.partial(doubles)) != digest(doubles)
    assert digest(functools.partial(max, "a")) != digest(functools.partial(max, "b"))
