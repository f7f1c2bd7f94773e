"""Cases of variable-length attention: causal prefill of equal requests, and decode over pages of keys.

Input sets are in the order of the signature of `flash_attn_varlen`. Expected results are computed in float32, for some
queries of the first request only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.attention.problems import CHECKED, Case, Inputs

HEADS, KEY_HEADS, WIDTH = 32, 8, 128
_ABSENT = (None,) * 5  # slopes, sinks, scales


def causal_case(requests: int, length: int) -> Case:
    """Every request attends to itself."""

    def make(generator: Any) -> Inputs:
        q, k, v = (_normal((requests * length, heads, WIDTH), generator) for heads in (HEADS, KEY_HEADS, KEY_HEADS))
        return q, k, v, _starts(requests, length, generator), _starts(requests, length, generator), None, None, *_ABSENT

    def expected(inputs: Inputs) -> tuple[Any, ...]:
        q, k, v = (x[:length] for x in inputs[:3])
        return (_attention(q[-CHECKED:], k, v, length - CHECKED),)

    size = requests * length * WIDTH * 2
    return Case(
        op="flash_attn_varlen",
        label=f"B{requests} S{length}",
        moved={"q and result": 2 * HEADS * size, "keys and values": 2 * KEY_HEADS * size},
        flops=4 * requests * HEADS * WIDTH * length * (length + 1) // 2,
        make=make,
        expected=expected,
        picked=lambda _, result: (_only(result)[length - CHECKED : length],),
        keywords={"causal": True, "max_seqlen_q": length, "max_seqlen_k": length},
    )


def paged_case(requests: int, length: int, page: int) -> Case:
    """One query per request, over keys in pages."""
    pages = -(-length // page)

    def make(generator: Any) -> Inputs:
        import torch

        device = generator.device
        q = _normal((requests, HEADS, WIDTH), generator)
        k, v = (_normal((requests * pages, page, KEY_HEADS, WIDTH), generator) for _ in range(2))
        table = torch.randperm(requests * pages, generator=generator, device=device).reshape(requests, pages).int()
        used = torch.full((requests,), length, dtype=torch.int32, device=device)
        return q, k, v, _starts(requests, 1, generator), None, used, table, *_ABSENT

    def expected(inputs: Inputs) -> tuple[Any, ...]:
        q, k, v, _, _, _, table, *_ = inputs
        keys, values = (x[table[0].long()].flatten(0, 1)[:length] for x in (k, v))
        return (_attention(q[:1], keys, values, length - 1),)

    return Case(
        op="flash_attn_varlen",
        label=f"B{requests} L{length} page {page}",
        moved={
            "keys and values": 4 * requests * length * KEY_HEADS * WIDTH,
            "q and result": 4 * requests * HEADS * WIDTH,
        },
        flops=4 * requests * HEADS * WIDTH * length,
        make=make,
        expected=expected,
        picked=lambda _, result: (_only(result)[:1],),
        keywords={"causal": True, "max_seqlen_q": 1, "max_seqlen_k": length},
    )


def _normal(shape: tuple[int, ...], generator: Any) -> Any:
    import torch

    return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.bfloat16)


def _starts(requests: int, length: int, generator: Any) -> Any:
    import torch

    return torch.arange(requests + 1, device=generator.device, dtype=torch.int32) * length


def _attention(q: Any, k: Any, v: Any, first: int) -> Any:
    """float32 [n, H, D] of queries at positions first, first + 1, .. over the keys up to their own position."""
    import torch

    k, v = (x.float().repeat_interleave(HEADS // KEY_HEADS, dim=1) for x in (k, v))
    scores = torch.einsum("ihd,jhd->hij", q.float(), k) * WIDTH**-0.5
    position = torch.arange(len(q), device=q.device)[:, None] + first
    scores = scores.masked_fill(torch.arange(len(k), device=q.device)[None, :] > position, float("-inf"))
    return torch.einsum("hij,jhd->ihd", scores.softmax(-1), v)


def _only(result: Any) -> Any:
    return result[0] if isinstance(result, (tuple, list)) else result


FAMILIES: Mapping[str, tuple[Case, ...]] = {
    "causal": (causal_case(4, 4096), causal_case(1, 16384)),
    "paged": (paged_case(64, 8192, 16), paged_case(64, 8192, 64)),
}
QUICK: Mapping[str, tuple[Case, ...]] = {"causal": (causal_case(2, 64),), "paged": (paged_case(2, 64, 16),)}
