"""What the kernels of variable-length attention share: axes, arrays, attributes."""

from __future__ import annotations

from specs.cache.kv_layouts import KV_LAYOUT, LAYOUTS, one_width
from specs.lang.declare.axes import Axis, Expr, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Role, Shape
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, INT8, INT32, ElementFormat

TQ = Axis(name="TQ", doc="query tokens of all requests")
HQ = Axis(name="HQ", minimum=1, doc="query heads")
HKV = Axis(name="HKV", minimum=1, doc="key heads")
D = Axis(name="D", static=True, minimum=1, maximum=1024, doc="columns of a query and of a key")
DV = Axis(name="DV", static=True, minimum=1, maximum=1024, doc="columns of a value")
PAGES = Axis(name="PAGES", default=1, doc="pages; one without a block table")
PAGE = Axis(name="PAGE", doc="keys of a page; all keys without a block table")
BOUNDS = Axis(name="BOUNDS", minimum=1, doc="requests + 1")
TABLE = Axis(name="TABLE", doc="pages that a row of the block table has room for")
SLOPES = Axis(name="SLOPES", default=1, doc="rows of slopes: one for all requests, or one for each")

DESCALE_ROWS = Axis(name="DESCALE_ROWS", default=1, doc="rows of k_descale: one for all requests, or one for each")
DESCALE_HEADS = Axis(name="DESCALE_HEADS", default=1, doc="columns of k_descale: one for all heads, or one for each")

REQUESTS = BOUNDS - 1
GROUP = Axis(name="GROUP", static=True, value=HQ // HKV, doc="query heads per key head")
_KEYS = Ref("has_block_table") * TABLE * PAGE + Ref("has_block_table").equals(0) * PAGE
LONGEST_Q = Axis(
    name="LONGEST_Q", value=Ref("max_seqlen_q") + Ref("max_seqlen_q").equals(0) * TQ, doc="most queries of a request"
)
LONGEST_K = Ref("max_seqlen_k") + Ref("max_seqlen_k").equals(0) * _KEYS

AXES = (TQ, HQ, HKV, D, DV, PAGES, PAGE, BOUNDS, TABLE, SLOPES, DESCALE_ROWS, DESCALE_HEADS)
DERIVED = (GROUP, LONGEST_Q)

WITH_LSE = "return_softmax_lse"
_NARROW = (E4M3, E5M2)
_WIDE = (BF16, F16)
_FREE = Dense(inner=Inner.FREE)


def _lengths(name: str, doc: str, size: Expr) -> Array:
    return Array(
        name=name,
        doc=doc,
        shapes=((size,),),
        formats=(INT32,),
        role=Role.INDEX,
        layout=_FREE,
        optional=True,
    )


def _scales(name: str, doc: str, *shapes: Shape) -> Array:
    return Array(name=name, doc=doc, shapes=shapes, formats=(F32,), role=Role.SCALE, layout=_FREE, optional=True)


def _factors(name: str) -> Array:
    doc = f"positive factor of {name}: one, per key head, or per request and key head"
    return _scales(f"{name}_descale", doc, (DESCALE_ROWS, DESCALE_HEADS), (DESCALE_HEADS,), ())


def _of_tokens(name: str, what: str) -> Array:
    doc = f"positive scale of every token and head of the {what}"
    return _scales(f"{name}_scale_cache", doc, (PAGES, PAGE, HKV), (PAGE, HKV))


_KEY_SHAPES = {
    name: ((PAGES, PAGE, *layout.row(HKV, D, DV)), *(() if layout.fused else ((PAGE, HKV, D),)))
    for name, layout in LAYOUTS.items()
}
_VALUE_SHAPES = {
    name: () if layout.fused else ((PAGES, PAGE, HKV, DV), (PAGE, HKV, DV)) for name, layout in LAYOUTS.items()
}


ARGUMENTS = (
    Array(name="q", doc="queries, request after request", shapes=((TQ, HQ, D),), formats=(*_WIDE, *_NARROW)),
    Array(
        name="k",
        doc="keys, request after request, or in pages; or pages of keys and values",
        by="kv_layout",
        shapes_by=tuple(_KEY_SHAPES.items()),
        formats=(*_WIDE, *_NARROW, INT8),
    ),
    Array(
        name="v",
        doc="values, as keys",
        by="kv_layout",
        shapes_by=tuple(_VALUE_SHAPES.items()),
        optional=True,
        required_for=tuple(name for name, shapes in _VALUE_SHAPES.items() if shapes),
        formats="k",
    ),
    Array(
        name="cu_seqlens_q",
        doc="first query of every request, and the end of the last; other rows of q are of no request",
        shapes=((BOUNDS,),),
        formats=(INT32,),
        role=Role.INDEX,
        layout=_FREE,
    ),
    _lengths("cu_seqlens_k", "first key of every request, and the end of the last; for keys without pages", BOUNDS),
    _lengths("seqused_k", "keys of every request, the first ones in its pages or of its dense keys", REQUESTS),
    Array(
        name="block_table",
        doc="pages of every request in order; further entries are not read",
        shapes=((REQUESTS, TABLE),),
        formats=(INT32,),
        role=Role.INDEX,
        optional=True,
    ),
    Array(
        name="alibi_slopes",
        doc="what a score loses per position of distance, per head, or per request and head",
        shapes=((SLOPES, HQ), (HQ,)),
        formats=(F32,),
        layout=_FREE,
        optional=True,
    ),
    Array(
        name="s_aux",
        doc="score of a key without a value, per head, neither scaled nor capped; -inf for none",
        shapes=((HQ,),),
        formats=(F32, BF16, F16),
        layout=_FREE,
        optional=True,
    ),
    _scales("q_descale", "positive factor of q, per request and key head", (REQUESTS, HKV)),
    _factors("k"),
    _factors("v"),
    _of_tokens("k", "keys"),
    _of_tokens("v", "values"),
)


def results() -> tuple[Array, ...]:
    """out, and on request the logarithms of the sums of exponentials."""
    out = Array(
        name="out",
        doc="weighted means of the values; 0 for a query that sees no key, and in rows that no request owns",
        shapes=((TQ, HQ, DV),),
        formats="out_dtype",
        access=Access.OUT,
    )
    lse = Array(
        name="lse",
        doc="natural logarithm of the sum of exponentials, the sink included; -inf for none, and in rows of no request",
        by=WITH_LSE,
        shapes_by=(("False", ()), ("True", ((HQ, TQ),))),
        formats=(F32,),
        access=Access.OUT,
    )
    return (out, lse)


def _int(name: str, doc: str, default: int, minimum: int, dynamic: bool = False) -> Attribute:
    return Attribute(name=name, kind=int, default=default, minimum=minimum, dynamic=dynamic, doc=doc)


ATTRIBUTES = (
    _int("max_seqlen_q", "no request has more queries; 0: no limit", 0, 0, dynamic=True),
    _int("max_seqlen_k", "no request has more keys; 0: no limit", 0, 0, dynamic=True),
    Attribute(name="softmax_scale", kind=float, doc="factor of the scores; None: D ** -0.5"),
    Attribute(
        name="causal", kind=bool, default=False, doc="whether a query sees no later key, the last of both being level"
    ),
    _int("window_left", "how many keys before its own position a query sees; -1: all", -1, -1),
    _int("window_right", "how many keys after its own position a query sees; -1: all", -1, -1),
    Attribute(name="softcap", kind=float, default=0.0, minimum=0, doc="c of c tanh(score / c); 0: no cap"),
    Attribute(
        name="out_dtype",
        kind=ElementFormat,
        choices=_WIDE,
        follows="q",
        doc="format of the result; that of the queries where left out",
    ),
    KV_LAYOUT,
    Attribute(name=WITH_LSE, kind=bool, default=False, doc="whether lse is returned too"),
)


_PAGED = Ref("has_block_table")
_Q, _K, _OUT = Ref("q_format"), Ref("k_format"), Ref("out_dtype")
_NARROW_Q, _NARROW_K = (form.equals(E4M3).or_(form.equals(E5M2)) for form in (_Q, _K))

CONSTRAINTS = (
    Constraint(
        argument="q",
        holds=(HQ % HKV).equals(0),
        message="a multiple of as many heads as keys have",
        failure="{HQ} heads of q must be a multiple of {HKV} heads of k",
    ),
    Constraint(
        argument="k",
        holds=_NARROW_K.or_(_NARROW_Q).or_(_K.equals(_Q)).or_(_K.equals(INT8)),
        message="keys of the format of the queries, FP8 or INT8",
    ),
    Constraint(
        argument="k_scale_cache",
        holds=_K.differs(INT8).or_(Ref("has_k_scale_cache")),
        message="k_scale_cache and v_scale_cache for INT8 codes",
    ),
    Constraint(
        argument="k_scale_cache",
        holds=Ref("has_k_scale_cache").equals(0).or_(_K.equals(INT8)).or_(_NARROW_K),
        message="scale caches with INT8 or FP8 codes only",
    ),
    Constraint(
        argument="k_scale_cache",
        holds=Ref("has_k_scale_cache").equals(Ref("has_v_scale_cache")),
        message="k_scale_cache and v_scale_cache together or not at all",
    ),
    *(
        Constraint(
            argument="k_descale",
            holds=count.equals(1).or_(count.equals(whole)),
            message="one factor, or one for every key head, for all requests or for each",
        )
        for count, whole in ((DESCALE_ROWS, REQUESTS), (DESCALE_HEADS, HKV))
    ),
    one_width("k", D, DV),
    Constraint(
        argument="out_dtype",
        holds=_OUT.equals(BF16).or_(_OUT.equals(F16)),
        message="bfloat16 or float16, which has to be stated where queries are FP8",
    ),
    Constraint(
        argument="cu_seqlens_k",
        holds=_PAGED.differs(Ref("has_cu_seqlens_k")),
        message="cu_seqlens_k for keys without a block table, and none with one",
    ),
    Constraint(
        argument="seqused_k",
        holds=_PAGED.equals(0).or_(Ref("has_seqused_k")),
        message="seqused_k together with a block table",
    ),
    Constraint(
        argument="k", holds=_PAGED.or_(PAGES.equals(1)), message="one page of keys where there is no block table"
    ),
    Constraint(
        argument="alibi_slopes",
        holds=SLOPES.equals(1).or_(SLOPES.equals(REQUESTS)),
        message="one row of slopes, or one for every request",
    ),
    Constraint(
        argument="k_descale",
        holds=Ref("has_k_descale").equals(Ref("has_v_descale")),
        message="k_descale and v_descale together or not at all",
    ),
)
