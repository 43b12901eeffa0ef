"""Real servers of a model, each on loopback alone for as long as a context lasts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from langchain_openai import ChatOpenAI

from langsmith_finetune.serving import serve_command
from tests.support.packages import path_with
from tests.support.paths import ROOT, python_path


@contextmanager
def llama_cpp(gguf: Path, *, template: Path | None = None) -> Iterator[str]:
    """llama.cpp's server: its address."""
    command = [
        sys.executable,
        "-m",
        "tests.support.llama_cpp",
        str(gguf),
        *([str(template)] if template else []),
    ]
    environment = path_with("xllamacpp")
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), f"no server: {address!r}, {process.poll()}"
        yield address
    finally:
        _end(process)
    assert_free(int(address.rpartition(":")[2]))


@contextmanager
def transformers_serve(model: str | Path, **settings: object) -> Iterator[ChatOpenAI]:
    """`transformers serve` by our own command: a client of it."""
    port = free_port()
    command = serve_command(model, "transformers", port=port)
    program = Path(sys.executable).with_name(command.argv[0])
    environment = os.environ | {
        "PYTHONPATH": python_path(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    process = subprocess.Popen(
        [program, *command.argv[1:]], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield ChatOpenAI(**command.client | settings)
    finally:
        _end(process)
    assert_free(port)


def wait_for(url: str, process: subprocess.Popen, seconds: float = 240) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.3)
    raise AssertionError(f"no server at {url}; its process says {process.poll()}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def assert_free(port: int) -> None:
    """The port can be had again, so nobody listens there any more."""
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended may linger
        again.bind(("127.0.0.1", port))


def _end(process: subprocess.Popen) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
