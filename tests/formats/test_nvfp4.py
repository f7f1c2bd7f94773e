"""NVFP4 beside vLLM's definition of it, written down a second time; corner blocks; the number of the second level."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from specs.lang.errors import Surplus, WrongShape
from specs.lang.formats.elements import E2M1, E4M3
from specs.lang.formats.named import MXFP4, NVFP4, nvfp4
from tests.contract.suite import inputs_of, run

NDArray = np.ndarray[Any, Any]
ONE = np.float32(1)


def second_opinion(x: NDArray, g: np.float32) -> tuple[NDArray, NDArray]:
    """Values of codes before they are scaled, and scales: reciprocals of zero are zero, everything is float32."""
    groups = x.reshape(-1, 16)
    scale = np.minimum(g * (np.abs(groups).max(-1) * (ONE / np.float32(6))), np.float32(448))
    scale = scale.astype(ml_dtypes.float8_e4m3fn).astype(np.float32)
    with np.errstate(divide="ignore"):
        inverse = np.where(scale == 0, 0, ONE / (scale * (ONE / g))).astype(np.float32)
    codes = np.clip(groups * inverse[:, None], -6, 6).astype(ml_dtypes.float4_e2m1fn)
    return codes.astype(np.float32).reshape(x.shape), scale.reshape(*x.shape[:-1], -1)


@pytest.mark.parametrize("g", [1.0, 0.37, 77.5, 2.0**-20, 1e6])
def test_the_bytes_are_those_of_vllm(g: float, rng: np.random.Generator) -> None:
    x = rng.standard_normal((64, 256)) * np.exp2(rng.integers(-12, 12, (64, 16)).repeat(16, 1))
    x[rng.integers(0, 16, x.shape) == 0] = 0.0
    x[3, :32] = -0.0
    x = (x / g).astype(np.float32)
    coded = NVFP4.encode(x, tensor_scale=g)
    codes, scale = second_opinion(x, np.float32(g))
    assert coded.scale is not None
    assert NVFP4.packing is not None
    np.testing.assert_array_equal(E4M3.decode(coded.scale), scale)
    mine = E2M1.decode(NVFP4.packing.unpack(coded.data))
    np.testing.assert_array_equal(mine, codes)
    np.testing.assert_array_equal(np.signbit(mine), np.signbit(codes))
    assert (scale == 0).any()


def test_the_number_is_computed_from_the_largest_magnitude(rng: np.random.Generator) -> None:
    """The block with that magnitude has the scale 448, and the code 6; NaN and infinity do not count."""
    x = rng.standard_normal((3, 4, 32)).astype(np.float32)
    x[0, 1, 3], x[1, 0, 0], x[1, 2, 20] = -8.0, np.nan, np.inf
    coded = NVFP4.encode(x)
    assert coded.tensor_scale is not None
    assert coded.tensor_scale.shape == NVFP4.storage_shape(x.shape).tensor_scale == (3,)
    finite = np.where(np.isfinite(x), np.abs(x), 0)
    np.testing.assert_array_equal(coded.tensor_scale, np.float32(2688) / finite.max((1, 2)))
    values = NVFP4.decode(coded)
    assert values[0, 1, 3] == -8.0
    assert np.isnan(values[1, 0, :16]).all()
    assert np.isnan(values[1, 2, 16:]).all()
    assert np.isnan(values).sum() == 32
    assert NVFP4.encode(np.zeros((2, 16))).tensor_scale == ONE


def test_corner_blocks() -> None:
    """Zeros, too small, the smallest scale, too large for 448, overflow of float32."""
    rows = np.array([0.0, 6 * 2.0**-11, 6 * 2.0**-9, 6 * 448.0, 1e6, 3e38], np.float32)
    coded = NVFP4.encode(np.repeat(rows[:, None], 16, 1), tensor_scale=1.0)
    assert coded.scale is not None
    assert coded.scale[:, 0].tolist() == [0, 0, 1, 126, 126, 126]
    assert coded.data[:, 0].tolist() == [0, 0, 0x77, 0x77, 0x77, 0x77]
    beyond = NVFP4.encode(np.full((1, 16), 3e38), tensor_scale=2.0**20)
    assert np.isnan(NVFP4.decode(beyond)).all()


def test_a_constant_is_not_stored() -> None:
    form = nvfp4(8.0)
    x = np.linspace(-3, 3, 32).reshape(2, 16)
    coded, stored = form.encode(x), NVFP4.encode(x, tensor_scale=8.0)
    assert coded.tensor_scale is None
    np.testing.assert_array_equal(coded.data, stored.data)
    np.testing.assert_array_equal(form.decode(coded), NVFP4.decode(stored))
    for other in (form, MXFP4):
        with pytest.raises(Surplus, match="tensor_scale"):
            other.encode(np.zeros((1, 32)), tensor_scale=1.0)
    with pytest.raises(WrongShape, match="tensor_scale"):
        NVFP4.encode(x, tensor_scale=np.ones(2))


@pytest.mark.parametrize("backend", ["torch:eager", "torch:interpret", "jax:xla", "jax:interpret"])
def test_the_quantiser_has_the_corners_too(backend: str, rng: np.random.Generator) -> None:
    import specs

    op = specs.get("nvfp4_quant")
    inputs = inputs_of(op, op.case("f32-input"))
    x = rng.standard_normal(inputs.arrays["x"].shape).astype(np.float32)
    x[0, :16], x[1, 20], x[2, 40], x[3, 64:80] = 0.0, np.nan, -np.inf, 3e38
    for g in (0.37, 2.0**20):
        given = inputs.replaced(x=x, global_scale=np.full(inputs.arrays["global_scale"].shape, g, np.float32))
        found, expected = run(given, backend, "cpu"), op.oracle(given.values())
        for name in ("q", "scale"):
            np.testing.assert_array_equal(found[name].view(np.uint8), expected[name].value, err_msg=name)
