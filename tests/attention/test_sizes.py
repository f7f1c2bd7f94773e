"""Sizes that no tile divides: tokens, heads, list entries, columns. Empty ones too, and scores of any size."""

from __future__ import annotations

import numpy as np
import pytest

from parity.judge.inputs import Inputs, encode
from specs.cache.layouts import ALL
from specs.lang.formats.elements import BF16
from specs.lang.formats.paged import Paged
from tests.attention.problems import decode, prefill, with_attributes
from tests.cache.judging import judge

HEADS = [1, 3, 16, 22, 33, 65]


@pytest.mark.parametrize("heads", HEADS)
def test_heads_of_decode(heads: int) -> None:
    """Heads of padding are computed and not written: results lie between guard bytes."""
    judge(decode(2, heads, 21))


@pytest.mark.parametrize("heads", HEADS)
def test_heads_of_prefill(heads: int) -> None:
    judge(prefill(2, heads, 21))


@pytest.mark.parametrize("tokens", [0, 1, 2, 7])
@pytest.mark.parametrize("splits", [0, 1, 2])
def test_tokens(tokens: int, splits: int) -> None:
    judge(decode(tokens, 5, 30, 9, splits=splits))
    judge(prefill(tokens, 5, 30))


@pytest.mark.parametrize("splits", [1, 3])
@pytest.mark.parametrize(("window", "top"), [(0, 0), (0, 9), (1, 0), (1, 1), (63, 65), (64, 64), (65, 127), (0, 130)])
def test_entries_of_decode(window: int, top: int, splits: int) -> None:
    judge(decode(3, 5, window, top, splits=splits))


@pytest.mark.parametrize("entries", [0, 1, 2, 63, 64, 65, 129])
@pytest.mark.parametrize("lengths", [True, False], ids=["lengths", "whole-lists"])
def test_entries_of_prefill(entries: int, lengths: bool) -> None:
    judge(prefill(3, 5, entries, lengths=lengths))


def test_a_compressed_cache_whose_lists_have_no_entries() -> None:
    inputs = decode(3, 5, 20, 8)
    judge(inputs.replaced(topk_indices=np.zeros((3, 0), inputs.arrays["topk_indices"].dtype)))


@pytest.mark.parametrize(("width", "values"), [(576, 512), (512, 256), (128, 128), (128, 16), (48, 32), (16, 16)])
def test_columns(width: int, values: int) -> None:
    judge(prefill(3, 5, 20, width=width, d_v=values))


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
@pytest.mark.parametrize(("rows", "comp_rows"), [(1, 64), (7, 3)])
def test_rows_of_pages(layout: Paged, rows: int, comp_rows: int) -> None:
    judge(decode(2, 4, 20, 20, layout=layout, rows=rows, comp_rows=comp_rows))


@pytest.mark.parametrize("factor", [30.0, -30.0, 2.0**10])
@pytest.mark.parametrize("splits", [1, 3])
def test_large_scores(factor: float, splits: int) -> None:
    """One key takes all of the weight; no exponential overflows."""
    for inputs in (decode(3, 5, 40, 90, splits=splits), prefill(3, 5, 90)):
        values = inputs.values()["q"] * factor
        results = judge(inputs.replaced(q=encode(values, BF16)))
        assert np.isfinite(results["out"].astype(np.float64)).all()


@pytest.mark.parametrize("scale", [0.0, 2.0**-20, -1.0, 512**-0.5])
def test_any_scale(scale: float) -> None:
    """Zero: the mean of the values. Negative: the least alike key weighs most."""
    judge(with_attributes(decode(3, 5, 30, 9), sm_scale=scale))
    judge(with_attributes(prefill(3, 5, 30), sm_scale=scale))


@pytest.mark.parametrize("inputs", [decode(3, 5, 20, 9), prefill(3, 5, 20)], ids=["decode", "prefill"])
def test_results_that_nobody_wants(inputs: Inputs) -> None:
    both, alone = judge(inputs), judge(with_attributes(inputs, return_lse=False))
    assert set(alone) == {"out"}
    np.testing.assert_array_equal(alone["out"].view(np.uint16), both["out"].view(np.uint16))
