"""Checks the content of messages: text, and parts of text and images."""

from __future__ import annotations

import re
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.rules import Line

_PARTS = {
    "system": ("text",),
    "user": ("text", "image_url"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
}


class Contents:
    """The contents of one line, and what has been seen of them so far.

    Args:
        problems: Takes what is wrong.
        images: Whether there may be images at all.
    """

    def __init__(self, problems: Problems, *, images: bool) -> None:
        self._problems = problems
        self._rules = problems.rules
        self._with_images = images
        self._images = 0
        self._lists = self._texts = False

    def read(self, message: Line, role: str, field: str) -> None:
        """Read the content of one message."""
        content = message.get("content")
        at = f"{field}.content"
        if isinstance(content, str):
            self._texts = self._texts or content != ""
            if not content.strip() and role != "tool" and not message.get("tool_calls"):
                fix = "Leave the message out, or the line"
                self._problems.say("empty_content", at, "is empty text", fix)
            self._problems.text(content, at)
        elif isinstance(content, list):
            self._lists = True
            if not content:
                self._problems.say("content", at, "is a list of no parts", "Write text, or at least one part")
            for index, part in enumerate(content):
                self._part(part, role, f"{at}[{index}]")
        elif content is not None:
            what = f"is {self._problems.what(content)}"
            self._problems.say("content", at, what, "Write text or a list of parts")
        elif role != "assistant":
            fix = "Write text or a list of parts"
            if role == "tool":
                fix = 'Write "" if the tool said nothing; or call check(..., fix=True) for null'
            self._problems.say("content", at, "is null" if "content" in message else "is missing", fix)
        elif not _says_something_else(message):
            fix = "Leave the message out, or the line"
            self._problems.say("content", at, "is null, without tool calls beside it", fix)

    def as_a_whole(self, field: str) -> None:
        """What only all messages together can break."""
        limit = self._rules.max_images
        if limit is not None and self._images > limit:
            fix = f"Keep at most {limit} an example"
            self._problems.say("image_count", field, f"hold {self._images} images", fix)
        if self._rules.uniform_content and self._lists and self._texts:
            what = "have text in one content and a list of parts in another"
            fix = 'Write each text as [{"type": "text", "text": ...}]; or call check(..., fix=True)'
            self._problems.say("mixed_content", field, what, fix)

    def _part(self, part: Any, role: str, field: str) -> None:
        problems = self._problems
        kind = part.get("type") if isinstance(part, OBJECT) else None
        if not isinstance(part, OBJECT) or not isinstance(kind, str):
            fix = 'Write {"type": "text", "text": ...}'
            problems.say("type", field, f"is {problems.what(part)}, not a part with a type", fix)
        elif kind in ("text", "refusal") and kind in _PARTS[role]:
            self._words(part, kind, field)
        elif kind == "image_url":
            self._image(part, role, field)
        elif kind in ("input_audio", "file") and role == "user":
            problems.say("media", field, f'is a part of type "{kind}"', "Leave the line out")
            if not isinstance(part.get(kind), OBJECT):
                what = f"is {problems.what(part.get(kind))}, not an object"
                problems.say("type", f"{field}.{kind}", what, "Leave the line out")
        else:
            fix = f"{_a(role).capitalize()} message takes parts of type {' and '.join(_PARTS[role])}"
            problems.say("content", f"{field}.type", f"is {problems.what(kind)}", fix)

    def _words(self, part: Line, kind: str, field: str) -> None:
        problems = self._problems
        problems.keys(field, part, frozenset({"type", kind}), "message_key")
        text = part.get(kind)
        if not isinstance(text, str):
            problems.say("type", f"{field}.{kind}", f"is {problems.what(text)}", "Write text")
            return
        problems.text(text, f"{field}.{kind}")
        if kind == "refusal":
            problems.say(
                "refusal", field, "is a refusal part", "Write it as a text part, or call check(..., fix=True)"
            )

    def _image(self, part: Line, role: str, field: str) -> None:
        self._images += 1
        problems = self._problems
        problems.keys(field, part, frozenset({"type", "image_url"}), "message_key")
        if role != "user" or not self._with_images:
            where = f"in {_a(role)} message" if role != "user" else "in a preference line"
            problems.say("image_place", field, f"is an image {where}", "Remove it, or leave the line out")
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, OBJECT) else None
        if not isinstance(image, OBJECT) or not isinstance(url, str):
            fix = 'Write {"type": "image_url", "image_url": {"url": ...}}'
            problems.say("type", f"{field}.image_url", "is no object with a url", fix)
            return
        if image.get("detail", "auto") not in ("auto", "low", "high"):
            what = f"is {problems.what(image['detail'])}"
            fix = "Write auto, low or high, or leave the key out"
            problems.say("image", f"{field}.image_url.detail", what, fix)
        self._address(url, f"{field}.image_url.url")

    def _address(self, url: str, field: str) -> None:
        rules = self._rules
        if not rules.image_urls:
            fix = "Remove the image, or leave the line out"
            self._problems.say("image", field, "is an image, and this target takes none", fix)
        elif not url.startswith(rules.image_urls):
            fix = f"It must begin with one of: {', '.join(rules.image_urls)}"
            self._problems.say("image", field, f"is {_beginning(url)}", fix)
        elif not url.lower().endswith(rules.image_endings):
            fix = f"Give the file a name that ends in one of: {', '.join(rules.image_endings)}"
            self._problems.say("image", field, "does not tell the type of the image", fix)
        elif rules.max_image_bytes is not None and url.startswith("data:"):
            size = (len(url) - url.find(",") - 1) * 3 // 4  # base64 writes 3 bytes as 4 characters
            if size > rules.max_image_bytes:
                fix = f"Make it smaller than {rules.max_image_bytes:,} bytes"
                self._problems.say("image_size", field, f"is an image of about {size:,} bytes", fix)


def _a(role: str) -> str:
    return f"an {role}" if role == "assistant" else f"a {role}"


def _says_something_else(message: Line) -> bool:
    return bool(message.get("tool_calls") or message.get("function_call")) or isinstance(
        message.get("refusal"), str
    )


def _beginning(url: str) -> str:
    """How an address begins: its scheme, or the type of its data; the rest may be somebody's."""
    begins = re.match(r"(https?|gs|s3|file|data:image/[a-z+.-]{1,20}|data)[:;]", url)
    return f"an address that begins with {begins[0]}" if begins else f"text of {len(url)} characters"
