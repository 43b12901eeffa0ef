"""The folder of this machine that keeps the journal of jobs."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from langsmith_finetune._printable import logger_of

logger = logger_of(__name__)

ENVIRONMENT = "LANGSMITH_FINETUNE_JOURNAL"
"""Names the folder, in place of the platform's own for what programs remember."""


def default_folder() -> Path:
    """Where the system keeps the state of programs, in a folder of ours."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(_home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(_home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_STATE_HOME") or str(_home() / ".local" / "state")
    return Path(base) / "langsmith-finetune"


def _home() -> Path:
    """The user's home folder; in a container whose user has no name, a folder of its own for that number."""
    try:
        return Path.home()
    except RuntimeError:
        folder = Path(tempfile.gettempdir()) / f"langsmith-finetune-{os.getuid()}"
        if os.path.lexists(folder) and folder.lstat().st_uid != os.getuid():
            folder = Path(tempfile.mkdtemp(prefix="langsmith-finetune-"))  # somebody else made it
        logger.warning(
            "HOME is not set and the user has no name, so the journal of jobs is in %s, which a restart may empty. "
            "Set %s to a folder that lasts",
            folder,
            ENVIRONMENT,
        )
        return folder
