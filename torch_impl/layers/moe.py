"""Mixture of experts: router, permutation by expert, two grouped products, and the weighted sum per token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from torch_impl import ops
from torch_impl.layers.linear import Dense, Fp8Block, Grouped, Int4Grouped, Mxfp4, quantised
from torch_impl.layers.mlp import activation
from torch_impl.layers.step import Options, Step


def experts(step: Step, weights: Mapping[str, Any], x: torch.Tensor) -> torch.Tensor:
    """The experts that the router chooses for every token, [T, hidden] -> [T, hidden].

    Logits of the router are float32: bfloat16 ones would change the set of experts of one token in fifty.
    """
    moe, how = step.config.moe, step.options.implementation
    assert moe is not None
    logits = ops.gemm(
        x,
        weights["router"],
        weights.get("router_bias"),
        weight_order="nk",
        out_dtype=torch.float32,
        invariant=step.options.invariant,
        implementation=how,
    )
    # Softmax over the chosen logits is softmax over all, renormalised.
    renormalize = moe.renormalize or moe.score == "topk_softmax"
    scale, ids = ops.moe_route(
        logits,
        is_padding=step.batch.slot_mapping < 0,
        topk=moe.top_k,
        score="softmax",
        renormalize=renormalize,
        implementation=how,
    )
    order, offsets, inverse = ops.moe_permute(ids, num_experts=moe.experts, implementation=how)
    hidden = grouped(x, weights["w13"], offsets, order, weights.get("w13_bias"), topk=moe.top_k, options=step.options)
    gated = activation(step, hidden)
    rows = grouped(gated, weights["w2"], offsets, None, weights.get("w2_bias"), topk=1, options=step.options)
    return ops.moe_combine(rows, inverse, scale, out_dtype=x.dtype, implementation=how)


def grouped(
    x: torch.Tensor,
    weight: Grouped,
    offsets: torch.Tensor,
    order: torch.Tensor | None,
    bias: torch.Tensor | None,
    *,
    topk: int,
    options: Options,
) -> torch.Tensor:
    """Products of rows with the weights [E, N, K] of their experts; with an order, of the rows that it names."""
    settings: dict[str, Any] = {
        "weight_order": "nk",
        "topk": topk,
        "invariant": options.invariant,
        "implementation": options.implementation,
    }
    match weight:
        case Dense():
            return ops.grouped_gemm(x, weight.values, offsets, order, bias, **settings)
        case Fp8Block():
            codes, scale = quantised(x, options)
            settings["out_dtype"] = x.dtype
            return ops.grouped_gemm_fp8(codes, weight.codes, weight.scale, offsets, order, scale, bias, **settings)
        case Int4Grouped():
            settings["group_size"] = weight.group_size
            return ops.grouped_gemm_int4(x, weight.b, weight.b_scale, offsets, order, weight.b_zp, bias, **settings)
        case Mxfp4():
            settings["out_dtype"] = x.dtype
            return ops.grouped_gemm_mxfp4(x, weight.codes, weight.scale, offsets, order, None, bias, **settings)
