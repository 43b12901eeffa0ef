"""Each host's way from a file to a model, and its refusals, replayed from cassettes without a server.

`make record` records them anew, and changes nothing here: what another recording says is taken from the cassette.
"""

import json
import re
import time

import pytest

from langsmith_finetune._foundation.masking import host_words
from tests.support.paths import CASSETTES
from tests.support.recorded_hosts import ASKED, HOSTS, Visit, asked_of, this_librarys_code
from tests.support.tape import ACCOUNT, answers, header_of, replayed, secrets_in

pytestmark = pytest.mark.usefixtures("clock", "in_2026")

REFUSED = {"wrong_key": {401, 403}, "not_found": {400, 404, 422}, "rate_limit": {429}}
"""The statuses that say so; a model or a file may be refused by an answer, or by a job that fails."""


@pytest.fixture
def replay(tmp_path, monkeypatch):
    """What comes of a question to a host now, what came of it when it was recorded, and what the host answered."""

    def replay(host, asked):
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"it waits {seconds} s for real"))
        path = CASSETTES / "hosts" / host / f"{asked}.yaml"
        header = header_of(path)
        recorded = header["recorded"]
        visit = Visit(
            host=HOSTS[host],
            folder=tmp_path,
            made_for=recorded["made_for"],
            model=recorded["model"],
            url=HOSTS[host].url,
            key=HOSTS[host].key,
            account=ACCOUNT,
        )
        with replayed(path) as tape, this_librarys_code():
            outcome = ASKED[asked](visit)
        assert tape.all_played
        return json.loads(json.dumps(outcome)), header["outcome"], answers(tape)

    return replay


def creations(host, told):
    """What a host answered when a job was created."""
    path = re.escape(HOSTS[host].jobs_path) + "$"
    return [text for method, at, _, text in told if method == "POST" and re.search(path, at)]


@pytest.mark.parametrize("host", HOSTS)
def test_a_file_becomes_a_model_and_is_paid_for_once(replay, host):
    outcome, then, told = replay(host, "way")
    assert outcome == then
    (created,) = creations(host, told)
    assert outcome["job"] in created
    assert outcome["found_again"] == outcome["job"]
    assert outcome["status"] == "succeeded"
    for model in (outcome["model"], outcome["base_model"]):
        assert any(model in text for *_, text in told)
    assert outcome["events"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_job_that_is_cancelled_ends(replay, host):
    outcome, then, told = replay(host, "cancelled")
    assert outcome == then
    (created,) = creations(host, told)
    assert outcome["job"] in created
    assert outcome["error"] == "JobFailedError"
    assert f"job {outcome['job']} was cancelled" in outcome["text"]


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        (name, asked)
        for name, host in HOSTS.items()
        for asked in asked_of(host)
        if asked not in {"way", "cancelled"}
    ],
)
def test_a_refusal_has_the_hosts_words_and_no_second_job(replay, host, asked):
    outcome, then, told = replay(host, asked)
    assert outcome == then
    assert len(creations(host, told)) <= 1
    *_, status, text = told[-1]
    assert asked not in REFUSED or status in REFUSED[asked]
    if outcome["error"] == "ProviderError":
        assert outcome["text"].startswith(f"{host}: HTTP {status}: ")
        assert said(text) in outcome["text"]
    if asked == "rate_limit":
        assert outcome["waited"]
        assert len(outcome["waited"]) == [status for *_, status, _ in told].count(429) - 1


def said(text):
    """The message of a refusal, as we may show it; nothing where there is none."""
    try:
        body = json.loads(text)
    except ValueError:
        return ""
    error = body.get("error", body)
    return host_words(
        error if isinstance(error, str) else str(error.get("message") or error.get("detail") or "")
    )


def test_every_host_has_every_cassette_and_no_other():
    found = {path.relative_to(CASSETTES / "hosts").with_suffix("") for path in CASSETTES.glob("hosts/*/*")}
    assert {str(path) for path in found} == {
        f"{name}/{asked}" for name, host in HOSTS.items() for asked in asked_of(host)
    }


@pytest.mark.parametrize(
    "path", sorted(CASSETTES.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_cassette_is_small_sourced_and_without_secrets(path):
    text = path.read_text(encoding="utf-8")
    assert secrets_in(text) == []
    recorded = header_of(path)["recorded"]
    assert recorded["from"] == "stand-in" or recorded["from"].startswith("https://")
    first = (
        "from the stand-in in tests/support/standins, not a live service"
        if recorded["from"] == "stand-in"
        else "live"
    )
    assert text.startswith(f"# Recorded {first}.\n")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", recorded["on"])
    assert recorded["with"]["langsmith-finetune"]
    assert recorded["from"] != "stand-in" or len(text) < 150_000
