"""What earlier versions left on disks and at hosts is read, found and not paid for again."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import date

import httpx2
import pytest

from langsmith_finetune import FineTuneJob, read_jsonl, run_files
from langsmith_finetune.dataset import write_shards
from langsmith_finetune.jobs import Journal
from langsmith_finetune.ledger import Ledger
from langsmith_finetune.providers import lifecycle
from langsmith_finetune.testing import FakeProvider
from tests.support import freeze
from tests.support.paths import DATA

pytestmark = pytest.mark.usefixtures("clock")

FROZEN = DATA / "frozen"
VERSIONS = sorted(path.name for path in FROZEN.iterdir())
PROVIDERS = [
    (version, name) for version in VERSIONS for name in freeze.MODELS if (FROZEN / version / name).is_dir()
]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=VERSIONS)
def version(request):
    return FROZEN / request.param


@pytest.fixture(params=[version for version in VERSIONS if version != "0e8e225"])
def since_release(request):
    """A version since the first that was released, whose data has more."""
    return FROZEN / request.param


@pytest.fixture(params=PROVIDERS, ids="-".join)
def folder(request, tmp_path):
    """What a version left of a provider's jobs, in a folder of this test."""
    version, name = request.param
    home = tmp_path / "ada"
    shutil.copytree(FROZEN / version, home)
    for path in home.rglob("*.json*"):
        if path.suffix in (".json", ".jsonl"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(f'"{freeze.HOME}/', f'"{home.as_posix()}/'), encoding="utf-8")
    return home / name


@pytest.fixture
def left(folder):
    """The provider, its stand-in if it has one, the folder, and the jobs."""
    name, frozen = folder.name, read(folder / "jobs.json")
    if name not in freeze.HOSTED:
        yield freeze.without_a_host(name, folder / "runs"), None, folder, frozen
        return
    with freeze.at_stand_in(name) as (server, provider), httpx2.Client(base_url=server.url) as http:
        for line in (folder / "requests.jsonl").read_text(encoding="utf-8").splitlines():
            replay(http, json.loads(line))
        server.requests.clear()
        yield provider, server, folder, frozen


def replay(http, sent):
    """Send a host what was sent to it then."""
    kind = {} if sent["type"] is None else {"content-type": sent["type"]}
    key = {} if sent["path"].startswith("/storage/") else {"authorization": f"Bearer {freeze.KEY}"}
    body = sent["body"].encode()
    http.request(sent["method"], sent["path"], params=sent["query"], content=body, headers=key | kind)


def sent(server):
    """What was sent to a host that could cost something."""
    if server is None:
        return []
    asking = ("/paths-info/", "/preupload/")  # a question, by POST
    return [
        (request.method, request.path)
        for request in server.requests
        if request.method not in ("GET", "HEAD") and not any(word in request.path for word in asking)
    ]


def made(provider, server, folder):
    """How many jobs there are."""
    if server is not None:
        return len(server.jobs)
    return len(list((folder / "runs").glob("f*-*")))


def settings_of(folder, provider):
    return freeze.jobs_of(provider.name, folder / "work", folder.parent / "files")


# --- fingerprints ------------------------------------------------------------------------------------------


def test_a_request_has_the_fingerprint_that_it_had(version):
    rows = read(version / "fingerprints.json")["requests"]
    assert len(rows) >= 20
    assert len({row["fingerprint"] for row in rows}) >= 20  # but for what differs in the order of keys alone
    for row in rows:
        assert freeze.fingerprint_of(row["request"]) == row["fingerprint"], row["request"]


@pytest.mark.parametrize("name", freeze.MODELS)
def test_create_asks_for_what_it_asked_for(version, name, monkeypatch):
    # A day on which every method of every provider lived; what has ended since is not planned any more.
    monkeypatch.setattr(lifecycle, "_today", lambda: date(2026, 10, 1))
    frozen = read(version / "fingerprints.json")["created"][name]
    provider = (freeze.UNHOSTED.get(name) or freeze.HOSTED[name][2])()
    assert provider.home == frozen["home"]
    found = {
        variant: freeze.fingerprint_at(provider, version / "files", variant)
        for variant in frozen["fingerprints"]
    }
    assert found == frozen["fingerprints"]
    assert len(set(found.values())) == len(found)


# --- jobs --------------------------------------------------------------------------------------------------


def test_the_journal_is_read(left):
    provider, _, folder, frozen = left
    records = FineTuneJob.list(provider, journal=folder / "journal")
    found = {
        record.job_id: (record.fingerprint, list(record.names), record.fine_tuned_model) for record in records
    }
    assert found == {
        job["job_id"]: (job["fingerprint"], job["names"], job["fine_tuned_model"])
        for job in frozen["jobs"].values()
    }


def test_a_job_is_attached_to_by_id_and_by_name(left):
    provider, server, folder, frozen = left
    for job in frozen["jobs"].values():
        for name in (job["job_id"], *job["names"]):
            attached = FineTuneJob.attach(name, provider=provider, journal=folder / "journal")
            assert attached.id == job["job_id"]
            if job["status"] == "succeeded":
                assert attached.wait(progress=False).id == job["fine_tuned_model"]
    assert sent(server) == []
    assert made(provider, server, folder) == len(frozen["jobs"])


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["the journal of then", "no journal"])
def test_the_same_call_finds_the_same_job(left, journal):
    provider, server, folder, frozen = left
    where = folder / "journal" if journal == "the journal of then" else folder / "lost"
    for title, settings in settings_of(folder, provider).items():
        job = FineTuneJob.create(**settings, provider=provider, journal=where, progress=False)
        assert job.id == frozen["jobs"][title]["job_id"], title
    assert sent(server) == []
    assert made(provider, server, folder) == len(frozen["jobs"])
    assert len(Journal(where).records(provider)) == len(frozen["jobs"])


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["intended", "creating"])
def test_a_job_whose_process_was_killed_then_is_found(left, stage):
    provider, server, folder, frozen = left
    for path in (folder / "journal").glob("job-*.json"):
        record = read(path) | {"stage": stage, "job_id": None, "status": None, "fine_tuned_model": None}
        path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    for title, settings in settings_of(folder, provider).items():
        job = FineTuneJob.create(**settings, provider=provider, journal=folder / "journal", progress=False)
        assert job.id == frozen["jobs"][title]["job_id"], title
    assert sent(server) == []
    assert made(provider, server, folder) == len(frozen["jobs"])
    assert len(Journal(folder / "journal").records(provider)) == len(frozen["jobs"])


@pytest.mark.parametrize(
    "folder", [found for found in PROVIDERS if found[1] in freeze.HOSTED], ids="-".join, indirect=True
)
def test_a_file_that_was_sent_is_not_sent_again(left):
    provider, server, folder, frozen = left
    settings = settings_of(folder, provider)["plain"] | {"seed": 8}
    job = FineTuneJob.create(**settings, provider=provider, journal=folder / "journal", progress=False)
    assert job.id not in [known["job_id"] for known in frozen["jobs"].values()]
    uploads = [
        path for method, path in sent(server) if "storage" in path or "upload" in path or "/files" in path
    ]
    assert uploads == []


def test_an_ended_job_is_written_into_journal_and_ledger_of_then(left):
    provider, _, folder, _ = left
    job = FineTuneJob.attach("support-bot", provider=provider, journal=folder / "journal")
    model = job.wait(progress=False)
    (record,) = [r for r in Journal(folder / "journal").records(provider) if r.job_id == job.id]
    assert (record.status, record.fine_tuned_model) == ("succeeded", model.id)
    rows = [row for row in Ledger(folder / "work").jobs() if row["job_id"] == job.id]
    assert {row["role"]: row.get("fine_tuned_model") for row in rows}["training"] == model.id


# --- ledgers -----------------------------------------------------------------------------------------------


def test_the_ledger_tells_whom_files_jobs_and_models_saw(folder):
    work, frozen = folder / "work", read(folder / "jobs.json")
    jobs = [job["job_id"] for job in frozen["jobs"].values() if job["names"] != ["better"]]
    assert Ledger.verify(work / "train.jsonl") == 12
    seen = Ledger(work).seen(user_ids=["ada"])
    (file,) = seen.files
    assert (file.lines, file.replaced) == ((1, 4, 7, 10), False)
    assert sorted(job["job_id"] for job in seen.jobs) == sorted(jobs)
    assert frozen["jobs"]["plain"]["fine_tuned_model"] in seen.models
    sources = Ledger.sources_of(work / "train.jsonl", 5)
    assert [(source["run"], source.get("role")) for source in sources] == [
        ("run-4", None),
        ("run-merged", "merged"),
    ]


def test_a_ledger_is_rebuilt_without_a_user(folder):
    path = folder / "work" / "train.jsonl"
    before = path.read_bytes().splitlines(keepends=True)
    erased = Ledger.erase(path, user_ids=["grace"], run_ids=["run-0"])
    assert erased.removed == (1, 2, 5, 8, 11)
    kept = [line for number, line in enumerate(before, start=1) if number not in erased.removed]
    assert path.read_bytes() == b"".join(kept)
    assert Ledger.verify(path) == 7
    seen = Ledger(folder / "work").seen(user_ids=["grace"])
    assert [file.replaced for file in seen.files] == [True]  # the jobs took the file as it was
    assert seen.models


def test_each_line_has_the_sources_that_it_had(version):
    path = version / "openai" / "work" / "train.jsonl"
    examples = list(freeze.examples())
    assert list(read_jsonl(path)) == [example.line for example in examples]
    for number, example in enumerate(examples, start=1):
        source, row = example.source, Ledger.sources_of(path, number)[0]
        assert row["run"] == source.run_id
        assert row["trace"] == source.trace_id
        assert row["start_time"] == source.start_time
        assert row.get("scores", {}) == source.scores
        assert len(row.get("user_sha256", "")) == (64 if source.user_id else 0)


# --- local runs, selections, saved runs and shards ---------------------------------------------------------


def test_a_run_folder_tells_its_events(version, tmp_path):
    shutil.copytree(version / "local" / "runs", tmp_path / "runs")
    provider = freeze.without_a_host("local", tmp_path / "runs")
    for job in read(version / "local" / "jobs.json")["jobs"].values():
        status = provider.retrieve_job(job["job_id"])
        assert (status.status, status.fine_tuned_model) == ("succeeded", job["fine_tuned_model"])
        assert status.trained_tokens
        events = provider.job_events(job["job_id"])
        assert events[-1].total_steps == status.step
        assert any("train_loss" in event.metrics for event in events)


def test_jobs_of_a_fake_in_a_folder_are_known(version, tmp_path):
    shutil.copytree(version / "fake" / "runs", tmp_path / "runs")
    provider = FakeProvider(tmp_path / "runs")
    for job in read(version / "fake" / "jobs.json")["jobs"].values():
        assert provider.retrieve_job(job["job_id"]).fine_tuned_model


@pytest.mark.parametrize("apis", [{"v1": False}, {"v2": False, "version": "0.13.37"}], ids=["v2", "v1"])
@pytest.mark.parametrize("name", freeze.SELECTIONS)
def test_a_selection_goes_on_with_the_run_after_the_last(version, name, apis):
    frozen = read(version / "selections.json")[name]
    with freeze.langsmith_client(**apis) as client:
        runs = freeze.selected(client, name, resume=frozen["state"])
        assert runs.state.to_dict() == frozen["state"]
        assert [str(run.id) for run in runs] == frozen["left"]
        assert runs.state.count == len(frozen["taken"]) + len(frozen["left"])


@pytest.mark.parametrize("number", range(3))
def test_saved_runs_are_read(version, number):
    (path,) = (version / "shards" / "from").glob(f"runs-{number}.*")
    found = list(run_files(path))
    assert [(run["id"], run["inputs"], run["outputs"]) for run in found] == [
        (run["id"], run["inputs"], run["outputs"]) for run in freeze.shard_runs(number)
    ]


def test_shards_go_on_to_the_same_bytes(version, tmp_path):
    """A run that was killed after one shard, while it made the next."""
    frozen = version / "shards"
    folder = tmp_path / "to"
    shutil.copytree(frozen / "to", folder)
    whole = contents(folder)
    for path in folder.iterdir():
        if not path.name.startswith("part-00000"):
            path.unlink()
    (folder / ".unfinished-abc").mkdir()
    (folder / ".unfinished-abc" / "part-00001.jsonl").write_text("half")
    written = write_shards([str(path) for path in sorted((frozen / "from").iterdir())], folder)
    assert contents(folder) == whole
    assert (written.count, dict(written.skipped)) == (12, {"hidden": 3})


def contents(folder):
    """Shards and ledgers to the byte; the lists of what was skipped may be spaced otherwise."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {name: json.loads(data) if "skipped" in name else data for name, data in files.items()}


def test_shards_have_their_ledgers_and_lists_of_what_was_skipped(version):
    folder = version / "shards" / "to"
    for number in range(3):
        assert Ledger.verify(folder / f"part-0000{number}.jsonl") == 4
        (skipped,) = (folder / f"part-0000{number}.skipped.jsonl").read_text().splitlines()
        assert json.loads(skipped) | {"detail": ""} == {
            "run": f"run-{number}-3",
            "reason": "hidden",
            "detail": "",
        }
    assert [file.lines for file in Ledger(folder).seen(user_ids=["ada"]).files] == [(2,)] * 3


# --- other kinds of lines, and evaluations -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["preferences", "labels"])
def test_other_kinds_of_lines_are_read_with_their_sources(since_release, kind):
    path = since_release / "kinds" / f"{kind}.jsonl"
    examples = list(getattr(freeze, kind)())
    assert list(read_jsonl(path)) == [example.line for example in examples]
    assert Ledger.verify(path) == len(examples)
    for number, example in enumerate(examples, start=1):
        sources = [row["run"] for row in Ledger.sources_of(path, number)]
        both = (example.source, getattr(example, "rejected_source", None))
        assert sources == [source.run_id for source in both if source]


def test_answers_that_an_evaluation_paid_for_are_not_asked_again(since_release, tmp_path):
    folder = tmp_path / "evaluation"
    shutil.copytree(since_release / "evaluation", folder)
    provider = FakeProvider(responses=["not one of those answers"])
    assert freeze.evaluated(folder, provider).scores == read(folder / "scores.json")


# --- the data ----------------------------------------------------------------------------------------------


def test_the_frozen_files_are_small_and_tell_of_no_machine(version):
    files = [path for path in version.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 500_000
    for path in files:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        assert not any(word in content for word in (b"/tmp", b"/root", freeze.KEY.encode())), path
