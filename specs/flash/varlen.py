"""flash_attn_varlen: attention of requests of different lengths, packed one after the other or paged.

    s[i, j] = softmax_scale <q[i], k[j]>, then softcap tanh(s / softcap), then - slope |i + shift - j|
    out[i] = sum_j exp(s[i, j]) v[j] / Z,  lse[i] = ln(Z),  Z = sum_j exp(s[i, j]) + exp(s_aux)

over the keys j of query i's request that it sees: window_left before and window_right after its own position
i + shift, where shift = keys - queries lets the last of both be level. causal: none after it. Queries and keys are
multiplied with their descales first, and the result with that of the values. Weights are rounded to the format of the
values (of the queries, where values are FP8). With k_scale_cache and v_scale_cache, for INT8 or FP8 codes, keys and
values are also multiplied with a scale of their own, and weights times scales are rounded to bfloat16. With a
`kv_layout` that has keys and values in one array of pages, k is that array, and v is left out.

Rows of q before cu_seqlens_q[0], and from cu_seqlens_q[-1] on, belong to no request, as in batches that are padded to
a fixed size: their out is 0 and their lse -inf. Bounds and lengths are clamped to the arrays. Rows of a request after
its first max_seqlen_q are not computed, and hold anything.

Source: Dao, FlashAttention-2 (2023); signature and conventions as in vLLM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from specs.attention.columns import Span
from specs.attention.softmax import State, empty, products, weigh
from specs.cache.kv_layouts import LAYOUTS
from specs.flash import arrays as declare
from specs.flash.cases import CASES
from specs.flash.columns import spans
from specs.flash.configs import TUNABLES, configs
from specs.flash.keys import keys_of
from specs.flash.oracle import oracle
from specs.flash.results import finish
from specs.flash.sampling import sample
from specs.flash.scores import Scoring, scoring
from specs.flash.splits import MERGE, SPLITS, invariant_attribute, leave_part, partials, splits_attribute
from specs.flash.unowned import fill_unowned
from specs.flash.work import Work, programs, tiles_of, work
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Ref
from specs.lang.declare.kernel import Access, Kernel
from specs.lang.declare.op import Independent, Op, Step, definition_of
from specs.lang.formats.elements import BF16, ElementFormat
from specs.tile.frontend.trace import Tile
from specs.tile.language import fori_loop, load, when


def flash_attention(p: Any) -> None:
    """BLOCK_M rows of one request and key head, over one part of its keys; after the last request, rows of none."""
    at = work(p, p.SPLITS)

    def attend() -> None:
        state = attention(p, at)
        if p.SPLITS > 1:
            leave_part(p, at, value_columns(p), state)
        else:
            finish(p, at, value_columns(p), state)

    when(at.first < at.request.queries * p.GROUP, attend)
    when(at.request.number == p.BOUNDS - 1, lambda: fill_unowned(p, at, value_columns(p)))


def attention(p: Any, at: Work) -> State:
    """Softmax state of a program's rows after all keys of its part."""
    query = query_of(p, at)
    rule = scoring(p, at)
    tiles = tiles_of(p, at, rule.left, rule.right, p.SPLITS)
    state = empty(p.BLOCK_M, tuple(span.count for span in value_columns(p))).tiles()

    def loop(masked: bool, first: Tile | int, end: Tile | int, state: tuple[Tile, ...]) -> tuple[Tile, ...]:
        def step(tile: Tile, *carried: Tile) -> tuple[Tile, ...]:
            return tile_of(p, at, query, rule, tile, State(carried[0], carried[1], carried[2:]), masked).tiles()

        return tuple(fori_loop(first, end, step, *state))

    if rule.left >= 0:
        state = loop(True, tiles.first, tiles.full, state)
    state = loop(False, tiles.full, tiles.full_end, state)
    state = loop(True, tiles.full_end, tiles.end, state)
    return State(state[0], state[1], tuple(state[2:]))


Query = Callable[[], Iterable[Tile]]
"""Chunks of a program's queries [rows, columns]."""


def query_of(p: Any, at: Work) -> Query:
    """The queries, loaded once, or with RELOAD for every tile of keys: see `specs.attention.sparse.query_of`."""
    if p.RELOAD:
        return lambda: (_query(p, at, span) for span in key_columns(p))
    held = tuple(_query(p, at, span) for span in key_columns(p))
    return lambda: held


def tile_of(p: Any, at: Work, query: Query, rule: Scoring, tile: Tile, state: State, masked: bool) -> State:
    """The state after one more tile of keys."""
    keys = keys_of(p, at, tile, masked)
    wide = wide_format(p)
    k, v = LAYOUTS[p.kv_layout].views(p, "k", "v")
    product = products(query(), [keys.chunk(k, span, wide) for span in key_columns(p)])
    if p.k_scale_cache is not None:
        product = product * keys.scales(p.k_scale_cache)[None, :]
    score = rule.scores(at, product, tile, p.BLOCK_N, masked)
    scales = None if p.v_scale_cache is None else keys.scales(p.v_scale_cache)
    # Weights times scales have the range of float32, which float16 has not.
    values = [keys.chunk(v, span, wide if scales is None else BF16) for span in value_columns(p)]
    return weigh(state, score, values, rule.scale if rule.plain else None, scales)


def key_columns(p: Any) -> tuple[Span, ...]:
    """Columns of queries and keys."""
    return spans(p.D, p.CHUNK)


def value_columns(p: Any) -> tuple[Span, ...]:
    """Columns of values."""
    return spans(p.DV, p.CHUNK)


def wide_format(p: Any) -> ElementFormat:
    """What dots multiply: the 16-bit format of queries or keys, bfloat16 where both are FP8."""
    found = [array.element for array in (p.q, p.k) if array.element.bits == 16]
    return found[0] if found else BF16


def _query(p: Any, at: Work, span: Span) -> Tile:
    inside, live = span.inside(), at.live[:, None]
    mask = live if inside is None else live & inside[None, :]
    where = (at.token[:, None], at.query_head[:, None], span.columns()[None, :])
    return load(p.q, where, mask).to(wide_format(p))


def kernel(split: bool) -> Kernel:
    """The kernel that sees all keys of its rows, or one part of them."""
    arguments = tuple(a for a in declare.ARGUMENTS if not (split and a.name == "s_aux"))
    name = "flash_attention_part" if split else "flash_attention"
    return Kernel(
        name=name,
        doc="Attention of the rows of one request and key head.",
        axes=(*declare.AXES, *declare.DERIVED, SPLITS),
        arrays=(*arguments, *(partials(Access.OUT) if split else declare.results())),
        attributes=(*declare.ATTRIBUTES, splits_attribute(), invariant_attribute()),
        tunables=TUNABLES,
        configs=configs(name),
        static_conditions=(("WHOLE_TILES", (declare.PAGE % Ref("BLOCK_N")).equals(0)),),
        grid=(programs(), SPLITS),
        body=flash_attention,
    )


FLASH_ATTN_VARLEN = Op(
    name="flash_attn_varlen",
    doc="Attention of requests of different lengths, packed one after the other or paged.",
    definition=definition_of(__doc__),
    source="Dao, FlashAttention-2 (2023); conventions as in vLLM",
    family="attention",
    axes=declare.AXES,
    arrays=(*declare.ARGUMENTS, *declare.results()),
    attributes=(*declare.ATTRIBUTES, splits_attribute(), invariant_attribute()),
    temporaries=partials(Access.OUT),
    steps=(
        Step(kernel=kernel(split=False), when=SPLITS.equals(1)),
        Step(kernel=kernel(split=True), when=SPLITS.differs(1)),
        Step(kernel=MERGE, when=SPLITS.differs(1)),
    ),
    constraints=declare.CONSTRAINTS,
    independent=(Independent(declare.HKV, along=(declare.HQ, declare.DESCALE_HEADS)),),
    sample=sample,
    oracle=oracle,
    accuracy=(("out", Accuracy(extra=1)), ("lse", Accuracy(extra=1, exact_for_exact_sums=False))),
    cases=CASES,
)
