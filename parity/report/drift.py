"""Picture of how whole runs of a model move apart: relative error, stage by stage, on a logarithmic axis."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import Final

from parity.record.records import Drift
from parity.report import svg
from parity.report.markup import Markup, join, number, tag
from parity.show import wording

LEFT: Final = 40.0
RIGHT: Final = svg.WIDTH - 22.0
TOP: Final = 12.0
BASE: Final = 172.0
HEIGHT: Final = 212.0
MAX_TICKS: Final = 16
"""Stages that are named below a picture; of more, every second or third layer is."""
SIZES: Final = (5.0, 3.0, 4.0)
"""Half the size of the marks of each line: the first two lie on each other where frameworks agree, and both show."""


def decades(drifts: tuple[Drift, ...]) -> tuple[int, int]:
    """Powers of ten that the axis of all pictures of a section spans.

    The first stage does not count: frameworks may be so close there that the rest would be flat.
    """
    found = [error for drift in drifts for error in drift.errors[1:] if error > 0]
    if not found:
        return -1, 0
    return floor(log10(min(found))), max(ceil(log10(max(found))), floor(log10(min(found))) + 1)


def draw(drifts: tuple[Drift, ...], stages: tuple[str, ...], axis: tuple[int, int], scheme: str, name: str) -> Markup:
    """One line per pair; what lies below the axis stands at its foot."""
    step = (RIGHT - LEFT) / max(len(stages) - 1, 1)
    grid = [
        part
        for power in range(axis[0], axis[1] + 1)
        for part in (
            svg.line(LEFT, _y(power, axis), RIGHT, _y(power, axis), "grid"),
            svg.text(LEFT - 10, _y(power, axis) + 4, f"10{wording.superscript(power)}", "tick", "end"),
        )
    ]
    every = -(-len(stages) // MAX_TICKS)
    ticks = [_tick(LEFT + i * step, stage) for i, stage in enumerate(stages) if _number(stage) % every == 0]
    lines = [part for i, drift in enumerate(drifts) for part in _line(i, drift, stages, axis, step)]
    return svg.picture(
        name,
        f"Relative error after every stage, {scheme}",
        describe(drifts, stages),
        HEIGHT,
        *grid,
        *ticks,
        svg.text((LEFT + RIGHT) / 2, BASE + 34, "after layer", "axis-label", "middle"),
        *lines,
    )


def describe(drifts: tuple[Drift, ...], stages: tuple[str, ...]) -> str:
    """The picture in words."""
    ends = [f"{drift.pair} {wording.value(drift.errors[-1], 2)}" for drift in drifts if drift.errors]
    return f"Relative error after {stages[-1]}: {', '.join(ends)}." if ends else "Nothing was run."


def legend(pairs: tuple[str, ...]) -> Markup:
    """Legend of lines and pairs."""
    items = []
    for i, pair in enumerate(pairs):
        stroke = tag("path", class_=_line_class(i), d="M0 7h28")
        sample = tag("svg", stroke, _mark(i, 14, 7), viewBox="0 0 28 14", aria_hidden="true", class_="wide")
        items.append(tag("li", sample, tag("span", pair)))
    return tag("ul", join(*items), class_="legend")


def _number(stage: str) -> int:
    """Number of a layer; 0 for other stages."""
    name = stage.removeprefix("layer ")
    return int(name) if name != stage else 0


def _tick(x: float, stage: str) -> Markup:
    """Numbers of layers stand on the first line, other names below, where they have room."""
    short = stage.removeprefix("layer ")
    return svg.text(x, BASE + (18 if short != stage else 34), short, "tick", "middle")


def _y(power: float, axis: tuple[int, int]) -> float:
    low, high = axis
    return BASE - (max(power, low) - low) / (high - low) * (BASE - TOP)


def _line(i: int, drift: Drift, stages: tuple[str, ...], axis: tuple[int, int], step: float) -> list[Markup]:
    points = [
        (LEFT + x * step, _y(log10(error) if error > 0 else axis[0], axis)) for x, error in enumerate(drift.errors)
    ]
    way = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    titles = (
        f"{stage}, {drift.pair}: {wording.value(error, 2)}" for stage, error in zip(stages, drift.errors, strict=True)
    )
    marks = [_mark(i, x, y, title) for (x, y), title in zip(points, titles, strict=True)]
    return [tag("path", class_=_line_class(i), d=f"M{way}"), *marks]


def _line_class(i: int) -> str:
    return f"trend trend-{i % len(SIZES)}"


def _mark(i: int, x: float, y: float, title: str = "") -> Markup:
    shape = svg.MARKERS[i % len(svg.MARKERS)]
    return svg.marker(shape, x, y, f"mark series-{i % len(svg.MARKERS)}", SIZES[i % len(SIZES)], title)
