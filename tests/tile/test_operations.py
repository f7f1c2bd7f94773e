"""Every operation of the IR, on every implementation, compared with plain numpy: bit for bit where it is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from specs.lang.declare.axes import Axis
from specs.lang.formats.elements import BF16, BOOL, E4M3, F16, F32, INT8, INT16, INT32, UINT8, ElementFormat
from specs.tile import language as tl
from specs.tile.blocks import ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Opcode, walk
from tests.tile.kernels import Raw, bits, implementations, program_of, run, tiny

N = 64
Expected = Callable[..., Any]
Results = Mapping[str, ElementFormat]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A kernel that needs one operation.

    tiles: input tiles -> result tiles, stored one after the other under the names of `results`.
    expected: numpy inputs -> numpy results, of the formats in `results`.
    bound: for functions that devices only approximate: input, float64 result -> largest error.
    """

    inputs: Mapping[str, Raw]
    tiles: Callable[..., Tile | tuple[Tile, ...]]
    expected: Expected
    results: tuple[ElementFormat, ...] = (F32,)
    bound: Callable[[Raw, Raw], Raw] | None = None


FORMATS = {
    np.dtype(np.float32): F32,
    np.dtype(np.int32): INT32,
    np.dtype(np.uint8): UINT8,
    np.dtype(np.int8): INT8,
    np.dtype(np.int16): INT16,
}

_random = np.random.default_rng(7)
_signs = np.where(np.arange(N) % 2, -1.0, 1.0)
FLOATS = (_signs * np.exp2(_random.uniform(-30, 30, N))).astype(np.float32)
FLOATS[:4] = [0.0, 1.0, np.inf, -np.inf]
OTHERS = _random.permutation(FLOATS[4:]).astype(np.float32)[:N]
OTHERS = np.concatenate([[1.5, 1.0, 1.0, 3.0], OTHERS]).astype(np.float32)
OTHERS[8:16] = FLOATS[8:16]  # equal pairs, for comparisons
WITH_NAN = np.where(np.arange(N) % 5 == 0, np.float32(np.nan), FLOATS)
FINITE = np.where(np.isinf(FLOATS), np.float32(12345), FLOATS)
POSITIVE = np.abs(FLOATS[4:68]).repeat(2)[:N].astype(np.float32)
INTEGERS = _random.integers(-(1 << 20), 1 << 20, N).astype(np.int32)
OTHER_INTEGERS = np.where(np.arange(N) % 4 == 0, INTEGERS, _random.permutation(INTEGERS)).astype(np.int32)
COUNTS = _random.integers(0, 1 << 30, N).astype(np.int32)
DIVISORS = _random.integers(1, 1000, N).astype(np.int32)
SHIFTS = (np.arange(N) % 32).astype(np.int32)
HALVES = (np.arange(N) - 31.5).astype(np.float32) / np.float32(2) + np.float32(0.25)  # ties, and quarters between them
WHOLE = _random.integers(-64, 64, (4, 8, 16)).astype(np.float32)  # sums of these are exact in any order
A, B, C = (_random.integers(-8, 8, shape).astype(np.float32) for shape in ((16, 32), (32, 16), (16, 16)))


def _infix(tiles: Callable[..., Any], *, truth: bool = False) -> Sample:
    """An operation with a Python operator, on float32 and int32 pairs."""
    form, kind = (BOOL, np.bool_) if truth else (None, None)
    return Sample(
        inputs={"x": WITH_NAN if truth else FLOATS, "y": OTHERS, "i": INTEGERS, "j": OTHER_INTEGERS},
        tiles=lambda x, y, i, j: (tiles(x, y), tiles(i, j)),
        expected=lambda x, y, i, j: (np.asarray(tiles(x, y), kind), np.asarray(tiles(i, j), kind)),
        results=(form or F32, form or INT32),
    )


def _integers(tiles: Callable[..., Any], x: Raw, y: Raw, expected: Callable[..., Any] | None = None) -> Sample:
    return Sample(inputs={"i": x, "j": y}, tiles=tiles, expected=expected or tiles, results=(INT32,))


def _logical(tiles: Callable[..., Any]) -> Sample:
    """A bitwise operation on int32, and the logical one on truth values."""
    return Sample(
        inputs={"i": INTEGERS, "j": OTHER_INTEGERS},
        tiles=lambda i, j: (tiles(i, j), tiles(i > 0, j > i)),
        expected=lambda i, j: (tiles(i, j), tiles(i > 0, j > i)),
        results=(INT32, BOOL),
    )


def _float(tiles: Callable[[Tile], Tile], expected: Callable[[Raw], Raw], x: Raw, bound: Any = None) -> Sample:
    return Sample(inputs={"x": x}, tiles=tiles, expected=expected, bound=bound)


def _along(reduce: Callable[[Tile, int], Tile], expected: Callable[..., Any]) -> Sample:
    """A reduction (or running sum) along every axis in turn."""
    return Sample(
        inputs={"x": WHOLE, "i": WHOLE.astype(np.int32)},
        tiles=lambda x, i: (reduce(x, 0), reduce(x, 1), reduce(x, -1), reduce(i, 1)),
        expected=lambda x, i: (expected(x, axis=0), expected(x, axis=1), expected(x, axis=2), expected(i, axis=1)),
        results=(F32, F32, F32, INT32),
    )


def _casts(x: Tile, i: Tile, u: Tile) -> tuple[Tile, ...]:
    small = tl.minimum(tl.maximum(x, -1000.0), 1000.0)
    return x.to(BF16), i.to(F32), tl.floor(small).to(INT32), (i > 0).to(INT32), i.to(UINT8), u.to(INT32), x.to(E4M3)


def _numpy_casts(x: Raw, i: Raw, u: Raw) -> tuple[Raw, ...]:
    whole = np.floor(np.clip(x, -1000, 1000)).astype(np.int32)
    low = (i & 255).astype(np.uint8)
    wide = u.astype(np.int32)
    return BF16.encode(x), i.astype(np.float32), whole, (i > 0).astype(np.int32), low, wide, E4M3.encode(x)


def _bitcasts(x: Tile, i: Tile, u: Tile) -> tuple[Tile, ...]:
    return x.bitcast(INT32), i.bitcast(F32), x.to(BF16).bitcast(INT16), u.bitcast(INT8)


def _numpy_bitcasts(x: Raw, i: Raw, u: Raw) -> tuple[Raw, ...]:
    return bits(x), i.view(np.float32), BF16.encode(x), u


def _rounded(x: Tile) -> Tile:
    whole = tl.round_even(x)
    return tl.where(whole == 0.0, 0.0, whole)  # the sign of a zero is not stated


def _loop(i: Tile) -> tuple[Tile, ...]:
    def step(k: Tile, total: Tile, last: Tile) -> tuple[Tile, Tile]:
        return total + i * k, total

    carried: tuple[Tile, ...] = tl.fori_loop(2, 7, step, tl.zeros((N,), INT32), i)
    return carried


def _exp2_bound(x: Raw, value: Raw) -> Raw:
    """exp2 as exp(x * fl(log 2)): two roundings of the argument, felt |x log 2| times, and exp's own."""
    return np.asarray((2 * np.abs(x) * np.log(2) + 8) * F32.unit_roundoff * np.abs(value))


def _log2_bound(x: Raw, value: Raw) -> Raw:
    """log2 as log(x) * fl(1 / log 2): the two roundings and log's own, relative to the result."""
    return np.asarray(8 * F32.unit_roundoff * np.abs(value))


def _sqrt_bound(x: Raw, value: Raw) -> Raw:
    """One unit in the last place: GPUs have an approximate square root."""
    return np.asarray(2 * F32.unit_roundoff * np.abs(value))


SAMPLES: dict[Opcode, Sample] = {
    Opcode.CONST: Sample(
        inputs={"i": INTEGERS},
        tiles=lambda _: (tl.full((N,), 0.1, F32), tl.full((N,), -7, INT32), tl.full((N,), float("-inf"), F32)),
        expected=lambda _: (np.full(N, 0.1, np.float32), np.full(N, -7, np.int32), np.full(N, -np.inf, np.float32)),
        results=(F32, INT32, F32),
    ),
    Opcode.ARANGE: Sample(
        inputs={"i": INTEGERS},
        tiles=lambda i: i * 0 + tl.arange(N),
        expected=lambda _: np.arange(N, dtype=np.int32),
        results=(INT32,),
    ),
    Opcode.LOAD: Sample(
        inputs={"i": INTEGERS, "u": np.arange(N, dtype=np.uint8)},
        tiles=lambda i, u: (i, u),
        expected=lambda i, u: (i, u),
        results=(INT32, UINT8),
    ),
    Opcode.NEG: Sample(
        inputs={"x": FLOATS, "i": INTEGERS},
        tiles=lambda x, i: (-x, -i),
        expected=lambda x, i: (-x, -i),
        results=(F32, INT32),
    ),
    Opcode.ABS: Sample(
        # The sign bit of a NaN is cleared too: quantisers compare magnitudes as integers.
        inputs={"x": np.concatenate([FLOATS[:-2], -np.array([np.nan, 0], np.float32)]), "i": INTEGERS},
        tiles=lambda x, i: (tl.absolute(x).bitcast(INT32), tl.absolute(i)),
        expected=lambda x, i: (bits(x) & 0x7FFFFFFF, np.abs(i)),
        results=(INT32, INT32),
    ),
    Opcode.NOT: Sample(inputs={"i": INTEGERS}, tiles=lambda i: ~(i > 0), expected=lambda i: ~(i > 0), results=(BOOL,)),
    Opcode.EXP2: _float(tl.exp2, lambda x: np.exp2(x.astype(np.float64)), HALVES * np.float32(3.7), _exp2_bound),
    Opcode.LOG2: _float(tl.log2, lambda x: np.log2(x.astype(np.float64)), POSITIVE + np.float32(4), _log2_bound),
    Opcode.SQRT: _float(tl.sqrt, lambda x: np.sqrt(x.astype(np.float64)), POSITIVE, _sqrt_bound),
    Opcode.FLOOR: _float(tl.floor, np.floor, np.where(np.abs(FLOATS) < 1e6, FLOATS, HALVES)),
    Opcode.ROUND: _float(_rounded, lambda x: np.rint(x) + np.float32(0), HALVES),
    Opcode.ADD: _infix(lambda a, b: a + b),
    Opcode.SUB: _infix(lambda a, b: a - b),
    Opcode.MUL: Sample(
        inputs={"x": FLOATS, "y": OTHERS, "i": INTEGERS, "j": DIVISORS},
        tiles=lambda x, y, i, j: (x * y, i * j),
        expected=lambda x, y, i, j: (x * y, i * j),
        results=(F32, INT32),
    ),
    Opcode.DIV: Sample(
        inputs={"x": FINITE, "y": OTHERS},
        # By a constant and by one run-time value, too: compilers like to multiply by the inverse.
        tiles=lambda x, y: (x / y, 1.0 / y, x / 3.0, x / tl.full((N,), 127.0, F32), x / tl.reduce_max(x, 0)),
        expected=lambda x, y: (x / y, np.float32(1) / y, x / np.float32(3), x / np.float32(127), x / x.max()),
        results=(F32,) * 5,
    ),
    Opcode.IDIV: _integers(lambda a, b: a // b, COUNTS, DIVISORS),
    Opcode.IMOD: _integers(lambda a, b: a % b, COUNTS, DIVISORS),
    Opcode.MIN: Sample(
        inputs={"x": FLOATS, "y": OTHERS, "i": INTEGERS, "j": OTHER_INTEGERS},
        tiles=lambda x, y, i, j: (tl.minimum(x, y), tl.minimum(i, j), tl.minimum(3, i)),
        expected=lambda x, y, i, j: (np.minimum(x, y), np.minimum(i, j), np.minimum(np.int32(3), i)),
        results=(F32, INT32, INT32),
    ),
    Opcode.MAX: Sample(
        inputs={"x": FLOATS, "y": OTHERS, "i": INTEGERS, "j": OTHER_INTEGERS},
        tiles=lambda x, y, i, j: (tl.maximum(x, y), tl.maximum(i, j), tl.maximum(x, -2.0)),
        expected=lambda x, y, i, j: (np.maximum(x, y), np.maximum(i, j), np.maximum(x, np.float32(-2))),
        results=(F32, INT32, F32),
    ),
    Opcode.AND: _logical(lambda a, b: a & b),
    Opcode.OR: _logical(lambda a, b: a | b),
    Opcode.XOR: _logical(lambda a, b: a ^ b),
    Opcode.SHL: _integers(lambda a, b: a << b, COUNTS & 0xFFFF, SHIFTS),  # into the sign bit, and beyond it
    Opcode.SHR: _integers(lambda a, b: a >> b, INTEGERS, SHIFTS),
    Opcode.EQ: _infix(lambda a, b: a == b, truth=True),
    Opcode.NE: _infix(lambda a, b: a != b, truth=True),
    Opcode.LT: _infix(lambda a, b: a < b, truth=True),
    Opcode.LE: _infix(lambda a, b: a <= b, truth=True),
    Opcode.GT: _infix(lambda a, b: a > b, truth=True),
    Opcode.GE: _infix(lambda a, b: a >= b, truth=True),
    Opcode.SELECT: Sample(
        inputs={"x": FLOATS, "y": WITH_NAN, "i": INTEGERS},
        tiles=lambda x, y, i: (
            tl.where(i > 0, x, y),
            tl.where(x == x, 1.0, y),
            tl.where(i > 0, x.to(E4M3), y.to(E4M3)),
        ),
        expected=lambda x, y, i: (
            np.where(i > 0, x, y),
            np.ones(N, np.float32),
            np.where(i > 0, E4M3.encode(x), E4M3.encode(y)),
        ),
        results=(F32, F32, E4M3),
    ),
    Opcode.CAST: Sample(
        inputs={"x": FLOATS, "i": INTEGERS, "u": np.arange(192, 256, dtype=np.uint8)},
        tiles=_casts,
        expected=_numpy_casts,
        results=(BF16, F32, INT32, INT32, UINT8, INT32, E4M3),
    ),
    Opcode.BITCAST: Sample(
        inputs={"x": FLOATS, "i": COUNTS & 0x3FFFFFFF, "u": np.arange(192, 256, dtype=np.uint8)},
        tiles=_bitcasts,
        expected=_numpy_bitcasts,
        results=(INT32, F32, INT16, INT8),
    ),
    Opcode.SUM: _along(tl.reduce_sum, lambda x, axis: np.sum(x, axis=axis, dtype=x.dtype)),
    Opcode.AMAX: _along(tl.reduce_max, np.max),
    Opcode.AMIN: _along(tl.reduce_min, np.min),
    Opcode.CUMSUM: _along(tl.cumsum, lambda x, axis: np.cumsum(x, axis=axis, dtype=x.dtype)),
    Opcode.DOT: Sample(
        inputs={"a": A, "b": B, "c": C},
        tiles=lambda a, b, c: (
            tl.dot(a, b),
            tl.dot(a, b, c),
            tl.dot(a.to(BF16), b.to(BF16), c),
            tl.dot(a.to(F16), b.to(F16)),
            tl.dot(a.to(E4M3), b.to(E4M3), c),
        ),
        expected=lambda a, b, c: (a @ b, c + a @ b, c + a @ b, a @ b, c + a @ b),
        results=(F32,) * 5,
    ),
    Opcode.RESHAPE: Sample(
        inputs={"x": WHOLE}, tiles=lambda x: x.reshape(16, 32), expected=lambda x: x.reshape(16, 32)
    ),
    Opcode.EXPAND: Sample(
        inputs={"x": FLOATS, "y": WHOLE},
        tiles=lambda x, y: (x[None, :], y[:, None, :, None, :], x[:, None] * 2.0),
        expected=lambda x, y: (x[None, :], y[:, None, :, None, :], x[:, None] * np.float32(2)),
        results=(F32, F32, F32),
    ),
    Opcode.BROADCAST: Sample(
        inputs={"x": FLOATS, "u": np.arange(N, dtype=np.uint8)},
        tiles=lambda x, u: (x[:, None].broadcast(N, 4), u[None, :].broadcast(2, N)),
        expected=lambda x, u: (np.broadcast_to(x[:, None], (N, 4)), np.broadcast_to(u, (2, N))),
        results=(F32, UINT8),
    ),
    Opcode.TRANSPOSE: Sample(
        inputs={"x": WHOLE},
        tiles=lambda x: (x.transpose(), x.transpose(1, 0, 2), x.transpose(2, 0, 1)),
        expected=lambda x: (x.transpose(), x.transpose(1, 0, 2), x.transpose(2, 0, 1)),
        results=(F32, F32, F32),
    ),
    Opcode.SPLIT: Sample(
        inputs={"x": FLOATS, "i": INTEGERS.reshape(4, 16)},
        tiles=lambda x, i: (*tl.split_pairs(x), *tl.split_pairs(i)),
        expected=lambda x, i: (x[::2], x[1::2], i[:, ::2], i[:, 1::2]),
        results=(F32, F32, INT32, INT32),
    ),
    Opcode.JOIN: Sample(
        inputs={"x": HALVES, "y": FLOATS, "i": INTEGERS.reshape(8, 8), "j": OTHER_INTEGERS.reshape(8, 8)},
        tiles=lambda x, y, i, j: (tl.join_pairs(x, y), tl.join_pairs(i, j)),
        expected=lambda x, y, i, j: (np.stack([x, y], -1).reshape(-1), np.stack([i, j], -1).reshape(8, 16)),
        results=(F32, INT32),
    ),
    Opcode.NIBBLE: Sample(
        inputs={"u": np.arange(256, dtype=np.uint8)},
        tiles=lambda u: tuple(tl.nibble(u, high, form) for high in (False, True) for form in (BF16, F16)),
        expected=lambda u: tuple(
            form.encode((u >> shift & 15).astype(np.float64) - 8) for shift in (0, 4) for form in (BF16, F16)
        ),
        results=(BF16, F16, BF16, F16),
    ),
    Opcode.FOR: Sample(
        inputs={"i": INTEGERS},
        tiles=_loop,
        expected=lambda i: (i * 20, i * 14),
        results=(INT32, INT32),
    ),
}
# Operations that a kernel of fixed sizes cannot show; tested by name below.
ELSEWHERE = {
    Opcode.SIZE: "test_size",
    Opcode.PROGRAM_ID: "test_program_id",
    Opcode.STORE: "test_program_id",
    Opcode.LOAD_BLOCK: "test_blocks",
    Opcode.STORE_BLOCK: "test_blocks",
    Opcode.DESCRIPTOR: "test_blocks",
    Opcode.WHEN: "test_when",
}


def _indices(shape: tuple[int, ...]) -> tuple[Tile, ...]:
    """Index tiles of a whole array."""
    keys = [tuple(slice(None) if d == axis else None for d in range(len(shape))) for axis in range(len(shape))]
    return tuple(tl.arange(size)[key] for size, key in zip(shape, keys, strict=True))


def _kernel(code: Opcode, sample: Sample, expected: tuple[Raw, ...]) -> Any:
    def body(p: Any) -> None:
        tiles = sample.tiles(*(tl.load(getattr(p, name), _indices(x.shape)) for name, x in sample.inputs.items()))
        for number, tile in enumerate(tiles if isinstance(tiles, tuple) else (tiles,)):
            out = getattr(p, f"out{number}")
            stored = tile.to(UINT8) if tile.element == BOOL else tile
            tl.store(out, _indices(tile.shape), stored)

    body.__name__ = f"do_{code.value}"
    inputs: dict[str, Any] = {name: (x.shape, FORMATS[x.dtype]) for name, x in sample.inputs.items()}
    outputs: dict[str, Any] = {}
    for number, (form, value) in enumerate(zip(sample.results, expected, strict=True)):
        outputs[f"out{number}"] = (value.shape, UINT8 if form == BOOL else form)
    return tiny(body, inputs, outputs)


def _expected(sample: Sample) -> tuple[Raw, ...]:
    with np.errstate(all="ignore"):
        results = sample.expected(*sample.inputs.values())
    return results if isinstance(results, tuple) else (results,)


KERNELS = {code: _kernel(code, sample, _expected(sample)) for code, sample in SAMPLES.items()}
each_implementation = pytest.mark.parametrize("implementation", implementations())


def test_every_operation_has_a_sample() -> None:
    assert SAMPLES.keys() | ELSEWHERE.keys() == set(Opcode)
    assert set(ELSEWHERE.values()) <= globals().keys()


@pytest.mark.parametrize("code", SAMPLES, ids=lambda code: code.value)
def test_sample_contains_its_operation(code: Opcode) -> None:
    program = program_of(KERNELS[code], SAMPLES[code].inputs)
    assert code in {op.code for op in walk(program.ops)}


@each_implementation
@pytest.mark.parametrize("code", SAMPLES, ids=lambda code: code.value)
def test_operation(code: Opcode, implementation: str) -> None:
    sample = SAMPLES[code]
    results = run(KERNELS[code], sample.inputs, implementation)
    for number, (form, want) in enumerate(zip(sample.results, _expected(sample), strict=True)):
        got = results[f"out{number}"]
        if sample.bound is not None:
            error = np.abs(F32.decode(got) - want)
            assert (error <= sample.bound(sample.inputs["x"].astype(np.float64), want)).all(), error.max()
        elif form == F32:
            nan = np.isnan(want)
            np.testing.assert_array_equal(np.isnan(F32.decode(got)), nan)
            np.testing.assert_array_equal(got[~nan], bits(want.astype(np.float32))[~nan])
        else:
            np.testing.assert_array_equal(got, bits(np.asarray(want, np.uint8 if form == BOOL else None)))


@each_implementation
def test_size(implementation: str) -> None:
    rows = Axis(name="R")

    def body(p: Any) -> None:
        tl.store(p.out, (tl.arange(4),), tl.arange(4) * p.R + 1)

    x = np.zeros(37, np.float32)
    results = run(tiny(body, {"x": ((rows,), F32)}, {"out": ((4,), INT32)}, axes=(rows,)), {"x": x}, implementation)
    np.testing.assert_array_equal(results["out"], [1, 38, 75, 112])


@each_implementation
def test_program_id(implementation: str) -> None:
    def body(p: Any) -> None:
        i, j, k = (tl.program_id(axis) for axis in range(3))
        tl.store(p.out, (i, j, k), i * 100 + j * 10 + k)

    op = tiny(body, {"x": ((1,), INT32)}, {"out": ((2, 3, 5), INT32)}, grid=(2, 3, 5))
    results = run(op, {"x": np.zeros(1, np.int32)}, implementation)
    i, j, k = np.indices((2, 3, 5))
    np.testing.assert_array_equal(results["out"], i * 100 + j * 10 + k)


@each_implementation
def test_blocks(implementation: str) -> None:
    """Bounds are in test_blocks.py, descriptors in test_descriptors.py."""
    rows = Axis(name="R")

    def body(p: Any) -> None:
        block = ds(tl.program_id(0) * 4, 4)
        store_block(p.out, (block,), load_block(p.x, (block,)) + 1)

    x = np.arange(7, dtype=np.int32)
    op = tiny(body, {"x": ((rows,), INT32)}, {"out": ((rows,), INT32)}, axes=(rows,), grid=(2,))
    np.testing.assert_array_equal(run(op, {"x": x}, implementation)["out"], x + 1)


@each_implementation
def test_when(implementation: str) -> None:
    """Branches with more to them are in test_branches."""

    def body(p: Any) -> None:
        i = tl.program_id(0)
        tl.when(i % 3 == 1, lambda: tl.store(p.out, (i,), i * 10))
        tl.when(i % 3 != 1, lambda: tl.store(p.out, (i,), -i))

    op = tiny(body, {"x": ((1,), INT32)}, {"out": ((7,), INT32)}, grid=(7,))
    results = run(op, {"x": np.zeros(1, np.int32)}, implementation)
    np.testing.assert_array_equal(results["out"].view(np.int32), [0, 10, -2, -3, 40, -5, -6])
