"""Files in parts, the line that shows them go, and hosts that refuse them."""

import hashlib
import tracemalloc

import httpx2
import openai
import pytest

from langsmith_finetune.errors import InvalidExampleError, ProviderError
from langsmith_finetune.jobs.progress import UploadProgress
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.openai import OpenAIProvider
from tests.support.by_hand import uploaded
from tests.support.jobs import (
    FILES,
    KEY,
    connect,
    create,
    journal,
    paid,
    provider,
    server,
    train,
)
from tests.support.standins.faults import FAULTS
from tests.support.standins.openai import RATE_LIMIT, error
from tests.support.standins.server import Response
from tests.support.terminal import terminal

__all__ = ["connect", "create", "journal", "provider", "server", "train"]

UPLOADS = "/v1/uploads"
UPLOAD = f"upload_{1:024d}"
PARTS, COMPLETE = f"{UPLOADS}/{UPLOAD}/parts", f"{UPLOADS}/{UPLOAD}/complete"


@pytest.fixture
def parted(connect):
    """A provider whose host takes 300 bytes a request."""
    return connect(largest_upload=300, part_bytes=300)


def parts_of(train):
    return -(-train.stat().st_size // 300)


def whole(server, train):
    (file,) = server.uploads
    assert server.contents[file] == train.read_bytes()
    assert next(iter(server.jobs.values()))["training_file"] == file
    return True


def test_a_large_file_goes_in_parts(server, create, parted, train):
    assert parts_of(train) > 3
    create(provider=parted)
    assert whole(server, train)
    assert server.count("POST", PARTS) == parts_of(train)
    asked = [r.json() for r in server.requests if r.path in (UPLOADS, COMPLETE)]
    assert asked[0] == {
        "bytes": train.stat().st_size,
        "filename": server.files[server.uploads[0]]["filename"],
        "mime_type": "text/jsonl",
        "purpose": "fine-tune",
    }
    assert asked[1]["md5"] == hashlib.md5(train.read_bytes(), usedforsecurity=False).hexdigest()
    assert server.count("POST", FILES) == 0


def test_a_file_of_just_the_limit_goes_in_one_request(server, create, connect, train):
    create(provider=connect(largest_upload=train.stat().st_size, part_bytes=300))
    assert server.count("POST", FILES) == 1
    assert server.count("POST", UPLOADS) == 0


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_host_without_parts_gets_the_file_in_one_request(server, create, parted, train, status):
    server.fault("POST", UPLOADS, error(status, "No."))
    create(provider=parted)
    assert whole(server, train)
    assert server.count("POST", FILES) == 1


@pytest.mark.slow
@pytest.mark.parametrize("path", [UPLOADS, PARTS, COMPLETE], ids=["begin", "part", "complete"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_on_the_way_is_mended(server, create, parted, train, *, path, fault):
    server.fault("POST", path, fault.answer, after=fault.after)
    try:
        create(provider=parted)
    except ProviderError:
        create(provider=parted)
    assert whole(server, train)
    assert paid(server) == (1, 1)


def test_a_host_that_breaks_down_leaves_an_upload_to_go_on_with(server, create, parted, train):
    handle, parts = server.handle, 0

    def break_down(request):
        nonlocal parts
        parts += request.path == PARTS
        return error(500, "Broken") if request.path == PARTS and parts > 2 else handle(request)

    server.handle = break_down
    with pytest.raises(ProviderError, match="HTTP 500: Broken"):
        create(provider=parted)
    server.handle = handle
    create(provider=parted)
    assert server.count("POST", UPLOADS) == 1
    assert whole(server, train)


def test_parts_that_are_there_are_not_sent_again(server, create, parted, train, *, connect, monkeypatch):
    ask, sent = parted._api.ask, 0

    def die_at_the_third(send, *args, **request):
        nonlocal sent
        sent += send == parted._files._parts.create
        if sent == 3:
            raise SystemExit
        return ask(send, *args, **request)

    monkeypatch.setattr(parted._api, "ask", die_at_the_third)
    with pytest.raises(SystemExit):
        create(provider=parted)
    assert server.count("POST", PARTS) == 2
    create(provider=connect(largest_upload=300, part_bytes=300))
    assert server.count("POST", UPLOADS) == 1
    assert server.count("POST", PARTS) == parts_of(train)
    assert whole(server, train)


def test_an_upload_that_has_expired_begins_anew(server, create, parted, train, *, connect, monkeypatch):
    ask = parted._api.ask

    def die(send, *args, **request):
        if send == parted._files._uploads.complete:
            raise SystemExit
        return ask(send, *args, **request)

    monkeypatch.setattr(parted._api, "ask", die)
    with pytest.raises(SystemExit):
        create(provider=parted)
    server.parts[UPLOAD]["shown"]["status"] = "expired"
    create(provider=connect(largest_upload=300, part_bytes=300))
    assert server.count("POST", UPLOADS) == 2
    assert whole(server, train)


def test_bytes_that_arrive_otherwise_are_refused_by_their_hash(server, create, parted, clock):
    handle = server.handle

    def garble(request):
        answer = handle(request)
        for upload in server.parts.values():
            upload["parts"] = {part: b"x" * len(content) for part, content in upload["parts"].items()}
        return answer

    server.handle = garble
    with pytest.raises(
        ProviderError,
        match=r"HTTP 400: The checksum does not match\..*; the upload starts from the beginning",
    ):
        create(provider=parted)
    assert server.uploads == []
    assert server.jobs == {}


def test_a_busy_host_gets_each_part_in_time(server, create, parted, train):
    server.fault("POST", PARTS, RATE_LIMIT, times=3)
    create(provider=parted)
    assert server.count("POST", UPLOADS) == 1
    assert whole(server, train)


def test_parts_are_streamed_from_disk(tmp_path, clock):
    path = tmp_path / "large.jsonl"
    path.write_bytes((b'{"messages": [' + b" " * 1000 + b"]}\n") * (32 << 10))
    sizes = []

    class Reader(httpx2.BaseTransport):
        def handle_request(self, request):
            if request.method == "GET":
                return httpx2.Response(200, json={"object": "list", "data": [], "has_more": False})
            size = sum(map(len, request.stream))
            if request.url.path.endswith("/parts"):
                sizes.append(size)
                return httpx2.Response(200, json={"id": f"part_{len(sizes)}"})
            return httpx2.Response(200, json={"id": UPLOAD, "file": {"id": "file-1"}})

    class Parted(OpenAIProvider):
        largest_upload, part_bytes = 1 << 20, 8 << 20

    http = httpx2.Client(transport=Reader())
    with openai.OpenAI(api_key=KEY, base_url="http://host.invalid/v1", http_client=http) as client:
        provider = Parted(client=client)
        request = request_of(path)
        tracemalloc.start()
        uploaded(provider, request)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(sizes) == 4
    assert sum(sizes) > path.stat().st_size
    assert peak < 4 << 20  # parts of 8 MiB


def request_of(path):
    from langsmith_finetune.providers.values import JobRequest

    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return JobRequest(training_file=path, training_sha256=sha256, model="m")


@pytest.mark.parametrize("in_parts", [False, True])
def test_the_bytes_are_told_as_they_go(connect, train, in_parts):
    told = []
    provider = connect(largest_upload=300 if in_parts else None, part_bytes=300)
    uploaded(provider, request_of(train), told=lambda sent, size: told.append((sent, size)))
    size = train.stat().st_size
    assert told[-1] == (size, size)
    assert [sent for sent, _ in told] == sorted(sent for sent, _ in told)


def test_a_large_upload_shows_a_line_and_a_small_one_none():
    with terminal() as shown:
        small = UploadProgress()
        small(10, 100)
        small.close()
        assert shown.getvalue() == ""
        large = UploadProgress()
        for sent in (1 << 20, 20 << 20, 10 << 20, 32 << 20):
            large(sent, 32 << 20)
        large(16 << 20, 16 << 20)
        large.close()
        silent = UploadProgress(enabled=False)
        silent(1 << 20, 32 << 20)
        silent.close()
    assert "upload: 33.6 of 33.6 MB sent" in shown.getvalue()
    assert "upload: 16.8 of 16.8 MB sent" in shown.last


# --- rejections --------------------------------------------------------------------------------------------


def rejecting(server, details):
    server.files_pending = 1
    handle = server.handle

    def reject(request):
        answer = handle(request)
        if request.method == "GET" and request.path.startswith(f"{FILES}/"):
            return Response(200, answer.body | {"status": "error", "status_details": details})
        return answer

    server.handle = reject


def test_a_rejected_file_names_its_line(server, create):
    rejecting(server, "Invalid file format. Example 4, message 2 Discriminator 'role' is missing in value")
    with pytest.raises(InvalidExampleError) as caught:
        create()
    assert str(caught.value) == (
        "train.jsonl:4: message 2: the provider says: Discriminator 'role' is missing in value. "
        "Fix the line or leave it out; check(path, target) says more"
    )
    assert "ended as error" in str(caught.value.__cause__)
    assert server.jobs == {}


def test_a_rejected_file_without_a_line_says_what_the_host_said(server, create):
    rejecting(server, "Unexpected file format, expected either prompt/completion pairs or chat messages.")
    with pytest.raises(ProviderError, match="ended as error: Unexpected file format, expected either"):
        create()


@pytest.mark.parametrize(
    ("words", "where", "field", "reason"),
    [
        ('Example 1 contains an extra "weight".', "f:1", "", 'contains an extra "weight"'),
        (
            "Example 100, message 2 Discriminator 'role' is missing",
            "f:100",
            "message 2",
            "Discriminator 'role' is missing",
        ),
        ("Failed at line 17: not JSON", "f:17", "", "not JSON"),
        ("line number 3", "f:3", "", "it is not valid"),
        ("ROW #12, bad", "f:12", "", "bad"),
    ],
)
def test_the_line_is_read_from_the_words(words, where, field, reason):
    found = rejected_line(words, "f")
    assert (found.where, found.field, found.reason) == (where, field, f"the provider says: {reason}")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Training file has 7 example(s), but must have at least 10 examples",
        "'str' object has no attribute 'get'",
        "The job failed because the training file was deleted",
        "deadline 5 passed",
        "example 0 of none",
    ],
)
def test_words_without_a_line_name_none(words):
    assert rejected_line(words, "f") is None
