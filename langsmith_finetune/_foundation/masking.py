"""Masks a host's words: no keys, nothing quoted from the data, no terminal escape sequences.

Every word of a host's that reaches an error, a job's `error`, an event or a log goes through `host_words`.
"""

from __future__ import annotations

import base64
import html
import json
import re
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from langsmith_finetune._foundation.safe_words import KNOWN
from langsmith_finetune._printable import printable

_LONGEST_READ = 20_000
_SHORTEST_KEY = 8
_SHORTEST_PART = 10

_keys: set[str] = set()


def remember_key(key: str | None) -> None:
    """Mask this key from now on, in whatever any host says.

    Args:
        key: A key that is sent to a host. A short one is a placeholder of a host without keys, such as `none`.
    """
    if key and len(key) >= _SHORTEST_KEY:
        _keys.add(key)


def remember_keys_in(url: str) -> None:
    """Mask the password and the query of an address, which some hosts and proxies take keys in."""
    with suppress(ValueError):
        parts = urlsplit(url)
        for key in (parts.password, *(value for _, value in parse_qsl(parts.query))):
            remember_key(key)


def host_words(text: str, *, longest: int = 500) -> str:
    """A host's words, made fit to be shown.

    Args:
        text: What the host said.
        longest: Characters to keep.

    Example:
        >>> host_words('Invalid value “my secret” for "role" in {"messages": [{"role": "user"')
        'Invalid value “[9 characters]” for "role" in {...}'
    """
    text = _with_plain_quotes(_without_keys(text)[:_LONGEST_READ])
    text = _without_quotations(_without_json(_KEY.sub("[key]", _without_keys(text))))
    return printable(text if len(text) <= longest else text[: longest - 1] + "…")


# --- keys ------------------------------------------------------------------------------------------------------


def _without_keys(text: str) -> str:
    for key in sorted(_keys, key=len, reverse=True):
        if any(sign in text for sign in _signs(key)):
            text = _forms(key).sub("[key]", text)
    return text


@lru_cache
def _signs(key: str) -> tuple[str, ...]:
    """Texts of which each form of a key holds one, so that most texts are not searched further."""
    half = max(len(key) // 2, _SHORTEST_KEY)
    halves = (key[:half], key[-half:])
    return tuple(dict.fromkeys([*halves, *_encoded(key)]))


@lru_cache
def _forms(key: str) -> re.Pattern[str]:
    """A key as hosts repeat it: whole, cut off at either end, and as headers and addresses encode it."""
    forms = [re.escape(key), *map(re.escape, _encoded(key))]
    half = max(len(key) // 2, _SHORTEST_PART)
    if half < len(key):
        forms += [
            re.escape(key[:half]) + r"[\w~+/=.-]*",
            rf"(?<![\w~+/=.-])[\w~+/=.-]{{0,{len(key)}}}?" + re.escape(key[-half:]),
        ]
    return re.compile("|".join(forms))


def _encoded(key: str) -> list[str]:
    """A key in Base64 (wherever in it the key begins), in an address, in JSON, in HTML and in hexadecimal digits."""
    data = key.encode()
    found = [data.hex(), quote(key, safe=""), json.dumps(key)[1:-1], html.escape(key)]
    found.append("".join(f"%{byte:02X}" if not chr(byte).isalnum() else chr(byte) for byte in data))
    for before, first in ((0, 0), (1, 2), (2, 3)):
        last = (before + len(data)) * 8 // 6
        padded = bytes(before) + data
        found += [
            base64.b64encode(padded).decode()[first:last],
            base64.urlsafe_b64encode(padded).decode()[first:last],
        ]
    return [form for form in dict.fromkeys(found) if form != key]


_KEY = re.compile(
    r"(?<=key provided: )\S+?(?=[.,;]?(?:\s|$))"
    r"|(?i:(?<=bearer )(?!\[key\])\S+)"
    r"|(?<=Basic )(?=\S*[\d+/=])[A-Za-z0-9+/_-]{8,}={0,2}"
    r"|\b(?:sk|rk|pk|fw|hf|tgp_v1|lsv2|nvapi|gsk|xai|key)[-_][A-Za-z0-9_*.-]{8,}[A-Za-z0-9_*-]"
    r"|\b(?:sk|rk|pk|lsv2)[-_][A-Za-z0-9_*.-]{4,}[A-Za-z0-9_*-]"
    r"|\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*"
    r"|[^\s\"'`]{0,40}\*{3,}[^\s.,;\"'`]{0,40}"
)
"""What looks like a key; OpenAI's 401 quotes the first and last characters of the one it refused."""

# --- JSON ------------------------------------------------------------------------------------------------------

_QUOTE = r"(?:\\{0,9}[\"'\u201c\u201d]|&quot;|&#34;|&#39;|&#x27;)"
_JSON = re.compile(
    rf"\{{\s{{0,99}}(?:{_QUOTE}|\w+\s*[:=])|\[\s*(?:[\[{{]\s{{0,9}}){{0,9}}{_QUOTE}|\[\s*\{{\s*\w+\s*[:=]"
)
"""Where an object or a list begins, as JSON, as Python writes it, or escaped once more."""


_TAIL = re.compile(r"[^\"'`]*?[^\s\"'`(\[{:=,\\]\\{0,9}[\"']\s{0,9}(?:[}\]]|[,:]\s{0,9}\\{0,9}[\"'{\[])")
"""A text whose first quote ends something: the end of a line of data, whose beginning is not shown."""
_BEFORE = re.compile(r".*(?:: |\.\.\.|\u2026|\n|\()", re.DOTALL)


def _without_json(text: str) -> str:
    """Leave out objects and lists; one that is cut off reaches to the end, or from the beginning."""
    if tail := _TAIL.match(text):
        before = _BEFORE.match(tail[0])
        return f"{before[0] if before else ''}{{...}}"
    pieces, at = [], 0
    while found := _JSON.search(text, at):
        start, end = found.start(), _end_of_json(text, found.start())
        value = text[start:end]
        left = value if _are_names(value) else "{...}" if value[0] == "{" else "[...]"
        pieces += [text[at:start], left]
        at = end
    return "".join([*pieces, text[at:]])


def _end_of_json(text: str, start: int) -> int:
    depth, quote = 0, ""
    at = start
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif quote:
            if character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    # Escaped quotes open no string here; where the count does not come out, the last bracket ends it.
    return max(text.rfind("}"), text.rfind("]")) + 1 if not quote and depth <= 0 else len(text)


def _are_names(value: str) -> bool:
    """True for a list of what hosts take: `['fine-tune', 'batch']`."""
    items = value.strip("[]").split(", ")
    return value.startswith("[") and all(
        len(item) > 2 and item[0] == item[-1] and item[0] in _ASCII_QUOTES and _is_name(item[1:-1])
        for item in items
    )


# --- quotations ------------------------------------------------------------------------------------------------

# Written as code points: many of these look like one another, or like ASCII.
_CLOSING = {
    '"': '"',
    "'": "'",
    "`": "`'",  # and as TeX has them
    "\u00b4": "\u00b4",  # acute accent
    "\u201c": "\u201d\u201c",  # English double
    "\u201d": "\u201d",  # Swedish double
    "\u201e": "\u201c\u201d",  # German double
    "\u201f": "\u201d\u201f",  # reversed double
    "\u2018": "\u2019",  # English single
    "\u2019": "\u2019",  # Swedish single
    "\u201a": "\u2018\u2019",  # German single
    "\u201b": "\u2019\u201b",  # reversed single
    "\u02bc": "\u02bc",  # modifier letters
    "\u02ba": "\u02ba",
    "\u2032": "\u2032",  # primes
    "\u2033": "\u2033",
    "\u00ab": "\u00bb",  # French double
    "\u00bb": "\u00ab\u00bb",  # Danish double
    "\u2039": "\u203a",  # French single
    "\u203a": "\u2039\u203a",  # Danish single
    "\u275b": "\u275c",  # ornaments
    "\u275d": "\u275e",
    "\u300c": "\u300d",  # corner brackets
    "\u300e": "\u300f",
    "\uff62": "\uff63",
    "\u300a": "\u300b",  # angle brackets
    "\u3008": "\u3009",
    "\u27e8": "\u27e9",
    "\u27ea": "\u27eb",
    "\u301d": "\u301e\u301f",  # double primes
    "\uff02": "\uff02",  # full width
    "\uff07": "\uff07",
    "<": ">",
    "[": "]",
}
_ASCII_QUOTES = "\"'`"
_APOSTROPHES = "'\u2019\u02bc\u00b4\u2032"
_LATIN = r"0-9A-Za-z_\u00c0-\u024f"
_ALWAYS = "".join(quote for quote in _CLOSING if quote not in _APOSTROPHES + "<[")
_OPENING = re.compile(
    rf"(?P<many>[{_ALWAYS}{_APOSTROPHES}])(?P=many)+(?=[^\s.,;:!?)\]}}])"  # of several, an empty one is none
    rf"|[{_ALWAYS}]"
    rf"|(?<![{_LATIN}])(?:[BbUuRrFf]{{1,2}})?(?P<one>[{_APOSTROPHES}])"  # else it stands in a word: isn't
    r"|(?P<bracket><{1,3}(?=[^\s=<][^>]{0,999}>)|(?<![\w\]])\[(?=(?:[^\]\"'`]|(?<=\w)'(?=\w)){0,300}\]))"
)


def _without_quotations(text: str) -> str:
    """Leave out what is quoted, but for names of fields, models and ids; an open quotation reaches to the end."""
    pieces, at = [], 0
    while found := _OPENING.search(text, at):
        start, sign = found.end(), found[0][-1]
        end = _end_of_quotation(text, start, _CLOSING[sign])
        content = text[start:end]
        kept = content if _is_name(content) else f"[{len(content)} characters]"
        if sign == "[" and not _is_name(content):
            kept = f"{len(content)} characters"
        after = end + 1
        while found["many"] and text[after : after + 1] == text[end : end + 1] != "":
            after += 1
        pieces += [text[at:start], kept, text[end:after]]
        at = after
    return "".join([*pieces, text[at:]])


def _end_of_quotation(text: str, start: int, closing: str) -> int:
    for at in range(start, len(text)):
        character = text[at]
        if character in closing:
            is_apostrophe = character in _APOSTROPHES and text[at + 1 : at + 2].isalnum()
            if not is_apostrophe:
                return at
    return len(text)


_ESCAPED = re.compile(r"&#?\w{2,10};|\\{1,9}(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})")
_IN_ADDRESS = re.compile(r"%(?:22|27|60|5[Bb]|7[Bb]|[Ee]2%80%9)")


def _with_plain_quotes(text: str) -> str:
    """Write quotes that are escaped, for HTML, JSON or addresses, as they are."""
    if _IN_ADDRESS.search(text):
        text = unquote(text)
    return _ESCAPED.sub(_plain_quote, text)


def _plain_quote(found: re.Match[str]) -> str:
    escape = found[0]
    plain = html.unescape(escape) if escape[0] == "&" else chr(int(escape.lstrip("\\")[1:], 16))
    return plain if plain in _QUOTES else escape


_QUOTES = frozenset(chain(_CLOSING, *_CLOSING.values(), "{}"))


_SETTINGS = frozenset(
    {
        "fine-tune", "purpose", "status", "suffix", "method", "hyperparameters", "supervised", "dpo",
        "reinforcement", "grader", "beta", "epochs", "lora", "loss", "object", "line", "lines", "row", "rows",
        "example", "jsonl", "json", "utf-8", "string", "array", "number", "integer", "boolean", "null", "auto",
        "true", "false", "queued", "running", "succeeded", "failed", "cancelled", "pending", "validation",
        "training", "assistants", "batch", "vision", "evals", "user_data", "responses", "str", "list", "dict",
        "int", "float", "bool", "NoneType", "get", "http", "https",
    }
)  # fmt: skip
_NAME = re.compile(
    r"[a-z]{1,20}(?:_[a-z]{1,20}){1,4}"  # a parameter
    r"|(?:gpt|o\d|davinci|babbage|file|ftjob|job|ft|model|endpoint|accounts|dataset)[-:/][\w.:/-]{1,100}"
    r"|[\w.-]{1,60}/[\w.:-]{1,60}"  # a model of an organization
    r"|-?\d{1,6}(?:\.\d{1,6})?"
)


def _is_name(content: str) -> bool:
    """True if a quoted text is a name that hosts use, and so none of the data."""
    if re.fullmatch(r"\[?(?:\d+ characters|key|\.\.\.)\]?", content):
        return True  # masked before
    if not content or _NAME.fullmatch(content) or content in ("http://", "https://"):
        return True
    parts = re.split(r"[.\[\]]+|, ", content.strip("[]"))
    return all(part in KNOWN or part in _SETTINGS or part.isdigit() for part in parts if part)


class HttpFault(Exception):  # noqa: N818 - the cause of an error, never raised by itself
    """What an HTTP library said of a request, masked. The library's own errors hold the request, and so its key."""


def fault_of(error: BaseException) -> HttpFault:
    """What a library's error and those behind it say, as a cause for one of ours.

    Raise ours outside of the `except`, or Python keeps the library's as its context.
    """
    said: list[str] = []
    link: BaseException | None = error
    while link is not None:
        said.append(f"{type(link).__name__}: {host_words(str(link))}".removesuffix(": "))
        link = link.__cause__ or link.__context__
    return HttpFault(", from ".join(dict.fromkeys(said)))
