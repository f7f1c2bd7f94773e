"""Attention as broken kernels would compute it: the bound is narrow enough to report each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.judge.expected import expectations
from parity.judge.inputs import Inputs, encode
from specs.cache.layouts import V4
from specs.lang.formats.elements import BF16
from tests.attention.problems import decode, with_attributes
from tests.cache.judging import verdicts

NDArray = np.ndarray[Any, Any]
ROWS = 16


def problem() -> Inputs:
    """Lists of distinct rows without holes, every one counting, and no infinite sink."""
    inputs = decode(2, 4, 48, rows=ROWS)
    rng = np.random.default_rng(48)
    pages = V4.encode(rng.standard_normal((6, ROWS, 512)))
    cache = np.zeros(inputs.arrays["swa_cache"].shape, np.uint8)
    cache[:, : pages.shape[1]] = pages
    index = rng.permutation(96).reshape(2, 48).astype(np.int32)
    length = np.full(2, 48, np.int32)
    return inputs.replaced(
        swa_cache=cache, swa_indices=index, swa_lens=length, attn_sink=np.array([0, -1, 1, 2], np.float32)
    )


def answer(inputs: Inputs) -> dict[str, NDArray]:
    """The oracle's results, rounded: what a kernel without a fault may return."""
    with np.errstate(all="ignore"):
        return {name: expected.raw for name, expected in expectations(inputs, inputs.layout.call()).items()}


def changed_page(inputs: Inputs, change: Any) -> Inputs:
    """The call as it would be with other bytes in the page of the first listed row."""
    page, row = divmod(int(inputs.arrays["swa_indices"][0, 0]), ROWS)
    cache = inputs.arrays["swa_cache"].copy()
    change(cache[page], row)
    return inputs.replaced(swa_cache=cache)


def zero_block(inputs: Inputs) -> Inputs:
    """One group of one key is read as zeros."""

    def change(page: NDArray, row: int) -> None:
        page[row * 576 + 64 : row * 576 + 128] = 0

    return changed_page(inputs, change)


def doubled_scale(inputs: Inputs) -> Inputs:
    """One scale of one key is the next power of two."""

    def change(page: NDArray, row: int) -> None:
        page[ROWS * 576 + row * 8 + 2] += 1

    return changed_page(inputs, change)


def stale_row(inputs: Inputs) -> Inputs:
    """One entry names another token's key."""
    index = inputs.arrays["swa_indices"].copy()
    index[0, 5] = index[1, 7]
    return inputs.replaced(swa_indices=index)


def lost_tail(inputs: Inputs) -> Inputs:
    """The last key of a list is not looked at."""
    return inputs.replaced(swa_lens=np.array([48, 47], np.int32))


def zero_key_for_a_hole(inputs: Inputs) -> Inputs:
    """An entry to be skipped counts as a key of zeros, whose score is zero."""
    page, row = divmod(int(inputs.arrays["swa_indices"][1, 9]), ROWS)
    cache = inputs.arrays["swa_cache"].copy()
    cache[page, row * 576 : (row + 1) * 576] = 0
    return inputs.replaced(swa_cache=cache)


def no_sink(inputs: Inputs) -> Inputs:
    """The sink is passed and not used."""
    return inputs.replaced(attn_sink=np.full(4, -np.inf, np.float32))


def sinks_of_the_neighbour(inputs: Inputs) -> Inputs:
    """Sinks are off by one head."""
    return inputs.replaced(attn_sink=np.roll(inputs.arrays["attn_sink"], 1))


def other_scale(inputs: Inputs) -> Inputs:
    """The scale of a row of 576 columns in place of 512."""
    assert isinstance(inputs.attributes["sm_scale"], float)
    return with_attributes(inputs, sm_scale=inputs.attributes["sm_scale"] * (512 / 576) ** 0.5)


def swapped_heads(inputs: Inputs) -> Inputs:
    """Two heads are exchanged."""
    return inputs.replaced(q=inputs.arrays["q"][:, [0, 2, 1, 3]], attn_sink=inputs.arrays["attn_sink"][[0, 2, 1, 3]])


FAULTS = (
    zero_block,
    doubled_scale,
    stale_row,
    lost_tail,
    no_sink,
    sinks_of_the_neighbour,
    other_scale,
    swapped_heads,
)


def test_the_right_answer_passes() -> None:
    inputs = problem()
    assert all(verdict.passed for verdict in verdicts(inputs, answer(inputs)).values())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_fault_is_reported(fault: Any) -> None:
    inputs = problem()
    assert verdicts(inputs, answer(fault(inputs)))["out"].status == "failed"


def test_a_hole_that_counts_as_a_key_of_zeros_is_reported() -> None:
    wrong = problem()
    index = wrong.arrays["swa_indices"].copy()
    index[1, 9] = -1
    assert verdicts(wrong.replaced(swa_indices=index), answer(zero_key_for_a_hole(wrong)))["out"].status == "failed"


@pytest.mark.parametrize("name", ["max_logits", "lse"])
def test_scores_in_other_units_are_reported(name: str) -> None:
    """Base two in place of e."""
    inputs = problem()
    found = answer(inputs)
    found[name] = (found[name] / np.log(2)).astype(np.float32)
    assert verdicts(inputs, found)[name].status == "failed"


def test_a_sum_with_the_sink_in_it_is_reported() -> None:
    inputs = problem()
    found = answer(inputs)
    found["lse"] = np.logaddexp(found["lse"], inputs.arrays["attn_sink"]).astype(np.float32)
    assert verdicts(inputs, found)["lse"].status == "failed"


def test_a_token_without_keys_that_is_not_zero_is_reported() -> None:
    inputs = problem()
    inputs = inputs.replaced(swa_lens=np.array([48, 0], np.int32))
    found = answer(inputs)
    assert verdicts(inputs, found)["out"].passed
    for value in (np.nan, 2.0**-60):
        out = found["out"].copy()
        out[1, 2, 3] = encode(value, BF16)
        assert verdicts(inputs, found | {"out": out})["out"].status == "failed"
