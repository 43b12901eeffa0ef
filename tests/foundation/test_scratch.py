"""What a killed process leaves of its temporary copies: the next one finds and removes it."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from langsmith_finetune._foundation import scratch
from langsmith_finetune._foundation.scratch import kept_scratch_folder, scratch_folder
from langsmith_finetune.jobs.creation import usable_journal
from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.providers.values import JobRequest
from tests.support.jobs import line_of, write

HOLD = "print('there', flush=True); import time; time.sleep(60)"

KINDS = {
    "upload-": f"""
from langsmith_finetune.providers.preparation import prepared_files
from tests.foundation.test_scratch import request_for, together
with prepared_files(together(), request_for(FILE)) as files:
    assert files[0].content != FILE
    {HOLD}
""",
    "journal-": f"""
from langsmith_finetune.jobs.creation import usable_journal
from tests.foundation.test_scratch import together
usable_journal("/proc/nowhere", together()).folder.joinpath("record.json").write_text("secret")
{HOLD}
""",
    "shard-": f"""
import io
from langsmith_finetune.dataset import shards
from tests.foundation.test_scratch import line_of
def examples(*_):
    {HOLD}
    return []
shards._make_shard((0, None), folder="memory://out", examples=examples)
""",
}


def together():
    return TogetherProvider("made-up")


def request_for(file):
    import hashlib

    return JobRequest(
        training_file=file, training_sha256=hashlib.sha256(file.read_bytes()).hexdigest(), model="m"
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The system's temporary folder, for this test and its processes."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.fixture
def start():
    started = []

    def start(code):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "there\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def file(tmp_path):
    # A byte order mark is not sent on, so the upload is a copy.
    path = write(tmp_path / "train.jsonl", [line_of("Hi")])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return path


def place(here):
    return here / f"{scratch.PLACE}-{os.getuid()}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_scratch_of_killed_process_alone_is_removed(here, start, file, kind):
    code = f"from pathlib import Path\nFILE = Path({str(file)!r})\n" + KINDS[kind]
    killed = start(code)
    (left,) = place(here).iterdir()
    assert left.name.startswith(kind)
    for path in (place(here), left):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert left.is_dir()

    living = start(code)
    (held,) = place(here).iterdir()
    assert held != left
    with scratch_folder(kind) as ours:
        assert held.is_dir()
        assert ours != held
    assert [path.name for path in place(here).iterdir()] == [held.name]
    living.kill()
    living.wait()
    with scratch_folder("other-"):
        assert held.is_dir()  # of another kind, which its own maker removes
    with scratch_folder(kind):
        assert not held.exists()
    assert list(here.iterdir()) == [place(here)]


def test_a_copy_ends_with_its_use(here, file):
    with prepared_files(together(), request_for(file)) as (prepared,):
        assert prepared.content.parent.parent == place(here)
        assert not prepared.content.read_bytes().startswith(b"\xef\xbb\xbf")
    assert list(place(here).iterdir()) == []


def test_a_journal_of_this_process_alone_stays_while_it_lives(here, tmp_path):
    (tmp_path / "file").touch()
    journal = usable_journal(tmp_path / "file" / "journal", together())
    assert journal.folder.parent == place(here)
    with scratch_folder("journal-"):
        assert journal.folder.is_dir()
    assert kept_scratch_folder("journal-") != journal.folder


def test_a_place_that_somebody_else_made_is_not_used(here, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place(here).symlink_to(tmp_path / "elsewhere")
    with scratch_folder("upload-") as folder:
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        assert folder.parent.resolve() != tmp_path / "elsewhere"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_place_that_others_could_read_is_closed(here):
    place(here).mkdir(mode=0o755)
    place(here).chmod(0o755)
    with scratch_folder("upload-"):
        assert stat.S_IMODE(place(here).stat().st_mode) == 0o700


def test_files_and_links_beside_the_folders_are_left_alone(here, tmp_path):
    (tmp_path / "mine").mkdir()
    with scratch_folder("upload-"):
        pass
    (place(here) / "upload-link").symlink_to(tmp_path / "mine")
    (place(here) / "upload-file").touch()
    with scratch_folder("upload-"):
        pass
    assert (tmp_path / "mine").is_dir()
    assert sorted(path.name for path in place(here).iterdir()) == ["upload-file", "upload-link"]


def test_a_folder_that_gets_its_name_stays(tmp_path):
    with scratch_folder(".new-", tmp_path) as folder:
        (folder / "a").touch()
        folder.rename(tmp_path / "done")
    assert [path.name for path in tmp_path.iterdir()] == ["done"]
    assert Path(tmp_path / "done" / "a").is_file()


@pytest.mark.parametrize("kind", ["together", "fireworks"])
def test_what_a_killed_download_left_is_removed_by_the_next(tmp_path, start, kind):
    code = f"""
from pathlib import Path
import httpx2
from langsmith_finetune.providers.http.client import RestClient
def drip():
    yield b"weights"
    {HOLD}
answer = httpx2.MockTransport(lambda _: httpx2.Response(200, content=drip()))
client = RestClient({kind!r}, "http://host.invalid", "made-up", http_client=httpx2.Client(transport=answer))
client.fetch("/model", Path({str(tmp_path)!r}) / "model.tar.zst", signed=False)
"""
    import httpx2

    from langsmith_finetune.providers.http.client import RestClient

    killed = start(code)
    (left,) = tmp_path.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    killed.kill()
    killed.wait()
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"weights"))
    with httpx2.Client(transport=answer) as http:
        client = RestClient(kind, "http://host.invalid", "made-up", http_client=http)
        client.fetch("/model", tmp_path / "model.tar.zst", signed=False)
    assert [path.name for path in tmp_path.iterdir()] == ["model.tar.zst"]


@pytest.mark.slow
def test_a_killed_tiny_model_leaves_no_half_of_one(tmp_path, start):
    from langsmith_finetune.providers.local import tiny_model

    code = f"""
from transformers import LlamaForCausalLM
from langsmith_finetune.providers.local import tiny_model
save = LlamaForCausalLM.save_pretrained
def saved(model, folder):
    save(model, folder)
    {HOLD}
LlamaForCausalLM.save_pretrained = saved
tiny_model({str(tmp_path / "tiny")!r}, [{line_of("Hi")!r}])
"""
    killed = start(code)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".tiny.new-")
    killed.kill()
    killed.wait()
    for _ in range(2):  # the second time into the folder that is there
        tiny_model(tmp_path / "tiny", [line_of("Hi")])
        assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
