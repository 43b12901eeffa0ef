"""Plots show themselves in a notebook and save themselves in a script."""

from __future__ import annotations

import subprocess
import sys

import pytest

from langsmith_finetune._foundation.plot import Plot, new_figure

pytest.importorskip("matplotlib")


@pytest.fixture
def plot():
    figure = new_figure(4, 2)
    figure.add_subplot().set(title="losses")
    return Plot(figure)


def test_it_is_a_sharp_picture_shown_at_its_size(plot):
    data, about = plot._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (576, 288)
    assert about == {"width": 288, "height": 144}


def test_it_is_a_drawing(plot):
    assert "<svg" in plot._repr_svg_()


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")])
def test_it_is_saved_in_the_form_of_the_ending(plot, tmp_path, name, begins):
    path = plot.save(str(tmp_path / name), dpi=72)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(begins)


def test_it_names_what_it_shows(plot):
    assert repr(plot) == "<Plot of losses; plot.save(path) writes it, plot.figure is matplotlib's>"
    assert repr(Plot(new_figure(1, 1))).startswith("<Plot of nothing; ")


@pytest.mark.slow
def test_pyplot_is_not_loaded():
    program = (
        "import sys; from langsmith_finetune._foundation.plot import Plot, new_figure; Plot(new_figure(1, 1))._repr_png_();"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError) as caught:
        new_figure(1, 1)
    assert str(caught.value) == 'a plot needs matplotlib: pip install "langsmith-finetune[notebook]"'
