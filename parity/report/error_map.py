"""Picture of where in an output elements are outside of the bound."""

from __future__ import annotations

from typing import Final

from parity.judge.verdict import ErrorMap
from parity.report import svg
from parity.report.heatmap import CIVIDIS, LEFT, RIGHT, TALLEST
from parity.report.markup import Markup, number, tag
from parity.show import wording

TOP: Final = 8.0


def draw(found: ErrorMap, name: str) -> Markup:
    """The grid; a cell is the lighter, the more of its elements are outside."""
    rows, columns = len(found.outside), len(found.outside[0])
    width = min((RIGHT - LEFT) / columns, 40.0)
    height = min(max(width, 6.0), TALLEST / rows, 28.0)
    right, bottom = LEFT + columns * width, TOP + rows * height
    paths: dict[str, list[str]] = {}
    for r, row in enumerate(found.outside):
        for c, count in enumerate(row):
            if count:
                corner = f"M{number(LEFT + c * width)} {number(TOP + r * height)}"
                side = f"h{number(width)}v{number(height)}h-{number(width)}z"
                paths.setdefault(_colour(count / _elements(found, r, c)), []).append(corner + side)
    return svg.picture(
        name,
        "Elements outside the bound",
        describe(found),
        bottom + 24,
        svg.rect(LEFT, TOP, right - LEFT, bottom - TOP, "frame"),
        *(tag("path", class_="cell", fill=colour, d="".join(corners)) for colour, corners in paths.items()),
        svg.text((LEFT + right) / 2, bottom + 16, f"{wording.whole(found.shape[1])} columns", "axis-label", "middle"),
        svg.text(LEFT - 10, (TOP + bottom) / 2, f"{wording.whole(found.shape[0])} rows", "axis-label", "middle", -90),
    )


def describe(found: ErrorMap) -> str:
    """The picture in words: how many, and the smallest range of cells that has all of them."""
    total, elements = sum(map(sum, found.outside)), found.shape[0] * found.shape[1]
    rows = [r for r, row in enumerate(found.outside) if any(row)]
    columns = [c for c in range(len(found.outside[0])) if any(row[c] for row in found.outside)]
    where = [
        f"{what} {first * step} to {min((last + 1) * step, size) - 1}"
        for what, first, last, step, size in (
            ("rows", rows[0], rows[-1], found.step[0], found.shape[0]),
            ("columns", columns[0], columns[-1], found.step[1], found.shape[1]),
        )
    ]
    return f"{wording.whole(total)} of {wording.whole(elements)} elements, within {' and '.join(where)}."


def _elements(found: ErrorMap, row: int, column: int) -> int:
    """Elements of a cell; the last ones may be smaller."""
    sides = (min(step, size - at * step) for step, size, at in zip(found.step, found.shape, (row, column), strict=True))
    height, width = sides
    return height * width


def _colour(share: float) -> str:
    return CIVIDIS[min(int(share * len(CIVIDIS)), len(CIVIDIS) - 1)]
