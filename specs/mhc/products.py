"""Products of every row's streams with fn, and sums of their squares, over `CHUNK` columns of each stream.

The first kernel of every mHC operation that has gates. fn is float32: it is multiplied as two bfloat16 parts with the
bfloat16 streams as they are, so that products are exact on units without float32. What they leave out of fn is less
than float32 sums of as many products may lose. Chunks and tiles do not depend on the number of rows, nor does a row's
result.

Rows go from the last to the first: those that `mhc_post` has just written are still in the second-level cache, and the
first ones are when `specs.mhc.gates` reads them again.
"""

from __future__ import annotations

from typing import Any

from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Access, Kernel, Tunable
from specs.lang.formats.elements import BF16, F32
from specs.mhc.arrays import CHUNK, COLS, SPLITS, STREAMS, WIDTH, H, T, parameters, partial, residual
from specs.tile.blocks import UNDEFINED, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, dot, fori_loop, program_id, reduce_sum, where, zeros
from specs.tile.language import cdiv as blocks_of
from specs.tile.library.codec import is_nan
from specs.tuned import everywhere


def products(p: Any) -> None:
    """Products and squares of BLOCK_T rows of one chunk."""
    split, last = program_id(0), blocks_of(p.T, p.BLOCK_T) - 1
    rows = ds((last - program_id(1)) * p.BLOCK_T, p.BLOCK_T, padding=UNDEFINED)

    def step(k: Tile, acc: Tile, squares: Tile) -> tuple[Tile, Tile]:
        # One stream at a time: a short loop over many small tiles hides more of the time that loads take.
        i, columns = k % STREAMS, ds(split * CHUNK + k // STREAMS * p.BLOCK_H, p.BLOCK_H)
        x = load_block(p.residual, (rows, i, columns))
        wide = x.to(F32)
        # Added up by lanes: one reduction after the loop instead of one per step.
        squares = squares + wide * wide
        # The end of the stream, past which fn has the columns of the next one.
        end = None if p.even_h else p.H * (i + 1)
        stream = ds(columns.start + p.H * i, p.BLOCK_H, end=end, in_bounds=p.even_h or None)
        weight = load_block(p.fn, (ds(0, WIDTH), stream))
        for part in two_parts(weight):
            acc = dot(x, part.transpose(), acc)
        return acc, squares

    acc, squares = zeros((p.BLOCK_T, WIDTH)), zeros((p.BLOCK_T, p.BLOCK_H))
    acc, squares = fori_loop(0, CHUNK // p.BLOCK_H * STREAMS, step, acc, squares)
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    acc = where((arange(WIDTH) == p.COLS)[None, :], reduce_sum(squares, axis=1)[:, None], acc)
    store_block(p.partial, (rows, split, ds(0, WIDTH)), acc)


def two_parts(x: Tile) -> tuple[Tile, Tile]:
    """float32 as two bfloat16 values within `PARTS_ERROR` of it, where neither is subnormal."""
    high = x.to(BF16)
    rest = x - high.to(F32)
    return high, where(is_nan(rest), 0.0, rest).to(BF16)  # infinities and NaN have no second part


PRODUCTS = Kernel(
    name="hc_products",
    doc="Products of streams with fn, and their squares.",
    axes=(T, H, COLS, SPLITS),
    arrays=(residual(), parameters(COLS, 1)[0], partial(Access.OUT)),
    tunables=(
        Tunable(name="BLOCK_T", values=(16, 32, 64, 128), doc="rows per program"),
        Tunable(name="BLOCK_H", values=(32, 64, 128), doc="columns of a stream per step"),
        Tunable(name="num_warps", values=(1, 2, 4, 8, 16, 32)),
        Tunable(name="num_stages", values=(1, 2, 3, 4)),
    ),
    # One class of calls: a row's bits must not depend on the number of rows.
    configs=everywhere("hc_products"),
    static_conditions=(
        ("even_t", (T % Ref("BLOCK_T")).equals(0)),
        ("even_h", (H % CHUNK).equals(0)),
    ),
    grid=(SPLITS, cdiv(T, Ref("BLOCK_T"))),
    body=products,
)
