"""fp8_gemm_w8a16 with one scale per column: the commonest W8A16 checkpoint, in every form that loaders pass."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from parity.judge.frameworks import to_torch
from parity.judge.guard import bit_view
from specs.lang.errors import Missing, WrongShape
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, ElementFormat
from tests.contract.suite import converters

M, K, N = 5, 72, 24
SHAPES = ((N,), (1, N), (N, 1))
FORMS = [
    pytest.param(a, w, order, shape, id=f"{a.name}-{w.name}-{order}-{len(shape)}d-{shape[0]}")
    for a, w, order, shape in product((BF16, F16), (E4M3, E5M2), ("kn", "nk"), SHAPES)
]


def stored(form: ElementFormat, values: np.ndarray) -> np.ndarray:
    """Values as the format's numpy type has them; all of them are exact."""
    dtype = form.numpy_dtype
    assert dtype is not None
    return values.astype(dtype)


@pytest.mark.parametrize(("a_format", "w_format", "order", "shape"), FORMS)
def test_scale_of_every_column(
    a_format: ElementFormat,
    w_format: ElementFormat,
    order: str,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> None:
    a, w = rng.integers(-3, 4, (M, K)).astype(np.float64), rng.integers(-2, 3, (K, N)).astype(np.float64)
    scale = np.exp2(rng.integers(-3, 4, N))
    expected = stored(a_format, (a @ w * scale).astype(np.float32))
    weight = np.ascontiguousarray(w.T) if order == "nk" else w
    arrays = (stored(a_format, a), stored(w_format, weight), scale.reshape(shape).astype(np.float32))
    formats = (a_format, w_format, F32)
    roads = [("torch", "eager")] + ([("jax", "xla")] if shape == (N,) else [])
    for framework, implementation in roads:
        package, convert, back = converters(framework)
        given = [convert(raw, form, "cpu") for raw, form in zip(arrays, formats, strict=True)]
        made = package.fp8_gemm_w8a16(*given, scale_mode="channel", weight_order=order, implementation=implementation)
        np.testing.assert_array_equal(bit_view(back(made).raw), bit_view(expected))


def test_a_missing_or_a_wrong_scale_is_refused() -> None:
    from torch_impl import ops

    a, w = (to_torch(stored(form, np.ones(shape)), form, "cpu") for form, shape in ((BF16, (M, K)), (E4M3, (N, K))))
    for op, error in ((None, Missing), (np.ones(K), WrongShape), (np.ones((1, K)), WrongShape)):
        scale = None if op is None else to_torch(op.astype(np.float32), F32, "cpu")
        with pytest.raises(error, match="b_scale"):
            ops.fp8_gemm_w8a16(a, w, scale, scale_mode="channel", weight_order="nk")
