"""Runs from annotation queues, datasets and experiments."""

from __future__ import annotations

import uuid
from datetime import timedelta

import langsmith
import pytest
from langsmith.utils import LangSmithNotFoundError

from langsmith_finetune.runs.lists import (
    runs_from_annotation_queue,
    runs_from_dataset,
    runs_from_experiment,
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


def test_source_runs_that_are_gone_are_counted(apis):
    sources = [root_of(1), root_of(1000), root_of(1001)]
    text = (
        "^2 of 3 runs of the dataset are not in LangSmith any more, or not in this workspace: it keeps runs for "
        "14 days, or for 400$"
    )
    with (
        LangSmith(RUNS, sources={"support": sources}, **apis) as server,
        pytest.warns(UserWarning, match=text),
    ):
        assert ids(runs_from_dataset(client_of(server), dataset_name="support")) == [number(1)]


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
