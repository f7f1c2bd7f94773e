"""Tables for `rotary_embedding` and `qk_norm_rope`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.extras import hints

with hints("torch"):
    import torch

from specs.rope import tables


def rope_table(
    max_position: int,
    rot: int,
    *,
    theta: float = 10000.0,
    scaling: Mapping[str, Any] | None = None,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Cosines, then sines of every position, float32 [max_position, rot].

    Args:
        max_position: rows.
        rot: columns of a head that are rotated; even.
        theta: base of the frequencies.
        scaling: `rope_scaling` of a Hugging Face config.json: `rope_type` (default, linear, dynamic, llama3 or yarn)
            and its parameters; None for plain frequencies.
        device: where the table goes; the CPU unless stated.

    Raises:
        ArgumentError: a size, the rule or one of its parameters is none that the rule knows.

    Source: formulas in `specs.rope.tables`.
    """
    return torch.from_numpy(tables.rope_table(max_position, rot, theta=theta, scaling=scaling)).to(device)
