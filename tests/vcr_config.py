"""How HTTP is recorded to cassettes and found in them again; `conftest.py` imports these names.

Replaying is the default. `make record` records anew: from the stand-ins, or, where a key is in the
environment, from the live service. The first line of each cassette says which.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from vcr.serialize import serialize

# What is not named here is not kept: keys, cookies, organizations and whatever else a service sends.
_REQUEST_HEADERS = frozenset({"content-type"})
_RESPONSE_HEADERS = frozenset({"content-type", "retry-after", "retry-after-ms", "location"})
_OWNER = re.compile(rb'("(?:organization_id|tenant_id|user_id)":\s*)"[^"]*"')


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    return {
        # Not by host: a cassette recorded from a live service replays at the stand-in's address.
        "match_on": ["method", "path", "query", "meaningful_body"],
        "before_record_request": tidy_request,
        "before_record_response": tidy_response,
        "decode_compressed_response": True,
        # Repeated, the first look at a job would be every look at it.
        "allow_playback_repeats": False,
    }


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    vcr.register_matcher("meaningful_body", same_body)
    vcr.register_persister(_SignedCassettes(vcr.persister))


def tidy_request(request: Any) -> Any:
    """Keep no secret, and give a form the same boundary each time. Done before looking one up, too."""
    kind = str(request.headers.get("content-type", ""))
    if isinstance(request.body, bytes) and (boundary := re.search(r'boundary="?([^";]+)', kind)):
        request.body = request.body.replace(boundary[1].encode(), b"boundary")
        request.headers["content-type"] = kind.replace(boundary[1], "boundary")
    request.headers = {n: v for n, v in request.headers.items() if n.lower() in _REQUEST_HEADERS}
    return request


def tidy_response(response: dict[str, Any]) -> dict[str, Any]:
    headers = {n: v for n, v in response["headers"].items() if n.lower() in _RESPONSE_HEADERS}
    body = _OWNER.sub(rb'\1"REDACTED"', response["body"]["string"])
    return response | {"headers": headers, "body": {"string": body}}


def same_body(one: Any, other: Any) -> None:
    """Bodies are compared by meaning: by default they are not compared, and any upload replays any other."""
    assert _meaning(one) == _meaning(other)


def _meaning(request: Any) -> Any:
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.encode()
    is_json = str(request.headers.get("content-type", "")).startswith("application/json")
    return json.loads(body) if is_json and body else body


class _SignedCassettes:
    """A persister whose cassettes say in their first line what they were recorded from."""

    def __init__(self, persister: Any) -> None:
        self.load_cassette = persister.load_cassette

    def save_cassette(self, path: str, cassette: dict[str, Any], serializer: Any) -> None:
        hosts = sorted({urlsplit(request.uri).hostname or "" for request in cassette["requests"]})
        source = "the stand-in in tests/standins, not a live service"
        if hosts != ["127.0.0.1"]:
            source = f"live: {', '.join(hosts)}"
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        text = f"# Recorded from {source}.\n{serialize(cassette, serializer)}"
        Path(path).write_text(text, encoding="utf-8")
