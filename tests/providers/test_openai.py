import hashlib
import operator
import traceback
import tracemalloc
from datetime import UTC, datetime
from functools import partial

import httpx2
import openai
import pytest

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.openai.answers import job_event_from_answer, job_status_from_answer
from langsmith_finetune.providers.values import JobRequest
from tests.support.by_hand import created
from tests.support.standins.openai import OpenAIStandIn, error
from tests.support.standins.server import Drop, Response

KEY = "sk-proj-made0up1for2the3tests"
FILES, JOBS = "/v1/files", "/v1/fine_tuning/jobs"
TAG = "langsmith_finetune"


@pytest.fixture
def connect(clock):
    """Make a provider for a stand-in, or for any transport, and close its client at the end."""
    clients = []

    def connect(server=None, transport=None, **settings):
        http = {"http_client": httpx2.Client(transport=transport)} if transport else {}
        url = server.base_url if server else "http://host.invalid/v1"
        client = openai.OpenAI(api_key=KEY, base_url=url, **http, **settings)
        clients.append(client)
        return OpenAIProvider(client=client)

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def make(tmp_path):
    def make(text='{"messages": []}\n', **settings):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        path.write_text(text, encoding="utf-8")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return JobRequest(training_file=path, training_sha256=sha256, **{"model": "gpt-4o-mini"} | settings)

    return make


# --- what is sent ------------------------------------------------------------------------------------------


def test_a_job_is_asked_for_in_the_words_of_today(connect, make):
    with OpenAIStandIn() as server:
        request = make(parameters={"n_epochs": 3, "batch_size": "auto"}, suffix="bot", seed=7)
        created(connect(server), request)
        (upload, creation) = [r for r in server.requests if r.method == "POST"]
    assert creation.json() == {
        "model": "gpt-4o-mini",
        "training_file": server.uploads[0],
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": "auto"}},
        },
        "metadata": {TAG: request.fingerprint[:32]},
        "suffix": "bot",
        "seed": 7,
    }
    file = server.files[server.uploads[0]]
    assert file["filename"] == f"langsmith-finetune-{request.training_sha256[:32]}.jsonl"
    assert file["purpose"] == "fine-tune"
    assert upload.headers["content-type"].startswith("multipart/form-data")
    assert "content-length" in upload.headers


def test_what_is_left_out_is_not_sent(connect, make):
    with OpenAIStandIn() as server:
        created(connect(server), make())
        body = server.requests[-1].json()
    assert body.keys() == {"model", "training_file", "method", "metadata"}
    assert body["method"] == {"type": "supervised"}


def test_an_unknown_parameter_is_refused_before_anything_is_sent(connect, make):
    with OpenAIStandIn() as server:
        provider = connect(server)
        request = make(parameters={"epochs": 3, "n_epochs": 3, "lr": 1})
        for ask in (provider.find_jobs, provider.preview, partial(created, provider)):
            with pytest.raises(ValueError, match="unknown name") as caught:
                ask(request)
            assert str(caught.value) == (
                "openai: parameters: unknown name 'epochs', 'lr'; "
                "it takes n_epochs, batch_size, learning_rate_multiplier"
            )
        assert server.requests == []


def test_another_method_is_refused_before_anything_is_sent(connect, make):
    with OpenAIStandIn() as server:
        with pytest.raises(NotSupportedError) as caught:
            created(connect(server), make(method="distillation"))
        assert server.requests == []
    assert str(caught.value) == (
        "openai does not support method='distillation'; it trains dpo, reinforcement, supervised"
    )


def test_an_upload_is_streamed_from_disk(connect, tmp_path):
    path = tmp_path / "big.jsonl"
    with path.open("wb") as file:
        for _ in range(256):
            file.write(b"x" * (1 << 17))
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    largest, sent = 0, 0

    class Reader(httpx2.BaseTransport):
        def handle_request(self, request):
            nonlocal largest, sent
            if request.method == "GET":
                return httpx2.Response(200, json={"object": "list", "data": [], "has_more": False})
            for block in request.stream:
                largest, sent = max(largest, len(block)), sent + len(block)
            return httpx2.Response(200, json={"id": "file-1", "status": "processed"})

    provider = connect(transport=Reader())
    request = JobRequest(training_file=path, training_sha256=content, model="m")
    tracemalloc.start()
    created(provider, request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent > 1 << 25
    assert largest <= 1 << 16
    assert peak < 4 << 20  # a 32 MiB file


def test_look_without_a_timeout_ends_within_ten_minutes(connect, make):
    seen = {}

    class Reader(httpx2.BaseTransport):
        def handle_request(self, request):
            seen[request.method] = operator.index(request.extensions["timeout"]["read"])
            return httpx2.Response(200, json={"id": "x-1", "status": "processed", "data": []})

    for settings, get, post in (({}, 60, 600), ({"timeout": 5.0}, 5, 5)):
        created(connect(transport=Reader(), **settings), make())
        assert (seen["GET"], seen["POST"]) == (get, post)


# --- files -------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_used_again(connect, make):
    request = make()
    with OpenAIStandIn() as server:
        created(connect(server), request)
        created(connect(server), request)
        assert len(server.uploads) == 1


@pytest.mark.parametrize(
    "change", [{"status": "error"}, {"status": "deleted"}, {"bytes": 3}, {"filename": "x"}]
)
def test_other_or_unusable_file_is_not_used_again(connect, make, change):
    request = make()
    with OpenAIStandIn() as server:
        provider = connect(server)
        created(provider, request)
        server.files[server.uploads[0]] |= change
        created(provider, request)
        assert len(server.uploads) == 2
        assert list(server.jobs.values())[1]["training_file"] == server.uploads[1]


def test_a_file_far_down_the_list_is_found(connect, make):
    request = make()
    with OpenAIStandIn() as server:
        server.page_items = 2
        provider = connect(server)
        created(provider, request)
        for n in range(5):
            created(provider, make(f'{{"n": {n}}}\n'))
        created(provider, request)
        assert len(server.uploads) == 6


def test_a_host_that_cannot_list_files_gets_an_upload(connect, make):
    with OpenAIStandIn() as server:
        server.fault("GET", FILES, error(404, "No."))
        assert created(connect(server), make()).id in server.jobs


def test_a_pending_file_is_waited_for(connect, make, clock):
    with OpenAIStandIn(files_pending=3) as server:
        created(connect(server), make())
        assert clock.slept == [5, 5, 5]
        looks = [r.path for r in server.requests if r.path.startswith(f"{FILES}/")]
        assert len(looks) == 3


def test_a_file_that_stays_pending_ends_in_an_error_and_no_job(connect, make):
    request = make()
    with OpenAIStandIn(files_pending=10_000) as server:
        provider = connect(server)
        with pytest.raises(ProviderError) as caught:
            created(provider, request)
        assert str(caught.value) == (
            f"openai: file {server.uploads[0]} is still pending after 900 s; no job was created. "
            "Call create again later: it goes on with this upload"
        )
        assert not caught.value.ambiguous
        assert server.jobs == {}
        server._pending.clear()
        server._pending[server.uploads[0]] = 0
        created(provider, request)
        assert len(server.uploads) == 1


def test_a_file_that_fails_while_it_is_processed_says_why(connect, make):
    with OpenAIStandIn(files_pending=1) as server:

        def fail(request, original=server.handle):
            answer = original(request)
            if request.path.startswith(f"{FILES}/"):
                return Response(200, answer.body | {"status": "error", "status_details": "bad JSON"})
            return answer

        server.handle = fail
        with pytest.raises(ProviderError) as caught:
            created(connect(server), make())
        assert str(caught.value) == (
            f"openai: file {server.uploads[0]} ended as error: bad JSON. No job was created"
        )
        assert server.jobs == {}


def test_an_upload_whose_answer_is_lost_is_looked_for_and_used(connect, make, clock):
    with OpenAIStandIn() as server:
        server.fault("POST", FILES, Drop(), after=True)
        job = created(connect(server), make())
        assert clock.slept == [1]
        assert server.jobs[job.id]["training_file"] == server.uploads[0]
        assert len(server.uploads) == 1


def test_an_upload_that_never_arrives_says_so(connect, make, clock):
    request = make()
    with OpenAIStandIn() as server:
        server.fault("POST", FILES, Drop())
        with pytest.raises(ProviderError) as caught:
            created(connect(server), request)
        assert clock.slept == [1, 3, 9]
        assert caught.value.temporary
        assert not caught.value.ambiguous  # there is no job
        assert str(caught.value) == (
            f"openai: the connection failed (RemoteProtocolError) at {server.base_url}/; "
            f"file langsmith-finetune-{request.training_sha256[:32]}.jsonl did not arrive"
        )


# --- finding jobs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "ignores the filter"])
def test_jobs_are_found_by_their_metadata_newest_first(connect, make, filters):
    request, other = make(seed=1), make(seed=2)
    with OpenAIStandIn(filters_metadata=filters) as server:
        server.page_items = 2
        provider = connect(server)
        first = created(provider, request)
        for _ in range(4):
            created(provider, other)
        second = created(provider, request)
        assert [job.id for job in provider.find_jobs(request)] == [second.id, first.id]
        asked = next(r for r in server.requests if (r.method, r.path) == ("GET", JOBS))
        assert asked.query[f"metadata[{TAG}]"] == [request.fingerprint[:32]]


@pytest.fixture
def forgetful():
    with OpenAIStandIn(keeps_metadata=False, filters_metadata=False) as server:
        yield server


def test_a_job_without_metadata_is_known_by_its_upload_and_model(connect, make, forgetful):
    provider, request = connect(forgetful), make()
    job = created(provider, request)
    assert job.model == "gpt-4o-mini-2024-07-18"
    assert [found.id for found in provider.find_jobs(request)] == [job.id]
    assert provider.find_jobs(make(model="gpt-4o")) == []
    assert provider.find_jobs(make('{"other": 1}\n')) == []


@pytest.mark.parametrize(
    ("made", "asked", "same"),
    [
        ({"parameters": {"n_epochs": 2}}, {"parameters": {"n_epochs": 2}}, True),
        ({"parameters": {"n_epochs": 2}}, {"parameters": {"n_epochs": 3}}, False),
        ({}, {"parameters": {"n_epochs": 3}}, True),  # "auto" is shown until the host has chosen
        ({"suffix": "a"}, {"suffix": "a"}, True),
        ({"suffix": "a"}, {"suffix": "b"}, False),
        ({"seed": 1}, {"seed": 2}, False),
        ({"seed": 1}, {}, True),
    ],
)
def test_job_without_metadata_is_told_by_its_settings(connect, make, forgetful, *, made, asked, same):
    provider = connect(forgetful)
    created(provider, make(**made))
    assert bool(provider.find_jobs(make(**asked))) is same


@pytest.mark.parametrize(
    ("base", "shown", "same"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", True),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125", True),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18", True),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini", False),
        ("meta/Llama.3", "meta/Llama.3", True),
        ("meta/Llama.3", "meta/LlamaX3", False),
    ],
)
def test_a_dated_name_is_the_model_of_its_undated_one(connect, make, forgetful, *, base, shown, same):
    provider, request = connect(forgetful), make(model=base)
    job = created(provider, request)
    forgetful.jobs[job.id]["model"] = shown
    assert bool(provider.find_jobs(request)) is same


def test_repeated_first_page_ends_the_listing(connect, make):
    calls = 0

    def answer(request):
        nonlocal calls
        calls += 1
        data = [{"id": f"ftjob-{n}", "metadata": {"a": "b"}} for n in range(3)]
        return httpx2.Response(200, json={"data": data, "has_more": True})

    with pytest.raises(ProviderError) as caught:
        connect(transport=httpx2.MockTransport(answer)).find_jobs(make())
    assert str(caught.value) == (
        "openai: the list of jobs goes round in circles, so it cannot be read whole. Nothing was created; call again "
        "later, and tell the provider if it stays so"
    )
    assert calls == 2


def test_repeated_page_without_a_promise_is_the_last(connect, make):
    data = [{"id": f"ftjob-{n}", "metadata": {"a": "b"}} for n in range(3)]
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"data": data}))
    assert connect(transport=transport).find_jobs(make()) == []


@pytest.mark.parametrize("page", [{"data": None}, {"data": []}, {"object": "list"}])
def test_an_empty_list_may_be_written_in_three_ways(connect, make, page):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=page))
    assert connect(transport=transport).find_jobs(make()) == []


@pytest.mark.parametrize("page", [{}, {"data": {"a": 1}}, {"data": [None]}, {"data": [{"id": 4}]}])
def test_an_odd_list_is_not_an_empty_one(connect, make, page):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=page))
    with pytest.raises(ProviderError, match=r"openai: the list of jobs (is no list|has an item without id)"):
        connect(transport=transport).find_jobs(make())


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_host_that_cannot_list_jobs_says_so(connect, make, status):
    with OpenAIStandIn() as server:
        server.fault("GET", JOBS, error(status, "No."))
        with pytest.raises(NotSupportedError) as caught:
            connect(server).find_jobs(make())
    assert str(caught.value) == (
        "openai does not support listing jobs at this host, so an earlier equal job cannot be looked up"
    )


# --- Azure -------------------------------------------------------------------------------------------------


def test_a_job_at_azure_goes_through(connect, make, clock):
    request = make()
    with OpenAIStandIn(azure=True) as server:
        provider = connect(server)
        job = created(provider, request)
        assert (job.status, job.provider_status, job.error) == ("queued", "pending", None)
        assert clock.slept == [5]
        assert [found.id for found in provider.find_jobs(request)] == [job.id]
        assert [provider.retrieve_job(job.id).status for _ in range(4)][-1] == "succeeded"


# --- events ------------------------------------------------------------------------------------------------


def test_events_come_oldest_first_each_once_over_all_pages(connect, make):
    with OpenAIStandIn() as server:
        server.page_items = 3
        server.script("succeeded")
        provider = connect(server)
        job = created(provider, make())
        provider.retrieve_job(job.id)
        events = provider.job_events(job.id)
        assert len(events) == len({event.id for event in events}) == 7
        assert [event.created_at for event in events] == sorted(event.created_at for event in events)
        assert events[0].message == f"Created fine-tuning job: {job.id}"
        assert events[-1].message == "The job has successfully completed"
        steps = [event for event in events if event.metrics]
        assert [event.step for event in steps] == [1, 2, 3]
        assert steps[1].metrics == {"train_loss": 0.5, "train_mean_token_accuracy": 0.5}
        assert steps[1].total_steps == 3
        assert provider.job_events(job.id, newest=2) == events[-2:]


@pytest.mark.parametrize(
    ("event", "step", "total", "metrics"),
    [
        ({}, None, None, {}),
        ({"data": None}, None, None, {}),
        ({"data": []}, None, None, {}),
        ({"data": {"step": 2, "train_loss": 0.5}}, 2, None, {"train_loss": 0.5}),
        ({"data": {"step": 2}, "message": "Step 2/9: training loss=0.50"}, 2, 9, {}),
        ({"message": "Step 2/9: training loss=0.50"}, 2, 9, {}),
        ({"data": {"step": 2.0, "total_steps": 4, "ok": True, "word": "x"}}, 2, 4, {}),
        ({"data": {"train_loss": 10**400, "step": float("nan")}}, None, None, {}),
    ],
)
def test_an_event_is_read_whatever_its_data(event, step, total, metrics):
    read = job_event_from_answer({"id": "ftevent-1", "created_at": 5} | event)
    assert (read.step, read.total_steps, read.metrics) == (step, total, metrics)


@pytest.mark.parametrize(
    ("word", "level"),
    [("info", "info"), ("warn", "warning"), ("warning", "warning"), ("error", "error"), (None, "info")],
)
def test_the_level_of_an_event_is_one_of_three(word, level):
    assert job_event_from_answer({"id": "e", "level": word}).level == level


# --- statuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("validating_files", "validating"),
        ("queued", "queued"),
        ("pending", "queued"),
        ("running", "running"),
        ("paused", "paused"),
        ("cancelling", "cancelling"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),
        ("canceled", "cancelled"),
        ("brand_new_word", "unknown"),
        (None, "unknown"),
    ],
)
def test_each_word_of_the_service_has_one_of_ours(word, status):
    job = job_status_from_answer({"id": "j", "status": word, "fine_tuned_model": "ft:m"})
    assert (job.status, job.provider_status) == (status, str(word))


@pytest.mark.parametrize(
    ("shown", "ours"),
    [
        ({}, None),
        (None, None),
        ("out of llamas", "out of llamas"),
        ("", None),
        ({"code": None, "message": None, "param": None}, None),
        ({"code": "c", "message": "m", "param": "p"}, "m (c)"),
        ({"message": "m"}, "m"),
        ({"code": "c"}, "c"),
        ([], None),
    ],
)
def test_the_error_of_a_job_is_its_words_or_none(shown, ours):
    assert job_status_from_answer({"id": "j", "status": "failed", "error": shown}).error == ours


def test_the_fields_of_a_job_are_read_leniently():
    bare = job_status_from_answer({"id": "j"})
    assert (bare.model, bare.status, bare.created_at, bare.trained_tokens) == (
        "unknown",
        "unknown",
        None,
        None,
    )
    odd = {"id": "j", "created_at": "soon", "finished_at": 10**30, "trained_tokens": float("nan")}
    read = job_status_from_answer(odd)
    assert (read.created_at, read.finished_at, read.trained_tokens) == (None, None, None)
    whole = job_status_from_answer({"id": "j", "created_at": 0, "trained_tokens": 12})
    assert whole.created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert whole.trained_tokens == 12


# --- failures ----------------------------------------------------------------------------------------------


def failures(ask):
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "kind", "temporary", "ambiguous"),
    [
        (400, None, "invalid_request_error", False, False),
        (401, "invalid_api_key", "invalid_request_error", False, False),
        (403, None, "invalid_request_error", False, False),
        (404, "fine_tune_not_found", "invalid_request_error", False, False),
        (408, None, None, True, True),
        (409, None, None, True, False),
        (422, None, None, False, False),
        (429, None, "requests", True, False),
        (429, "rate_limit_exceeded", "tokens", True, False),
        (429, "rate_limit_exceeded", "invalid_request_error", False, False),
        (429, "insufficient_quota", "insufficient_quota", False, False),
        (500, None, "server_error", True, True),
        (501, None, None, False, True),
        (503, None, None, True, True),
        (529, None, None, True, True),
    ],
)
def test_each_http_status_says_whether_to_try_again(
    connect, make, *, status, code, kind, temporary, ambiguous
):
    with OpenAIStandIn() as server:
        provider = connect(server)
        answer = error(status, "Words.", type=kind, code=code, headers={"retry-after": "7"})
        server.fault("POST", JOBS, answer)
        server.fault("GET", f"{JOBS}/j", answer)
        creation = failures(lambda: created(provider, make()))
        look = failures(lambda: provider.retrieve_job("j"))
    assert (creation.temporary, creation.ambiguous) == (temporary, ambiguous)
    assert (look.temporary, look.ambiguous) == (temporary, False)
    assert str(look) == f"openai: HTTP {status}: Words." + (f" (code {code})" if code else "")
    assert look.retry_after_seconds == 7
    assert str(look.__cause__) == f"HTTP {status}"


def request_errors():
    def below(cls):
        return [cls, *(c for sub in cls.__subclasses__() for c in below(sub))]

    ours = [c for c in below(httpx2.RequestError) if c.__module__.split(".")[0] == "httpx2"]
    return sorted(set(ours), key=lambda c: c.__name__)


@pytest.mark.parametrize("kind", request_errors(), ids=lambda c: c.__name__)
def test_every_error_of_the_http_library_is_mapped(connect, make, kind):
    def answer(request):
        if request.method == "GET" and request.url.path == FILES:
            return httpx2.Response(200, json={"data": []})
        if request.url.path == FILES:
            return httpx2.Response(200, json={"id": "file-1"})
        raise kind("words")

    provider = connect(transport=httpx2.MockTransport(answer))
    creation = failures(lambda: created(provider, make()))
    look = failures(lambda: provider.retrieve_job("j"))
    name = kind.__name__
    never_sent = name in {"ConnectError", "ConnectTimeout", "PoolTimeout"}
    never_sendable = name in {"UnsupportedProtocol", "LocalProtocolError"}
    assert creation.ambiguous is not (never_sent or never_sendable)
    assert look.temporary is not never_sendable
    assert not look.ambiguous
    may_go_on = name in {"ReadTimeout", "WriteTimeout", "TimeoutException"}
    assert creation.temporary is not (never_sendable or may_go_on)
    assert name in str(look) or never_sendable


def test_an_address_without_a_scheme_says_so(make):
    with openai.OpenAI(api_key=KEY, base_url="api.openai.com/v1") as client:
        provider = OpenAIProvider(client=client)
        found = failures(lambda: provider.retrieve_job("j"))
    assert str(found) == (
        "openai: cannot send to api.openai.com/v1/: "
        "Request URL is missing an 'http://' or 'https://' protocol."
    )


@pytest.mark.parametrize(
    ("response", "what"),
    [
        ({"text": "<html>"}, "is not JSON"),
        ({"text": '{"id": '}, "is not JSON"),
        ({"content": b"\xff\xfe\xfa"}, "is not JSON"),
        ({"text": ""}, "is not JSON"),
        ({"json": [1]}, "is not a JSON object"),
        ({"text": "null"}, "is not a JSON object"),
        ({"json": {}}, "has no id"),
        ({"json": {"id": ""}}, "has no id"),
        ({"json": {"id": 5}}, "has no id"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_a_yes_that_cannot_be_read_is_a_provider_error(connect, make, response, what, content_type):
    def answer(request):
        if request.method == "GET" and request.url.path == FILES:
            return httpx2.Response(200, json={"data": []})
        if request.url.path == FILES:
            return httpx2.Response(200, json={"id": "file-1"})
        odd = httpx2.Response(200, **response)
        odd.headers["content-type"] = content_type
        return odd

    provider = connect(transport=httpx2.MockTransport(answer))
    creation = failures(lambda: created(provider, make()))
    look = failures(lambda: provider.retrieve_job("j"))
    text = f"openai: the answer {what}; is http://host.invalid/v1/ the right base_url?"
    assert str(creation) == str(look) == text
    assert (creation.temporary, creation.ambiguous) == (False, True)
    assert (look.temporary, look.ambiguous) == (True, False)


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", "", "[1]", '"words"', '{"error": null}'])
def test_an_error_without_words_has_its_status(connect, body):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(502, text=body))
    provider = connect(transport=transport)
    found = failures(lambda: provider.retrieve_job("j"))
    assert str(found) == "openai: HTTP 502: no message"


def test_words_without_end_are_cut(connect):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(400, json={"error": {"message": "x" * 9999}}))
    provider = connect(transport=transport)
    assert len(str(failures(lambda: provider.retrieve_job("j")))) < 600


def test_azures_error_body_is_read(connect):
    body = {"error": {"code": "notFound", "message": "The specified entity cannot be found."}}
    provider = connect(transport=httpx2.MockTransport(lambda _: httpx2.Response(404, json=body)))
    found = failures(lambda: provider.retrieve_job("j"))
    assert str(found) == "openai: HTTP 404: The specified entity cannot be found. (code notFound)"


# --- keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quoted",
    [
        KEY,
        "sk-proj-********************ests",
        "sk-pr***ts",
        "Bearer abc.def",
        "rk-12345678",
        "lsv2_pt_made_up_key",
    ],
)
def test_no_error_shows_a_key(connect, quoted):
    message = f"Incorrect API key: {quoted}. You can find your API key at https://platform.openai.com."
    with OpenAIStandIn() as server:
        server.fault("GET", f"{JOBS}/j", error(401, message, code="invalid_api_key"))
        provider = connect(server)
        found = failures(lambda: provider.retrieve_job("j"))
    everything = "".join(traceback.format_exception(found)) + repr(found.__dict__) + repr(found.__cause__)
    secret = quoted.removeprefix("Bearer ")
    assert secret not in everything
    assert "[key]" in str(found)
    assert "You can find your API key at https://platform.openai.com." in str(found)


def test_openais_own_words_about_a_wrong_key_show_none_of_it(connect):
    message = "Incorrect API key provided: odd~key. You can find your API key at https://platform.openai.com."
    with OpenAIStandIn() as server:
        server.fault("GET", f"{JOBS}/j", error(401, message))
        found = failures(lambda: connect(server).retrieve_job("j"))
    assert "key provided: [key]. You can find" in str(found)


def test_an_id_is_not_taken_for_a_key(connect):
    message = "Could not find file-c82ac623102142d888fb5cceca16942e of ftjob-FO6z0rNnNUmHe4xiVOHC7TEk."
    with OpenAIStandIn() as server:
        server.fault("GET", f"{JOBS}/j", error(404, message))
        found = failures(lambda: connect(server).retrieve_job("j"))
    assert message in str(found)


@pytest.mark.parametrize("key", ["sk-abc\n", "sk abc", "sk-é", "\tsk-abc"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key):
    with pytest.raises(ValueError, match="the API key is empty, or holds a space") as caught:
        OpenAIProvider(api_key=key)
    assert key not in str(caught.value)
    assert str(caught.value) == (
        "openai: the API key is empty, or holds a space, a line break or a character outside ASCII; copy it again"
    )


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} "])
def test_a_header_that_the_http_library_refuses_is_not_shown(key):
    with OpenAIStandIn() as server, openai.OpenAI(api_key=key, base_url=server.base_url) as client:
        found = failures(lambda: OpenAIProvider(client=client).retrieve_job("j"))
        assert server.requests == []
    assert KEY not in "".join(traceback.format_exception(found))
    assert "Illegal header value" in str(found)
    assert not found.temporary


def test_a_placeholder_for_a_key_does_not_disfigure_the_words():
    with OpenAIStandIn() as server, openai.OpenAI(api_key="none", base_url=server.base_url) as client:
        found = failures(lambda: OpenAIProvider(client=client).retrieve_job("none-such"))
    assert "Could not find fine tune: none-such" in str(found)


def test_azures_own_client_with_a_token_is_taken():
    client = openai.AzureOpenAI(
        azure_ad_token="t0ken",
        api_version="2025-01-01",
        azure_endpoint="http://host.invalid",
        http_client=httpx2.Client(
            transport=httpx2.MockTransport(lambda r: httpx2.Response(200, json={"id": "j"}))
        ),
    )
    with client:
        assert OpenAIProvider(client=client).retrieve_job("j").id == "j"


def test_a_missing_key_names_the_variable(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError) as caught:
        OpenAIProvider().list_files()
    assert str(caught.value) == "openai: no API key. Pass api_key= or set OPENAI_API_KEY"


def test_a_client_and_a_key_are_one_too_many():
    with openai.OpenAI(api_key=KEY) as client:
        for extra in ({"api_key": KEY}, {"base_url": "http://h/v1"}):
            with pytest.raises(ValueError, match="not both") as caught:
                OpenAIProvider(client=client, **extra)
            assert str(caught.value) == (
                "OpenAIProvider: pass either client=, or api_key= and base_url=, not both"
            )


def test_the_environment_gives_key_and_address(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://from.env/v1")
    provider = OpenAIProvider()
    assert repr(provider) == "OpenAIProvider('http://from.env/v1/')"
    assert provider.client.api_key == KEY


# --- the chat model ----------------------------------------------------------------------------------------


def test_the_chat_model_has_the_providers_key_and_address():
    with openai.OpenAI(api_key=KEY, base_url="http://host.invalid/v1", organization="org-1") as client:
        model = OpenAIProvider(client=client).chat_model("ft:m", temperature=0)
    assert model.model_name == "ft:m"
    assert model.openai_api_base == "http://host.invalid/v1/"
    assert model.openai_api_key.get_secret_value() == KEY
    assert model.openai_organization == "org-1"
    assert model.temperature == 0
    assert not model.stream_usage
    assert KEY not in repr(model)


def test_chat_model_streams_usage_unless_told_otherwise():
    with openai.OpenAI(api_key=KEY, base_url="https://api.openai.com/v1") as client:
        provider = OpenAIProvider(client=client)
        assert provider.chat_model("ft:m").stream_usage
        assert not provider.chat_model("ft:m", stream_usage=False).stream_usage


def test_a_function_for_a_key_reaches_the_chat_model():
    with openai.OpenAI(api_key=lambda: KEY, base_url="http://host.invalid/v1") as client:
        model = OpenAIProvider(client=client).chat_model("ft:m")
    assert model.root_client._api_key_provider() == KEY
