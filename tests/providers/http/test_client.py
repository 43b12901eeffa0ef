import traceback

import httpx2
import pytest

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.client import RestClient, retry_after_seconds
from langsmith_finetune.providers.http.refusal import ids_of, status_of

KEY = "fw_made-up-0123456789"


def client(*answers):
    left = list(answers)

    def handle(request):
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return RestClient(
        "host", "http://h.invalid/", KEY, http_client=httpx2.Client(transport=httpx2.MockTransport(handle))
    )


def failure(answer, *, creates=False):
    with pytest.raises(ProviderError) as caught:
        client(answer).ask("POST", "/x", creates=creates, json={})
    return caught.value


@pytest.mark.parametrize(
    ("status", "temporary", "ambiguous"),
    [
        (400, False, False),
        (401, False, False),
        (402, False, False),
        (403, False, False),
        (404, False, False),
        (408, True, True),
        (409, False, False),
        (422, False, False),
        (425, True, False),
        (429, True, False),
        (500, True, True),
        (501, False, True),
        (502, True, True),
        (503, True, True),
        (504, True, True),
        (529, True, True),
    ],
)
def test_each_http_status_says_whether_to_try_again(status, temporary, ambiguous):
    said = {"error": {"message": "Words."}, "file_id": "file-1", "text": "of the data"}
    answer = httpx2.Response(status, json=said, headers={"retry-after": "7"})
    look, creation = failure(answer), failure(answer, creates=True)
    assert (creation.temporary, creation.ambiguous) == (temporary, ambiguous)
    assert (look.temporary, look.ambiguous) == (temporary, False)
    assert str(look) == f"host: HTTP {status}: Words."
    assert look.retry_after_seconds == 7
    assert status_of(look) == status
    assert ids_of(look) == {"file_id": "file-1"}


@pytest.mark.parametrize(
    ("error", "temporary", "ambiguous"),
    [
        (httpx2.ConnectError("x"), True, False),
        (httpx2.ConnectTimeout("x"), True, False),
        (httpx2.PoolTimeout("x"), True, False),
        (httpx2.ReadTimeout("x"), False, True),
        (httpx2.WriteTimeout("x"), False, True),
        (httpx2.ReadError("x"), True, True),
        (httpx2.WriteError("x"), True, True),
        (httpx2.RemoteProtocolError("x"), True, True),
        (httpx2.DecodingError("x"), True, True),
        (httpx2.UnsupportedProtocol("x"), False, False),
        (httpx2.LocalProtocolError("x"), False, False),
    ],
)
def test_each_error_of_the_http_library_is_mapped(error, temporary, ambiguous):
    creation = failure(error, creates=True)
    assert (creation.temporary, creation.ambiguous) == (temporary, ambiguous)
    assert not failure(error).ambiguous
    assert status_of(creation) is None


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ({"text": "<html>"}, "is not JSON"),
        ({"text": '{"id": '}, "is not JSON"),
        ({"json": [1]}, "is not a JSON object"),
        ({"text": "null"}, "is not a JSON object"),
    ],
)
def test_a_yes_that_cannot_be_read_is_an_error(answer, what):
    look, creation = (
        failure(httpx2.Response(200, **answer)),
        failure(httpx2.Response(200, **answer), creates=True),
    )
    assert str(look) == f"host: the answer {what}; is http://h.invalid the right base_url?"
    assert (look.temporary, look.ambiguous) == (True, False)
    assert (creation.temporary, creation.ambiguous) == (False, True)


def test_an_empty_answer_is_an_empty_object():
    assert client(httpx2.Response(204)).ask("DELETE", "/x") == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "m", "code": "c", "param": "p"}}, "m (code c, param p)"),
        ({"error": "words"}, "words"),
        ({"code": 5, "message": "gone", "details": []}, "gone (code 5)"),
        ({"detail": "no"}, "no"),
        ({}, "no message"),
        ([1], "no message"),
        ("<html>", "no message"),
        ({"error": None}, "no message"),
    ],
)
def test_errors_are_read_in_every_form(body, words):
    answer = httpx2.Response(400, text=body) if body == "<html>" else httpx2.Response(400, json=body)
    assert str(failure(answer)) == f"host: HTTP 400: {words}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"bad key {KEY}!", "bad key [key]!"),
        ("Bearer abc.def", "Bearer [key]"),
        ("key hf_abcdefghijk is wrong", "key [key] is wrong"),
        ("key sk-***ab is wrong", "key [key] is wrong"),
        ("role 'tool' is unknown", "role 'tool' is unknown"),
        ("cannot read 'my secret diary of years'", "cannot read '[24 characters]'"),
        ('line {"messages": [{"role": "user"}]} is bad', "line {...} is bad"),
    ],
)
def test_no_error_shows_a_key_or_a_sentence_of_the_data(said, shown):
    assert str(failure(httpx2.Response(400, json={"message": said}))) == f"host: HTTP 400: {shown}"


def test_a_header_that_the_http_library_refuses_is_not_shown():
    error = failure(httpx2.LocalProtocolError(f"Illegal header value {KEY}"))
    assert KEY not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("key", ["", "a b", "a\n", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused(key):
    with pytest.raises(ValueError) as caught:
        RestClient("host", "http://h", key)
    assert str(caught.value) == (
        "host: the API key is empty, or holds a space, a line break or a character outside ASCII; copy it again"
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("1e9", 1e9),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 0001 00:00:00 +9999", None),
    ],
)
def test_retry_after_is_read_in_every_form(text, seconds):
    assert retry_after_seconds({"retry-after": text}) == seconds


def listed(*pages):
    api = client(*(httpx2.Response(200, json=page) for page in pages))
    return list(api.pages("/x", "data", "after", "next", what="things"))


def test_a_list_that_repeats_its_token_is_refused():
    with pytest.raises(ProviderError, match="host: the list of things goes round in circles"):
        listed(*[{"data": [{"id": "1"}], "next": "again"}] * 2)


def test_a_list_is_read_to_its_end_each_thing_once():
    one, two = {"id": "1"}, {"id": "2"}
    assert listed({"data": [one], "next": "a"}, {"data": [], "next": "b"}, {"data": [one, two]}) == [one, two]
    assert listed({"data": None}) == []


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ({}, "the list of things is no list"),
        ({"data": [{"id": "1"}], "next": 7}, "the answer has an odd next"),
        ({"data": [{"id": "1"}], "has_more": True}, "about things has more, and does not say where"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(page, text):
    with pytest.raises(ProviderError, match=text):
        listed(page)


def test_a_download_that_breaks_leaves_no_file(tmp_path):
    class Broken(httpx2.SyncByteStream):
        def __iter__(self):
            yield b"half"
            raise httpx2.ReadError("x")

    api = client(httpx2.Response(200, stream=Broken()))
    with pytest.raises(ProviderError) as caught:
        api.fetch("http://storage.invalid/secret-signature", tmp_path / "model.bin", signed=True)
    assert "secret-signature" not in str(caught.value)
    assert caught.value.temporary
    assert list(tmp_path.iterdir()) == []


def test_a_download_shows_the_key_to_the_host_alone(tmp_path):
    seen = []

    def handle(request):
        seen.append((request.url.host, "authorization" in request.headers))
        if request.url.host == "h.invalid":
            return httpx2.Response(302, headers={"location": "http://storage.invalid/x"})
        return httpx2.Response(200, content=b"weights")

    http = httpx2.Client(transport=httpx2.MockTransport(handle))
    RestClient("host", "http://h.invalid", KEY, http_client=http).fetch("/m", tmp_path / "m", signed=False)
    assert seen == [("h.invalid", True), ("storage.invalid", False)]
    assert (tmp_path / "m").read_bytes() == b"weights"
