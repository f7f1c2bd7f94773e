"""Weights that a caller keeps dequantised: the same bytes as the implementation "dequant", the same refusals."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import specs
from jax_impl import dequant as jax_dequant
from jax_impl import ops as jax_ops
from parity.judge.frameworks import from_jax, from_torch, to_jax, to_torch
from parity.judge.inputs import Inputs, generate
from specs.gemm.dequant import product_of
from specs.lang.errors import ArgumentError, Surplus, Unsupported, WrongShape
from torch_impl import dequant as torch_dequant
from torch_impl import ops as torch_ops

PRODUCTS = [name for name in specs.names() if specs.get(name).framework_product is not None]
CASES = [(name, case.name) for name in PRODUCTS for case in specs.get(name).cases if not case.large]


def drawn(name: str, case: str) -> Inputs:
    op = specs.get(name)
    return generate(op, op.case(case), "random", 20261130)


def arrays_of(inputs: Inputs, convert: Any) -> dict[str, Any]:
    formats = inputs.formats
    return {name: convert(raw, formats[name]) for name, raw in inputs.arrays.items()}


def parted(name: str, arrays: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What belongs to the weight, and what comes with the call."""
    constant = product_of(specs.get(name)).constant
    return {n: a for n, a in arrays.items() if n in constant}, {n: a for n, a in arrays.items() if n not in constant}


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_kept_weight_gives_the_same_bytes_in_torch(name: str, case: str) -> None:
    inputs = drawn(name, case)
    arrays, attributes = arrays_of(inputs, to_torch), dict[str, Any](inputs.attributes)
    own, rest = parted(name, arrays)
    whole = getattr(torch_ops, name)(**arrays, **attributes, implementation="dequant")
    kept = torch_dequant.dequantise(name, **own, **attributes)(**rest)
    np.testing.assert_array_equal(from_torch(kept).raw, from_torch(whole).raw)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_kept_weight_gives_the_same_bytes_in_jax(name: str) -> None:
    case = next(c.name for c in specs.get(name).cases if not c.large)
    inputs = drawn(name, case)
    arrays, attributes = arrays_of(inputs, to_jax), dict[str, Any](inputs.attributes)
    own, rest = parted(name, arrays)
    whole = getattr(jax_ops, name)(**arrays, **attributes, implementation="dequant")
    weight = jax_dequant.dequantise(name, **own, **attributes)
    kept = jax.jit(lambda weight, rest: weight(**rest))(weight, rest)  # an argument of jit, as parameters are
    np.testing.assert_array_equal(from_jax(kept).raw, from_jax(whole).raw)


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_what_does_not_fit_is_refused(framework: str) -> None:
    dequantise = (torch_dequant if framework == "torch" else jax_dequant).dequantise
    convert = to_torch if framework == "torch" else to_jax
    inputs = drawn("fp8_gemm", "ragged-n")
    arrays, attributes = arrays_of(inputs, convert), dict[str, Any](inputs.attributes)
    own, rest = parted("fp8_gemm", arrays)
    with pytest.raises(WrongShape, match="b_scale"):
        dequantise("fp8_gemm", own["b"], own["b_scale"][:, :1], **attributes)
    with pytest.raises(ArgumentError, match="scale_mode"):
        dequantise("fp8_gemm", own["b"], own["b_scale"], scale_mode="rows")
    with pytest.raises(Surplus, match="'a_scale'"):
        dequantise("fp8_gemm", **own, a_scale=rest["a_scale"], **attributes)
    with pytest.raises(ArgumentError, match="'b' must be"):
        dequantise("fp8_gemm", [[1.0]], scale_mode="tensor")
    with pytest.raises(Unsupported, match="only products"):
        dequantise("mxfp8_quant", own["b"])
    weight = dequantise("fp8_gemm", **own, **attributes)
    with pytest.raises(WrongShape, match="'b'"):
        weight(rest["a"][:, :-1], rest["a_scale"])
    with pytest.raises(Surplus, match="kept weight"):
        weight(**rest, b_scale=own["b_scale"])
    with pytest.raises(ArgumentError, match="a_scale"):
        weight(rest["a"])


@pytest.mark.parametrize("exponent", [127, -120])
def test_scales_near_the_ends_of_the_range_multiply_sums_and_not_operands(exponent: int) -> None:
    """Codes times such scales are no float32 numbers, or lose bits; the scale of the other operand brings them back."""
    torch = pytest.importorskip("torch")
    a = torch.full((3, 256), 1.0).to(torch.float8_e4m3fn)
    b = torch.full((128, 256), 448.0 if exponent > 0 else 2.0**-9).to(torch.float8_e4m3fn)
    b_scale, a_scale = torch.full((1, 2), 2.0**exponent), torch.full((3, 2), 2.0 ** (7 - exponent))
    settings: dict[str, Any] = {"scale_mode": "block", "weight_order": "nk", "out_dtype": torch.float32}
    kept = torch_dequant.dequantise("fp8_gemm", b, b_scale, **settings)
    want = 256 * float(b[0, 0]) * 2.0**7
    for found in (kept(a, a_scale), torch_ops.fp8_gemm(a, b, a_scale, b_scale, **settings, implementation="dequant")):
        assert (found == want).all()
