"""verify_draft: how much of a draft the sampled tokens confirm, and the tokens that this gives.

    accepted[b] = largest m <= lengths[b] with draft[b, j] = sampled[b, j] for all j < m
    tokens[b, j] = sampled[b, j] for j <= accepted[b], else -1

`sampled` holds the tokens that the target model has at every position of the draft and one after it: drawn by `sample`
from its own seed and position, after its own filters, or the argmax of greedy rows. So decoding without a draft gives
the same tokens, bit for bit, whatever the draft was. For drafts without probabilities (n-grams, a greedy draft model)
this is rejection sampling: a draft token x is accepted with probability p(x), and else replaced by a token drawn from p
without x. Drafts that are sampled from q are accepted with probability sum(p q), less than the sum(min(p, q)) of
rejection sampling with q, `rejection_sample`. The last token, sampled[b, accepted[b]], is the replacement or the bonus
token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Kernel
from specs.lang.declare.op import Case, Independent, Op, Reference, Sample, definition_of, single
from specs.sampling.declared import B, parameter, tunables
from specs.tile.language import arange, load, minimum, program_id, reduce_min, store, where
from specs.tuned import everywhere

MOST = 63
"""Draft tokens of a row, at most."""
K = Axis(name="K", static=True, maximum=MOST, doc="draft tokens of a row, with padding")


def verify(p: Any) -> None:
    """BLOCK rows."""
    row, place = program_id(0) * p.BLOCK + arange(p.BLOCK), arange(1 << p.K.bit_length())
    inside = row < p.B
    each = inside[:, None] & (place < p.K)[None, :]
    length = minimum(load(p.lengths, (row,), inside), p.K)
    draft = load(p.draft, (row[:, None], place[None, :]), each)
    token = load(p.sampled, (row[:, None], place[None, :]), inside[:, None] & (place <= p.K)[None, :])
    confirmed = each & (place[None, :] < length[:, None]) & (draft == token)
    accepted = reduce_min(where(confirmed, p.K, place[None, :]), axis=1)
    store(p.accepted, (row,), accepted, inside)
    kept = where(place[None, :] <= accepted[:, None], token, -1)
    store(p.tokens, (row[:, None], place[None, :]), kept, inside[:, None] & (place <= p.K)[None, :])


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """Token by token."""
    tokens = np.full(np.shape(inputs["sampled"]), -1, np.int64)
    accepted = np.zeros(len(tokens), np.int64)
    for row, (draft, sampled) in enumerate(zip(inputs["draft"], inputs["sampled"], strict=True)):
        limit = min(int(inputs["lengths"][row]), len(draft))
        while accepted[row] < limit and draft[accepted[row]] == sampled[accepted[row]]:
            accepted[row] += 1
        tokens[row, : accepted[row] + 1] = sampled[: accepted[row] + 1]
    return {"tokens": Reference(value=tokens), "accepted": Reference(value=accepted)}


def sample(case: Sample) -> dict[str, Any]:
    """Drafts that differ at any place, or nowhere, of any length; what follows a draft is often equal as well."""
    rng, rows, length = case.rng, case.sizes["B"], case.sizes["K"]
    sampled = rng.integers(0, 1 << 18, (rows, length + 1))
    draft = sampled[:, :length].copy()
    if length and rows:
        wrong = rng.integers(0, length, rows)
        draft[np.arange(rows)[::2], wrong[::2]] += 1
    lengths = rng.integers(0, length + 1, rows)
    lengths[1::2] = length + 2  # no more than the draft has
    lengths[5::6] = -1
    return {"draft": draft, "sampled": sampled, "lengths": lengths}


_KERNEL = Kernel(
    name="verify_draft",
    doc="Draft tokens that the sampled ones confirm.",
    axes=(B, K),
    arrays=(
        parameter("draft", "draft tokens of every row", B, K),
        parameter("sampled", "tokens of the target model at the places of the draft, and the one after", B, K + 1),
        parameter("lengths", "number of draft tokens of every row; below 0 as 0, above K as K", B),
        parameter("tokens", "the tokens of every row, accepted[b] + 1 of them; then -1", B, K + 1, access=Access.OUT),
        parameter("accepted", "number of draft tokens that are accepted", B, access=Access.OUT),
    ),
    tunables=tunables(BLOCK=(1, 2, 4, 8, 16, 32, 64)),
    configs=everywhere("verify_draft"),
    grid=(cdiv(B, Ref("BLOCK")),),
    body=verify,
)
VERIFY_DRAFT: Op = single(
    _KERNEL,
    family="sampling",
    definition=definition_of(__doc__),
    source="speculative sampling (Leviathan et al., 2023; Chen et al., 2023) with drafts of probability 1",
    independent=(Independent(B),),
    sample=sample,
    oracle=oracle,
    accuracy=(("tokens", Accuracy(exact=True)), ("accepted", Accuracy(exact=True))),
    cases=(
        Case(name="small", sizes=(("B", 19), ("K", 5))),
        Case(name="power-of-two", sizes=(("B", 7), ("K", 8))),
        Case(name="no-draft", sizes=(("B", 3), ("K", 0))),
        Case(name="no-rows", sizes=(("B", 0), ("K", 4))),
        Case(name="large", sizes=(("B", 1024), ("K", 3)), large=True, golden=True),
    ),
)
