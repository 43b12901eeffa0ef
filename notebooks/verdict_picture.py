"""Draw what the walkthrough found, from what it left in `notebooks/runs/`: `python notebooks/verdict_picture.py docs/verdict.svg`.

The loss curve is that of the job, the verdict that of the evaluation. Both are in the picture's metadata in words, so that a
test can hold the README, and later runs, to them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

RUNS = Path(__file__).parent / "runs"
INK, PALE, BLUE, ORANGE = "#1f2328", "#8b949e", "#0969da", "#bc4c00"


def verdict_picture(runs: Path, path: Path) -> str:
    """Draw the picture, and return what it says.

    Args:
        runs: The folder `runs` of the walkthrough.
        path: The SVG to write.

    Raises:
        FileNotFoundError: The walkthrough did not run to its end there.
    """
    try:
        result = json.loads((runs / "heldout.evaluation" / "result.json").read_text(encoding="utf-8"))
        (events,) = runs.glob("jobs/*/events.jsonl")
    except (FileNotFoundError, ValueError) as error:
        raise FileNotFoundError(
            f"{runs} holds no finished walkthrough, or several: make walkthrough"
        ) from error
    losses = _losses(events)
    compared = result["comparisons"][0]
    said = f"{compared['metric']}: {compared['verdict']}"
    told = "; ".join(
        f"{name}: " + ", ".join(f"{loss:.4f} at step {step}" for step, loss in points.items())
        for name, points in losses.items()
    )
    # The card is white in both of GitHub's modes. Letters are drawn, since an SVG cannot bring a font.
    with rc_context(
        {"svg.hashsalt": "verdict", "svg.fonttype": "path", "text.color": INK, "axes.labelcolor": INK}
    ):
        figure = Figure(figsize=(8.4, 2.9), facecolor="white")
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.07, right=0.97, bottom=0.2, top=0.86, wspace=0.25)
        _draw_losses(left, losses)
        _draw_verdict(right, compared)
        figure.savefig(path, metadata={"Title": said, "Description": told, "Date": None})
    return said


def _losses(events: Path) -> dict[str, dict[int, float]]:
    """The losses of a job, by name and step."""
    names = {"train_loss": "training loss", "valid_loss": "validation loss"}
    losses: dict[str, dict[int, float]] = {name: {} for name in names.values()}
    for line in events.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        for key, name in names.items():
            if key in event["metrics"]:
                losses[name][event["step"]] = event["metrics"][key]
    return losses


def _draw_losses(axes: Any, losses: dict[str, dict[int, float]]) -> None:
    for (name, points), color, form in zip(losses.items(), (BLUE, ORANGE), ("-", "o")):
        axes.plot(list(points), list(points.values()), form, color=color, label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("Loss", loc="left", fontweight="bold")
    axes.set_xlabel("step")
    axes.legend(frameon=False)
    _bare(axes)


def _draw_verdict(axes: Any, compared: dict[str, Any]) -> None:
    n, base = compared["n"], 100 * compared["before_mean"]
    low, high = 100 * compared["low"], 100 * compared["high"]
    for place, name, end in ((0, "after", base + high), (1, "before", base)):
        mean = compared[f"{name}_mean"]
        axes.barh(place, 100 * mean, height=0.5, color=BLUE if name == "after" else PALE)
        axes.text(max(end, 100 * mean) + 3, place, f"{round(mean * n)} of {n}", va="center")
    axes.plot([base + low, base + high], [0, 0], color=INK, marker="|", markersize=12)
    axes.set_title(f"Right calls: {100 * compared['difference']:+.0f} points", loc="left", fontweight="bold")
    axes.set_xlabel(f"percent (95 % interval {low:.0f} to {high:.0f}, n = {n})")
    axes.set_yticks([0, 1], ["after", "before"])
    axes.set_ylim(-0.5, 1.5)
    axes.set_xlim(0, 125)
    axes.set_xticks(range(0, 101, 25))
    _bare(axes)


def _bare(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(PALE)
    axes.tick_params(colors=INK, which="both")


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the walkthrough's verdict and loss curve.")
    parser.add_argument("path", type=Path, help="the SVG to write")
    parser.add_argument("--runs", type=Path, default=RUNS, help="what the walkthrough left")
    args = parser.parse_args()
    print(verdict_picture(args.runs, args.path))


if __name__ == "__main__":
    main()
