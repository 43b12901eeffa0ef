"""A number with its noun, as texts for people say it."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """A number with its noun.

    Args:
        count: How many.
        what: The noun, of one.

    Example:
        >>> counted(1, "line"), counted(2000, "line")
        ('1 line', '2,000 lines')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"
