"""Where an output is wrong: counted in a grid, said in words, drawn for what failed."""

from __future__ import annotations

import numpy as np
import pytest

from parity.judge.compare import Exact
from parity.judge.error_map import MAX_COLUMNS, MAX_ROWS, error_map
from parity.judge.verdict import ErrorMap
from parity.report.error_map import describe, draw
from parity.show import wording
from specs.lang.formats.elements import F32


def lost_tile() -> ErrorMap:
    """Columns 96 to 99 of an output of 4 x 60 rows and 256 columns."""
    bad = np.zeros((4, 60, 256), np.bool_)
    bad[..., 96:100] = True
    found = error_map(bad)
    assert found is not None
    return found


def test_every_element_is_counted_once() -> None:
    found = lost_tile()
    assert (found.shape, found.step) == ((240, 256), (10, 4))
    assert sum(map(sum, found.outside)) == 240 * 4
    assert {c for row in found.outside for c, count in enumerate(row) if count} == {24}


@pytest.mark.parametrize("shape", [(), (1,), (7,), (0, 5), (1000, 1), (3, 4097), (2, 3, 5)])
def test_grids_of_any_shape(shape: tuple[int, ...]) -> None:
    found = error_map(np.ones(shape, np.bool_))
    if 0 in shape:
        assert found is None
        return
    assert found is not None
    assert len(found.outside) <= MAX_ROWS
    assert len(found.outside[0]) <= MAX_COLUMNS
    assert sum(map(sum, found.outside)) == np.prod(shape, dtype=int)
    assert draw(found, "e0").count("<path") == 1


def test_words_and_picture_show_the_tile() -> None:
    found = lost_tile()
    assert describe(found) == f"960 of {wording.whole(61440)} elements, within rows 0 to 239 and columns 96 to 99."
    assert draw(found, "e0").count("M") >= len(found.outside)


def test_verdicts_have_one_where_something_is_wrong() -> None:
    expected = np.zeros((8, 8), np.float32)
    actual = expected.copy()
    actual[2, 3] = 1
    rule = Exact(expected=expected, element=F32)
    assert rule.compare(expected).error_map is None
    found = rule.compare(actual).error_map
    assert found is not None
    assert found.outside[2][3] == sum(map(sum, found.outside)) == 1
