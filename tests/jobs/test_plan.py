import logging

import httpx2
import openai
import pytest

from langsmith_finetune.errors import InvalidExampleError, NotSupportedError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.plan import JobPlan
from langsmith_finetune.providers.openai import OpenAIProvider
from tests.support.jobs import (
    JOBS,
    KEY,
    SECRET,
    connect,
    create,
    journal,
    line_of,
    paid,
    plan,
    provider,
    server,
    train,
    write,
)

__all__ = ["connect", "create", "journal", "plan", "provider", "server", "train"]

PRICED = {"model": "gpt-4.1-mini", "parameters": {"n_epochs": 3}}


@pytest.fixture
def bad(tmp_path):
    lines = [line_of(f"Question {n}") for n in range(10)]
    lines[6]["messages"][1]["role"] = "robot"
    return write(tmp_path / "bad.jsonl", lines)


def test_plan_refuses_a_bad_line_before_anything_is_paid(server, create, bad):
    with pytest.raises(InvalidExampleError, match=r"^bad\.jsonl:7: messages\[1\]\.role: ") as caught:
        create(bad)
    (note,) = caught.value.__notes__
    assert "bad.jsonl for openai: 10 lines, 1 with errors" in note
    assert note.endswith("check=False sends the file all the same")
    assert SECRET not in note + str(caught.value)
    assert server.uploads == []
    assert FineTuneJob.list() == []
    create(bad, check=False)
    assert paid(server) == (1, 1)


def test_too_few_lines_are_known_too(server, create, tmp_path):
    few = write(tmp_path / "few.jsonl", [line_of("Hi")] * 7)
    with pytest.raises(InvalidExampleError, match=r"^few\.jsonl: ") as caught:
        create(few)
    assert "10" in str(caught.value)
    assert server.uploads == []


def test_a_validation_file_may_be_short_but_not_wrong(server, create, tmp_path, bad):
    with pytest.raises(InvalidExampleError, match=r"^bad\.jsonl:7: "):
        create(validation_file=bad)
    create(validation_file=write(tmp_path / "few.jsonl", [line_of("Hi")]))
    assert paid(server) == (2, 1)


def test_what_was_paid_for_already_is_not_checked_again(create, bad):
    job = create(bad, check=False)
    assert create(bad).id == job.id


@pytest.mark.usefixtures("in_2026")
def test_a_job_that_costs_too_much_is_refused(server, create):
    with pytest.raises(ValueError, match="more than max_cost_usd") as caught:
        create(max_cost_usd=0.0001, **PRICED)
    text = str(caught.value)
    assert text.startswith("the job would cost ")
    assert "tokens in 3 epochs at $" in text
    assert text.endswith("That is more than max_cost_usd=0.0001; nothing was sent")
    assert server.uploads == []
    assert server.jobs == {}
    assert create(max_cost_usd=5, **PRICED).id in server.jobs


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            {"model": "gpt-4.1-mini"},
            "the provider chooses the number of epochs itself; set it, as by parameters={'n_epochs': 3}",
        ),
        (
            {"model": "gpt-4.1-mini", "parameters": {"n_epochs": "auto"}},
            "the provider chooses the number of epochs itself; set it, as by parameters={'n_epochs': 3}",
        ),
        (
            {"model": "gpt-made-up", "parameters": {"n_epochs": 3}},
            "the table of prices has none for gpt-made-up at openai",
        ),
    ],
)
def test_a_limit_needs_a_price_that_is_known(server, create, settings, why):
    with pytest.raises(ValueError, match="the price is not known") as caught:
        create(max_cost_usd=5, **settings)
    assert str(caught.value) == (
        f"max_cost_usd=5, but the price is not known: {why}. Nothing was sent; without max_cost_usd the job is "
        "started all the same"
    )
    assert server.uploads == []
    create(**settings)
    assert paid(server) == (1, 1)


def test_an_earlier_job_is_returned_to_whatever_the_limit(create):
    job = create(**PRICED)
    assert create(max_cost_usd=0, **PRICED).id == job.id


@pytest.mark.usefixtures("in_2026")
def test_the_price_is_said_and_kept(create, caplog):
    caplog.set_level(logging.INFO, "langsmith_finetune")
    create(**PRICED)
    assert "openai: train.jsonl: " in caplog.text
    assert "tokens in 3 epochs at $" in caplog.text
    (record,) = FineTuneJob.list()
    assert record.tokens > 0
    assert record.usd == pytest.approx(record.tokens * 5e-6)


def test_training_on_this_machine_needs_no_price(create, plan, connect, server):
    here = connect(costs_money=False)
    assert create(provider=here, max_cost_usd=0).id in server.jobs
    assert "training on this machine costs no money" in str(plan(provider=here))


# --- a plan -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_2026")
def test_a_plan_sends_nothing_and_writes_nothing(server, plan, journal, train):
    found = plan(suffix="bot", seed=7, **PRICED)
    assert isinstance(found, JobPlan)
    assert server.requests == []
    assert not journal.folder.exists()
    assert found.training_bytes == train.stat().st_size
    assert found.check.ok
    assert found.tokens.total * 3 == found.cost.tokens
    assert found.usd == found.cost.usd


def test_a_plan_shows_what_would_be_sent_word_for_word(server, create, plan):
    settings = {"suffix": "bot", "seed": 7, "validation_file": None} | PRICED
    found = plan(**settings)
    create(**settings)
    sent = next(r for r in server.requests if (r.method, r.path) == ("POST", JOBS)).json()
    named = server.files[sent["training_file"]]["filename"]
    assert found.body == sent | {"training_file": named}


def test_a_plan_reads_well(plan, train, tmp_path, provider):
    held_out = write(tmp_path / "held_out.jsonl", [line_of("Hi")])
    found = plan(validation_file=held_out, **PRICED)
    text = str(found)
    assert text.splitlines()[:3] == [
        f"nothing was sent. openai {provider.home}",
        f"upload: train.jsonl ({train.stat().st_size:,} bytes)",
        f"upload: held_out.jsonl ({held_out.stat().st_size:,} bytes)",
    ]
    assert 'create: {"model": "gpt-4.1-mini", "training_file": "langsmith-finetune-' in text
    assert "tokens: " in text
    assert " an epoch (" in text
    assert "price: " in text
    assert "check: train.jsonl for openai: 10 lines, 0 with errors" in text
    assert SECRET not in text
    page = found._repr_html_()
    assert ">Nothing was sent</div>" in page
    assert f"train.jsonl ({train.stat().st_size:,} bytes)" in page
    assert SECRET not in page
    assert repr(found) == text


def test_a_plan_without_a_price_says_why(plan):
    found = plan(check=False)
    assert found.usd is found.cost is found.check is None
    assert (
        found.cost_unknown
        == "the provider chooses the number of epochs itself; set it, as by parameters={'n_epochs': 3}"
    )
    assert found.tokens.total > 0


def test_a_plan_is_refused_what_the_job_would_be(plan, bad):
    with pytest.raises(InvalidExampleError, match=r"^bad\.jsonl:7: "):
        plan(bad)
    with pytest.raises(ValueError, match="unknown name 'epochs'"):
        plan(parameters={"epochs": 3})


def test_tokens_that_cannot_be_counted_are_no_reason_to_stop(plan, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    found = plan(model=folder)
    assert found.tokens is None


# --- what is gone ------------------------------------------------------------------------------------------


def test_what_is_gone_is_refused_before_anything_is_sent(create, clock):
    sent = []

    def answer(request):
        sent.append((request.method, request.url.path))
        return httpx2.Response(200, json={"object": "list", "data": [], "has_more": False})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    with (
        openai.OpenAI(api_key=KEY, base_url="https://api.openai.com/v1", http_client=http) as client,
        pytest.raises(NotSupportedError, match=r"gpt-4\.1-nano") as caught,
    ):
        create(provider=OpenAIProvider(client=client), model="gpt-4.1-nano-2025-04-14")
    assert "Still available: " in str(caught.value)
    assert {method for method, _ in sent} == {"GET"}
    assert FineTuneJob.list() == []
