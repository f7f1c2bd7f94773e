"""The gated MLP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from torch_impl import ops
from torch_impl.layers.linear import linear
from torch_impl.layers.step import Step


def mlp(step: Step, weights: Mapping[str, Any], x: torch.Tensor) -> torch.Tensor:
    """down(act(gate(x)) * up(x)), [T, hidden] -> [T, hidden]."""
    gate_up = linear(x, weights["gate_up"], options=step.options)
    return linear(activation(step, gate_up), weights["down"], options=step.options)


def activation(step: Step, gate_up: torch.Tensor) -> torch.Tensor:
    """The gate's activation times the other half, [.., 2 I] -> [.., I]."""
    config = step.config
    return ops.act_and_mul(
        gate_up,
        kind=config.act,
        limit=config.act_limit,
        alpha=config.act_alpha,
        implementation=step.options.implementation,
    )
