"""Pictures of matrices: block scales, and similarities between sentences."""

from __future__ import annotations

from typing import Final

from parity.record.records import ScaleMap, Similarity
from parity.report import svg
from parity.report.markup import Markup, number, tag
from parity.show import wording

CIVIDIS: Final = (
    *("#00224e", "#123570", "#3b496c", "#575d6d", "#707173"),
    *("#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"),
)
"""Ten steps of the cividis map: even in lightness, and the same to readers with and without colour vision."""

LEFT: Final = 30.0
RIGHT: Final = svg.WIDTH - 6.0
TALLEST: Final = 220.0
POINTED: Final = 32
"""Cells up to which every cell carries its value as a title; more would make the page heavy."""


def draw_scales(scales: ScaleMap, name: str) -> Markup:
    """Heat map of log2 of the scales; equal neighbours of a row are drawn as one rectangle."""
    rows, columns = len(scales.log2), max((len(row) for row in scales.log2), default=0)
    width = min((RIGHT - LEFT) / max(columns, 1), 40.0)
    height = min(width, TALLEST / max(rows, 1), 28.0)
    top, right = 8.0, LEFT + columns * width
    bottom = top + rows * height
    cells = _cells(scales, top, width, height)
    frame = svg.rect(LEFT, top, right - LEFT, bottom - top, "frame")
    labels = (
        svg.text((LEFT + right) / 2, bottom + 16, scales.columns, "axis-label", "middle"),
        svg.text(LEFT - 10, (top + bottom) / 2, scales.rows, "axis-label", "middle", turn=-90),
    )
    legend = _legend(scales, bottom + 30)
    return svg.picture(name, scales.title, describe_scales(scales), bottom + 62, *cells, frame, *labels, *legend)


def describe_scales(scales: ScaleMap) -> str:
    """The picture in words: smallest and largest scale and where they are."""
    found = [(x, r, c) for r, row in enumerate(scales.log2) for c, x in enumerate(row) if x is not None]
    missing = sum(len(row) for row in scales.log2) - len(found)
    absent = f" {missing} cells have no positive scale." if missing else ""
    if not found:
        return f"No positive scale.{absent}"
    low, high = min(found), max(found, key=lambda cell: (cell[0], -cell[1], -cell[2]))
    if low[0] == high[0]:
        return f"Every scale is {wording.power_of_two(low[0])}.{absent}"
    per_cell = (
        f" A cell shows the largest of {scales.step[0]}×{scales.step[1]} scales." if scales.step != (1, 1) else ""
    )
    smallest = f"{wording.power_of_two(low[0])} in row {low[1]}, column {low[2]}"
    largest = f"{wording.power_of_two(high[0])} in row {high[1]}, column {high[2]}"
    return f"Smallest {smallest}; largest {largest}.{absent}{per_cell}"


def _palette(scales: ScaleMap) -> tuple[float, float, tuple[str, ...]]:
    """Smallest and largest power, and the colours between them: one each where they are few and whole."""
    found = [x for row in scales.log2 for x in row if x is not None] or [0.0]
    low, high = min(found), max(found)
    steps = int(high - low) + 1
    if steps > len(CIVIDIS) or any(x != int(x) for x in found):
        return low, high, CIVIDIS
    stride = (len(CIVIDIS) - 1) / max(steps - 1, 1)
    return low, high, tuple(CIVIDIS[round(i * stride)] for i in range(steps))


def _colour(x: float, palette: tuple[float, float, tuple[str, ...]]) -> str:
    low, high, colours = palette
    if len(colours) == high - low + 1:
        return colours[int(x - low)]
    position = (x - low) / (high - low) if high > low else 0.0
    return colours[min(int(position * len(colours)), len(colours) - 1)]


def _cells(scales: ScaleMap, top: float, width: float, height: float) -> list[Markup]:
    """One rectangle per cell with its value as title if there are few, else one path per colour."""
    palette = _palette(scales)
    pointed = sum(len(row) for row in scales.log2) <= POINTED
    drawn: list[Markup] = []
    paths: dict[str | None, list[str]] = {}
    for r, row in enumerate(scales.log2):
        y, start = top + r * height, 0
        for c in range(1, len(row) + 1):
            if c < len(row) and row[c] == row[start] and not pointed:
                continue
            x, span, scale = LEFT + start * width, (c - start) * width, row[start]
            colour = None if scale is None else _colour(scale, palette)
            if pointed:
                words = "no scale" if scale is None else wording.power_of_two(scale)
                label = tag("title", f"row {r}, column {start}: {words}")
                kind = "cell" if colour else "void"
                place = {"x": x, "y": y, "width": span, "height": height}
                drawn.append(tag("rect", label, class_=kind, fill=colour, **place))
            else:
                corner = f"M{number(x)} {number(y)}"
                paths.setdefault(colour, []).append(f"{corner}h{number(span)}v{number(height)}h-{number(span)}z")
            start = c
    for colour, corners in paths.items():
        drawn.append(tag("path", class_="cell" if colour else "void", fill=colour, d="".join(corners)))
    return drawn


def _legend(scales: ScaleMap, y: float) -> list[Markup]:
    low, high, colours = _palette(scales)
    if low == high:
        return [svg.text(LEFT, y + 10, f"every scale is {wording.power_of_two(low)}", "tick")]
    step = 140.0 / len(colours)
    drawn = [svg.rect(LEFT + i * step, y, step, 10, "cell", fill=colour) for i, colour in enumerate(colours)]
    drawn += [
        svg.text(LEFT, y + 24, wording.power_of_two(low), "tick"),
        svg.text(LEFT + 140, y + 24, wording.power_of_two(high), "tick", "end"),
        svg.text(LEFT + 150, y + 9, "scale", "tick"),
    ]
    return drawn


def draw_similarity(table: Similarity, name: str) -> Markup:
    """Lower triangle of the similarities, each number printed in its cell."""
    n = len(table.values)
    cells = [
        _printed(r, c, n, _signless_zero(f"{table.values[r][c]:.2f}"), "near", max(table.values[r][c], 0.0))
        for r in range(n)
        for c in range(r)
    ]
    off_diagonal = [table.values[r][c] for r in range(n) for c in range(r)] or [1.0]
    low, high = min(off_diagonal), max(off_diagonal)
    description = f"Cosine similarities of {n} sentences; two different ones lie in {low:.3f} to {high:.3f}."
    return svg.picture(name, f"Similarities, {table.scheme}", description, _side(n), *cells, *_names(n))


def draw_change(table: Similarity, reference: Similarity, name: str, largest: float) -> Markup:
    """What a scheme changes in the reference's similarities, in thousandths.

    Args:
        table: similarities under the scheme.
        reference: similarities in float32.
        name: unique on the page.
        largest: change, in thousandths, that gets the strongest colour; common to all pictures of a section.
    """
    n = len(table.values)
    cells = []
    for r in range(n):
        for c in range(r):
            change = thousandths(table, reference, r, c)
            words = _signless_zero(f"{change:+.1f}")
            strength = min(abs(change) / largest, 1.0) if largest else 0.0
            cells.append(_printed(r, c, n, words, "rise" if change > 0 else "fall", strength))
    description = f"Change from float32 in thousandths; largest magnitude {largest_change(table, reference):.2f}."
    return svg.picture(name, f"Change under {table.scheme}", description, _side(n), *cells, *_names(n))


def thousandths(table: Similarity, reference: Similarity, r: int, c: int) -> float:
    """Change of one similarity, times 1000."""
    return 1000 * (table.values[r][c] - reference.values[r][c])


def largest_change(table: Similarity, reference: Similarity) -> float:
    """Largest magnitude of a change between two sentences, times 1000."""
    n = len(table.values)
    return max((abs(thousandths(table, reference, r, c)) for r in range(n) for c in range(r)), default=0.0)


def _signless_zero(words: str) -> str:
    """With a real minus sign, and without any sign where nothing is left after rounding."""
    return wording.minus(words) if float(words) else words.lstrip("+-")


def _size(n: int) -> float:
    return min((RIGHT - LEFT) / max(n - 1, 1), 46.0)


def _side(n: int) -> float:
    return 8 + _size(n) * 0.8 * max(n - 1, 1) + 22


def _printed(r: int, c: int, n: int, words: str, kind: str, strength: float) -> Markup:
    width, height = _size(n), _size(n) * 0.8
    x, y = LEFT + c * width, 8 + (r - 1) * height
    box = svg.rect(x + 1, y + 1, width - 2, height - 2, f"shade {kind}", fill_opacity=float(0.06 + 0.54 * strength))
    return tag("g", box, svg.text(x + width / 2, y + height / 2 + 4, words, "figure", "middle"))


def _names(n: int) -> list[Markup]:
    width, height = _size(n), _size(n) * 0.8
    rows = [svg.text(LEFT - 8, 8 + (r - 0.5) * height + 4, f"S{r + 1}", "tick", "end") for r in range(1, n)]
    y = 8 + (n - 1) * height + 15
    return rows + [svg.text(LEFT + (c + 0.5) * width, y, f"S{c + 1}", "tick", "middle") for c in range(n - 1)]
