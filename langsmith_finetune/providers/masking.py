"""What a host says, without what it quotes from the data it was sent."""

from __future__ import annotations

import re

_OBJECT = re.compile(r"\{[^{}]*:.*\}", re.DOTALL)
"""A JSON object, such as the line that a host refuses."""

_QUOTED = re.compile(r"(?<!\w)(['\"`])((?:(?!\1).)+)\1(?!\w)", re.DOTALL)

_QUOTED_WORDS = 3
_QUOTED_CHARACTERS = 64


def without_data(text: str) -> str:
    """A host's words without what looks like a quotation from the data. Keys are the caller's to mask."""
    return _QUOTED.sub(_without_content, _OBJECT.sub("{...}", text))


def _without_content(quoted: re.Match[str]) -> str:
    """Keep the quoted names of fields, models and roles; a sentence is somebody's data."""
    text = quoted[2]
    if text.isascii() and len(text) <= _QUOTED_CHARACTERS and len(text.split()) < _QUOTED_WORDS:
        return quoted[0]
    return f"{quoted[1]}[{len(text)} characters]{quoted[1]}"
