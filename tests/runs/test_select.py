"""select_runs and fetch_runs against a LangSmith of our own, over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
import warnings
from datetime import timedelta
from unittest.mock import create_autospec

import langsmith
import pytest
from langsmith.utils import LangSmithError, LangSmithNotFoundError

from langsmith_finetune import LangSmithRunChatLoader, training_examples, write_jsonl
from langsmith_finetune.dataset import describe_runs
from langsmith_finetune.runs import runs_from_experiment
from langsmith_finetune.runs.langsmith import transport as langsmith_talk
from langsmith_finetune.runs.langsmith.by_id import afetch_runs, fetch_runs
from langsmith_finetune.runs.select import select_runs
from tests.scripts import record_langsmith
from tests.support.langsmith_runs import (
    NOW,
    V1_QUERY,
    V2_QUERY,
    client_of,
    hours,
    number,
    numbers,
    traces,
    tracing_client,
)
from tests.support.notebook import Cell, show_at_once
from tests.support.paths import CASSETTES
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, trace
from tests.support.standins.server import Drop, Response
from tests.support.tape import header_of, replayed


def test_every_api_gives_the_same_runs(apis):
    metadata = {"thread_id": "thread-1", "user": "ada"}
    runs = trace(run_id=number(1), started=NOW, extra={"metadata": metadata}, tags=["beta"])
    with LangSmith(runs, **apis) as server:
        [run] = select_runs(client_of(server), project_name="support-bot")
    sent = runs[1]
    assert isinstance(run, langsmith.types.Run)
    assert run.inputs == sent["inputs"]
    assert run.outputs == sent["outputs"]
    assert run.extra == sent["extra"]
    assert run.metadata == metadata
    assert (run.id, run.name, run.run_type, run.status) == (number(1), "ChatOpenAI", "LLM", "SUCCESS")
    assert (run.trace_id, run.parent_run_ids) == (sent["trace_id"], [sent["trace_id"]])
    assert (run.project_id, run.thread_id, run.tags) == (PROJECT_ID, "thread-1", ["beta"])
    assert run.start_time == NOW
    assert run.end_time == NOW + timedelta(seconds=1)
    assert run.dotted_order == sent["dotted_order"]
    assert run.error is None


def test_failed_traces_failed_runs_and_chains_are_left_out(apis):
    runs = [
        *trace(run_id=number(1), started=NOW),
        *trace(run_id=number(2), started=NOW, root_error="the tool raised"),
        *trace(run_id=number(3), started=NOW, error="rate limit"),
    ]
    with LangSmith(runs, **apis) as server:
        client = client_of(server)
        assert numbers(select_runs(client, project_id=PROJECT_ID)) == [number(1)]
        assert numbers(select_runs(client, project_id=PROJECT_ID, root_error=True)) == [number(2)]
        assert numbers(select_runs(client, project_id=PROJECT_ID, root_error=None)) == [number(1), number(2)]


def test_filters_of_the_caller_are_joined_to_ours(apis):
    runs = [
        *trace(run_id=number(1), started=NOW, name="ChatOpenAI", tags=["beta"]),
        *trace(run_id=number(2), started=NOW, name="ChatOpenAI"),
        *trace(run_id=number(3), started=NOW, name="ChatOpenAI", tags=["beta"], root_error="failed"),
    ]
    with LangSmith(runs, **apis) as server:
        found = select_runs(
            client_of(server),
            project_id=PROJECT_ID,
            end_time=NOW + timedelta(days=1),
            filter='has(tags, "beta")',
            trace_filter='eq(name, "RunnableSequence")',
        )
        assert numbers(found) == [number(1)]


def test_the_first_time_is_included_and_the_last_is_not(apis):
    times = [NOW - timedelta(days=days) for days in (4, 3, 2, 1)]
    with LangSmith(traces(*times), **apis) as server:
        found = select_runs(client_of(server), project_id=PROJECT_ID, start_time=times[1], end_time=times[3])
        assert numbers(found) == [number(1), number(2)]


def test_a_time_without_a_zone_is_utc(apis):
    with LangSmith(traces(NOW - timedelta(hours=1), NOW - timedelta(hours=3)), **apis) as server:
        since = (NOW - timedelta(hours=2)).replace(tzinfo=None)
        found = select_runs(client_of(server), project_id=PROJECT_ID, start_time=since)
        assert numbers(found) == [number(0)]


def test_runs_older_than_a_day_are_found_without_a_window(apis):
    with LangSmith(traces(NOW - timedelta(days=30), NOW), **apis) as server:
        assert len(list(select_runs(client_of(server), project_name="support-bot"))) == 2


@pytest.mark.slow
async def test_a_notebook_shows_how_many_runs_are_read_and_what_is_made_of_them(monkeypatch, tmp_path):
    show_at_once(monkeypatch)
    cell = Cell(monkeypatch)
    with LangSmith(hours(5)) as server:
        runs = select_runs(client_of(server), project_name="support-bot")
        write_jsonl(
            training_examples(LangSmithRunChatLoader(runs=runs).lazy_load()), tmp_path / "train.jsonl"
        )
        assert cell.text.splitlines() == [
            "runs of project support-bot: 5",
            "sessions converted: 5",
            "lines of train.jsonl: 5",
        ]
        cell.next()
        async for _ in runs:
            pass
        assert cell.outputs[1]["text/plain"] == "runs of project support-bot: 5"
        cell.next()
        list(runs_from_experiment(client_of(server), experiment_name="support-bot", limit=2))
        assert cell.outputs[2]["text/plain"] == "runs of project support-bot: 2"


def test_description_names_the_project_that_was_selected(apis):
    with LangSmith(hours(2), **apis) as server:
        found = describe_runs(select_runs(client_of(server), project_name="support-bot"))
    assert found.counts["projects"] == {"support-bot": 2}


def test_selection_tells_its_conditions_and_how_far_it_is():
    with LangSmith(hours(3)) as server:
        runs = select_runs(client_of(server), project_name="support-bot", limit=2)
        list(runs)
    assert repr(runs) == "<Selection of project support-bot: 2 runs>"
    page = select_runs(project_name="support-bot", tags="<b>", limit=7, start_time=NOW)._repr_html_()
    for text in ("support-bot", "&lt;b&gt;", ">7<", f"{NOW:%Y-%m-%d}"):
        assert text in page
    assert "<b>" not in page


def test_selection_asks_only_for_what_is_needed(apis):
    with LangSmith(hours(2000), **apis) as server:
        stream = iter(select_runs(client_of(server), project_name="support-bot"))
        assert server.requests == []
        first = next(stream)
        ahead = len(server.queried)
        assert ahead <= 1 + 5  # the look at everything, this page and four more
        page = [first, *(next(stream) for _ in range(50))]
        rest = list(stream)
        assert len(server.queried) > ahead
        assert numbers(page + rest) == sorted(number(n) for n in range(2000))


def test_a_small_limit_asks_for_little(apis):
    with LangSmith(hours(2000), **apis) as server:
        assert len(list(select_runs(client_of(server), project_name="support-bot", limit=10))) == 10
        asked = [r.json() for r in server.requests if r.path.endswith("runs/query") and r.method == "POST"]
    assert sum(body.get("page_size", body.get("limit")) for body in asked) <= 60


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 99, 100, 101, 150, 1000])
def test_limit_counts_runs(apis, limit):
    with LangSmith(hours(150), **apis) as server:
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID, limit=limit))) == min(
            limit, 150
        )


async def test_async_selection_gives_the_same_runs(apis):
    with LangSmith(hours(130), **apis) as server:
        plain = [run.id for run in select_runs(client_of(server), project_id=PROJECT_ID)]
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            everything = [run.id async for run in select_runs(client, project_id=PROJECT_ID)]
            some = [run.id async for run in select_runs(client, project_id=PROJECT_ID, limit=110)]
    assert everything == plain
    assert some == plain[:110]


async def test_sync_selection_works_inside_a_running_loop(apis):
    assert asyncio.get_running_loop()
    with LangSmith(hours(3), **apis) as server:
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 3


def test_selection_works_in_a_thread(apis):
    found = []
    with LangSmith(hours(3), **apis) as server:
        stream = select_runs(client_of(server), project_id=PROJECT_ID)
        thread = threading.Thread(target=lambda: found.extend(stream))
        thread.start()
        thread.join()
    assert len(found) == 3


def test_langsmith_raises_no_warning_of_its_own(apis):
    with LangSmith(hours(3), **apis) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(select_runs(client_of(server), project_id=PROJECT_ID))
        list(fetch_runs([number(1)], client_of(server)))
    assert caught == []


FAULTS = {
    "429": Response(429, {"detail": "Rate limit exceeded"}, {"retry-after": "0.01"}),
    "503": Response(503, {"detail": "unavailable"}, {"retry-after": "0.01"}),
    "dropped": Drop(),
    "half an answer": Response(200, b'{"items": [{"id": "'),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("offers", "path"), [({}, V2_QUERY), ({"v2": False, "version": "0.13"}, V1_QUERY)])
def test_a_passing_fault_loses_neither_the_place_nor_a_run(fault, offers, path):
    with LangSmith(hours(600), **offers) as server:
        server.fault("POST", path, FAULTS[fault], times=2)
        stream = iter(select_runs(client_of(server), project_id=PROJECT_ID))
        runs = [next(stream) for _ in range(100)]
        server.fault("POST", path, FAULTS[fault])
        assert numbers([*runs, *stream]) == sorted(number(n) for n in range(600))


def test_client_with_few_retries_is_left_unchanged():
    with LangSmith(hours(1)) as server:
        client = client_of(server, max_retries=0)
        server.fault("POST", V2_QUERY, FAULTS["429"], times=4)
        assert len(list(select_runs(client, project_id=PROJECT_ID))) == 1
        assert client.max_retries == 0


def test_a_lasting_fault_is_langsmiths_own_error(monkeypatch):
    monkeypatch.setattr(langsmith_talk, "MAX_RETRIES", 4)
    with LangSmith(hours(1)) as server:
        server.fault("POST", V2_QUERY, FAULTS["429"], times=5)
        with pytest.raises(langsmith.RateLimitError):
            list(select_runs(client_of(server, max_retries=0), project_id=PROJECT_ID))


def test_an_api_that_vanishes_is_an_error_and_not_the_end():
    with LangSmith(hours(2500), v1=False) as server:
        stream = iter(select_runs(client_of(server), project_id=PROJECT_ID))
        next(stream)
        server.fault("POST", V2_QUERY, Response(404, {"detail": "no such project"}), times=99)
        with pytest.raises(langsmith.NotFoundError):
            list(stream)


def test_missing_v2_endpoint_is_asked_once():
    with LangSmith(hours(1), v1=True) as server:
        server.fault("POST", V2_QUERY, Response(501, {"detail": "not implemented"}))
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 1
        assert server.count("POST", V2_QUERY) == 1


def test_missing_project_is_named_with_what_to_check(apis):
    with LangSmith(hours(1), **apis) as server:
        with pytest.raises(LangSmithNotFoundError) as named:
            list(select_runs(client_of(server), project_name="suport-bot"))
        with pytest.raises(LangSmithNotFoundError) as by_id:
            list(select_runs(client_of(server), project_id=number(7)))
    assert str(named.value) == (
        f"LangSmith has no project named 'suport-bot' at {server.url} in this workspace: check the spelling, "
        "LANGSMITH_ENDPOINT (US, EU or self-hosted), and, if your key sees several workspaces, "
        "LANGSMITH_WORKSPACE_ID"
    )
    assert str(by_id.value).startswith(f"LangSmith has no project with the id {number(7)} at {server.url} in")


def test_the_address_of_something_else_is_said_to_be_wrong():
    with LangSmith() as server:
        client = client_of(server, base_url=f"{server.url}/website")
        with pytest.raises(LangSmithError) as wrong:
            next(iter(select_runs(client, project_name="support-bot")))
    assert str(wrong.value) == (
        f"{server.url}/website offers no project endpoint, neither v1 nor v2: LANGSMITH_ENDPOINT must be the "
        "address of the API (https://api.smith.langchain.com), not of the website"
    )


def test_a_server_without_either_run_api_is_said_to_be_so():
    text = "offers no run query endpoint, neither v1 nor v2"
    with LangSmith(hours(1), v1=False, v2=False) as server, pytest.raises(LangSmithError, match=text):
        next(iter(select_runs(client_of(server), project_name="support-bot")))


def test_a_wrong_key_is_refused_once():
    with LangSmith(hours(1)) as server:
        with pytest.raises(langsmith.AuthenticationError):
            next(iter(select_runs(client_of(server, api_key="wrong"), project_id=PROJECT_ID)))
        assert server.count("GET", "/api/v2/sessions") == 1


def test_select_runs_refuses_wrong_arguments_at_the_call():
    text = "say which project: give either project_name or project_id"
    with pytest.raises(ValueError, match=text):
        select_runs()
    with pytest.raises(ValueError, match=text):
        select_runs(project_name="a", project_id=number(1))
    with pytest.raises(ValueError, match="limit must be at least 1, not 0; leave it out for all runs"):
        select_runs(project_name="a", limit=0)


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/v1"])
def test_the_client_of_the_tracing_sdk_lends_its_settings(suffix):
    with LangSmith(hours(2)) as server:
        client = tracing_client(
            api_url=server.url + suffix,
            api_key=KEY,
            workspace_id=number(9),
            headers={"x-proxy": "yes"},
        )
        assert len(list(select_runs(client, project_name="support-bot"))) == 2
        asked = server.requests
    assert [request.path for request in asked][1:] == [V2_QUERY, "/api/v1/feedback"]
    assert {request.headers["x-tenant-id"] for request in asked} == {number(9)}
    assert {request.headers["x-proxy"] for request in asked} == {"yes"}


@pytest.mark.parametrize("prefix", ["LANGSMITH_", "LANGCHAIN_"])
async def test_without_a_client_the_environment_says_where(monkeypatch, prefix):
    with LangSmith(hours(2)) as server:
        monkeypatch.setenv(f"{prefix}API_KEY", KEY)
        monkeypatch.setenv(f"{prefix}ENDPOINT", f"{server.url}/")
        monkeypatch.setenv(f"{prefix}WORKSPACE_ID", number(9))
        assert len(list(select_runs(project_name="support-bot"))) == 2
        assert len([run async for run in select_runs(project_name="support-bot")]) == 2
        assert [found.id for _, found in fetch_runs([number(1)])] == [number(1)]
    assert {r.headers.get("x-tenant-id") for r in server.requests} == {number(9)}


def test_without_a_key_the_error_names_the_variable():
    with pytest.raises(ValueError) as error:
        next(iter(select_runs(project_name="support-bot")))
    assert str(error.value) == (
        "reading runs needs a LangSmith API key: set LANGSMITH_API_KEY, "
        "or pass client=langsmith.Langsmith(api_key=...)"
    )


def test_client_signed_in_otherwise_is_refused_with_a_remedy():
    client = tracing_client(api_url="http://127.0.0.1:1", api_key="")
    with pytest.raises(ValueError) as error:
        next(iter(select_runs(client, project_name="support-bot")))
    assert str(error.value) == (
        "this langsmith.Client has no API key (it may be signed in by a profile, which cannot be passed on): "
        "pass client=langsmith.Langsmith(api_key=...)"
    )


async def test_a_client_of_the_wrong_kind_is_refused():
    async with langsmith.AsyncLangsmith(api_key=KEY) as client:
        with pytest.raises(TypeError) as error:
            next(iter(select_runs(client, project_name="a")))
    assert str(error.value) == (
        "client must be a langsmith.Client, a langsmith.Langsmith or None, not AsyncLangsmith"
    )
    with pytest.raises(TypeError, match=r"a langsmith\.AsyncLangsmith or None, not object"):
        await anext(aiter(select_runs(object(), project_name="a")))
    with pytest.raises(TypeError, match=r"a langsmith\.Langsmith or None, not AsyncClient"):
        next(fetch_runs([number(1)], object.__new__(langsmith.AsyncClient)))


async def test_a_sync_client_serves_the_async_functions_too():
    with LangSmith(hours(130)) as server:
        client = client_of(server)
        assert len([run async for run in select_runs(client, project_name="support-bot")]) == 130
        [(_, run)] = [pair async for pair in afetch_runs([number(1)], client)]
        assert run.id == number(1)
        with pytest.raises(LangSmithNotFoundError):
            await anext(aiter(select_runs(client, project_name="nothing")))


def test_selection_left_early_closes_its_own_client(monkeypatch):
    closed = []
    close = langsmith.Langsmith.close
    monkeypatch.setattr(langsmith.Langsmith, "close", lambda self: (closed.append(self), close(self)))
    with LangSmith(hours(130)) as server:
        monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.url)
        stream = iter(select_runs(project_name="support-bot"))
        next(stream)
        assert closed == []
        stream.close()
    assert len(closed) == 1


def test_runs_are_fetched_by_id_wherever_they_are(apis):
    other = number(99)
    runs = [
        *trace(run_id=number(1), started=NOW - timedelta(days=300)),
        *trace(run_id=number(2), started=NOW, project_id=other),
    ]
    projects = {"support-bot": (PROJECT_ID, NOW - timedelta(days=300)), "other": (other, NOW)}
    ids = [number(2), uuid.UUID(number(1)), number(3), "not a uuid", number(2).upper()]
    with LangSmith(runs, projects=projects, **apis) as server:
        pairs = list(fetch_runs(ids, client_of(server)))
    assert [given for given, _ in pairs] == [str(given) for given in ids]
    assert [found and found.id for _, found in pairs] == [number(2), number(1), None, None, number(2)]
    assert pairs[1][1].inputs == runs[1]["inputs"]


def test_ids_are_fetched_lazily_a_hundred_a_request(apis):
    given = []

    def ids():
        for n in range(230):
            given.append(n)
            yield number(n)

    with LangSmith(hours(230), **apis) as server:
        stream = fetch_runs(ids(), client_of(server))
        assert (server.requests, given) == ([], [])
        next(stream)
        assert len(given) == 100
        rest = list(stream)
        asked = [r for r in server.requests if r.path.endswith("runs/query")]
    assert len(rest) == 229
    assert all(found is not None for _, found in rest)
    assert len(asked) <= 4  # three pages, and the v1 that is not there


@pytest.mark.parametrize("version", [1, 2])
def test_ids_without_v1_search_projects_by_the_hundred(version):
    projects = {f"p{n}": (number(1000 + n), NOW) for n in range(250)}
    runs = trace(run_id=number(1), started=NOW, project_id=number(1249))
    with LangSmith(runs, projects=projects, v1=False, v2_projects=version == 2) as server:
        [(_, run)] = fetch_runs([number(1)], client_of(server))
        assert run.id == number(1)
        assert server.count("GET", f"/api/v{version}/sessions") == 3
        assert server.count("POST", V2_QUERY) == 3


async def test_runs_are_fetched_by_id_without_blocking(apis):
    with LangSmith(hours(3), **apis) as server:
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            pairs = [pair async for pair in afetch_runs([number(2), number(7)], client)]
    assert [found and found.id for _, found in pairs] == [number(2), None]


def test_a_run_that_is_not_there_is_not_usable():
    with LangSmith(hours(1)) as server:
        loader = LangSmithRunChatLoader([number(7), "run-7"], client_of(server))
        assert loader.load() == []
    missing, odd = loader.skipped
    assert missing.reason == odd.reason == "not_found"
    assert str(missing) == (
        f"run {number(7)} is not usable (not_found): LangSmith has no run with this id in this workspace; "
        "it keeps runs for 14 days, or for 400"
    )
    assert str(odd).endswith("(not_found): this is not the id of a run, which is a UUID")


async def test_a_stub_with_read_run_alone_is_client_enough():
    class Stub:
        def read_run(self, run_id):
            if run_id == "gone":
                raise LangSmithNotFoundError("no such run")
            return {"id": run_id}

    assert list(fetch_runs(["a", "gone"], Stub())) == [("a", {"id": "a"}), ("gone", None)]
    assert [pair async for pair in afetch_runs(["a"], Stub())] == [("a", {"id": "a"})]


def test_a_mock_of_the_tracing_client_is_client_enough():
    client = create_autospec(langsmith.Client, instance=True)
    client.read_run.return_value = {"id": "a"}
    assert list(fetch_runs(["a"], client)) == [("a", {"id": "a"})]


def test_no_ids_need_no_client():
    assert list(fetch_runs([])) == []


def test_the_official_client_reads_the_stand_ins_datasets():
    lines = [{"messages": [{"role": "user", "content": "Grüße"}]}, {"messages": []}]
    with LangSmith(datasets={"good answers": lines}) as server:
        client = tracing_client(api_url=server.url, api_key=KEY)
        assert client.read_dataset_openai_finetuning(dataset_name="good answers") == lines
        with pytest.raises(LangSmithNotFoundError):
            client.read_dataset_openai_finetuning(dataset_name="bad answers")


@pytest.mark.parametrize("name", record_langsmith.OFFERS)
def test_a_recorded_selection_replays(name):
    path = CASSETTES / f"{name}.yaml"
    header = header_of(path)
    with replayed(path) as tape:
        runs = record_langsmith.select(record_langsmith.LIVE, KEY, header["recorded"]["project"])
        assert tape.all_played
        pages = [json.loads(response["body"]["string"]) for response in tape.responses]
    rows = [
        row for page in pages if isinstance(page, dict) for row in page.get("runs") or page.get("items") or []
    ]
    answered = {row["id"]: row for row in rows if "outputs" in row}
    assert header["outcome"] == {"runs": len(runs)}
    assert runs
    for run in runs:
        assert (run.inputs, run.outputs) == (answered[run.id]["inputs"], answered[run.id]["outputs"])
        assert (run.run_type, run.status, run.error) == ("LLM", "SUCCESS", None)
