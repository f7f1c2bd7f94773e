"""Peers of grouped products: vLLM's Triton kernel for experts, on rows sorted and padded as it wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from benchmarks import peers

Calls = list[Callable[[], object]]
Sets = Sequence[tuple[Any, ...]]
GROUP = 128
# (BLOCK_M, BLOCK_N, BLOCK_K, GROUP_M, warps, stages, operands swapped): vLLM's defaults for block scales and more.
# On Hopper vLLM swaps the operands of tiles with few rows, so that the columns fill the M of the matrix instruction.
CONFIGS = (
    (16, 128, 128, 1, 4, 3, False),
    (16, 64, 128, 1, 4, 4, False),
    (16, 64, 128, 1, 4, 4, True),
    (16, 128, 128, 1, 4, 3, True),
    (32, 64, 128, 16, 4, 4, True),
    (32, 128, 128, 16, 4, 3, False),
    (64, 128, 128, 16, 4, 3, False),
    (64, 128, 128, 32, 8, 4, False),
    (128, 128, 128, 16, 8, 3, False),
)
_NAMES = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages", "SWAP_AB")


def configs(rows: int, experts: int) -> dict[str, dict[str, int]]:
    """Configurations of vLLM's kernel that are worth a try with this number of rows per expert, by label."""
    each = -(-rows // experts)
    chosen = [values for values in CONFIGS if values[0] == 16 or values[0] <= 2 * each]
    return {_label(values): dict(zip(_NAMES, values, strict=True)) for values in chosen}


def _label(config: Sequence[int]) -> str:
    *sizes, swapped = config
    return "x".join(map(str, sizes)) + (" swapped" if swapped else "")


def aligned(offsets: Any, order: Any, block: int) -> tuple[Any, Any, Any]:
    """vLLM's sorted_token_ids, expert_ids and num_tokens_post_padded of rows sorted by expert."""
    import torch

    pairs, none = order.tolist(), order.numel()
    rows: list[int] = []
    experts: list[int] = []
    bounds = offsets.tolist()
    for e, (begin, end) in enumerate(pairwise(bounds)):
        padding = -(end - begin) % block
        rows += [*pairs[begin:end], *[none] * padding]
        experts += [e] * ((end - begin + padding) // block)
    device = order.device
    return (
        torch.tensor(rows, dtype=torch.int32, device=device),
        torch.tensor(experts, dtype=torch.int32, device=device),
        torch.tensor([len(rows)], dtype=torch.int32, device=device),
    )


def vllm_grouped_fp8(sets: Sets, topk: int, config: Mapping[str, int]) -> Calls:
    """vLLM's fused_moe_kernel on (a, b [E, N, K], b_scale, offsets, order, a_scale) sets, rows in the order of pairs.

    Raises:
        Missing: vLLM's file is not unpacked (see benchmarks/peers.py).
    """
    import torch
    import triton.language as tl

    kernel = vars(peers.load(peers.FUSED_MOE))["fused_moe_kernel"]

    def prepared(a: Any, b: Any, b_scale: Any, offsets: Any, order: Any, a_scale: Any) -> Callable[[], object]:
        (_, k), n, pairs = a.shape, b.shape[1], order.numel()
        rows, experts, count = aligned(offsets, order, config["BLOCK_SIZE_M"])
        c = torch.empty((pairs, n), dtype=torch.bfloat16, device=a.device)
        values: dict[str, Any] = {
            "a_ptr": a, "b_ptr": b, "c_ptr": c, "a_scale_ptr": a_scale, "b_scale_ptr": b_scale, "b_bias_ptr": None,
            "topk_weights_ptr": None, "sorted_token_ids_ptr": rows, "expert_ids_ptr": experts,
            "num_tokens_post_padded_ptr": count, "N": n, "K": k, "EM": rows.numel(), "num_valid_tokens": pairs,
            "stride_am": a.stride(0), "stride_ak": 1, "stride_be": b.stride(0), "stride_bk": b.stride(2),
            "stride_bn": b.stride(1), "stride_cm": n, "stride_cn": 1, "stride_asm": a_scale.stride(0),
            "stride_ask": a_scale.stride(1), "stride_bse": b_scale.stride(0), "stride_bsk": b_scale.stride(2),
            "stride_bsn": b_scale.stride(1), "stride_bbe": 0, "stride_bbn": 0, "group_n": GROUP, "group_k": GROUP,
            "naive_block_assignment": False, "SPLIT_K": 1, "MUL_ROUTED_WEIGHT": False, "top_k": topk,
            "compute_type": tl.bfloat16, "use_fp8_w8a8": True, "use_int8_w8a8": False, "use_int8_w8a16": False,
            "per_channel_quant": False, "HAS_BIAS": False,
        }  # fmt: skip
        # Versions of the kernel differ in their arguments: each takes the ones that it has.
        taken = {name: value for name, value in values.items() if name in kernel.arg_names}
        taken |= {name: value for name, value in config.items() if name != "SWAP_AB" or name in kernel.arg_names}
        grid = (-(-rows.numel() // config["BLOCK_SIZE_M"]) * -(-n // config["BLOCK_SIZE_N"]),)
        return partial(_launch, kernel, grid, taken, c)

    return [prepared(*tensors[:6]) for tensors in sets]


def _launch(kernel: Any, grid: tuple[int, ...], values: Mapping[str, Any], result: Any) -> Any:
    kernel[grid](**values)
    return result
