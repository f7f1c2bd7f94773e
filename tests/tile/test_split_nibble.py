"""Pairs, nibbles, arrays read in a narrower format, sizes that follow from others: on every implementation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from specs.lang.call.bind import ArrayInfo, bind
from specs.lang.declare.axes import Axis, cdiv
from specs.lang.declare.kernel import Array
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Op
from specs.lang.errors import WrongStride
from specs.lang.formats.elements import BF16, E2M1, F16, F32, INT32, UINT8, ElementFormat
from specs.tile.ir import Opcode, walk
from specs.tile.language import arange, load, nibble, program_id, scaled_nibble, split_pairs, store
from specs.tile.launch.plan import plan
from specs.tile.passes.legalise import legalise
from specs.tile.targets import PALLAS_CUDA, TRITON_CUDA, TRITON_INTERPRET
from tests.tile.kernels import bits, implementations, program_of, run, tiny

ROWS, COLUMNS = 8, 32
BYTES = np.arange(256, dtype=np.uint8).reshape(ROWS, COLUMNS)
FLOATS = np.random.default_rng(3).standard_normal((ROWS, COLUMNS)).astype(np.float32)


def indices(rows: int, columns: int) -> tuple[Any, Any]:
    return arange(rows)[:, None], arange(columns)[None, :]


def pairs(p: Any) -> None:
    even, odd = split_pairs(load(p.x, indices(ROWS, COLUMNS)))
    where = indices(ROWS, COLUMNS // 2)
    store(p.even, where, even)
    store(p.odd, where, odd)


@pytest.mark.parametrize("implementation", implementations())
@pytest.mark.parametrize(("raw", "form"), [(FLOATS, F32), (BYTES, UINT8)], ids=["f32", "u8"])
def test_pairs_are_split_into_even_and_odd(raw: np.ndarray[Any, Any], form: ElementFormat, implementation: str) -> None:
    half = ((ROWS, COLUMNS // 2), form)
    op = tiny(pairs, {"x": (raw.shape, form)}, {"even": half, "odd": half})
    assert Opcode.SPLIT in {found.code for found in walk(program_of(op, {"x": raw}).ops)}
    out = run(op, {"x": raw}, implementation)
    np.testing.assert_array_equal(out["even"], bits(raw[:, 0::2]))
    np.testing.assert_array_equal(out["odd"], bits(raw[:, 1::2]))


def nibbles(form: ElementFormat, zeros: bool) -> Op:
    def both_halves(p: Any) -> None:
        where = indices(ROWS, COLUMNS)
        zero = load(p.zero, (arange(COLUMNS),)).to(F32).to(form)[None, :] if zeros else None
        x = load(p.x, where)
        store(p.low, where, nibble(x, False, form, zero))
        store(p.high, where, nibble(x, True, form, zero))

    inputs = {"x": (BYTES.shape, UINT8), "zero": ((COLUMNS,), INT32)}
    result = (BYTES.shape, form)
    return tiny(both_halves, inputs, {"low": result, "high": result})


ZEROS = (np.arange(COLUMNS) % 16).astype(np.int32)
NIBBLES = {"x": BYTES, "zero": ZEROS}


@pytest.mark.parametrize("implementation", implementations())
@pytest.mark.parametrize("zeros", [False, True], ids=["minus-8", "minus-zero"])
@pytest.mark.parametrize("form", [BF16, F16], ids=lambda form: form.name)
def test_nibbles_of_every_byte(form: ElementFormat, zeros: bool, implementation: str) -> None:
    out = run(nibbles(form, zeros), NIBBLES, implementation)
    minus = ZEROS[None, :] if zeros else 8
    for name, codes in (("low", BYTES & 15), ("high", BYTES >> 4)):
        np.testing.assert_array_equal(out[name], form.encode((codes.astype(np.int32) - minus).astype(np.float64)))


def test_nibbles_stay_one_operation_where_the_target_has_instructions_for_them() -> None:
    program = program_of(nibbles(BF16, True), NIBBLES)
    for target in (TRITON_CUDA, PALLAS_CUDA, TRITON_INTERPRET):
        found = [op for op in walk(legalise(program, target).ops) if op.code is Opcode.NIBBLE]
        assert len(found) == (2 if target.has_nibble_unpack else 0)


@pytest.mark.parametrize("form", [BF16, F16], ids=lambda form: form.name)
@pytest.mark.parametrize("zeros", [False, True], ids=["minus-8", "minus-zero"])
def test_generated_triton_holds_its_assembly(form: ElementFormat, zeros: bool) -> None:
    from specs.tile.emit.triton import emit

    source = emit(legalise(program_of(nibbles(form, zeros), NIBBLES), TRITON_CUDA))
    assert source.count("tl.inline_asm_elementwise(") == 2
    assert source.count(" = tl.constexpr(") == 2
    assert ("bf16x2" in source) == (form is BF16)
    compile(source, "generated", "exec")


def scaled(p: Any) -> None:
    where = indices(ROWS, COLUMNS)
    factor = load(p.factor, (arange(ROWS),)).to(BF16)[:, None]
    x = load(p.x, where)
    store(p.low, where, scaled_nibble(x, False, factor))
    store(p.high, where, scaled_nibble(x, True, factor))


EXPONENTS = np.arange(ROWS) - ROWS // 2


@pytest.mark.parametrize("implementation", implementations())
def test_values_of_codes_of_every_byte(implementation: str) -> None:
    inputs = {"x": BYTES, "factor": (2.0**EXPONENTS).astype(np.float32)}
    result = (BYTES.shape, BF16)
    op = tiny(scaled, {"x": (BYTES.shape, UINT8), "factor": ((ROWS,), F32)}, {"low": result, "high": result})
    out = run(op, inputs, implementation)
    for name, codes in (("low", BYTES & 15), ("high", BYTES >> 4)):
        values = E2M1.decode(codes) * 2.0 ** (EXPONENTS[:, None] - 2)
        np.testing.assert_array_equal(out[name], BF16.encode(values))


# Arrays in a narrower format, and derived sizes.

W = Axis(name="W", minimum=1, doc="words of a row")
PARTS = Axis(name="PARTS", static=True, value=cdiv(W, 4), doc="parts of four words")


def byte_reader(order: str) -> Op:
    """Writes the bytes of int32 words, one part of 16 bytes per grid point; the words are passed in memory order."""
    n = ROWS

    def copy_bytes(p: Any) -> None:
        byte = program_id(0) * 16 + arange(16)
        inside = (byte < p.W * 4)[:, None]
        x = load(p.x, (byte[:, None], arange(n)[None, :]), inside)
        store(p.y, (byte[:, None], arange(n)[None, :]), x, inside)

    op = tiny(copy_bytes, {"x": ((W * 4, n), UINT8)}, {"y": ((W * 4, n), UINT8)}, axes=(W, PARTS), grid=(PARTS,))
    (step,) = op.steps
    weight = specs.get("int4_gemm_w4a16").attribute("weight_order")
    words, y = op.arrays
    words = replace(words, order="weight_order", layout=Dense(inner=Inner.EITHER))
    kernel = replace(step.kernel, arrays=(words, y), attributes=(weight,))
    declared = Array(
        name="x", doc="words", shapes=((W, n),), formats=(INT32,), order="weight_order", layout=words.layout
    )
    attribute = replace(weight, default=order)
    return replace(op, axes=(W,), arrays=(declared, y), attributes=(attribute,), steps=(replace(step, kernel=kernel),))


@pytest.mark.parametrize("words", [1, 3, 8])
def test_words_are_read_as_bytes_along_the_contiguous_dimension(words: int) -> None:
    """int32 [N, W] is uint8 [N, 4 W] in memory, in both frameworks."""
    import jax.numpy as jnp
    import torch

    from jax_impl.launch import run as run_jax
    from torch_impl.launch import run as run_torch

    raw = np.random.default_rng(words).integers(-(1 << 31), 1 << 31, (ROWS, words)).astype(np.int32)
    want = raw.view(np.uint8).T
    op = byte_reader("nk")
    for name in ("xla", "interpret"):
        np.testing.assert_array_equal(np.asarray(run_jax(op, [jnp.asarray(raw)], ("nk",), name)[0]), want)
    wide = torch.full((ROWS, words + 3), -1, dtype=torch.int32)
    wide[:, :words] = torch.from_numpy(raw)
    for tensor in (torch.from_numpy(raw), wide[:, :words]):
        for name in ("eager", "interpret"):
            np.testing.assert_array_equal(run_torch(op, [tensor], ("nk",), name)[0].numpy(), want)
            if words > 1:  # [W, N] with W contiguous is the same memory
                np.testing.assert_array_equal(run_torch(op, [tensor.T], ("kn",), name)[0].numpy(), want)


def test_bytes_of_words_that_are_not_contiguous_are_refused() -> None:
    op = byte_reader("kn")
    info = ArrayInfo((8, ROWS), INT32, (ROWS, 1), None)
    with pytest.raises(WrongStride, match="read in pieces"):
        bind(op, {"x": info}, {"weight_order": "kn"})


@pytest.mark.parametrize(("words", "parts"), [(1, 1), (4, 1), (5, 2), (12, 3)])
def test_a_derived_size_follows_from_the_others(words: int, parts: int) -> None:
    info = ArrayInfo((ROWS, words), INT32, None, None)
    op = byte_reader("nk")
    call = bind(op, {"x": info}, {})
    assert call.sizes == {"W": words, "PARTS": parts}
    launch = plan(call, op.steps[0], config="cpu", strides={"x": None})
    assert launch.grid == (parts,)
    assert ("PARTS", parts) in launch.key.static


# Which kernels the INT4 product takes.


def steps_taken(m: int, n: int, k: int, order: str) -> list[str]:
    op = specs.get("int4_gemm_w4a16")
    shape = (n, k // 8) if order == "nk" else (k // 8, n)
    shapes = {"a": ((m, k), BF16), "b": (shape, INT32), "b_scale": ((k // 128, n), BF16)}
    infos = {name: ArrayInfo(size, form, None, None) for name, (size, form) in shapes.items()}
    call = bind(op, infos, {"group_size": 128, "weight_order": order})
    return [step.kernel.name for step in op.active_steps(call.env)]


@pytest.mark.parametrize(("order", "kernel"), [("nk", "int4_gemm_w4a16"), ("kn", "int4_gemm_w4a16_words")])
def test_the_layout_chooses_the_kernel_and_the_sizes_the_split(order: str, kernel: str) -> None:
    assert steps_taken(4096, 8192, 8192, order) == [kernel]
    assert steps_taken(16, 64, 512, order) == [kernel]
    assert steps_taken(16, 8192, 28672, order) == [f"{kernel}_split", "reduce_splits"]


def test_a_transposed_view_is_planned_as_the_array_behind_it() -> None:
    import torch

    from torch_impl.launch import check
    from torch_impl.orders import in_memory_order

    op = specs.get("int4_gemm_w4a16")
    a, scale = torch.zeros(3, 256, dtype=torch.bfloat16), torch.ones(2, 40, dtype=torch.bfloat16)
    b = torch.zeros(40, 32, dtype=torch.int32)
    tensors = {"nk": [a, b, scale, None, None, None], "kn": [a, b.T, scale, None, None, None]}
    planned = [in_memory_order(check(op, given, (128, order)), given) for order, given in tensors.items()]
    for call, strides in planned:
        assert call.attributes["weight_order"] == "nk"
        assert call.shapes["b"] == (40, 32)
        assert strides == planned[0][1]
    apart = [a, b.T.contiguous(), scale, None, None, None]
    assert in_memory_order(check(op, apart, (128, "kn")), apart)[0].attributes["weight_order"] == "kn"
