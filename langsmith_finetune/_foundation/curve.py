"""Losses over the steps as a small drawing (SVG), in the colors of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langsmith_finetune._foundation.html import NOTHING, Html, concat, element, escaped

_WIDTH, _HEIGHT = 480, 96
_MOST_POINTS = 240
_DASHES = ("", "5 3", "2 2", "8 3 2 3")


def curve(lines: Mapping[str, Sequence[tuple[float, float]]]) -> Html:
    """Lines in one frame, each under its name; nothing where no line has two points.

    Args:
        lines: By name, the points from left to right.

    Example:
        >>> curve({"train loss": [(1, 2.0)]})
        ''
        >>> curve({"train loss": [(1, 2.0), (2, 1.0)]}).count("<polyline")
        1
    """
    drawn = {name: _thinned(points) for name, points in lines.items() if len(points) > 1}
    if not drawn:
        return NOTHING
    left, right = (pick(x for points in drawn.values() for x, _ in points) for pick in (min, max))
    low, high = (pick(y for points in drawn.values() for _, y in points) for pick in (min, max))

    def place(x: float, y: float) -> str:
        across = (x - left) / (right - left) if right > left else 0.5
        down = (high - y) / (high - low) if high > low else 0.5
        return f"{2 + across * (_WIDTH - 4):.1f},{2 + down * (_HEIGHT - 4):.1f}"

    shapes = [
        f'<polyline fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" '
        f'vector-effect="non-scaling-stroke" stroke-dasharray="{_DASHES[index % len(_DASHES)]}" '
        f'points="{" ".join(place(x, y) for x, y in points)}"/>'
        for index, points in enumerate(drawn.values())
    ]
    drawing = Html(
        f'<svg role="img" aria-label="{escaped(", ".join(drawn))}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'preserveAspectRatio="none" style="display:block;width:100%;max-width:{_WIDTH}px;height:{_HEIGHT}px">'
        f"{''.join(shapes)}</svg>"
    )
    says = (
        f"{name}{' (dashed)' if index else ''}: {points[0][1]:.4g} at step {points[0][0]:g}, {points[-1][1]:.4g} at step "
        f"{points[-1][0]:g}"
        for index, (name, points) in enumerate(drawn.items())
    )
    return concat([drawing, *(element("div", text, "opacity:.75;font-size:.9em") for text in says)])


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most so many points as can be told apart, the first and the last among them."""
    if len(points) <= _MOST_POINTS:
        return list(points)
    last = len(points) - 1
    return [points[round(n * last / (_MOST_POINTS - 1))] for n in range(_MOST_POINTS)]
