"""Makes links of public names that stand in a sentence: `select_runs`, `FineTuneJob.create(...)`."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from typing import Any

import langsmith_finetune
from docutils import nodes
from sphinx.util.nodes import make_refnode

PACKAGE = "langsmith_finetune."
NAME = re.compile(r"((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(\(.*\))?", re.DOTALL)


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx ask when all pages are read."""
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True}


def link_names(app: Any, doctree: Any, page: str) -> None:
    """Make a link of each name in a page that the reference has."""
    known = _known_names(app.env)
    for literal in list(doctree.findall(nodes.literal)):
        found = NAME.fullmatch(literal.astext())
        target = known.get(found[1]) if found else None
        if target is None or isinstance(literal.parent, nodes.reference):
            continue
        where, anchor = target
        link = make_refnode(
            app.builder, page, where, anchor, literal.deepcopy()
        )
        literal.replace_self(link)


def _known_names(env: Any) -> dict[str, tuple[str, str]]:
    """Where the reference has each name, as a sentence may write it: with its class, and with more before it."""
    known = {}
    for name, entry in env.get_domain("py").objects.items():
        if entry.objtype == "module" or not name.startswith(PACKAGE):
            continue
        parts = name.split(".")
        shortest = next(
            (n for n, part in enumerate(parts) if part[:1].isupper()),
            len(parts) - 1,
        )
        for first in range(shortest + 1):
            known[".".join(parts[first:])] = (entry.docname, entry.node_id)
    return known


def public_homes() -> dict[str, str]:
    """The public path of each method by that of its module, which is where code leads to."""
    homes = {}
    rooms = pkgutil.walk_packages(langsmith_finetune.__path__, PACKAGE)
    packages = [room.name for room in rooms if room.ispkg]
    for door in (*packages, langsmith_finetune.__name__):
        module = import_module(door)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isclass(thing):
                home = f"{thing.__module__}.{thing.__qualname__}"
                for member in dir(thing):
                    homes[f"{home}.{member}"] = f"{door}.{name}.{member}"
    return homes
