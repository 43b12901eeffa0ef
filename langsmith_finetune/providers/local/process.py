"""Starts the training process, says if it is alive, and stops it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.json_values import count_from, number_from
from langsmith_finetune.providers.local.run_folder import (
    RunFolder,
    UnreadableFileError,
    private_open,
    read_json,
    write_json,
)

if TYPE_CHECKING:
    import psutil

_STOP_SECONDS = 5.0
"""A process asked to end gets this long before it is ended."""

_CLOCK_MOVES_SECONDS = 10.0


def start_training(run: RunFolder, *, processes: int = 1) -> None:
    """Start the training of a run folder in a process that outlives this one.

    Args:
        run: The run.
        processes: How many train together.
    """
    command = training_command(run, processes)
    if processes > 1:
        run.add_event(f"{processes} processes train together: {shlex.join(command)}")
    with private_open(run.log_file, "ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module, with a path as its only argument
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Its own session: the end of a notebook's kernel, or Ctrl-C, does not reach it.
            start_new_session=True,
            # Threads that wait for each other without spinning: on busy cores twice as fast (measured).
            env={"OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"}
            | os.environ
            | _gpus(processes),
        )
    record_process(run, process.pid)
    # Somebody has to collect the exit code, or the ended process stays in the table as a zombie.
    threading.Thread(target=process.wait, daemon=True, name=f"wait for {run.id}").start()


def training_command(run: RunFolder, processes: int) -> list[str]:
    """The command that trains a run folder."""
    # -P: no module is ever taken from the folder that the caller happens to be in.
    python = [sys.executable, "-P", "-m"]
    training = ["langsmith_finetune.providers.local.train", str(run.path)]
    if processes == 1:
        return [*python, *training]
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    return [*python, *launcher, *training]


def _gpus(processes: int) -> dict[str, str]:
    """One process sees one GPU: where it sees several, transformers spreads each batch over them, unasked."""
    if processes > 1:
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[0]}


def record_process(run: RunFolder, pid: int, *, starting: bool = False) -> None:
    """Write down who works on a run. A number alone would not do: it is given to new processes again.

    Args:
        run: The run.
        pid: The process.
        starting: It only prepares the run, and must not be stopped with it: it may be a notebook's kernel.
    """
    import psutil

    try:
        created = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return  # already over; whatever it had to say is in the folder
    record = {"pid": pid, "created": created, "host": socket.gethostname(), "starting": starting}
    write_json(run.process_file, record)


def is_alive(run: RunFolder) -> bool:
    """True if somebody still works on a run. On another machine's run: yes, for all we can tell."""
    record = _record(run)
    host = record.get("host")
    return (isinstance(host, str) and host != socket.gethostname()) or _process(record) is not None


def stop(run: RunFolder) -> None:
    """End the process that works on a run, and those it started."""
    import psutil

    record = _record(run)
    process = _process(record)
    if process is None or record.get("starting") is not False:
        return
    try:
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        _send(member.terminate)
    _, stubborn = psutil.wait_procs(family, timeout=_STOP_SECONDS)
    for member in stubborn:
        _send(member.kill)
    psutil.wait_procs(stubborn, timeout=_STOP_SECONDS)


def _send(signal: Any) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        signal()


def _record(run: RunFolder) -> dict[str, Any]:
    """Who works on a run. Whoever that was before a crash of the machine does not any more."""
    try:
        return read_json(run.process_file) or {}
    except UnreadableFileError:
        return {}


def _process(record: dict[str, Any]) -> psutil.Process | None:
    """The process of a record, if it is still that one and still runs."""
    import psutil

    pid, created = count_from(record.get("pid")), number_from(record.get("created"))
    if pid is None or created is None:
        return None
    try:
        process = psutil.Process(pid)
        # Not exactly equal: the time is counted from the boot, which moves when the clock is set.
        same = abs(process.create_time() - created) < _CLOCK_MOVES_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, ValueError, OverflowError):
        return None
