"""Sphinx settings."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# Before autodoc, which imports with TYPE_CHECKING set: openai's models cannot be made so.
import langchain_openai  # noqa: F401

from linked_names import public_homes

project = "langsmith-finetune"
author = "the langsmith-finetune authors"
copyright = "2026, the langsmith-finetune authors"  # noqa: A001
release = version = installed_version("langsmith-finetune")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_codeautolink",  # a name in a page's code leads to the reference
    "sphinx_copybutton",
    "linked_names",  # and so does one in a sentence
    "notebook_page",
]
codeautolink_concat_default = True  # the code of a page is one program
codeautolink_inventory_map = public_homes()
codeautolink_disable_link_titles = True  # they name the module behind the door
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 2
html_theme = "furo"
html_title = "langsmith-finetune"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_domain_indices = False  # of modules, which are no way in
default_role = "code"  # in docstrings, `this` is code
exclude_patterns = ["_build"]
# Sphinx takes the flags of doctests out of what is shown, so that those examples get no links.
suppress_warnings = ["codeautolink.match_block"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
# Fields of dataclasses and typed dicts are described in their docstrings' Args.
napoleon_use_ivar = True
nitpicky = False
