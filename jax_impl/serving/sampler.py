"""Settings of a step's requests as arrays, and what a step draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl import ops
from jax_impl.serving.request import MAX_TOP_LOGPROBS, SamplingParams
from specs.sampling.tables import sampling_table

INVALID = -1
"""In place of a token: the logits of the row had a NaN."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingArrays:
    """Settings of every row: float32 and int32 [B]; seeds int32 [B, 2].

    positions: of the tokens to be drawn, in their requests.
    """

    temperature: Any
    top_k: Any
    top_p: Any
    min_p: Any
    seeds: Any
    positions: Any

    @classmethod
    def of(cls, params: Sequence[SamplingParams], positions: Sequence[int], rows: int) -> SamplingArrays:
        """Arrays with `rows` rows on the host; the rows of padding are greedy."""

        def column(dtype: Any, values: list[Any], fill: Any) -> np.ndarray[Any, Any]:
            found = np.full(rows, fill, dtype)
            found[: len(values)] = values
            return found

        seeds = column(np.uint64, [one.seed for one in params], 0)
        return cls(
            temperature=column(np.float32, [one.temperature for one in params], 0.0),
            top_k=column(np.int32, [one.top_k for one in params], 0),
            top_p=column(np.float32, [one.top_p for one in params], 1.0),
            min_p=column(np.float32, [one.min_p for one in params], 0.0),
            seeds=seeds.view(np.int32).reshape(rows, 2),
            positions=column(np.int32, list(positions), 0),
        )

    @classmethod
    def structs(cls, rows: int) -> SamplingArrays:
        """Shapes and dtypes of the arrays, for lowering."""
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), cls.of((), (), rows))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a step draws for every row.

    tokens: int32 [rows of the largest bucket], `INVALID` where the logits have a NaN.
    accepted, draft: of every request, see `jax_impl.serving.speculative.Drafted`; None without drafts.
    ids, logprobs: the token and the most likely ones, [B, 1 + MAX_TOP_LOGPROBS]; None in greedy steps. rank: [B].
    """

    tokens: Any
    ids: Any = None
    logprobs: Any = None
    rank: Any = None
    accepted: Any = None
    draft: Any = None


def most_likely(logits: jax.Array, rows: int) -> Drawn:
    """Tokens of logits float32 [B, V], in a greedy step. rows: of the largest bucket."""
    # As `sample` at temperature 0: the lowest of equal ones.
    return Drawn(tokens=_padded(jnp.argmax(logits, -1).astype(jnp.int32), logits, rows))


def draw(logits: jax.Array, changed: jax.Array, sampling: SamplingArrays, *, rows: int) -> Drawn:
    """Tokens drawn from `changed`, the logits float32 [B, V] under penalties; logprobs are the model's own."""
    tokens = ops.sample(
        changed,
        temperature=sampling.temperature,
        seeds=sampling.seeds,
        positions=sampling.positions,
        table=jnp.asarray(sampling_table()),
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        min_p=sampling.min_p,
    )
    ids, logprobs, rank = ops.logprobs(logits, tokens, n=MAX_TOP_LOGPROBS)
    return Drawn(tokens=_padded(tokens, logits, rows), ids=ids, logprobs=logprobs, rank=rank)


def _padded(tokens: jax.Array, logits: jax.Array, rows: int) -> jax.Array:
    bad = jnp.isnan(logits).any(-1)
    return jnp.pad(jnp.where(bad, INVALID, tokens), (0, rows - tokens.shape[0]))
