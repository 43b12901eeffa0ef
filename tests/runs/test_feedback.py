"""The feedback of a trace's root, which users rate, reaches the llm runs below it: through either API, sync and async."""

from __future__ import annotations

import uuid
from datetime import timedelta

import langsmith
import pytest

from langsmith_finetune import examples_from_runs
from langsmith_finetune.dataset import (
    DatasetReport,
    describe_runs,
    drop_duplicates,
    fold_traces,
    labels_from_scores,
    preferences_from_corrections,
    preferences_from_scores,
    redact,
)
from langsmith_finetune.jsonl import write_jsonl
from langsmith_finetune.ledger import Ledger
from langsmith_finetune.loaders import LangSmithRunChatLoader
from langsmith_finetune.runs.files.read import run_files
from langsmith_finetune.runs.files.save import save_runs
from langsmith_finetune.runs.langsmith.read_apis import RUN_FIELDS
from langsmith_finetune.runs.lists import runs_from_annotation_queue, runs_from_dataset, runs_from_experiment
from langsmith_finetune.runs.select import select_runs
from tests.support.langsmith_runs import NOW, client_of, number
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, Refused, trace

V1_ONLY = {"v2": False, "version": "0.13.37"}
SERVERS = {
    "v2": {"v1": False},
    "v1": V1_ONLY,
    "v2 without a list of feedback": {"v1": False, "feedback": False},
    "v1 without a list of feedback": {**V1_ONLY, "feedback": False},
}


@pytest.fixture(params=SERVERS)
def offers(request):
    return SERVERS[request.param]


@pytest.fixture(params=["v2", "v1"])
def apis(request):
    return SERVERS[request.param]


def thumb(score, **more):
    return {"key": "user_score", "score": score, **more}


def rated(*scores, minutes=1):
    """A trace for each score, whose root has it alone."""
    return [
        run
        for n, score in enumerate(scores)
        for run in trace(
            run_id=number(n),
            started=NOW - timedelta(minutes=minutes * n),
            root={"feedback": [] if score is None else [thumb(score)]},
            outputs={"choices": [{"message": {"role": "assistant", "content": f"Answer {n}"}}]},
        )
    ]


def root_of(run_id):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, run_id))


def selected(server, **wanted):
    return list(select_runs(client_of(server), project_id=PROJECT_ID, **wanted))


# --- scores and comments ---


def test_the_roots_scores_reach_the_source_of_every_run_below(offers):
    runs = rated(1, 0, None)
    with LangSmith(runs, **offers) as server:
        found = selected(server)
    for sources in (
        [example.source for example in examples_from_runs(found)],
        [session["source"] for session in LangSmithRunChatLoader(found).lazy_load()],
    ):
        assert [(source.scores, source.trace_scores) for source in sources] == [
            ({}, {"user_score": 1.0}), ({}, {"user_score": 0.0}), ({}, {}),
        ]  # fmt: skip
        assert [source.score("user_score") for source in sources] == [1.0, 0.0, None]


async def test_an_async_selection_brings_the_same(offers):
    with LangSmith(rated(1, 0, None), **offers) as server:
        runs = select_runs(client_of(server), project_id=PROJECT_ID)
        plain = [run.model_dump() for run in runs]
        assert [run.model_dump() async for run in runs] == plain
    assert [bool(run.get("trace_feedback_stats")) for run in plain] == [True, True, False]


async def test_langsmiths_async_client_brings_the_same(apis):
    with LangSmith(rated(1, 0), **apis) as server:
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            found = [run async for run in select_runs(client, project_id=PROJECT_ID)]
    assert [e.source.trace_scores for e in examples_from_runs(found)] == [
        {"user_score": 1.0},
        {"user_score": 0.0},
    ]


async def test_lists_and_ids_bring_it_too(offers):
    runs, projects = rated(1, 0), {"support-bot": (PROJECT_ID, NOW - timedelta(days=1))}
    queue, ids = {"archived": [root_of(number(0)), number(1)]}, [number(0), number(1)]
    scores = [{"user_score": 1.0}, {"user_score": 0.0}]
    with LangSmith(
        runs,
        queues={"q": queue},
        sources={"d": ids},
        projects=projects,
        **offers,
    ) as server:
        client = client_of(server)
        for found in (
            runs_from_annotation_queue(client, queue_name="q"),
            runs_from_dataset(client, dataset_name="d"),
            runs_from_experiment(client, experiment_name="support-bot"),
        ):
            sources = {e.source.run_id: e.source.trace_scores for e in examples_from_runs(found)}
            assert [sources[run_id] for run_id in ids] == scores
        loader = LangSmithRunChatLoader(ids, client)
        assert [session["source"].trace_scores for session in loader.lazy_load()] == scores
        assert [session["source"].trace_scores async for session in loader.alazy_load()] == scores


def test_runs_of_several_projects_are_asked_for_in_each():
    other = "33333333-3333-4333-8333-333333333333"
    runs = [*rated(1), *trace(run_id=number(9), started=NOW, project_id=other, root={"feedback": [thumb(0)]})]
    projects = {"a": (PROJECT_ID, NOW), "b": (other, NOW)}
    with LangSmith(runs, projects=projects, v1=False, feedback=False) as server:
        loader = LangSmithRunChatLoader([number(0), number(9)], client_of(server))
        found = [session["source"].trace_scores for session in loader.lazy_load()]
    assert found == [{"user_score": 1.0}, {"user_score": 0.0}]


def test_the_runs_own_feedback_stays_apart_and_comes_first(offers):
    run = trace(
        run_id=number(1),
        started=NOW,
        feedback=[thumb(0), {"key": "own", "score": 0.5}],
        root={"feedback": [thumb(1), thumb(0.5), {"key": "of root", "score": True, "comment": "Right"}]},
    )
    with LangSmith(run, **offers) as server:
        found = selected(server)
    [example] = examples_from_runs(found)
    assert example.source.scores == {"user_score": 0.0, "own": 0.5}
    assert example.source.trace_scores == {"user_score": 0.75, "of root": 1.0}
    assert example.source.all_scores == {"user_score": 0.0, "own": 0.5, "of root": 1.0}
    comments = found[0].trace_feedback_stats["of root"]
    assert (comments["comments"] if isinstance(comments, dict) else comments.comments) == ["Right"]


def test_a_root_that_is_the_run_has_its_feedback_once(offers):
    [_, run] = trace(run_id=number(1), started=NOW, feedback=[thumb(1)])
    with LangSmith([run | {"trace_id": run["id"], "parent_run_id": None}], **offers) as server:
        [example] = examples_from_runs(selected(server))
    assert (example.source.scores, example.source.trace_scores) == ({"user_score": 1.0}, {})


def test_feedback_without_a_score_is_a_comment_or_a_value_alone(apis):
    words = [
        {"key": "note", "comment": "Too long"},
        {"key": "kind", "value": "wrong"},
        {"key": "kind", "value": "wrong"},
    ]
    with LangSmith(trace(run_id=number(1), started=NOW, root={"feedback": words}), **apis) as server:
        [run] = selected(server)
    assert run.trace_feedback_stats == {
        "note": {"n": 1, "avg": None, "comments": ["Too long"], "values": {}},
        "kind": {"n": 2, "avg": None, "comments": [], "values": {"wrong": 2}},
    }
    [example] = examples_from_runs([run])
    assert example.source.trace_scores == {}


# --- how many requests ---


def asked(server):
    """Run queries, and requests for feedback."""
    return len(server.queried), sum(request.path == "/api/v1/feedback" for request in server.requests)


@pytest.mark.parametrize("scores", [[None] * 700, [1, *[None] * 699], [1] * 350 + [None] * 350])
def test_a_project_with_little_feedback_is_asked_for_all_of_it_once(apis, scores):
    with LangSmith(rated(*scores, minutes=60), **apis) as server:
        examples = list(examples_from_runs(selected(server)))
        _, of_feedback = asked(server)
        plain = LangSmith(rated(*scores, minutes=60), **apis)
        with plain as other:
            fields = [name for name in RUN_FIELDS if name != "FEEDBACK_STATS"]
            assert len(selected(other, fields=fields)) == 700
            assert asked(other)[1] == 0
            assert asked(server)[0] == asked(other)[0]
    assert [example.source.score("user_score") for example in examples] == scores
    assert of_feedback <= 1 + 1 + sum(score is not None for score in scores) / 100


def test_a_project_with_much_feedback_is_asked_by_the_hundred(apis):
    scores = [n % 2 for n in range(1200)]
    with LangSmith(rated(*scores), **apis) as server:
        examples = list(examples_from_runs(selected(server)))
        queries, of_feedback = asked(server)
    assert [example.source.score("user_score") for example in examples] == scores
    # The list that proves too long, and then two requests for a hundred roots, the second of which is empty.
    assert of_feedback <= 11 + 2 * (12 + queries)


def test_a_server_that_lists_no_feedback_is_asked_for_the_roots():
    with LangSmith(rated(1, 0), v1=False, feedback=False) as server:
        assert [run.trace_feedback_stats["user_score"].avg for run in selected(server)] == [1, 0]
        assert asked(server) == (2, 1)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 501])
def test_feedback_that_may_not_be_listed_costs_no_scores(status):
    with LangSmith(rated(1), v1=False) as server:
        server._feedback = lambda query: _refuse(status)
        [example] = examples_from_runs(selected(server))
    assert example.source.trace_scores == {"user_score": 1.0}


def _refuse(status):
    raise Refused(status, "no")


def test_fields_without_feedback_ask_for_none(apis):
    with LangSmith(rated(1), **apis) as server:
        [run] = selected(server, fields=["INPUTS", "OUTPUTS", "TRACE_ID"])
        assert asked(server)[1] == 0
    assert getattr(run, "trace_feedback_stats", None) is None


def test_a_limit_and_a_sample_ask_about_what_is_handed_out_alone(apis):
    with LangSmith(rated(*[1] * 300), **apis) as server:
        assert len(selected(server, limit=10)) == 10
        [request] = [request for request in server.requests if request.path == "/api/v1/feedback"]
        assert len(request.query["run"]) == 10


@pytest.mark.parametrize("answer", [{}, {"detail": "?"}, "x"])
def test_an_answer_that_is_no_list_of_feedback_costs_no_scores(answer):
    with LangSmith(rated(1), v1=False) as server:
        server._feedback = lambda query: answer
        [example] = examples_from_runs(selected(server))
    assert example.source.trace_scores == {"user_score": 1.0}


def test_a_server_that_fails_is_langsmiths_own_error():
    with LangSmith(rated(1), v1=False) as server:
        server._feedback = lambda query: _refuse(500)
        with pytest.raises(langsmith.InternalServerError):
            selected(server)


def test_rows_of_another_form_are_passed_over():
    with LangSmith(rated(1), v1=False) as server:
        good = server._feedback
        odd = [7, {}, {"id": 1, "key": 2, "run_id": root_of(number(0))}, {"id": "x", "key": "user_score", "run_id": 7},
               {"id": "y", "key": "user_score", "score": "1", "comment": 2, "value": [], "correction": None,
                "run_id": root_of(number(0)), "feedback_source": 3}]  # fmt: skip
        server._feedback = lambda query: [*odd, *good(query)]
        [example] = examples_from_runs(selected(server))
    assert example.source.trace_scores == {"user_score": 1.0}


def test_pages_of_feedback_without_end_are_an_error():
    with LangSmith(rated(*[1] * 20), v1=False) as server:
        page = [{"id": str(n), "key": "k", "run_id": number(n)} for n in range(100)]
        server._feedback = lambda query: page
        with pytest.raises(
            Exception, match="LangSmith returns page after page of feedback with next to nothing new"
        ):
            selected(server)


# --- corrections ---

BETTER = {"key": "fix", "score": None, "correction": "42, of course"}


def call(name, second, said, *, node="model", root="a", ended=1, **fields):
    """An llm run of an agent's trace: `create_agent` calls its model at the node `model`."""
    metadata = {"langgraph_node": node} if node else {}
    started = NOW - timedelta(hours=1) + timedelta(seconds=second)
    [_, run] = trace(
        run_id=number(name),
        started=started,
        end_time=(started + timedelta(seconds=ended)).isoformat(),
        extra={"metadata": metadata},
        outputs={"choices": [{"message": {"role": "assistant", "content": said}}]},
    )
    root_id = root_of(root)
    return run | {"trace_id": root_id, "parent_run_id": root_id} | fields


def root(*feedback, outputs=None, name="a"):
    [run, _] = trace(run_id=name, started=NOW - timedelta(hours=1))
    return run | {
        "feedback": list(feedback),
        "outputs": outputs or {"messages": [{"type": "ai", "content": "41"}]},
    }


LOOP = [call(1, 0, "Let me see"), call(2, 5, "41"), call(3, 2, "Found", node="tools")]
"""Two calls of an agent, and one of a model that its tool asks."""


@pytest.mark.parametrize("returned", [None, {"messages": [{"content": "41"}]}, {"answer": "It is 41"}])
def test_a_roots_correction_goes_to_the_run_that_answered(apis, returned):
    with LangSmith([root(BETTER, outputs=returned), *LOOP], **apis) as server:
        found = selected(server)
    report = DatasetReport()
    [pair] = preferences_from_corrections(found, report=report)
    assert (pair.source.run_id, pair.line["preferred_output"][0]["content"]) == (number(2), "42, of course")
    assert pair.line["non_preferred_output"][0]["content"] == "41"
    assert pair.changes[0].startswith("corrected by api at 2026")
    assert "Ada" not in str(pair)
    assert report.changes == {}


def test_the_run_that_answered_is_told_though_it_was_not_selected(apis):
    with LangSmith([root(BETTER), *LOOP], **apis) as server:
        found = [run for run in selected(server) if run.id != number(2)]
    report = DatasetReport()
    assert not list(preferences_from_corrections(found, report=report))
    [change] = report.changes["preferences_from_corrections"]
    assert (change.what, change.example) == ("its run is not among the runs", number(2))


def test_a_correction_of_the_run_itself_comes_first(apis):
    own = {"key": "fix", "correction": "Forty-two"}
    answer = call(2, 5, "41", feedback=[own])
    with LangSmith([root(BETTER), LOOP[0], answer], **apis) as server:
        found = selected(server)
    [pair] = preferences_from_corrections(found)
    assert pair.line["preferred_output"][0]["content"] == "Forty-two"


def test_corrections_of_scores_are_no_better_answers(apis):
    with LangSmith([root(thumb(1, correction={"score": 0})), *LOOP], **apis) as server:
        found = selected(server)
    assert not any(getattr(run, "corrections", None) for run in found)


UNCLEAR = {
    "two at once": ([call(1, 0, "40", ended=9), call(2, 5, "41")], {"answer": "?"}, [1, 2]),
    "two nodes": ([call(1, 0, "40", node="plan"), call(2, 5, "41", node="check")], {"answer": "?"}, [1, 2]),
    "no agent": ([call(1, 0, "40", node=None), call(2, 5, "41", node=None)], {"answer": "?"}, [1, 2]),
    "a tool's model alone": ([call(1, 0, "40", node="tools"), call(2, 5, "41", node="tools")], None, []),
    "all failed": ([call(1, 0, "40", error="rate limit")], None, []),
}


@pytest.mark.parametrize(("calls", "returned", "which"), UNCLEAR.values(), ids=UNCLEAR)
def test_where_it_is_not_clear_which_run_answered_the_report_says_so(apis, calls, returned, which):
    with LangSmith([root(BETTER, outputs=returned), *calls], **apis) as server:
        found = selected(server, error=None)
    report = DatasetReport()
    assert not list(preferences_from_corrections(found, report=report))
    [change] = [c for c in report.changes["preferences_from_corrections"] if c.what != "not usable"]
    detail = f"it may be {' or '.join(map(number, which))}" if which else "no call of its agent ended well"
    assert (change.what, change.example, change.detail) == (
        "not clear which run answered", root_of("a"), detail,
    )  # fmt: skip


def test_what_the_root_returned_decides_between_nodes(apis):
    calls = [
        call(1, 0, "What is 6 * 7?", node="ask"),
        call(2, 3, "41", node="say"),
        call(3, 5, "Sums", node="sum up"),
    ]
    with LangSmith([root(BETTER, outputs={"answer": " 41 "}), *calls], **apis) as server:
        found = selected(server)
    [pair] = preferences_from_corrections(found)
    assert pair.source.run_id == number(2)


def test_many_corrected_traces_are_looked_at_by_twenty_five(apis):
    runs = []
    for n in range(60):
        runs += [root(BETTER, name=f"t{n}") | {"id": root_of(f"t{n}")}, call(100 + n, n, "41", root=f"t{n}")]
    with LangSmith(runs, **apis) as server:
        pairs = list(preferences_from_corrections(selected(server)))
        queries, _ = asked(server)
    assert len(pairs) == 60
    assert queries <= 2 + 2 * 3


# --- the steps of a dataset ---


@pytest.fixture
def regenerated(apis):
    """One question answered three times; only the roots are rated, and the last is corrected."""
    runs = [
        run
        for n, feedback in enumerate([[thumb(0)], [thumb(1)], [thumb(0, comment="Ask ann@example.com", correction="42")]])
        for run in trace(
            run_id=number(n),
            started=NOW - timedelta(minutes=n + 1),
            root={"feedback": feedback},
            outputs={"choices": [{"message": {"role": "assistant", "content": f"Answer {n}"}}]},
        )
    ]  # fmt: skip
    with LangSmith(runs, **apis) as server:
        yield selected(server)


def test_every_step_takes_the_traces_score(regenerated):
    examples = list(examples_from_runs(regenerated))
    [pair] = preferences_from_scores(examples, "user_score")
    assert (pair.source.run_id, pair.rejected_source.run_id) == (number(1), number(0))
    assert [label.line["label"] for label in labels_from_scores(examples, "user_score")] == [
        False,
        True,
        False,
    ]
    same = [regenerated[1].model_copy(update={"outputs": regenerated[0].outputs}), *regenerated]
    [best, *_] = drop_duplicates(examples_from_runs(same), keep="best", score="user_score")
    assert (best.source.run_id, best.source.score("user_score")) == (number(1), 1.0)
    assert describe_runs(regenerated).counts["feedback scores"] == {"user_score = 0": 2, "user_score = 1": 1}
    [corrected] = preferences_from_corrections(regenerated)
    assert corrected.source.run_id == number(2)
    assert [e.source.score("user_score") for e in fold_traces(examples)] == [0.0, 1.0, 0.0]


def test_the_ledger_keeps_whose_score_it_was_and_no_words(regenerated, tmp_path):
    written = write_jsonl(redact(examples_from_runs(regenerated)), tmp_path / "train.jsonl")
    rows = [Ledger.sources_of(written.path, number)[0] for number in (1, 2, 3)]
    assert [row["trace_scores"] for row in rows] == [
        {"user_score": 0.0},
        {"user_score": 1.0},
        {"user_score": 0.0},
    ]
    assert not any("scores" in row for row in rows)
    for file in tmp_path.iterdir():
        assert b"ann@example.com" not in file.read_bytes()


def test_saved_runs_keep_what_was_said_of_their_roots(regenerated, tmp_path):
    path = tmp_path / "runs.jsonl"
    save_runs(regenerated, path)
    for decode in (True, False):
        again = list(run_files(path, decode=decode))
        assert list(examples_from_runs(again)) == list(examples_from_runs(regenerated))
        assert list(preferences_from_corrections(again)) == list(preferences_from_corrections(regenerated))
    assert list(examples_from_runs(path.read_bytes().splitlines())) == list(examples_from_runs(regenerated))
