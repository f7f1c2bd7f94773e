"""per_tensor_quant_fp8: one scale for a whole tensor, given or computed. Two launches when it is computed."""

from __future__ import annotations

from typing import Any

from specs.lang.declare.axes import Axis, Ref, emax
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Role, Rows, Tunable
from specs.lang.declare.op import Case, Independent, Op, Step
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, INT32, ElementFormat
from specs.lang.formats.named import ROW_FLOOR
from specs.quant.oracle import tensor_oracle
from specs.quant.row import AMAX, EXACT, upper_bound
from specs.quant.scaling import Scale, limited, scale_of
from specs.tile.blocks import ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    cdiv,
    fori_loop,
    load,
    maximum,
    program_id,
    reduce_max,
    store,
    zeros,
)
from specs.tile.library.codec import magnitude_bits
from specs.tuned import everywhere

M = Axis(name="M", doc="rows: the product of the leading dimensions")
N = Axis(name="N", minimum=1, doc="elements of a row")
PARTIALS = 256  # programs that look for the largest magnitude, each leaving one candidate

_X = Array(name="x", doc="values", shapes=((Rows(M), N),), formats=(BF16, F16, F32))
_STATIC = Array(
    name="static_scale",
    doc="the scale to use; computed from the largest magnitude when left out",
    shapes=((), (1,)),
    formats=(F32,),
    optional=True,
    role=Role.SCALE,
)
_UPPER_BOUND = upper_bound()
_Q = Array(name="q", doc="codes", shapes=((Rows(M), N),), formats="element", access=Access.OUT)
_SCALE = Array(name="scale", doc="the scale used", shapes=((),), formats=(F32,), access=Access.OUT, role=Role.SCALE)
_ELEMENT = Attribute(name="element", kind=ElementFormat, default=E4M3, choices=(E4M3, E5M2), doc="format of the codes")


def _partial(access: Access) -> Array:
    return Array(
        name="partial", doc="largest magnitudes as bits", shapes=((PARTIALS,),), formats=(INT32,), access=access
    )


def tensor_amax(p: Any) -> None:
    """Every PARTIALS-th block of the tensor: the largest magnitude, as a bit pattern."""
    pid = program_id(0)
    across = cdiv(p.N, p.BLOCK_N)
    blocks = cdiv(p.M, p.BLOCK_M) * across

    def widest(k: Tile, amax: Tile) -> Tile:
        block = pid + k * PARTIALS
        rows = ds((block // across) * p.BLOCK_M, p.BLOCK_M)
        columns = ds((block % across) * p.BLOCK_N, p.BLOCK_N)
        x = load_block(p.x, (rows, columns)).to(F32)
        return maximum(amax, reduce_max(magnitude_bits(x), axis=1))

    rounds = (blocks + (PARTIALS - 1) - pid) // PARTIALS
    amax = fori_loop(0, rounds, widest, zeros((p.BLOCK_M,), INT32))
    store(p.partial, (pid,), reduce_max(amax, axis=0))


def tensor_quant(p: Any) -> None:
    """One block of codes; the first program also writes the scale."""
    tile_m, tile_n = program_id(0), program_id(1)
    block = (ds(tile_m * p.BLOCK_M, p.BLOCK_M), ds(tile_n * p.BLOCK_N, p.BLOCK_N))
    if p.static_scale is not None:
        scale = Scale(load(p.static_scale, ()), None, small=True)
    else:
        amax = reduce_max(load_block(p.partial, (ds(0, PARTIALS),)), axis=0)
        bound = None if p.scale_ub is None else load(p.scale_ub, ())
        scale = scale_of(limited(amax, bound), p.element, F32, False, ROW_FLOOR)
    store(p.scale, (), scale.value, (tile_m == 0) & (tile_n == 0))
    x = load_block(p.x, block).to(F32)
    store_block(p.q, block, scale.divide(x, ()).to(p.element))


def _tunables() -> tuple[Tunable, ...]:
    return (
        Tunable(name="BLOCK_M", values=(1, 2, 4, 8, 16)),
        Tunable(name="BLOCK_N", values=(128, 256, 512, 1024, 2048)),
        Tunable(name="num_warps", values=(1, 2, 4, 8)),
        Tunable(name="num_stages", values=(1, 2)),
    )


_FACTS = (
    ("even_m", (M % Ref("BLOCK_M")).equals(0).and_(M >= 1)),  # one program runs even without rows, to write the scale
    ("even_n", (N % Ref("BLOCK_N")).equals(0)),
)

TENSOR_AMAX = Kernel(
    name="tensor_amax",
    doc="Largest magnitudes of strided parts of a tensor.",
    axes=(M, N),
    arrays=(_X, _partial(Access.OUT)),
    tunables=_tunables(),
    configs=everywhere("tensor_quant"),
    static_conditions=_FACTS,
    grid=(PARTIALS,),
    body=tensor_amax,
)
TENSOR_QUANT = Kernel(
    name="tensor_quant",
    doc="Codes of a tensor under one scale.",
    axes=(M, N),
    arrays=(_X, _STATIC, _UPPER_BOUND, _partial(Access.IN), _Q, _SCALE),
    attributes=(_ELEMENT,),
    tunables=_tunables(),
    configs=everywhere("tensor_quant"),
    static_conditions=_FACTS,
    grid=(emax(cdiv(M, Ref("BLOCK_M")), 1), cdiv(N, Ref("BLOCK_N"))),
    body=tensor_quant,
)


def _case(name: str, m: int, n: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("M", m), ("N", n)), **fields)


PER_TENSOR_QUANT_FP8 = Op(
    name="per_tensor_quant_fp8",
    doc="FP8 codes of a tensor under one float32 scale, given (static) or computed (dynamic).",
    definition=AMAX.format(
        what="min(max |x|, scale_ub)",
        zeros="Zeros have the codes 0 and the scale 1 / (512 max). A static_scale is s.",
        whose="of all",
    ),
    family="quant",
    independent=(Independent(M, when=Ref("has_static_scale").differs(0)),),
    axes=(M, N),
    arrays=(_X, _STATIC, _UPPER_BOUND, _Q, _SCALE),
    attributes=(_ELEMENT,),
    temporaries=(_partial(Access.OUT),),
    steps=(Step(kernel=TENSOR_AMAX, when=Ref("has_static_scale").equals(0)), Step(kernel=TENSOR_QUANT)),
    constraints=(
        Constraint(
            argument="scale_ub",
            holds=Ref("has_scale_ub").equals(0).or_(Ref("has_static_scale").equals(0)),
            message="an upper bound for a scale that is computed, not for one that is given",
        ),
    ),
    oracle=tensor_oracle,
    accuracy=(("q", EXACT), ("scale", EXACT)),
    cases=(
        _case("dynamic", 37, 200, absent=("static_scale", "scale_ub")),
        _case("upper-bound", 5, 96, absent=("static_scale",)),
        _case("static", 37, 200, absent=("scale_ub",), formats=(("x", F16),)),
        _case("lead-e5m2", 12, 128, attributes=(("element", E5M2),), absent=("static_scale", "scale_ub"), lead=(2, 6)),
        _case("f32", 5, 96, formats=(("x", F32),), absent=("static_scale", "scale_ub")),
        _case("no-rows", 0, 64, absent=("static_scale", "scale_ub")),
        _case("decode", 64, 7168, absent=("static_scale", "scale_ub"), large=True, golden=True),
    ),
)
