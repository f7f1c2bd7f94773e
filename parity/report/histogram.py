"""Picture of how the errors of one output are distributed."""

from __future__ import annotations

from math import ceil, inf, log10
from typing import Final

from parity.judge.verdict import Histogram
from parity.report import svg
from parity.report.markup import Markup
from parity.show import wording

LEFT: Final = 40.0
RIGHT: Final = svg.WIDTH - 6.0
TOP: Final = 26.0
BASE: Final = 156.0
HEIGHT: Final = 196.0
CHARACTER: Final = 6.5
"""Width of a character of a tick's label, at most."""
FLOOR: Final = -0.35
"""log10 at the base line: below one element, so that a single element still has a visible bar."""


def draw(histogram: Histogram, name: str) -> Markup:
    """Bars over the share of the bound, or over ulps; the count axis is logarithmic so that one outlier
    shows.
    """
    counts = histogram.counts
    bounded = histogram.quantity == "share of bound"
    reach = _reach(histogram)
    top = max(1.0, log10(max((*counts, 1)))) + 0.15
    slot = (RIGHT - LEFT) / reach
    bars = [
        _bar(counts[i], LEFT + i * slot, slot, top, beyond=not bounded or histogram.edges[i] >= 1) for i in range(reach)
    ]
    axis = _share_axis(histogram, slot) if bounded else _ulp_axis(histogram, slot, reach)
    title = "Errors as a share of the bound" if bounded else "Errors in ulp"
    return svg.picture(
        name,
        title,
        describe(histogram),
        HEIGHT,
        svg.text(4, 11, "elements, log scale", "tick"),
        *_count_axis(top),
        *bars,
        svg.line(LEFT, BASE, RIGHT, BASE, "axis"),
        *axis,
    )


def describe(histogram: Histogram) -> str:
    """The picture in words."""
    total = sum(histogram.counts) + histogram.identical
    filled = [i for i, count in enumerate(histogram.counts) if count]
    if not filled:
        return f"All {wording.whole(total)} elements are identical."
    last = histogram.edges[filled[-1] + 1]
    if histogram.quantity == "share of bound":
        beyond = sum(count for count, edge in zip(histogram.counts, histogram.edges, strict=False) if edge >= 1)
        if beyond:
            return f"{wording.whole(beyond)} of {wording.whole(total)} elements are beyond the bound."
        return f"No error of {wording.whole(total)} elements is above {last:g} of its bound."
    far = f"more than {2 ** int(histogram.edges[-2])}" if last == inf else f"at most {2 ** int(last)}"
    differ = f"{wording.whole(total - histogram.identical)} of {wording.whole(total)} elements differ"
    return f"{differ}; the furthest is {far} ulp away."


def _reach(histogram: Histogram) -> int:
    """Bins to show: up to the bound or a few powers of two, and up to the last element."""
    filled = max((i + 1 for i, count in enumerate(histogram.counts) if count), default=0)
    if histogram.quantity == "share of bound":
        return len(histogram.counts)
    return min(len(histogram.counts), max(filled + 1, 6))


def _level(log: float, top: float) -> float:
    return BASE - (log - FLOOR) / (top - FLOOR) * (BASE - TOP)


def _bar(count: int, x: float, slot: float, top: float, *, beyond: bool) -> Markup:
    if not count:
        return Markup("")
    y = _level(log10(count), top)
    kind = "bar beyond" if beyond else "bar"
    return svg.rect(x + slot * 0.08, y, slot * 0.84, BASE - y, kind)


def _count_axis(top: float) -> list[Markup]:
    drawn = []
    powers = int(top) + 1
    step = 1 if powers <= 5 else 2
    for power in range(0, powers, step):
        y = _level(power, top)
        label = wording.whole(10**power) if power < 4 else f"10{wording.superscript(power)}"
        drawn += [svg.line(LEFT, y, RIGHT, y, "grid"), svg.text(LEFT - 6, y + 3.5, label, "tick", "end")]
    return drawn


def _share_axis(histogram: Histogram, slot: float) -> list[Markup]:
    drawn = []
    for position, edge in enumerate(histogram.edges[:-1]):
        if position % 5 == 0:
            x = LEFT + position * slot
            drawn.append(svg.text(x, BASE + 14, f"{edge:g}", "tick", "middle"))
    limit = LEFT + (len(histogram.counts) - 1) * slot
    drawn += [
        svg.line(limit, TOP - 6, limit, BASE + 3, "limit"),
        svg.text(limit - 5, TOP + 2, "bound", "limit-label", "end"),
        svg.text((LEFT + RIGHT) / 2, HEIGHT - 6, "error ÷ bound", "axis-label", "middle"),
    ]
    return drawn


def _ulp_axis(histogram: Histogram, slot: float, reach: int) -> list[Markup]:
    drawn = []
    widest = max(len(str(2 ** int(edge))) for edge in histogram.edges[:reach] if abs(edge) != inf) + 1
    step = max(1, ceil(widest * CHARACTER / slot))
    for i in range(0, reach, step):
        upper = histogram.edges[i + 1]
        finite = upper != inf
        label = f">{2 ** int(histogram.edges[i])}" if not finite else f"≤{2 ** int(upper)}"
        drawn.append(svg.text(LEFT + (i + 0.5) * slot, BASE + 14, label, "tick", "middle"))
    drawn.append(svg.text((LEFT + RIGHT) / 2, HEIGHT - 6, "steps of the output format (ulp)", "axis-label", "middle"))
    return drawn
