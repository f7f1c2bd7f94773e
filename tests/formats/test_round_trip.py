"""Random blocks: against the slow second definition, and there and back within half a step of the format."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from specs.lang.formats.blocks import BlockFormat, Quantized
from specs.lang.formats.elements import E5M2, E8M0, F32
from specs.lang.formats.named import (
    ALL,
    INT8_PER_TOKEN,
    MXFP4,
    MXFP8,
    PER_CHANNEL_E4M3,
    PER_TENSOR_E4M3,
    PER_TENSOR_E5M2,
    PER_TOKEN_E4M3,
    fp8_block,
    int4_group,
    token_group,
)
from tests.formats.reference import encode_blocks, mxfp4_pairs

SECOND = (
    PER_TENSOR_E4M3,
    PER_TENSOR_E5M2,
    PER_TOKEN_E4M3,
    PER_CHANNEL_E4M3,
    token_group(32),
    token_group(32, E8M0),
    token_group(16, F32, E5M2, power_of_two=True),
    fp8_block(5),
    fp8_block(5, E8M0),
    MXFP8,
    MXFP4,
    INT8_PER_TOKEN,
)
WEIGHTS = (int4_group(16), int4_group(16, symmetric=False), int4_group(None, scale=F32))


@pytest.mark.parametrize("spread", [0, 2, 60])
@pytest.mark.parametrize("form", SECOND, ids=lambda form: form.name)
def test_bytes_of_the_second_definition(form: BlockFormat, spread: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((7, 64)) * np.exp2(rng.integers(-spread, spread + 1, (7, 64)))
    x = x.astype(np.float32)
    codes, scales = encode_blocks(x, form)
    q = form.encode(x)
    assert q.scale is not None
    assert form.scale is not None
    expected = mxfp4_pairs(codes) if form.packing else codes
    np.testing.assert_array_equal(q.data.view(np.uint8), expected)
    np.testing.assert_array_equal(form.scale.decode(q.scale.view(form.scale.storage_dtype)), scales)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_batches_are_matrices_one_by_one(form: BlockFormat, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 128, 128)).astype(np.float32)
    together, alone = form.encode(x), form.encode(x[1, 2])
    for name in ("data", "scale", "zero_point"):
        whole, part = getattr(together, name), getattr(alone, name)
        assert (whole is None) == (part is None)
        if whole is not None:
            np.testing.assert_array_equal(whole[1, 2], part)


def test_float64_input_is_rounded_to_float32_first() -> None:
    x = np.full((1, 32), np.nextafter(3.5, 0))
    np.testing.assert_array_equal(MXFP4.encode(x).data, MXFP4.encode(np.full((1, 32), 3.5)).data)


def half_step(x: np.ndarray, q: Quantized, form: BlockFormat) -> np.ndarray:
    """Largest distance of x from its nearest value, elementwise, with float32 rounding of the quotient added.

    The value lies between neighbours of x / s on the element's ladder, a step apart; range rules also round
    the zero point, which moves every code by up to another half step.
    """
    element = form.element
    assert form.scale is not None
    assert q.scale is not None
    scales = form.scale.decode(q.scale.view(form.scale.storage_dtype))
    s = np.broadcast_to(form._spread(scales, x.shape), x.shape)
    scaled = np.abs(x / s)
    step = np.maximum(scaled * 2 * element.unit_roundoff, element.min_subnormal)
    slack = F32.unit_roundoff * (scaled + 2 * element.max_finite) * 2
    beyond = np.maximum(scaled - form.largest, 0)  # the stored scale may be a little too small for amax
    return s * (step / 2 * (2 if form.rule.is_range else 1) + slack + beyond)


finite = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=True)


@given(x=arrays(np.float32, (8, 32), elements=finite), form=st.sampled_from([*SECOND[:6], *SECOND[7:]]))
def test_there_and_back(x: np.ndarray, form: BlockFormat) -> None:
    q = form.encode(x)
    assert (np.abs(form.decode(q) - x) <= half_step(x.astype(np.float64), q, form)).all()


moderate = st.floats(-1000, 1000, width=32)


@given(x=arrays(np.float32, (16, 8), elements=moderate), form=st.sampled_from(WEIGHTS), seed=st.integers(0, 99))
def test_there_and_back_in_act_order(x: np.ndarray, form: BlockFormat, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(16)
    q = form.encode(x, g_idx=order)
    back = form.decode(q)
    unordered = Quantized(data=q.data, scale=q.scale, zero_point=q.zero_point)
    np.testing.assert_array_equal(back[order], form.decode(unordered))
    assert (np.abs(back[order] - x[order]) <= half_step(x[order].astype(np.float64), q, form)).all()


@given(x=arrays(np.float32, (2, 64), elements=finite))
def test_encoding_what_was_decoded_changes_nothing(x: np.ndarray) -> None:
    """Scales of a power of two are found again where the largest code of a block is in its upper binade."""
    q = MXFP8.encode(x)
    values = MXFP8.decode(q)
    again = MXFP8.encode(values)
    np.testing.assert_array_equal(MXFP8.decode(again), values)
    assert math.isfinite(float(np.abs(values).max()))
