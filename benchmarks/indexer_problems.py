"""What the indexer benchmark runs: sizes, input sets, the bytes and flops in them, and what results should be.

Input sets are tuples of torch tensors in the order of our operations' signatures. Results are checked on a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from specs.indexer.layouts import INDEXER_FP8, WIDTH, workspace_shapes

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
    "decode": (paged_case(64, 8192, 64), paged_case(64, 32768, 64)),
    "prefill": (dense_case(1024, 16384, 64),),
    "topk": (topk_case(4096, 32768, 1024), topk_case(64, 262144, 1024), topk_case(4096, 8192, 512)),
}
# Sizes that only try the programs.
QUICK: Mapping[str, tuple[Case, ...]] = {
    "decode": (paged_case(2, 128, 16),),
    "prefill": (dense_case(4, 64, 16),),
    "topk": (topk_case(3, 600, 32),),
}
