"""Penalties of a step's requests as arrays, and logits under them.

They follow from a request's tokens alone, which every step passes: whatever its batch, and after preemption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl import ops
from jax_impl.serving.scheduler import Part


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyArrays:
    """Tokens and penalties of every row.

    tokens: prompt, then output, int32 [B, L]. prompt_lens, lens: how many there are, int32 [B]; 0 in rows that have no
        penalties.
    source: the row of the step before that draws a row's last token, or -1 where `tokens` has it, int32 [B].
    repetition, frequency, presence: float32 [B].
    """

    tokens: Any
    prompt_lens: Any
    lens: Any
    source: Any
    repetition: Any
    frequency: Any
    presence: Any

    @classmethod
    def of(cls, parts: Sequence[Part], drawing: Mapping[int, int], rows: int, length: int) -> PenaltyArrays:
        """Arrays on the host.

        Args:
            drawing: by `id` of a request, its row in the step before. length: L.
        """
        made = cls.empty(rows, length)
        for row, part in enumerate(parts):
            request, params, end = part.request, part.request.params, part.start + part.count
            if not params.penalised:
                continue
            known = min(end, request.known)
            prompt = min(len(request.prompt), known)
            made.tokens[row, :prompt] = request.prompt_ids[:prompt]
            made.tokens[row, prompt:known] = request.output[: known - prompt]
            made.tokens[row, known : known + len(part.draft)] = part.draft
            made.prompt_lens[row], made.lens[row] = prompt, end
            made.source[row] = drawing[id(request)] if known + len(part.draft) < end else -1
            made.repetition[row] = params.repetition_penalty
            made.frequency[row] = params.frequency_penalty
            made.presence[row] = params.presence_penalty
        return made

    @classmethod
    def empty(cls, rows: int, length: int) -> PenaltyArrays:
        """No row has penalties."""
        zeros = {name: np.zeros(rows, np.int32) for name in ("prompt_lens", "lens")}
        tokens, source = np.zeros((rows, length), np.int32), np.full(rows, -1, np.int32)
        off = {"repetition": 1.0, "frequency": 0.0, "presence": 0.0}
        factors = {name: np.full(rows, value, np.float32) for name, value in off.items()}
        return cls(tokens=tokens, source=source, **zeros, **factors)

    @classmethod
    def structs(cls, rows: int, length: int) -> PenaltyArrays:
        """Shapes and dtypes of the arrays, for lowering."""
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), cls.empty(rows, length))


def penalised(logits: jax.Array, previous: jax.Array, given: PenaltyArrays) -> jax.Array:
    """Logits float32 [B, V] under the penalties.

    Args:
        previous: tokens that the step before drew, int32 [requests of the largest bucket].
    """
    rows, last = jnp.arange(logits.shape[0]), jnp.maximum(given.lens - 1, 0)
    token = jnp.where(given.source < 0, given.tokens[rows, last], previous[jnp.maximum(given.source, 0)])
    return ops.apply_penalties(
        logits,
        given.tokens.at[rows, last].set(token),
        given.prompt_lens,
        given.lens,
        given.repetition,
        given.frequency,
        given.presence,
    )
