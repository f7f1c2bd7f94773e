"""Scales and data near float32's least normal number: right on every backend, or named by parity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.expected import expectations
from parity.judge.frameworks import FRAMEWORKS, Result
from parity.judge.inputs import Inputs, Raw, decode, encode
from parity.judge.runner import run_inputs
from specs.lang.call.bind import check_attributes
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.declare.op import Case
from specs.lang.formats.elements import BF16, E4M3, E8M0, F32, UINT8, ElementFormat
from tests.contract import suite

LEAST = F32.min_normal
ONE = 0x38  # of e4m3
CASE = Case(name="subnormal", sizes=())


def call(op: str, formats: dict[str, ElementFormat], arrays: dict[str, Raw], **attributes: Any) -> Inputs:
    """A call of raw arrays."""
    spec = specs.get(op)
    return Inputs(op=spec, arrays=arrays, formats=formats, attributes=check_attributes(spec, attributes))


def assert_normal_results(inputs: Inputs, name: str, backends: tuple[str, ...]) -> None:
    """Exact sums of at most two terms: right where terms are normal or not finite."""
    expected = expectations(inputs, inputs.layout.call())[name]
    want = decode(expected.raw, expected.form)
    plain = (np.abs(want) >= 2 * LEAST) | (want == 0) | np.isnan(want)
    assert (np.isfinite(want) & plain & (want != 0)).any()
    for backend in backends:
        got = decode(suite.run(inputs, backend, "cpu")[name], expected.form)
        np.testing.assert_array_equal(got[plain], want[plain], err_msg=backend)


@pytest.mark.parametrize("other", [127, 0, 254, 60])
def test_mx_products_under_every_scale(other: int) -> None:
    a, b = np.full((256, 64), ONE, np.uint8), np.full((64, 16), ONE, np.uint8)
    a_scale = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 2, axis=1)
    formats = {"a": E4M3, "b": E4M3, "a_scale": E8M0, "b_scale": E8M0}
    arrays = {"a": a, "b": b, "a_scale": a_scale, "b_scale": np.full((2, 16), other, np.uint8)}
    inputs = call("fp8_gemm", formats, arrays, scale_mode="mx", out_dtype=F32)
    assert_normal_results(inputs, "c", ("torch:eager", "torch:interpret", "jax:xla", "jax:interpret"))


def test_mxfp4_products_under_every_scale() -> None:
    a, b = np.full((256, 16), 0x22, np.uint8), np.full((16, 16), 0x22, np.uint8)
    arrays = {"a": a, "b": b, "a_scale": np.arange(256, dtype=np.uint8)[:, None], "b_scale": np.full((1, 16), 120)}
    arrays["b_scale"] = arrays["b_scale"].astype(np.uint8)
    formats = {"a": UINT8, "b": UINT8, "a_scale": E8M0, "b_scale": E8M0}
    inputs = call("fp4_gemm", formats, arrays, out_dtype=F32)
    assert_normal_results(inputs, "c", ("torch:eager", "jax:xla"))


@pytest.mark.parametrize("low", [-149, -130])
def test_products_under_subnormal_float32_scales(low: int) -> None:
    a, b = np.full((8, 64), ONE, np.uint8), np.full((64, 8), ONE, np.uint8)
    formats = {"a": E4M3, "b": E4M3, "a_scale": F32, "b_scale": F32}
    scales = [np.ldexp(np.float32(1), exponents) for exponents in (low + np.arange(8), 24 - np.arange(8))]
    arrays = {"a": a, "b": b, "a_scale": scales[0], "b_scale": scales[1]}
    inputs = call("fp8_gemm", formats, arrays, scale_mode="token_channel", out_dtype=F32)
    assert_normal_results(inputs, "c", ("torch:eager", "jax:xla", "jax:interpret"))


@pytest.mark.parametrize("op", ["mxfp8_quant", "mxfp4_quant"])
def test_blocks_near_the_least_scale(op: str) -> None:
    edges = [LEAST, 448 * LEAST / 2, 448 * LEAST, 6 * LEAST, 1e-30]
    rows = [
        0.0,
        2.0**-149,
        *edges,
        *np.nextafter(np.array(edges, np.float32), np.float32(0)),
        *np.ldexp(1.0, [-127, -130]),
    ]
    x = np.array(rows)[:, None] * np.linspace(-1, 1, 32)
    inputs = call(op, {"x": F32}, {"x": encode(x, F32)})
    for row in run_inputs(inputs, CASE, "random", implementations=suite.available(op, "cpu")):
        assert row.status == "passed", f"{row.pair}: {row.reason}"


@pytest.mark.parametrize("scale", [1e-39, 2.0**-149, 2.0**-130, 0.0, -1e-39, -3.0, 3e38, np.inf, np.nan])
def test_static_scales_of_any_kind(scale: float) -> None:
    x = np.array([[0.0, -0.0, 1e-39, -(2.0**-149), 1.0, 2.0**-135, -LEAST, 3e38]])
    arrays = {"x": encode(x, F32), "static_scale": encode(np.array(scale), F32)}
    inputs = call("per_tensor_quant_fp8", {"x": F32, "static_scale": F32}, arrays)
    for row in run_inputs(inputs, CASE, "random", implementations=suite.available("per_tensor_quant_fp8", "cpu")):
        assert row.status == "passed", f"{row.pair}: {row.reason}"


def subnormal_activations() -> Inputs:
    """bfloat16 operands of a dot that XLA takes for zero on a CPU, in two of three rows; normal results."""
    a = np.full((3, 64), 2.0**-130)
    a[0] = 1.0
    b = np.full((64, 16), ONE, np.uint8)
    arrays = {"a": encode(a, BF16), "b": b, "b_scale": encode(np.array(2.0**40), F32)}
    return call("fp8_gemm_w8a16", {"a": BF16, "b": E4M3, "b_scale": F32}, arrays, scale_mode="tensor")


def test_parity_names_what_the_platform_lost() -> None:
    backends = ("torch:eager", "jax:xla")
    rows = {row.pair: row for row in run_inputs(subnormal_activations(), CASE, "random", implementations=backends)}
    assert FRAMEWORKS["jax"].flushes("cpu")
    assert not FRAMEWORKS["torch"].flushes("cpu")
    assert rows["torch:eager vs oracle"].status == "passed"
    for pair in ("jax:xla vs oracle", "torch:eager vs jax:xla"):
        assert (rows[pair].status, rows[pair].flushed) == ("flushed", 32)
        assert "32 of 48" in rows[pair].reason


@pytest.mark.parametrize("kind", ["random", "exact"])
def test_what_is_wrong_besides_still_fails(kind: Any) -> None:
    inputs = subnormal_activations()
    expected = expectations(inputs, inputs.layout.call())["c"]
    right = expected.raw
    lost = right.copy()
    lost[1:] = 0
    from parity.judge.flushing import flushed_references

    flushed, form = flushed_references(inputs), expected.form
    for at, value in (((0, 0), 0.0), ((0, 3), 63.0 * 2.0**40), ((1, 2), 1.0), ((2, 5), np.nan)):
        wrong = lost.copy()
        wrong[at] = value
        explained = expected.explained({"c": Result(raw=wrong, form=form)}, kind, FLOAT32, flushed)
        assert explained is not None
        verdict = expected.rule(kind, FLOAT32).compare(wrong, explained)
        assert (verdict.status, verdict.mismatches) == ("failed", 1)
        assert verdict.worst[0].coordinate == at
    explained = expected.explained({"c": Result(raw=lost, form=form)}, kind, FLOAT32, flushed)
    verdict = expected.rule(kind, FLOAT32).compare(lost, explained)
    assert (verdict.status, verdict.flushed, verdict.passed) == ("flushed", 32, False)
    assert expected.rule(kind, FLOAT32).compare(right, explained).passed


def test_outcomes_of_a_flushing_platform_alone_are_excused() -> None:
    """The same wrong results from a platform that keeps subnormal numbers fail."""
    inputs = subnormal_activations()
    lost = inputs.replaced(a=encode(np.where(decode(inputs.arrays["a"], BF16) < LEAST, 0.0, 1.0), BF16))
    rows = run_inputs(inputs, CASE, "random", implementations=("torch:eager",))
    assert rows[0].status == "passed"
    results = suite.run(lost, "torch:eager", "cpu")["c"]
    expected = expectations(inputs, inputs.layout.call())["c"]
    assert expected.rule("random", FLOAT32).compare(results).status == "failed"
    assert replace(expected, moved=True).same_bytes(expected.raw).compare(results).status == "failed"
