"""Runs from annotation queues, datasets and experiments, of traces and of threads."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial

import langsmith
import pytest
from langsmith.utils import LangSmithNotFoundError

from langsmith_finetune.runs.lists import (
    runs_from_annotation_queue,
    runs_from_dataset,
    runs_from_experiment,
    runs_of_threads,
    runs_of_traces,
)
from tests.support.langsmith_runs import NOW, client_of, number, traces
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, trace


def root_of(n: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, number(n)))


def ids(runs) -> list[str]:
    return [run.id for run in runs]


RUNS = [run for n in range(150) for run in trace(run_id=number(n), started=NOW - timedelta(minutes=n))]


@pytest.mark.parametrize("queue_items", [True, False])
def test_a_queue_gives_the_llm_runs_below_its_runs_in_its_order(apis, queue_items):
    listed = [root_of(n) for n in (5, 3, 149)] + [number(7), root_of(3), number(5)]
    queue = {"archived": listed, "needs_my_review": [root_of(9)], "needs_others_review": [root_of(10)]}
    with LangSmith(RUNS, queues={"good": queue}, queue_items=queue_items, **apis) as server:
        client = client_of(server)
        found = ids(runs_from_annotation_queue(client, queue_name="good"))
        pending = ids(runs_from_annotation_queue(client, queue_name="good", status="needs_my_review"))
        everything = ids(runs_from_annotation_queue(client, queue_name="good", status=None))
    assert found == [number(n) for n in (5, 3, 149, 7)]
    assert pending == [number(9)]
    assert everything == [number(n) for n in (5, 3, 149, 7, 9, 10)]


@pytest.mark.slow
def test_a_long_queue_comes_page_by_page(apis):
    queue = {"archived": [root_of(n) for n in range(150)]}
    with LangSmith(RUNS, queues={"good": queue}, **apis) as server:
        stream = runs_from_annotation_queue(client_of(server), queue_name="good")
        assert server.requests == []
        assert ids(stream) == [number(n) for n in range(150)]


def test_failed_runs_and_other_branches_are_left_out(apis):
    chain = trace(run_id=number(1), started=NOW)
    branch = {**chain[0], "id": number(50), "parent_run_id": chain[0]["id"]}
    branch["dotted_order"] = f"{chain[0]['dotted_order']}.20260101T000000000000Z{number(50)}"
    below = trace(run_id=number(2), started=NOW)[1] | {
        "trace_id": chain[0]["id"],
        "parent_run_id": number(50),
        "dotted_order": f"{branch['dotted_order']}.20260101T000000000000Z{number(2)}",
    }
    failed = below | {"id": number(3), "error": "rate limit"}
    with LangSmith(
        [*chain, branch, below, failed], queues={"q": {"archived": [number(50)]}}, **apis
    ) as server:
        assert ids(runs_from_annotation_queue(client_of(server), queue_name="q")) == [number(2)]


@pytest.mark.slow
def test_a_dataset_gives_the_llm_runs_of_its_examples_sources(apis):
    sources = [root_of(n) for n in range(130)] + [None, number(140)]
    with LangSmith(RUNS, sources={"support": sources}, **apis) as server:
        client = client_of(server)
        found = ids(runs_from_dataset(client, dataset_name="support", splits=["train"]))
        [dataset] = client.get("/api/v1/datasets", cast_to=object)
        assert ids(runs_from_dataset(client, dataset_id=dataset["id"])) == found
        asked = [r.query for r in server.requests if r.path == "/api/v1/examples"]
    assert found == [number(n) for n in [*range(130), 140]]
    assert asked[0]["splits"] == ["train"]
    assert asked[0]["as_of"] == asked[1]["as_of"]  # its pages do not move
    assert (asked[0]["offset"], asked[1]["offset"]) == (["0"], ["100"])


def test_source_runs_that_are_gone_are_counted(apis, caplog):
    sources = [root_of(1), root_of(1000), root_of(1001)]
    text = (
        "2 of 3 runs of the dataset are not in LangSmith any more, or not in this workspace: it keeps runs for "
        "14 days, or for 400"
    )
    with LangSmith(RUNS, sources={"support": sources}, **apis) as server:
        assert ids(runs_from_dataset(client_of(server), dataset_name="support")) == [number(1)]
    assert caplog.messages == [text]


def test_experiment_gives_llm_runs_with_their_root_examples(apis):
    runs = [
        run
        for n in range(120)
        for run in trace(
            run_id=number(n),
            started=NOW - timedelta(seconds=n),
            root={"reference_example_id": number(5000 + n), "feedback": [{"key": "correct", "score": n % 2}]},
        )
    ]
    projects = {"gpt-4o-1a2b": (PROJECT_ID, NOW - timedelta(hours=1))}
    with LangSmith(runs, projects=projects, experiments=["gpt-4o-1a2b"], **apis) as server:
        stream = runs_from_experiment(
            client_of(server), experiment_name="gpt-4o-1a2b", feedback={"correct": 1}, limit=50
        )
        found = list(stream)
        rest = runs_from_experiment(
            client_of(server), experiment_name="gpt-4o-1a2b", feedback={"correct": 1}, resume=stream.state
        )
        found += rest
    assert ids(found) == [number(n) for n in range(1, 120, 2)]
    assert [run.reference_example_id for run in found] == [number(5000 + n) for n in range(1, 120, 2)]


@pytest.mark.slow
def test_every_run_of_a_long_experiment_has_its_example():
    runs = [
        run
        for n in range(2000)
        for run in trace(
            run_id=number(n),
            started=NOW - timedelta(minutes=n),
            root={"reference_example_id": number(5000 + n)},
        )
    ]
    with LangSmith(runs, v1=False) as server:  # some of whose windows hold more than is read at once
        found = list(runs_from_experiment(client_of(server), experiment_id=PROJECT_ID))
    assert [run.reference_example_id for run in found] == [number(5000 + n) for n in range(2000)]


async def test_all_of_them_wait_without_blocking():
    queue, projects = {"archived": [root_of(1)]}, {"exp": (PROJECT_ID, NOW - timedelta(days=1))}
    with LangSmith(RUNS, queues={"q": queue}, sources={"d": [root_of(2)]}, projects=projects) as server:
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            assert [r.id async for r in runs_from_annotation_queue(client, queue_name="q")] == [number(1)]
            assert [r.id async for r in runs_from_dataset(client, dataset_name="d")] == [number(2)]
            found = [r.id async for r in runs_from_experiment(client, experiment_name="exp", limit=3)]
    assert found == [number(n) for n in range(3)]


@pytest.mark.parametrize(
    ("what", "select"),
    [
        ("queue", runs_from_annotation_queue),
        ("dataset", runs_from_dataset),
        ("experiment", runs_from_experiment),
    ],
)
def test_which_list_must_be_said(what, select):
    for wrong in ({}, {f"{what}_name": "a", f"{what}_id": number(1)}):
        with pytest.raises(ValueError) as error:
            select(**wrong)
        assert str(error.value) == f"say which {what}: give either {what}_name or {what}_id"


@pytest.mark.parametrize(
    ("select", "name", "called"),
    [
        (runs_from_annotation_queue, "queue", "annotation queue"),
        (runs_from_dataset, "dataset", "dataset"),
        (runs_from_experiment, "experiment", "project"),
    ],
)
def test_a_list_that_does_not_exist_is_named(select, name, called):
    with LangSmith(traces(NOW)) as server:
        with pytest.raises(LangSmithNotFoundError, match=f"LangSmith has no {called} named 'goood' at"):
            next(iter(select(client_of(server), **{f"{name}_name": "goood"})))
        with pytest.raises(LangSmithNotFoundError, match=f"no {called} with the id {number(1)} at"):
            next(iter(select(client_of(server), **{f"{name}_id": number(1)})))


# --- traces and threads ---


def test_traces_give_their_llm_runs_in_the_order_given(apis):
    roots = [run for run in RUNS if run["id"] == root_of(7)]
    given = [root_of(5), uuid.UUID(root_of(3)), number(4), *roots, root_of(5), {"id": root_of(9)}]
    with LangSmith(RUNS, **apis) as server:
        stream = runs_of_traces(given, client_of(server))
        assert server.requests == []
        assert ids(stream) == ids(stream) == [number(n) for n in (5, 3, 4, 7, 9)]
        assert ids(runs_of_traces(given, client_of(server), limit=2)) == [number(5), number(3)]
        assert ids(runs_of_traces([], client_of(server))) == []


async def test_traces_give_their_llm_runs_without_blocking():
    with LangSmith(RUNS) as server:
        stream = runs_of_traces((root_of(n) for n in (2, 1)), client_of(server))
        assert [run.id async for run in stream] == [number(2), number(1)]


def test_traces_that_are_gone_are_counted(caplog):
    with LangSmith(RUNS) as server:
        assert ids(runs_of_traces([root_of(1), number(999)], client_of(server))) == [number(1)]
    assert caplog.messages[0].startswith("1 of 2 ids are not in LangSmith any more")


def test_an_id_that_is_none_is_told_by_its_place():
    for given in ([root_of(1), "t-1"], iter([root_of(1), "t-1"])):
        with LangSmith(RUNS) as server, pytest.raises(ValueError) as caught:
            list(runs_of_traces(given, client_of(server)))
        assert str(caught.value) == (
            "ids[1] must be the id of a trace or a run, which is a UUID, or a run, not 't-1'"
        )
    with pytest.raises(ValueError, match=r"^ids\[0\] must be the id of a trace .* not int$"):
        runs_of_traces([5])


def conversation(thread: str, *turns: int, key: str = "thread_id") -> list[dict]:
    """A trace for each turn; its root alone names the thread where the key is not LangSmith's first."""
    metadata = {"extra": {"metadata": {key: thread}}}
    return [
        run
        for n in turns
        for run in trace(run_id=number(n), started=NOW - timedelta(minutes=n), root=metadata, **metadata)
    ]


THREADS = [
    *conversation("a", 30, 10), *conversation("b", 25, 26), *conversation("c", 20, key="session_id"),
    *conversation("d", 21, key="conversation_id"), *trace(run_id=number(22), started=NOW),
]  # fmt: skip


def test_threads_give_their_llm_runs_thread_by_thread_the_oldest_first(apis):
    with LangSmith(THREADS, **apis) as server:
        client = client_of(server)
        stream = runs_of_threads(["b", "a", "b"], client, project_name="support-bot")
        assert server.requests == []
        assert ids(stream) == ids(stream) == [number(n) for n in (26, 25, 30, 10)]
        assert ids(runs_of_threads(["b", "a"], client, project_id=PROJECT_ID, limit=3)) == [
            number(n) for n in (26, 25, 30)
        ]
        assert set(ids(runs_of_threads(["c", "d"], client, project_name="support-bot"))) == {
            number(20),
            number(21),
        }


def test_many_threads_take_few_requests():
    runs = [run for n in range(50) for run in conversation(f"t-{n}", n)]
    with LangSmith(runs) as server:
        found = runs_of_threads((f"t-{n}" for n in range(50)), client_of(server), project_name="support-bot")
        assert ids(found) == [number(n) for n in range(50)]
        assert sum("runs/query" in request.path for request in server.requests) == 3


async def test_threads_give_their_llm_runs_without_blocking():
    with LangSmith(THREADS) as server:
        stream = runs_of_threads(["a"], client_of(server), project_name="support-bot")
        assert [run.id async for run in stream] == [number(30), number(10)]


@pytest.mark.parametrize(
    ("select", "name", "given", "count"),
    [
        (runs_of_traces, "runs_of_traces", [root_of(1)], 1),
        (partial(runs_of_threads, project_name="support-bot"), "runs_of_threads", ["a"], 2),
    ],
)
async def test_ids_that_come_only_once_are_read_once_and_no_ids_are_told(select, name, given, count, caplog):
    runs = THREADS if count == 2 else RUNS
    with LangSmith(runs) as server:
        stream = select(iter(given), client_of(server))
        assert len(ids(stream)) == count
        with pytest.raises(RuntimeError, match=r"^ids is a list_iterator, which gives its items only once"):
            ids(stream)
        with pytest.raises(RuntimeError, match=r"^ids is a list_iterator"):
            [run async for run in stream]
        assert caplog.messages == []
        assert ids(select([], client_of(server))) == []
        assert [run async for run in select(iter(()), client_of(server))] == []
    assert caplog.messages[0] == f"{name} gives nothing: ids, a list, holds nothing"
    assert caplog.messages[1].startswith(
        f"{name} gives nothing: ids, a tuple_iterator, holds nothing; it gives its"
    )


def test_roots_of_which_none_has_an_llm_run_are_told(caplog):
    alone = [run | {"run_type": "tool"} for run in trace(run_id=number(7), started=NOW)]
    with LangSmith(alone) as server:
        assert ids(runs_of_traces([root_of(7)], client_of(server))) == []
    assert caplog.messages == ["none of 1 ids is an llm run that did not fail, or has one below it"]


def test_threads_without_runs_are_named(apis, caplog):
    with LangSmith(THREADS, **apis) as server:
        assert ids(runs_of_threads(["x", "a"], client_of(server), project_name="support-bot"))
    assert caplog.messages[0] == (
        "1 threads have no llm run that did not fail in this project: 'x'. The id of a thread is what the application "
        "calls it; runs_of_traces takes ids of traces"
    )


def test_a_thread_is_looked_for_in_a_project_that_there_is():
    with LangSmith(THREADS) as server, pytest.raises(LangSmithNotFoundError):
        next(iter(runs_of_threads(["a"], client_of(server), project_name="suport-bot")))
