"""The documentation as it is built: without a warning, linked, and as a browser shows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from langsmith_finetune import errors
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LOOK = Path(__file__).parents[1] / "support" / "look_at_site.html"
SEARCHES = {
    "vllm": "serving",
    "ollama": "serving",
    "kto": "preferences",
    "dpo": "preferences",
    "delete a user": "redact_and_erase",
    "openai fine-tuning shutdown": "leaving_openai",
    "langchain-community replacement": "migrating",
    "billion": "scaling",
    "which hardware": "hardware",
    "price": "counting",
    "dry run": "providers",
    "smithtune": "comparison",
    "langgraph": "agents",
    "bulk export": "files",
    "prefix merging": "dataset",
}
"""What people type, and the page that answers."""


_ROOMS = (path.parent for path in (ROOT / "langsmith_finetune").rglob("__init__.py"))
DOORS = [
    door
    for room in sorted(_ROOMS)
    if hasattr(door := import_module(".".join(room.relative_to(ROOT).parts)), "__all__")
]
"""The packages that offer public names."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", "docs", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Each page, as a tree of its HTML."""
    written = [path for path in site.rglob("*.html") if path.stem not in {"genindex", "search"}]
    return {
        str(path.relative_to(site).with_suffix("")): BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in written
    }


@pytest.fixture(scope="module")
def looked(site, pages):
    """What a browser finds on the pages, at the width of a phone, and by searching."""
    if BROWSER is None:
        pytest.skip("there is no Chromium here")
    shutil.copy(LOOK, site / "look.html")
    asked = {"pages": [*(f"{name}.html" for name in pages), "genindex.html"], "searches": [*SEARCHES]}
    (site / "look.json").write_text(json.dumps(asked), encoding="utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=600000",
            "--dump-dom",
        )
        address = f"http://127.0.0.1:{server.server_port}/look.html"
        shown = subprocess.run(
            [BROWSER, *options, f"--user-data-dir={site / 'profile'}", address],
            capture_output=True, text=True, check=True, timeout=300,
        ).stdout  # fmt: skip
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    return json.loads(BeautifulSoup(shown, "html.parser").find(id="found").text)


def test_names_in_code_and_in_sentences_lead_to_the_reference(pages):
    assert pages["reference/sessions"].find(id="langsmith_finetune.LangSmithRunChatLoader")
    links = [link["href"] for link in pages["tutorial"].find("article").find_all("a", href=True)]
    assert links.count("reference/runs.html#langsmith_finetune.select_runs") > 1
    assert "reference/jobs.html#langsmith_finetune.FineTuneJob.create" in links
    (link,) = (link for link in pages["notebooks"].find_all("a") if link.text == "FineTuneJob.plan(...)")
    assert link["href"] == "reference/jobs.html#langsmith_finetune.FineTuneJob.plan"


def test_every_public_name_is_linked_from_a_guide(pages):
    linked = set()
    for name, page in pages.items():
        if "/" not in name:
            for link in page.find("article").find_all("a", href=re.compile(r"^reference/")):
                linked |= set(link["href"].partition("#")[2].removeprefix("langsmith_finetune.").split("."))
    for door in DOORS:
        assert set(door.__all__) - linked - set(vars(errors)) == set(), door.__name__


def test_what_a_door_offers_is_in_the_reference(pages):
    shown = {part["id"] for name, page in pages.items() if "/" in name for part in page.find_all(id=True)}
    names = {path.rpartition(".")[2] for path in shown if path.startswith("langsmith_finetune.")}
    for door in DOORS:
        assert set(door.__all__) - names == set(), door.__name__


def test_what_the_reference_shows_is_offered_where_it_says():
    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        for path in re.findall(
            r"^\.\. (?:auto|py:)\w+:: (langsmith_finetune\.[\w.]+)$", page.read_text("utf-8"), re.MULTILINE
        ):
            door, _, name = path.rpartition(".")
            if path != "langsmith_finetune.errors":
                module = import_module(door)
                offered = getattr(module, "__all__", None) or vars(module)
                assert name in offered, path


def test_tables_scroll_in_themselves(pages):
    for name, page in pages.items():
        for table in page.find("article").find_all("table", class_="docutils"):
            assert table.find_parent(class_="table-wrapper"), name


def test_code_can_be_copied_and_the_dark_theme_chosen(pages):
    for name, page in pages.items():
        scripts = " ".join(script["src"] for script in page.find_all("script", src=True))
        assert "copybutton.js" in scripts, name
        assert page.find(class_="theme-toggle"), name


def test_no_page_moves_sideways_on_a_phone(looked):
    assert len(looked["pages"]) > 50
    assert {name: found for name, found in looked["pages"].items() if found["wide"]} == {}


def test_texts_can_be_read_in_light_and_dark(looked):
    assert {name: found for name, found in looked["pages"].items() if found["faint"]} == {}


def test_what_people_type_is_found(looked):
    """The page that answers is among the first three that a search shows."""
    missed = {
        words: looked["searches"][words]
        for words, page in SEARCHES.items()
        if page not in looked["searches"][words][:3]
    }
    assert missed == {}
