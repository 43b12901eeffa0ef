"""Record the cassettes of the hosts: `python -m tests.scripts.record_hosts [host ...]`, which `make record` runs for all.

From the stand-ins, and from the live service of each host whose variables are set in the environment (see
`tests/support/recorded_hosts.py`): then two or three small jobs per host are paid for. All data is made up. Another model than the
table's is named by RECORD_MODEL_<HOST>. What a host says is printed, to be read.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from langsmith_finetune.providers import lifecycle
from langsmith_finetune.providers.huggingface.request import code_archive
from langsmith_finetune.testing import fake_clock
from tests.support.paths import CASSETTES
from tests.support.recorded_hosts import (
    ASKED,
    HOSTS,
    Host,
    Visit,
    asked_of,
    code_replaced,
    this_librarys_code,
)
from tests.support.tape import ACCOUNT, about, recorded

_POLL_SECONDS = 120.0


def record(host: Host, asked: str, folder: Path = CASSETTES / "hosts") -> dict[str, Any]:
    """Record one cassette: live where the host's variables are set, but for what no host says on demand."""
    path = folder / host.name / f"{asked}.yaml"
    is_live = asked != "rate_limit" and all(os.environ.get(name) for name in host.variables)
    return _live(host, asked, path) if is_live else _from_stand_in(host, asked, path)


def _from_stand_in(host: Host, asked: str, path: Path) -> dict[str, Any]:
    header = about("stand-in", host.packages, model=host.model, made_for=asked)
    with host.stand_in() as server, tempfile.TemporaryDirectory() as folder, fake_clock():
        visit = Visit(
            host=host,
            folder=Path(folder),
            made_for=asked,
            model=host.model,
            url=server.url + host.path,
            key=host.key,
            account=ACCOUNT,
            server=server,
        )
        replaced = {visit.url: host.url, server.url: host.url}
        # Whatever ends meanwhile, a stand-in goes on.
        with this_librarys_code(), mock.patch.object(lifecycle, "_today", return_value=date(2026, 11, 23)):
            return _recorded(visit, path, header, replaced)


def _live(host: Host, asked: str, path: Path) -> dict[str, Any]:
    key = os.environ[host.variables[0]]
    url, account = host.live_url() if host.live_url else host.url, host.account_of(key)
    model = os.environ.get(f"RECORD_MODEL_{host.name.upper()}", host.model)
    made_for = f"{asked} {secrets.token_hex(4)}"
    code = code_archive()
    replaced = {url: host.url, urlsplit(url).netloc: urlsplit(host.url).netloc, key: host.key}
    with tempfile.TemporaryDirectory() as folder:
        visit = Visit(
            host=host,
            folder=Path(folder),
            made_for=made_for,
            model=model,
            url=url,
            key=key,
            account=account,
            poll_seconds=_POLL_SECONDS,
        )
        header = about(host.url, host.packages, model=model, made_for=made_for)
        with this_librarys_code(code):
            return _recorded(visit, path, header, replaced | code_replaced(code))


def _recorded(visit: Visit, path: Path, header: dict[str, Any], replaced: dict[Any, Any]) -> dict[str, Any]:
    with recorded(path, header, replaced, account=visit.account) as written:
        written["outcome"] = ASKED[path.stem](visit)
    return written


def main(names: Sequence[str]) -> int:
    """Record what is asked of these hosts, say what each answered, and return how many refused to refuse."""
    failed = 0
    for name in names:
        for asked in asked_of(HOSTS[name]):
            try:
                written = record(HOSTS[name], asked)
            except Exception as error:  # noqa: BLE001 - the other cassettes are recorded all the same
                failed += 1
                outcome = f"NOT RECORDED, the old cassette stays: {type(error).__name__}: {error}"
            else:
                outcome = json.dumps(written["outcome"], ensure_ascii=False)
            print(f"{name} {asked}: {outcome}")  # noqa: T201
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [*HOSTS]))
