"""bmm: products of unquantised activations, one weight per batch, with the rows of all batches side by side.

    C[m, g, n] = sum_k A[m, g, k] B[g, k, n]

einsum("mgk,gnk->mgn") with weight_order="nk". Products are exact where a and b are 16-bit, sums are float32, and C is
rounded once. With invariant=True a row of C has the same bits whatever the number of rows. `fp8_bmm` is the same with
scales, batch after batch: A [g, m, k].

DeepSeek-V4 projects groups of heads so; a and b are its rotated attention output (`rotary_embedding` with inverse=True)
and wo_a.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.gemm.dense import CONFIGS, WIDE, multiplied, weight
from specs.gemm.dequant import Factors, Operands
from specs.gemm.scaled import G, K, M, N, grid, invariant, static_conditions, tunables, weight_order
from specs.gemm.tiles import span, tile_position
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, FrameworkProduct, Independent, Op, Reference, definition_of, single
from specs.lang.formats.elements import BF16, F16, F32, ElementFormat
from specs.tile.blocks import UNDEFINED, load_block, store_block
from specs.tile.interpret.arrayops import ArrayOps
from specs.tile.language import program_id

_ROWS_FIRST = (1, 0, 2)  # batches and rows, exchanged


def bmm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of one batch of C."""
    batch, (tile_m, tile_n) = program_id(1), tile_position(p)
    rows, cols = span(tile_m, p.BLOCK_M, UNDEFINED), span(tile_n, p.BLOCK_N, UNDEFINED)
    acc = multiplied(
        p,
        lambda depth: load_block(p.a, (rows, batch, depth)),
        lambda depth: load_block(p.b, (batch, depth, cols)),
    )
    store_block(p.c, (rows, batch, cols), acc.to(p.c.element))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    order = "mgk,gnk->mgn" if inputs["weight_order"] == "nk" else "mgk,gkn->mgn"
    a, b = inputs["a"], inputs["b"]
    return {"c": Reference(value=np.einsum(order, a, b), magnitude=np.einsum(order, np.abs(a), np.abs(b)))}


def _activations(ops: ArrayOps, given: Operands) -> Factors:
    values = ops.cast(ops.transpose(given.arrays["a"], _ROWS_FIRST), F32)
    return Factors(values=values, order=_ROWS_FIRST)


_KERNEL = Kernel(
    name="bmm",
    doc="Products of unquantised activations, one weight per batch.",
    axes=(G, M, N, K),
    arrays=(
        Array(name="a", doc="activations", shapes=((M, G, K),), formats=WIDE),
        Array(
            name="b",
            doc="weight of every batch",
            shapes=((G, K, N),),
            formats="a",
            order="weight_order",
            layout=Dense(inner=Inner.EITHER),
        ),
        Array(name="c", doc="result", shapes=((M, G, N),), formats="out_dtype", access=Access.OUT),
    ),
    attributes=(
        weight_order(" is"),
        Attribute(name="out_dtype", kind=ElementFormat, follows="a", choices=WIDE, doc="format of the result"),
        invariant(),
    ),
    tunables=tunables(),
    configs=CONFIGS,
    static_conditions=static_conditions(),
    grid=(*grid(), G),
    body=bmm,
)


def _case(name: str, m: int, g: int, n: int, k: int, **fields: Any) -> Case:
    attributes = {"weight_order": "nk", **fields.pop("attributes", {})}
    sizes = (("M", m), ("G", g), ("N", n), ("K", k))
    return Case(name=name, sizes=sizes, attributes=tuple(attributes.items()), **fields)


BMM: Op = single(
    _KERNEL,
    family="gemm",
    definition=definition_of(__doc__),
    source="DeepSeek-V4, output projection",
    independent=(Independent(G), Independent(M), Independent(N)),
    oracle=oracle,
    framework_product=FrameworkProduct(weight=weight, activations=_activations, constant=("b",)),
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        _case("o-projection", 9, 4, 96, 256),
        _case("ragged", 17, 3, 72, 136, attributes={"weight_order": "kn", "invariant": True}),
        _case("f16", 5, 2, 40, 64, formats=(("a", F16),), attributes={"out_dtype": F32}),
        _case("f32", 3, 2, 24, 40, formats=(("a", F32),), attributes={"out_dtype": BF16}),
        _case("f16-result", 4, 1, 32, 32, attributes={"out_dtype": F16}),
        _case("no-rows", 0, 2, 64, 32),
        _case("no-batches", 3, 0, 64, 32),
        _case("decode", 64, 8, 1024, 4096, large=True, golden=True),
    ),
)
