"""What loads of loops are for: of products, attention and quantised weights, and in kernels made for a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import specs
from specs.lang.declare.axes import Axis
from specs.lang.formats.elements import BF16, F32, INT32
from specs.tile import language as tl
from specs.tile.blocks import ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Opcode
from specs.tile.launch.cases import case_arrays, case_call
from specs.tile.launch.launches import launches
from specs.tile.passes.legalise import legalise
from specs.tile.passes.roles import Load, Loop, Role, Use, loops
from specs.tile.targets import TRITON_CUDA
from tests.tile.kernels import program_of, tiny

K = Axis(name="K")
A, B, SCALE, INDEX, OTHER = Role.OPERAND_A, Role.OPERAND_B, Role.SCALE, Role.INDEX, Role.OTHER


def loops_of(name: str, case: str) -> tuple[Loop, ...]:
    """The loops of a case's first kernel, as it is traced for CUDA."""
    op = specs.get(name)
    strides = {name: info.strides for name, info in case_arrays(op, op.case(case), strided=True).items()}
    return loops(next(launches(case_call(op, op.case(case), strided=True), "cuda", strides=strides)).program)


def loads(loop: Loop, array: str) -> list[Load]:
    return [load for load in loop.loads if load.array == array]


def kinds(loop: Loop) -> dict[str, tuple[bool, set[Role], bool]]:
    """Array -> whether it is read by blocks, its roles, whether an operand is converted on its way."""
    return {
        load.array: (load.block, {*load.roles}, any(use.converts for use in load.uses if use.role in (A, B)))
        for load in loop.loads
    }


def test_block_scaled_product() -> None:
    """Operands as they lie; scales with the step that they belong to; a sum of its own per step."""
    (loop,) = loops_of("fp8_gemm", "ragged-n")
    assert kinds(loop) == {
        "a": (True, {A}, False),
        "b": (True, {B}, False),
        "a_scale": (True, {SCALE}, False),
        "b_scale": (True, {SCALE}, False),
    }
    assert loads(loop, "a")[0].uses == (Use(role=A, product=0),)
    (product,) = loop.products
    assert (product.shape, product.after, product.accumulator, product.in_place) == (
        (16, 64, 128),
        frozenset(),
        0,
        False,
    )
    assert loop.independent_rows
    assert str(loop.where).startswith("specs/gemm/scaled.py:")


def test_scales_after_the_loop_are_none_of_its_loads() -> None:
    (loop,) = loops_of("fp8_gemm", "token-channel")
    assert kinds(loop).keys() == {"a", "b"}


def test_products_of_16_bits_accumulate_in_place() -> None:
    (loop,) = loops_of("fp8_gemm_w8a16", "channel-lead")
    assert kinds(loop) == {"a": (True, {A}, False), "b": (True, {B}, True)}  # FP8 is widened
    (product,) = loop.products
    assert (product.accumulator, product.in_place) == (0, True)


def test_int4_weights_are_converted() -> None:
    (loop,) = loops_of("int4_gemm_w4a16", "asymmetric")
    assert kinds(loop) == {
        "a": (True, {A}, True),  # even and odd columns
        "b": (True, {B}, True),
        "b_zp": (False, {B}, True),  # subtracted from the nibbles
        "b_scale": (True, {SCALE}, False),
    }
    (weight,) = loads(loop, "b")
    assert [(use.product, use.through) for use in weight.uses] == [(0, (Opcode.NIBBLE,)), (1, (Opcode.NIBBLE,))]
    assert [(p.after, p.accumulator) for p in loop.products] == [(frozenset(), 0)] * 2


def test_attention_products_follow_each_other() -> None:
    """Keys transposed, values as they are; the second product waits for the first one's weights."""
    whole, last, _ = loops_of("flash_attn_varlen", "causal")
    for loop in (whole, last):
        assert kinds(loop) == {"k": (True, {B}, False), "v": (True, {B}, False)}
        assert loads(loop, "k")[0].uses == (Use(role=B, product=0, through=(Opcode.TRANSPOSE,)),)
        assert loads(loop, "v")[0].uses == (Use(role=B, product=1),)
        scores, values = loop.products
        assert (scores.after, scores.accumulator) == (frozenset(), None)
        assert (values.after, values.accumulator) == (frozenset({0}), 2)  # of (peak, total, sums)
        assert loop.independent_rows


def test_pages_of_a_table_are_blocks_with_a_loaded_start() -> None:
    (loop, *_) = loops_of("flash_attn_varlen", "large-paged")
    assert {load.array for load in loop.loads if load.block} == {"k", "v"}
    (table,) = loads(loop, "block_table")
    assert (table.type.shape, {*table.roles}) == ((), {INDEX})


def test_sparse_decode_gathers_and_dequantises() -> None:
    """Every chunk of a row is a key of one product and a value of another; scales are converted with the codes."""
    (loop, *_) = loops_of("sparse_mla_decode_fp8", "v4")
    cache = loads(loop, "comp_cache")
    assert not any(load.block for load in loop.loads)
    codes = [load for load in cache if load.type.shape == (64, 64)]
    assert all(load.roles == {B} and len(load.uses) == 2 for load in codes)
    assert [any(use.converts for use in load.uses) for load in codes] == [True] * 7 + [False]  # 448 FP8, 64 bfloat16
    assert INDEX in loads(loop, "topk_indices")[0].roles
    scores, values = loop.products[:8], loop.products[8:]
    assert all((p.after, p.accumulator) == (frozenset(), None) for p in scores)
    assert [p.accumulator for p in values] == list(range(2, 10))
    assert all(p.after == frozenset(range(8)) for p in values)


def test_legalised_programs_have_the_same_roles() -> None:
    """Lowered to gathers, and on a target that converts nothing."""
    op = specs.get("fp8_gemm")
    strides = {name: info.strides for name, info in case_arrays(op, op.case("ragged-n"), strided=True).items()}
    launch = next(launches(case_call(op, op.case("ragged-n"), strided=True), "cuda", strides=strides))
    (loop,) = loops(legalise(launch.program, TRITON_CUDA))
    (traced,) = loops(launch.program)
    assert [load.uses for load in loop.loads] == [load.uses for load in traced.loads]
    assert not any(load.block for load in loop.loads)


Step = Callable[[Any, Tile, Tile], Tile]


def made(step: Step, shape: tuple[int, ...] = (16, 16)) -> Loop:
    """The loop of a kernel that carries one tile."""

    def body(p: Any) -> None:
        total = tl.fori_loop(0, p.K, lambda k, acc: step(p, k, acc), tl.zeros(shape))
        store_block(p.out, tuple(ds(0, size) for size in shape), total)

    inputs: Any = {"x": ((16, 16), BF16), "s": ((16,), F32), "i": ((K,), INT32)}
    op = tiny(body, inputs, {"out": (shape, F32)}, axes=(K,))
    arrays = {"x": np.zeros((16, 16), np.int16), "s": np.zeros(16, np.float32), "i": np.zeros(3, np.int32)}
    (loop,) = loops(program_of(op, arrays))
    return loop


def _x(p: Any) -> Tile:
    return load_block(p.x, (ds(0, 16), ds(0, 16)))


def _scaled(p: Any, k: Tile, acc: Tile) -> Tile:
    del k
    return acc + tl.dot(_x(p), _x(p)) * load_block(p.s, (ds(0, 16),))[:, None]


def _added(p: Any, k: Tile, acc: Tile) -> Tile:
    del k
    return acc + (tl.dot(_x(p), _x(p)) + load_block(p.s, (ds(0, 16),))[:, None])


def _in_place(p: Any, k: Tile, acc: Tile) -> Tile:
    del k
    return tl.dot(_x(p), _x(p), acc)


def _replaced(p: Any, k: Tile, acc: Tile) -> Tile:
    del k
    return tl.maximum(acc, tl.dot(_x(p), _x(p)))


def _gathered(p: Any, k: Tile, acc: Tile) -> Tile:
    row = tl.load(p.i, (k,))
    where, live = ((row + tl.arange(16))[:, None], tl.arange(16)[None, :]), (row < 3).broadcast(16, 16)
    return acc + tl.load(p.x, where, live).to(F32)


def _transposed(p: Any, k: Tile, acc: Tile) -> Tile:
    del k
    return tl.dot(_x(p), _x(p), acc).transpose()


def _over_rows(p: Any, k: Tile, acc: Tile) -> Tile:
    del k
    return acc + tl.reduce_sum(tl.dot(_x(p), _x(p)), axis=0)[None, :]


@pytest.mark.parametrize(
    ("step", "role", "accumulator", "in_place", "rows"),
    [
        (_scaled, {SCALE}, 0, False, True),
        (_added, {OTHER}, 0, False, True),
        (_in_place, None, 0, True, True),
        (_replaced, None, None, False, True),
        (_transposed, None, 0, True, False),
        (_over_rows, None, None, False, False),
    ],
)
def test_made_for_a_question(
    step: Step, role: set[Role] | None, accumulator: int | None, in_place: bool, rows: bool
) -> None:
    loop = made(step)
    assert [load.roles for load in loads(loop, "x")] == [{A}, {B}]
    assert [load.roles for load in loads(loop, "s")] == ([] if role is None else [role])
    (product,) = loop.products
    assert (product.accumulator, product.in_place, loop.independent_rows) == (accumulator, in_place, rows)


def test_indices_and_masks() -> None:
    loop = made(_gathered)
    assert loads(loop, "i")[0].roles == {INDEX}
    assert loads(loop, "x")[0].roles == {OTHER}
    assert loop.products == ()
