"""Elements are escaped exactly once."""

from __future__ import annotations

import pytest

from parity.report import svg
from parity.report.markup import Markup, join, number, tag


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = tag("b", "<&>")
    assert inner == "<b>&lt;&amp;&gt;</b>"
    assert tag("p", inner, ' "x"') == '<p><b>&lt;&amp;&gt;</b> "x"</p>'
    assert join("a<b", Markup("<br>")) == "a&lt;b<br>"


def test_attributes() -> None:
    made = tag("a", "x", class_="k", data_label='"<', open=True, id=None, hidden=False, x=1.5)
    assert made == '<a class="k" data-label="&quot;&lt;" open x="1.5">x</a>'
    assert tag("meta", name="viewport") == '<meta name="viewport">'
    assert tag("rect", x=1.0) == '<rect x="1"/>'


@pytest.mark.parametrize(
    ("x", "text"), [(0, "0"), (-0.001, "0"), (1.0, "1"), (10.0, "10"), (0.456, "0.46"), (-2.5, "-2.5")]
)
def test_coordinates_are_short(x: float, text: str) -> None:
    assert number(x) == text


@pytest.mark.parametrize("shape", svg.MARKERS)
def test_markers_differ(shape: str) -> None:
    drawn = {svg.marker(other, 0, 0, "mark") for other in svg.MARKERS}
    assert len(drawn) == len(svg.MARKERS)
    assert svg.marker(shape, 0, 0, "mark", title="<t>").count("&lt;t&gt;") == 1
