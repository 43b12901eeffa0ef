"""Answers that are not what LangSmith documents: an error that says so, or a run that is left out with a reason."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import langsmith
import pytest

from langsmith_finetune.dataset import preferences_from_corrections
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.loaders import LangSmithDatasetChatLoader, LangSmithRunChatLoader
from langsmith_finetune.runs.langsmith.by_id import afetch_runs, fetch_runs
from langsmith_finetune.runs.langsmith.page_end import MOST_AT_ONCE, Pages
from langsmith_finetune.runs.lists import (
    runs_from_annotation_queue,
    runs_from_dataset,
    runs_from_experiment,
)
from langsmith_finetune.runs.select import select_runs
from tests.support.langsmith_runs import NOW, client_of, hours, number, traces
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, trace
from tests.support.standins.server import Response

V1_ONLY = {"v2": False, "version": "0.13.37"}
APIS = {"v2": {"v1": False}, "v1": V1_ONLY}


@pytest.fixture(params=APIS)
def apis(request):
    return APIS[request.param]


def rows_of(answer: Response) -> list:
    return answer.body["items" if "items" in answer.body else "runs"]


def tampering(server: LangSmith, change, *, cursors: bool = True) -> None:
    """Let each answer to a run query be changed, or be replaced by what is returned."""
    for name in ("_query_v1", "_query_v2"):
        query = getattr(server, name)

        def changed(body, query=query):
            answer = query({name: value for name, value in body.items() if cursors or name != "cursor"})
            return change(answer, body) or answer

        setattr(server, name, changed)


def in_bytes(answer: Response, of: str, by: bytes) -> Response:
    """The answer with a text in it replaced by bytes that JSON knows nothing of."""
    return Response(200, json.dumps(answer.body).encode().replace(of.encode(), by))


# --- one run that cannot be read ---

DEEP = b"[" * 200_000 + b"]" * 200_000
BROKEN = {
    "bytes that are not UTF-8": (b"\xff\xfe", "it holds bytes that are not UTF-8"),
    "nested 200,000 deep": (b'", "deep": ' + DEEP + b', "end": "', "it is nested too deeply to be read"),
    "a number of 5,000 digits": (b'", "long": ' + b"9" * 5000 + b', "end": "', "it is not JSON"),
}
TIMES = {
    "no time": (None, "it has no start time"),
    "a number": (
        17,
        "it started at 1970-01-01T00:00:17+00:00, outside the span that LangSmith was asked for",
    ),
    "words": ("yesterday", "it has no start time"),
    "the year 1": ("0001-01-01T00:00:00+05:00", "it has no start time"),
    "the year 2": ("0002-01-01T00:00:00Z", "it started at 0002-01-01T00:00:00+00:00, outside the span that"),
    "the year 9999": (
        "9999-12-31T23:59:59Z",
        "it started at 9999-12-31T23:59:59+00:00, outside the span that",
    ),
    "the year 9999, in the west": ("9999-12-31T23:59:59-08:00", "it has no start time"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_unreadable_run_is_left_out_with_its_id_and_reason(apis, kind, caplog):
    broken, why = BROKEN[kind]
    runs = [*hours(40), *trace(run_id=number(99), started=NOW - timedelta(hours=7), name="BROKEN")]
    with LangSmith(runs, **apis) as server:
        tampering(server, lambda answer, _: in_bytes(answer, "BROKEN", broken))
        client = client_of(server)
        found = [run.id for run in select_runs(client, project_id=PROJECT_ID)]
        afound = [run.id async for run in select_runs(client, project_id=PROJECT_ID)]
        assert found == afound == [number(n) for n in range(40)]
        text = f"left out of the selection: run {number(99)} is not usable (malformed): {why}"
        assert caplog.messages == [text, text]
        if apis is V1_ONLY:
            loader = LangSmithRunChatLoader(runs=[number(99), number(1)], client=client_of(server))
            assert len(loader.load()) == 1
            assert [str(error) for error in loader.skipped] == [text.partition(": ")[2]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", TIMES)
def test_run_without_a_sortable_time_is_left_out(apis, kind, caplog):
    time, why = TIMES[kind]
    runs = [*hours(300), *trace(run_id=number(999), started=NOW - timedelta(hours=7))]

    def change(answer, _):
        for row in rows_of(answer):
            if row["id"] == number(999):
                row["start_time"] = time

    with LangSmith(runs, **apis) as server:
        tampering(server, change)
        found = [run.id for run in select_runs(client_of(server), project_id=PROJECT_ID)]
        assert caplog.messages[0].startswith(
            f"left out of the selection: run {number(999)} is not usable (malformed): {why}"
        )
        assert len(list(fetch_runs([number(999)], client_of(server)))) == 1
    assert found == [number(n) for n in range(300)]


ODD = [None, True, 7, -0.5, "x", [], [None], {}, {"id": 1}, ["a", {"b": None}], float("nan")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("feedback", [True, False], ids=["feedback listed", "feedback of roots"])
def test_runs_with_odd_types_are_readable_or_left_out(apis, seed, feedback):
    """Each field of each run is something else in turn; nothing but a run, a skip or a warning comes of it."""

    def change(answer, body):
        names = body.get("selects") or [name.upper() for name in body["select"]]
        for n, row in enumerate(rows_of(answer)):
            name = names[n % len(names)].lower()
            if name != "id":
                row[name] = ODD[(n // len(names) + seed) % len(ODD)]

    said = {"feedback": [{"key": "user_score", "score": 1, "correction": "42"}]}
    rated = traces(*[NOW - timedelta(hours=1 + n) for n in range(120)], root=said)
    with LangSmith(rated, feedback=feedback, **apis) as server:
        tampering(server, change)
        runs = list(select_runs(client_of(server), project_id=PROJECT_ID))
        loader = LangSmithRunChatLoader(runs=runs)
        loader.load()
        list(preferences_from_corrections(runs))
        ids = [number(n) for n in range(120)]
        by_id = LangSmithRunChatLoader(runs=ids, client=client_of(server))
        by_id.load()
    assert len(runs) >= 108
    assert by_id.skipped.total < 60


@pytest.mark.parametrize("row", ODD)
def test_something_else_in_place_of_a_run_is_left_out(apis, row, caplog):
    with LangSmith(hours(5), **apis) as server:
        tampering(server, lambda answer, _: rows_of(answer).append(row))
        text = "run (without id) is not usable (malformed): LangSmith returned something that is no run"
        if row == {"id": 1}:
            text += " with an id"
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 5
        assert text in caplog.text
        assert len(list(fetch_runs([number(n) for n in range(5)], client_of(server)))) == 5


def test_a_selection_of_which_nothing_can_be_read_says_so(apis, caplog):
    with LangSmith(hours(2), **apis) as server:

        def all_odd(answer, _):
            rows_of(answer)[:] = [5] * len(rows_of(answer))

        tampering(server, all_odd)
        assert list(select_runs(client_of(server), project_name="support-bot")) == []
    *left_out, said = caplog.messages
    assert len(left_out) == 2
    assert all("LangSmith returned something that is no run" in each for each in left_out)
    assert [said] == [
        "the selection from the project 'support-bot' is empty: none of 2 runs that meet the conditions can be read; a "
        "warning of each says why"
    ]


# --- answers of another form ---


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"7", b'"text"', b'{"items": 7, "runs": {}}', b"[" * 100_000]
)
def test_answer_of_another_form_names_langsmith(apis, body):
    with LangSmith(hours(5), **apis) as server:
        tampering(server, lambda answer, _: Response(200, body))
        with pytest.raises(
            langsmith.LangsmithError, match=r"^LangSmith's answer to /api/v[12]/runs/query is n"
        ):
            list(select_runs(client_of(server), project_id=PROJECT_ID))
        with pytest.raises(
            langsmith.LangsmithError, match=r"^LangSmith's answer to /api/v[12]/runs/query is n"
        ):
            list(fetch_runs([number(1)], client_of(server)))


@pytest.mark.parametrize(
    "body", [b"7", b'"text"', b'{"items": 7}', b'{"items": [7]}', b"[" * 200_000, b"\xff"]
)
@pytest.mark.parametrize("path", ["sessions", "annotation-queues", "datasets", "examples", "items"])
def test_listing_of_another_form_names_langsmith(body, path):
    doors = {
        "sessions": lambda client: select_runs(client, project_name="support-bot"),
        "annotation-queues": lambda client: runs_from_annotation_queue(client, queue_name="q"),
        "items": lambda client: runs_from_annotation_queue(client, queue_name="q"),
        "datasets": lambda client: runs_from_dataset(client, dataset_name="d"),
        "examples": lambda client: runs_from_dataset(client, dataset_name="d"),
    }
    queue = {"archived": [number(1)]}
    with LangSmith(hours(5), queues={"q": queue}, sources={"d": [number(1)]}) as server:
        handle = server.handle
        server.handle = lambda request: (
            Response(200, body) if request.path.endswith(path) else handle(request)
        )
        with pytest.raises(langsmith.LangsmithError, match=r"^LangSmith's answer to /api/v"):
            list(doors[path](client_of(server)))


def test_project_queue_or_dataset_of_another_name_is_refused():
    now = datetime.now(UTC)
    projects = {"other": (number(8), now), "mine": (PROJECT_ID, now - timedelta(days=2))}
    with LangSmith(hours(2), projects=projects, sources={"d": []}, queues={"q": {}}) as server:
        handle = server.handle

        def all_of_them(request):
            request.query.pop("name", None)
            return handle(request)

        server.handle = all_of_them
        client = client_of(server)
        assert len(list(select_runs(client, project_name="mine"))) == 2
        for door in (
            lambda: select_runs(client, project_name="min"),
            lambda: runs_from_dataset(client, dataset_name="e"),
            lambda: runs_from_annotation_queue(client, queue_name="r"),
        ):
            with pytest.raises(langsmith.utils.LangSmithNotFoundError):
                list(door())


def test_a_dataset_line_that_cannot_be_read_is_skipped():
    lines = [{"messages": [{"role": "user", "content": "BROKEN"}]}, {"messages": []}]
    for broken in (b"\xff", b'", "deep": ' + DEEP + b', "end": "', b'"'):
        with LangSmith(datasets={"d": [lines[0], lines[1]]}) as server:
            handle = server.handle

            def changed(request, broken=broken, handle=handle):
                answer = handle(request)
                if request.path.endswith("openai_ft"):
                    return Response(200, answer.body.replace(b"BROKEN", broken), answer.headers)
                return answer

            server.handle = changed
            loader = LangSmithDatasetChatLoader(dataset_name="d", client=client_of(server))
            loader.load()
        assert (loader.skipped[0].run_id, loader.skipped[0].reason) == ("d[0]", "malformed")


# --- pages that never end ---


def endless(kind: str):
    numbers, cursors = itertools.count(10_000), itertools.count()

    def change(answer, body):
        size = body.get("page_size") or body["limit"]
        rows = rows_of(answer)
        if kind == "empty":
            rows.clear()
        elif kind == "one a page" and rows:
            rows[:] = [rows[0] | {"id": number(next(numbers))}]
        elif kind == "full":
            rows[:] = [rows[0] | {"id": number(next(numbers))} for _ in range(size)]
        cursor = "again" if kind == "same cursor" else str(next(cursors))
        if "runs" in answer.body:
            answer.body["cursors"] = {"next": cursor}
        else:
            answer.body.update(next_cursor=cursor, has_more=True)

    return change


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["same cursor", "empty", "one a page", "full"])
async def test_runs_of_one_moment_that_never_end_are_an_error(apis, kind, monkeypatch):
    monkeypatch.setattr("langsmith_finetune.runs.langsmith.window_reader.MOST_AT_ONCE", 5000)
    text = {
        "same cursor": "LangSmith returns the same cursor again and again for runs",
        "empty": "LangSmith returns page after page of runs .*with next to nothing new in them: 0 in 21 pages",
        "one a page": "LangSmith returns page after page of runs .*with next to nothing new in them",
        "full": "LangSmith has more than 5000 runs that started in one millisecond, more than can be read at once",
    }[kind]
    moment = NOW - timedelta(hours=3)
    with LangSmith(traces(*[moment] * 3), **apis) as server:
        tampering(server, endless(kind), cursors=False)
        span = {"start_time": moment, "end_time": moment + timedelta(microseconds=500)}
        with pytest.raises(langsmith.LangsmithError, match=text):
            list(select_runs(client_of(server), project_id=PROJECT_ID, **span))
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            with pytest.raises(langsmith.LangsmithError, match=text):
                [run async for run in select_runs(client, project_id=PROJECT_ID, limit=2, **span)]
        assert len(server.queried) < 220


@pytest.mark.parametrize("kind", ["same cursor", "empty", "one a page"])
def test_pages_of_wide_spans_that_never_end_are_an_error(apis, kind):
    with LangSmith(hours(30), **apis) as server:
        tampering(server, endless(kind), cursors=False)
        with pytest.raises(langsmith.LangsmithError, match=r"^LangSmith returns "):
            list(select_runs(client_of(server), project_id=PROJECT_ID))
        assert len(server.queried) < 300


@pytest.mark.parametrize("kind", ["same cursor", "empty", "one a page"])
def test_looking_up_ids_ends_too(kind):
    with LangSmith(hours(3), v1=False) as server:
        tampering(server, endless(kind), cursors=False)
        with pytest.raises(langsmith.LangsmithError, match=r"^LangSmith returns "):
            list(fetch_runs([number(n) for n in range(3)], client_of(server)))
        assert len(server.queried) < 60


def test_more_without_a_way_to_it_is_an_error():
    with LangSmith(hours(3), v1=False) as server:
        tampering(server, lambda answer, _: answer.body.update(has_more=True))
        text = "^LangSmith's answer to /api/v2/runs/query is not what it documents: no cursor, although there is more$"
        with pytest.raises(langsmith.LangsmithError, match=text):
            list(select_runs(client_of(server), project_id=PROJECT_ID))


@pytest.mark.parametrize("cursor", ["again", None])
@pytest.mark.parametrize("what", ["sessions", "items"])
def test_projects_and_queue_items_that_never_end_are_an_error(what, cursor):
    numbers = itertools.count()
    with LangSmith(hours(3), queues={"q": {"archived": [number(1)]}}) as server:
        handle = server.handle

        def changed(request):
            request.query.pop("cursor", None)
            answer = handle(request)
            if request.path.endswith(what):
                answer.body["next_cursor"] = cursor or str(next(numbers))
            return answer

        server.handle = changed
        client = client_of(server)
        stream = (
            select_runs(client, project_name="support-bot")
            if what == "sessions"
            else runs_from_annotation_queue(client, queue_name="q")
        )
        with pytest.raises(langsmith.LangsmithError, match=r"^LangSmith returns "):
            list(stream)
        assert len(server.requests) < 80


@pytest.mark.parametrize("what", ["datasets", "annotation-queues", "examples"])
def test_listings_whose_pages_are_always_full_end(what):
    with LangSmith(hours(3), sources={"d": [number(1)] * 100}, queues={"q": {}}) as server:
        handle = server.handle

        def changed(request):
            request.query.pop("offset", None)
            answer = handle(request)
            if request.path.endswith(what):
                return Response(200, (answer.body * 100)[:100])
            return answer

        server.handle = changed
        client = client_of(server)
        stream = (
            runs_from_annotation_queue(client, queue_name="x")
            if what == "annotation-queues"
            else runs_from_dataset(client, dataset_name="x" if what == "datasets" else "d")
        )
        with pytest.raises((langsmith.LangsmithError, langsmith.utils.LangSmithNotFoundError)):
            list(stream)
        assert len(server.requests) < 120


# --- limits and ends of time ---


@pytest.mark.slow
async def test_a_limit_holds_for_every_list():
    runs = [run for n in range(50) for run in trace(run_id=number(n), started=NOW - timedelta(minutes=n))]
    ids = [number(n) for n in range(50)]
    projects = {"exp": (PROJECT_ID, NOW - timedelta(days=1))}
    with LangSmith(runs, queues={"q": {"archived": ids}}, sources={"d": ids}, projects=projects) as server:
        client = client_of(server)
        for limit in (1, 7, 50, 60):
            least = min(limit, 50)
            for stream in (
                runs_from_annotation_queue(client, queue_name="q", limit=limit),
                runs_from_dataset(client, dataset_name="d", limit=limit),
                runs_from_experiment(client, experiment_name="exp", limit=limit),
            ):
                assert [run.id for run in stream] == ids[:least]
            stream = runs_from_dataset(client, dataset_name="d", limit=limit)
            assert [run.id async for run in stream] == ids[:least]
    for select, name in ((runs_from_annotation_queue, "queue_name"), (runs_from_dataset, "dataset_name")):
        with pytest.raises(ValueError, match=r"^limit must be at least 1, not 0; leave it out for all runs$"):
            select(**{name: "a"}, limit=0)


def test_limit_holds_if_the_server_gives_more(apis):
    with LangSmith(hours(400), **apis) as server:
        for name in ("_query_v1", "_query_v2"):
            query = getattr(server, name)
            size = "page_size" if name == "_query_v2" else "limit"
            setattr(server, name, lambda body, query=query, size=size: query(body | {size: 100}))
        found = [run.id for run in select_runs(client_of(server), project_id=PROJECT_ID, limit=3)]
    assert found == [number(n) for n in range(3)]


@pytest.mark.parametrize("zone", [UTC, None])
def test_the_ends_of_time_are_spans_like_others(apis, zone):
    with LangSmith(hours(5), **apis) as server:
        span = {
            "start_time": datetime.min.replace(tzinfo=zone),
            "end_time": datetime.max.replace(tzinfo=zone),
        }
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID, **span))) == 5


@pytest.mark.parametrize("started", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", None, 7, "soon"])
def test_a_project_with_an_odd_start_is_read_all_the_same(started):
    with LangSmith(hours(5)) as server:
        handle = server.handle

        def changed(request):
            answer = handle(request)
            if request.path.endswith("sessions"):
                answer.body["items"][0]["start_time"] = started
                answer.body["items"][0]["trace_tier"] = ["odd"]
            return answer

        server.handle = changed
        found = list(select_runs(client_of(server), project_id=PROJECT_ID))
    assert len(found) == (0 if started == "9999-12-31T23:59:59Z" else 5)


def test_what_is_counted_is_new_things():
    pages = Pages("things", most=MOST_AT_ONCE)
    for n in range(200):
        pages.turned(range(n * 20, n * 20 + 20), cursor=str(n))
    for n in range(200, 420):
        pages.turned([0], cursor=str(n))
    with pytest.raises(langsmith.LangsmithError, match=r"^LangSmith returns page after page of things "):
        pages.turned([0], cursor="more")


async def test_ids_that_cannot_be_read_say_so_in_async_code():
    with LangSmith(hours(3), **V1_ONLY) as server:
        tampering(
            server, lambda answer, _: in_bytes(answer, number(1), number(1).encode() + b'", "x": "\xff')
        )
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            found = [run async for _, run in afetch_runs([number(0), number(1)], client)]
    assert not isinstance(found[0], RunNotUsableError)
    assert found[1].detail == "it holds bytes that are not UTF-8"
