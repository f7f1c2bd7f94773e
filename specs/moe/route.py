"""moe_route: the experts of every token, and their weights.

    s      = softmax(x) over all experts, or sigmoid(x), or sqrt(log(1 + exp(x)))       (score), x = logits[t]
    c      = s + correction_bias, or x itself without                                   what experts are chosen by
    ids    = the topk largest c, in this order; of equal ones the lowest id
    w      = s[ids];  w /= sum(w), or 1 if that is 0 (renormalize);  weights = w * routed_scaling_factor

Scores rise with x, so without a bias x decides, and ids are exact. With one, c is float32 to a few roundings: experts
whose c differ by no more than these may be taken in either order. With n_group > 1 only the topk_group best groups of
consecutive experts keep their c, the others have -inf: a group is as good as the sum of its two largest c (with bias)
or its largest (without), and of equal groups the first ones are kept. The bias is no part of the weights.

With tid2eid the table of the token's id holds the ids, in its order; the weights are those above. An id out of the
table's range gives a row of padding, an entry that is no expert -1 and weight 0. A NaN logit counts as -inf, +inf
as the largest number. Rows of padding have ids -1 and weights 0. Softmax over the chosen logits alone is score softmax
renormalised.
"""

from __future__ import annotations

from typing import Any

from specs.attention.softmax import LOG2_E, MINUS_INFINITY
from specs.cache.declared import EXACT, index
from specs.indexer.select import LOWEST, row_key
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Kernel, Tunable
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Case, Independent, Op, definition_of, single
from specs.lang.formats.elements import BOOL, F32, INT32, INT64
from specs.moe.declared import T, power_of_two
from specs.moe.route_oracle import oracle, sample
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    absolute,
    arange,
    exp2,
    full,
    load,
    maximum,
    minimum,
    program_id,
    reduce_max,
    reduce_min,
    reduce_sum,
    sqrt,
    store,
    where,
)
from specs.tile.library.codec import is_nan
from specs.tuned import everywhere

E = Axis(name="E", static=True, minimum=1, maximum=1024, doc="experts")
V = Axis(name="V", doc="token ids that the table has")
TOPK, GROUPS, KEPT = Ref("topk"), Ref("n_group"), Ref("topk_group")
SCORES = ("softmax", "sigmoid", "sqrtsoftplus")
_SERIES = 9  # terms of the series of log1p: the next is 2**-30 of the sum


def moe_route(p: Any) -> None:
    """BLOCK_M tokens: all of their logits are in registers; every choice is a maximum and the lowest place of it."""
    row = program_id(0) * p.BLOCK_M + arange(p.BLOCK_M)
    inside = row < p.T
    expert, exists = experts(p)
    x = load(p.logits, (row[:, None], expert[None, :]), inside[:, None] & exists[None, :], other=MINUS_INFINITY)
    x = minimum(where(is_nan(x), MINUS_INFINITY, x), F32.max_finite)
    score = scores(p, x)
    live = inside if p.is_padding is None else inside & ~load(p.is_padding, (row,), inside)
    if p.tid2eid is None:
        chosen = by_choice(p, choice_keys(p, x, score, expert, exists), expert)
    else:
        token = load(p.token_ids, (row,), inside, other=-1)
        live = live & (token >= 0) & (token < p.V.to(token.element))
        chosen = [load(p.tid2eid, (token, j), live, other=-1) for j in range(p.topk)]
    weights = [reduce_sum(where(expert[None, :] == found[:, None], score, 0.0), axis=1) for found in chosen]
    if p.renormalize:
        total = sum(weights[1:], weights[0])
        weights = [weight / where(total > 0.0, total, 1.0) for weight in weights]
    for j, (found, weight) in enumerate(zip(chosen, weights, strict=True)):
        live_expert = live & (found >= 0) & (found < p.E)
        store(p.weights, (row, j), where(live_expert, weight * p.routed_scaling_factor, 0.0), inside)
        store(p.ids, (row, j), where(live_expert, found, -1), inside)


def experts(p: Any) -> tuple[Tile, Tile]:
    """Ids in the order of the lanes of a tile, and which of them exist; every group is padded to a power of two."""
    size = p.E // p.n_group
    width = power_of_two(size)
    lane = arange(power_of_two(p.n_group) * width)
    group, member = lane // width, lane % width
    return group * size + member, (group < p.n_group) & (member < size)


def scores(p: Any, x: Tile) -> Tile:
    """Scores of logits [tokens, experts]; under softmax, where weights are renormalised anyway, times any factor."""
    if p.score == "sigmoid":
        return 1.0 / (1.0 + exp2(x * -LOG2_E))
    if p.score == "sqrtsoftplus":
        # log(1 + t) = 2 artanh(t / (2 + t)): unlike a logarithm of 1 + t, it keeps the digits of a small t.
        t = exp2(absolute(x) * -LOG2_E)
        z = t / (2.0 + t)
        square = z * z
        series = square * (1.0 / (2 * _SERIES - 1))
        for n in range(_SERIES - 2, 0, -1):
            series = square * (series + 1.0 / (2 * n + 1))
        return sqrt(maximum(x, 0.0) + 2.0 * (z + z * series))
    peak = reduce_max(x, axis=1)
    peak = where(peak == MINUS_INFINITY, 0.0, peak)
    power = exp2((x - peak[:, None]) * LOG2_E)
    if p.renormalize and p.correction_bias is None:
        return power
    total = reduce_sum(power, axis=1)
    return power / where(total > 0.0, total, 1.0)[:, None]


def choice_keys(p: Any, x: Tile, score: Tile, expert: Tile, exists: Tile) -> Tile:
    """i32 [tokens, experts] in the order of what experts are chosen by."""
    choice = x
    if p.correction_bias is not None:
        choice = where(exists[None, :], score + load(p.correction_bias, (expert,), exists)[None, :], MINUS_INFINITY)
    if p.n_group > 1:
        choice = where(groups(p, choice), choice, MINUS_INFINITY)
    return where(exists[None, :], row_key(choice), LOWEST)


def groups(p: Any, choice: Tile) -> Tile:
    """Whether experts are in the best groups, bool [tokens, experts]."""
    rows, lanes = choice.shape
    count = power_of_two(p.n_group)
    members = choice.reshape(rows, count, lanes // count)
    best = reduce_max(members, axis=2)
    if p.correction_bias is not None and p.n_group < p.E:
        lane = arange(lanes // count)[None, None, :]
        first = reduce_min(where(members == best[:, :, None], lane, lanes), axis=2)
        best = best + reduce_max(where(lane == first[:, :, None], MINUS_INFINITY, members), axis=2)
    group = arange(count)
    keys = where((group < p.n_group)[None, :], row_key(best), LOWEST)
    kept = group[None, :] < row_of_none(rows)
    for _ in range(p.topk_group):
        keys, found = taken(keys, group)
        kept = kept | (group[None, :] == found[:, None])
    spread = kept.to(INT32)[:, :, None].broadcast(rows, count, lanes // count)
    return spread.reshape(rows, lanes) > 0


def row_of_none(rows: int) -> Tile:
    """i32 [rows, 1]: no group."""
    return full((rows, 1), 0, INT32)


def taken(keys: Tile, number: Tile) -> tuple[Tile, Tile]:
    """Keys without the first of the largest in every row, and its number [rows]."""
    none = 1 << 30
    largest = reduce_max(keys, axis=1)
    found = reduce_min(where(keys == largest[:, None], number[None, :], none), axis=1)
    return where(number[None, :] == found[:, None], LOWEST - 1, keys), found


def by_choice(p: Any, keys: Tile, expert: Tile) -> list[Tile]:
    """The experts of the largest keys, best first."""
    chosen = []
    for _ in range(p.topk):
        keys, found = taken(keys, expert)
        chosen.append(found)
    return chosen


def _attribute(name: str, kind: type, default: Any, doc: str, **fields: Any) -> Attribute:
    return Attribute(name=name, kind=kind, default=default, doc=doc, **fields)


_FREE = Dense(inner=Inner.FREE)
_TOKENS = "every row's token, by which the table is read"
_KERNEL = Kernel(
    name="moe_route",
    doc="Experts of every token and their weights.",
    axes=(T, E, V),
    arrays=(
        Array(name="logits", doc="router logits; NaN counts as -inf", shapes=((T, E),), formats=(F32,)),
        Array(name="correction_bias", doc="added to scores to choose", shapes=((E,),), formats=(F32,), optional=True),
        index("tid2eid", "experts of every token id (hash layers)", V, TOPK, optional=True),
        index("token_ids", _TOKENS, T, formats=(INT32, INT64), optional=True),
        index("is_padding", "rows that have no expert", T, formats=(BOOL,), optional=True),
        Array(
            name="weights",
            doc="weights; 0 where there is no expert",
            shapes=((T, TOPK),),
            formats=(F32,),
            access=Access.OUT,
        ),
        index("ids", "experts, best first; -1: none", T, TOPK, access=Access.OUT),
    ),
    attributes=(
        Attribute(name="topk", kind=int, required=True, minimum=1, maximum=32, doc="experts per token"),
        _attribute("score", str, "softmax", "how logits become scores", choices=SCORES),
        _attribute("renormalize", bool, True, "divide the weights by their sum"),
        _attribute("n_group", int, 1, "groups of consecutive experts", minimum=1, maximum=64),
        _attribute("topk_group", int, 1, "groups that experts are chosen from", minimum=1, maximum=64),
        _attribute("routed_scaling_factor", float, 1.0, "factor of all weights, applied last"),
    ),
    tunables=(Tunable(name="BLOCK_M", values=(1, 2, 4, 8, 16)), Tunable(name="num_warps", values=(1, 2, 4, 8))),
    configs=everywhere("moe_route"),
    grid=(cdiv(T, Ref("BLOCK_M")),),
    body=moe_route,
)
_HASH = Ref("has_tid2eid")
_CONSTRAINTS = (
    Constraint(
        argument="topk",
        holds=TOPK <= KEPT * (E // GROUPS),
        message="no more experts than the chosen groups have",
        failure="topk = {topk} of {E} experts in {n_group} groups, {topk_group} of them chosen",
    ),
    Constraint(
        argument="n_group",
        holds=(E % GROUPS).equals(0),
        message="a divisor of the number of experts",
        failure="n_group = {n_group} must divide the {E} experts",
    ),
    Constraint(
        argument="topk_group",
        holds=KEPT <= GROUPS,
        message="no more than n_group",
        failure="topk_group = {topk_group} of n_group = {n_group} groups",
    ),
    Constraint(
        argument="tid2eid",
        holds=_HASH.equals(Ref("has_token_ids")),
        message="together with token_ids, or neither of them",
    ),
    Constraint(
        argument="tid2eid",
        holds=_HASH.equals(0).or_(Ref("has_correction_bias").equals(0).and_(GROUPS.equals(1))),
        message="without bias and groups: the table chooses",
    ),
)


def _case(name: str, tokens: int, experts_: int, topk: int, given: tuple[str, ...] = (), **fields: Any) -> Case:
    optional = ("correction_bias", "tid2eid", "token_ids", "is_padding")
    attributes = {"topk": topk, **fields.pop("attributes", {})}
    return Case(
        name=name,
        sizes=(("T", tokens), ("E", experts_), ("V", 19)),
        attributes=tuple(attributes.items()),
        absent=tuple(array for array in optional if array not in given),
        **fields,
    )


_V3 = {"score": "sigmoid", "n_group": 8, "topk_group": 4, "routed_scaling_factor": 2.5}
_V4 = {"score": "sqrtsoftplus", "routed_scaling_factor": 1.5}

MOE_ROUTE: Op = single(
    _KERNEL,
    family="moe",
    definition=definition_of(__doc__),
    source="DeepSeek-V3 technical report, section 2.1.2; Mixtral, gpt-oss, DeepSeek-V4",
    independent=(Independent(T),),
    constraints=_CONSTRAINTS,
    sample=sample,
    oracle=oracle,
    # Roundings of a score (exp2, the series, a root), of the sum and the quotient, and of the scale.
    accuracy=(("weights", Accuracy(terms=E, extra=24, exact_for_exact_sums=False)), ("ids", EXACT)),
    cases=(
        _case("two-of-8", 5, 8, 2),
        _case("softmax-128", 17, 128, 8, ("is_padding",), attributes={"renormalize": False}),
        _case(
            "v2-groups",
            9,
            160,
            6,
            attributes={"n_group": 8, "topk_group": 3, "renormalize": False, "routed_scaling_factor": 16.0},
        ),
        _case("v3", 9, 256, 8, ("correction_bias",), attributes=_V3),
        _case("v4-pro", 7, 384, 6, ("correction_bias", "is_padding"), attributes=_V4),
        _case("v4-hash", 11, 64, 6, ("tid2eid", "token_ids"), attributes=_V4),
        _case("int64-tokens", 4, 8, 2, ("tid2eid", "token_ids"), formats=(("token_ids", INT64),)),
        _case("sigmoid", 3, 24, 1, attributes={"score": "sigmoid", "renormalize": False}),
        _case("no-tokens", 0, 32, 4),
        _case("v4-flash", 4096, 256, 6, ("correction_bias",), attributes=_V4, large=True, golden=True),
    ),
)
