import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from langsmith_finetune._foundation import locks
from langsmith_finetune.jobs.journal import Journal, home_of
from langsmith_finetune.providers.values import JobInfo, JobRequest

TRAIN = "0" * 64


class Host:
    """As much of a provider as the journal looks at."""

    def __init__(self, name="host", home="https://host.invalid/v1/"):
        self.name, self.home = name, home


HOST = Host()


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal")


def request(**settings):
    return JobRequest(training_file=Path("train.jsonl"), training_sha256=TRAIN, model="m", **settings)


def status(job_id="job-1", word="running", **more):
    return JobInfo(id=job_id, status=word, provider_status=word, model="m", **more)


def test_a_new_journal_knows_nothing_and_makes_no_folder(journal):
    assert journal.records() == []
    assert journal.named(HOST, "bot") is None
    assert journal.of_job(HOST, "job-1") is None
    assert dict(journal.memory(HOST)) == {}
    assert not journal.folder.exists()


def test_what_is_written_is_read_in_the_next_kernel(journal):
    record = journal.begin(HOST, request(), names=("bot",), tokens=12, usd=0.5)
    journal.write(record, stage="created", job_id="job-1")
    again = Journal(journal.folder)
    (read,) = again.records(HOST)
    assert read == replace(record, stage="created", job_id="job-1")
    assert (read.training_file, read.model, read.method) == (
        str(Path("train.jsonl").absolute()),
        "m",
        "supervised",
    )
    assert again.named(HOST, "bot") == again.of_job(HOST, "job-1") == read


def test_jobs_of_a_request_are_numbered_newest_first(journal):
    first = journal.begin(HOST, request())
    second = journal.begin(HOST, request())
    other = journal.begin(HOST, request(seed=1))
    assert [first.number, second.number, other.number] == [1, 2, 1]
    assert journal.of_request(HOST, request()) == [second, first]
    assert journal.records() == [other, second, first]


def test_a_name_is_that_of_the_newest_job(journal):
    journal.begin(HOST, request(), names=("bot",))
    second = journal.begin(HOST, request(), names=("bot", "other"))
    assert journal.named(HOST, "bot") == second


@pytest.mark.parametrize("other", [Host(name="other"), Host(home="https://elsewhere.invalid/v1/")])
def test_providers_and_their_addresses_are_kept_apart(journal, other):
    journal.begin(HOST, request(), names=("bot",), job_id="job-1")
    journal.memory(HOST)["file"] = "file-1"
    assert journal.records(other) == journal.of_request(other, request()) == []
    assert journal.named(other, "bot") is journal.of_job(other, "job-1") is None
    assert dict(journal.memory(other)) == {}
    assert len(journal.records()) == 1


@pytest.mark.parametrize(
    ("home", "kept"),
    [
        ("https://user:secret@host.invalid/v1/?key=secret#secret", "https://host.invalid/v1/"),
        ("https://host.invalid:8000/v1/", "https://host.invalid:8000/v1/"),
        ("/home/me/runs", "/home/me/runs"),
        ("", ""),
    ],
)
def test_an_address_is_kept_without_what_opens_it(journal, home, kept):
    host = Host(home=home)
    assert home_of(host) == kept
    journal.begin(host, request())
    assert all("secret" not in path.read_text() for path in journal.folder.glob("*.json"))


def test_a_provider_without_an_address_has_none():
    assert home_of(object()) == ""


def test_memory_is_a_dict_that_lasts(journal):
    memory = journal.memory(HOST)
    memory["a"] = {"id": "upload-1", "parts": [1, 2]}
    memory["b"] = "file-1"
    del memory["b"]
    again = Journal(journal.folder).memory(HOST)
    assert dict(again) == {"a": {"id": "upload-1", "parts": [1, 2]}}
    assert (len(again), again.get("b"), "a" in again) == (1, None, True)
    with pytest.raises(KeyError):
        again["b"]


def test_a_memory_that_cannot_be_written_is_told_and_not_fatal(journal, caplog):
    journal.folder.parent.mkdir(exist_ok=True)
    journal.folder.write_text("a file where the folder should be")
    journal.memory(HOST)["a"] = 1
    assert f"{journal.folder} cannot be written: " in caplog.text


def test_where_a_job_stands_is_written_down_when_it_is_news(journal):
    record = journal.begin(HOST, request(), stage="created", job_id="job-1", status="running")
    path = next(journal.folder.glob("job-*.json"))
    before = path.stat().st_mtime_ns
    journal.saw(HOST, status())
    assert path.stat().st_mtime_ns == before
    journal.saw(HOST, status(word="succeeded", fine_tuned_model="ft:m"))
    assert journal.records() == [replace(record, stage="ended", status="succeeded", fine_tuned_model="ft:m")]
    journal.saw(HOST, status("job-of-somebody-else"))
    assert len(journal.records()) == 1


def test_seeing_a_deployed_job_again_keeps_the_deployment(journal):
    journal.begin(HOST, request(), stage="deployed", job_id="job-1", deployment_id="d", status="running")
    journal.saw(HOST, status(word="succeeded", fine_tuned_model="ft:m"))
    (record,) = journal.records()
    assert (record.stage, record.deployment_id) == ("deployed", "d")


def test_a_journal_that_cannot_be_written_does_not_end_a_look(journal, caplog, monkeypatch):
    journal.begin(HOST, request(), stage="created", job_id="job-1")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "_put", full)
    journal.saw(HOST, status())
    assert f"job job-1 is not written into {journal.folder}: No space left on device" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_only_the_owner_can_read_it(journal):
    journal.begin(HOST, request())
    journal.memory(HOST)["a"] = 1
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    files = list(journal.folder.iterdir())
    assert len(files) == 4  # a record, the memory, and a lock of each
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"job_id": "x"}', '{"version": 9}', "\xff"])
def test_a_broken_file_is_left_out(journal, text):
    good = journal.begin(HOST, request())
    (journal.folder / f"job-{'0' * 32}-{'0' * 16}-1.json").write_text(text, encoding="latin-1")
    (journal.folder / f"memory-{'0' * 16}.json").write_text(text, encoding="latin-1")
    assert journal.records() == [good]


def test_files_that_are_not_ours_are_not_read(journal):
    journal.begin(HOST, request())
    (journal.folder / "job-of-mine.json").write_text("{}")
    (journal.folder / ".job-half-written.json").write_text("{")
    assert len(journal.records()) == 1


def test_a_write_is_whole_or_not_at_all(journal, monkeypatch):
    record = journal.begin(HOST, request())

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        journal.write(record, stage="created", job_id="job-1")
    assert journal.records() == [record]
    assert [path.suffix for path in journal.folder.iterdir() if path.suffix != ".lock"] == [".json"]


# --- records that cannot be read ---------------------------------------------------------------------------

DAMAGE = {
    "empty": (b"", "is empty"),
    "zeros": (b"\0" * 300, "is empty"),
    "torn": (b'{"fingerprint": "ab', "is torn or was overwritten"),
    "no object": (b"[1]", "is torn or was overwritten"),
    "too deep": (b"[" * 200_000, "is torn or was overwritten"),
    "no UTF-8": (b'{"a": "\xff"}', "is torn or was overwritten"),
    "of a later version": (b'{"checkpoints": []}', "was written by a later version ('checkpoints')"),
    "too little": (b'{"job_id": "x"}', "is not a record of a job"),
}


def damaged(journal, content):
    record = journal.begin(HOST, request(), stage="created", job_id="job-1")
    (path,) = journal.folder.glob("job-*.json")
    if content is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(content)
    return record, path


@pytest.mark.parametrize(("content", "what"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_record_is_named_and_never_written_over(journal, content, what):
    _, path = damaged(journal, content)
    assert journal.of_request(HOST, request()) == []
    assert journal.unreadable(HOST, request()) == {path: what}
    assert journal.unreadable(HOST, request(seed=1)) == {}
    assert journal.begin(HOST, request()).number == 2
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "field", [{"number": "1"}, {"names": [1]}, {"job_id": 7}, {"usd": True}, {"stage": None}]
)
def test_record_of_wrong_types_is_not_read(journal, field):
    journal.begin(HOST, request())
    (path,) = journal.folder.glob("job-*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **field}))
    assert journal.unreadable(HOST, request()) == {path: "is not a record of a job"}


@pytest.mark.parametrize("field", [{"stage": "hovering"}, {"status": "asleep"}])
def test_record_with_a_word_of_a_later_version_is_not_read(journal, field):
    journal.begin(HOST, request())
    (path,) = journal.folder.glob("job-*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **field}))
    (word,) = field.values()
    assert journal.unreadable(HOST, request()) == {path: f"was written by a later version ({word!r})"}


def test_folder_in_a_record_s_place_is_named(journal):
    _, path = damaged(journal, None)
    assert journal.unreadable(HOST, request()) == {path: "cannot be read (Is a directory)"}
    assert journal.begin(HOST, request()).number == 2


def test_damaged_record_is_warned_of_once(journal, caplog):
    _, path = damaged(journal, b"")
    for _ in range(3):
        journal.records()
    assert caplog.messages == [f"{path} is empty; left out"]


def test_damaged_memory_is_kept_aside(journal, caplog):
    journal.memory(HOST)["a"] = 1
    (path,) = journal.folder.glob("memory-*.json")
    path.write_bytes(b"{torn")
    memory = journal.memory(HOST)
    assert dict(memory) == {}
    memory["b"] = 2
    assert dict(memory) == {"b": 2}
    assert path.with_name(f"{path.name}.unreadable").read_bytes() == b"{torn"
    assert caplog.messages == [f"{path} is torn or was overwritten; kept aside as {path.name}.unreadable"]


def test_records_are_ordered_by_number_if_clock_goes_back(journal):
    first = journal.begin(HOST, request(), names=("bot",))
    second = journal.begin(HOST, request(), names=("bot",))
    journal.write(second, created_at="2001-01-01T00:00:00+00:00", job_id="job-2")
    assert [record.number for record in journal.of_request(HOST, request())] == [2, 1]
    assert journal.named(HOST, "bot").job_id == "job-2"
    assert first.number == 1


def test_two_writers_of_a_record_keep_each_others_fields(journal):
    record = journal.begin(HOST, request(), names=("a",))
    journal.write(record, job_id="job-1", names=("a", "b"))
    written = journal.write(record, stage="created", names=("a", "c"))  # by one who knows the older record
    assert journal.records() == [replace(record, stage="created", job_id="job-1", names=("a", "b", "c"))]
    assert written == journal.records()[0]


def test_writes_of_many_processes_lose_nothing(journal):
    record = journal.begin(HOST, request())

    def write(n):
        for k in range(10):
            journal.write(record, names=(f"{n}-{k}",))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.records()[0].names) == 40


# --- where it is -------------------------------------------------------------------------------------------


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "mine"))
    assert Journal().folder == tmp_path / "mine"
    assert Journal(tmp_path / "given").folder == tmp_path / "given"
    assert repr(Journal()) == f"Journal({str(tmp_path / 'mine')!r})"


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {}, ".local/state/langsmith-finetune"),
        ("linux", {"XDG_STATE_HOME": "/state"}, "/state/langsmith-finetune"),
        ("darwin", {}, "Library/Application Support/langsmith-finetune"),
        ("win32", {}, "AppData/Local/langsmith-finetune"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/langsmith-finetune"),
    ],
)
def test_by_default_it_is_where_the_platform_keeps_such_things(
    monkeypatch, tmp_path, platform, environment, folder
):
    for name in ("LANGSMITH_FINETUNE_JOURNAL", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert Journal().folder == tmp_path / folder


# --- locks -------------------------------------------------------------------------------------------------


def test_two_threads_take_turns(journal):
    inside, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal inside, most
        for _ in range(20):
            with journal.lock("create", "same"):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_the_lock_of_a_killed_process_is_free(journal):
    code = """if True:
        import os, signal, sys
        from langsmith_finetune.jobs.journal import Journal
        with Journal(sys.argv[1]).lock("create", "x"):
            print("locked", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    args = [sys.executable, "-c", code, str(journal.folder)]
    out = subprocess.run(args, capture_output=True, text=True, check=False, timeout=60)
    assert out.stdout == "locked\n"
    assert out.returncode == -9
    with journal.lock("create", "x"):
        pass


def test_different_work_does_not_wait(journal):
    with journal.lock("create", "x"), journal.lock("names"), journal.lock("memory", "x"):
        pass


def test_locks_do_not_pile_up(journal):
    for n in range(600):
        with journal.lock("create", str(n)):
            pass
    assert len(list(journal.folder.iterdir())) <= 256


def until(happened):
    """Wait for what another thread does, however busy the machine is."""
    for _ in range(600):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")


def test_a_waiting_kernel_says_who_holds_the_lock(journal, caplog):
    entered = threading.Event()

    def wait():
        with journal.lock("create", "x"):
            entered.set()

    with journal.lock("create", "x"):
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: caplog.messages)
        assert not entered.is_set()
        said = f"process {os.getpid()} of {socket.gethostname()}, since "
        assert caplog.messages[0].startswith(said)
        assert caplog.messages[0].endswith(", is at work on the same (create-2d.lock); waiting for it")
    thread.join()
    assert entered.is_set()


HOLDER = """if True:
    import os, sys, time
    from langsmith_finetune.jobs.journal import Journal
    with Journal(sys.argv[1]).lock("create", "x"):
        print("locked", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def holder(journal):
    args = [sys.executable, "-c", HOLDER, str(journal.folder)]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def waits(journal, entered):
    with journal.lock("create", "x"):
        entered.set()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc")
def test_a_stopped_holder_is_named_again_and_again(journal, holder, caplog, monkeypatch):
    monkeypatch.setattr(locks, "_REMIND_SECONDS", 0.01)
    holder.send_signal(signal.SIGSTOP)
    entered = threading.Event()
    thread = threading.Thread(target=waits, args=(journal, entered))
    thread.start()
    stopped = f"It is stopped: `kill -CONT {holder.pid}` lets it go on, and `kill {holder.pid}` ends it"
    until(lambda: sum(stopped in message for message in caplog.messages) > 1)
    assert not entered.is_set()
    holder.kill()
    thread.join(30)
    assert entered.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_does_not_inherit_the_lock(journal):
    with journal.lock("create", "x"):
        if (child := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
    entered = threading.Event()
    thread = threading.Thread(target=waits, args=(journal, entered))
    thread.start()
    try:
        assert entered.wait(30)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fork_of_a_dead_holder_leaves_the_lock_free(journal):
    if (parent := os.fork()) == 0:
        context = journal.lock("create", "x")
        context.__enter__()
        if os.fork() == 0:
            time.sleep(30)
        os._exit(0)
    os.waitpid(parent, 0)
    entered = threading.Event()
    thread = threading.Thread(target=waits, args=(journal, entered))
    thread.start()
    assert entered.wait(25)
    thread.join()


def test_words_about_holders_of_every_state(tmp_path, monkeypatch):
    path = tmp_path / "create-00.lock"

    def said(**holder):
        known = {"pid": os.getpid(), "host": socket.gethostname(), "since": "2026-01-02T03:04:05+00:00"}
        path.write_text(json.dumps(known | holder))
        with path.open("r+b", buffering=0) as file:
            return locks._holder(file, path)

    here = f"process 7 of {socket.gethostname()}, since 2026-01-02T03:04:05+00:00, is at work on the same (create-00.lock)"
    monkeypatch.setattr(locks, "_state_of", lambda _: None)
    assert said(pid=7) == f"{here}. It has ended, but a process that it started still holds the lock"
    monkeypatch.setattr(locks, "_state_of", lambda _: "S")
    assert said(pid=7) == here
    assert said(pid=7, host="far").startswith("process 7 of far, since")
    assert said(pid=None) == "another process is at work on the same (create-00.lock)"


def test_a_process_that_does_not_exist_has_no_state():
    assert locks._state_of(2**22 + 1) is None
    assert locks._state_of(os.getpid()) in ("R", "S", "?")


@pytest.mark.skipif(os.name != "posix", reason="uids")
def test_a_lock_of_another_user_names_the_file(journal, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    with journal.lock("create", "x"):
        pass
    monkeypatch.setattr(locks.os, "open", denied)
    with pytest.raises(PermissionError) as raised, journal.lock("create", "x"):
        pass
    assert raised.value.strerror == "create-2d.lock belongs to another user, as after sudo: chown it back"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_root_leaves_files_to_the_owner_of_the_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    journal = Journal(home / ".local" / "state" / "journal")
    journal.begin(HOST, request())
    made = list(home.rglob("*"))
    assert len(made) == 5
    assert {path.stat().st_uid for path in made} == {12345}


@pytest.mark.skipif(os.name != "posix", reason="uids")
def test_without_a_home_the_journal_is_in_a_folder_of_the_user_s(monkeypatch, tmp_path, caplog):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("LANGSMITH_FINETUNE_JOURNAL", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"langsmith-finetune-{os.getuid()}"
    assert Journal().folder == folder / ".local" / "state" / "langsmith-finetune"
    assert caplog.messages == [
        f"HOME is not set and the user has no name, so the journal of jobs is in {folder}, which a restart may "
        "empty. Set LANGSMITH_FINETUNE_JOURNAL to a folder that lasts"
    ]
    folder.symlink_to(tmp_path / "elsewhere")  # somebody else's trap
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    (tmp_path / "langsmith-finetune-54321").mkdir()
    assert not str(Journal().folder).startswith(str(tmp_path / "langsmith-finetune-54321"))


def test_the_files_are_small_and_legible(journal):
    journal.begin(HOST, request(parameters={"n_epochs": 3, "wandb_key": "secret"}), names=("bot",))
    (path,) = journal.folder.glob("job-*.json")
    shown = json.loads(path.read_text())
    assert shown["names"] == ["bot"]
    assert "secret" not in path.read_text()
    assert path.stat().st_size < 1000
