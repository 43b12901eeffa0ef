"""Run a notebook from top to bottom and print what its cells print, as they print it.

    python notebooks/run.py notebooks/walkthrough.ipynb

The executed copy, plots and all, goes to `notebooks/runs/`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient


SECONDS_BETWEEN = 10
"""A card that changes, as while a model is trained, is printed as often."""


class TalkingClient(NotebookClient):
    """A notebook client that also says on the terminal what it does."""

    card = ""
    """What a cell shows now, and was not printed yet."""
    printed = ""
    at = 0.0
    """When something was printed last, in seconds of the monotonic clock."""

    def process_message(self, message: dict[str, Any], cell: Any, index: int) -> Any:
        """Keep a cell's output, and print what of it is text."""
        content = message["content"]
        if message["msg_type"] == "stream":
            print(content["text"], end="", flush=True)
        elif message["msg_type"] in {"execute_result", "display_data"} and "image/png" not in content["data"]:
            self.print_card(content["data"].get("text/plain", ""))
        elif message["msg_type"] == "update_display_data":
            self.card = content["data"].get("text/plain", "")
            if time.monotonic() - self.at > SECONDS_BETWEEN:
                self.print_card(self.card)
        return super().process_message(message, cell, index)

    def print_card(self, text: str) -> None:
        """Print what a cell shows, as it is now, unless it was printed already."""
        if text != self.printed:
            print(text, flush=True)
        self.card, self.printed, self.at = "", text, time.monotonic()

    async def async_execute_cell(self, cell: Any, cell_index: int, **settings: Any) -> Any:
        """Print a text cell's heading, or run a code cell."""
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("#"):
                    print(f"\n{line}", flush=True)
        cell = await super().async_execute_cell(cell, cell_index, **settings)
        if self.card:  # its last state
            self.print_card(self.card)
        return cell


def main(path: Path) -> None:
    """Run it where it lies, so that its relative paths hold."""
    notebook = nbformat.read(path, as_version=4)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the debugger warns of frozen modules
    client = TalkingClient(
        notebook,
        timeout=1800,
        coalesce_streams=True,  # what one cell prints is one text, however it was sent
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],  # or the kernel warns of its own sockets
    )
    # A kernel that has loaded torch takes a while to put things away on a busy machine: it is not ended by force before.
    client.create_kernel_manager().shutdown_wait_time = 120
    copy = path.parent / "runs" / path.name
    print(f"The executed notebook, with its plot, will be {copy}")
    client.execute()
    copy.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, copy)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
