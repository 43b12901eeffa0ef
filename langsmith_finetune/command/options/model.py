"""The models that a command line names."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from langsmith_finetune.command.options.attached import attached_job, records_of

if TYPE_CHECKING:
    from langsmith_finetune.jobs import FineTunedModel


def model_of(text: str) -> FineTunedModel | str:
    """The model of a job, by the job's name or id; any other text as it stands: a folder, or a name that others know.

    Raises:
        JobFailedError: The job has no model.
    """
    if Path(text).exists() or not records_of(text):
        return text
    return attached_job(Namespace(job=text, provider=None, provider_settings=[])).wait(progress=False)
