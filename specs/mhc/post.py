"""mhc_post: the layer's output and the residual streams mixed into new streams.

    y[t, j, h] = post[t, j] x[t, h] + sum_i comb[t, i, j] residual[t, i, h]

float32 in this order, rounded once, zeros positive. The sum is over the first index of comb.

Source: mHC: Manifold-Constrained Hyper-Connections (DeepSeek-AI, 2025); DeepSeek-V4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Literal, Ref, cdiv
from specs.lang.declare.kernel import Access, Kernel, Tunable
from specs.lang.declare.op import Case, Independent, Op, Reference, definition_of, single
from specs.lang.formats.elements import BF16, F32
from specs.mhc.arrays import SOURCE, STREAMS, H, T, bf16, gate, residual
from specs.tile.blocks import ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import load, program_id, where
from specs.tuned import everywhere

NDArray = np.ndarray[Any, Any]


def post(p: Any) -> None:
    """BLOCK_H columns of the four streams of a row."""
    row, columns = program_id(0), ds(program_id(1) * p.BLOCK_H, p.BLOCK_H)
    x = load_block(p.x, (row, columns)).to(F32)
    streams = [load_block(p.residual, (row, i, columns)).to(F32) for i in range(STREAMS)]
    for j in range(STREAMS):
        comb = [load(p.comb, (row, i, j)) for i in range(STREAMS)]
        y = mixed(load(p.post, (row, j, 0)), comb, x, streams)
        store_block(p.y, (row, j, columns), y.to(BF16))


def mixed(post_j: Tile, comb_j: Sequence[Tile], x: Tile, streams: Sequence[Tile]) -> Tile:
    """One new stream, float32; gates broadcast against the columns."""
    y = post_j * x
    for comb_ij, stream in zip(comb_j, streams, strict=True):
        y = y + comb_ij * stream
    return where(y == 0.0, 0.0, y)


def mixed_reference(post_: NDArray, comb: NDArray, x: NDArray, streams: NDArray) -> Reference:
    """The definition above, float64."""

    def terms(post_: NDArray, comb: NDArray, x: NDArray, streams: NDArray) -> NDArray:
        return np.asarray(post_ * x[..., None, :] + np.einsum("...ij,...ih->...jh", comb, streams))

    given = (post_, comb, x, streams)
    return Reference(value=terms(*given), magnitude=terms(*map(np.abs, given)))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above."""
    return {"y": mixed_reference(inputs["post"], inputs["comb"], inputs["x"], inputs["residual"])}


ACCURACY = Accuracy(terms=Literal(STREAMS + 1), extra=2)


def _case(name: str, t: int, h: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("T", t), ("H", h)), **fields)


KERNEL = Kernel(
    name="mhc_post",
    doc="The layer's output and the residual streams mixed into new streams.",
    axes=(T, H),
    arrays=(
        bf16("x", "output of the layer", H),
        residual(),
        gate("post", "gates of x", STREAMS, 1),
        gate("comb", "mixing matrix of the streams: row i goes to column j", STREAMS, STREAMS),
        residual(Access.OUT, "y"),
    ),
    tunables=(
        Tunable(name="BLOCK_H", values=(128, 256, 512, 1024, 2048), doc="columns per program"),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
    ),
    configs=everywhere("mhc_post"),
    static_conditions=(("even_h", (H % Ref("BLOCK_H")).equals(0)),),
    grid=(T, cdiv(H, Ref("BLOCK_H"))),
    body=post,
)

MHC_POST: Op = single(
    KERNEL,
    family="mhc",
    independent=(Independent(T),),
    definition=definition_of(__doc__),
    source=SOURCE,
    oracle=oracle,
    accuracy=(("y", ACCURACY),),
    cases=(
        _case("ragged", 5, 200),
        _case("even", 3, 512),
        _case("lead", 6, 72, lead=(2, 3)),
        _case("no-rows", 0, 64),
        _case("large", 2048, 4096, large=True, golden=True),
    ),
)
