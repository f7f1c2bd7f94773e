"""Matrix units of Intel GPUs: on which devices, by which setting, and for which functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import specs
from jax_impl import ops
from jax_impl.ahead import lower
from jax_impl.backends import BACKENDS
from jax_impl.place import lowering_for
from jax_impl.platforms import custom_call, matrix_units, oneapi, self_test
from jax_impl.platforms.matrix_units import ATTRIBUTE, Dot, annotated, by_device, dots_of, obstacles, useful
from specs.lang.errors import ArgumentError, Unsupported
from specs.lang.formats.elements import E5M2, F16, F32
from specs.tile.ir import Opcode, walk
from specs.tile.launch.cases import case_call, default_case
from specs.tile.launch.launches import launches
from specs.tile.passes.legalise import legalise
from specs.tile.targets import PALLAS_XPU, PALLAS_XPU_VECTOR
from tests.jax_side.test_oneapi import default_call

ROADS = ("pallas", "triton")


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("Intel(R) Arc(TM) B580 Graphics", "on"),
        ("Intel(R) Arc(TM) Pro B60 Graphics", "on"),
        ("Intel(R) Graphics [0xe20b]", "on"),
        ("Intel(R) Arc(TM) Graphics 140V", "on"),
        ("Intel(R) Arc(TM) 140V GPU", "on"),
        ("Intel(R) Arc(TM) B390 GPU", "on"),
        ("Intel(R) Graphics [0xb080]", "on"),
        ("Intel(R) Data Center GPU Max 1100", "on"),
        ("Intel(R) Data Center GPU Max 1550", "on"),
        ("Intel(R) Arc(TM) A770 Graphics", "off"),
        ("Intel(R) Arc(TM) Pro A60 Graphics", "off"),
        ("Intel(R) Arc(TM) Graphics", "off"),  # Meteor Lake
        ("Intel(R) Arc(TM) 140T GPU", "off"),  # Arrow Lake
        ("Intel(R) Data Center GPU Flex 170", "off"),
        ("Intel(R) UHD Graphics 770", "off"),
        ("Intel(R) Graphics [0x56a0]", "off"),
    ],
)
def test_devices(kind: str, setting: str) -> None:
    found = by_device(kind)
    assert found.setting == setting
    assert kind in found.reason


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("setting", "attributes", "operand"),
    [
        (None, {ATTRIBUTE}, "f16"),
        ("on", {ATTRIBUTE}, "f16"),
        ("lts", {ATTRIBUTE, "ttig.is_lts"}, "f16"),
        ("off", set(), "f32"),
    ],
)
def test_setting_reaches_the_compiler(road: str, setting: Any, attributes: set[str], operand: str) -> None:
    with ops.matrix_units(setting):
        (kernel,) = lower("fp8_gemm", "one-row", road, platform=oneapi.PLATFORM)
    head = next(line for line in kernel.ir.splitlines() if line.startswith("module"))
    assert {name for name in (ATTRIBUTE, "ttig.is_lts") if name in head} == attributes
    assert {(dot.a, dot.b) for dot in dots_of(kernel.ir)} == {(operand, operand)}


def test_device_decides_where_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_units, "_device_kind", lambda: "Intel(R) Arc(TM) A770 Graphics")
    assert matrix_units.choice().setting == "off"
    assert BACKENDS["pallas"].target("oneapi") is PALLAS_XPU_VECTOR
    assert "A770" in ops.explain("fp8_gemm", "oneapi")["matrix units"]
    with ops.matrix_units("on"):
        assert "its compiler refuses the module" in ops.explain("fp8_gemm", "oneapi")["matrix units"]
        with pytest.raises(Unsupported, match=r"A770.*device='Arc B580'"):
            BACKENDS["pallas"].target("oneapi")
    with ops.matrix_units("on", device="Arc B580"):
        assert ops.explain("fp8_gemm", "oneapi")["matrix units"] == "on (asked for)"
        assert BACKENDS["pallas"].target("oneapi") is PALLAS_XPU


@pytest.mark.parametrize(
    ("device", "setting"),
    [("Arc B580", "on"), ("Data Center GPU Max 1100", "on"), ("Lunar Lake", "on"), ("Arc A770", "off"), (None, "on")],
)
def test_export_without_a_device_is_for_the_one_that_is_named(device: str | None, setting: str) -> None:
    with ops.matrix_units(None, device=device):
        said = ops.explain("fp8_gemm", "oneapi")["matrix units"]
        (kernel,) = lower("fp8_gemm", "one-row", "pallas", platform=oneapi.PLATFORM)
    assert said.startswith(setting)
    assert (device or "no device is here and none is named") in said
    assert (ATTRIBUTE in kernel.ir) == (setting == "on")


def test_device_that_is_not_known_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"device.*Battlemage.*Arc A"):
        ops.matrix_units(None, device="H200")


B580 = "Intel(R) Arc(TM) B580 Graphics"


@pytest.mark.parametrize(
    ("works", "setting", "words"),
    [
        ({"on", "lts"}, "on", "its self-test has passed"),
        ({"lts"}, "lts", "'on' fails its self-test: a product of float16 has 256 wrong numbers of 256"),
        (set(), "off", "'lts' fails its self-test"),
    ],
)
def test_self_test_decides_on_a_device(
    works: set[str], setting: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_card(asked: str) -> self_test.Multiply:
        # The rows of every product are swapped where the card does not work.
        return lambda _, a, b: a @ b if asked in works else (a @ b)[::-1]

    monkeypatch.setattr(matrix_units, "_device_kind", lambda: B580)
    monkeypatch.setattr(matrix_units, "_tested", {})
    monkeypatch.setattr(matrix_units, "products", on_card)
    said = ops.explain("fp8_gemm", "oneapi")["matrix units"]
    assert said.startswith(setting)
    assert "Battlemage" in said
    assert words.partition(" has 256")[0] in said
    (kernel,) = lower("fp8_gemm", "one-row", "pallas", platform=oneapi.PLATFORM)
    assert (ATTRIBUTE in kernel.ir) == (setting != "off")


def test_self_test_runs_while_a_function_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_card(asked: str) -> self_test.Multiply:
        def multiply(form: Any, a: Any, b: Any) -> Any:
            return np.asarray(jax.jit(jnp.matmul)(*map(jax.device_put, (a, b))))

        return multiply

    monkeypatch.setattr(matrix_units, "_device_kind", lambda: B580)
    monkeypatch.setattr(matrix_units, "_tested", {})
    monkeypatch.setattr(matrix_units, "products", on_card)
    found: list[str] = []

    def traced(x: Any) -> Any:
        found.append(matrix_units.choice().setting)
        return x

    jax.eval_shape(jax.jit(traced), jnp.zeros(3))
    assert found == ["on"]


def test_a_refusal_is_a_failure() -> None:
    def refuses(form: Any, a: Any, b: Any) -> Any:
        raise RuntimeError("Matrix B argument must have 8 components for targeted HW")

    assert len(found := self_test.failures(refuses)) == 3
    assert "must have 8 components" in found[0]


def test_other_platforms_have_no_say() -> None:
    for platform in ("cpu", "cuda", "sycl"):
        assert "matrix units" not in ops.explain("fp8_gemm", platform)


@pytest.mark.parametrize("road", ROADS)
def test_a_jitted_function_is_traced_again_for_another_setting(road: str) -> None:
    function, structs = default_call("fp8_gemm", road)
    jitted = jax.jit(function)

    def found(setting: Any) -> bool:
        with ops.matrix_units(setting), lowering_for("oneapi"):
            module = jitted.trace(*structs).lower(lowering_platforms=("oneapi",)).compiler_ir("stablehlo")
        (kernel,) = custom_call.kernels(module)
        return ATTRIBUTE in kernel.ir

    assert [found(setting) for setting in ("on", "off", "on", "lts")] == [True, False, True, True]


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"on, off, lts"):
        ops.matrix_units("maybe")  # type: ignore[arg-type]


DOT = "    %d = tt.dot %a, %b, %c{} : tensor<16x32x{}> * tensor<32x16x{}> -> tensor<16x16xf32>\n"


@pytest.mark.parametrize(
    ("a", "b", "precision", "qualifies"),
    [
        ("f16", "f16", "", True),
        ("bf16", "bf16", ", inputPrecision = tf32", True),
        ("i8", "i8", "", True),
        ("f32", "f32", ", inputPrecision = tf32", True),
        ("f32", "f32", ", inputPrecision = ieee", False),
        ("f32", "f32", "", False),
        ("f16", "bf16", "", False),
        ("f8E4M3FN", "f8E4M3FN", "", False),
    ],
)
def test_one_dot_that_does_not_qualify_turns_all_off(a: str, b: str, precision: str, qualifies: bool) -> None:
    good, dot = DOT.format("", "bf16", "bf16"), DOT.format(precision, a, b)
    text = f"module {{\n{good}{dot}}}\n"
    assert dots_of(text) == (Dot(a="bf16", b="bf16", precision="ieee"), dots_of(dot)[0])
    assert bool(obstacles(dots_of(text))) == (not qualifies)
    assert (ATTRIBUTE in annotated(text)) == qualifies
    assert annotated("module {\n}\n") == "module {\n}\n", "no dots"


def test_attributes_are_added_to_those_of_the_module() -> None:
    text = "module @m attributes {ttg.maxnreg = 8 : i32} {\n" + DOT.format("", "f16", "f16") + "}\n"
    assert annotated(text).startswith(f"module @m attributes {{ttg.maxnreg = 8 : i32, {ATTRIBUTE}}} {{\n")


def test_program_with_a_dot_of_float32_has_all_its_dots_in_float32() -> None:
    op = specs.get("fp8_gemm")
    (launch, *_) = launches(case_call(op, default_case(op), strided=False), PALLAS_XPU.config, strides={})
    fits = legalise(launch.program, PALLAS_XPU)
    assert {dot.operands[0].type.element for dot in walk(fits.ops) if dot.code is Opcode.DOT} == {F16}
    none = replace(PALLAS_XPU, dot=frozenset({E5M2}), name="takes only e5m2")
    wide = legalise(launch.program, none)
    assert {dot.operands[0].type.element for dot in walk(wide.ops) if dot.code is Opcode.DOT} == {F32}


def test_warps_that_compute_the_same_are_not_useful() -> None:
    """16 rows and 16 columns are two parts; a second dot with 64 columns has eight."""
    scores = Dot(a="bf16", b="bf16", precision="ieee", results=16 * 16, products=16 * 16 * 64)
    sums = Dot(a="bf16", b="bf16", precision="ieee", results=16 * 64, products=16 * 64 * 16)
    assert useful((scores,), 2) == 1.0
    assert useful((scores,), 16) == 1 / 8
    assert useful((scores, sums), 16) == 1 / 5
    assert useful((), 4) == 1.0
