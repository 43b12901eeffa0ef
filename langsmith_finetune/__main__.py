"""`python -m langsmith_finetune` is `langsmith-finetune`."""

from __future__ import annotations

import sys

from langsmith_finetune.command.main import main

if __name__ == "__main__":
    sys.exit(main())
