"""Optimised HLO as text: aliases, launches with rounds of loops, and launches that only copy."""

from __future__ import annotations

import jax
import pytest

from parity.xpu import hlo
from parity.xpu.step_record import Copy, Launches
from parity.xpu.step_worker import copies, launches
from tests.xpu import steps

MODULE = """\
HloModule jit_step, is_scheduled=true, input_output_alias={ {1}: (0, {}, may-alias), {2}: (2, {}, must-alias) }, \
entry_computation_layout={(bf16[512,16,4,64]{3,2,1,0}, f8e4m3fn[1024,1024]{1,0}, s4[512,1024]{1,0})->bf16[16]{0}}

%fused_layout (p.0: f8e4m3fn[1024,1024]) -> f8e4m3fn[1024,1024] {
  %p.0 = f8e4m3fn[1024,1024]{1,0} parameter(0)
  %bitcast.1 = f8e4m3fn[1024,1024]{1,0} bitcast(%p.0)
  ROOT %transpose.1 = f8e4m3fn[1024,1024]{0,1} transpose(%bitcast.1), dimensions={1,0}
}

%fused_decode (p.1: f8e4m3fn[1024,1024]) -> bf16[1024,1024] {
  %p.1 = f8e4m3fn[1024,1024]{1,0} parameter(0)
  %transpose.2 = f8e4m3fn[1024,1024]{0,1} transpose(%p.1), dimensions={1,0}
  ROOT %convert.1 = bf16[1024,1024]{0,1} convert(%transpose.2)
}

%wrapped_dot_computation (p.2: bf16[16,128], p.3: bf16[128,128]) -> f32[16,128] {
  %p.2 = bf16[16,128]{1,0} parameter(0)
  %p.3 = bf16[128,128]{1,0} parameter(1)
  ROOT %dot.1 = f32[16,128]{1,0} dot(%p.2, %p.3), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}

%body (arg: (s32[], f32[16,128])) -> (s32[], f32[16,128]) {
  %arg = (s32[], f32[16,128]{1,0}) parameter(0)
  %item.1 = f32[16,128]{1,0} get-tuple-element(%arg), index=1
  %wrapped_dot.3 = f32[16,128]{1,0} fusion(%item.1), kind=kLoop, calls=%wrapped_dot_computation
  ROOT %tuple.1 = (s32[], f32[16,128]{1,0}) tuple(%arg, %wrapped_dot.3)
}

%condition (arg.1: (s32[], f32[16,128])) -> pred[] {
  %arg.1 = (s32[], f32[16,128]{1,0}) parameter(0)
  ROOT %compare.1 = pred[] compare(%arg.1, %arg.1), direction=LT
}

ENTRY %main.9 (keys.1: bf16[512,16,4,64], codes.1: f8e4m3fn[1024,1024], words.1: s4[512,1024]) -> bf16[16] {
  %keys.1 = bf16[512,16,4,64]{3,2,1,0} parameter(0), metadata={op_name="keys"}
  %codes.1 = f8e4m3fn[1024,1024]{1,0} parameter(1)
  %words.1 = s4[512,1024]{1,0} parameter(2)
  %copy.1 = bf16[512,16,4,64]{3,2,1,0} copy(%keys.1)
  %copy.2 = s32[] copy(%words.1)
  %layout_fusion = f8e4m3fn[1024,1024]{0,1} fusion(%codes.1), kind=kLoop, calls=%fused_layout
  %decode_fusion = bf16[1024,1024]{0,1} fusion(%codes.1), kind=kLoop, calls=%fused_decode
  %quant.1 = (u8[16,1024]{1,0}, f32[16,8]{1,0}, /*index=2*/s32[]) custom-call(%copy.1), \
custom_call_target="__gpu$xla.gpu.triton", api_version=API_VERSION_TYPED_FFI
  %gemm.1 = f32[16,128]{1,0} custom-call(%copy.1), custom_call_target="__onednn$matmul"
  %while.1 = (s32[], f32[16,128]{1,0}) while(%quant.1), condition=%condition, body=%body, \
backend_config={"known_trip_count":{"n":"8"}}
  ROOT %tuple.9 = (bf16[16]{0}) tuple(%while.1)
}
"""


def test_aliased_bytes_are_sizes_of_parameters() -> None:
    program = hlo.parse(MODULE)
    assert program.aliased == (0, 2)
    assert program.aliased_bytes == 512 * 16 * 4 * 64 * 2 + 512 * 1024 // 2


def test_a_module_without_aliases() -> None:
    assert hlo.parse(MODULE.replace("input_output_alias", "another_entry")).aliased_bytes == 0


def test_launches_are_told_apart_and_loops_count_their_rounds() -> None:
    # Two fusions, and in every round of the loop a product and the comparison.
    assert launches(hlo.parse(MODULE)) == Launches(own=1, xla=2 + 8 * 2, library=1, copies=2)


def test_products_of_xla() -> None:
    program = hlo.parse(MODULE)
    found = {one.instruction.name: program.dots(one.instruction) for one in program.launches()}
    assert found["wrapped_dot.3"] == 1
    assert sum(found.values()) == 1


def test_what_only_copies_is_listed_and_what_computes_is_not() -> None:
    pool = Copy(name="copy.1", type="bf16[512,16,4,64]{3,2,1,0}", bytes=4 << 20, times=1)
    layout = Copy(name="layout_fusion", type="f8e4m3fn[1024,1024]{0,1}", bytes=1 << 20, times=1)
    assert copies(hlo.parse(MODULE)) == (pool, layout)
    assert copies(hlo.parse(MODULE), (1 << 20) + 1) == (pool,)


@pytest.mark.parametrize(
    ("element", "sizes", "expected"),
    [("pred", "3", 3), ("s4", "3", 2), ("f8e4m3fn", "2,5", 10), ("bf16", "7", 14), ("f32", "", 4), ("c64", "2", 16)],
)
def test_sizes(element: str, sizes: str, expected: int) -> None:
    assert hlo.size_of(element, sizes) == expected


def test_text_that_is_no_module() -> None:
    with pytest.raises(ValueError, match="entry"):
        hlo.parse("HloModule nothing")


def test_programs_of_this_machine_are_read() -> None:
    size = steps.POOL.size * 4
    right, forgot = (
        hlo.parse(step.function.lower(*step.arguments).compile().as_text())
        for step in (steps.right(), steps.not_donated())
    )
    assert jax.default_backend() == "cpu"
    assert (right.aliased_bytes, copies(right)) == (size, ())
    assert forgot.aliased_bytes == 0
    assert [one.bytes for one in copies(forgot)] == [size]
