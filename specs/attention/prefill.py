"""sparse_mla_prefill: attention of prefill tokens over listed rows of one dense array of keys.

    keys of token t = kv[indices[t, j]] for j < topk_length[t]
    out[t, h] = softmax(sm_scale <q[t, h], keys>, attn_sink[h]) @ keys[:, :d_v]

Entries that are negative or after the last row are skipped, and entries past the length are not read. A token
without keys gives zeros. Weights are rounded to the format of the queries.

Source: DeepSeek-V3.2 and V4; FlashMLA conventions for the sink, max_logits and lse.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from specs.attention import arrays as declare
from specs.attention.arrays import SINKS, D, H, T
from specs.attention.columns import exact_spans
from specs.attention.decode import owners, references
from specs.attention.oracle import attention
from specs.attention.sampling import SCALE, lists, queries, rows, sinks
from specs.attention.sparse import Segment, Source, finish, position, programs, run
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Array, Attribute, Constraint, Kernel
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.lang.formats.elements import F16, INT64
from specs.tile.frontend.trace import Tile
from specs.tile.language import ArrayHandle, load
from specs.tuned import tuned

S = Axis(name="S", doc="rows of kv")
P = Axis(name="P", doc="entries of a token's list")
VALUES = Axis(name="VALUES", static=True, value=Ref("d_v"), doc="columns of a key that are its value")


def dense_source(kv: ArrayHandle) -> Source:
    """Rows of a dense array by index."""

    def source(row: Tile, live: Tile) -> Any:
        # Chunks are loaded where a dot takes them: a row of 576 columns does not fit into registers.
        return lambda part: load(kv, (row[:, None], part.columns()[None, :]), live[:, None])

    return source


def sparse_mla_prefill(p: Any) -> None:
    """BLOCK_H heads of one token."""
    at = position(p, 1)
    # A cut at d_v: the first d_v columns of a key are its value, and chunks before the cut serve both dots.
    columns = exact_spans((p.d_v, p.D), p.CHUNK)
    values = exact_spans((p.d_v,), p.VALUE_CHUNK or p.CHUNK)
    segment = Segment(p.indices, p.topk_length, p.P, p.S, dense_source(p.kv))
    run(p, at, columns, values, (segment,), 1, partial(finish, p, at))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """The definition above, token by token."""
    q, kv = inputs["q"], inputs["kv"]
    kv = kv.reshape(len(kv), kv.shape[-1])
    listed = np.asarray(inputs["indices"], np.int64).reshape(len(q), inputs["indices"].shape[-1])
    sink = inputs.get("attn_sink")
    found = []
    for t in range(len(q)):
        index = listed[t] if "topk_length" not in inputs else listed[t][: max(0, int(inputs["topk_length"][t]))]
        keys = kv[index[(index >= 0) & (index < len(kv))]]
        own = None if sink is None else sink[: q.shape[1]]
        found.append(attention(q[t], keys, inputs["sm_scale"], inputs["d_v"], own, inputs["formats"]["q"]))
    return references(found, q.shape[:2], inputs["d_v"], bool(inputs["return_lse"]))


def sample(case: Sample) -> dict[str, Any]:
    """Disjoint rows per token; NaN in every row that no list names. Without lengths, whole lists count."""
    sizes = case.sizes
    tokens, heads, total = sizes["T"], sizes["H"], sizes["S"]
    found = lists(case, case.rng.permutation(total), tokens, sizes["P"], total)
    sink = "attn_sink" in case.shapes
    index = found.index
    if "topk_length" not in case.shapes:
        index = np.where(found.live, index, -1)
    group = owners(found, total)
    values = rows(case, total, sizes["D"], group, sink)
    values[group < 0] = np.nan
    drawn = {"q": queries(case, tokens, heads, sizes["D"]), "kv": values, "indices": index}
    drawn["topk_length"] = found.length
    if sink:
        drawn["attn_sink"] = sinks(case, sizes["SINKS"])
    return drawn


_ARRAYS = (
    declare.query(),
    Array(name="kv", doc="keys", shapes=((S, D), (S, 1, D)), formats="q"),
    declare.index_list("indices", "rows of kv of every token", P),
    declare.sink(),
    declare.vector("topk_length", "entries of every token's list that count; all if left out", T, optional=True),
    *(declare.results(VALUES)),
)


def _case(name: str, t: int, h: int, s: int, p: int, d: int = 512, **fields: Any) -> Case:
    sizes = {"T": t, "H": h, "D": d, "S": s, "P": p, "SINKS": h}
    attributes = {"sm_scale": SCALE, "return_lse": True, **fields.pop("attributes", {})}
    return Case(name=name, sizes=tuple(sizes.items()), attributes=tuple(attributes.items()), **fields)


_KERNEL = Kernel(
    name="sparse_mla_prefill",
    doc="Attention of one token's heads over listed rows.",
    axes=(T, H, D, S, P, SINKS, VALUES),
    arrays=_ARRAYS,
    attributes=(
        *declare.attributes(),
        Attribute(name="d_v", kind=int, default=512, minimum=16, doc="columns of a key that are its value"),
    ),
    tunables=declare.tunables(),
    configs=(
        *tuned("cuda", "sparse_mla_prefill", heads_16=H <= 16, rest=None),
        # XLA's Triton has the warps of a block meet before every dot: here the fewest dots take the least time.
        *tuned("cuda.pallas", "sparse_mla_prefill", many_heads=(H > 64).and_(D.equals(512))),
        *tuned("xpu", "sparse_mla_prefill", narrow=D <= 256, rest=None),
        *tuned("cpu", "sparse_mla_prefill", every=None),
        *tuned("interpret", "sparse_mla_prefill", every=None),
    ),
    grid=(programs(T, H),),
    body=sparse_mla_prefill,
)

_ACCURACY = Accuracy(extra=1)
_LOGARITHM = Accuracy(extra=1, exact_for_exact_sums=False)

SPARSE_MLA_PREFILL: Op = single(
    _KERNEL,
    name="sparse_mla_prefill",
    family="attention",
    independent=(Independent(T),),
    definition=definition_of(__doc__),
    source="DeepSeek-V3.2 and V4; FlashMLA",
    axes=(T, H, D, S, P, SINKS),
    constraints=(
        Constraint(
            argument="q",
            holds=(D % 16).equals(0),
            message="a multiple of 16 columns",
            failure="D = {D} must be a multiple of 16",
        ),
        Constraint(
            argument="d_v",
            holds=(Ref("d_v") <= D).and_((Ref("d_v") % 16).equals(0)),
            message="no more value columns than a key has, and a multiple of 16",
        ),
        Constraint(
            argument="attn_sink",
            holds=Ref("has_attn_sink").equals(0).or_(SINKS >= H),
            message="a sink for every head",
            failure="{SINKS} sinks for {H} heads",
        ),
    ),
    sample=sample,
    oracle=oracle,
    accuracy=(("out", _ACCURACY), ("max_logits", _ACCURACY), ("lse", _LOGARITHM)),
    cases=(
        _case("v4", 7, 8, 1200, 128),
        _case("no-lengths", 4, 22, 300, 67, absent=("topk_length",)),
        _case("no-sink", 4, 3, 300, 50, absent=("attn_sink",)),
        _case("d576", 3, 16, 200, 40, 576),
        _case("d128", 3, 8, 200, 40, 128, attributes={"d_v": 64}),
        _case("one-entry", 1, 1, 1, 1, attributes={"return_lse": False}),
        _case("int64-indices", 3, 2, 1, 5, 128, attributes={"d_v": 64}, formats=(("indices", INT64),)),
        _case("no-entries", 3, 4, 8, 0),
        _case("f16", 4, 8, 300, 50, formats=(("q", F16),)),
        _case("no-tokens", 0, 8, 16, 16),
        _case("large", 32, 128, 40000, 1152, large=True, golden=True),
    ),
)
