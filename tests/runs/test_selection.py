"""Selections against a LangSmith that fails, forgets, changes and counts: every run once, none lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice
from random import Random

import langsmith
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langsmith_finetune._foundation.clock import clock as clock_in_use
from langsmith_finetune.loaders import LangSmithRunChatLoader
from langsmith_finetune.runs.langsmith import transport as langsmith_talk
from langsmith_finetune.runs.langsmith.read_apis import RUN_FIELDS
from langsmith_finetune.runs.langsmith.selection_state import SelectionState
from langsmith_finetune.runs.select import select_runs
from tests.support.langsmith_runs import NOW, V2_QUERY, client_of, hours, number, numbers, traces
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, trace
from tests.support.standins.server import Drop, Response
from tests.support.strategies import scaled

V1_ONLY = {"v2": False, "version": "0.13.37"}


@pytest.fixture(params=["v2", "v1"])
def apis(request):
    return {"v2": {"v1": False}, "v1": V1_ONLY}[request.param]


def busy(count: int, seed: int = 1) -> list[dict]:
    """Runs as an application makes them: in bursts, some at the very same moment."""
    random = Random(seed)
    moments = [
        NOW - timedelta(seconds=random.randrange(40) * 60_000 + random.random() ** 3 * 4000)
        for _ in range(count)
    ]
    return traces(*[at if n % 9 else at.replace(microsecond=0) for n, at in enumerate(moments)])


def in_order(runs) -> list[str]:
    return [run.id for run in sorted(runs, key=lambda run: (run.start_time, run.id), reverse=True)]


def all_ids(count: int) -> list[str]:
    return sorted(number(n) for n in range(count))


# --- what is selected ---


def conditions() -> dict[str, tuple[dict, list[int]]]:
    return {
        "a score of the root": ({"feedback": {"user_score": 1}}, [1, 2]),
        "a comparison": ({"feedback": {"user_score": "< 1"}}, [3]),
        "two scores": ({"feedback": {"user_score": 1, 'q"': ">= 0.5"}}, [2]),
        "tags, all of them": ({"tags": ["beta", 'say "hi"']}, [2]),
        "one tag": ({"tags": "beta"}, [1, 2]),
        "models, one of them": ({"models": ["gpt-4o", "o3"]}, [1, 3]),
        "names": ({"names": ["ChatAnthropic"]}, [3]),
        "another run of the trace": ({"tree_filter": 'eq(name, "RunnableSequence")'}, [0, 1, 2, 3, 4]),
        "runs that failed": ({"error": True}, [5]),
        "runs that failed or did not": ({"error": None}, [0, 1, 2, 3, 4, 5]),
        "a filter of the caller's, too": (
            {"feedback": {"user_score": 1}, "filter": 'has(tags, "hi\\\\")'},
            [],
        ),
        "all at once": (
            {"feedback": {"user_score": 1}, "tags": "beta", "models": "gpt-4o", "names": "ChatOpenAI"},
            [1],
        ),
    }


@pytest.mark.parametrize("case", conditions())
def test_conditions_select(apis, case):
    wanted, expected = conditions()[case]
    good, bad = [{"key": "user_score", "score": 1}], [{"key": "user_score", "score": 0}]
    both = [*good, {"key": 'q"', "score": 0.7}]
    model = lambda name: {"metadata": {"ls_model_name": name}}  # noqa: E731
    runs = [
        *trace(run_id=number(0), started=NOW, feedback=good),  # on the llm run, which is not asked
        *trace(run_id=number(1), started=NOW, root={"feedback": good}, tags=["beta"], extra=model("gpt-4o")),
        *trace(run_id=number(2), started=NOW, root={"feedback": both}, tags=["beta", 'say "hi"']),
        *trace(
            run_id=number(3), started=NOW, root={"feedback": bad}, name="ChatAnthropic", extra=model("o3")
        ),
        *trace(run_id=number(4), started=NOW),
        *trace(run_id=number(5), started=NOW, error="rate limit"),
    ]
    with LangSmith(runs, **apis) as server:
        found = select_runs(client_of(server), project_id=PROJECT_ID, **wanted)
        assert numbers(found) == [number(n) for n in expected]


def test_what_an_example_remembers_of_its_run_is_selected(apis):
    counts = {"prompt_tokens": 12, "completion_tokens": 3, "reference_example_id": number(77)}
    with LangSmith(trace(run_id=number(1), started=NOW, **counts), **apis) as server:
        [run] = select_runs(client_of(server), project_id=PROJECT_ID)
    assert (run.prompt_tokens, run.completion_tokens, run.reference_example_id) == (12, 3, number(77))


def test_fields_narrow_and_widen(apis):
    with LangSmith(trace(run_id=number(1), started=NOW, events=[{"name": "end"}]), **apis) as server:
        client = client_of(server)
        [narrow] = select_runs(client, project_id=PROJECT_ID, fields=["inputs", "is_root", "share_url"])
        [wide] = select_runs(client, project_id=PROJECT_ID, fields=[*RUN_FIELDS, "EVENTS"])
    assert (narrow.id, narrow.start_time, narrow.outputs, narrow.is_root) == (number(1), NOW, None, False)
    assert narrow.inputs == wide.inputs
    assert wide.outputs
    assert wide.events


@pytest.mark.slow
def test_a_sample_is_the_same_every_time_and_grows_with_its_size(apis):
    with LangSmith(hours(400), **apis) as server:
        client = client_of(server)

        def sample(fraction, seed=None, **more):
            found = select_runs(client, project_id=PROJECT_ID, sample=fraction, seed=seed, **more)
            return [run.id for run in found]

        tenth, half = sample(0.1), sample(0.5)
        assert 20 < len(tenth) < 65
        assert 160 < len(half) < 240
        assert set(tenth) < set(half)
        assert sample(0.1) == tenth
        assert sample(0.1, seed=7) != tenth
        assert sample(0.5, limit=30) == half[:30]
        assert len(sample(1)) == 400


# --- the order, and every run once ---


@pytest.mark.slow
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("repeats", [True, False])
def test_every_run_comes_once_in_order_whatever_the_server_does(apis, clock, ordered, repeats):
    with LangSmith(busy(2500), clock=clock, ordered=ordered, repeats=repeats, **apis) as server:
        runs = list(select_runs(client_of(server), project_id=PROJECT_ID))
        assert server.refused == 0
        assert server.most_queries_in(10) <= 15
    assert numbers(runs) == all_ids(2500)
    assert [run.id for run in runs] == in_order(runs)


@pytest.mark.slow
async def test_async_selection_keeps_to_the_same_limits(apis, clock):
    with LangSmith(busy(2500), clock=clock, ordered=False, **apis) as server:
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            runs = [run async for run in select_runs(client, project_id=PROJECT_ID)]
        assert server.refused == 0
        assert server.most_queries_in(10) <= 15
    assert numbers(runs) == all_ids(2500)
    assert [run.id for run in runs] == in_order(runs)


@pytest.mark.slow
def test_two_selections_at_once_share_one_limit(clock):
    with LangSmith(busy(1500), clock=clock) as server:
        first, second = (select_runs(client_of(server), project_id=PROJECT_ID) for _ in range(2))
        pairs = list(zip(first, second, strict=True))
        assert server.refused == 0
        assert server.most_queries_in(10) <= 15
    assert len(pairs) == 1500


@pytest.mark.slow
def test_many_runs_of_one_moment_come_by_cursors_that_may_expire(apis):
    with LangSmith(traces(*[NOW] * 2100), ordered=False, repeats=True, **apis) as server:
        server.cursors_to_forget = 2
        runs = list(select_runs(client_of(server), project_id=PROJECT_ID))
        assert server.cursors_to_forget == 0
    assert numbers(runs) == all_ids(2100)
    assert [run.id for run in runs] == in_order(runs)


@pytest.mark.slow
def test_cursors_that_always_expire_are_an_error(apis):
    with LangSmith(traces(*[NOW] * 2100), **apis) as server:
        server.cursors_to_forget = 99
        with pytest.raises(langsmith.BadRequestError):
            list(select_runs(client_of(server), project_id=PROJECT_ID))


@pytest.mark.slow
def test_runs_that_arrive_and_go_while_it_reads_move_no_other(apis):
    with LangSmith(busy(1500), **apis) as server:
        new = iter(range(10_000, 20_000))

        def something_happens(_):
            at = NOW + timedelta(seconds=1 + next(new) / 10)  # newer than all: pages by offset would shift
            server.add(trace(run_id=number(next(new)), started=at))
            doomed = server.runs[-40]
            if doomed["id"] >= number(10_000) and doomed["run_type"] == "llm":
                server.remove(doomed["id"])

        server.on_query = something_happens
        found = [run.id for run in select_runs(client_of(server), project_id=PROJECT_ID)]
    assert len(found) == len(set(found))
    assert set(all_ids(1500)) <= set(found)


def test_times_finer_than_milliseconds_are_kept_apart(apis):
    times = [NOW + timedelta(microseconds=n) for n in range(600)]
    with LangSmith(traces(*times), **apis) as server:
        since, until = times[17], times[550]
        found = list(select_runs(client_of(server), project_id=PROJECT_ID, start_time=since, end_time=until))
    assert [run.start_time for run in found] == times[17:550][::-1]


@pytest.mark.slow
@pytest.mark.thinned
def test_many_runs_over_a_slow_connection(clock):
    count = min(scaled(20_000), 100_000)
    moments = (NOW - timedelta(seconds=37 * n) for n in range(count))
    runs = [trace(run_id=number(n), started=at)[1] for n, at in enumerate(moments)]
    for run in runs:
        run |= {"trace_id": run["id"], "parent_run_id": None}  # no roots: it is the number that counts
    with LangSmith(runs, clock=clock) as server:
        server.on_query = lambda _: clock.sleep(2)  # each answer takes two seconds
        taken, most_ahead = 0, 0
        for n, run in enumerate(select_runs(client_of(server), project_id=PROJECT_ID)):
            assert run.id == number(n)
            taken += 1
            if n % 250 == 0:
                most_ahead = max(most_ahead, len(server.queried) * 200 - taken)
        assert server.refused == 0
        assert server.most_queries_in(10) <= 15
        pages = len(server.queried)
    assert taken == count
    assert pages < count / 250 * 1.4 + 10
    assert most_ahead < 10 * 250  # it never runs away from its caller


async def test_an_async_selection_may_be_left_in_the_middle(apis):
    with LangSmith(hours(900), **apis) as server:
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            stream = select_runs(client, project_id=PROJECT_ID)
            async for run in stream:
                assert run.id == number(0)
                break
            assert stream.state.count == 1


# --- again ---


async def test_a_selection_gives_the_same_runs_at_each_pass(apis):
    with LangSmith(hours(300), **apis) as server:
        runs = select_runs(client_of(server), project_id=PROJECT_ID)
        first = [run.id for run in runs]
        server.add(trace(run_id=number(900), started=datetime.now(UTC) + timedelta(seconds=1)))
        assert [run.id for run in runs] == first == all_ids(300)
        assert runs.state.count == 300
        assert [run.id async for run in runs] == first


def test_a_selection_left_early_says_that_it_starts_again(caplog):
    with LangSmith(hours(9)) as server:
        runs = select_runs(client_of(server), project_id=PROJECT_ID)
        assert len(list(islice(runs, 3))) == runs.state.count == 3
        assert len(list(runs)) == 9
        assert caplog.messages == [
            "the selection was left after 3 runs, and starts again from its first run, with the same requests. To go "
            "on instead, call select_runs(..., resume=selection.state)"
        ]
        assert len(list(runs)) == 9
        assert len(caplog.messages) == 1  # it was read to its end: nothing to say


def test_the_state_of_a_selection_is_that_of_its_latest_pass(caplog):
    with LangSmith(hours(9)) as server:
        runs = select_runs(client_of(server), project_id=PROJECT_ID)
        earlier = iter(runs)
        next(earlier)
        later = iter(runs)
        next(later)
        assert "left after 1 runs" in caplog.text
        assert [next(later).id for _ in range(3)] == [number(1), number(2), number(3)]
        next(earlier)
        assert runs.state.count == 4


def test_a_selection_makes_no_request_before_its_first_run():
    with LangSmith(hours(3)) as server:
        runs = iter(select_runs(client_of(server), project_id=PROJECT_ID))
        assert server.queried == []
        next(runs)
        assert server.queried


def test_a_loader_reads_a_selection_again_with_each_load():
    with LangSmith(hours(5)) as server:
        loader = LangSmithRunChatLoader(runs=select_runs(client_of(server), project_id=PROJECT_ID))
        assert len(loader.load()) == len(loader.load()) == 5


# --- faults ---

FAULTS = {
    "429": Response(429, {"detail": "Rate limit exceeded"}, {"retry-after": "3"}),
    "429 without Retry-After": Response(429, {"detail": "Rate limit exceeded"}),
    "429 with an absurd one": Response(429, {"detail": "Rate limit exceeded"}, {"retry-after": "86400"}),
    "429 with a negative one": Response(429, {"detail": "Rate limit exceeded"}, {"retry-after": "-5"}),
    "429 with a broken one": Response(429, {"detail": "Rate limit exceeded"}, {"retry-after": "soon"}),
    "500": Response(500, {"detail": "oops"}),
    "502 from a proxy": Response(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}),
    "504": Response(504, {"detail": "deadline exceeded"}),
    "dropped": Drop(),
    "half an answer": Response(200, b'{"items": [{"id": "'),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("offers", "path"), [({}, V2_QUERY), (V1_ONLY, "/api/v1/runs/query")])
def test_faults_lose_and_repeat_nothing(fault, offers, path, clock):
    with LangSmith(busy(1200), clock=clock, **offers) as server:
        stream = select_runs(client_of(server), project_id=PROJECT_ID)
        read = iter(stream)
        runs = [next(read) for _ in range(10)]
        server.fault("POST", path, FAULTS[fault], times=3)
        runs += read
        assert server.refused == 0
        assert server.most_queries_in(10) <= 15
    assert numbers(runs) == all_ids(1200)
    assert max(clock.slept) <= 10  # no wait is longer than a sane server asks for


@pytest.mark.slow
@given(st.randoms(use_true_random=False), st.sampled_from([{}, V1_ONLY]))
@settings(max_examples=scaled(8))
def test_any_mix_of_faults_loses_and_repeats_nothing(random, offers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(langsmith_talk, "_limits", {})
        with LangSmith(
            busy(900, random.random()), clock=clock_in_use(), ordered=random.random() < 0.5, **offers
        ) as server:
            path = "/api/v1/runs/query" if offers else V2_QUERY
            for _ in range(6):
                server.fault("POST", path, random.choice(list(FAULTS.values())), after=random.random() < 0.5)
            with langsmith.Langsmith(api_key=KEY, base_url=server.url) as client:
                assert numbers(select_runs(client, project_id=PROJECT_ID)) == all_ids(900)


def test_a_date_in_retry_after_is_waited_for(clock):
    with LangSmith(hours(1)) as server:
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
        server.fault("POST", V2_QUERY, Response(429, {}, {"retry-after": later}))
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 1
    assert 35 < sum(clock.slept) < 41


def test_a_server_that_hangs_is_asked_again(clock):
    with LangSmith(hours(30)) as server:
        client = client_of(server, timeout=1.0)
        server.fault("POST", V2_QUERY, Response(200, None, {"content-length": "9"}))  # which never come
        assert len(list(select_runs(client, project_id=PROJECT_ID))) == 30


@pytest.mark.slow
def test_a_span_that_takes_the_server_too_long_is_halved(apis):
    too_long = timedelta(hours=60)

    def times_out(body):
        since, until = (body.get(name) for name in ("min_start_time", "max_start_time"))
        if since and until and datetime.fromisoformat(until) - datetime.fromisoformat(since) > too_long:
            server.queried.append(0.0)
            raise TimeoutError

    with LangSmith(hours(500), **apis) as server:
        if not server.v2:
            pytest.skip("v1 has no end in its question for the stand-in to look at")
        handle = server._query_v2

        def query(body):
            try:
                times_out(body)
            except TimeoutError:
                return Response(504, {"detail": "deadline exceeded"})
            return handle(body)

        server._query_v2 = query
        assert numbers(select_runs(client_of(server), project_id=PROJECT_ID)) == all_ids(500)


def test_a_question_that_is_refused_is_not_repeated(apis):
    with LangSmith(hours(1), **apis) as server:
        with pytest.raises(langsmith.BadRequestError):
            list(select_runs(client_of(server), project_id=PROJECT_ID, filter="eq(name"))
        assert len(server.queried) == 1


# --- going on ---


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 97, 250])
def test_after_a_death_at_any_run_it_goes_on_with_the_next(apis, step):
    runs = [*traces(*[NOW - timedelta(minutes=n // 5) for n in range(900)])]  # five at each moment
    wanted = {"project_id": PROJECT_ID, "tags": None, "root_error": None}
    with LangSmith(runs, ordered=False, **apis) as server:
        client = client_of(server)
        whole = [run.id for run in select_runs(client, **wanted)]
        got, kept = [], None
        stops = [1, 2, 3, 4, 5, 6, 99, 100] if step == 1 else range(step, 900, step)
        for stop in stops:
            stream = select_runs(client, **wanted, resume=kept and json.loads(kept))
            read = iter(stream)
            while len(got) < stop:
                got.append(next(read).id)
                kept = json.dumps(stream.state.to_dict())
            read.close()
        got += [run.id for run in select_runs(client, **wanted, resume=json.loads(kept))]
    assert got == whole
    assert sorted(got) == all_ids(900)


async def test_what_a_sync_selection_began_an_async_one_ends(apis):
    with LangSmith(hours(300), **apis) as server:
        stream = select_runs(client_of(server), project_id=PROJECT_ID)
        got = [run.id for run in islice(stream, 123)]
        async with langsmith.AsyncLangsmith(api_key=KEY, base_url=server.url) as client:
            rest = select_runs(client, project_id=PROJECT_ID, resume=stream.state)
            got += [run.id async for run in rest]
            assert rest.state.count == 300
    assert sorted(got) == all_ids(300)


def test_a_limit_counts_what_was_taken_before(apis):
    with LangSmith(hours(300), **apis) as server:
        client = client_of(server)
        stream = select_runs(client, project_id=PROJECT_ID, limit=50)
        taken = list(stream)
        assert list(select_runs(client, project_id=PROJECT_ID, limit=50, resume=stream.state)) == []
        more = list(select_runs(client, project_id=PROJECT_ID, limit=80, resume=stream.state))
    assert (len(taken), len(more)) == (50, 30)
    assert numbers([*taken, *more]) == sorted(number(n) for n in range(80))


def test_a_finished_selection_has_no_more(apis):
    with LangSmith(hours(3), **apis) as server:
        stream = select_runs(client_of(server), project_id=PROJECT_ID)
        assert len(list(stream)) == 3
        assert list(select_runs(client_of(server), project_id=PROJECT_ID, resume=stream.state)) == []


def test_a_state_of_other_conditions_is_refused_with_their_names():
    state = select_runs(project_name="a", tags=["x"], start_time=NOW).state
    with pytest.raises(ValueError) as error:
        select_runs(project_name="a", tags=["y"], models="gpt-4o", start_time=NOW, resume=state)
    assert str(error.value) == (
        "resume is the state of another selection, with a different models, tags: give the conditions that it "
        "was made with, or leave resume out to start from the beginning"
    )
    assert select_runs(project_name="a", tags="x", start_time=NOW.replace(tzinfo=None), resume=state)


@pytest.mark.parametrize(("data", "found"), [({}, "nothing"), ({"count": 1, "next": 2}, "count, next")])
def test_what_is_no_state_is_refused(data, found):
    with pytest.raises(ValueError) as error:
        select_runs(project_name="a", resume=data)
    assert str(error.value) == (
        "resume must be the state of a selection, or its to_dict(): conditions, last_start_time, last_id and "
        f"count, not {found}"
    )


def test_a_state_survives_json_and_holds_nothing_of_the_runs():
    with LangSmith(hours(3)) as server:
        stream = select_runs(client_of(server), project_id=PROJECT_ID)
        next(iter(stream))
        state = stream.state
    assert SelectionState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
    assert state.count == 1
    assert set(state.conditions) == {"project_id", "root_error", "error"}
    assert len(json.dumps(state.to_dict())) < 400


# --- retention ---


@pytest.mark.parametrize(("tier", "days"), [("shortlived", 14), ("longlived", 400)])
def test_what_retention_has_cut_is_said_once(apis, tier, days, caplog):
    started = NOW - timedelta(days=days + 30)
    projects = {"support-bot": (PROJECT_ID, started)}
    text = (
        f"LangSmith keeps the traces of this project for {days} days, those with feedback and those that were"
    )
    with LangSmith(hours(3), projects=projects, trace_tier=tier, **apis) as server:
        client = client_of(server)
        assert len(list(select_runs(client, project_id=PROJECT_ID))) == 3
        [said] = caplog.messages
        cut = datetime.now(UTC) - timedelta(days=days)
        assert said.startswith(text)
        assert said.endswith(f"{cut:%Y-%m-%d} is gone. Pass a later start_time= to silence this warning")
        since = cut + timedelta(hours=1)
        assert len(list(select_runs(client, project_id=PROJECT_ID, start_time=since))) == 3
        assert caplog.messages == [said]


def test_where_nothing_is_known_of_retention_nothing_is_said(apis):
    projects = {"support-bot": (PROJECT_ID, NOW - timedelta(days=900))}
    with LangSmith(hours(3), projects=projects, **apis) as server:
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 3


# --- arguments ---


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"sample": 0}, "sample must be above 0 and at most 1, not 0: it is a fraction of the runs"),
        ({"sample": 1.1}, "sample must be above 0 and at most 1, not 1.1: it is a fraction of the runs"),
        ({"tags": []}, "tags is empty: leave it out where it is no condition"),
        ({"models": ()}, "models is empty: leave it out where it is no condition"),
        ({"names": iter([])}, "names is empty: leave it out where it is no condition"),
        ({"fields": []}, "fields is empty: leave it out where it is no condition"),
        ({"fields": ["inpts"]}, "a run has no field 'INPTS'; it has ID, NAME, "),
        (
            {"start_time": NOW, "end_time": NOW},
            "start_time must be before end_time: no run can be between them",
        ),
        ({"feedback": {"k": "good"}}, "feedback['k'] must be a score, such as 1, or a comparison with one"),
    ],
)
def test_select_runs_refuses_a_condition_without_sense(wrong, text):
    with pytest.raises(ValueError) as error:
        select_runs(project_name="a", **wrong)
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    ("offers", "asked"),
    [
        ({}, [2]),
        ({"v1": False}, [2]),
        ({"v2_projects": False, "v1": True}, [1]),
        ({"v2_projects": False, "v1": False}, [1, 2]),
        ({"v2": False}, [1]),
    ],
)
def test_endpoint_that_knows_the_project_chooses_the_api(offers, asked):
    with LangSmith(hours(1), **offers) as server:
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 1
        queries = [r.path for r in server.requests if r.path.endswith("runs/query")]
        assert queries == [V2_QUERY if api == 2 else "/api/v1/runs/query" for api in asked]
        assert server.count("GET", "/api/v1/info") == 0  # which may fail or hang


def test_an_old_version_number_without_v1_is_asked_by_v2():
    with LangSmith(hours(1), v1=False, version="0.13.37") as server:
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 1
