"""Which implementation is taken, and what is said about it."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import pytest
from jax import export

import specs
from jax_impl import ops
from jax_impl.defaults import DEFAULTS, GEMMS, RIDGE, default
from jax_impl.platforms import custom_call
from jax_impl.support import IMPLEMENTATIONS, lowering_for


@pytest.mark.parametrize("op", specs.names())
def test_every_default_can_run_and_has_a_reason(op: str) -> None:
    for rows in (1, RIDGE - 1, RIDGE, 4096):
        reasons = ops.explain(op, "oneapi", rows)
        assert sorted(reasons) == sorted(IMPLEMENTATIONS)
        assert next(iter(reasons.values())) is None
        row = default(op, "oneapi", rows)
        assert row is not None
        assert row.implementation == next(iter(reasons))
        assert ops.why(op, "oneapi", rows) == row.reason
    assert tuple(ops.explain(op, "cuda")) == IMPLEMENTATIONS
    assert default(op, "cuda") is None
    assert ops.why(op, "cuda")


def test_rows_name_what_exists() -> None:
    for row in DEFAULTS:
        assert row.implementation in IMPLEMENTATIONS
        assert set(row.ops) <= set(specs.names())
    assert all(any(axis.name == "M" for axis in specs.get(op).axes) for op in GEMMS)


@pytest.mark.parametrize(("rows", "kernels"), [(RIDGE - 1, ["fp8_gemm"]), (RIDGE, [])])
def test_a_gemm_on_oneapi_goes_where_the_table_says(rows: int, kernels: list[str]) -> None:
    n, k = 128, 256

    def function(a: jax.Array, b: jax.Array, scale: jax.Array) -> jax.Array:
        result: jax.Array = ops.fp8_gemm(a, b, scale, scale, scale_mode="tensor", weight_order="nk")
        return result

    structs = [jax.ShapeDtypeStruct(shape, jnp.float8_e4m3fn) for shape in ((rows, k), (n, k))]
    structs.append(jax.ShapeDtypeStruct((), jnp.float32))
    checks = [export.DisabledSafetyCheck.custom_call(custom_call.TARGET)]
    with lowering_for("oneapi"):
        exported = export.export(jax.jit(function), platforms=["oneapi"], disabled_checks=checks)(*structs)
    module = exported.mlir_module()
    assert [kernel.name for kernel in custom_call.kernels_of_text(module)] == kernels
    dots = re.findall(r"dot_general.*: \((.*)\) -> tensor<.*xf32>", module)
    assert all("xbf16>, " in operands for operands in dots)
    assert bool(dots) != bool(kernels)
