"""Attention benchmark problems: sizes, input sets, bytes and flops, expected results.

Input sets are tuples of torch tensors in the order of our operations' signatures. Expected results are computed in
float32 for the first few tokens only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.attention.pages import BLOCK, CODES, DIM, ROPE, ROW_BYTES, decode, encode, random_pages

Inputs = tuple[Any, ...]
SCALE = DIM**-0.5
EPSILON = 1e-6
POSITIONS = 65536
CHECKED = 4
KV_PAGE = 16
# Cached entries per request, of which a token selects some: 16384 tokens, compressed four to one.
CONTEXT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation at one size.

    op: our operation's name. moved: bytes that a call has to read or write, by what they are. flops: of its products.
    make: an input set from a torch generator. keywords: of our operation, for this case.
    expected: input set -> float tensors. picked: input set, result -> the same parts of the result.
    """

    op: str
    label: str
    moved: Mapping[str, int]
    make: Callable[[Any], Inputs]
    expected: Callable[[Inputs], tuple[Any, ...]]
    picked: Callable[[Inputs, Any], tuple[Any, ...]]
    flops: int = 0
    keywords: Mapping[str, object] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """All bytes that a call has to move."""
        return sum(self.moved.values())

    def error(self, inputs: Inputs, result: Callable[[Inputs], Any]) -> float:
        """Norm of the difference from the expected values over their norm; the largest of the result's parts."""
        fresh = tuple(None if tensor is None else tensor.clone() for tensor in inputs)
        expected = self.expected(fresh)
        picked = self.picked(fresh, result(fresh))
        pairs = [(a.to(b.device).double(), b.double()) for a, b in zip(picked, expected, strict=True)]
        return max(float((a - b).norm() / b.norm()) for a, b in pairs)


def decode_case(tokens: int, heads: int, selected: int, window: int) -> Case:
    """Decode over FP8 pages: a request per token, each with pages of its own; all lengths are full, no sink."""
    context = max(CONTEXT, selected) if selected >= BLOCK else BLOCK
    keys = selected + window

    def make(generator: Any) -> Inputs:
        import torch

        def pages_of_requests(entries: int) -> tuple[Any, Any]:
            pages = -(-entries // BLOCK)
            order = torch.randperm(tokens * pages, generator=generator, device=generator.device)
            return random_pages(tokens * pages, generator), order.reshape(tokens, pages)

        def lengths(length: int) -> Any:
            return torch.full((tokens,), length, dtype=torch.int32, device=generator.device)

        q = _normal((tokens, heads, DIM), generator)
        window_cache, window_table = pages_of_requests(window)
        cache, table = pages_of_requests(context)
        recent = torch.arange(window, device=generator.device).expand(tokens, window)
        chosen = _draw(tokens, context, selected, generator)
        sink = torch.full((heads,), float("-inf"), device=generator.device)
        recent, chosen = _slots(window_table, recent), _slots(table, chosen)
        return q, window_cache, recent, lengths(window), cache, chosen, lengths(selected), sink

    def expected(inputs: Inputs) -> tuple[Any, ...]:
        import torch

        q, window_cache, recent, _, cache, chosen, *_ = inputs
        keys = [decode(cache, chosen[:CHECKED]), decode(window_cache, recent[:CHECKED])]
        return (_attention(q[:CHECKED], torch.cat(keys, dim=1)),)

    return Case(
        op="sparse_mla_decode_fp8",
        label=f"T{tokens} H{heads} K{selected}+{window}",
        moved={
            "rows": tokens * keys * ROW_BYTES,
            "q and result": 4 * tokens * heads * DIM,
            "indices": 4 * tokens * keys,
        },
        flops=4 * tokens * heads * keys * DIM,
        make=make,
        expected=expected,
        picked=_first_tokens,
    )


def prefill_case(tokens: int, heads: int, keys: int, rows: int) -> Case:
    """Prefill over bf16 rows: every token selects `keys` of them."""

    def make(generator: Any) -> Inputs:
        q, kv = _normal((tokens, heads, DIM), generator), _normal((rows, DIM), generator)
        return q, kv, _draw(tokens, rows, keys, generator).int()

    def expected(inputs: Inputs) -> tuple[Any, ...]:
        q, kv, indices = inputs
        return (_attention(q[:CHECKED], kv[indices[:CHECKED].long()]),)

    return Case(
        op="sparse_mla_prefill",
        label=f"T{tokens} H{heads} P{keys} S{rows}",
        moved={"rows": 2 * rows * DIM, "q and result": 4 * tokens * heads * DIM, "indices": 4 * tokens * keys},
        flops=4 * tokens * heads * keys * DIM,
        make=make,
        expected=expected,
        picked=_first_tokens,
    )


def insert_case(tokens: int, heads: int) -> Case:
    """Norm and rotation of q in place, rotation of kv and its insertion into pages."""

    def make(generator: Any) -> Inputs:
        import torch

        q, kv = _normal((tokens, heads, DIM), generator), _normal((tokens, DIM), generator)
        cache, slots = _empty_pages(tokens, generator)
        positions = torch.randint(0, POSITIONS, (tokens,), generator=generator, device=generator.device)
        return q, kv, cache, slots, positions, _cos_sin(generator.device)

    def expected(inputs: Inputs) -> tuple[Any, ...]:
        import torch

        q, kv, _, _, positions, cos_sin = inputs
        q, kv, positions = q[:CHECKED].float(), kv[:BLOCK].clone(), positions[:BLOCK]
        q = q * torch.rsqrt(q.square().mean(-1, keepdim=True) + EPSILON)
        q[..., CODES:] = _rotated(q[..., CODES:], cos_sin[positions[:CHECKED]][:, None])
        kv[:, CODES:] = _rotated(kv[:, CODES:].float(), cos_sin[positions]).to(kv.dtype)
        return q, _through_pages(kv)

    def picked(inputs: Inputs, result: Any) -> tuple[Any, ...]:
        q, cache = result
        return q[:CHECKED], decode(cache, inputs[3][:BLOCK])

    per_token = {"q": 4 * heads * DIM, "kv": 2 * DIM, "rows": ROW_BYTES, "cos_sin": 4 * ROPE, "indices": 16}
    return Case(
        op="qnorm_rope_kv_insert",
        label=f"T{tokens} H{heads}",
        moved={name: tokens * size for name, size in per_token.items()},
        make=make,
        expected=expected,
        picked=picked,
    )


def quantize_case(tokens: int) -> Case:
    """Quantisation of k and its insertion into pages."""

    def make(generator: Any) -> Inputs:
        k = _normal((tokens, DIM), generator)
        return k, *_empty_pages(tokens, generator)

    return Case(
        op="quantize_and_insert_k",
        label=f"T{tokens}",
        moved={"k": tokens * 2 * DIM, "rows": tokens * ROW_BYTES, "indices": tokens * 8},
        make=make,
        expected=lambda inputs: (_through_pages(inputs[0][:BLOCK]),),
        picked=lambda inputs, result: (decode(_only(result), inputs[2][:BLOCK]),),
    )


def kv_case(tokens: int, heads: int, columns: int, fp8: bool = False) -> Case:
    """Keys and values, slices of one row per token, inserted into pages of 16."""

    def make(generator: Any) -> Inputs:
        import torch

        key, value = _normal((tokens, 2 * heads, columns), generator).split(heads, dim=1)
        pages, form = -(-tokens // KV_PAGE), torch.float8_e4m3fn if fp8 else torch.bfloat16
        shape = (pages, KV_PAGE, heads, columns)
        caches = [torch.zeros(shape, dtype=torch.bfloat16, device=generator.device).to(form) for _ in range(2)]
        slots = torch.randperm(pages, generator=generator, device=generator.device)[:, None] * KV_PAGE
        slots = (slots + torch.arange(KV_PAGE, device=generator.device)).flatten()[:tokens].int()
        scales = [torch.full((1,), 0.5, device=generator.device) for _ in range(2)] if fp8 else [None, None]
        return key, value, *caches, slots, *scales

    def expected(inputs: Inputs) -> tuple[Any, ...]:
        import torch

        return tuple(
            (x[:CHECKED].float() / 0.5).to(torch.float8_e4m3fn).float() if fp8 else x[:CHECKED].float()
            for x in inputs[:2]
        )

    def picked(inputs: Inputs, result: Any) -> tuple[Any, ...]:
        slots = inputs[4][:CHECKED].long()
        return tuple(cache[slots // KV_PAGE, slots % KV_PAGE].float() for cache in result)

    elements = tokens * 2 * heads * columns
    return Case(
        op="kv_insert",
        label=f"T{tokens} {heads}x{columns}{' fp8' if fp8 else ''}",
        moved={"rows": elements * 2, "cache": elements * (1 if fp8 else 2), "indices": tokens * 4},
        make=make,
        expected=expected,
        picked=picked,
    )


def gather_case(requests: int, entries: int) -> Case:
    """The cached rows of every request, dequantised into one dense array."""

    def make(generator: Any) -> Inputs:
        import torch

        device, pages = generator.device, -(-entries // BLOCK)
        out = torch.zeros((requests, entries, DIM), dtype=torch.bfloat16, device=device)
        lengths = torch.full((requests,), entries, dtype=torch.int32, device=device)
        order = torch.randperm(requests * pages, generator=generator, device=device)
        table = order.reshape(requests, pages).int()
        return out, random_pages(requests * pages, generator), lengths, None, table

    def expected(inputs: Inputs) -> tuple[Any, ...]:
        import torch

        _, cache, _, _, table = inputs
        positions = torch.arange(entries, device=cache.device)[None]
        return (decode(cache, _slots(table[-1:], positions)),)

    rows = requests * entries
    return Case(
        op="dequant_gather_k",
        label=f"B{requests} x {entries}",
        moved={"rows": rows * ROW_BYTES, "result": rows * 2 * DIM},
        make=make,
        expected=expected,
        picked=lambda _inputs, result: (_only(result)[-1:],),
    )


def _normal(shape: tuple[int, ...], generator: Any) -> Any:
    import torch

    return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.bfloat16)


def _draw(rows: int, population: int, count: int, generator: Any) -> Any:
    """int64 [rows, count]: `count` different numbers below `population` in every row, in random order."""
    import torch

    return torch.rand((rows, population), generator=generator, device=generator.device).topk(count).indices


def _slots(table: Any, positions: Any) -> Any:
    """int32 [rows, n] slots of positions [rows, n] by a block table [rows, pages]."""
    return (table.long().gather(1, positions // BLOCK) * BLOCK + positions % BLOCK).int()


def _empty_pages(tokens: int, generator: Any) -> tuple[Any, Any]:
    """Zero pages for `tokens` rows, and the slots of those rows: pages in random order, each filled from its start."""
    import torch

    pages = -(-tokens // BLOCK)
    order = torch.randperm(pages, generator=generator, device=generator.device)
    positions = torch.arange(tokens, device=generator.device)
    cache = encode(torch.zeros((pages, BLOCK, DIM), dtype=torch.bfloat16, device=generator.device))
    return cache, order[positions // BLOCK] * BLOCK + positions % BLOCK


def _cos_sin(device: Any) -> Any:
    """float32 [POSITIONS, 64]: cosines, then sines, of the model's unscaled angles."""
    import torch

    inverse = 160000.0 ** (-torch.arange(0, ROPE, 2, device=device, dtype=torch.float64) / ROPE)
    angles = torch.arange(POSITIONS, device=device, dtype=torch.float64)[:, None] * inverse
    return torch.cat([angles.cos(), angles.sin()], dim=-1).float()


def _rotated(values: Any, cos_sin: Any) -> Any:
    """Neighbouring pairs of 64 values, rotated."""
    import torch

    cos, sin = cos_sin.chunk(2, dim=-1)
    even, odd = values[..., 0::2], values[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


def _through_pages(rows: Any) -> Any:
    """What a page gives back of bf16 rows [64, 512]."""
    import torch

    return decode(encode(rows[None]), torch.arange(BLOCK, device=rows.device))


def _attention(q: Any, keys: Any) -> Any:
    """float32 [T, H, 512] of q [T, H, 512] over keys [T, n, 512], which are the values too."""
    import torch

    keys = keys.float()
    scores = SCALE * torch.einsum("thd,tkd->thk", q.float(), keys)
    return torch.einsum("thk,tkd->thd", scores.softmax(-1), keys)


def _only(result: Any) -> Any:
    """The result itself, or the first of several."""
    return result[0] if isinstance(result, (tuple, list)) else result


def _first_tokens(_inputs: Inputs, result: Any) -> tuple[Any, ...]:
    return (_only(result)[:CHECKED],)


FAMILIES: Mapping[str, tuple[Case, ...]] = {
    "decode": (
        decode_case(128, 128, 1024, 128),
        decode_case(32, 128, 1024, 128),
        decode_case(1024, 128, 512, 128),
    ),
    "insert": (insert_case(8192, 128),),
    "quantize": (quantize_case(8192),),
    "kv-insert": (kv_case(8192, 28, 128), kv_case(8192, 8, 128), kv_case(8192, 28, 128, fp8=True)),
    "gather": (gather_case(8, 4096),),
    "prefill": (prefill_case(2048, 128, 640, 65536), prefill_case(2048, 128, 1152, 65536)),
}
# Sizes that only try the programs.
QUICK: Mapping[str, tuple[Case, ...]] = {
    "decode": (decode_case(4, 16, 64, 64),),
    "insert": (insert_case(64, 4),),
    "quantize": (quantize_case(64),),
    "kv-insert": (kv_case(64, 2, 64),),
    "gather": (gather_case(2, 128),),
    "prefill": (prefill_case(4, 16, 64, 256),),
}
