"""The few SVG elements that the pictures are made of.

Colours come from classes of the page's style sheet, so that every picture follows the light or the dark
scheme.
"""

from __future__ import annotations

from typing import Final, Literal

from parity.report.markup import Attribute, Markup, number, tag

WIDTH: Final = 320
"""Units across every picture: about the width of a phone, so that text keeps its size there."""

Anchor = Literal["start", "middle", "end"]


def picture(name: str, title: str, description: str, height: float, *children: str, width: float = WIDTH) -> Markup:
    """An accessible drawing.

    Args:
        name: unique on the page; the ids of title and description derive from it.
        title: what the picture is, in a few words.
        description: what it shows, for who cannot see it.
        height: in the units of `width`.
        children: drawn in order.
        width: in units; the page stretches the picture to its column.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def rect(x: float, y: float, width: float, height: float, kind: str, **more: Attribute) -> Markup:
    """A rectangle with the class `kind`."""
    return tag("rect", class_=kind, x=float(x), y=float(y), width=float(width), height=float(height), **more)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line with the class `kind`."""
    return tag("line", class_=kind, x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2))


def text(x: float, y: float, words: str, kind: str = "", anchor: Anchor = "start", turn: float = 0) -> Markup:
    """Words on a baseline, turned by `turn` degrees around their anchor."""
    rotation = f"rotate({number(turn)} {number(x)} {number(y)})" if turn else None
    shown = None if anchor == "start" else anchor
    return tag("text", words, class_=kind or None, x=float(x), y=float(y), text_anchor=shown, transform=rotation)


MARKERS: Final = ("circle", "square", "diamond", "triangle", "wedge", "cross", "bar", "ring")
"""Shapes that stay apart in grey and at five units across."""


def marker(shape: str, x: float, y: float, kind: str, r: float = 4.0, title: str = "") -> Markup:
    """One data point.

    Args:
        shape: one of `MARKERS`.
        x: centre.
        y: centre.
        kind: class.
        r: half the size.
        title: shown when pointed at.
    """
    outlines = {
        "square": (-1, -1, 1, -1, 1, 1, -1, 1),
        "diamond": (0, -1.3, 1.3, 0, 0, 1.3, -1.3, 0),
        "triangle": (0, -1.2, 1.2, 1, -1.2, 1),
        "wedge": (0, 1.2, 1.2, -1, -1.2, -1),
        "bar": (-0.45, -1.2, 0.45, -1.2, 0.45, 1.2, -0.45, 1.2),
        "cross": (
            *(-0.4, -1.2, 0.4, -1.2, 0.4, -0.4, 1.2, -0.4, 1.2, 0.4, 0.4, 0.4),
            *(0.4, 1.2, -0.4, 1.2, -0.4, 0.4, -1.2, 0.4, -1.2, -0.4, -0.4, -0.4),
        ),
    }
    label = (tag("title", title),) if title else ()
    if shape in {"circle", "ring"}:
        hollow = " hollow" if shape == "ring" else ""
        return tag("circle", *label, class_=kind + hollow, cx=float(x), cy=float(y), r=float(r))
    corners = outlines[shape]
    points = " ".join(
        f"{number(x + dx * r)},{number(y + dy * r)}" for dx, dy in zip(corners[::2], corners[1::2], strict=True)
    )
    return tag("polygon", *label, class_=kind, points=points)


def hatching(name: str, kind: str) -> Markup:
    """A pattern of diagonal strokes with the class `kind`, to fill with as `url(#name)`."""
    stroke = tag("path", class_=kind, d="M-1 1l2-2M0 6l6-6M5 7l2-2")
    return tag("pattern", stroke, id=name, width=6, height=6, patternUnits="userSpaceOnUse")
