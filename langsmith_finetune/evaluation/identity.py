"""What a model is known by, so that the answers of another are not taken for its own."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

from langchain_core.runnables import Runnable


def kind_of(model: Runnable[Any, Any]) -> str:
    """A chat model's class and settings, without its key."""
    inner = model
    bound: dict[str, Any] = {}
    while isinstance(getattr(inner, "bound", None), Runnable):  # bind(temperature=0), with_retry() ...
        bound = {**getattr(inner, "kwargs", {}), **bound}
        inner = inner.bound  # type: ignore[attr-defined]
    settings = getattr(inner, "_identifying_params", None)
    where = [getattr(inner, name, None) for name in ("openai_api_base", "azure_endpoint", "base_url")]
    plain = {"class": type(inner).__qualname__, "settings": settings, "bound": bound, "where": where}
    return _ADDRESS.sub("", repr(_sorted(plain)))


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies in memory, which another process does not know."""


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted((str(key), _sorted(inner)) for key, inner in value.items())
    return [_sorted(inner) for inner in value] if isinstance(value, list | tuple) else value


def kind_of_folder(name: str, kind: str) -> str:
    """A local model's settings, and the state of its files: a folder can be trained into anew."""
    folder = Path(name)
    files = sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.json")) if folder.is_dir() else []
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{kind} {folder.absolute() if files else name} {stats}"


def kind_of_function(function: Any) -> str:
    """A function's name and code, and the texts and numbers that it reads from around it.

    What the objects do that it calls, nobody can tell.
    """
    if isinstance(function, partial):
        given = _plain_values({**dict(enumerate(function.args)), **function.keywords})
        return f"{kind_of_function(function.func)} {given}"
    named = function.__qualname__ if hasattr(function, "__qualname__") else type(function).__qualname__
    code = function if isinstance(function, FunctionType | MethodType) else type(function).__call__
    code = code.__func__ if isinstance(code, MethodType) else code
    if not isinstance(code, FunctionType):
        return f"function {named}"
    plain: list[tuple[str, Any]] = []
    with suppress(ValueError):  # a variable around it has no value yet
        around = inspect.getclosurevars(code)
        plain = _plain_values({**around.globals, **around.nonlocals})
    return f"function {named} {_of_code(code.__code__)} {plain} {_ADDRESS.sub('', repr(code.__defaults__))}"


def _plain_values(values: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    return sorted(
        (str(name), value) for name, value in values.items() if isinstance(value, str | int | float)
    )


def _of_code(code: CodeType) -> str:
    inner = [_of_code(value) if isinstance(value, CodeType) else repr(value) for value in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {inner}"


def digest_of(text: str) -> str:
    """The SHA-256 of what a model is known by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
