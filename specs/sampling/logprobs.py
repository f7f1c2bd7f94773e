"""logprobs: log-probabilities of one token per row and of the n most likely ones, and the rank of the former.

    log p = x - max x - log(sum(exp(x - max x)))
    ids[b] = tokens[b], then the n columns of the largest logits, of equal ones the lowest first
    logprobs[b, j] = log p of ids[b, j];  rank[b] = number of logits >= that of tokens[b]: 1 for the largest

All of it is of the logits as they are, before penalties, temperature and filters. ids and rank are exact. NaN counts as
-inf; +inf is above every number, and counts as the largest float32 in log p. log p of -inf is -inf. A token that is
no column gives id -1, -inf and rank 0; rows of fewer than n columns end with ids -1 and -inf.

Rows are read once: a program reads 4096 columns, and stores the largest keys of groups of 32, its part of the sum, and
how many logits are not below the token's. The n groups with the largest of these keys have all of the n columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from specs.attention.softmax import LN_2, LOG2_E
from specs.indexer.select import LOWEST
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Kernel
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, Step, definition_of
from specs.lang.formats.elements import BF16, F16, F32, INT32, ElementFormat
from specs.sampling.declared import GROUPS, TILE, B, V, logits, parameter, tunables, vocab_size
from specs.sampling.oracle import rows_of
from specs.sampling.settings import (
    GROUP,
    LAST,
    MINUS_INFINITY,
    SPAN,
    SPANS,
    group_columns,
    key_of,
    value_of,
    vocabulary,
)
from specs.tile.frontend.trace import Tile
from specs.tile.language import (
    arange,
    cdiv,
    exp2,
    fori_loop,
    full,
    load,
    log2,
    maximum,
    minimum,
    program_id,
    reduce_max,
    reduce_min,
    reduce_sum,
    store,
    where,
)
from specs.tuned import everywhere

MOST = 32
"""Tokens besides the chosen one, at most."""
_LARGEST = 0x7F7FFFFF
"""Key of the largest finite float32."""
SUMMED = GROUP + SPAN // GROUP + SPANS
"""Additions on the way of one term: of its group, of its span's groups, of spans."""
ROUNDED = 8
"""Rounded operations on a term besides: two exponentials, their factors, a product; a logarithm and its factor."""


def value(key: Tile) -> Tile:
    """float32 values of keys, +inf as the largest number."""
    return value_of(minimum(key, _LARGEST))


def above_peak(x: Tile, peak: Tile) -> Tile:
    """x - peak, -inf where x is: also where nothing else is there."""
    return x - where(peak == float("-inf"), 0.0, peak)


def read_spans(p: Any) -> None:
    """4096 columns: the largest keys of groups, the sum of exponentials, and the logits not below the token's."""
    row, span = program_id(0), program_id(1)
    group = span * (SPAN // GROUP) + arange(SPAN // GROUP)
    column = group[:, None] * GROUP + arange(GROUP)[None, :]
    inside = column < vocabulary(p)
    key = where(inside, key_of(load(p.logits, (row, column), inside)), MINUS_INFINITY)
    largest = reduce_max(key, axis=1)
    store(p.maxima, (row, group), largest, group < cdiv(p.V, GROUP))
    top = reduce_max(largest, axis=0)
    power = exp2(above_peak(value(key), value(top)) * LOG2_E)
    store(p.tops, (row, span), top)
    store(p.sums, (row, span), reduce_sum(reduce_sum(power, axis=1), axis=0))
    token, there = token_of(p, row)
    chosen = key_of(load(p.logits, (row, token), there))
    reached = inside & (key >= chosen) & there
    store(p.reached, (row, span), reduce_sum(reduce_sum(reached.to(INT32), axis=1), axis=0))


def token_of(p: Any, row: Tile) -> tuple[Tile, Tile]:
    """The token of a row, and whether it is a column."""
    token = load(p.tokens, (row,))
    return token, (token >= 0) & (token < vocabulary(p))


def first(keys: Tile, number: Tile) -> tuple[Tile, Tile, Tile]:
    """The largest key, the lowest number that has it (numbers are distinct), and the keys without it."""
    best = reduce_max(keys, axis=0)
    found = reduce_min(where(keys == best, number, LAST), axis=0)
    return best, found, where(number == found, LOWEST, keys)


def pick_tokens(p: Any) -> None:
    """A row: its sum, the token, and the n first columns from the n first groups."""
    row, span = program_id(0), arange(SPANS)
    there = span < cdiv(p.V, SPAN)
    top = load(p.tops, (row, span), there, other=MINUS_INFINITY)
    largest = value(reduce_max(top, axis=0))
    part = load(p.sums, (row, span), there) * exp2(above_peak(value(top), largest) * LOG2_E)
    total = reduce_sum(part, axis=0)
    logarithm = log2(where(total > 0.0, total, 1.0)) * LN_2
    token, known = token_of(p, row)
    chosen = key_of(load(p.logits, (row, token), known, other=float("-inf")))
    store(p.ids, (row, 0), where(known, token, -1))
    store(p.logprobs, (row, 0), above_peak(value(chosen), largest) - logarithm)
    store(p.rank, (row,), reduce_sum(load(p.reached, (row, span), there), axis=0))
    if p.n > 0:
        _most_likely(p, row, lambda key: above_peak(value(key), largest) - logarithm)


def _most_likely(p: Any, row: Tile, logprob: Callable[[Tile], Tile]) -> None:
    """The n first columns of a row."""
    group, width = arange(p.TILE), 1 << (p.n - 1).bit_length()
    maxima = load(p.maxima, (row, group), group < cdiv(p.V, GROUP), other=LOWEST)
    lane = arange(width)

    def choose(i: Tile, keys: Tile, groups: Tile) -> tuple[Tile, Tile]:
        best, found, keys = first(keys, group)
        # Past the last group: columns past every vocabulary.
        return keys, where((lane == i) & (best > LOWEST), found, groups)

    past = full((width,), 1 << 20, INT32)
    _, groups = fori_loop(0, p.n, choose, maxima, past)
    number = group_columns(groups)
    inside = number < vocabulary(p)
    keys = where(inside, key_of(load(p.logits, (row, number), inside)), LOWEST)

    def write(i: Tile, keys: Tile) -> Tile:
        best, found, keys = first(keys, number)
        exists = best > LOWEST
        store(p.ids, (row, i + 1), where(exists, found, -1))
        store(p.logprobs, (row, i + 1), where(exists, logprob(maximum(best, MINUS_INFINITY)), float("-inf")))
        return keys

    fori_loop(0, p.n, write, keys)


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """By sorting whole rows, in float64."""
    count, n = len(inputs["logits"]), inputs["n"]
    ids, rank = np.full((count, n + 1), -1, np.int64), np.zeros(count, np.int64)
    found, magnitude = np.full((count, n + 1), -np.inf), np.zeros((count, n + 1))
    for number, row in enumerate(rows_of(inputs)):
        token = int(inputs["tokens"][number])
        known = 0 <= token < len(row)
        chosen = [token if known else -1, *np.argsort(-row, kind="stable")[:n]]
        ids[number, : len(chosen)] = chosen
        rank[number] = (row >= row[token]).sum() if known else 0
        if np.isneginf(row).all():
            continue
        x = np.minimum(row.astype(np.float64), F32.max_finite)
        distance, there = x - x.max(), ~np.isneginf(x)
        total = np.exp(distance).sum()
        # exp amplifies the error of its argument by the argument.
        inner = float((np.exp(distance[there]) * -distance[there]).sum()) / total
        for place, column in enumerate(chosen):
            if column >= 0 and there[column]:
                found[number, place] = distance[column] - np.log(total)
                terms = 2 * inner - distance[column] + np.log(total)
                magnitude[number, place] = 1 + terms * (ROUNDED / (SUMMED + ROUNDED))
    return {
        "ids": Reference(value=ids),
        "logprobs": Reference(value=found, magnitude=magnitude),
        "rank": Reference(value=rank),
    }


def sample(case: Sample) -> dict[str, Any]:
    """Rows of every kind: peaked, flat, with ties, with NaN and infinities; tokens that are likely, any, or none."""
    rng, (rows, width) = case.rng, case.shapes["logits"]
    x = rng.standard_normal((rows, width)) * rng.choice([0.1, 1.0, 4.0, 12.0], (rows, 1))
    x[1::3] = np.round(x[1::3] * 2) / 2
    tokens = rng.integers(0, max(width, 1), rows)
    if width:
        likely = x.argmax(axis=1)
        tokens[::2] = likely[::2]
        x[2::7, ::3], x[3::7, ::5] = -np.inf, np.nan
        x[4::9] = -np.inf
        x[5::9, width // 3 :: 50] = np.inf
    tokens[7::8], tokens[6::16] = -1, width
    return {"logits": x, "tokens": tokens}


def _between(*names: str, access: Access = Access.OUT) -> tuple[Array, ...]:
    arrays: dict[str, tuple[str, tuple[Any, ...], ElementFormat]] = {
        "maxima": ("largest keys of groups of columns", (B, GROUPS), INT32),
        "tops": ("largest key of every span", (B, SPANS), INT32),
        "sums": ("sum of the exponentials of every span, of distances from its largest logit", (B, SPANS), F32),
        "reached": ("logits of every span that are not below the token's", (B, SPANS), INT32),
    }
    found = ((name, *arrays[name]) for name in names or arrays)
    return tuple(parameter(name, doc, *dims, formats=(form,), access=access) for name, doc, dims, form in found)


def _n() -> Attribute:
    doc = "most likely tokens per row, besides the chosen one"
    return Attribute(name="n", kind=int, default=20, minimum=0, maximum=MOST, doc=doc)


_TOKENS = parameter("tokens", "one token of every row, such as the one drawn; out of range: none", B)
_IDS = parameter("ids", "the token of the row, then the most likely ones; -1: none", B, Ref("n") + 1, access=Access.OUT)
_LOGPROBS = Array(name="logprobs", doc="their log-probabilities", shapes=((B, Ref("n") + 1),), formats=(F32,),
                  access=Access.OUT)  # fmt: skip
_RANK = parameter("rank", "number of logits not below that of the row's token; 0 without one", B, access=Access.OUT)
_SPANS = Kernel(
    name="logprob_spans",
    doc="Maxima, sums of exponentials and ranks of spans of columns.",
    axes=(B, V),
    arrays=(logits(), _TOKENS, *_between()),
    attributes=(vocab_size(),),
    tunables=tunables(),
    configs=everywhere("logprob_spans"),
    grid=(B, cdiv(V, SPAN)),
    body=read_spans,
)
_PICK = Kernel(
    name="logprob_pick",
    doc="Log-probabilities of the chosen token and of the most likely ones.",
    axes=(B, V, TILE),
    arrays=(logits(), _TOKENS, *_between(access=Access.IN), _IDS, _LOGPROBS, _RANK),
    attributes=(_n(), vocab_size()),
    tunables=tunables(),
    configs=everywhere("logprob_pick"),
    grid=(B,),
    body=pick_tokens,
)


def _case(name: str, rows: int, width: int, n: int = 20, **fields: Any) -> Case:
    attributes = (("n", n), *fields.pop("attributes", ()))
    return Case(name=name, sizes=(("B", rows), ("V", width)), attributes=attributes, **fields)


LOGPROBS = Op(
    name="logprobs",
    doc="Log-probabilities of one token per row and of the n most likely ones, and the token's rank.",
    family="sampling",
    definition=definition_of(__doc__),
    source="logprobs of vLLM's sampler and of the OpenAI API",
    axes=(B, V),
    arrays=(logits(), _TOKENS, _IDS, _LOGPROBS, _RANK),
    attributes=(_n(), vocab_size()),
    temporaries=_between(),
    steps=(Step(kernel=_SPANS), Step(kernel=_PICK)),
    independent=(Independent(B),),
    sample=sample,
    oracle=oracle,
    accuracy=(
        ("ids", Accuracy(exact=True)),
        ("logprobs", Accuracy(extra=SUMMED + ROUNDED, exact_for_exact_sums=False)),
        ("rank", Accuracy(exact=True)),
    ),
    cases=(
        _case("small", 8, 97, 5),
        _case("spans", 2, 4200, 3, formats=(("logits", BF16),)),
        _case("few-columns", 3, 7, formats=(("logits", F16),)),
        _case("padding", 5, 130, 3, attributes=(("vocab_size", 121),)),
        _case("chosen", 4, 40, 0),
        _case("no-rows", 0, 64),
        _case("large", 256, 151936, large=True, golden=True),
        _case("longest", 2, 262144, large=True),
    ),
)
