"""From generated Triton source to Triton IR in a process of its own; what goes wrong there is told to the caller."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import pytest

import specs
from jax_impl import ahead
from jax_impl.platforms import compiled_call, versions
from jax_impl.platforms.compiled_call import CompiledKernel, spelled_out, without_scratch
from jax_impl.triton import source as triton_source
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import E4M3, F32, ElementFormat
from specs.tile.launch.cases import default_case

SOURCE = """
import triton
import triton.language as tl


@triton.jit
def scaled(x_ptr, y_ptr, factor):
    i = tl.arange(0, 16)
    tl.store(y_ptr + i, tl.div_rn(tl.load(x_ptr + i), factor))
"""
WHOLE = SOURCE + triton_source.launcher("scaled", ["x", "y"], ["x", "y", "3.0"])
POINTERS = (("x", F32), ("y", F32))


def request(source: str, signature: tuple[tuple[str, ElementFormat], ...], capability: int) -> triton_source.Request:
    return triton_source.Request(
        source=source, kernel="scaled_launch", signature=signature, capability=capability, num_warps=4
    )


def ir_of(source: str, capability: int = 90) -> str:
    return triton_source.triton_ir(request(source, POINTERS, capability))


def test_a_kernel_of_pointers_only() -> None:
    text = ir_of(WHOLE)
    assert re.search(r"tt\.func public @scaled_launch\(%\w+: !tt\.ptr<f32> .*, %\w+: !tt\.ptr<f32> .*\)", text)
    assert text.count("tt.func") == 1, "the generated kernel is inlined"
    assert "dense<3.000000e+00>" in text
    assert "tt.divisibility = 16" in text


def test_division_goes_where_the_platform_links_it() -> None:
    assert "tt.precise_divf" in ir_of(triton_source.linked(WHOLE, "cuda"))
    wide = ir_of(triton_source.linked(SOURCE, "oneapi") + WHOLE.removeprefix(SOURCE))
    assert "precise_divf" not in wide
    assert re.search(r"arith\.divf .*: tensor<16xf64>", wide)
    assert re.search(r"arith\.truncf .*: tensor<16xf64> to tensor<16xf32>", wide)


def test_sources_without_division_stay_as_they_are() -> None:
    source = SOURCE.replace("tl.div_rn(tl.load(x_ptr + i), factor)", "tl.load(x_ptr + i) * factor")
    assert triton_source.linked(source, "oneapi") == source


def test_what_triton_refuses_is_told() -> None:
    for broken in (WHOLE.replace("tl.store(", "tl.nonsense("), WHOLE + "\nthis is no Python"):
        with pytest.raises(Unsupported, match="Triton refuses the source"):
            ir_of(broken)
    assert "tt.func" in ir_of(WHOLE + "\n# after that, others are still made\n")


def test_fp8_needs_a_device_that_has_it() -> None:
    copied = WHOLE.replace("tl.div_rn(tl.load(x_ptr + i), factor)", "tl.load(x_ptr + i)")
    pointers = (("x", E4M3), ("y", E4M3))
    assert "f8E4M3FN" in triton_source.triton_ir(request(copied, pointers, 90))
    with pytest.raises(Unsupported, match="fp8e4nv"):
        triton_source.triton_ir(request(copied, pointers, 80))


def test_a_process_that_ends_is_replaced() -> None:
    ir_of(WHOLE + "\n# started\n")
    triton_source._worker()._process.kill()
    with pytest.raises(Unsupported, match="its process ended"):
        ir_of(WHOLE + "\n# asked of nobody\n")
    assert "tt.func" in ir_of(WHOLE + "\n# asked of the next\n")


def test_without_triton_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "installed", lambda _: None)
    with pytest.raises(Unsupported, match="triton is not installed"):
        ir_of(WHOLE + "\n# refused\n")


def compiled_kernel(source: str = WHOLE) -> CompiledKernel:
    ptx, shared = triton_source.compiled(request(source, POINTERS, 90), 3)
    return CompiledKernel(
        name="scaled_launch", ptx=ptx, shared=shared, num_warps=4, capability=90, pointers=2, grid=(1, 1, 1)
    )


def test_a_kernel_is_compiled_without_a_device() -> None:
    kernel = compiled_kernel()
    assert ".target sm_90" in kernel.ptx
    assert ".visible .entry scaled_launch(" in kernel.ptx
    assert kernel.shared == 0


def test_a_compiled_kernel_takes_its_arrays_only() -> None:
    """Triton's parameters for scratch memory go, as nothing reads them; where something does, it is refused."""
    kernel = compiled_kernel()
    text = without_scratch(kernel)
    head, _, body = text.partition(")")
    assert re.findall(r"scaled_launch_param_\d+", head) == ["scaled_launch_param_0", "scaled_launch_param_1"]
    assert body == kernel.ptx.partition(")")[2]
    reading = kernel.ptx.replace("[scaled_launch_param_1]", "[scaled_launch_param_2]")
    with pytest.raises(Unsupported, match="scratch memory"):
        without_scratch(replace(kernel, ptx=reading))


def test_halves_of_registers_are_shifted_down_before_fp8_conversions() -> None:
    """Assemblers fold the upper half of a constant zero to NaN otherwise (looked up in what they make of it)."""
    widened = """
import triton
import triton.language as tl


@triton.jit
def scaled_launch(x, y):
    i = tl.arange(0, 512)
    tl.store(y + i, tl.load(x + i).to(tl.float32))
"""
    asked = request(widened, (("x", E4M3), ("y", F32)), 90)
    ptx, _ = triton_source.compiled(asked, 3)
    assert re.search(r"mov\.b32\s+\{_, %rs\d+\}", ptx)
    text = spelled_out(ptx)
    assert "{_," not in text
    assert text.count("cvt.rn.f16x2.e4m3x2") == ptx.count("cvt.rn.f16x2.e4m3x2") == 2
    assert spelled_out(compiled_kernel().ptx) == compiled_kernel().ptx


@pytest.mark.parametrize("name", ["per_token_group_quant_fp8", "quantize_and_insert_k", "flash_attn_varlen"])
def test_operations_compile_for_a_card_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What JAX's plugin would launch: as many parameters as are passed, sizes as values and not in the code."""
    launched: list[CompiledKernel] = []

    def call(kernel: CompiledKernel, results: Any, aliases: Any) -> Any:
        del aliases
        launched.append(kernel)
        return lambda *_: [jnp.zeros(result.shape, result.dtype) for result in results]

    monkeypatch.setattr(compiled_call, "available", lambda: True)
    monkeypatch.setattr(compiled_call, "call", call)
    op = specs.get(name)
    with pytest.raises(ValueError, match="unpack"):  # what is lowered holds no call of XLA's for Triton IR
        ahead.lower(name, default_case(op), "triton", platform="cuda")
    (kernel, *_) = launched
    text = without_scratch(kernel)
    head = text.partition(f".entry {kernel.name}(")[2].partition(")")[0]
    kinds = re.findall(r"\.param \.(u64 \.ptr|u32|u64)\b", head)
    assert kinds[: kernel.pointers] == ["u64 .ptr"] * kernel.pointers
    wanted = {"i32": "u32", "i64": "u64"}
    assert kinds[kernel.pointers :] == [wanted[kind] for kind, _ in kernel.integers]
    assert 1 not in [value for _, value in kernel.integers]


def test_integers_of_a_launcher() -> None:
    passed = triton_source.integers([7, 1, 32, 1 << 40])
    assert passed.arguments == ("n0", "1", "n2", "n3")
    assert passed.values == (7, 32, 1 << 40)
    assert passed.types == (("n0", "i32", False), ("n2", "i32", True), ("n3", "i64", True))
    assert triton_source.constants([7, 1]).arguments == ("7", "1")
    assert triton_source.constants([7, 1]).types == ()


@pytest.mark.parametrize("platform", ["cuda", "oneapi"])
def test_arrays_updated_in_place_are_passed_twice_and_used_once(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_call, "available", lambda: False)
    op = specs.get("quantize_and_insert_k")
    (kernel,) = ahead.lower(op.name, default_case(op), "triton", platform=platform)
    ((operand, result),) = kernel.aliases
    assert kernel.operands[operand].array == kernel.results[result].array
    (signature,) = re.findall(r"tt\.func public @\w+\((.*)\)", kernel.ir)
    pointers = re.findall(r"(%\w+): !tt\.ptr", signature)
    body = kernel.ir.partition(signature)[2]
    uses = [len(re.findall(rf"{pointer}\b", body)) for pointer in pointers]
    assert uses[operand] == 0
    assert uses[len(kernel.operands) + result] > 0


def test_both_backends_take_the_same_arrays() -> None:
    for name in specs.names():
        op = specs.get(name)
        sources = [
            ahead.lower(name, default_case(op), backend, platform="oneapi") for backend in ahead.lowering("oneapi")
        ]
        for one, other in zip(*sources, strict=True):
            pairs = zip((*one.operands, *one.results), (*other.operands, *other.results), strict=True)
            for mine, yours in pairs:  # of the same memory, though perhaps with other dimensions
                assert (mine.name, mine.array, mine.form.dtype) == (yours.name, yours.array, yours.form.dtype)
                assert mine.form.size == yours.form.size
            assert (one.aliases, one.grid, one.num_warps) == (other.aliases, other.grid, other.num_warps)


TRANSPOSED = """
@triton.jit
def scaled(x_ptr, y_ptr, factor):
    i, j = tl.arange(0, 16)[:, None], tl.arange(0, 32)[None, :]
    x = tl.load(x_ptr + i * 32 + j) * factor
    tl.store(y_ptr + tl.trans(j) * 16 + tl.trans(i), tl.trans(x))
"""


def test_xla_does_not_look_through_what_is_transposed() -> None:
    start = SOURCE[: SOURCE.index("@triton.jit")]
    text = ir_of(start + TRANSPOSED + triton_source.launcher("scaled", ["x", "y"], ["x", "y", "3.0"]))
    found = re.findall(r"tt\.trans (%\w+) .* : tensor<16x32xf32> ->", text)
    assert found
    for held in found:
        (value,) = re.findall(rf"{held} = scf\.execute_region -> tensor<16x32xf32> {{\n +scf\.yield (%\w+) :", text)
        assert re.search(rf"{value} = arith\.mulf", text)
    assert text.count("tt.trans") == text.count("scf.execute_region")
