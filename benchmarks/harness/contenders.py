"""Peers of matrix products and quantisers: torch's own kernels and vLLM's Triton kernels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks import peers

Calls = list[Callable[[], object]]
Sets = Sequence[tuple[Any, ...]]
GROUP = 128

# Besides the configuration that vLLM ships for the shape: (BLOCK_M, BLOCK_N, BLOCK_K, GROUP_M, warps, stages).
BLOCK_CONFIGS = (
    (16, 64, 128, 32, 4, 5),
    (16, 32, 128, 32, 4, 4),
    (64, 64, 128, 32, 4, 4),
    (64, 128, 128, 32, 4, 3),
    (64, 128, 128, 8, 4, 4),
    (128, 128, 128, 8, 8, 3),
    (128, 128, 128, 32, 4, 3),
)
_NAMES = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")


def block_configs(m: int, n: int, k: int) -> dict[str, dict[str, int]]:
    """Configurations of vLLM's block kernel that are worth a try at this size, by label."""
    chosen = {_label(values): dict(zip(_NAMES, values, strict=True)) for values in BLOCK_CONFIGS if _fits(values, m)}
    shipped = _shipped(m, n, k)
    if shipped is not None:
        chosen["shipped " + _label([shipped[name] for name in _NAMES])] = shipped
    return chosen


def _fits(values: Sequence[int], m: int) -> bool:
    return values[0] <= 16 if m <= 16 else values[0] <= max(64, m) and values[0] > 16


def _label(values: Sequence[int]) -> str:
    return "x".join(str(value) for value in values)


def _shipped(m: int, n: int, k: int) -> dict[str, int] | None:
    """The entry of vLLM's tuned table with the nearest M, as vLLM picks it."""
    for device in peers.CONFIG_DEVICES:
        path = peers.FOLDER / peers.CONFIGS.format(n=n, k=k, device=device)
        if path.is_file():
            table = {int(size): entry for size, entry in json.loads(path.read_text(encoding="utf-8")).items()}
            found: dict[str, int] = table[min(table, key=lambda size: abs(size - m))]
            return found
    return None


def vllm_block_gemm(sets: Sets, config: Mapping[str, int]) -> Calls:
    """vLLM's Triton kernel for 1x128 by 128x128 scales on (a, b [N, K], a_scale, b_scale) sets."""
    import torch

    kernel = vars(peers.load(peers.FP8_UTILS))["_w8a8_triton_block_scaled_mm"]

    def call(a: Any, b: Any, a_scale: Any, b_scale: Any) -> Any:
        (m, k), n = a.shape, b.shape[0]
        c = torch.empty((m, n), dtype=torch.bfloat16, device=a.device)
        grid = (-(-m // config["BLOCK_SIZE_M"]) * -(-n // config["BLOCK_SIZE_N"]),)
        strides = (*a.stride(), b.stride(1), b.stride(0), *c.stride(), *a_scale.stride())
        strides = (*strides, b_scale.stride(1), b_scale.stride(0))
        kernel[grid](a, b, c, a_scale, b_scale, m, n, k, GROUP, GROUP, *strides, **config)
        return c

    return [partial(call, *tensors[:4]) for tensors in sets]


def vllm_group_quant(sets: Sets, warps: int = 1) -> Calls:
    """vLLM's Triton quantiser of groups of 128, launched as vLLM launches it: one program and one warp per group."""
    import torch

    kernel = vars(peers.load(peers.FP8_UTILS))["_per_token_group_quant_fp8"]
    largest = torch.finfo(torch.float8_e4m3fn).max

    def call(x: Any) -> Any:
        q = torch.empty(x.shape, dtype=torch.float8_e4m3fn, device=x.device)
        scale = torch.empty((x.shape[0], x.shape[1] // GROUP), dtype=torch.float32, device=x.device)
        limits = {"fp8_min": -largest, "fp8_max": largest, "use_ue8m0": False, "BLOCK": GROUP}
        grid = (x.numel() // GROUP,)
        kernel[grid](x, q, scale, GROUP, x.shape[1], x.stride(0), 1e-10, **limits, num_warps=warps, num_stages=1)
        return q, scale

    return [partial(call, tensors[0]) for tensors in sets]


def scaled_mm_rowwise(sets: Sets, fast: bool) -> Calls:
    """torch._scaled_mm with one scale per row of A and per row of B [N, K]: other scales than ours, the same work.

    Args:
        fast: sums stay in the dot unit's own accumulator instead of being added up in float32 now and then.
    """
    import torch

    def call(a: Any, b: Any, row: Any, column: Any) -> Any:
        return torch._scaled_mm(  # noqa: SLF001 - the name under which torch offers it
            a, b.t(), scale_a=row, scale_b=column, out_dtype=torch.bfloat16, use_fast_accum=fast
        )

    calls: Calls = []
    for a, b, *_ in sets:
        row = torch.ones((a.shape[0], 1), device=a.device)
        column = torch.ones((1, b.shape[0]), device=a.device)
        calls.append(partial(call, a, b, row, column))
    return calls


def scaled_mm_block(sets: Sets) -> Calls:
    """torch._scaled_mm with the same 1x128 by 128x128 scales as ours (cuBLASLt, sm_90 only).

    It wants the scales of A with the rows innermost, which a quantiser can write; the copy is not timed.
    """
    import torch

    def call(a: Any, b: Any, a_scale: Any, b_scale: Any) -> Any:
        return torch._scaled_mm(a, b.t(), scale_a=a_scale, scale_b=b_scale, out_dtype=torch.bfloat16)  # noqa: SLF001

    return [partial(call, a, b, sa.t().contiguous().t(), sb.t()) for a, b, sa, sb, *_ in sets]


def bf16_pairs(m: int, n: int, k: int, count: int, device: str) -> list[tuple[Any, Any]]:
    """Input sets of a bf16 product: a [M, K] and b [N, K]."""
    import torch

    def tensor(rows: int) -> Any:
        return torch.randn((rows, k), device=device).to(torch.bfloat16)

    return [(tensor(m), tensor(n)) for _ in range(count)]


def matmul_bf16(pairs: Sets) -> Calls:
    """torch.matmul of a with the transpose of b."""
    import torch

    return [partial(torch.matmul, a, b.t()) for a, b in pairs]


def jax_matmul_bf16(a: Any, b: Any) -> Any:
    """The same product in JAX."""
    import jax
    import jax.numpy as jnp

    return jax.lax.dot_general(a, b, (((1,), (1,)), ((), ())), preferred_element_type=jnp.bfloat16)


def copy_calls(nbytes: int, device: str, count: int = 2) -> Calls:
    """One pass over `nbytes` into as many others: the memory ceiling, counting bytes read plus bytes written.

    A kernel that inverts every bit, because a plain copy inside a CUDA graph goes to the copy engine, which reached
    two thirds of the bandwidth that a kernel does.
    """
    import torch

    def call(goal: Any, source: Any) -> Any:
        return torch.bitwise_not(source, out=goal)

    words = nbytes // 8
    pairs = [[torch.randint(0, 1 << 40, (words,), device=device) for _ in range(2)] for _ in range(count)]
    return [partial(call, goal, source) for goal, source in pairs]
