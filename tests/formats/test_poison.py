"""A NaN or an infinity spoils its own block, all of it, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import F16
from specs.lang.formats.named import ALL, MXFP4, MXFP8, TOKEN_GROUP_32, TOKEN_GROUP_32_E8M0

SHAPE = (256, 256)


@pytest.mark.parametrize("bad", [math.nan, -math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_one_block_is_spoilt(form: BlockFormat, bad: float, rng: np.random.Generator) -> None:
    clean = rng.standard_normal(SHAPE).astype(np.float32)
    spoilt = clean.copy()
    spoilt[130, 70] = bad
    before, after = form.encode(clean), form.encode(spoilt)
    rows, cols = (
        slice(None) if size is None else slice(at // size * size, at // size * size + size)
        for at, size in zip((130, 70), form.block, strict=True)
    )
    inside = np.zeros(SHAPE, bool)
    inside[rows, cols] = True
    values = form.decode(after)
    assert not np.isfinite(values[inside]).any()
    np.testing.assert_array_equal(values[~inside], form.decode(before)[~inside])


def test_codes_and_scales_of_spoilt_blocks() -> None:
    x = np.zeros((2, 32), np.float32)
    x[:, 0], x[:, 1], x[:, 2] = 1.0, (math.inf, math.nan), -1.0
    wide = TOKEN_GROUP_32.encode(x)
    assert wide.scale is not None
    # inf stays inf: finite values over it are zeros with their signs, and inf / inf is NaN.
    assert wide.scale[0, 0] == math.inf
    assert wide.data[0, :4].tobytes().hex() == "007f8000"
    assert np.isnan(wide.scale[1, 0])
    assert set(wide.data[1].flat) == {0x7F}
    for form, codes in ((TOKEN_GROUP_32_E8M0, {0x7F}), (MXFP8, {0x7F}), (MXFP4, {0})):
        q = form.encode(x)
        assert q.scale is not None
        assert q.scale.tolist() == [[255], [255]]
        assert set(q.data.flat) == codes


def test_a_scale_beyond_its_format_spoils_the_block() -> None:
    form = replace(TOKEN_GROUP_32, name="f16_scales", scale=F16, amax_floor=1.0)
    x = np.ones((1, 64), np.float32)
    x[0, 40] = 1e30
    values = form.decode(form.encode(x))
    assert np.isnan(values[0, 32:]).all()
    assert np.isfinite(values[0, :32]).all()
