"""Files that appear under their name whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, *, keep: Callable[[], bool] = lambda: True) -> Iterator[BinaryIO]:
    """Write a file that replaces an older one only once it is whole. Only its owner may read it.

    Args:
        path: Where to write, in a folder that exists.
        keep: Asked at the end. If it says no, there will be no file under this name, nor an older one.
    """
    # mkstemp makes the file readable and writable for its owner alone.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if keep():
            os.replace(temporary, path)  # noqa: PTH105 - on the handle's own path
        else:
            path.unlink(missing_ok=True)
    finally:
        Path(temporary).unlink(missing_ok=True)
