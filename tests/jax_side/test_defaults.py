"""Which implementation is taken, and what is said about it."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import pytest
from jax import export

import specs
from jax_impl import defaults, ops
from jax_impl.backends import BACKENDS
from jax_impl.place import lowering_for
from jax_impl.platforms import custom_call
from specs.lang.declare.readiness import READY


@pytest.mark.parametrize("op", specs.names())
def test_every_default_can_run_and_has_a_reason(op: str) -> None:
    reasons = ops.explain(op, "oneapi")
    assert sorted(reasons) == sorted((*BACKENDS, "matrix units"))
    assert next(iter(reasons.values())) == READY
    row = defaults.default(specs.get(op), "oneapi")
    assert row is not None
    assert row.implementation == next(iter(reasons))
    assert ops.why(op, "oneapi") == row.reason


@pytest.mark.parametrize("op", specs.names())
def test_other_platforms_take_the_first_that_runs(op: str) -> None:
    product = specs.get(op).framework_product is not None
    for platform in ("cpu", "cuda", "sycl"):
        if product and platform == "cpu":
            continue
        assert tuple(ops.explain(op, platform)) == tuple(BACKENDS)
        assert "first that can run" in ops.why(op, platform)
    assert ("matrix product" in ops.why(op, "cpu")) == product
    assert (next(iter(ops.explain(op, "cpu"))) == "dequant") == product


def test_rows_name_what_exists() -> None:
    for row in defaults.DEFAULTS:
        assert row.implementation in tuple(BACKENDS)
        assert set(row.ops) <= set(specs.names())


def fp8_product(a: jax.Array, b: jax.Array, scale: jax.Array) -> jax.Array:
    result: jax.Array = ops.fp8_gemm(a, b, scale, scale, scale_mode="tensor", weight_order="nk")
    return result


PRODUCT = [jax.ShapeDtypeStruct(shape, jnp.float8_e4m3fn) for shape in ((16, 256), (128, 256))]


def exported(platform: str) -> str:
    """What a GEMM that asks for no implementation becomes."""
    structs = [*PRODUCT, jax.ShapeDtypeStruct((), jnp.float32)]
    checks = [export.DisabledSafetyCheck.custom_call(custom_call.TARGET)]
    with lowering_for(platform):
        return export.export(jax.jit(fp8_product), platforms=[platform], disabled_checks=checks)(*structs).mlir_module()


def test_a_gemm_goes_where_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [kernel.name for kernel in custom_call.kernels_of_text(exported("oneapi"))] == ["fp8_gemm"]
    monkeypatch.setattr("jax_impl.launch._functions", {})
    measured = defaults.Default(platform="oneapi", ops=("fp8_gemm",), implementation="xla", reason="measured")
    monkeypatch.setattr(defaults, "DEFAULTS", (measured, *defaults.DEFAULTS))
    jax.clear_caches()
    module = exported("oneapi")
    assert custom_call.kernels_of_text(module) == []
    dots = re.findall(r"dot_general.*: \((.*)\) -> tensor<.*xf32>", module)
    assert dots
    assert all(operands.count("xbf16>") == operands.count("tensor<") for operands in dots), "for the matrix units"
