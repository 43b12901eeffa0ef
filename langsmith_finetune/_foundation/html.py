"""Cards and tables for notebooks: no script and no style sheet, and every text from outside escaped.

Colors come from the page, so that both hold in a dark theme. Nothing has a fixed width: what is too wide scrolls.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langsmith_finetune._printable import printable

_GRAY = "rgba(128,128,128,.4)"
_CARD = (
    f"border:1px solid {_GRAY};border-radius:6px;padding:.5em .9em;margin:.3em 0;max-width:64em;"
    "box-sizing:border-box;overflow-x:auto"
)
_CELL = "text-align:left;vertical-align:top;padding:.15em 1em .15em 0;white-space:pre-wrap"
_HEAD = f"{_CELL};font-weight:600;opacity:.75"


class Html(str):
    """Markup that is safe as it stands. Any other text is escaped."""

    __slots__ = ()


NOTHING = Html("")


def escaped(value: Any) -> Html:
    """A value as text that neither a page nor a terminal obeys; None is empty.

    Example:
        >>> escaped("<b> 1 & 2")
        '&lt;b&gt; 1 &amp; 2'
    """
    if isinstance(value, Html):
        return value
    return Html("" if value is None else html.escape(printable(str(value))))


def concat(parts: Iterable[Any]) -> Html:
    """The parts, one after another."""
    return Html("".join(map(escaped, parts)))


def element(name: str, content: Any, style: str = "") -> Html:
    """An element around content, which is escaped."""
    styled = f' style="{style}"' if style else ""
    return Html(f"<{name}{styled}>{escaped(content)}</{name}>")


def link(address: str, content: Any) -> Html:
    """A link, where the address is one of the web; the content alone where it is not."""
    if not address.startswith(("https://", "http://")):
        return escaped(content)
    return Html(f'<a style="color:inherit" href="{escaped(address)}">{escaped(content)}</a>')


def table(rows: Iterable[Sequence[Any]], *, head: Sequence[str] = ()) -> Html:
    """A table; the first cell of each row names it where there is no head.

    Example:
        >>> str(table([("<b>", 1)], head=("what", "count"))).count("<tr>")
        2
    """
    lines = [concat(element("th", title, _HEAD) for title in head)] if head else []
    for first, *others in rows:
        begins = element("td", first, _CELL) if head else element("th", first, _HEAD)
        lines.append(concat([begins, *(element("td", cell, _CELL) for cell in others)]))
    return Html(
        '<table style="margin:.2em 0;border-collapse:collapse">'
        + "".join(f"<tr>{line}</tr>" for line in lines)
        + "</table>"
    )


def facts(values: Mapping[str, Any]) -> Html:
    """A table of names and values, without those that are None or empty."""
    return table((name, value) for name, value in values.items() if value not in (None, ""))


def table_of_counts(counts: Mapping[str, int]) -> Html:
    """Names and how often each occurs, the commonest first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return table((name, f"{times:,}") for name, times in ordered)


def paragraphs(texts: Iterable[str]) -> Html:
    """Each text in a paragraph of its own."""
    return concat(element("p", text, "margin:.3em 0") for text in texts)


def card(title: Any, *parts: Any) -> Html:
    """A card with a title; empty parts are left out."""
    content = [element("div", title, "font-weight:600")] if title else []
    return element("div", concat([*content, *(element("div", part) for part in parts if part)]), _CARD)


def bar(fraction: float) -> Html:
    """A bar, of which this fraction is full."""
    full = f"width:{100 * min(max(fraction, 0.0), 1.0):.1f}%;height:4px;border-radius:2px;background:currentColor"
    return element(
        "div",
        element("div", Html(""), full),
        f"height:4px;border-radius:2px;margin:.4em 0;background:{_GRAY}",
    )
