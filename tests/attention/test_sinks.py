"""Sinks: a score without a value, per head, of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs
from tests.attention.problems import decode, prefill
from tests.cache.judging import judge

SINKS = np.array(
    [-np.inf, np.inf, 0.0, -0.0, -5.0, 20.0, 60.0, 87.0, 89.0, 92.0, 96.0, 104.0, 300.0, 1e4, -1e4, 3e38, -3e38],
    np.float32,
)
"""The exponentials of those around 90 leave float32's normal range, at either end."""
MAKERS: dict[str, Any] = {
    "decode": lambda heads: decode(3, heads, 20, 17),
    "decode-in-parts": lambda heads: decode(3, heads, 90, 90, splits=3),
    "prefill": lambda heads: prefill(3, heads, 25),
}

makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def without_sink(inputs: Inputs) -> Inputs:
    """The same call without the argument."""
    arrays = {name: raw for name, raw in inputs.arrays.items() if name != "attn_sink"}
    formats = {name: form for name, form in inputs.formats.items() if name != "attn_sink"}
    return Inputs(op=inputs.op, arrays=arrays, formats=formats, attributes=inputs.attributes)


def with_sinks(make: Any) -> Inputs:
    """A call with one head per sink."""
    inputs: Inputs = make(len(SINKS))
    return inputs.replaced(attn_sink=SINKS)


@makers
def test_any_sink(make: Any) -> None:
    results = judge(with_sinks(make))
    assert np.isfinite(results["out"].astype(np.float64)).all()


@pytest.mark.parametrize(("make", "backend"), [("decode-in-parts", "torch:interpret"), ("prefill", "jax:xla")])
def test_any_sink_elsewhere(make: str, backend: str) -> None:
    results = judge(with_sinks(MAKERS[make]), backend)
    assert np.isfinite(results["out"].astype(np.float64)).all()


@makers
def test_it_does_not_touch_scores(make: Any) -> None:
    """max_logits and lse are those of the keys alone; so is the result of a head whose sink is -inf."""
    inputs = with_sinks(make)
    found, alone = judge(inputs), judge(without_sink(inputs))
    for name in ("max_logits", "lse"):
        np.testing.assert_array_equal(bit_view(found[name]), bit_view(alone[name]))
    for head in (0, SINKS.tolist().index(np.float32(-1e4)), SINKS.tolist().index(np.float32(-3e38))):
        np.testing.assert_array_equal(bit_view(found["out"][:, head]), bit_view(alone["out"][:, head]))


@makers
def test_an_infinite_sink_takes_everything(make: Any) -> None:
    found = judge(with_sinks(make))["out"]
    assert (found[:, 1].astype(np.float64) == 0).all()


@makers
def test_heads_behind_the_last_have_sinks_that_nobody_reads(make: Any) -> None:
    inputs: Inputs = make(5)
    sinks = np.append(inputs.arrays["attn_sink"], np.full(7, np.nan, np.float32)).astype(np.float32)
    found, padded = judge(inputs), judge(inputs.replaced(attn_sink=sinks))
    np.testing.assert_array_equal(bit_view(padded["out"]), bit_view(found["out"]))


@makers
def test_rows_without_keys_give_zeros_under_any_sink(make: Any) -> None:
    inputs = with_sinks(make)
    names = [name for name in inputs.arrays if name.endswith(("_lens", "_length"))]
    found = judge(inputs.replaced(**{name: np.zeros_like(inputs.arrays[name]) for name in names}))
    assert (found["out"].astype(np.float64) == 0).all()
    assert (found["max_logits"] == -np.inf).all()
    assert (found["lse"] == -np.inf).all()
