import logging
import tomllib
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers import lifecycle
from langsmith_finetune.providers.lifecycle import check_lifecycle, lifecycle_of
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.testing import FakeProvider

MINI = "gpt-4.1-mini-2025-04-14"
DATA = tomllib.loads((Path(lifecycle.__file__).parent / "lifecycle.toml").read_text(encoding="utf-8"))
SOURCE = "https://developers.openai.com/api/docs/deprecations, checked 2026-11-22"


@pytest.fixture
def at_openai():
    """A provider at OpenAI's own address, with answers of ours."""
    clients, asked = [], []

    def make(answer):
        def handle(request):
            asked.append(f"{request.method} {request.url}")
            return answer

        http = httpx2.Client(transport=httpx2.MockTransport(handle))
        clients.append(openai.OpenAI(api_key="sk-k", base_url="https://api.openai.com/v1", http_client=http))
        provider = OpenAIProvider(client=clients[-1])
        provider.asked = asked
        return provider

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def silent_openai(at_openai):
    return at_openai(httpx2.Response(500, text="no"))


# --- the data ----------------------------------------------------------------------------------------------


def test_every_entry_has_what_it_needs():
    assert isinstance(DATA["checked"], date)
    for entry in DATA["end"]:
        assert entry["what"] in {"jobs", "models"}
        assert isinstance(entry["date"], date)
        assert entry["source"].startswith("https://")
        assert entry.keys() <= {"provider", "what", "models", "methods", "date", "source", "note"}
    for entry in DATA["alive"]:
        assert entry.keys() == {"provider", "name", "methods"}


@pytest.mark.parametrize("entry", DATA["alive"], ids=lambda entry: entry["provider"])
def test_what_lives_is_named_for_every_method_that_it_trains_by(entry):
    name = entry["name"].split()[0].rstrip(",")
    provider = getattr(import_module(f"langsmith_finetune.providers.{entry['provider']}"), name)
    # Azure trains its open models by one method alone.
    assert set(entry["methods"]) == ({"supervised"} if name == "AzureProvider" else provider.methods)


def test_no_ended_provider_is_called_living():
    ended = {entry["provider"] for entry in DATA["end"] if entry["what"] == "jobs" and "models" not in entry}
    assert not ended & {entry["provider"] for entry in DATA["alive"]}


@pytest.mark.parametrize(
    ("provider", "model", "method", "today", "gone", "days"),
    [
        ("openai", MINI, "supervised", "2026-11-23", (), 52),
        ("openai", MINI, "supervised", "2027-01-05", (), 9),
        ("openai", MINI, "supervised", "2027-01-06", ("jobs",), 8),
        ("openai", MINI, "supervised", "2027-01-14", ("jobs", "models"), 0),
        ("openai", "gpt-4o-mini", "dpo", "2026-11-23", (), 52),
        ("openai", "ft:gpt-4o-mini-2024-07-18:org::id", "supervised", "2026-11-23", (), 52),
        ("openai", "gpt-4.1-nano-2025-04-14", "supervised", "2026-10-22", (), 1),
        ("openai", "gpt-4.1-nano-2025-04-14", "supervised", "2026-11-23", ("models",), 0),
        ("openai", "gpt-4o-2024-05-13", "supervised", "2026-11-23", ("models",), 0),
        ("openai", "gpt-9", "supervised", "2026-11-23", (), None),
        ("openai", "gpt-9", "reinforcement", "2026-11-23", ("jobs",), None),
        ("azure", MINI, "supervised", "2026-11-23", (), 325),
        ("azure", MINI, "supervised", "2027-04-14", ("jobs",), 183),
        ("azure", "gpt-oss-20b", "supervised", "2027-12-31", (), None),
        ("mistral", "ministral-3b", "supervised", "2026-11-23", ("jobs",), None),
        ("together", "Qwen/Qwen3-8B", "dpo", "2026-11-23", (), None),
        ("local", "anything", "supervised", "2036-11-23", (), None),
    ],
)
def test_what_is_gone_and_how_long_a_model_lives(*, provider, model, method, today, gone, days):
    found = lifecycle_of(provider, model, method, date.fromisoformat(today))
    assert tuple(ending.what for ending in found.gone) == gone
    assert found.days_to_live == days
    assert all(ending.day > found.today for ending in found.ending)


@given(
    st.sampled_from(sorted({entry["provider"] for entry in DATA["end"]})),
    st.sampled_from([MINI, "gpt-4o", "o4-mini", "x"]),
    st.dates(date(2025, 1, 1), date(2029, 1, 1)),
    st.integers(0, 400),
)
def test_ended_models_stay_ended_as_time_passes(provider, model, day, later):
    early = lifecycle_of(provider, model, "supervised", day)
    late = lifecycle_of(provider, model, "supervised", day + timedelta(days=later))
    assert set(early.gone) <= set(late.gone)
    assert set(late.ending) <= set(early.ending)
    if early.days_to_live is not None:
        assert late.days_to_live == max(0, early.days_to_live - later)


# --- the check ---------------------------------------------------------------------------------------------


def test_job_near_the_end_warns_with_its_models_days(silent_openai, caplog):
    found = check_lifecycle(silent_openai, MINI, "supervised", date(2027, 1, 5))
    assert found.days_to_live == 9
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert record.getMessage() == (
        f"openai: a model tuned from {MINI} will live 9 days: it ends on 2027-01-14 ({SOURCE}). "
        "Still available: TogetherProvider, FireworksProvider, AzureProvider with an open model, NebiusProvider, "
        "CrusoeProvider, HuggingFaceProvider, LocalProvider, which nobody can withdraw"
    )


def test_one_day_is_not_days(silent_openai, caplog):
    check_lifecycle(silent_openai, "gpt-4.1-nano", "supervised", date(2026, 10, 22))
    assert "will live 1 day: it ends on 2026-10-23" in caplog.text


def test_a_job_after_the_end_of_jobs_is_refused_with_what_lives(silent_openai):
    with pytest.raises(NotSupportedError) as caught:
        check_lifecycle(silent_openai, MINI, "dpo", date(2027, 1, 6))
    assert str(caught.value) == (
        f"openai does not support new fine-tuning jobs: that ended on 2027-01-06 ({SOURCE}; organizations that "
        "never fine-tuned are refused since 2026-05-07, inactive ones since 2026-07-02). Still available: "
        "TogetherProvider, FireworksProvider, HuggingFaceProvider, LocalProvider, which nobody can withdraw"
    )


def test_a_base_model_that_is_gone_is_refused(silent_openai):
    with pytest.raises(NotSupportedError, match=r"'gpt-3\.5-turbo-0125': that ended on 2026-10-23"):
        check_lifecycle(silent_openai, "gpt-3.5-turbo-0125", "supervised", date(2026, 11, 23))


def test_the_end_of_jobs_alone_is_warned_of_too(silent_openai, caplog):
    check_lifecycle(silent_openai, "gpt-9", "supervised", date(2026, 11, 23))
    assert f"openai: new fine-tuning jobs end on 2027-01-06 ({SOURCE}" in caplog.text


def test_where_nobody_else_trains_by_that_method_it_says_so(silent_openai):
    with pytest.raises(NotSupportedError, match=r"No alternative known$"):
        check_lifecycle(silent_openai, "gpt-9", "reinforcement", date(2026, 11, 23))


def test_a_provider_without_a_known_end_is_passed_in_silence(caplog):
    found = check_lifecycle(FakeProvider(), "anything", "supervised", date(2026, 11, 23))
    assert (found.gone, found.ending, found.days_to_live) == ((), (), None)
    assert caplog.records == []


def test_another_host_of_openais_api_has_another_calendar(caplog):
    with openai.OpenAI(api_key="k", base_url="http://localhost:1/v1") as client:
        found = check_lifecycle(OpenAIProvider(client=client), MINI, "supervised", date(2027, 6, 1))
    assert found.gone == ()
    assert caplog.records == []


# --- asked live --------------------------------------------------------------------------------------------


def test_what_openai_says_itself_counts(at_openai, caplog):
    provider = at_openai(httpx2.Response(200, json={"id": MINI, "shutdown_date": "2026-12-03"}))
    found = check_lifecycle(provider, MINI, "supervised", date(2026, 11, 23))
    assert found.days_to_live == 10
    assert provider.asked == [f"GET https://api.openai.com/v1/models/{MINI}"]
    assert "it ends on 2026-12-03 (the provider's list of models)" in caplog.text


def test_a_model_that_openai_shut_down_is_refused(at_openai):
    provider = at_openai(httpx2.Response(200, json={"id": "gpt-9", "shutdown_date": "2026-11-01"}))
    with pytest.raises(NotSupportedError, match="that ended on 2026-11-01"):
        check_lifecycle(provider, "gpt-9", "supervised", date(2026, 11, 23))


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, json={"id": MINI, "shutdown_date": None}),
        httpx2.Response(200, json={"id": MINI}),
        httpx2.Response(200, json={"id": MINI, "shutdown_date": "soon"}),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[1]),
        httpx2.Response(404, json={"error": {"message": "no such model"}}),
        httpx2.Response(503, text=""),
    ],
)
def test_without_a_date_of_its_own_the_data_counts(at_openai, answer):
    provider = at_openai(answer)
    found = check_lifecycle(provider, MINI, "supervised", date(2027, 1, 5))
    assert found.days_to_live == 9
    assert len(provider.asked) == 1
