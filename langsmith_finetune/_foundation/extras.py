"""One error text for a package that is missing; it names the extra to install."""

from __future__ import annotations


def missing(what: str, package: str, extra: str) -> ImportError:
    """The error for a package that is not installed.

    Args:
        what: What was asked for: `"a plot"`.
        package: The package, or several.
        extra: The extra of this library that brings it.

    Example:
        >>> print(missing("a plot", "matplotlib", "notebook"))
        a plot needs matplotlib: pip install "langsmith-finetune[notebook]"
    """
    return ImportError(f"{what} needs {package}: {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    """The command that installs an extra."""
    return f'pip install "langsmith-finetune[{extra}]"'
