"""HTTP that was recorded to a cassette, and is found in it again.

A cassette is a file of YAML. `recorded` says from whom, when, with which packages and what was asked for; `outcome`
is what the library made of it; `interactions` are the requests and their answers. `make record` records all of them
anew, from the stand-ins, or from the live service where its keys are in the environment. Tests replay them without a
server, and take from the cassette whatever another recording changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
import yaml
from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.serialize import serialize
from vcr.serializers import yamlserializer

ACCOUNT = "me"
REDACTED = "REDACTED"

# What is not named here is not kept: keys, cookies, organizations and whatever else a service sends.
_REQUEST_HEADERS = frozenset({"content-type"})
_RESPONSE_HEADERS = frozenset(
    {"content-type", "retry-after", "retry-after-ms", "location", "x-together-file-id", "etag", "x-error-code",
     "x-error-message", "x-repo-commit"}
)  # fmt: skip

_OWNER = re.compile(
    rb'("(?:organization_id|tenant_id|user_id|owner_address|email|fullname|avatarUrl)":\s*)"[^"]*"'
)
_NAMES = re.compile(rb'"model_output_name":\s*"([^"/]+)/|"ft:[^":]+:([^":]+):')
"""Where hosts put the name of an account into the names of its models."""

_SIGNED = re.compile(
    rb"(https?://[^\s\"\\?]+)\?(?:[^\s\"\\]|\\u0026)*"
    rb"(?:[Ss]ignature|[?&]sig|[Tt]oken|X-Amz|X-Goog)(?:[^\s\"\\]|\\u0026)*"
)
"""An address that opens a storage to whoever has it."""

_SECRETS = {
    "a key": r"(?i)\b(?:sk|rk|pk|fw|hf|tgp_v1|lsv2|nvapi|gsk|xai)[-_](?!made)[A-Za-z0-9_-]{8,}",
    "a token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ|(?i:bearer )(?!REDACTED)\S+",
    "a header that opens doors": r"(?im)^\s*(?:authorization|(?:x-)?api-key|(?:set-)?cookie|x-amz-\S+|openai-\S+):",
    "a signed address": r"(?i)[?&](?:x-amz-|x-goog-|sig=|signature=)",
    "an address of mail": r"[\w.+-]+@[\w-]+\.(?!invalid)[a-z]{2,}",
    "an organization": r"\borg-(?!made-up)[A-Za-z0-9]{6,}",
    "a subscription": r"/subscriptions/[0-9a-f]{8}-",
}


def secrets_in(text: str) -> list[str]:
    """What should not be in a cassette: its kinds, and not itself."""
    text = re.sub(r"\\[nrt]", " ", text)
    return [kind for kind, pattern in _SECRETS.items() if re.search(pattern, text)]


def about(source: str, packages: Iterable[str], **more: Any) -> dict[str, Any]:
    """What a cassette says of its recording: `source` is an address, or `"stand-in"`."""
    names = ("langsmith-finetune", "httpx2", *packages)
    today = datetime.now(UTC).date().isoformat()
    return {"from": source, "on": today, "with": {name: version(name) for name in names}, **more}


@contextmanager
def recorded(
    path: Path,
    header: Mapping[str, Any],
    replaced: Mapping[Any, Any] | None = None,
    *,
    account: str = ACCOUNT,
) -> Iterator[dict[str, Any]]:
    """Record what is sent meanwhile, and what is put under `"outcome"` of the dict that is yielded.

    Args:
        path: The cassette.
        header: What it says of itself.
        replaced: Texts or bytes that are not kept, such as a key, and what stands for each.
        account: The name of an account; `ACCOUNT` stands for it.
    """
    written: dict[str, Any] = {"recorded": dict(header)}
    keeper = _Keeper(path, written, replaced or {}, account)
    tape = _vcr(keeper)
    with tape.use_cassette(str(path), record_mode=vcr.mode.ALL):
        yield written
    keeper.write()


@contextmanager
def replayed(path: Path) -> Iterator[Any]:
    """Answer from a cassette, each answer once."""
    with _vcr(None).use_cassette(str(path), record_mode=vcr.mode.NONE) as cassette:
        yield cassette


def header_of(path: Path) -> dict[str, Any]:
    """What a cassette says of itself: `recorded` and `outcome`."""
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return {name: content.get(name) for name in ("recorded", "outcome")}


def _vcr(keeper: _Keeper | None) -> vcr.VCR:
    tape = vcr.VCR(
        # Not by host: that of the recording is replaced.
        match_on=["method", "path", "query", "meaningful_body"],
        before_record_request=keeper.request if keeper else tidy_request,
        before_record_response=keeper.response if keeper else None,
        decode_compressed_response=True,
    )
    tape.register_matcher("meaningful_body", same_body)
    if keeper:
        tape.register_persister(keeper)
    return tape


def tidy_request(request: Any) -> Any:
    """Keep no secret, and give a form the same boundary each time. Done before looking one up, too."""
    kind = str(request.headers.get("content-type", ""))
    if isinstance(request.body, bytes):
        if boundary := re.search(r'boundary="?([^";]+)', kind):
            request.body = request.body.replace(boundary[1].encode(), b"boundary")
            kind = kind.replace(boundary[1], "boundary")
        request.body = _without_command(request.body)
    request.uri = _SIGNED.sub(rb"\1", request.uri.encode()).decode()
    names = {name: value for name, value in request.headers.items() if name.lower() in _REQUEST_HEADERS}
    request.headers = dict.fromkeys(names, kind)
    return request


def tidy_response(response: dict[str, Any]) -> dict[str, Any]:
    """Keep no secret."""
    headers = {
        name: [_SIGNED.sub(rb"\1", value.encode()).decode() for value in values]
        for name, values in response["headers"].items()
        if name.lower() in _RESPONSE_HEADERS
    }
    body = _OWNER.sub(rb'\1"' + REDACTED.encode() + b'"', response["body"]["string"])
    return response | {"headers": headers, "body": {"string": _without_command(_SIGNED.sub(rb"\1", body))}}


def _without_command(body: bytes) -> bytes:
    """What a job runs at Hugging Face is this library's own code, and changes with it."""
    if b'"command"' not in body:
        return body
    content = json.loads(body)
    for one in content if isinstance(content, list) else [content]:
        one["command"] = []
    return json.dumps(content).encode()


def same_body(one: Any, other: Any) -> None:
    """Bodies are compared by meaning: by default they are not compared, and any upload replays any other."""
    assert _meaning(one) == _meaning(other)


def _meaning(request: Any) -> Any:
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.encode()
    is_json = str(request.headers.get("content-type", "")).startswith("application/json")
    return json.loads(body) if is_json and body else body


class _Keeper:
    """Takes the secrets out of what is recorded, and writes it; the persister of a cassette."""

    def __init__(
        self, path: Path, written: dict[str, Any], replaced: Mapping[Any, Any], account: str
    ) -> None:
        self._path, self._written = path, written
        self._cassette: dict[str, Any] = {"requests": [], "responses": []}
        # As a part of a path or a whole value, and not where the same letters stand by chance.
        name = re.escape(account.encode())
        self._names = {rb'(?<=/)%s(?=[/?"]|$)|(?<=")%s(?=[/"])' % (name, name)}
        self._replaced = {_bytes(old): _bytes(new) for old, new in replaced.items() if old and old != new}

    def request(self, request: Any) -> Any:
        request.uri = self._clean(request.uri.encode()).decode()
        if isinstance(request.body, bytes):
            request.body = self._clean(request.body)
        return tidy_request(request)

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        headers = {
            name: [self._clean(value.encode()).decode() for value in values]
            for name, values in response["headers"].items()
        }
        body = {"string": self._clean(response["body"]["string"])}
        return tidy_response(response | {"headers": headers, "body": body})

    def load_cassette(self, path: str, serializer: Any) -> Any:
        raise CassetteNotFoundError

    def save_cassette(self, path: str, cassette: dict[str, Any], serializer: Any) -> None:
        self._cassette = cassette

    def write(self) -> None:
        """Write the cassette, unless something in it should not be there."""
        cassette = self._cassette
        for response in cassette["responses"]:
            for found in _NAMES.finditer(response["body"]["string"]):
                self._names.add(rb"(?<![\w-])%s(?=[/:])" % re.escape(found[1] or found[2]))
        requests = [self.request(request) for request in cassette["requests"]]
        responses = _only_ours(requests, [self.response(response) for response in cassette["responses"]])
        outcome = json.loads(self._clean(json.dumps(self._written).encode()))
        text = yaml.safe_dump(outcome, sort_keys=False, allow_unicode=True, width=110)
        text += serialize({"requests": requests, "responses": responses}, yamlserializer)
        source = outcome["recorded"]["from"]
        first = (
            "from the stand-in in tests/support/standins, not a live service"
            if source == "stand-in"
            else "live"
        )
        if found := secrets_in(text):
            raise AssertionError(f"{self._path.name} would hold {', '.join(found)}; it was not written")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(f"# Recorded {first}.\n{text}", encoding="utf-8")

    def _clean(self, content: bytes) -> bytes:
        for old, new in self._replaced.items():
            content = content.replace(old, new)
        for name in self._names:
            content = re.sub(name, ACCOUNT.encode(), content)
        return content


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


_COLLECTION = re.compile(
    r"/(?:fine_tuning/jobs|files|fine-tunes|datasets|supervisedFineTuningJobs|dpoJobs|deployments)$|/api/jobs/[^/]+$"
)


def _only_ours(requests: list[Any], responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers, without what else an account holds: of a list, only what was made in this recording."""
    made: set[str] = set()
    kept = []
    for request, response in zip(requests, responses, strict=True):
        body = _json(response)
        if request.method == "POST" and isinstance(body, dict):
            made |= {value for name in ("id", "name", "file_id") if isinstance(value := body.get(name), str)}
        if request.method == "GET" and _COLLECTION.search(urlsplit(request.uri).path):
            lists = body if isinstance(body, dict) else {"": body}
            ours = {
                name: [item for item in items if any(one in json.dumps(item) for one in made)]
                for name, items in lists.items()
                if isinstance(items, list)
            }
            if any(len(items) < len(lists[name]) for name, items in ours.items()):
                shown = body | ours if isinstance(body, dict) else ours[""]
                kept.append(response | {"body": {"string": json.dumps(shown).encode()}})
                continue
        kept.append(response)
    return kept


def _json(response: dict[str, Any]) -> Any:
    try:
        return json.loads(response["body"]["string"])
    except ValueError:
        return None


def answers(cassette: Any) -> list[tuple[str, str, int, str]]:
    """Method, path, status and text of each answer, in order."""
    return [
        (
            request.method,
            urlsplit(request.uri).path,
            response["status"]["code"],
            response["body"]["string"].decode(),
        )
        for request, response in zip(cassette.requests, cassette.responses, strict=True)
    ]
