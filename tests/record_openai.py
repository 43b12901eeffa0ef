"""Record the cassettes of `test_openai_recorded.py` anew: `python -m tests.record_openai`.

From the stand-in, or from OpenAI itself where OPENAI_API_KEY is set, which costs a little.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    tests = Path(__file__).with_name("test_openai_recorded.py")
    sys.exit(pytest.main([str(tests), "--record-mode=rewrite", "-q"]))
