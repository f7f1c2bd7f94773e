"""Speculative decoding: a draft of the tokens to come, which the next step verifies.

A step computes the last token of a request and, in rows of their own, its draft. Every row draws a token; the draft is
accepted as far as it has the tokens drawn before it (`verify_draft`). Rows are drawn from by the request's own settings
at their own positions: so tokens, seeded ones too, are those without a draft. The drafter then runs over the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl import ops
from jax_impl.serving.family import Drafter
from jax_impl.serving.layerwise import Forwarded
from jax_impl.serving.penalties import PenaltyArrays
from jax_impl.serving.sampler import Drawn, SamplingArrays
from jax_impl.serving.scheduler import Part


def rows_of(parts: Sequence[Part]) -> list[list[int]]:
    """Rows of every request of a step: its own, and one for each token of its draft."""
    found: list[list[int]] = []
    for row, part in enumerate(parts):
        if part.draft:
            found[-1].append(row)
        else:
            found.append([row])
    return found


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftArrays:
    """What is verified, and which tokens follow the step's; int32.

    rows: of every request, [B, 1 + K]; those after its draft are its first one. drafts: [B, K]. lengths: [B].
    next_ids: [T], the token after each. next_rows: [T], the row that draws it, or -1 where `next_ids` has it.
    """

    rows: Any
    drafts: Any
    lengths: Any
    next_ids: Any
    next_rows: Any

    @classmethod
    def of(
        cls, parts: Sequence[Part], starts: Sequence[int], *, tokens: int, requests: int, length: int
    ) -> DraftArrays:
        """Arrays on the host.

        Args:
            starts: where the tokens of each part begin. tokens, requests: T and B. length: K.
        """
        found = cls(
            rows=np.zeros((requests, 1 + length), np.int32),
            drafts=np.zeros((requests, length), np.int32),
            lengths=np.zeros(requests, np.int32),
            next_ids=np.zeros(tokens, np.int32),
            next_rows=np.full(tokens, -1, np.int32),
        )
        for index, own in enumerate(rows_of(parts)):
            draft = parts[own[-1]].draft
            found.rows[index] = own + own[:1] * (1 + length - len(own))
            found.drafts[index, : len(draft)] = draft
            found.lengths[index] = len(draft)
        for row, (part, start) in enumerate(zip(parts, starts, strict=True)):
            after = [part.request.token(part.start + index) for index in range(1, part.count)]
            if not part.samples:
                after.append(part.request.token(part.start + part.count))
            found.next_ids[start : start + len(after)] = after
            if part.samples:
                found.next_rows[start + part.count - 1] = row
        return found

    @classmethod
    def structs(cls, *, tokens: int, requests: int, length: int) -> DraftArrays:
        """Shapes and dtypes of the arrays, for lowering."""
        empty = cls.of((), (), tokens=tokens, requests=requests, length=length)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), empty)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """accepted: tokens of every request's draft that count, int32 [B]. tokens: its next draft, int32 [B, 1]."""

    accepted: Any
    tokens: Any


def verify_and_draft(
    weights: Mapping[str, Any],
    cache: Any,
    step: Any,
    shared: Any,
    state: Any,
    drawn: jax.Array,
    arrays: DraftArrays,
    *,
    drafter: Drafter,
) -> tuple[Drafted, Any]:
    """What is accepted, the next draft after the last token that is, and the drafter's cache.

    Args:
        weights: outside the layers. step, shared, state: of the family, after the last layer.
        drawn: tokens of every row, below 0 where there is none.
    """
    ids = jnp.maximum(drawn, 0)
    _, accepted = ops.verify_draft(arrays.drafts, drawn[arrays.rows], arrays.lengths)
    next_ids = jnp.where(arrays.next_rows < 0, arrays.next_ids, ids[jnp.maximum(arrays.next_rows, 0)])
    chosen = jnp.take_along_axis(arrays.rows, accepted[:, None], 1)[:, 0]
    last = step.batch.logits_indices[chosen]
    logits, cache = drafter.draft(step, weights, shared, state, next_ids, last, cache)
    return Drafted(accepted=accepted, tokens=jnp.argmax(logits, -1).astype(jnp.int32)[:, None]), cache


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculativeStep:
    """A step, and the draft after it; the last cache is the drafter's.

    forward: to `Forwarded`. draw: tokens of logits, None in greedy steps. draft: `verify_and_draft`.
    """

    forward: Callable[..., Any]
    draw: Callable[..., Drawn] | None
    draft: Callable[..., Any]

    def __call__(
        self,
        weights: Any,
        caches: tuple[Any, ...],
        previous: Any,
        step: Any,
        source: Any,
        drafts: DraftArrays,
        sampling: SamplingArrays | None = None,
        penalties: PenaltyArrays | None = None,
    ) -> tuple[Drawn, tuple[Any, ...]]:
        """One step."""
        found: Forwarded
        found, own = self.forward(weights, caches[:-1], previous, step, source)
        drawn: Drawn = found.result
        if self.draw is not None:
            drawn = self.draw(found.result, previous, sampling, penalties)
        drafted, cache = self.draft(weights.model, caches[-1], step, found.shared, found.state, drawn.tokens, drafts)
        return replace(drawn, accepted=drafted.accepted, draft=drafted.tokens), (*own, cache)
