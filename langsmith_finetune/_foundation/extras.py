"""Packages of the extras: one error text for one that is missing, and no noise from those that are there."""

from __future__ import annotations

import warnings


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


def without_tqdm_warning() -> None:
    """Load `tqdm.auto`, as Hugging Face's packages do, without its warning that a notebook has no ipywidgets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tqdm.auto  # noqa: F401, PLC0415 - a part of tqdm that few programs need
