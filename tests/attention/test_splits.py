"""Attention in parts: as the whole, whatever the number of parts; and no token's bytes depend on the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.judge.compare import Bounded
from parity.judge.expected import expectations
from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs
from parity.judge.inputs import decode as values_of
from specs.attention.decode import SPARSE_MLA_DECODE_FP8
from specs.lang.declare.accuracy import FLOAT32
from tests.attention.problems import decode, prefill, with_attributes
from tests.cache.judging import judge
from tests.contract import suite

NDArray = np.ndarray[Any, Any]


@pytest.mark.parametrize("splits", [2, 3, 4, 5, 7, 8, 11, 16])
def test_merged_parts_are_the_whole(splits: int) -> None:
    """Each keeps its own bound, so the two are no further apart than both together."""
    inputs = decode(3, 6, 128, 130)
    whole, parts = (judge(with_attributes(inputs, splits=count)) for count in (1, splits))
    expected = expectations(inputs, inputs.layout.call())
    for name, each in expected.items():
        base, bound = values_of(whole[name], each.form), 2 * each.bound(FLOAT32)
        bound = np.where(np.isfinite(base), bound, 0.0)
        rule = Bounded(reference=base, bound=bound, dtype=whole[name].dtype, element=each.form)
        verdict = rule.compare(parts[name])
        assert verdict.passed, verdict.message


@pytest.mark.parametrize("splits", [2, 16])
@pytest.mark.parametrize("entries", [1, 64, 65])
def test_more_parts_than_tiles(entries: int, splits: int) -> None:
    """Parts without a key weigh nothing."""
    judge(decode(3, 4, entries, splits=splits))
    judge(decode(3, 4, entries, entries, splits=splits))


def one_token(inputs: Inputs, token: int) -> Inputs:
    """The call for one token of a batch alone."""
    per_token = {"q", "swa_indices", "swa_lens", "topk_indices", "topk_lens", "indices", "topk_length"}
    alone = {name: raw[token : token + 1] for name, raw in inputs.arrays.items() if name in per_token}
    return inputs.replaced(**alone)


@pytest.mark.parametrize(("splits", "backend"), [(1, "torch:eager"), (3, "torch:eager"), (2, "torch:interpret")])
def test_a_fixed_number_of_parts_makes_tokens_independent(splits: int, backend: str) -> None:
    inputs = decode(5, 3, 70, 66, splits=splits)
    batch = judge(inputs, backend)
    for token in (0, 1, 4):
        alone = suite.run(one_token(inputs, token), backend, "cpu")
        for name, raw in alone.items():
            np.testing.assert_array_equal(bit_view(raw)[0], bit_view(batch[name])[token], err_msg=name)


def test_tokens_of_prefill_are_independent() -> None:
    inputs = prefill(5, 6, 140)
    batch = judge(inputs)
    for token in range(5):
        alone = judge(one_token(inputs, token))
        for name, raw in alone.items():
            np.testing.assert_array_equal(bit_view(raw)[0], bit_view(batch[name])[token], err_msg=name)


@pytest.mark.parametrize(
    ("make", "backend"),
    [
        (lambda: decode(3, 5, 70, 140, splits=3), "torch:eager"),
        (lambda: decode(1, 2, 80, splits=2), "torch:interpret"),
        (lambda: prefill(2, 5, 140), "jax:xla"),
    ],
    ids=["torch:eager", "torch:interpret", "jax:xla"],
)
def test_ten_runs_give_the_same_bytes(make: Any, backend: str) -> None:
    inputs = make()
    first = judge(inputs, backend)
    for _ in range(9):
        again = suite.run(inputs, backend, "cpu")
        for name, raw in first.items():
            np.testing.assert_array_equal(bit_view(again[name]), bit_view(raw), err_msg=name)


def parts(tokens: int, heads: int, window: int, top: int, splits: int = 0) -> int:
    """How many parts a call takes."""
    env = {"T": tokens, "H": heads, "W": window, "K": top, "splits": splits}
    axis = next(axis for axis in SPARSE_MLA_DECODE_FP8.derived_axes if axis.name == "SPLITS")
    assert axis.value is not None
    return axis.value.evaluate(env)


def test_the_automatic_number_fills_the_device_and_no_more() -> None:
    """Programs of 64 heads, as many as a large GPU has units; parts of 128 entries or more; 16 parts at most."""
    for heads in (8, 64, 128):
        counts = [parts(tokens, heads, 128, 1024) for tokens in range(1, 300)]
        assert counts == sorted(counts, reverse=True)
        assert counts[-1] == 1
        assert max(counts) == 9, "1152 entries are nine parts of 128"
        programs = [tokens * -(-heads // 64) * count for tokens, count in enumerate(counts, start=1) if count > 1]
        assert max(programs) <= 132
    assert [parts(1, 8, window, 0) for window in (0, 1, 127, 128, 255, 256, 10**6)] == [1, 1, 1, 1, 1, 2, 16]
    assert parts(0, 8, 128, 1024) == 9


@pytest.mark.parametrize("splits", range(1, 17))
def test_a_stated_number_is_taken(splits: int) -> None:
    assert {parts(tokens, 64, 128, 512, splits) for tokens in (1, 33, 500)} == {splits}


def test_the_documentation_says_so() -> None:
    doc = SPARSE_MLA_DECODE_FP8.attribute("splits").doc
    assert "0: as many as" in doc
    assert "may depend on the number of tokens" in doc
