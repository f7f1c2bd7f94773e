"""gemm: the product of unquantised activations and an unquantised weight.

    C[m, n] = sum_k A[m, k] B[k, n] + bias[n]

Products are exact where a and b are 16-bit, sums and the bias are float32, and C is rounded once. A float32 weight may
have 16-bit activations, as that of a router, which asks for float32 logits (out_dtype).

With invariant=True a row of C has the same bits whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from specs.gemm.dequant import Factors, Operands, Weight, bias_of, swap
from specs.gemm.oracle import product
from specs.gemm.scaled import FREE_TILES, K, M, N, grid, invariant, static_conditions, tunables, weight_order
from specs.gemm.splits import SPLITS, in_parts
from specs.gemm.tiles import finish, span, step_of, steps_of, tile_position
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Expr, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Config, Constraint, Kernel, Role, Rows
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, FrameworkProduct, Independent, Op, Reference, definition_of
from specs.lang.formats.elements import BF16, F16, F32, ElementFormat
from specs.tile.blocks import UNDEFINED, Slice, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.interpret.arrayops import ArrayOps
from specs.tile.language import cdiv, dot, fori_loop, program_id, zeros
from specs.tuned import tuned

WIDE = (BF16, F16, F32)


def gemm(p: Any) -> None:
    """One [BLOCK_M, BLOCK_N] tile of C, or of one part's share of it."""
    tile_m, tile_n = tile_position(p)
    rows, cols = span(tile_m, p.BLOCK_M, UNDEFINED), span(tile_n, p.BLOCK_N, UNDEFINED)
    split = program_id(1) if p.SPLITS > 1 else None
    acc = multiplied(
        p,
        lambda depth: load_block(p.a, (rows, depth)),
        lambda depth: load_block(p.b, (depth, cols)),
        split,
        p.SPLITS,
    )
    finish(p, acc, rows, cols, split=split)


def multiplied(
    p: Any,
    a_of: Callable[[Slice], Tile],
    b_of: Callable[[Slice], Tile],
    split: Tile | None = None,
    splits: int = 1,
) -> Tile:
    """The sum over K, or a part of it, of products of tiles, each loaded for a range; float32 [BLOCK_M, BLOCK_N]."""

    def step(k: Tile, acc: Tile) -> Tile:
        depth = span(step_of(k, split, splits), p.BLOCK_K)
        a, b = a_of(depth), b_of(depth)
        # A float32 operand makes the other one float32: matrix units would round it.
        wide = F32 if F32 in (a.element, b.element) else a.element
        return dot(a.to(wide), b.to(wide), acc)

    steps = steps_of(cdiv(p.K, p.BLOCK_K), split, splits)
    acc: Tile = fori_loop(0, steps, step, zeros((p.BLOCK_M, p.BLOCK_N)))
    return acc


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition, float64."""
    b = inputs["b"].T if inputs["weight_order"] == "nk" else inputs["b"]
    return {"c": product(inputs["a"], b, inputs.get("bias"))}


def weight(ops: ArrayOps, given: Operands) -> Weight:
    """b as float32 [.., K, N]."""
    values = ops.cast(given.arrays["b"], F32)
    values = swap(ops, values) if given.attributes["weight_order"] == "nk" else values
    return Weight(factors=Factors(values=values), group=None, bias=bias_of(ops, given))


def _activations(ops: ArrayOps, given: Operands) -> Factors:
    a = given.arrays["a"]
    return Factors(values=ops.cast(ops.reshape(a, (prod(a.shape[:-1]), a.shape[-1])), F32))


def _configs() -> tuple[Config, ...]:
    wide = Ref("a_format").equals(F32).or_(Ref("b_format").equals(F32))
    few, some, rows_64 = FREE_TILES.and_(M <= 16), FREE_TILES.and_(M <= 32), FREE_TILES.and_(M <= 64)
    host: dict[str, Expr | None] = {"float32": wide, "rest": None}
    return (
        *tuned("cuda", "gemm", float32=wide, few_rows=few, rows_32=some, rows_64=rows_64, rest=None),
        *tuned("cuda.gluon", "gemm", many_rows=FREE_TILES.and_(M > 64).and_(wide.equals(0))),
        *tuned("xpu", "gemm", float32=wide, few_rows=few, rows_64=rows_64, rest=None),
        *tuned("cpu", "gemm", **host),
        *tuned("interpret", "gemm", **host),
    )


CONFIGS = _configs()
_FREE = Dense(inner=Inner.FREE)
_KERNEL = Kernel(
    name="gemm",
    doc="Product of unquantised activations and weights.",
    axes=(M, N, K, SPLITS),
    arrays=(
        Array(name="a", doc="activations", shapes=((Rows(M), K),), formats=WIDE),
        Array(
            name="b",
            doc="weight",
            shapes=((K, N),),
            formats=WIDE,
            order="weight_order",
            layout=Dense(inner=Inner.EITHER),
        ),
        Array(
            name="bias",
            doc="addend",
            shapes=((N,),),
            formats=(F32, BF16, F16),
            optional=True,
            layout=_FREE,
            role=Role.ADDEND,
        ),
        Array(name="c", doc="result", shapes=((Rows(M), N),), formats="out_dtype", access=Access.OUT),
    ),
    attributes=(
        weight_order(" is"),
        Attribute(name="out_dtype", kind=ElementFormat, follows="a", choices=WIDE, doc="format of the result"),
        invariant(),
    ),
    tunables=tunables(),
    configs=CONFIGS,
    static_conditions=static_conditions(),
    grid=grid(),
    body=gemm,
)


def _case(name: str, m: int, n: int, k: int, absent: tuple[str, ...] = (), **fields: Any) -> Case:
    attributes = {"weight_order": "nk", **fields.pop("attributes", {})}
    sizes = (("M", m), ("N", n), ("K", k))
    return Case(name=name, sizes=sizes, attributes=tuple(attributes.items()), absent=absent, **fields)


GEMM: Op = in_parts(
    _KERNEL,
    family="gemm",
    definition=definition_of(__doc__),
    independent=(Independent(M), Independent(N)),
    constraints=(
        Constraint(
            argument="b",
            holds=Ref("a_format").equals(Ref("b_format")).or_(Ref("b_format").equals(F32)),
            message="in the format of a, or float32",
        ),
    ),
    oracle=oracle,
    framework_product=FrameworkProduct(weight=weight, activations=_activations, constant=("b", "bias")),
    accuracy=(("c", Accuracy(terms=K, extra=8)),),
    cases=(
        _case("one-row", 1, 96, 200, ("bias",), attributes={"out_dtype": BF16}),
        _case("ragged", 33, 67, 136, formats=(("bias", BF16),), attributes={"weight_order": "kn", "invariant": True}),
        _case(
            "f16-lead",
            12,
            64,
            96,
            formats=(("a", F16), ("b", F16), ("bias", F16)),
            attributes={"out_dtype": F16},
            lead=(3, 4),
        ),
        _case("router", 17, 40, 160, ("bias",), formats=(("b", F32),), attributes={"out_dtype": F32}),
        _case("f32", 5, 24, 72, formats=(("a", F32), ("b", F32))),
        _case("splits", 3, 70, 2120, attributes={"out_dtype": F32}),
        _case("no-rows", 0, 64, 32, ("bias",)),
        _case("prefill", 4096, 4096, 4096, ("bias",), large=True, golden=True),
        _case("decode", 1, 4096, 4096, ("bias",), large=True),
    ),
)
