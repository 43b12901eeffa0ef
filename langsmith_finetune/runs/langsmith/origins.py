"""Scheme, host and port of an address: what a key may follow."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit


def same_origin(here: str, there: str) -> bool:
    """True if what was sent to one address may be sent to the other: the same host, and not less safe."""
    try:
        one, other = _origin(urlsplit(here)), _origin(urlsplit(there))
    except ValueError:  # a port that is none
        return False
    upgraded = (one[0], one[2], other[0], other[2]) == ("http", 80, "https", 443) and one[1] == other[1]
    return one == other or upgraded


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    if url.username is not None or url.password is not None:
        raise ValueError
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)


def origin_text(url: str) -> str:
    """An address of which nothing but scheme, host and port is worth repeating."""
    parts = urlsplit(url)
    host = re.sub(r"[^\w.:\[\]-]", "?", parts.netloc.rpartition("@")[2])[:200]
    return f"{parts.scheme[:10]}://{host}"
