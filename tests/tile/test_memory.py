"""Loads, stores and grids: masks, arrays of any rank and stride, 64-bit offsets, chunks of the grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specs.lang.declare.axes import Axis, cdiv
from specs.lang.declare.kernel import Rows
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import BF16, E4M3, E5M2, E8M0, F16, F32, INT8, INT32, UINT8, ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.interpret import executor
from specs.tile.ir import Opcode, walk
from specs.tile.language import arange, fori_loop, load, program_id, reduce_sum, store, where
from tests.tile.kernels import bits, coded, implementations, launch_of, program_of, run, run_numpy, tiny, widened

each_implementation = pytest.mark.parametrize("implementation", implementations())
ON_CPU = [name.removeprefix("torch:") for name in ("torch:eager", "torch:interpret") if name in implementations()]
FAR = 1 << 30  # an index that no array has
R, C = Axis(name="R"), Axis(name="C")


def masked_copy(p: Any) -> None:
    """y[i, j] = x[i, j] inside, and indices that lie far outside wherever the mask is false."""
    rows = program_id(0) * 4 + arange(4)
    columns = arange(8)
    inside = (rows < p.R)[:, None] & (columns < p.C)[None, :]
    far = ((1 - columns % 2 * 2) * FAR)[None, :]
    i = where(inside, rows[:, None], far)
    j = where(inside, columns[None, :], far)
    x = load(p.x, (i, j), inside, other=-1)
    codes = load(p.codes, (i, j), inside, other=2.0)
    store(p.y, (i, j), x + 1.0, inside)
    store(p.sums, (rows,), reduce_sum(x, 1), rows < p.R)
    store(p.copied, (i, j), codes, inside)
    every = load(p.codes, (i, j), inside, other=2.0)
    store(p.padded, (rows[:, None], columns[None, :]), every, (rows < p.R)[:, None])


@each_implementation
@pytest.mark.parametrize("shape", [(4, 8), (7, 5), (1, 1), (9, 7)])
def test_masks(shape: tuple[int, int], implementation: str, rng: np.random.Generator) -> None:
    inputs: Any = {"x": ((R, C), F32), "codes": ((R, C), E4M3)}
    outputs: Any = {"y": ((R, C), F32), "sums": ((R,), F32), "copied": ((R, C), E4M3), "padded": ((R, 8), E4M3)}
    op = tiny(masked_copy, inputs, outputs, axes=(R, C), grid=(cdiv(R, 4),))
    x = rng.integers(-99, 99, shape).astype(np.float32)
    codes = coded(rng.integers(0, 256, shape).astype(np.uint8), E4M3)
    results = run(op, {"x": x, "codes": codes}, implementation)
    np.testing.assert_array_equal(results["y"], bits(x + 1))
    np.testing.assert_array_equal(results["copied"], bits(codes))
    # Elements that are not there are `other`, not what lies behind the row.
    np.testing.assert_array_equal(results["sums"], bits((x.sum(1) - (8 - shape[1])).astype(np.float32)))
    filled = np.full((shape[0], 8), E4M3.encode(2.0), np.uint8)
    filled[:, : shape[1]] = bits(codes)
    np.testing.assert_array_equal(results["padded"], filled)


@each_implementation
def test_arrays_without_dimensions(implementation: str) -> None:
    def body(p: Any) -> None:
        store(p.y, (arange(4),), load(p.x, ()) + arange(4).to(F32))
        store(p.twice, (), load(p.x, ()) * 2.0)

    op = tiny(body, {"x": ((), F32)}, {"y": ((4,), F32), "twice": ((), F32)})
    results = run(op, {"x": np.array(1.25, np.float32)}, implementation)
    np.testing.assert_array_equal(results["y"], bits(np.array([1.25, 2.25, 3.25, 4.25], np.float32)))
    np.testing.assert_array_equal(results["twice"], bits(np.float32(2.5)))
    assert results["twice"].shape == ()


def add_one(p: Any) -> None:
    """y = x + 1 by blocks of 4 rows."""
    rows = program_id(0) * 4 + arange(4)
    columns = arange(2)
    inside = (rows < p.R)[:, None]
    x = load(p.x, (rows[:, None], columns[None, :]), inside)
    store(p.y, (rows[:, None], columns[None, :]), x + 1.0, inside)


ADD_ONE = tiny(add_one, {"x": ((Rows(R), 2), F32)}, {"y": ((Rows(R), 2), F32)}, axes=(R,), grid=(cdiv(R, 4),))
LEADS = {
    "collapses": (3, 5, 2),
    "gap": (3, 5, 4),
    "gap-after-gap": (2, 3, 5, 4),
}


@pytest.mark.parametrize("case", LEADS)
@pytest.mark.parametrize("implementation", ON_CPU)
def test_leading_dimensions_that_do_not_collapse(case: str, implementation: str) -> None:
    import torch

    from torch_impl.launch import run as run_op

    shape = LEADS[case]
    full = torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(shape)
    if case == "collapses":
        x, lead = full, 1
    elif case == "gap":
        x, lead = full[:, :3, :2], 2
    else:
        x, lead = full[:, :2, :3, :2], 3
    strides = {"x": x.stride()}
    launch = launch_of(ADD_ONE, {"x": x.numpy()}, strides=strides)
    assert launch.program.array("x").rank == lead + 1
    (y,) = run_op(ADD_ONE, (x,), (), implementation)
    assert y.shape == x.shape
    assert torch.equal(y, x + 1)


@pytest.mark.parametrize("offsets", [False, True], ids=["packed", "masked-far"])
def test_wide_offsets_change_nothing_in_numpy(offsets: bool, rng: np.random.Generator) -> None:
    x = rng.standard_normal((7, 2)).astype(np.float32)
    if offsets:
        op = tiny(masked_copy, *_masked_arrays(), axes=(R, C), grid=(cdiv(R, 4),))
        arrays = {"x": x, "codes": coded(rng.integers(0, 256, x.shape).astype(np.uint8), E4M3)}
    else:
        op, arrays = ADD_ONE, {"x": x}
    narrow, wide = run_numpy(op, arrays), run_numpy(op, arrays, widened)
    assert narrow.keys() == wide.keys()
    for name, want in narrow.items():
        np.testing.assert_array_equal(wide[name], want)


def _masked_arrays() -> tuple[Any, Any]:
    inputs: Any = {"x": ((R, C), F32), "codes": ((R, C), E4M3)}
    outputs: Any = {"y": ((R, C), F32), "sums": ((R,), F32), "copied": ((R, C), E4M3), "padded": ((R, 8), E4M3)}
    return inputs, outputs


@pytest.mark.parametrize("implementation", ON_CPU)
def test_wide_offsets_reach_beyond_32_bits_in_torch(implementation: str) -> None:
    """A view whose strides, not its size, take offsets beyond 2**31; most of the memory behind it is never touched."""
    import torch

    from torch_impl.launch import run as run_op

    stride = (1 << 31) // 5 + 64
    memory = torch.empty(stride * 5 + 2, dtype=torch.uint8)
    x = memory.as_strided((6, 2), (stride, 1))
    x.copy_(torch.arange(12, dtype=torch.uint8).reshape(6, 2))
    op = tiny(negate_bytes, {"x": ((Rows(R), 2), UINT8)}, {"y": ((Rows(R), 2), UINT8)}, axes=(R,), grid=(cdiv(R, 4),))
    launch = launch_of(op, {"x": np.zeros((6, 2), np.uint8)}, strides={"x": x.stride()})
    assert launch.program.wide
    (y,) = run_op(op, (x,), (), implementation)
    assert torch.equal(y, 255 - x.clone())


def negate_bytes(p: Any) -> None:
    """y = 255 - x."""
    rows = program_id(0) * 4 + arange(4)
    inside = (rows < p.R)[:, None]
    x = load(p.x, (rows[:, None], arange(2)[None, :]), inside).to(INT32)
    store(p.y, (rows[:, None], arange(2)[None, :]), (255 - x).to(UINT8), inside)


def test_wide_offsets_are_refused_by_jax_without_64_bit_integers() -> None:
    from jax_impl.xla.arrayops import JAX_OPS
    from specs.lang.formats.elements import INT64

    with pytest.raises(Unsupported, match="jax_enable_x64"):
        JAX_OPS.cast(np.zeros(3, np.int32), INT64)


def unguarded(p: Any) -> None:
    """y[i] = sum of x[i, :i + 1] + x[i, 0], without masks: a point behind the grid would read past the end."""
    i = program_id(0) * p.W + program_id(1)
    first = load(p.x, (i, 0))

    def step(k: Tile, total: Tile) -> Tile:
        return total + load(p.x, (i, k))

    store(p.y, (i,), fori_loop(0, i + 1, step, first))


@pytest.mark.parametrize("implementation", ["numpy", "torch:eager", "jax:xla"])
@pytest.mark.parametrize("elements", [1, 2, 4, 5, 15, 16])
def test_chunks_of_the_grid(
    elements: int, implementation: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    height, width = Axis(name="H"), Axis(name="W")
    x = rng.integers(-99, 99, (15, 15)).astype(np.float32)
    shape = np.zeros((3, 5), np.float32)
    inputs: Any = {"x": ((height * width, height * width), F32), "shape": ((height, width), F32)}
    outputs: Any = {"y": ((height * width,), F32)}
    op = tiny(unguarded, inputs, outputs, axes=(height, width), grid=(height, width))
    assert max(v.type.size for o in walk(program_of(op, {"x": x, "shape": shape}).ops) for v in o.results) == 1
    monkeypatch.setattr(executor, "_CHUNK_ELEMENTS", elements)  # that many grid points at once
    results = run(op, {"x": x, "shape": shape}, implementation)
    expected = [x[i, : i + 1].sum() + x[i, 0] for i in range(15)]
    np.testing.assert_array_equal(results["y"], bits(np.array(expected, np.float32)))


@pytest.mark.parametrize("implementation", ["numpy", "torch:eager", "jax:xla"])
@pytest.mark.parametrize("elements", [1, 32, 64, 96, 1 << 20])
def test_chunks_of_masked_tiles(
    elements: int, implementation: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    op = tiny(masked_copy, *_masked_arrays(), axes=(R, C), grid=(cdiv(R, 4),))
    x = rng.integers(-99, 99, (19, 7)).astype(np.float32)
    codes = coded(rng.integers(0, 256, x.shape).astype(np.uint8), E4M3)
    whole = run(op, {"x": x, "codes": codes}, "numpy")
    monkeypatch.setattr(executor, "_CHUNK_ELEMENTS", elements)
    parts = run(op, {"x": x, "codes": codes}, implementation)
    for name, want in whole.items():
        np.testing.assert_array_equal(parts[name], want, err_msg=name)


@each_implementation
@pytest.mark.parametrize("form", [E4M3, E5M2, E8M0, BF16, F16, UINT8, INT8], ids=lambda form: form.name)
def test_copies_keep_every_bit(form: ElementFormat, implementation: str) -> None:
    """Loads and stores move codes. Only in formats that are computed in may one NaN become another."""
    codes = coded(np.arange(1 << form.bits, dtype=f"uint{form.bits}"), form)

    def copy(p: Any) -> None:
        at = arange(1 << form.bits)
        mask = at != 5
        store(p.y, (at,), load(p.x, (at,)))
        store(p.z, (at,), load(p.x, (at,), mask, other=1.0 if form.is_float else 1))

    count = 1 << form.bits
    op = tiny(copy, {"x": ((count,), form)}, {"y": ((count,), form), "z": ((count,), form)})
    results = run(op, {"x": codes}, implementation)
    filled = np.where(np.arange(count) == 5, form.encode(1.0), bits(codes))
    if form.bits == 16:
        nan = np.isnan(form.decode(bits(codes)))
        assert np.isnan(form.decode(results["y"][nan])).all()
        results, codes, filled = {name: raw[~nan] for name, raw in results.items()}, codes[~nan], filled[~nan]
    np.testing.assert_array_equal(results["y"], bits(codes))
    np.testing.assert_array_equal(results["z"], filled)


@each_implementation
def test_empty_grid(implementation: str) -> None:
    results = run(ADD_ONE, {"x": np.zeros((0, 2), np.float32)}, implementation)
    assert results["y"].shape == (0, 2)


def test_stores_are_operations_of_their_own() -> None:
    program = program_of(ADD_ONE, {"x": np.zeros((3, 2), np.float32)})
    assert [op.code for op in program.ops].count(Opcode.STORE) == 1
