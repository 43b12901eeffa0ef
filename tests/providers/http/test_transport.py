"""Answers without end, drop by drop, or compressed a thousand times; and redirects that would carry a key away."""

# ruff: noqa: SIM117
from __future__ import annotations

import gzip
import socket
import threading
import time
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai
import pytest
from huggingface_hub import HfApi

from langsmith_finetune import FineTuneJob, JobTimeoutError, ProviderError
from langsmith_finetune._foundation import deadline
from langsmith_finetune._foundation.deadline import answers_within
from langsmith_finetune.jobs import Journal
from langsmith_finetune.providers import JobInfo
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.http import transport
from langsmith_finetune.providers.http.transport import DOWNLOAD, AnswerRefusedError, BoundedTransport
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider

KEY = "sk-canary-of-the-transport"


@contextmanager
def host(*answer: bytes, pause: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """A host that writes these bytes to whoever connects, and keeps what it was sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65536))
                    try:
                        for piece in answer:
                            connection.sendall(piece)
                            time.sleep(pause)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def head(status: str = "200 OK", **headers: str | int) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode()


@pytest.fixture(params=["our own", "a client of the user's"])
def client(request) -> Iterator[httpx2.Client]:
    if request.param == "our own":
        with httpx2.Client(transport=BoundedTransport(), timeout=5) as found:
            yield found
    else:
        with httpx2.Client() as theirs, httpx2.Client(transport=BoundedTransport(theirs), timeout=5) as found:
            yield found
            assert not theirs.is_closed


def test_ordinary_answer_comes_through(client):
    with host(head(content_type="application/json", content_length=11), b'{"a": "b"} ') as (url, heard):
        answer = client.post(url, json={"x": 1}, headers={"authorization": f"Bearer {KEY}"})
    assert answer.json() == {"a": "b"}
    assert b"accept-encoding: identity" in heard[0].lower()
    assert b"accept-encoding: gzip" not in heard[0].lower()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_answer_is_read_all_the_same(client, encoding):
    content = gzip.compress(b'{"a": 1}') if encoding == "gzip" else zlib.compress(b'{"a": 1}')
    with host(head(content_encoding=encoding, content_length=len(content)), content) as (url, _):
        assert client.get(url).json() == {"a": 1}


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_compression_that_was_not_asked_for_is_refused(client, encoding):
    with host(head(content_encoding=encoding), b"x") as (url, _):
        with pytest.raises(AnswerRefusedError) as raised:
            client.get(url)
    assert str(raised.value) == f"is compressed as {encoding!r}, which was not asked for"


def test_broken_compression_is_refused(client):
    with host(head(content_encoding="gzip"), b"no gzip") as (url, _):
        with pytest.raises(AnswerRefusedError, match=r"^is not compressed as it says$"):
            client.get(url)


def test_compressed_bomb_is_refused_after_its_first_pieces(client, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_ANSWER_BYTES", 4 << 20)
    made = []
    inflated = transport._BoundedStream._inflated

    def counted(self, block):
        for piece in inflated(self, block):
            made.append(len(piece))
            yield piece

    monkeypatch.setattr(transport._BoundedStream, "_inflated", counted)
    bomb = gzip.compress(b" " * (100 << 20))
    with host(head(content_encoding="gzip"), bomb) as (url, _):
        with pytest.raises(AnswerRefusedError, match=r"^has more than 4 MiB$"):
            client.get(url)
    assert sum(made) <= 6 << 20
    assert max(made) <= 1 << 20


def test_answer_without_end_is_refused(client, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_ANSWER_BYTES", 1 << 20)
    with host(head(), *[b"x" * 65536] * 1000) as (url, _):
        with pytest.raises(AnswerRefusedError, match=r"^has more than 1 MiB$"):
            client.get(url)


def test_download_may_be_of_any_size(client, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_ANSWER_BYTES", 1 << 10)
    with host(head(), *[b"x" * 65536] * 10) as (url, _):
        assert len(client.get(url, extensions={DOWNLOAD: True}).content) == 655360


def test_dripping_answer_ends_with_its_deadline(client, monkeypatch):
    monkeypatch.setattr(deadline, "_LEAST_SECONDS", 0.2)
    with host(head(content_length=1000), *[b" "] * 1000, pause=0.02) as (url, _):
        with (
            answers_within(0.2),
            pytest.raises(httpx2.ReadTimeout, match=r"^the answer did not end in time$"),
        ):
            client.get(url)


def test_dripping_answer_ends_without_a_deadline_too(client, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_ANSWER_SECONDS", 0.2)
    with host(head(content_length=1000), *[b" "] * 1000, pause=0.02) as (url, _):
        with pytest.raises(httpx2.ReadTimeout):
            client.get(url, timeout=0.2)


CHUNKED = head(transfer_encoding="chunked")
DRIPS = {
    "a header": (b"HTTP/1.1 200 OK\r\n", b"x"),
    "a status line": (b"", b"H"),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "the size of a chunk": (CHUNKED, b"0"),
    "the extension of a chunk": (CHUNKED + b"1;a", b"x"),
    "a trailer": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x"),
}


@pytest.mark.slow
@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_answer_dripping_around_its_body_ends_at_the_deadline(client, monkeypatch, drip):
    monkeypatch.setattr(deadline, "_LEAST_SECONDS", 0.2)
    with host(drip[0], *[drip[1]] * 400, pause=0.02) as (url, _):
        with answers_within(0.2), pytest.raises(httpx2.ReadTimeout):
            client.get(url)


@pytest.mark.slow
@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_answer_dripping_without_a_deadline_ends_too(client, monkeypatch, drip):
    monkeypatch.setattr(transport, "LONGEST_ANSWER_SECONDS", 0.2)
    with host(drip[0], *[drip[1]] * 400, pause=0.02) as (url, _):
        with pytest.raises(httpx2.ReadTimeout):
            client.get(url, timeout=0.2)


def test_download_may_take_longer_than_an_answer(client, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_ANSWER_SECONDS", 0.2)
    with host(head(content_length=30), *[b"x"] * 30, pause=0.02) as (url, _):
        assert client.get(url, extensions={DOWNLOAD: True}).content == b"x" * 30


@pytest.mark.slow
def test_silent_host_is_left_at_the_deadline(client, monkeypatch):
    monkeypatch.setattr(deadline, "_LEAST_SECONDS", 0.2)
    with host(*[b""] * 2, pause=2) as (url, _), answers_within(0), pytest.raises(httpx2.ReadTimeout):
        client.get(url)


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
@pytest.mark.parametrize("header", ["authorization", "api-key", "x-api-key"])
def test_redirect_to_another_host_carries_nothing(client, status, header):
    with host(head(content_length=2), b"{}") as (there, heard):
        with host(head(status, location=f"{there}/elsewhere", content_length=0)) as (here, _):
            with pytest.raises(AnswerRefusedError) as raised:
                client.post(here, headers={header: KEY}, content=b"a line", follow_redirects=True)
        assert str(raised.value) == "redirects from 127.0.0.1 to 127.0.0.1, which is not followed"
    assert heard == []


def test_redirect_to_an_address_that_is_none_is_refused(client):
    with host(head("302 Found", location="http://a:b/", content_length=0)) as (here, _):
        with pytest.raises(AnswerRefusedError, match=r"^redirects to an address that cannot be read$"):
            client.get(here, follow_redirects=True)


def test_redirect_on_the_same_host_is_the_client_s_to_follow(client):
    with host(head("302 Found", location="/b", content_length=0)) as (here, heard):
        with pytest.raises(httpx2.TooManyRedirects):
            client.get(here, follow_redirects=True)
    assert len(heard) > 2


# --- under the providers ---------------------------------------------------------------------------------------


def openai_at(url: str) -> OpenAIProvider:
    return OpenAIProvider(api_key=KEY, base_url=url)


def openai_with_client_at(url: str) -> OpenAIProvider:
    return OpenAIProvider(client=openai.OpenAI(api_key=KEY, base_url=url))


def together_at(url: str) -> TogetherProvider:
    return TogetherProvider(api_key=KEY, base_url=url)


def fireworks_at(url: str) -> FireworksProvider:
    return FireworksProvider(account_id="acme", api_key=KEY, base_url=url)


def azure_at(url: str) -> AzureProvider:
    return AzureProvider(url, KEY)


def nebius_at(url: str) -> NebiusProvider:
    return NebiusProvider(KEY, url)


def crusoe_at(url: str) -> CrusoeProvider:
    return CrusoeProvider(KEY, url)


def huggingface_at(url: str) -> HuggingFaceProvider:
    return HuggingFaceProvider(namespace="me", api=HfApi(endpoint=url, token=KEY))


@pytest.fixture(
    params=[
        openai_at,
        openai_with_client_at,
        azure_at,
        nebius_at,
        crusoe_at,
        together_at,
        fireworks_at,
        huggingface_at,
    ]
)
def provider_at(request):
    return request.param


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary", "308 Permanent"])
def test_no_provider_follows_a_redirect_to_another_host(provider_at, status):
    with host(head(content_length=2), b"{}") as (there, heard):
        with host(head(status, location=f"{there}/v1/x", content_length=0)) as (here, asked):
            with pytest.raises(ProviderError) as raised:
                provider_at(here).retrieve_job("job-1")
    assert len(asked) == 1
    assert heard == []
    assert KEY not in "".join(traceback.format_exception(raised.value))


def test_openai_s_redirect_is_told():
    with host(head("302 Found", location="http://other.invalid/", content_length=0)) as (here, _):
        with pytest.raises(ProviderError) as raised:
            openai_at(here).retrieve_job("job-1")
    assert str(raised.value) == (
        f"openai: the answer of {here} redirects from 127.0.0.1 to other.invalid, which is not followed"
    )
    assert not raised.value.temporary


def test_no_provider_reads_an_answer_without_end(provider_at, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_ANSWER_BYTES", 1 << 20)
    bomb = gzip.compress(b" " * (8 << 20))
    with host(head(content_encoding="gzip"), bomb) as (here, _):
        with pytest.raises(
            ProviderError, match=r"the answer of http://127.0.0.1:\d+/?(openai/v1/)? has more than 1 MiB$"
        ):
            provider_at(here).retrieve_job("job-1")


@pytest.mark.slow
def test_wait_with_a_timeout_ends_while_the_host_drips(provider_at, tmp_path):
    status = JobInfo(id="job-1", status="running", provider_status="running", model="m")
    with host(head(content_length=9999), *[b" "] * 9999, pause=0.02) as (here, _):
        job = FineTuneJob(provider_at(here), status, journal=Journal(tmp_path))
        started = time.monotonic()
        with pytest.raises(JobTimeoutError):
            job.wait(timeout=1.5, progress=False)
        assert time.monotonic() - started < 60  # it would drip for 200 s
