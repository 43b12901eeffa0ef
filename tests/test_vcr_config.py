import openai
import pytest
import vcr
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.persisters.filesystem import FilesystemPersister

from tests import vcr_config
from tests.standins.openai import OpenAIStandIn

KEY = "sk-made-up-and-secret"


@pytest.fixture
def tape(tmp_path, request):
    """Open the same cassette as often as one likes, as our tests do."""
    settings = request.getfixturevalue("vcr_config")
    recorder = vcr.VCR(cassette_library_dir=str(tmp_path))
    recorder.register_persister(FilesystemPersister())
    vcr_config.pytest_recording_configure(None, recorder)
    return lambda mode: recorder.use_cassette("tape.yaml", record_mode=mode, **settings)


@pytest.fixture
def recorded(tape, tmp_path):
    """The address and the text of a cassette with one upload and two looks at it."""
    with OpenAIStandIn() as server:
        with tape("new_episodes"), openai.OpenAI(api_key=KEY, base_url=server.base_url) as client:
            upload(client)
            client.files.retrieve(server.uploads[0])
            server.files[server.uploads[0]]["status"] = "error"
            client.files.retrieve(server.uploads[0])
        return server, (tmp_path / "tape.yaml").read_text(encoding="utf-8")


def upload(client, content=b'{"n": 1}\n', purpose="fine-tune"):
    return client.files.create(file=("x.jsonl", content), purpose=purpose)


@pytest.fixture
def client(recorded):
    # Another host than the one recorded: a live cassette replays at the stand-in's address.
    with openai.OpenAI(api_key="sk-other", base_url="http://127.0.0.1:1/v1", max_retries=0) as client:
        yield client


def test_the_same_upload_replays_although_its_boundary_is_random(tape, client):
    with tape("none"):
        assert upload(client).status == "processed"


@pytest.mark.parametrize("other", [{"content": b'{"n": 2}\n'}, {"purpose": "assistants"}])
def test_another_upload_does_not_replay(tape, client, other):
    with tape("none"), pytest.raises(CannotOverwriteExistingCassetteException):
        upload(client, **other)


def test_looks_replay_in_their_order_and_not_again(tape, client, recorded):
    id_ = recorded[0].uploads[0]
    with tape("none"):
        assert [client.files.retrieve(id_).status for _ in range(2)] == ["processed", "error"]
        with pytest.raises(CannotOverwriteExistingCassetteException):
            client.files.retrieve(id_)


def test_a_cassette_says_what_it_was_recorded_from_and_keeps_no_secret(recorded):
    text = recorded[1]
    assert text.startswith("# Recorded from the stand-in in tests/standins, not a live service.\n")
    assert KEY not in text
    assert "authorization" not in text.lower()
    assert "x-stainless" not in text.lower()


def test_what_names_the_owner_is_not_kept():
    body = b'{"organization_id": "org-1", "tenant_id":"t-1", "id": "x"}'
    headers = {"Set-Cookie": ["a=b"], "Content-Type": ["application/json"], "openai-organization": ["o"]}
    tidied = vcr_config.tidy_response({"headers": headers, "body": {"string": body}, "status": {}})
    assert tidied["headers"] == {"Content-Type": ["application/json"]}
    assert tidied["body"]["string"] == (b'{"organization_id": "REDACTED", "tenant_id":"REDACTED", "id": "x"}')
