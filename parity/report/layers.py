"""Picture of the linears of a model: how much of its bound each one uses, layer by layer."""

from __future__ import annotations

from typing import Final

from parity.record.records import LinearResult
from parity.report import svg
from parity.report.markup import Markup, join, tag
from parity.show import wording

LEFT: Final = 34.0
RIGHT: Final = 292.0
EDGE: Final = svg.WIDTH - 4.0
TOP: Final = 22.0
ROW: Final = 24.0


def kinds(linears: tuple[LinearResult, ...]) -> tuple[str, ...]:
    """Names of the linears of a layer, in the order of first appearance."""
    return tuple(dict.fromkeys(result.linear for result in linears))


def draw(linears: tuple[LinearResult, ...], order: tuple[str, ...], scheme: str, name: str) -> Markup:
    """One row per layer, one mark per linear, along the share of the bound."""
    rows = sorted({result.layer for result in linears})
    bottom = TOP + ROW * len(rows)
    grid = [
        part
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        for part in (
            svg.line(_x(share), TOP, _x(share), bottom, "limit" if share == 1 else "grid"),
            svg.text(_x(share), bottom + 14, f"{share:g}", "tick", "middle"),
        )
    ]
    names = [svg.text(LEFT - 10, TOP + ROW * (i + 0.5) + 4, str(layer), "tick", "end") for i, layer in enumerate(rows)]
    stripes = [svg.rect(LEFT, TOP + ROW * i, EDGE - LEFT, ROW, "stripe") for i in range(0, len(rows), 2)]
    marks = [_mark(result, order, TOP + ROW * rows.index(result.layer)) for result in linears]
    return svg.picture(
        name,
        f"Share of the bound used by each linear, {scheme}",
        describe(linears),
        bottom + 34,
        *stripes,
        *grid,
        svg.text(_x(1.0) - 5, TOP - 8, "bound", "limit-label", "end"),
        svg.text(LEFT - 10, TOP - 8, "layer", "tick", "middle"),
        *names,
        *marks,
        svg.text((_x(0) + _x(1)) / 2, bottom + 29, "error ÷ bound", "axis-label", "middle"),
    )


def describe(linears: tuple[LinearResult, ...]) -> str:
    """The picture in words."""
    measured = [result for result in linears if result.bound_share is not None]
    if not measured:
        return "No linear was measured."
    worst = max(measured, key=lambda result: result.bound_share or 0.0)
    beyond = sum(not wording.within(result.bound_share) for result in measured)
    end = f"{beyond} of {len(measured)} are beyond it." if beyond else f"All {len(measured)} are within it."
    where = f"{worst.linear} in layer {worst.layer}"
    return f"The largest share of the bound is {wording.share(worst.bound_share)}, by {where}. {end}"


def legend(order: tuple[str, ...]) -> Markup:
    """Legend of marks and linears."""
    items = []
    for position, linear in enumerate(order):
        shape = svg.MARKERS[position % len(svg.MARKERS)]
        drawing = svg.marker(shape, 7, 7, f"mark series-{position % len(svg.MARKERS)}", 4.2)
        sample = tag("svg", drawing, viewBox="0 0 14 14", aria_hidden="true")
        items.append(tag("li", sample, tag("span", linear)))
    return tag("ul", join(*items), class_="legend")


def _x(share: float) -> float:
    return LEFT + min(share, 1.08) * (RIGHT - LEFT)


def _mark(result: LinearResult, order: tuple[str, ...], y: float) -> Markup:
    if result.bound_share is None:
        return Markup("")
    position = order.index(result.linear)
    # Linears of one layer stand a little above one another, so that equal shares do not hide each other.
    offset = (position + 1) / (len(order) + 1) * ROW
    series = position % len(svg.MARKERS)
    kind = f"mark series-{series}" if wording.within(result.bound_share) else "mark beyond"
    words = f"layer {result.layer}, {result.linear}: {wording.share(result.bound_share)} of the bound"
    return svg.marker(svg.MARKERS[series], _x(result.bound_share), y + offset, kind, 3.6, words)
