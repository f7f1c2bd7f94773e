"""Pictures show what the data says: bars where there are elements, cells in order of their scale."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from parity.judge.compare import Bounded, Exact
from parity.judge.verdict import Histogram
from parity.record.pictures import MAX_COLUMNS, MAX_ROWS, scale_map
from parity.record.records import LinearResult, ScaleMap
from parity.report import heatmap, histogram, layers
from parity.report.bars import meter, status_bar
from specs.lang.formats.elements import F32
from tests.report.sample import LINEARS, model_section

INF = float("inf")


def _bounded(errors: list[float]) -> Histogram:
    reference = np.zeros(len(errors))
    rule = Bounded(reference=reference, bound=np.ones_like(reference), dtype=np.dtype(np.float32), element=F32)
    found = rule.compare(np.array(errors, np.float32)).histogram
    assert found is not None
    return found


def _exact(steps: list[int]) -> Histogram:
    expected = np.ones(len(steps), np.float32)
    codes = expected.view(np.uint32) + np.array(steps, np.uint32)
    found = Exact(expected=expected, element=F32).compare(codes.view(np.float32)).histogram
    assert found is not None
    return found


def _heights(drawing: str) -> list[float]:
    bars = re.findall(r'<rect class="bar[^"]*" [^>]*height="([\d.]+)"', drawing)
    return [float(height) for height in bars]


def test_a_bar_for_every_filled_bin_and_none_else() -> None:
    drawing = histogram.draw(_bounded([0.01, 0.02, 0.31, 0.99]), "h")
    assert len(_heights(drawing)) == 3
    assert _heights(drawing)[0] == max(_heights(drawing))
    assert "beyond" not in drawing


def test_a_single_element_beyond_the_bound_is_drawn_apart() -> None:
    found = _bounded([0.5] * 100_000 + [1.5])
    drawing = histogram.draw(found, "h")
    assert drawing.count('class="bar beyond"') == 1
    assert min(_heights(drawing)) > 5
    assert histogram.describe(found) == "1 of 100\u202f001 elements are beyond the bound."


def test_an_error_at_the_bound_is_not_drawn_as_beyond() -> None:
    found = _bounded([1.0])
    assert "beyond" not in histogram.draw(found, "h")
    assert histogram.describe(found) == "No error of 1 elements is above 1 of its bound."


def test_histogram_of_an_exact_comparison() -> None:
    found = _exact([0, 0, 1, 4])
    assert histogram.describe(found) == "2 of 4 elements differ; the furthest is at most 4 ulp away."
    assert histogram.draw(found, "h").count('class="bar beyond"') == 2
    assert histogram.describe(_exact([0, 0])) == "All 2 elements are identical."
    assert histogram.describe(_exact([1 << 20])).endswith("more than 65536 ulp away.")


def test_scale_maps_keep_the_largest_scale_of_each_cell() -> None:
    scales = np.exp2(np.arange(3 * MAX_ROWS * 2 * MAX_COLUMNS, dtype=np.float64).reshape(3 * MAX_ROWS, -1) % 251 - 100)
    made = scale_map(scales, title="t", rows="r", columns="c")
    assert made.step == (3, 2)
    assert (len(made.log2), len(made.log2[0])) == (MAX_ROWS, MAX_COLUMNS)
    assert made.log2[1][2] == np.log2(scales[3:6, 4:6]).max()
    odd = scale_map(scales[: MAX_ROWS + 1, :7], title="t", rows="r", columns="c")
    assert odd.log2[-1][-1] == np.log2(scales[MAX_ROWS, 6])


@pytest.mark.parametrize("bad", [0.0, -1.0, INF, float("nan")])
def test_scales_that_have_no_logarithm_are_shown_as_missing(bad: float) -> None:
    made = scale_map(np.array([[1.0, bad]]), title="t", rows="r", columns="c")
    assert made.log2 == ((0.0, None),)
    assert "1 cells have no positive scale" in heatmap.describe_scales(made)
    assert heatmap.draw_scales(made, "s").count('class="void"') == 1


def _map(*rows: tuple[float | None, ...]) -> ScaleMap:
    return ScaleMap(title="t", rows="r", columns="c", log2=rows)


def test_colours_grow_lighter_with_the_scale() -> None:
    drawing = heatmap.draw_scales(_map((-3, -2, -1), (0, 1, 2)), "s")
    cells = re.findall(r'<rect class="cell" fill="(#\w+)" [^>]*><title>', drawing)
    luminance = [0.2126 * int(c[1:3], 16) + 0.7152 * int(c[3:5], 16) + 0.0722 * int(c[5:], 16) for c in cells]
    assert len(cells) == 6
    assert luminance == sorted(luminance)
    assert len(set(luminance)) == 6


def test_large_maps_are_drawn_as_paths_of_the_same_cells() -> None:
    rng = np.random.default_rng(3)
    rows = tuple(tuple(float(x) for x in row) for row in rng.integers(-3, 3, (12, 30)))
    drawing = heatmap.draw_scales(_map(*rows), "s")
    width = (heatmap.RIGHT - heatmap.LEFT) / 30
    runs = re.findall(r"M[\d.]+ [\d.]+h([\d.]+)v", drawing)
    assert sum(round(float(run) / width) for run in runs) == 12 * 30
    assert len(runs) < 12 * 30
    assert heatmap.describe_scales(_map(*rows)).startswith("Smallest 2⁻³ in row")


def test_one_scale_everywhere_is_said_in_words() -> None:
    assert heatmap.describe_scales(_map((-7, -7))) == "Every scale is 2⁻⁷."
    assert "every scale is 2⁻⁷" in heatmap.draw_scales(_map((-7, -7)), "s")


def test_similarities_print_every_pair_and_changes_their_sign() -> None:
    reference, other, *_ = model_section().similarities
    drawing = heatmap.draw_similarity(reference, "c")
    assert drawing.count('class="figure"') == 21
    assert f"{reference.values[1][0]:.2f}" in drawing
    moved = replace(other, values=tuple(tuple(x + 0.0042 for x in row) for row in reference.values))
    change = heatmap.draw_change(moved, reference, "d", 4.2)
    assert change.count(">+4.2<") == 21
    assert change.count("shade rise") == 21
    same = heatmap.draw_change(reference, reference, "d", 0.0)
    assert same.count(">0.0<") == 21


def test_every_linear_has_a_mark_and_those_beyond_the_bound_stand_out() -> None:
    linears = tuple(result for result in model_section().linears if result.scheme == "mxfp8 1×32")
    order = layers.kinds(linears)
    assert order == LINEARS
    drawing = layers.draw(linears, order, "s", "l")
    assert drawing.count('class="mark ') == 36
    assert "mark beyond" not in drawing
    failed: tuple[LinearResult, ...] = (*linears[1:], replace(linears[0], bound_share=INF))
    assert layers.draw(failed, order, "s", "l").count("mark beyond") == 1
    assert "1 of 36 are beyond it" in layers.describe(failed)
    assert layers.legend(order).count("<li>") == len(LINEARS)


def test_small_bars() -> None:
    assert "over" not in meter(1.0)
    assert "over" in meter(1.01)
    assert meter(None) == ""
    bar = status_bar({"passed": 3, "failed": 0, "unsupported": 0, "not run": 1})
    assert "flex-grow:3" in bar
    assert "part failed" not in bar
    assert "3 passed, 0 failed, 0 unsupported, 1 not run" in bar
