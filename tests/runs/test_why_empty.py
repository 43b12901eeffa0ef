"""An empty selection says which condition leaves nothing, and what the project has; from both APIs, both ways."""

from __future__ import annotations

from datetime import timedelta

import langsmith
import pytest

from langsmith_finetune import LangSmithRunChatLoader, examples_from_runs, save_runs
from langsmith_finetune.runs.lists import (
    runs_from_annotation_queue,
    runs_from_dataset,
    runs_from_experiment,
)
from langsmith_finetune.runs.select import select_runs
from tests.support.langsmith_runs import NOW, client_of, number, traces
from tests.support.standins.langsmith import KEY, LangSmith, Refused, trace

APIS = {
    "v2": {"v1": False},
    "v1": {"v2": False, "version": "0.13.37"},
    "v2, projects by v1": {"v2_projects": False},
}


@pytest.fixture(params=APIS)
def apis(request):
    return APIS[request.param]


def metadata(model, **more):
    return {"metadata": {"ls_model_name": model, **more}}


RUNS = [
    *trace(run_id=number(0), started=NOW, tags=["beta"], extra=metadata("gpt-4o", lc_agent_name="writer")),
    *trace(run_id=number(1), started=NOW - timedelta(days=1), extra=metadata("o3", langgraph_node="plan")),
    *trace(
        run_id=number(2),
        started=NOW - timedelta(days=2),
        root={"feedback": [{"key": "user_score", "score": 0}]},
        extra=metadata("o3"),
    ),
]
FIRST, LAST = (f"{at:%Y-%m-%d %H:%M}" for at in (NOW - timedelta(days=2), NOW))
HAS = (
    "Its 3 llm runs, and the roots above them, have: feedback user_score (0 in 1); tags beta (1); models o3 (2), gpt-4o (1); "
    f"names ChatOpenAI (3); agents writer (1); nodes plan (1); start times from {FIRST} to {LAST} UTC"
)
EMPTY = "the selection from the project 'support-bot' is empty:"
USUAL = "error=False, root_error=False"
FUTURE = NOW + timedelta(days=9)

NOTHING = {
    "a misspelt feedback key": (
        {"feedback": {"user_scroe": 1}},
        f"feedback={{'user_scroe': 1}} leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "a score that nobody gave": (
        {"feedback": {"user_score": ">= 1"}},
        f"feedback={{'user_score': '>= 1'}} leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "two that never meet": (
        {"feedback": {"user_score": 0}, "tags": "beta"},
        f"feedback={{'user_score': 0}} leaves none of the llm runs that meet {USUAL}, tags='beta', and by itself it finds some",
    ),
    "the second of two tags": (
        {"tags": ["beta", "prod"]},
        f"tags='prod' leaves none of the llm runs that meet {USUAL}, tags='beta', and by itself it finds none",
    ),
    "a model": (
        {"models": ["gpt-5", "gpt-6"]},
        f"models=['gpt-5', 'gpt-6'] leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "a name": (
        {"names": "ChatOllama", "tree_filter": 'eq(name, "RunnableSequence")'},
        f"names=['ChatOllama'] leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "an agent": (
        {"agents": "reader"},
        f"agents=['reader'] leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "a node": (
        {"nodes": "draw"},
        f"nodes=['draw'] leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "failed runs": (
        {"error": True},
        "error=True leaves none of its llm runs (error=None takes runs that failed and runs that did not)",
    ),
    "failed traces": (
        {"root_error": True, "error": None},
        "root_error=True leaves none of its llm runs (root_error=None takes the traces that ended well, those that failed, "
        "and those that have not ended)",
    ),
    "a time to come": ({"start_time": FUTURE}, f"start_time={FUTURE} leaves none of its llm runs"),
    "a filter": (
        {"filter": 'eq(name, "x")'},
        f"filter='eq(name, \"x\")' leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "a filter of the root": (
        {"trace_filter": 'eq(name, "x")'},
        f"trace_filter='eq(name, \"x\")' leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
    "a filter of the trace": (
        {"tree_filter": 'eq(name, "x")'},
        f"tree_filter='eq(name, \"x\")' leaves none of the llm runs that meet {USUAL}, and by itself it finds none",
    ),
}


@pytest.mark.parametrize("case", NOTHING)
def test_the_condition_that_leaves_nothing_is_named(apis, case, caplog):
    wanted, reason = NOTHING[case]
    with LangSmith(RUNS, **apis) as server:
        runs = select_runs(client_of(server), project_name="support-bot", **wanted)
        assert list(runs) == []
        assert len(server.requests) <= 16
    assert caplog.messages == [f"{EMPTY} {reason}. {HAS}"]


async def test_async_selections_say_the_same(apis, caplog):
    with LangSmith(RUNS, **apis) as server:
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            runs = select_runs(client, project_name="support-bot", models="gpt-5")
            for _ in range(2):
                assert [run async for run in runs] == []
    reason = f"models=['gpt-5'] leaves none of the llm runs that meet {USUAL}, and by itself it finds none"
    assert caplog.messages == [f"{EMPTY} {reason}. {HAS}"] * 2


def test_feedback_on_the_llm_runs_themselves_is_told_apart(apis, caplog):
    feedback = [{"key": "graded", "score": 0.5}]
    with LangSmith(traces(NOW, NOW - timedelta(hours=1), feedback=feedback), **apis) as server:
        assert (
            list(select_runs(client_of(server), project_name="support-bot", feedback={"graded": 0.5})) == []
        )
    [message] = caplog.messages
    assert (
        "have: feedback graded; feedback that feedback= does not look at, on the llm runs themselves, graded (0.5 in 2); "
        "tags none; models none"
    ) in message


def test_many_conditions_are_halved_and_not_tried_one_by_one(apis, caplog):
    tags = [f"tag {n}" for n in range(60)]
    runs = traces(NOW, tags=tags[:45])
    with LangSmith(runs, **apis) as server:
        client = client_of(server)
        assert len(list(select_runs(client, project_name="support-bot", tags=tags[:45]))) == 1
        asked = len(server.requests)
        assert list(select_runs(client, project_name="support-bot", tags=tags)) == []
        assert len(server.requests) - 2 * asked <= 14
    assert "tags='tag 45' leaves none of the llm runs that meet" in caplog.text
    assert (
        "tag 0 (1), tag 1 (1), tag 2 (1), tag 3 (1), tag 4 (1), tag 5 (1), tag 6 (1), tag 7 (1) and 37 others"
        in caplog.text
    )


def test_what_is_decided_here_is_named_with_what_there_was(apis, caplog):
    with LangSmith(RUNS, **apis) as server:
        client = client_of(server)
        assert list(select_runs(client, project_name="support-bot", agent_types=["title", "subagent"])) == []
        assert list(select_runs(client, project_name="support-bot", sample=1e-9)) == []
        assert list(select_runs(client, project_name="support-bot", sample=1e-9, agent_types="root")) == []
    assert caplog.messages == [
        f"{EMPTY} agent_types=['title', 'subagent'] leaves none of 3 runs that meet the other conditions: they are root (3)",
        f"{EMPTY} sample=1e-09 keeps none of 3 runs that meet the conditions: give a larger sample, or another seed",
        f"{EMPTY} sample=1e-09 keeps none of 3 runs that meet the conditions: give a larger sample, or another seed",
    ]


def test_projects_without_runs_and_without_llm_runs_are_told_apart(apis, caplog):
    chains = [run for run in RUNS if run["run_type"] == "chain"]
    for runs in (chains, []):
        with LangSmith(runs, **apis) as server:
            assert list(select_runs(client_of(server), project_name="support-bot", tags="x")) == []
    assert caplog.messages == [
        f"{EMPTY} the project has no llm runs, which alone hold what a model saw and said, but chain (3)",
        f"{EMPTY} the project has no runs, or none that LangSmith still keeps",
    ]


def test_a_selection_that_gave_something_asks_for_nothing_more(apis, caplog):
    with LangSmith(RUNS, **apis) as server:
        client = client_of(server)
        runs = select_runs(client, project_name="support-bot")
        assert len(list(runs)) == 3
        asked = len(server.requests)
        assert list(select_runs(client, project_name="support-bot", resume=runs.state)) == []
        assert len(server.requests) <= 2 * asked
    assert caplog.messages == []


def test_a_reason_that_cannot_be_found_is_no_error(apis, caplog):
    with LangSmith(RUNS, **apis) as server:
        queries = []

        def breaks(body):
            queries.append(body)
            if len(queries) > 1:
                raise Refused(403, "you may ask once")

        server.on_query = breaks
        assert list(select_runs(client_of(server), project_name="support-bot", models="gpt-5")) == []
    assert caplog.messages == [f"{EMPTY[:-1]}, and finding out why failed (PermissionDeniedError)"]


def test_names_from_the_project_never_steer_a_terminal(apis, caplog):
    evil = "\x1b[2J\n" + "x" * 100
    runs = traces(
        NOW, tags=[evil], extra=metadata(evil), name=evil, root={"feedback": [{"key": evil, "score": 1}]}
    )
    with LangSmith(runs, **apis) as server:
        assert list(select_runs(client_of(server), project_name="support-bot", tags="x")) == []
    [message] = caplog.messages
    assert message.isprintable()
    assert message.count("\\x1b[2J\\n" + "x" * 55 + "...") == 4


def test_what_follows_on_an_empty_selection_leaves_the_word_to_it(tmp_path, caplog):
    with LangSmith(RUNS) as server:
        runs = select_runs(client_of(server), project_name="support-bot", tags="x")
        assert list(examples_from_runs(runs)) == []
        assert LangSmithRunChatLoader(runs).load() == []
        assert save_runs(runs, tmp_path / "runs.jsonl") == 0
    assert [message.startswith(EMPTY) for message in caplog.messages] == [True, True, True, False]
    assert caplog.messages[-1] == "save_runs wrote 0 runs into runs.jsonl: nothing came of the steps before"


def test_empty_lists_say_what_they_hold(apis, caplog):
    chain = [run for run in RUNS if run["run_type"] == "chain"]
    queues = {"good": {"archived": [], "needs_my_review": [chain[0]["id"]]}}
    with LangSmith(chain, queues=queues, sources={"support": [None]}, **apis) as server:
        client = client_of(server)
        queue = runs_from_annotation_queue(client, queue_name="good")
        for runs in (
            queue,
            runs_from_annotation_queue(client, queue_name="good", status="needs_my_review"),
            runs_from_dataset(client, dataset_name="support"),
            runs_from_dataset(client, dataset_name="support", splits=["train"]),
            runs_from_experiment(client, experiment_name="support-bot", root_error=None),
        ):
            assert list(runs) == []
        assert LangSmithRunChatLoader(queue).load() == []
    said = (
        "the annotation queue has no runs with the status 'archived'; status=None takes those of every status"
    )
    examples = "names a run that it was made from; LangSmithDatasetChatLoader reads the examples themselves"
    assert caplog.messages == [
        said,
        "none of 1 runs of the annotation queue is an llm run that did not fail, or has one below it",
        f"no example of the dataset {examples}",
        f"no example of the dataset in the splits ['train'] {examples}",
        f"{EMPTY} the project has no llm runs, which alone hold what a model saw and said, but chain (3)",
        said,
    ]
