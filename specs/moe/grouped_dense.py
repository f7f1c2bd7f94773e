"""grouped_gemm: rows of experts times the experts' unquantised weights.

    C[r, n] = sum_k A[s(r), k] B[e(r)][k, n] + bias[e(r), n]      s(r) = order[r] // topk, or r without an order

Expert e has the rows offsets[e] <= r < offsets[e + 1], the first one those from 0 on; it may have none. Rows after the
last expert's are zeros. Sums and the bias are float32, and C is rounded once. Entries of the order out of range read
the first or the last row of A. With invariant=True a row of C has the same bits whatever the other rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.gemm.scaled import invariant, tunables, weight_order
from specs.gemm.tiles import span
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.kernel import Array, Kernel
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Op, Reference, definition_of, single
from specs.lang.formats.elements import BF16, F16
from specs.moe import grouped
from specs.moe.grouped import TA, E, K, N, activations, case, finish, steps_of, tile_of
from specs.tile.blocks import load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import dot, fori_loop, zeros
from specs.tuned import everywhere


def grouped_gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of one expert."""
    at, cols = tile_of(p)

    def step(k: Tile, acc: Tile) -> Tile:
        depth = span(k, p.BLOCK_K)
        return dot(activations(p, at, depth), load_block(p.b, (at.expert, depth, cols)), acc)

    acc = fori_loop(0, steps_of(p, at, p.BLOCK_K), step, zeros((p.BLOCK_M, p.BLOCK_N)))
    finish(p, acc, at, cols)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    swap = inputs["weight_order"] == "nk"
    return grouped.oracle(inputs, inputs["a"], lambda e: inputs["b"][e].T if swap else inputs["b"][e])


_KERNEL = Kernel(
    name="grouped_gemm",
    doc="Products of the rows of experts with the experts' unquantised weights.",
    axes=grouped.AXES,
    arrays=(
        Array(name="a", doc="activations", shapes=((TA, K),), formats=(BF16, F16)),
        Array(
            name="b",
            doc="weights of experts",
            shapes=((E, K, N),),
            formats="a",
            order="weight_order",
            layout=Dense(inner=Inner.EITHER),
        ),
        *grouped.routing(),
        grouped.bias(),
        grouped.result("a"),
    ),
    attributes=(weight_order(" is"), grouped.topk(), invariant()),
    tunables=tunables(),
    configs=everywhere("grouped_gemm", **grouped.classes()),
    static_conditions=grouped.static_conditions(),
    grid=grouped.grid(),
    body=grouped_gemm,
)

GROUPED_GEMM: Op = single(
    _KERNEL,
    family="moe",
    definition=definition_of(__doc__),
    source="MegaBlocks (Gale et al., 2022), dropless mixture of experts",
    constraints=(grouped.ORDER_FITS,),
    sample=grouped.sample,
    oracle=oracle,
    accuracy=(("c", Accuracy(terms=K, extra=2)),),
    cases=(
        case("decode", 5, 12, 72, 96, 6, ("bias",)),
        case("many-rows", 150, 3, 40, 72, formats=(("a", F16), ("bias", F16))),
        case("gathered", 67, 4, 64, 136, 2, attributes={"invariant": True}, formats=(("bias", BF16),)),
        case("kn", 9, 2, 33, 64, attributes={"weight_order": "kn"}),
        case("no-rows", 0, 4, 32, 64, 2),
        case("prefill", 4096, 256, 4096, 4096, 6, ("bias",), large=True, golden=True),
    ),
)
