"""Calls the command line in this process, and says what it printed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from langsmith_finetune.command.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def shell(capsys, tmp_path, monkeypatch):
    """Call it as `shell("check", "train.jsonl", ...)`, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def shell(*argv):
        capsys.readouterr()
        try:
            code = main([str(word) for word in argv])
        except SystemExit as ended:  # argparse's
            code = ended.code
        return Ran(code, *capsys.readouterr())

    return shell
