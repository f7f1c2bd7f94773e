"""One sparse-MLA layer in JAX: fill a V4 cache, prefill, then 32 decode steps with growing context.

    python -m examples.sparse_mla_jax       run it here, and its torch counterpart (sparse_mla_torch.py), and compare

In-place arguments are donated: the cache that goes into a call comes back out of it.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from examples.sparse_mla_problem import PAGE, SCALE, WINDOW, Outcome, Problem, Step, problem, report
from jax_impl import ops


def insert(cache: jax.Array, step: Step, given: Problem) -> tuple[jax.Array, jax.Array]:
    """Normalised, rotated queries and the cache with the step's keys, from one launch."""
    q, kv = (jnp.asarray(x, jnp.bfloat16) for x in (step.q, step.kv))
    filled: tuple[jax.Array, jax.Array] = _insert(q, kv, cache, step.slots, step.positions, given.cos_sin)
    return filled


@partial(jax.jit, donate_argnums=(0, 2))
def _insert(
    q: jax.Array, kv: jax.Array, cache: jax.Array, slots: jax.Array, positions: jax.Array, cos_sin: jax.Array
) -> tuple[jax.Array, jax.Array]:
    return ops.qnorm_rope_kv_insert(q, kv, cache, slots, positions, cos_sin, block_size=PAGE)


def prefill(q: jax.Array, cache: jax.Array, step: Step, given: Problem) -> jax.Array:
    """Attention of all prompt tokens over a dense workspace that their keys are gathered into."""
    requests, longest = len(step.lengths), int(step.lengths.max())
    gathered = ops.prefill_gather_lens(step.starts, step.lengths, window=WINDOW)
    room = jnp.zeros((requests, longest, q.shape[-1]), jnp.bfloat16)
    room = ops.dequant_gather_k(room, cache, step.lengths, gathered, given.table, block_size=PAGE)
    nothing = jnp.zeros((q.shape[0], 1), jnp.int32)
    index, length = ops.combine_topk_swa(
        nothing, step.starts, step.lengths, gathered, window=WINDOW, ratio=1, topk=0, workspace_rows=longest,
        compressed_rows=0,
    )  # fmt: skip
    rows = room.reshape(requests * longest, -1)
    out: jax.Array = ops.sparse_mla_prefill(q, rows, index, jnp.asarray(given.sink), length, sm_scale=SCALE)
    return out


def decode(q: jax.Array, cache: jax.Array, step: Step, given: Problem) -> jax.Array:
    """Attention of one token per request, straight from the quantised pages."""
    index, length = ops.swa_decode_metadata(
        step.starts, step.lengths, step.slots, given.table, window=WINDOW, block_size=PAGE
    )
    out: jax.Array = ops.sparse_mla_decode_fp8(
        q, cache, index, length, attn_sink=jnp.asarray(given.sink), sm_scale=SCALE, block_size=PAGE
    )
    return out


def run(given: Problem) -> Outcome:
    """The whole layer."""
    q, cache = insert(jnp.asarray(given.cache), given.prefill, given)
    outputs = [prefill(q, cache, given.prefill, given)]
    for step in given.decode:
        q, cache = insert(cache, step, given)
        outputs.append(decode(q, cache, step, given))
    return Outcome(cache=np.asarray(cache), outputs=tuple(np.asarray(out, np.float32) for out in outputs))


if __name__ == "__main__":
    from examples import sparse_mla_torch

    inputs = problem()
    print(report({"jax": run(inputs), "torch": sparse_mla_torch.run(inputs)}))
