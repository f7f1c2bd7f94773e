"""rejection_sample: tokens of the target's distribution from drafts with probabilities.

    p = softmax(target_logits[b, j])      q = softmax(draft_logits[b, j]); without them q(x) = 1 of x = draft[b, j]
    accept x where q(x) > 0 and p(x) >= u q(x)
    where x is not accepted: sampled[b, j] drawn from max(p - q, 0); after the draft, at j = lengths[b]: from p
    tokens, accepted = verify_draft(draft, sampled, lengths), with sampled[b, j] = x where x is accepted

Both logits are after temperature and filters, as `filter_logits` leaves them: -inf where a token is dropped. Rows with
a temperature below 1e-5 are greedy: a draft token is accepted where it is the lowest argmax of the target, and replaced
by it elsewhere. A draft token that is no column is not accepted. Place j of row b is position positions[b] + j of its
request; u comes from the random word of (position + 2**31, 0), noise from the words of (position, id), as `sample` has
it, and drafts are to be drawn with stream="draft": three streams that have nothing in common. The token after a whole
draft is what `sample` draws from the same logits at temperature 1.

    m = exp(q) in Q29 of `sample`, M its exact sum      probability = fl(m / fl(M)), one division of float32
    u = (2 k + 1) 2**-24, k the 23 high bits of the word      token = the lowest argmax of ln max(p - q, 0) + noise, Q20

One subtraction and one product of float32 follow, and nothing is added to a product: JAX and torch draw the same token.
p - q of a token that is not accepted is below zero, so it is never drawn instead. Where rounding leaves nothing to draw
from, the draft token stays if the target has it. Probabilities are within 2e-6 of the exact ones, relative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.kernel import Access, Array, Kernel, Role
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import F32, INT32, INT64
from specs.sampling.declared import B, V, parameter, randomness, table, temperature, tunables
from specs.sampling.integers import ln_of_float_q20, shifted_right, threefry
from specs.sampling.items import winner
from specs.sampling.kernels import EXCLUDED
from specs.sampling.masses import Mass, halves, summed
from specs.sampling.oracle import exp_q29, gumbel_q20, ln_q26, quantised, threefry2x32
from specs.sampling.settings import GREEDY_BELOW, MINUS_INFINITY, Noise, Settings, key_of, mass_of
from specs.sampling.tables import SIZE, sampling_table
from specs.sampling.verify import VERIFY_DRAFT, K
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    cdiv,
    fori_loop,
    full,
    load,
    maximum,
    program_id,
    reduce_max,
    store,
    where,
)
from specs.tuned import everywhere

ACCEPTANCE = 1 << 31
"""Added to the position of the word that decides whether a draft token is accepted."""
_U_BITS = 24


class Distribution:
    """Probabilities of logits that lie in memory: the largest key of a row, and the sum of its masses."""

    def __init__(self, p: Any, logits: Any, place: tuple[Tile, Tile], width: Tile) -> None:
        """Reads a row twice. place: of the row. width: columns, 0 where nothing is to be read."""
        self._p, self._logits, self._place, self._width = p, logits, place, width
        one, zero = full((), 1.0, F32), full((), 0, INT32)
        self._settings = Settings(one, zero > 0, zero, zero, zero > 0, zero)  # logits are scaled and filtered
        key = self._blocks(lambda number, key: maximum(key, self.keys(number)), MINUS_INFINITY)
        self._top = reduce_max(key, axis=0)
        blocks, nothing = cdiv(width, p.BLOCK), full((p.BLOCK,), 0, INT32)

        def add(i: Tile, high: Tile, low: Tile) -> tuple[Tile, Tile]:
            more = halves(self._masses(self.keys(i * p.BLOCK + arange(p.BLOCK))))
            return high + more[0], low + more[1]

        total: Mass = summed(*fori_loop(0, blocks, add, nothing, nothing))
        # The product with a power of two is exact, so it does not matter whether it is fused with the sum.
        whole = total.high.to(F32) * float(1 << 17) + total.low.to(F32)
        self._whole = where(whole > 0.0, whole, 1.0)

    def _blocks(self, body: Any, start: int) -> Tile:
        p, block = self._p, arange(self._p.BLOCK)
        found: Tile = fori_loop(
            0, cdiv(self._width, p.BLOCK), lambda i, x: body(i * p.BLOCK + block, x), full((p.BLOCK,), start, INT32)
        )
        return found

    def keys(self, number: Tile) -> Tile:
        """Keys of columns; that of -inf where there is no such column."""
        inside = (number >= 0) & (number < self._width)
        value = load(self._logits, (*self._place, where(inside, number, 0)), inside)
        return where(inside, key_of(value), MINUS_INFINITY)

    def distances(self, key: Tile) -> Tile:
        """Of keys from the largest one, Q20."""
        return self._settings.quantised(key, self._top)

    def _masses(self, key: Tile) -> Tile:
        return mass_of(self._p, self.distances(key), key)

    def of(self, key: Tile) -> Tile:
        """Probabilities of keys, float32."""
        return self._masses(key).to(F32) / self._whole


def draw(p: Any) -> None:
    """One token: the draft's where it is accepted, else another one."""
    row, place = program_id(0), program_id(1)
    length = load(p.lengths, (row,))
    drafted = (place < length) & (place < p.K)
    width = where(place <= maximum(length, 0), p.V, full((), 0, INT32))
    greedy = ~(load(p.temperature, (row,)) >= GREEDY_BELOW)
    token = load(p.draft, (row, place), drafted, other=-1)
    position = load(p.positions, (row,)).to(INT32) + place
    seed = load(p.seeds, (row, 0)), load(p.seeds, (row, 1))
    noise = Noise(seed, position)
    target = Distribution(p, p.target_logits, (row, place), width)
    own = target.of(target.keys(token))
    other, draft = full((), 1.0, F32), None
    if p.draft_logits is not None:
        draft = Distribution(p, p.draft_logits, (row, place), where(drafted, width, 0))
        other = draft.of(draft.keys(token))
    word = threefry(seed, position + -ACCEPTANCE, full((), 0, INT32))
    u = (shifted_right(word, 32 - _U_BITS + 1) * 2 + 1).to(F32) * 2.0**-_U_BITS
    accepted = drafted & ~greedy & (other > 0.0) & (own > 0.0) & (own >= u * other)

    def score(number: Tile) -> Tile:
        key = target.keys(number)
        there = key > MINUS_INFINITY
        rest = target.of(key)
        rest = where(number == token, 0.0, rest) if draft is None else rest - draft.of(draft.keys(number))
        left = rest > 0.0
        logarithm = ln_of_float_q20(p.table, where(left, rest, 1.0).bitcast(INT32))
        # After the draft its own distances, so that the token is the one that `sample` draws.
        base, allowed = where(drafted, logarithm, target.distances(key)), where(drafted, left, there)
        drawn = where(allowed, base + noise.of(p.table, number), EXCLUDED)
        return where(greedy, key, drawn)

    def best_of(i: Tile, best: Tile, at: Tile) -> tuple[Tile, Tile]:
        number = i * p.BLOCK + arange(p.BLOCK)
        found = where(number < p.V, score(number), EXCLUDED)
        return maximum(found, best), where(found > best, number, at)

    blocks = cdiv(where(accepted, 0, width), p.BLOCK)
    best, at = fori_loop(0, blocks, best_of, full((p.BLOCK,), EXCLUDED, INT32), full((p.BLOCK,), 0, INT32))
    score_of_it, drawn = winner(best, at)
    instead = where(own > 0.0, token, 0)  # nothing to draw from, or nothing drawn
    store(p.sampled, (row, place), where(score_of_it > EXCLUDED, drawn, instead))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """Row by row, place by place."""
    target, draft = np.asarray(inputs["target_logits"]), np.asarray(inputs["draft"])
    sampled = np.full(target.shape[:2], -1, np.int64)
    for row in range(len(target)):
        length = min(int(inputs["lengths"][row]), draft.shape[1])
        for place in range(max(length, 0) + 1):
            sampled[row, place] = _token(inputs, row, place, drafted=place < length)
    found: dict[str, Reference] = VERIFY_DRAFT.oracle(
        {"draft": draft, "sampled": sampled, "lengths": inputs["lengths"]}
    )
    return found


def probabilities(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The float32 probabilities of a row of logits."""
    row = np.where(np.isnan(logits), np.float32("-inf"), logits.astype(np.float32))
    mass = np.where(np.isneginf(row), 0, exp_q29(quantised(row, 1.0)))
    high, low = np.divmod(mass.sum(), 1 << 17)
    whole = np.float32(high) * np.float32(1 << 17) + np.float32(low)
    return np.asarray(mass.astype(np.float32) / (whole or np.float32(1)))


def _ln_q20(x: float) -> int:
    mantissa, exponent = np.frexp(np.float32(x))
    halvings = 24 - int(exponent)
    return min(((int(ln_q26(int(mantissa * 2**24))) + 32) >> 6) - (halvings * 726817 + halvings // 2), 0)


def _token(inputs: Mapping[str, Any], row: int, place: int, *, drafted: bool) -> int:
    stored = np.asarray(inputs["target_logits"])[row, place].astype(np.float32)
    logits = np.where(np.isnan(stored), np.float32("-inf"), stored)
    if not logits.size:
        return 0
    if not np.float32(inputs["temperature"][row]) >= np.float32(GREEDY_BELOW):
        return int(logits.argmax())
    key = int(inputs["seeds"][row][0]), int(inputs["seeds"][row][1])
    position = int(inputs["positions"][row]) + place
    noise = gumbel_q20(threefry2x32(key, position, np.arange(len(logits)))[0])
    if not drafted:
        if np.isneginf(logits).all():
            return 0
        return int(np.where(np.isneginf(logits), -(2**40), quantised(logits, 1.0) + noise).argmax())
    p, x = probabilities(logits), int(inputs["draft"][row][place])
    if inputs.get("draft_logits") is None:
        q = (np.arange(len(p)) == x).astype(np.float32)
    else:
        q = probabilities(np.asarray(inputs["draft_logits"])[row, place])
    known = 0 <= x < len(p)
    word = int(threefry2x32(key, position + ACCEPTANCE, 0)[0])
    u = np.float32((word >> 9) * 2 + 1) * np.float32(2.0**-_U_BITS)
    if known and q[x] > 0 and p[x] > 0 and p[x] >= u * q[x]:
        return x
    rest = np.maximum(p - q, np.float32(0))
    if not rest.any():
        return x if known and p[x] > 0 else 0
    return int(np.argmax([_ln_q20(w) + int(g) if w > 0 else -(2**40) for w, g in zip(rest, noise, strict=True)]))


def sample(case: Sample) -> dict[str, Any]:
    """Drafts near the target and far from it, of any length; dropped tokens, NaN, greedy rows, ids of no column."""
    rng, rows, length, width = case.rng, case.sizes["B"], case.sizes["K"], case.sizes["V"]
    target = rng.standard_normal((rows, length + 1, width)) * rng.choice([0.5, 1.0, 4.0], (rows, 1, 1))
    draft = target[:, :length] + rng.standard_normal((rows, length, width)) * rng.choice([0.0, 0.3, 2.0], (rows, 1, 1))
    if width:
        target[1::3, :, ::4], draft[2::5, :, ::3], target[5::7, :, ::5] = -np.inf, -np.inf, np.nan
        target[4::8] = -np.inf
    x = np.where(rng.random((rows, length)) < 0.5, rng.integers(-1, width + 1, (rows, length)), 0)
    if width and length:
        likely = np.nan_to_num(target[:, :length], nan=-np.inf, neginf=-1e30).argmax(-1)
        x = np.where(rng.random(x.shape) < 0.5, likely, x)
    lengths = rng.integers(0, length + 1, rows)
    lengths[1::2], lengths[5::6] = length + 2, -1
    return {
        "target_logits": target,
        "draft_logits": draft,
        "draft": x,
        "lengths": lengths,
        "temperature": rng.choice([0.0, 0.7, 1.0, 1.0], rows),
        "seeds": rng.integers(-(2**31), 2**31, (rows, 2)),
        "positions": rng.integers(0, 200_000, rows),
        # Without rows nothing reads it, and it is all that a seed could decide.
        "table": sampling_table() if rows else rng.integers(0, 1 << 20, SIZE),
    }


def _logits(name: str, doc: str, *dims: Any, optional: bool = False) -> Array:
    return Array(name=name, doc=doc, shapes=(dims,), formats=(F32,), role=Role.INDEX, optional=optional)


_ARRAYS = (
    _logits("target_logits", "logits of the target after its filters, at every draft token and one after", B, K + 1, V),
    parameter("draft", "draft tokens of every row", B, K),
    parameter("lengths", "number of draft tokens of every row; below 0 as 0, above K as K", B),
    temperature(),
    *randomness(),
    table(),
    _logits("draft_logits", "logits that the draft is drawn from, after its filters", B, K, V, optional=True),
)
_SAMPLED = parameter(
    "sampled", "draft tokens that are accepted, else tokens in their place", B, K + 1, access=Access.OUT
)
_DRAW = Kernel(
    name="accept_or_draw",
    doc="Draft tokens that are accepted, and tokens in place of the others.",
    axes=(B, K, V),
    arrays=(*_ARRAYS, _SAMPLED),
    tunables=tunables(BLOCK=(256, 512, 1024, 2048, 4096)),
    configs=everywhere("rejection_draw"),
    grid=(B, K + 1),
    body=draw,
)


def _case(name: str, rows: int, length: int, width: int, **fields: Any) -> Case:
    return Case(name=name, sizes=(("B", rows), ("K", length), ("V", width)), **fields)


REJECTION_SAMPLE: Op = Op(
    name="rejection_sample",
    doc="Tokens of the target's distribution from drafts with probabilities.",
    family="sampling",
    definition=definition_of(__doc__),
    source="speculative sampling (Leviathan et al., 2023; Chen et al., 2023); the order of the draws is vLLM's",
    axes=(B, K, V),
    independent=(Independent(B),),
    arrays=(*_ARRAYS, *(array for array in VERIFY_DRAFT.arrays if array.access is Access.OUT)),
    temporaries=(_SAMPLED,),
    steps=(Step(kernel=_DRAW), Step(op=VERIFY_DRAFT)),
    sample=sample,
    oracle=oracle,
    accuracy=VERIFY_DRAFT.accuracy,
    cases=(
        _case("small", 6, 2, 60),
        _case("one-hot", 6, 1, 40, absent=("draft_logits",)),
        _case("blocks", 2, 1, 700, formats=(("positions", INT64),)),
        _case("no-draft", 2, 0, 40),
        _case("no-rows", 0, 2, 64),
        _case("large", 32, 1, 129280, large=True, golden=True),
    ),
)
