"""Blocks by tensor descriptors: which they are, how they are printed, what Triton makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from jax_impl.triton import source as triton_source
from parity.judge.frameworks import run_torch
from specs.lang.declare.axes import Axis
from specs.lang.formats.elements import BF16, E8M0, F32, INT32, UINT8
from specs.tile import targets
from specs.tile.blocks import ds, load_block, store_block
from specs.tile.emit import triton
from specs.tile.ir import Opcode, walk
from specs.tile.language import dot, full, load
from specs.tile.launch.cases import case_arrays, case_call
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.targets import GLUON_HOPPER, PALLAS_XPU, TRITON_INTERPRET, TRITON_XPU, Target, TensorDescriptors
from tests.contract import suite
from tests.tile.kernels import checked, tiny

M, N = Axis(name="M"), Axis(name="N")
XPU = replace(TRITON_XPU, name="triton-xpu-descriptors", descriptors=TensorDescriptors())
INTERPRETED = replace(TRITON_INTERPRET, name="triton-interpret-descriptors", descriptors=TensorDescriptors())
MAKE = "tl.make_tensor_descriptor"
BLOCKS = frozenset({Opcode.LOAD_BLOCK, Opcode.STORE_BLOCK})
CASES = (
    ("fp8_gemm", "ragged-n"),
    ("fp8_gemm", "ragged-k"),
    ("fp8_bmm", "o-projection"),
    ("int4_gemm_w4a16", "group-32"),
    ("flash_attn_varlen", "causal"),
    ("flash_attn_varlen", "fp8-e5m2"),
    ("per_token_group_quant_fp8", "hidden"),
    ("static_quant_fp8", "block"),
)


def launched(name: str, case: str, target: Target = XPU) -> Launch:
    """The first launch of a case, legalised."""
    op = specs.get(name)
    strides = {name: info.strides for name, info in case_arrays(op, op.case(case), strided=True).items()}
    return next(launches(case_call(op, op.case(case), strided=True), target, strides=strides))


def blocks(launch: Launch) -> list[str]:
    """Arrays that are accessed by descriptors."""
    return [str(op.attrs["array"]) for op in walk(launch.program.ops) if op.code in BLOCKS]


def test_shipped_targets_that_have_them() -> None:
    shipped = [value for value in vars(targets).values() if isinstance(value, Target)]
    found = {target.name for target in shipped if target.descriptors is not None}
    assert found == {PALLAS_XPU.name, GLUON_HOPPER.name}


@pytest.mark.parametrize(
    ("columns", "form", "strides", "found"),
    [
        (64, F32, None, ["x", "out"]),
        (64, BF16, None, ["x", "out"]),
        (66, F32, None, []),  # rows do not start at multiples of 16 bytes
        (64, F32, (96, 1), ["x", "out"]),
        (64, F32, (65, 1), ["out"]),
        (64, F32, (192, 3), ["out"]),  # no dimension is contiguous
        (64, E8M0, None, []),  # zero bits are not 0
        (64, UINT8, None, []),  # 8 bytes in a row
    ],
)
def test_which_blocks_are_descriptors(columns: int, form: Any, strides: Any, found: list[str]) -> None:
    def body(p: Any) -> None:
        block = (ds(0, 4), ds(0, 8))
        store_block(p.out, block, load_block(p.x, block))

    op = tiny(body, {"x": ((M, N), form)}, {"out": ((M, N), form)}, axes=(M, N))
    call = checked(op, {"x": np.zeros((8, columns), f"u{form.storage_bits // 8}")})
    launch = next(launches(call, XPU, strides={} if strides is None else {"x": strides}))
    assert blocks(launch) == found
    assert not blocks(next(launches(call, TRITON_XPU, strides={})))


@pytest.mark.parametrize(
    ("shape", "strides", "found"),
    [
        ((8, 64), None, True),
        ((8, 8), None, False),  # 32 bytes in a row
        ((8, 16), (20, 1), True),  # 80 bytes between rows
        ((8, 16), (16, 1), True),
        ((8, 64), (66, 1), False),  # 264 bytes
        ((1, 64), (0, 1), False),  # nothing between rows
        ((8, 1 << 22), None, False),  # rows of 16 MiB
        ((1 << 24, 16), None, False),
    ],
)
def test_matrices_that_messages_of_intel_gpus_take(shape: Any, strides: Any, found: bool) -> None:
    def body(p: Any) -> None:
        tile = load_block(p.x, (ds(0, 16), ds(0, 16)))
        store_block(p.out, (ds(0, 16), ds(0, 16)), dot(tile.to(BF16), tile.to(BF16)))

    op = tiny(body, {"x": ((M, N), F32)}, {"out": ((M, N), F32)}, axes=(M, N))
    call = checked(op, {"x": np.lib.stride_tricks.as_strided(np.zeros(1, np.uint32), shape, (0, 0))})
    launch = next(launches(call, PALLAS_XPU, strides={} if strides is None else {"x": strides}))
    assert ("x" in blocks(launch)) is found


def test_rows_that_end_with_data_are_no_descriptors_on_their_contiguous_side() -> None:
    """Their number of bytes is not known; messages take 64 or more."""

    def body(p: Any) -> None:
        end = load(p.end, (0,))
        for dims in ((ds(0, 16, end=end), ds(0, 32)), (ds(0, 16), ds(0, 32, end=end))):
            store_block(p.out, (ds(0, 16), ds(0, 32)), load_block(p.x, dims) + dot_of_nothing())

    def dot_of_nothing() -> Any:
        return dot(full((16, 16), 0.0, BF16), full((16, 32), 0.0, BF16))

    arrays = {"x": ((M, N), F32), "end": ((M,), INT32)}
    op = tiny(body, arrays, {"out": ((M, N), F32)}, axes=(M, N))
    call = checked(op, {"x": np.zeros((16, 32), np.uint32), "end": np.zeros(16, np.uint32)})
    assert blocks(next(launches(call, PALLAS_XPU, strides={}))).count("x") == 1


def test_programs_without_dots_keep_masks_on_intel_gpus() -> None:
    assert not blocks(launched("per_token_group_quant_fp8", "hidden", PALLAS_XPU))
    assert blocks(launched("fp8_gemm", "ragged-n", PALLAS_XPU)) == ["a", "b", "c"]


def test_one_dimension_and_leading_dimensions_that_stay_apart_are_gathers() -> None:
    launch = launched("int4_gemm_w4a16", "lead")
    assert {"a", "b"} <= {*blocks(launch)}
    assert {"b_scale", "bias"}.isdisjoint(blocks(launch))
    op = specs.get("fp8_gemm")
    case = op.case("token-tensor-lead")
    strides = {name: info.strides for name, info in case_arrays(op, case, strided=True).items()}
    strides["a"] = (320 * 6, 320 * 6, 160, 1)  # rows of the first dimension do not follow rows of the second
    assert "a" not in blocks(next(launches(case_call(op, case, strided=True), XPU, strides=strides)))


def test_products_as_text() -> None:
    """A as it lies; B, contiguous along K, transposed; C, whose bounds the hardware checks, without a mask."""
    source = triton.emit(launched("fp8_gemm", "ragged-n").program)
    want = (
        f"    a_desc = {MAKE}(a_ptr, shape=[M, K], strides=[stride_a0, 1], block_shape=[BLOCK_M, BLOCK_K])",
        "        a = a_desc.load([tile_m * BLOCK_M, k * BLOCK_K])",
        f"    b_desc = {MAKE}(b_ptr, shape=[N, K], strides=[stride_b1, 1], block_shape=[BLOCK_N, BLOCK_K])",
        "        b = b_desc.load([tile_n * BLOCK_N, k * BLOCK_K]).T",
        f"    c_desc = {MAKE}(c_ptr, shape=[M, N], strides=[N, 1], block_shape=[BLOCK_M, BLOCK_N])",
        "    c_desc.store([tile_m * BLOCK_M, tile_n * BLOCK_N], ",
    )
    assert all(text in source for text in want), source


def test_keys_end_with_their_request_where_a_tile_may_reach_beyond() -> None:
    source = " ".join(triton.emit(launched("flash_attn_varlen", "causal").program).split())
    _, whole, last = source.split(f"{MAKE}( k_ptr + head * stride_k2, shape=[")
    assert whole.startswith("PAGE, ")
    assert not last.startswith("PAGE, ")


@pytest.mark.parametrize(("name", "case"), [*CASES, ("flash_attn_varlen", "paged")])
def test_triton_compiles_them(name: str, case: str) -> None:
    """Descriptors are made before the loop whose blocks they load."""
    launch = launched(name, case)
    assert blocks(launch)
    program = launch.program
    ordered = sorted(program.arrays, key=lambda param: param.written)
    pointers = [f"{param.name}_pointer" for param in ordered]
    integers = [str(launch.number(integer)) for integer in triton.integers(program)]
    launcher = triton_source.launcher(program.name, pointers, [*pointers, *integers])
    request = triton_source.Request(
        source=triton.emit(program) + launcher,
        kernel=triton_source.launcher_name(program.name),
        signature=tuple((name, param.element) for name, param in zip(pointers, ordered, strict=True)),
        capability=90,
        num_warps=4,
    )
    text = triton_source.triton_ir(request)
    assert text.count("tt.descriptor_load") + text.count("tt.descriptor_store") == len(blocks(launch))
    if "scf.for" in text and name != "flash_attn_varlen":
        assert "tt.make_tensor_descriptor" not in text[text.index("scf.for") : text.rindex("scf.yield")]


@pytest.fixture
def by_descriptors() -> Iterator[str]:
    """An implementation of torch: Triton's interpreter, for a target that has descriptors."""
    from torch_impl.backends import BACKENDS
    from torch_impl.triton.backend import INTERPRET

    name = "interpret-descriptors"
    BACKENDS[name] = replace(INTERPRET, name=name, targets={"cpu": INTERPRETED})
    yield name
    del BACKENDS[name]


@pytest.mark.skipif(
    "torch:interpret" not in suite.available("fp8_gemm", "cpu"), reason="Triton compiles on this machine"
)
@pytest.mark.parametrize(("name", "case"), CASES)
def test_results_are_the_same_bytes(name: str, case: str, by_descriptors: str) -> None:
    assert blocks(launched(name, case, INTERPRETED))
    op = specs.get(name)
    inputs = suite.inputs_of(op, op.case(case))
    want, found = (run_torch(inputs, implementation, "cpu") for implementation in ("interpret", by_descriptors))
    assert want.keys() == found.keys()
    for array, result in want.items():
        np.testing.assert_array_equal(found[array].raw, result.raw, err_msg=array)
