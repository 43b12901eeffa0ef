"""Runs on Hugging Face's machine: trains, prints events to the log, uploads the model to the Hub.

`HuggingFaceProvider` uploads this library as it is, so that what trains there is what is installed here.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from langsmith_finetune.providers.local.run_folder import RunFolder, read_json

MARK = "LANGSMITH_FINETUNE "
"""Begins each line of the log that is an event; the rest is what TRL and transformers print."""

INPUTS = "LANGSMITH_FINETUNE_INPUTS"
REQUEST = "LANGSMITH_FINETUNE_REQUEST"
CODE = "LANGSMITH_FINETUNE_CODE"
OUTPUT = "LANGSMITH_FINETUNE_OUTPUT"
MODEL = "LANGSMITH_FINETUNE_MODEL"

BOOT = (
    "import os, sys; from huggingface_hub import hf_hub_download; "
    f"sys.path.insert(0, hf_hub_download(os.environ['{INPUTS}'], os.environ['{CODE}'], repo_type='dataset')); "
    "from langsmith_finetune.providers.huggingface.train import main; sys.exit(main())"
)
"""The command of the job: fetch the library, and run `main`."""


class LoudRunFolder(RunFolder):
    """A run folder that is told to the log too, as nobody else can see the folder."""

    def add_event(self, message: str, **more: Any) -> dict[str, Any]:
        """Write an event down, and print it."""
        event = super().add_event(message, **more)
        print(MARK + json.dumps(event), flush=True)  # noqa: T201 - the log is where it is read
        return event


def main() -> int:
    """Train what the environment names; the exit code is 0 if the model is on the Hub then."""
    from huggingface_hub import HfApi, hf_hub_download  # noqa: PLC0415

    from langsmith_finetune.providers.local.train import Training  # noqa: PLC0415

    os.umask(0o077)
    inputs = os.environ[INPUTS]
    run = LoudRunFolder(Path(tempfile.mkdtemp()))

    def fetch(path: str, file: Path) -> None:
        shutil.copy(hf_hub_download(inputs, path, repo_type="dataset"), file)

    fetch(os.environ[REQUEST], run.request_file)
    request = json.loads(run.request_file.read_text(encoding="utf-8"))
    fetch(request["training_path"], run.training_file)
    if request["validation_path"] is not None:
        fetch(request["validation_path"], run.validation_file)
    training = Training(run)
    try:
        training.run()
        state = read_json(run.status_file) or {}
        run.add_event("uploading the model")
        api, output = HfApi(), os.environ[OUTPUT]
        api.create_repo(output, private=True, exist_ok=True)
        api.upload_folder(repo_id=output, folder_path=str(state["fine_tuned_model"]))
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for the job's end
        traceback.print_exc()
        run.add_event(training.explain(error), level="error")
        return 1
    run.add_event("the model is on the Hub")
    return 0


def event_from_line(line: str) -> dict[str, Any] | None:
    """The event that a line of the log is; None if it is none.

    Example:
        >>> event_from_line('LANGSMITH_FINETUNE {"message": "hello"}')
        {'message': 'hello'}
    """
    if not line.startswith(MARK):
        return None
    try:
        event = json.loads(line.removeprefix(MARK))
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


if __name__ == "__main__":
    sys.exit(main())
