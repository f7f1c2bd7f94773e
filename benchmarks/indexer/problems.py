"""Indexer benchmark problems: sizes, input sets, bytes and flops, expected results.

Input sets are tuples of torch tensors in the order of our operations' signatures. Results are checked on a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specs.indexer.layouts import INDEXER_FP8, INDEXER_MXFP4, MX_GROUP, WIDTH, workspace_shapes
from specs.lang.formats.elements import E2M1, E8M0

Inputs = tuple[Any, ...]
BLOCK = 64
CHECKED = 2
_COLUMN_BYTES, _ROW_BYTES = 4, INDEXER_FP8.row_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation at one size.

    moved: bytes that a call has to read or write, by what they are. flops: of its products.
    make: an input set from a torch generator. error: input set, result -> how far the checked rows are off.
    peers: variant -> function of an input set, of torch tensors or, under jax_peers, of JAX arrays.
    """

    op: str
    label: str
    attributes: Mapping[str, object]
    moved: Mapping[str, int]
    make: Callable[[Any], Inputs]
    error: Callable[[Inputs, Any], float]
    flops: int = 0
    peers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    jax_peers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """All bytes that a call has to move."""
        return sum(self.moved.values())


def paged_case(requests: int, keys: int, heads: int) -> Case:
    """Logits of decode tokens, one per request, over `keys` cached FP8 keys each."""
    pages = -(-keys // BLOCK)

    def make(generator: Any) -> Inputs:
        import torch

        device, count = generator.device, requests * pages
        cache = torch.zeros((count, INDEXER_FP8.page_stride(BLOCK)), dtype=torch.uint8, device=device)
        codes, _ = workspace_shapes(count * BLOCK)
        cache[:, : BLOCK * WIDTH] = _codes(codes[0], generator).view(torch.uint8).reshape(count, -1)
        scales = torch.exp2(torch.randint(-3, 3, (count, BLOCK), generator=generator, device=device).float())
        cache[:, BLOCK * WIDTH : BLOCK * _ROW_BYTES] = scales.view(torch.uint8)
        q = _codes((requests, 1, heads, WIDTH), generator)
        weights = torch.randn((requests, heads), generator=generator, device=device)
        lens = torch.full((requests, 1), keys, dtype=torch.int32, device=device)
        table = torch.randperm(count, generator=generator, device=device).reshape(requests, pages).int()
        return q, cache, weights, lens, table

    def error(inputs: Inputs, result: Any) -> float:
        import torch

        q, cache, weights, _, table = (tensor[:CHECKED] if i != 1 else tensor for i, tensor in enumerate(inputs))
        held = cache[table.long()]
        codes = held[..., : BLOCK * WIDTH].reshape(CHECKED, -1, WIDTH).contiguous().view(torch.float8_e4m3fn).float()
        scales = held[..., BLOCK * WIDTH : BLOCK * _ROW_BYTES].contiguous().view(torch.float32).reshape(CHECKED, -1)
        products = torch.einsum("bhd,bnd->bnh", q[:, 0].float(), codes).relu()
        expected = torch.einsum("bnh,bh->bn", products, weights) * scales
        return _distance(result[:CHECKED], expected[:, :keys])

    return Case(
        op="paged_mqa_logits",
        label=f"B{requests} keys {keys} H{heads}",
        attributes={"max_model_len": keys, "block_size": BLOCK, "fill": False},
        moved={"keys": requests * keys * _ROW_BYTES, "logits": _COLUMN_BYTES * requests * keys},
        flops=2 * requests * keys * heads * WIDTH,
        make=make,
        error=error,
    )


def packed_case(requests: int, keys: int, heads: int) -> Case:
    """As `paged_case`, over MXFP4 keys."""
    pages, stride, share = -(-keys // BLOCK), INDEXER_MXFP4.row_stride, INDEXER_MXFP4.share
    data, end = BLOCK * stride, BLOCK * INDEXER_MXFP4.row_bytes

    def make(generator: Any) -> Inputs:
        import torch

        device, count = generator.device, requests * pages

        def drawn(low: int, high: int, *shape: int) -> Any:
            return torch.randint(low, high, shape, generator=generator, device=device, dtype=torch.uint8)

        cache = torch.zeros((count, INDEXER_MXFP4.page_stride(BLOCK)), dtype=torch.uint8, device=device)
        cache[:, :data], cache[:, data:end] = drawn(0, 256, count, data), drawn(124, 131, count, end - data)
        weights = torch.randn((requests, heads), generator=generator, device=device)
        lens = torch.full((requests, 1), keys, dtype=torch.int32, device=device)
        table = torch.randperm(count, generator=generator, device=device).reshape(requests, pages).int()
        q, q_scale = drawn(0, 256, requests, 1, heads, stride), drawn(124, 131, requests, 1, heads, share)
        return q, cache, weights, lens, table, q_scale

    def values(codes: Any, scales: Any) -> Any:
        import torch

        pairs = torch.stack([codes & 15, codes >> 4], dim=-1).flatten(-2)
        known, powers = (torch.tensor(form.decode(np.arange(1 << form.bits))).to(codes.device) for form in (E2M1, E8M0))
        return known[pairs.long()] * powers[scales.long()].repeat_interleave(MX_GROUP, dim=-1)

    def error(inputs: Inputs, result: Any) -> float:
        import torch

        q, cache, weights, _, table, q_scale = (x[:CHECKED] if i != 1 else x for i, x in enumerate(inputs))
        held = cache[table.long()]
        codes, scales = held[..., :data].reshape(CHECKED, -1, stride), held[..., data:end].reshape(CHECKED, -1, share)
        products = torch.einsum("bhd,bnd->bnh", values(q[:, 0], q_scale[:, 0]), values(codes, scales)).relu()
        expected = torch.einsum("bnh,bh->bn", products, weights.double())
        return _distance(result[:CHECKED], expected[:, :keys])

    return Case(
        op="paged_mqa_logits",
        label=f"MXFP4 B{requests} keys {keys} H{heads}",
        attributes={"max_model_len": keys, "block_size": BLOCK, "fill": False, "layout": INDEXER_MXFP4},
        moved={"keys": requests * keys * INDEXER_MXFP4.row_bytes, "logits": _COLUMN_BYTES * requests * keys},
        flops=2 * requests * keys * heads * WIDTH,
        make=make,
        error=error,
    )


def dense_case(queries: int, keys: int, heads: int) -> Case:
    """Logits of prefill tokens over dense FP8 keys, all of which they see."""

    def make(generator: Any) -> Inputs:
        import torch

        device = generator.device
        start = torch.zeros(queries, dtype=torch.int32, device=device)
        scales = torch.exp2(torch.randint(-3, 3, (keys,), generator=generator, device=device).float())
        weights = torch.randn((queries, heads), generator=generator, device=device)
        q, k = _codes((queries, heads, WIDTH), generator), _codes((keys, WIDTH), generator)
        return q, k, weights, start, start + keys, scales

    def error(inputs: Inputs, result: Any) -> float:
        import torch

        q, k, weights, _, _, scales = inputs
        products = torch.einsum("mhd,nd->mnh", q[:CHECKED].float(), k.float()).relu()
        return _distance(result[:CHECKED], torch.einsum("mnh,mh->mn", products, weights[:CHECKED]) * scales)

    return Case(
        op="mqa_logits",
        label=f"M{queries} keys {keys} H{heads}",
        attributes={"fill": False},
        moved={
            "q and keys": queries * heads * WIDTH + keys * _ROW_BYTES,
            "logits": _COLUMN_BYTES * queries * keys,
        },
        flops=2 * queries * keys * heads * WIDTH,
        make=make,
        error=error,
    )


def topk_case(rows: int, columns: int, chosen: int) -> Case:
    """The largest logits of whole rows."""

    def make(generator: Any) -> Inputs:
        import torch

        logits = torch.randn((rows, columns), generator=generator, device=generator.device)
        start = torch.zeros(rows, dtype=torch.int32, device=generator.device)
        return logits, start, start + columns

    def error(inputs: Inputs, result: Any) -> float:
        import torch

        expected = torch.topk(inputs[0][:CHECKED], chosen, dim=1).indices.sort(dim=1).values
        return float((result[:CHECKED].long().sort(dim=1).values != expected).double().mean())

    def torch_topk(logits: Any, *_: Any) -> Any:
        import torch

        return torch.topk(logits, chosen, dim=1).indices

    def jax_top_k(logits: Any, *_: Any) -> Any:
        import jax

        return jax.lax.top_k(logits, chosen)[1]

    return Case(
        op="topk_rows",
        label=f"[{rows}, {columns}] K {chosen}",
        attributes={"topk": chosen},
        moved={"rows": _COLUMN_BYTES * rows * columns},
        make=make,
        error=error,
        peers={"torch.topk": torch_topk},
        jax_peers={"jax.lax.top_k": jax_top_k},
    )


def _codes(shape: tuple[int, ...], generator: Any) -> Any:
    """e4m3 values of a normal distribution."""
    import torch

    return torch.randn(shape, generator=generator, device=generator.device).to(torch.float8_e4m3fn)


def _distance(result: Any, expected: Any) -> float:
    """Norm of the difference over the norm."""
    result, expected = result.to(expected.device).double(), expected.double()
    return float((result - expected).norm() / expected.norm())


FAMILIES: Mapping[str, tuple[Case, ...]] = {
    "paged_logits": (paged_case(64, 8192, 64), paged_case(64, 32768, 64), packed_case(64, 32768, 64)),
    "dense_logits": (dense_case(1024, 16384, 64),),
    "topk": (topk_case(4096, 32768, 1024), topk_case(64, 262144, 1024), topk_case(4096, 8192, 512)),
}
# Sizes that only try the programs.
QUICK: Mapping[str, tuple[Case, ...]] = {
    "paged_logits": (paged_case(2, 128, 16), packed_case(2, 128, 16)),
    "dense_logits": (dense_case(4, 64, 16),),
    "topk": (topk_case(3, 600, 32),),
}
