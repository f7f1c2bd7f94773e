"""inv_rope_fp8_quant: after right angles, the bytes of rotary_embedding(inverse=True) and then the quantiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from torch_impl.ops import inv_rope_fp8_quant, per_token_group_quant_fp8, rotary_embedding

IMPLEMENTATIONS = ("eager", "interpret")
T, H, GROUPS, HEAD, ROPE = 5, 6, 2, 512, 64


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_codes_are_those_of_the_operations_one_by_one(implementation: Any) -> None:
    rng = np.random.default_rng(3)
    o = torch.from_numpy(rng.standard_normal((T, H, HEAD)) * np.exp2(rng.integers(-6, 7, (T, H, 1)))).bfloat16()
    turns = torch.from_numpy(rng.integers(0, 4, (16, ROPE // 2)))
    cosine, sine = (torch.tensor(row)[turns] for row in ([1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]))
    table, at = torch.cat([cosine, sine], dim=1), torch.tensor([3, 0, 15, 16, -1], dtype=torch.int32)
    q, scale = inv_rope_fp8_quant(o, at, table, n_groups=GROUPS, implementation=implementation)
    turned = o.clone()
    rotary_embedding(
        at, turned, None, table, neox=False, inverse=True, offset=HEAD - ROPE, implementation=implementation
    )
    assert not torch.equal(turned[:3], o[:3])
    assert torch.equal(turned[3:], o[3:])
    rows = turned.view(T, GROUPS, H // GROUPS * HEAD).transpose(0, 1).contiguous()
    codes, scales = per_token_group_quant_fp8(rows, ue8m0=True, implementation=implementation)
    assert torch.equal(q.view(torch.uint8), codes.view(torch.uint8))
    assert torch.equal(scale, scales)
