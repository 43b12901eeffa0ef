"""Each client of HTTP reads the machine's certificates anew, which takes 20 ms, and no test needs them: they are read once."""

from __future__ import annotations

from functools import cache

import httpcore2


def read_certificates_once() -> None:
    """In this process, and in its forks."""
    httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)
    httpcore2.default_ssl_context(_trust_env=True)
