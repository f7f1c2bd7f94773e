"""One sparse-MLA layer in torch: fill a V4 cache, prefill, then 32 decode steps with growing context.

    python -m examples.sparse_mla_torch     run it here, and its JAX counterpart (sparse_mla_jax.py), and compare

In-place arguments are written: queries and cache change where they lie.
"""

from __future__ import annotations

import torch

from examples.sparse_mla_problem import PAGE, SCALE, WINDOW, Outcome, Problem, Step, problem, report
from torch_impl import ops

DEVICE = "cuda" if torch.cuda.is_available() else "xpu" if torch.xpu.is_available() else "cpu"


def tensor(array: object, dtype: torch.dtype | None = None) -> torch.Tensor:
    """An array on the device."""
    return torch.as_tensor(array).to(DEVICE, dtype)


def insert(cache: torch.Tensor, step: Step, given: Problem) -> torch.Tensor:
    """Normalised, rotated queries; the step's keys go into the cache in the same launch."""
    q, kv = (tensor(x, torch.bfloat16) for x in (step.q, step.kv))
    slots, positions = tensor(step.slots), tensor(step.positions)
    ops.qnorm_rope_kv_insert(q, kv, cache, slots, positions, tensor(given.cos_sin), block_size=PAGE)
    return q


def prefill(q: torch.Tensor, cache: torch.Tensor, step: Step, given: Problem) -> torch.Tensor:
    """Attention of all prompt tokens over a dense workspace that their keys are gathered into."""
    requests, longest = len(step.lengths), int(step.lengths.max())
    starts, lengths = tensor(step.starts), tensor(step.lengths)
    gathered = ops.prefill_gather_lens(starts, lengths, window=WINDOW)
    room = torch.zeros(requests, longest, q.shape[-1], dtype=torch.bfloat16, device=DEVICE)
    ops.dequant_gather_k(room, cache, lengths, gathered, tensor(given.table), block_size=PAGE)
    nothing = torch.zeros(q.shape[0], 1, dtype=torch.int32, device=DEVICE)
    index, length = ops.combine_topk_swa(
        nothing, starts, lengths, gathered, window=WINDOW, ratio=1, topk=0, workspace_rows=longest, compressed_rows=0
    )
    rows = room.view(requests * longest, -1)
    out: torch.Tensor = ops.sparse_mla_prefill(q, rows, index, tensor(given.sink), length, sm_scale=SCALE)
    return out


def decode(q: torch.Tensor, cache: torch.Tensor, step: Step, given: Problem) -> torch.Tensor:
    """Attention of one token per request, straight from the quantised pages."""
    index, length = ops.swa_decode_metadata(
        tensor(step.starts),
        tensor(step.lengths),
        tensor(step.slots),
        tensor(given.table),
        window=WINDOW,
        block_size=PAGE,
    )
    out: torch.Tensor = ops.sparse_mla_decode_fp8(
        q, cache, index, length, attn_sink=tensor(given.sink), sm_scale=SCALE, block_size=PAGE
    )
    return out


def run(given: Problem) -> Outcome:
    """The whole layer."""
    cache = tensor(given.cache).clone()
    q = insert(cache, given.prefill, given)
    outputs = [prefill(q, cache, given.prefill, given)]
    for step in given.decode:
        q = insert(cache, step, given)
        outputs.append(decode(q, cache, step, given))
    return Outcome(cache=cache.cpu().numpy(), outputs=tuple(out.float().cpu().numpy() for out in outputs))


if __name__ == "__main__":
    from examples import sparse_mla_jax

    inputs = problem()
    print(report({"torch": run(inputs), "jax": sparse_mla_jax.run(inputs)}))
