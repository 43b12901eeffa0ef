from dataclasses import replace

import openai
import pytest
from vcr.errors import CannotOverwriteExistingCassetteException

from tests.scripts import record_hosts
from tests.support import tape
from tests.support.recorded_hosts import ASKED, HOSTS, Visit, this_librarys_code
from tests.support.standins.openai import OpenAIStandIn

pytestmark = pytest.mark.usefixtures("clock")

KEY = "sk-proj-9f8e7d6c5b4a39281706"


@pytest.fixture
def recorded(tmp_path):
    """A cassette with one upload and two looks at it, and the id of the upload."""
    path = tmp_path / "folder" / "tape.yaml"
    with OpenAIStandIn() as server:
        header = tape.about("stand-in", ["openai"])
        replaced = {server.url: "https://host.invalid", KEY: "made-up"}
        with (
            tape.recorded(path, header, replaced) as written,
            openai.OpenAI(api_key=KEY, base_url=server.base_url) as client,
        ):
            upload(client)
            client.files.retrieve(server.uploads[0])
            server.files[server.uploads[0]]["status"] = "error"
            client.files.retrieve(server.uploads[0])
            written["outcome"] = {"key": KEY}
        return path, server.uploads[0]


def upload(client, content=b'{"n": 1}\n', purpose="fine-tune"):
    return client.files.create(file=("x.jsonl", content), purpose=purpose)


@pytest.fixture
def client():
    with openai.OpenAI(api_key="sk-other", base_url="http://127.0.0.1:1/v1", max_retries=0) as client:
        yield client


def test_the_same_upload_replays_although_its_boundary_is_random(recorded, client):
    with tape.replayed(recorded[0]):
        assert upload(client).status == "processed"


@pytest.mark.parametrize("other", [{"content": b'{"n": 2}\n'}, {"purpose": "assistants"}])
def test_another_upload_does_not_replay(recorded, client, other):
    with tape.replayed(recorded[0]), pytest.raises(CannotOverwriteExistingCassetteException):
        upload(client, **other)


def test_looks_replay_in_their_order_and_not_again(recorded, client):
    path, id_ = recorded
    with tape.replayed(path):
        assert [client.files.retrieve(id_).status for _ in range(2)] == ["processed", "error"]
        with pytest.raises(CannotOverwriteExistingCassetteException):
            client.files.retrieve(id_)


def test_a_cassette_says_where_it_is_from_and_keeps_no_secret(recorded):
    text = recorded[0].read_text(encoding="utf-8")
    assert text.startswith("# Recorded from the stand-in in tests/support/standins, not a live service.\n")
    header = tape.header_of(recorded[0])
    assert header["outcome"] == {"key": "made-up"}
    assert header["recorded"]["from"] == "stand-in"
    assert header["recorded"]["with"]["openai"] == openai.__version__
    assert KEY not in text
    assert "127.0.0.1" not in text
    assert "authorization" not in text.lower()
    assert "x-stainless" not in text.lower()


def test_a_recording_that_comes_to_nothing_is_not_kept(tmp_path):
    path = tmp_path / "tape.yaml"
    with pytest.raises(RuntimeError), tape.recorded(path, {"from": "stand-in"}):
        raise RuntimeError
    assert not path.exists()


def test_a_secret_that_no_filter_knows_is_not_written(tmp_path):
    path = tmp_path / "tape.yaml"

    def record():
        with (
            OpenAIStandIn() as server,
            tape.recorded(path, {"from": "stand-in"}) as written,
            openai.OpenAI(api_key="x", base_url=server.base_url) as client,
        ):
            upload(client, f"{KEY} ada@example.com".encode())
            written["outcome"] = {}

    with pytest.raises(AssertionError) as caught:
        record()
    assert str(caught.value) == "tape.yaml would hold a key, an address of mail; it was not written"
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hf_AbCdEfGhIjKlMnOp", "a key"),
        ('"api_key": "lsv2_' + 'pt_0123456789abcdef"', "a key"),
        ("Bearer abc", "a token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.x", "a token"),
        ("    authorization:\n    - x", "a header that opens doors"),
        ("      api-key: x", "a header that opens doors"),
        ("https://s3.example/x?X-Amz-Signature=abc", "a signed address"),
        ("org-A1b2C3d4E5", "an organization"),
        ("/subscriptions/0f1e2d3c-4b5a/x", "a subscription"),
    ],
)
def test_what_opens_doors_is_known_by_its_form(text, kind):
    assert kind in tape.secrets_in(f"x\n{text}\n")


def test_what_names_the_owner_is_not_kept():
    body = b'{"organization_id": "org-1", "tenant_id":"t-1", "url": "https://s.example/x?a=1&X-Amz-Signature=b", "id": "x"}'
    headers = {
        "Set-Cookie": ["a=b"],
        "Content-Type": ["application/json"],
        "openai-organization": ["o"],
        "Location": ["https://s.example/x?Signature=b"],
    }
    tidied = tape.tidy_response({"headers": headers, "body": {"string": body}, "status": {}})
    assert tidied["headers"] == {"Content-Type": ["application/json"], "Location": ["https://s.example/x"]}
    assert tidied["body"]["string"] == (
        b'{"organization_id": "REDACTED", "tenant_id":"REDACTED", "url": "https://s.example/x", "id": "x"}'
    )


# --- as if live --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTS)
def test_recording_replays_and_holds_no_key_or_account(name, tmp_path, monkeypatch):
    host = HOSTS[name]
    # Stand-ins in the place of the hosts. Only the Hub's knows more than one account, and Azure's only one key.
    key = host.key if name == "azure" else "9f8e7d6c5b4a3928170611"
    account = "ada-lovelace" if name == "huggingface" else tape.ACCOUNT
    for variable in host.variables:
        monkeypatch.setenv(variable, key)
    with host.stand_in() as server:
        live = replace(host, live_url=lambda: server.url + host.path, account_of=lambda _: account)
        written = record_hosts.record(live, "way", tmp_path)
    path = tmp_path / name / "way.yaml"
    text = path.read_text(encoding="utf-8")
    header = tape.header_of(path)
    recorded = header["recorded"]
    assert text.startswith("# Recorded live.\n")
    assert recorded["from"] == host.url
    assert "127.0.0.1" not in text
    assert key == host.key or key not in text
    assert account == tape.ACCOUNT or account not in text
    visit = Visit(
        host=host,
        folder=tmp_path,
        made_for=recorded["made_for"],
        model=recorded["model"],
        url=host.url,
        key=host.key,
        account=tape.ACCOUNT,
    )
    with tape.replayed(path) as cassette, this_librarys_code():
        assert ASKED["way"](visit) == header["outcome"]
    assert cassette.all_played
    # The stand-in's models have the name of an organization in theirs, as OpenAI's do.
    model = (
        written["outcome"]["model"].replace(account, tape.ACCOUNT).replace(":made-up:", f":{tape.ACCOUNT}:")
    )
    assert header["outcome"]["model"] == model


def test_account_names_inside_models_are_not_kept(tmp_path):
    path = tmp_path / "tape.yaml"
    with OpenAIStandIn() as server, tape.recorded(path, {"from": "stand-in"}) as written:
        with openai.OpenAI(api_key="x", base_url=server.base_url) as client:
            upload(
                client,
                b'{"model_output_name": "ada/qwen-1"} "ft:gpt-4.1:lovelace-inc::1" ada/qwen-1 "role":"ada"',
            )
            client.files.content(server.uploads[0])
        written["outcome"] = {"model": "ada/qwen-1", "other": "ft:gpt-4.1:lovelace-inc::1"}
    assert tape.header_of(path)["outcome"] == {"model": "me/qwen-1", "other": "ft:gpt-4.1:me::1"}
    assert "lovelace" not in path.read_text(encoding="utf-8")


def test_of_a_list_only_what_was_made_in_the_recording_is_kept(tmp_path):
    path = tmp_path / "tape.yaml"
    with OpenAIStandIn() as server:
        server._new_file("fine-tune", "of-somebody-else.jsonl", b"{}")
        with tape.recorded(path, {"from": "stand-in"}) as written:
            with openai.OpenAI(api_key="x", base_url=server.base_url) as client:
                ours = upload(client)
                assert len(client.files.list().data) == 2
            written["outcome"] = {}
    assert "of-somebody-else" not in path.read_text(encoding="utf-8")
    with tape.replayed(path), openai.OpenAI(api_key="x", base_url="http://127.0.0.1:1/v1") as client:
        upload(client)
        assert [file.id for file in client.files.list().data] == [ours.id]
