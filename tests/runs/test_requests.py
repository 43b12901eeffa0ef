"""How many requests a selection makes, on every kind of traffic, and how large its pages are."""

from __future__ import annotations

import itertools

import pytest

from langsmith_finetune.runs.langsmith import progress
from langsmith_finetune.runs.langsmith import request as wire
from langsmith_finetune.runs.select import select_runs
from tests.support.langsmith_runs import NOW, V2_QUERY, client_of, hours, number, numbers
from tests.support.standins.langsmith import PROJECT_ID, LangSmith, trace
from tests.support.standins.server import Response
from tests.support.standins.traffic import TRAFFIC, Case, queries, queries_and_others

V1_ONLY = {"v2": False, "version": "0.13.37"}


@pytest.mark.slow
@pytest.mark.parametrize("traffic", TRAFFIC)
def test_v1_takes_few_requests_more_than_full_pages(traffic):
    case = Case(traffic, "v1", 1500)
    assert queries(case) <= case.least * 1.3


@pytest.mark.slow
@pytest.mark.parametrize("traffic", ["steady", "bursty"])
def test_v1_that_keeps_no_order_takes_few_requests_more(traffic):
    case = Case(traffic, "v1", 1500, ordered=False)
    assert queries(case) <= case.least * 1.3 + 3


@pytest.mark.slow
@pytest.mark.parametrize("traffic", TRAFFIC)
@pytest.mark.parametrize("ordered", [True, False])
def test_a_long_selection_takes_at_most_1_3_times_the_least(traffic, ordered):
    case = Case(traffic, "v2", 20_000, ordered=ordered)  # four more to begin with
    assert queries(case) <= case.least * 1.3


@pytest.mark.slow
@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize(("rated", "most"), [(0.0, 2), (0.1, 4), (1.0, 45)])
def test_feedback_takes_no_run_query_and_few_requests_of_its_own(api, rated, most):
    made, of_feedback = queries_and_others(Case("steady", api, 1500, rated=rated))
    assert made == queries(Case("steady", api, 1500))
    assert of_feedback <= most


@pytest.mark.parametrize("offers", [{"v1": False}, V1_ONLY])
def test_ten_runs_of_a_busy_project_take_three_requests_and_one_for_feedback(offers):
    with LangSmith(hours(3000), **offers) as server:
        runs = list(select_runs(client_of(server), project_name="support-bot", limit=10))
        assert [run.id for run in runs] == [number(n) for n in range(10)]
        of_feedback = [request for request in server.requests if request.path == "/api/v1/feedback"]
        assert len(server.requests) - len(of_feedback) <= 3
        assert len(of_feedback) == 1


def test_ten_runs_that_come_in_no_order_take_three_queries():
    assert queries(Case("steady", "v2", 9000, ordered=False, limit=10)) <= 3


@pytest.mark.slow
async def test_an_async_selection_makes_the_same_requests():
    with LangSmith(hours(2500), v1=False) as server:
        plain = [run.id for run in select_runs(client_of(server), project_id=PROJECT_ID)]
        made = len(server.queried)
        found = [run.id async for run in select_runs(client_of(server), project_id=PROJECT_ID)]
        assert len(server.queried) == 2 * made
    assert found == plain


def sizes(server: LangSmith) -> list[int]:
    return [r.json()["page_size"] for r in server.requests if r.path == V2_QUERY]


@pytest.mark.slow
def test_pages_grow_to_the_servers_limit_for_light_runs():
    with LangSmith(hours(4000), v1=False) as server:
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 4000
        assert sizes(server)[0] == 250
        assert set(sizes(server)[1:]) == {1000}


def test_pages_of_heavy_runs_stay_within_their_bytes(monkeypatch):
    monkeypatch.setattr(progress, "PAGE_BYTES", 60_000)
    answers = []
    monkeypatch.setattr(
        progress.Progress,
        "_weigh",
        lambda self, page, weigh=progress.Progress._weigh: (
            answers.append(page.size / page.pages),
            weigh(self, page),
        ),
    )
    with LangSmith(hours(1500), v1=False) as server:
        assert len(list(select_runs(client_of(server), project_id=PROJECT_ID))) == 1500
    assert max(answers[1:]) < 66_000
    assert len(answers) < 40


@pytest.mark.parametrize("how", ["413", "too many bytes for us"])
def test_an_answer_that_is_too_large_is_asked_for_in_parts(monkeypatch, how):
    with LangSmith(hours(700), v1=False) as server:
        if how == "413":
            query = server._query_v2
            server._query_v2 = lambda body: Response(413, {}) if body["page_size"] > 70 else query(body)
        else:
            monkeypatch.setattr(wire, "LARGEST_ANSWER", 70_000)
        runs = list(select_runs(client_of(server), project_id=PROJECT_ID))
        asked = sizes(server)
    assert numbers(runs) == sorted(number(n) for n in range(700))
    assert [run.id for run in runs] == [number(n) for n in range(700)]
    assert len(asked) < 60
    grown = list(itertools.pairwise(asked))
    assert any(after < before for before, after in grown)
    assert any(after > before for before, after in grown)


def test_too_large_run_names_langsmith(monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_ANSWER", 500)
    with (
        LangSmith(hours(3), v1=False) as server,
        pytest.raises(
            wire.AnswerTooLargeError, match=r"^LangSmith's answer to /api/v2/runs/query is larger than"
        ),
    ):
        list(select_runs(client_of(server), project_id=PROJECT_ID))


def test_a_state_that_an_earlier_version_wrote_resumes():
    state = {
        "conditions": {"project_id": "892befe4690b", "root_error": "fcbcf165908d", "error": "fcbcf165908d"},
        "last_start_time": (NOW.replace(tzinfo=None)).isoformat(),
        "last_id": number(4),
        "count": 2,
    }
    runs = [run for n in range(8) for run in trace(run_id=number(n), started=NOW)]
    with LangSmith(runs) as server:
        rest = select_runs(client_of(server), project_id=PROJECT_ID, resume=state)
        assert [run.id for run in rest] == [number(n) for n in (3, 2, 1, 0)]
        assert rest.state.count == 6


@pytest.mark.slow
def test_cursors_that_are_never_good_cost_no_run():
    with LangSmith(hours(3000), v1=False, ordered=False) as server:
        server.cursors_to_forget = 10_000
        runs = list(select_runs(client_of(server), project_id=PROJECT_ID))
    assert [run.id for run in runs] == [number(n) for n in range(3000)]


@pytest.mark.slow
def test_ordered_pages_that_are_not_the_newest_are_doubted():
    """A server that sorts within a page, and takes any runs for it."""
    with LangSmith(hours(3000), v1=False, ordered=False) as server:
        query = server._query_v2

        def sorted_page(body):
            answer = query(body)
            answer.body["items"].sort(key=lambda item: item["start_time"], reverse=True)
            return answer

        server._query_v2 = sorted_page
        runs = list(select_runs(client_of(server), project_id=PROJECT_ID))
        few = list(select_runs(client_of(server), project_id=PROJECT_ID, limit=30))
    assert [run.id for run in runs] == [number(n) for n in range(3000)]
    assert [run.id for run in few] == [number(n) for n in range(30)]
