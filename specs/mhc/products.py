"""Products of every row's streams with fn, and sums of their squares, over `CHUNK` columns of each stream.

The first kernel of every mHC operation that has gates. fn is float32: it is multiplied as three bfloat16 parts that add
up to it exactly, with the bfloat16 streams as they are, so that products are exact on units without float32. Chunks and
tiles do not depend on the number of rows, nor does a row's result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specs.lang.declare.axes import Ref, cdiv
from specs.lang.declare.kernel import Access, Body, Kernel, Tunable
from specs.lang.formats.elements import BF16, F32
from specs.mhc.arrays import CHUNK, COLS, SPLITS, STREAMS, WIDTH, H, T, bf16, gate, parameters, partial, residual
from specs.mhc.post import mixed
from specs.tile.blocks import UNDEFINED, Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import arange, dot, fori_loop, program_id, reduce_sum, where, zeros
from specs.tile.library.codec import is_nan
from specs.tuned import everywhere

Streams = Callable[[Slice, Slice], list[Tile]]
"""From ranges of rows and columns, the bfloat16 tiles of the four streams."""


def stream_products(p: Any) -> None:
    """BLOCK_T rows of one chunk."""

    def streams(rows: Slice, columns: Slice) -> list[Tile]:
        return [load_block(p.residual, (rows, i, columns)) for i in range(STREAMS)]

    products(p, streams)


def new_stream_products(p: Any) -> None:
    """BLOCK_T rows of one chunk, of streams that are mixed here first."""
    rows = _rows(p)
    post = [load_block(p.prev_post, (rows, j, 0))[:, None] for j in range(STREAMS)]
    comb = [[load_block(p.prev_comb, (rows, i, j))[:, None] for i in range(STREAMS)] for j in range(STREAMS)]

    def streams(rows: Slice, columns: Slice) -> list[Tile]:
        x = load_block(p.x, (rows, columns)).to(F32)
        old = [load_block(p.residual, (rows, i, columns)).to(F32) for i in range(STREAMS)]
        # Rounded before they are multiplied: the products are of the streams as stored.
        new = [mixed(post[j], comb[j], x, old).to(BF16) for j in range(STREAMS)]
        for j in range(STREAMS):
            store_block(p.residual_cur, (rows, j, columns), new[j])
        return new

    products(p, streams)


def products(p: Any, streams: Streams) -> None:
    """Products and squares of the tiles that `streams` gives."""
    rows, split = _rows(p), program_id(0)

    def step(k: Tile, acc: Tile, squares: Tile) -> tuple[Tile, Tile]:
        columns = ds(split * CHUNK + k * p.BLOCK_H, p.BLOCK_H)
        for i, x in enumerate(streams(rows, columns)):
            wide = x.to(F32)
            squares = squares + reduce_sum(wide * wide, axis=1)
            # The end of the stream, past which fn has the columns of the next one.
            end = None if p.even_h else (p.H * (i + 1))
            stream = ds(columns.start + p.H * i, p.BLOCK_H, end=end, in_bounds=p.even_h or None)
            weight = load_block(p.fn, (ds(0, WIDTH), stream))
            for part in three_parts(weight):
                acc = dot(x, part.transpose(), acc)
        return acc, squares

    acc, squares = zeros((p.BLOCK_T, WIDTH)), zeros((p.BLOCK_T,))
    acc, squares = fori_loop(0, CHUNK // p.BLOCK_H, step, acc, squares)
    # Rows of fn past its last one were zeros: the first column without a product takes the squares.
    acc = where((arange(WIDTH) == p.COLS)[None, :], squares[:, None], acc)
    store_block(p.partial, (rows, split, ds(0, WIDTH)), acc)


def three_parts(x: Tile) -> tuple[Tile, Tile, Tile]:
    """float32 as three bfloat16 values that add up to it, exactly where no part is subnormal: 8 bits each of its 24."""
    high = x.to(BF16)
    rest = x - high.to(F32)
    rest = where(is_nan(rest), 0.0, rest)  # infinities and NaN have no more parts
    middle = rest.to(BF16)
    return high, middle, (rest - middle.to(F32)).to(BF16)


def _rows(p: Any) -> Slice:
    return ds(program_id(1) * p.BLOCK_T, p.BLOCK_T, padding=UNDEFINED)


def _kernel(name: str, doc: str, body: Body, fused: bool) -> Kernel:
    more = (
        bf16("x", "output of the layer", H),
        gate("prev_post", "gates of x", STREAMS, 1),
        gate("prev_comb", "mixing matrix of the streams", STREAMS, STREAMS),
    )
    return Kernel(
        name=name,
        doc=doc,
        axes=(T, H, COLS, SPLITS),
        arrays=(
            *(more if fused else ()),
            residual(),
            parameters(COLS, 1)[0],
            *((residual(Access.OUT, "residual_cur"),) if fused else ()),
            partial(Access.OUT),
        ),
        tunables=(
            Tunable(name="BLOCK_T", values=(16, 32, 64, 128), doc="rows per program"),
            Tunable(name="BLOCK_H", values=(32, 64, 128), doc="columns of each stream per step"),
            Tunable(name="num_warps", values=(1, 2, 4, 8, 16, 32)),
            Tunable(name="num_stages", values=(1, 2, 3, 4)),
        ),
        # One class of calls: a row's bits must not depend on the number of rows, nor on the fusion.
        configs=everywhere("hc_products"),
        static_conditions=(
            ("even_t", (T % Ref("BLOCK_T")).equals(0)),
            ("even_h", (H % Ref("BLOCK_H")).equals(0)),
        ),
        grid=(SPLITS, cdiv(T, Ref("BLOCK_T"))),
        body=body,
    )


PRODUCTS = _kernel("hc_products", "Products of streams with fn, and their squares.", stream_products, False)
NEW_PRODUCTS = _kernel(
    "hc_post_products", "New streams, their products with fn, and their squares.", new_stream_products, True
)
