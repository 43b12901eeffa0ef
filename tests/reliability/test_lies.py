"""Hosts that lie: each lie of a table is told by every host's stand-in, and costs nothing and takes nothing."""

import itertools
import json
from dataclasses import replace
from functools import partial

import pytest

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.http.sending import FileChangedError
from langsmith_finetune.providers.likeness import contradicts
from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.testing import FakeProvider, ProviderContract
from tests.support.by_hand import created
from tests.support.hosts import HOSTS, KEY, copy_of, lie
from tests.support.standins.fireworks import FireworksStandIn
from tests.support.standins.huggingface import HuggingFaceStandIn
from tests.support.standins.server import Response

pytestmark = pytest.mark.usefixtures("clock", "in_2026")

make = ProviderContract().job_request


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "journal"))


@pytest.fixture
def train(tmp_path):
    path = tmp_path / "train.jsonl"
    lines = (
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "yes"}]}
        for n in range(12)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(params=HOSTS)
def host(request):
    return HOSTS[request.param]


@pytest.fixture
def running(host, clock):
    with host.running() as (server, provider):
        yield server, provider


@pytest.fixture
def server(running):
    return running[0]


@pytest.fixture
def provider(running):
    return running[1]


@pytest.fixture
def create(host, provider, clock, train):
    def create(**settings):
        return FineTuneJob.create(train, **{"model": host.model, "provider": provider} | settings)

    return create


# --- lists -------------------------------------------------------------------------------------------------


def turned(host, server, pages):
    """Answer the list of jobs with pages: a function of the number of the request."""
    honest, count = server.handle, 0

    def handle(request):
        nonlocal count
        if (request.method, request.path) != ("GET", host.jobs):
            return honest(request)
        count += 1
        return pages(count)

    server.handle = handle


def round_in_circles(host, server):
    return lambda n: host.page(server, [host.other(n % 2)], f"t{n % 2}")


def empty_for_ever(host, server):
    return lambda n: host.page(server, [], f"t{n}")


def new_for_ever(host, server):
    return lambda n: host.page(server, [host.other(n * 1000 + i) for i in range(1000)], f"t{n}")


def no_list(host, server):
    return lambda n: Response(200, {host.job_items or "x": {"a": "job"}})


def no_jobs_in_it(host, server):
    return lambda n: host.page(server, [None, 7, "job"], None)


def a_job_without_a_name(host, server):
    return lambda n: host.page(server, [host.other(1), {"status": "running"}], None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lie", "text"),
    [
        (round_in_circles, "goes round in circles"),
        (empty_for_ever, "(goes round in circles|has 20 pages in a row with nothing new)"),
        (new_for_ever, "has no end after 20,000 items"),
        (no_list, "is no list"),
        (no_jobs_in_it, "has an item without (id|name)"),
        (a_job_without_a_name, "has an item without (id|name)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_list_that_cannot_be_read_whole_creates_nothing(host, running, create, *, lie, text):
    server, provider = running
    turned(host, server, lie(host, server))
    with pytest.raises(ProviderError, match=text) as caught:
        create()
    assert str(caught.value).startswith(f"{provider.name}: the list of ")
    assert server.count("POST", host.jobs) == 0
    assert server.uploads == []
    assert KEY not in str(caught.value)


def test_a_job_is_found_behind_hundreds_of_others_at_few_a_page(host, server, create, tmp_path, monkeypatch):
    job = create()
    honest = server.handle
    others = [host.other(n) for n in range(600)]

    def handle(request):
        if (request.method, request.path) != ("GET", host.jobs):
            return honest(request)
        asked = request.query
        token = (asked.get("cursor") or asked.get("pageToken") or asked.get("after") or ["0"])[0]
        start = int("".join(c for c in token if c.isdigit())) if token != "0" else 0
        if (
            host.job_items == "data"
            and "id" in others[0]
            and asked.get("after")
            and token.startswith("ftjob")
        ):
            start += 1  # the cursor is the last one shown
        if start < len(others):
            return host.page(server, others[start : start + 5], f"t{start + 5}")
        asked.pop("after", None), asked.pop("pageToken", None), asked.pop("cursor", None)
        return honest(request)

    server.handle = handle
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "another"))  # another machine
    assert create().id == job.id
    assert server.count("POST", host.jobs) == 1


# --- other jobs --------------------------------------------------------------------------------------------

OPENAI_CHANGES = {
    "another model": {"model": "another"},
    "another method": {"method": {"type": "dpo"}},
    "another method by its key": {"method": {"dpo": {"hyperparameters": {}}}},
    "another method as a word": {"method": "dpo"},
    "n_epochs at the top": {"n_epochs": 3},
    "n_epochs as text": {"hyperparameters": {"n_epochs": "3"}},
    "n_epochs in the method alone": {
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}}
    },
    "n_epochs in the method beside the right one": {
        "hyperparameters": {"n_epochs": 2},
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3.0}}},
    },
    "another seed": {"seed": 8},
    "a seed as text": {"seed": "8"},
    "another suffix": {"suffix": "other"},
    "another suffix of the user's": {"user_provided_suffix": "other"},
    "no suffix": {"user_provided_suffix": None},
    "another validation file": {"validation_file": "file-other"},
    "no validation file": {"validation_file": None},
    "another training file": {"training_file": "file-other"},
}
OPENAI_SAME = {
    "auto": {"hyperparameters": {"n_epochs": "auto"}, "method": {"type": "supervised"}},
    "not chosen yet": {"hyperparameters": {"n_epochs": -1}, "method": None},
    "as a float": {
        "hyperparameters": {"n_epochs": 2.0},
        "method": {"supervised": {"hyperparameters": {"n_epochs": "2"}}},
    },
    "nothing shown": dict.fromkeys(
        ("hyperparameters", "method", "seed", "user_provided_suffix", "validation_file"), ...
    ),
    "odd shown": {"hyperparameters": [1], "method": 7, "seed": [], "user_provided_suffix": {}, "suffix": 3},
}
CHANGES = {
    **dict.fromkeys(("openai", "azure", "nebius", "crusoe"), (OPENAI_CHANGES, OPENAI_SAME)),
    "together": (
        {
            "another model": {"model": "Qwen/Qwen2-7B"},
            "another method": {"training_method": {"method": "dpo"}},
            "another n_epochs": {"n_epochs": 3},
            "n_epochs as text": {"n_epochs": "3"},
            "another seed": {"random_seed": 8},
            "a file known to be another": {"training_file": "file-other"},
            "the files turned round": {"validation_file": "file-other"},
        },
        {
            "as a float": {"n_epochs": 2.0},
            "nothing shown": dict.fromkeys(
                ("n_epochs", "model", "training_method", "random_seed", "validation_file"), ...
            ),
            "a file that was deleted": {"training_file": "file-gone"},
            "the model's longer name": {"model": "Qwen/Qwen3-8B-Reference"},
        },
    ),
    "fireworks": (
        {
            "another model": {"baseModel": "accounts/fireworks/models/other"},
            "another n_epochs": {"epochs": "3"},
            "another dataset": {"dataset": "accounts/me/datasets/lf-" + "0" * 32},
            "another validation dataset": {"evaluationDataset": "accounts/me/datasets/lf-" + "0" * 32},
        },
        {
            "as text": {"epochs": "2"},
            "nothing shown": dict.fromkeys(("epochs", "baseModel", "dataset", "evaluationDataset"), ...),
        },
    ),
    "huggingface": (
        {
            "another model": {"environment": {"LANGSMITH_FINETUNE_MODEL": "other"}},
            "another request": {"environment": {"LANGSMITH_FINETUNE_REQUEST": "jobs/0-1.json"}},
            "another label": {"labels": {"langsmith-finetune": "0" * 32}},
        },
        {"nothing shown": {"environment": ...}, "null": {"environment": None}},
    ),
}
CASES = [
    (name, same, what)
    for name, tables in CHANGES.items()
    for same, table in zip((False, True), tables, strict=True)
    for what in table
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "same", "what"), CASES, ids=[f"{name}-{what}" for name, _, what in CASES])
def test_what_a_job_shows_decides_whether_it_is_ours(tmp_path, name, same, what):
    host, change = HOSTS[name], CHANGES[name][0 if not same else 1][what]
    folder = tmp_path / "other"
    folder.mkdir()
    with host.running() as (server, provider):
        other = make(folder, model=host.model, lines=ProviderContract.lines[::-1])
        make_seed = {} if name == "fireworks" else {"seed": 7}
        epochs = {"parameters": {"n_epochs": 2}}
        request = make(tmp_path, model=host.model, suffix="bot", **make_seed, **epochs)
        request = replace(
            request, validation_file=other.training_file, validation_sha256=other.training_sha256
        )
        created(provider, request)

        def changed(_request, answer):
            body = copy_of(answer)
            for job in body if host.job_items is None else body[host.job_items]:
                job.update(
                    {
                        k: {**job[k], **v} if k == "environment" and isinstance(v, dict) else v
                        for k, v in change.items()
                    }
                )
                if "metadata" in job:
                    job["metadata"] = None
                for key in [key for key, value in change.items() if value is ...]:
                    job.pop(key, None)
            return Response(200, body)

        lie(server, "GET", host.jobs, changed)
        if name == "together":
            server.files["file-other"] = {"id": "file-other", "filename": "theirs.jsonl", "bytes": 1}
        assert bool(provider.find_jobs(request)) is same


def test_a_job_in_the_place_of_ours_at_fireworks_is_not_taken(tmp_path):
    host = HOSTS["fireworks"]
    with host.running() as (server, provider):
        request = make(tmp_path, model=host.model)
        created(provider, request)
        server.jobs[f"supervisedFineTuningJobs/lf{request.fingerprint[:16]}-1"]["baseModel"] = (
            "accounts/a/models/b"
        )
        with pytest.raises(ProviderError, match=r"-1 is there already, and is of other settings than these"):
            created(provider, request)


@pytest.mark.parametrize(
    ("asked", "shown", "contradict"),
    [
        (3, 3.0, False),
        (3, "3", False),
        (3, "3.0", False),
        (3, 4, True),
        (3, "4", True),
        (3, "auto", False),
        (3, -1, False),
        (3, None, False),
        (3, 0, True),
        (1e-5, 9.999999747378752e-06, False),
        (1e-5, 2e-5, True),
        (True, 1, False),
        (True, "true", False),
        (True, False, True),
        (True, {"r": 8}, False),
        ("max", 32, False),
        ("max", "MAX", False),
        ("cosine", "linear", True),
        ([1, 2], [1, 2.0], False),
        ([1, 2], [1], True),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, True),
        ({"a": 1}, {"c": 1}, False),
        (3, float("nan"), False),
        (3, 10**400, False),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_values_are_compared_as_what_they_mean(asked, shown, contradict):
    assert contradicts(asked, shown) is contradict


# --- files -------------------------------------------------------------------------------------------------


def at_the_host(server):
    """Everything that an upload may have left."""
    files = {} if isinstance(server, FireworksStandIn) else getattr(server, "files", {})
    left = [server.uploads, getattr(server, "datasets", {}), files, getattr(server, "parts", {})]
    return [things for things in left if things]


def content_of(server, upload):
    if isinstance(server, HuggingFaceStandIn):
        return server.repos["datasets/me/langsmith-finetune"][upload]
    return server.contents[upload]


def other_bytes(content):
    """As many bytes, but not the same."""
    return content[:-5].replace(b"user", b"USER") + content[-5:]


@pytest.mark.parametrize(
    "change",
    [other_bytes, lambda content: content[:-9], lambda content: content + b"{}\n"],
    ids=["as many bytes", "fewer", "more"],
)
def test_a_file_that_changed_is_not_taken_by_any_host(host, running, tmp_path, change):
    server, provider = running
    request, memory = make(tmp_path, model=host.model), {}
    upload = partial(provider.upload, memory=memory, on_progress=lambda _sent, _size: None)
    with prepared_files(provider, request) as (file,):
        whole = file.content.read_bytes()
        file.content.write_bytes(change(whole))
        if change(whole).startswith(whole):
            assert upload(file)  # what was hashed is sent, and no more
            assert content_of(server, server.uploads[0]) == whole
            return
        with pytest.raises(FileChangedError) as caught:
            upload(file)
        assert str(caught.value) == (
            f"{provider.name}: {request.training_file.name} changed while it was uploaded, so no job was created. Write "
            "it again and call create again"
        )
        assert not caught.value.temporary
        assert not caught.value.ambiguous
        assert at_the_host(server) == []
        assert memory == {}
        file.content.write_bytes(whole)
        assert upload(file).size_bytes == len(whole)
        assert content_of(server, server.uploads[0]) == whole


def test_create_refuses_a_file_that_changes_while_it_is_sent(host, running, create, train):
    server, provider = running
    send = provider.upload

    def changed(file, **settings):
        file.content.write_bytes(other_bytes(file.content.read_bytes()))
        return send(file, **settings)

    provider.upload = changed
    with pytest.raises(
        ProviderError, match=r"train\.jsonl changed while it was uploaded, so no job was created"
    ):
        create()
    assert server.count("POST", host.jobs) == 0
    provider.upload = send
    train.write_bytes(train.read_bytes().replace(b"USER", b"user"))
    assert create().id
    assert server.count("POST", host.jobs) == 1


@pytest.mark.parametrize("name", ["openai", "together", "fireworks"])
def test_a_large_file_that_changes_on_its_way_does_not_arrive(tmp_path, monkeypatch, name):
    host = HOSTS[name]
    monkeypatch.setattr("langsmith_finetune.providers.fireworks.files._LARGEST_FORM", 10)
    with host.running() as (server, provider):
        if name == "openai":
            provider._files._largest_upload, provider._files._part_bytes = 10, 20_000
        elif name == "together":
            provider.largest_put, provider.part_bytes = 10, 20_000
        request = make(tmp_path, model=host.model, lines=ProviderContract.lines * 200)
        memory = {}
        with prepared_files(provider, request) as (file,):
            whole = file.content.read_bytes()
            seen = []

            def told(sent, size):
                if not seen:
                    file.content.write_bytes(whole[:-9] + b"x" * 9)
                seen.append(sent)

            if name == "fireworks":
                file.content.write_bytes(other_bytes(whole))  # it is read at one go
            with pytest.raises(FileChangedError):
                provider.upload(file, memory=memory, on_progress=told)
            assert at_the_host(server) in ([], [server.parts] if name == "openai" else [])
            assert memory == {}
            file.content.write_bytes(whole)
            assert provider.upload(file, memory=memory, on_progress=lambda _sent, _size: None)
            assert content_of(server, server.uploads[0]) == whole


def test_parts_that_were_sent_of_another_content_are_sent_again(tmp_path):
    with HOSTS["openai"].running() as (server, provider):
        provider._files._largest_upload, provider._files._part_bytes = 10, 50
        request, memory = make(tmp_path, model="gpt-4.1-mini"), {}
        with prepared_files(provider, request) as (file,):
            whole = file.content.read_bytes()
            file.content.write_bytes(other_bytes(whole))

            def told(sent, size):
                if sent > 100:
                    raise KeyboardInterrupt  # the process ends

            with pytest.raises(KeyboardInterrupt):
                provider.upload(file, memory=memory, on_progress=told)
            assert len(next(iter(memory.values()))["parts"]) == 2
            file.content.write_bytes(whole)
            assert provider.upload(file, memory=memory, on_progress=lambda _sent, _size: None)
            assert content_of(server, server.uploads[0]) == whole
            assert len(server.parts) == 2


@pytest.mark.parametrize("name", HOSTS)
def test_a_file_of_our_name_and_another_size_is_not_taken(tmp_path, name):
    host = HOSTS[name]
    with host.running() as (server, provider):
        request = make(tmp_path, model=host.model)
        upload = partial(provider.upload, memory={}, on_progress=lambda _sent, _size: None)
        with prepared_files(provider, request) as (file,):
            first = upload(file)
            if name == "fireworks":
                server.datasets[first.id]["exampleCount"] = "1"
            elif name == "huggingface":
                server.repos["datasets/me/langsmith-finetune"][first.id] = b"half"
            else:
                server.files[first.id]["bytes"] -= 1
                getattr(server, "checksums", {}).clear()
            second = upload(file)
            assert len(server.uploads) == 2
            assert content_of(server, server.uploads[1]) == file.content.read_bytes()
            assert (second.id == first.id) is (name in {"fireworks", "huggingface"})


FILE_LIES = {
    "a look shows another file": (
        "GET",
        {"id": "file-theirs"},
        "to a look at file .* shows (another|file file-theirs)",
    ),
    "the upload has another name": (
        "POST",
        {"filename": "theirs.jsonl"},
        "is shown as theirs.jsonl of .*, and not as langsmith",
    ),
    "the upload has another size": ("POST", {"bytes": 7}, "of 7 bytes, and not as langsmith"),
}


SHAPED = ("openai", "azure", "nebius", "crusoe")


@pytest.mark.parametrize(
    ("name", "what"),
    # Together names a file when it is announced, and shows its size once it is checked.
    [*itertools.product(SHAPED, FILE_LIES), ("together", "a look shows another file")],
)
def test_a_file_that_is_shown_as_another_is_not_trained_on(tmp_path, name, what):
    method, change, text = FILE_LIES[what]
    host, memory = HOSTS[name], {}
    with host.running() as (server, provider):
        server.files_pending = int(method == "GET")

        def changed(_request, answer):
            if not isinstance(answer.body, dict) or "data" in answer.body:
                return answer
            return Response(answer.status, copy_of(answer) | change, answer.headers)

        lie(server, method, "", changed)
        with (
            prepared_files(provider, make(tmp_path, model=host.model)) as (file,),
            pytest.raises(ProviderError, match=text),
        ):
            provider.upload(file, memory=memory, on_progress=lambda _sent, _size: None)
        assert memory == {} or method == "GET"


# --- models and deployments --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "key"), [("together", "id"), ("fireworks", "name")])
def test_a_deployment_that_is_shown_as_another_is_not_taken(tmp_path, name, key):
    host = HOSTS[name]
    with host.running() as (server, provider):
        job = created(provider, make(tmp_path, model=host.model))
        while job.fine_tuned_model is None:
            job = provider.retrieve_job(job.id)
        made = provider.deploy(job.fine_tuned_model)
        lie(
            server,
            "GET",
            "",
            lambda _, answer: Response(200, copy_of(answer) | {key: "accounts/me/deployments/theirs"}),
        )
        with pytest.raises(ProviderError, match=r"to a look at deployment .* shows another"):
            provider.retrieve_deployment(made.id)


@pytest.mark.parametrize(("name", "key"), [("together", "model"), ("fireworks", "baseModel")])
def test_a_deployment_of_another_model_is_no_success(tmp_path, name, key):
    host = HOSTS[name]
    with host.running() as (server, provider):
        job = created(provider, make(tmp_path, model=host.model))
        while job.fine_tuned_model is None:
            job = provider.retrieve_job(job.id)
        lie(
            server,
            "POST",
            "",
            lambda _, answer: Response(200, copy_of(answer) | {key: "accounts/me/models/theirs"}),
        )
        with pytest.raises(ProviderError, match="the answer to the deployment shows another") as caught:
            provider.deploy(job.fine_tuned_model)
        assert caught.value.ambiguous


@pytest.mark.parametrize(
    ("answer", "ask", "text"),
    [
        (
            {"name": "theirs"},
            lambda p: p.retrieve_deployment("mine"),
            "asked for model mine, it answered with theirs",
        ),
        (
            {"name": "mine", "source": "theirs"},
            lambda p: p.deploy("ours", base_model="m", name="mine"),
            "asked to serve ours, it answered about theirs",
        ),
        ({"name": 7}, lambda p: p.retrieve_deployment("mine"), "the answer about a model has no name"),
    ],
)
def test_nebius_serves_what_it_was_asked_to(answer, ask, text):
    with HOSTS["nebius"].running() as (server, provider):
        honest = server.handle
        server.handle = lambda request: (
            Response(200, answer) if request.path.startswith("/v0/models") else honest(request)
        )
        with pytest.raises(ProviderError, match=text):
            ask(provider)


@pytest.mark.parametrize("name", SHAPED)
def test_creation_answered_with_another_job_is_looked_for(tmp_path, train, name):
    host = HOSTS[name]
    with host.running() as (server, provider):

        def swapped(_request, answer):
            return Response(
                answer.status, host.other(1) | {"training_file": "file-theirs", "status": "running"}
            )

        lie(server, "POST", host.jobs, swapped)
        job = FineTuneJob.create(train, model=host.model, provider=provider)
        assert list(server.jobs) == [job.id]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["", "a"], "has no name that a file can have"),
        (["."], "has no name that a file can have"),
        (["a/"], "has no name that a file can have"),
        (["a\0b"], "has no name that a file can have"),
        (["a\x1b[2J"], "has no name that a file can have"),
        (["../a"], "has a name that leads elsewhere"),
        (["/a"], "has a name that leads elsewhere"),
        (["a", "a/b"], "have names of which one is in the other"),
        (["a/b", "a"], "have names of which one is in the other"),
    ],
)
def test_a_download_with_odd_names_leaves_the_folder(tmp_path, names, text):
    with HOSTS["fireworks"].running() as (server, provider):
        honest = server.handle
        urls = dict.fromkeys(names, f"{server.url}/storage/m/adapter_config.json")
        server.handle = lambda request: (
            Response(200, {"filenameToSignedUrls": urls})
            if "getDownload" in request.path
            else honest(request)
        )
        with pytest.raises(ProviderError, match=text):
            provider.download("accounts/me/models/m", tmp_path / "into")
        assert not list(tmp_path.rglob("*.part"))


def test_file_shown_with_another_size_is_not_trained_on(tmp_path):
    host = HOSTS["together"]
    with host.running() as (server, provider):
        lie(server, "GET", "", lambda _, answer: Response(200, copy_of(answer) | {"bytes": 7}))
        with (
            prepared_files(provider, make(tmp_path, model=host.model)) as (file,),
            pytest.raises(
                ProviderError, match=r"file-00000001 is shown with 7 bytes, and not 1,121\. No job"
            ),
        ):
            provider.upload(file, memory={}, on_progress=lambda _sent, _size: None)


def test_the_events_of_an_old_job_are_all_told(tmp_path):
    host = HOSTS["openai"]
    with host.running() as (server, provider):
        job = created(provider, make(tmp_path, model=host.model))
        told = [{"id": f"event-{n}", "created_at": 1_000_000_000 - n, "message": "m"} for n in range(2500)]
        path = f"{host.jobs}/{job.id}/events"

        def events(request, _answer):
            after = request.query.get("after", ["event--1"])[0]
            start = int(after.removeprefix("event-")) + 1
            return Response(200, {"data": told[start : start + 500], "has_more": start + 500 < len(told)})

        lie(server, "GET", path, events)
        assert len(provider.job_events(job.id)) == 2500
        assert len(provider.job_events(job.id, newest=700)) == 700


@pytest.mark.parametrize("name", SHAPED)
def test_a_model_on_a_further_page_of_models_is_there(tmp_path, name):
    host = HOSTS[name]
    with host.running() as (server, provider):
        job = created(provider, make(tmp_path, model=host.model))
        while job.fine_tuned_model is None:
            job = provider.retrieve_job(job.id)
        others = [{"id": f"model-{n}"} for n in range(5)]

        def models(request, _answer):
            if "after" in request.query:
                return Response(200, {"data": [{"id": job.fine_tuned_model}], "has_more": False})
            return Response(200, {"data": others, "has_more": True})

        lie(server, "GET", "/v1/models", models)
        assert [model.id for model in provider.list_models()] == [job.fine_tuned_model]
        assert server.count("GET", "/v1/models") == 2


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not JSON; remove it"),
        (b"[" * 200_000, "is nested too deeply; remove it"),
        (b"\xff", "is not JSON; remove it"),
        (b"[1]", "is not a JSON object; remove it"),
        (b'{"id": "x"}', "is not a job of this provider; remove it"),
    ],
    ids=["empty", "deep", "no UTF-8", "a list", "something else"],
)
def test_a_broken_file_in_the_folder_of_a_fake_is_named(tmp_path, content, text):
    (tmp_path / "fake-x.json").write_bytes(content)
    with pytest.raises(ProviderError, match=rf"fake: .*fake-x\.json {text}"):
        FakeProvider(tmp_path).find_jobs(make(tmp_path))
