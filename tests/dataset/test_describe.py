"""What there is in many examples or runs: counted in one pass and little memory."""

from __future__ import annotations

import json
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import PreferenceExample, TrainingExample, run_files
from langsmith_finetune.cost.tokens import token_counter
from langsmith_finetune.dataset.describe import describe_examples, describe_runs
from langsmith_finetune.dataset.distribution import Distribution
from langsmith_finetune.runs import RunSource
from langsmith_finetune.runs.project_names import note_project
from tests.support.messages import CALL, HELLO
from tests.support.payloads import langchain_run, vercel_run, wrap_openai_run


@pytest.mark.slow
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60))
def test_a_spread_is_exact_but_for_its_quantiles_which_are_close(values):
    spread = Distribution(values)
    assert (spread.count, spread.total, spread.min, spread.max) == (
        len(values),
        sum(values),
        min(values),
        max(values),
    )
    assert spread.mean == pytest.approx(sum(values) / len(values))
    for share in (0.0, 0.5, 0.9, 1.0):
        true = sorted(values)[max(0, -(-round(share * 100) * len(values) // 100) - 1)]
        told = spread.quantile(share)
        assert told <= true
        assert told >= true * (1 - 1 / 32) - 1
        assert true >= 64 or told == true


def test_distribution_keeps_constant_memory():
    spread = Distribution(range(200_000))
    assert len(spread.bins) < 64 + 32 * 12
    assert spread.quantile(0.5) == pytest.approx(100_000, rel=1 / 32)


def test_an_empty_spread_says_nothing():
    assert Distribution().to_dict() == {
        "count": 0, "total": 0, "min": None, "max": None, "mean": None, "p50": None, "p90": None, "p99": None
    }  # fmt: skip


def test_examples_are_counted_by_what_is_in_them():
    source = RunSource(run_id="r", model="gpt-4.1", project_id="p1")
    examples = [TrainingExample(line=CALL, source=source), TrainingExample(line=HELLO), HELLO]
    found = describe_examples(examples, lambda line: 100 * len(line["messages"]))
    roles = [message["role"] for line in (CALL, HELLO, HELLO) for message in line["messages"]]
    assert found.count == 3
    assert found.counts["roles"] == {role: roles.count(role) for role in set(roles)}
    called = [c["function"]["name"] for m in CALL["messages"] for c in m.get("tool_calls", ())]
    assert dict(found.counts["tools called"]) == {name: called.count(name) for name in called}
    assert dict(found.counts["tools offered"]) == {tool["function"]["name"]: 1 for tool in CALL["tools"]}
    assert (found.counts["models"], found.counts["projects"]) == ({"gpt-4.1": 1}, {"p1": 1})
    assert found.spreads["messages"].total == len(roles)
    assert found.spreads["turns"].total == roles.count("assistant")
    assert found.spreads["tokens"].total == 100 * len(roles)
    assert "trained tokens" not in found.spreads  # which such a counter does not tell
    assert found.notes == ["tokens: estimated, wholly or partly; by the function given"]


def test_preferences_are_described_with_both_answers():
    line = {
        "input": {"messages": HELLO["messages"][:1]},
        "preferred_output": HELLO["messages"][1:],
        "non_preferred_output": HELLO["messages"][1:],
    }
    found = describe_examples([PreferenceExample(line=line, source=RunSource(run_id="r"))])
    assert (found.spreads["turns"].total, found.spreads["messages"].total) == (2, 3)
    assert found.counts["models"] == {"(not told)": 1}


SCRIPTS = {
    "Hello, you!": "Latin",
    "Привет, hello": None,  # as many of each: whichever comes first
    "Привет, мир": "Cyrillic",
    "你好，世界": "Han",
    "今日はいい天気ですね": "Kana",
    "Ｈｅｌｌｏ": "Latin",
    "مرحبا": "Arabic",
    "안녕하세요": "Hangul",
    "नमस्ते": "Devanagari",
    "123 — 🌧️": "",
}


@pytest.mark.parametrize(("text", "script"), SCRIPTS.items())
def test_the_script_is_that_of_most_letters(text, script):
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": "https://x"}}]
    messages = [
        {"role": "system", "content": "instructions in English" * 9},
        {"role": "user", "content": parts},
    ]
    found = describe_examples([{"messages": messages}])
    scripts = dict(found.counts.get("scripts", {}))
    if script is None:
        assert list(scripts.values()) == [1]
    else:
        assert scripts == ({script: 1} if script else {})


def test_what_is_exact_is_said_to_be():
    import tiktoken

    encoding = tiktoken.Encoding(
        "bytes", pat_str=r"\w+|\W", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={}
    )
    line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]}
    found = describe_examples([line], token_counter(encoding))
    assert found.notes == ["tokens: exact; tiktoken's bytes, with OpenAI's 3 tokens a message"]
    assert found.spreads["trained tokens"].total == 4


def runs():
    scored = wrap_openai_run(CALL) | {
        "session_id": "p1",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "feedback_stats": {"stars": {"n": 2, "avg": 0.52}},
    }
    scored["extra"]["metadata"]["ls_provider"] = "openai"
    scored["extra"]["runtime"] = {"library": "langsmith", "sdk": "langsmith-py"}
    chained = langchain_run(HELLO) | {"start_time": "2026-11-23T00:00:00"}
    chained["extra"]["metadata"]["ls_integration"] = "langchain_chat_model"
    failed = vercel_run(HELLO) | {"error": "secret"}
    return [scored, chained, failed, {"id": "x", "run_type": "chain", "inputs": {}, "outputs": {}}]


def test_describe_runs_counts_producers_and_uses():
    found = describe_runs(iter(runs()))
    assert found.count == 4
    assert found.counts["models"] == {"gpt-4o-mini": 3, "(not told)": 1}
    assert found.counts["producers"] == {
        "langsmith openai": 1,
        "langchain_chat_model": 1,
        "vercel-ai-sdk": 1,
        "unknown": 1,
    }
    assert found.counts["days"] == {"2026-11-22": 2, "2026-11-23": 1, "(not told)": 1}
    assert found.counts["usable"] == {"yes": 2, "failed": 1, "not_llm": 1}
    assert found.counts["tool use"] == {"tools offered": 1, "tools called": 1, "no tools offered": 1}
    assert found.fraction("tool use", "tools called") == 0.5
    assert found.counts["tools offered"] == {"get_weather": 1}
    assert found.counts["tools called"] == {"get_weather": 1}
    assert found.counts["feedback"] == {"stars": 1}
    assert found.counts["feedback scores"] == {"stars = 0.5": 1}
    assert found.fraction("feedback", "stars") == 0.25
    assert (found.spreads["prompt tokens"].total, found.spreads["completion tokens"].total) == (100, 20)
    assert "secret" not in str(found)


def test_projects_are_named_where_their_names_are_known():
    ids = [str(uuid.uuid4()) for _ in range(4)]
    for project_id, name in zip(ids[:3], ("support-bot", "default", "default"), strict=True):
        note_project(project_id, name)
    told = [wrap_openai_run(HELLO) | {"session_id": project_id} for project_id in ids]
    sent = wrap_openai_run(HELLO) | {"session_name": "sent by a tracer"}
    assert describe_runs([sent]).counts["projects"] == {"sent by a tracer": 1}
    names = {"support-bot": 1, f"default ({ids[1]})": 1, f"default ({ids[2]})": 1, ids[3]: 1}
    assert describe_runs(told).counts["projects"] == names
    examples = [TrainingExample(line=HELLO, source=RunSource(run_id="r", project_id=id_)) for id_ in ids]
    assert describe_examples(examples).counts["projects"] == names


def test_project_of_runs_in_a_file_is_named_as_the_tracer_named_it(tmp_path):
    sent = wrap_openai_run(HELLO) | {"session_name": "support-bot"}
    (tmp_path / "runs.jsonl").write_text(json.dumps(sent))
    assert describe_runs(run_files(tmp_path / "runs.jsonl")).counts["projects"] == {"support-bot": 1}


def test_a_run_that_offers_tools_and_calls_none_has_no_call_counted():
    offering = {**CALL, "messages": [*CALL["messages"][:1], {"role": "assistant", "content": "Sunny."}]}
    found = describe_runs([wrap_openai_run(offering), wrap_openai_run(CALL)])
    assert found.counts["tool use"] == {"tools offered": 2, "tools called": 1}
    assert found.fraction("tool use", "tools offered") == 1.0


def test_runs_in_json_text_are_read_and_broken_ones_are_counted():
    text = [json.dumps(run).encode() for run in runs()]
    found = describe_runs([*text, b"{", b"[]"])
    assert found.count == 6
    assert found.counts["usable"] == {"yes": 2, "failed": 1, "not_llm": 1, "malformed": 2}
    assert found.counts["models"] == describe_runs(runs()).counts["models"]


def test_names_are_counted_up_to_a_thousand():
    def many():
        for number in range(1500):
            yield TrainingExample(line=HELLO, source=RunSource(run_id="r", model=f"m{number}"))

    models = describe_examples(many()).counts["models"]
    assert (len(models), models["(others)"], models.total()) == (1001, 500, 1500)


def test_it_shows_itself_as_text_and_in_a_notebook():
    evil = RunSource(run_id="r", model="<script>alert(1)</script>")
    found = describe_examples([TrainingExample(line=HELLO, source=evil)])
    assert str(found).splitlines()[0] == "1 example"
    assert "roles: " in str(found)
    assert repr(found) == str(found)
    page = found._repr_html_()
    assert ">1 example</div>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 1 (100%)" in page
    assert "<script>" not in page
    wide = describe_examples(
        TrainingExample(line=HELLO, source=RunSource(run_id="r", model=str(n))) for n in range(12)
    )
    assert "and 4 more" in str(wide)
    assert "and 4 more" in wide._repr_html_()


def test_it_is_plain_json():
    found = describe_runs(runs()).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["spreads"]["prompt tokens"]["mean"] == 100.0


def test_it_is_a_table_where_pandas_is_installed(monkeypatch):
    pytest.importorskip("pandas")
    found = describe_runs(runs())
    frame = found.to_pandas()
    models = frame[frame["kind"] == "models"]
    assert list(models["name"]) == ["gpt-4o-mini", "(not told)"]
    assert list(models["fraction"]) == [0.75, 0.25]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        ImportError, match=r'^a table needs pandas: pip install "langsmith-finetune\[notebook\]"$'
    ):
        found.to_pandas()


def test_it_is_a_figure_where_matplotlib_is_installed(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    priced = RunSource(run_id="r", model="a $x^{$ model")
    plot = describe_examples([TrainingExample(line=HELLO, source=priced), CALL]).plot()
    assert plot.save(tmp_path / "figure.png").stat().st_size > 1000
    titles = {ax.get_title() for ax in plot.figure.axes}
    assert {"turns", "tokens", "roles", "models", "scripts"} <= titles
    describe_examples([]).plot()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ImportError, match=r'^a plot needs matplotlib: pip install "langsmith-finetune\[notebook\]"$'
    ):
        describe_examples([]).plot()
