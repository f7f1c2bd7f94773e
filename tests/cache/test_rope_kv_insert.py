"""rope_kv_insert: the bytes of rotary_embedding and then kv_insert, from slices of one qkv row."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jax_impl import ops as jax_ops
from torch_impl import ops as torch_ops

rotary_embedding: Any = torch_ops.rotary_embedding
kv_insert: Any = torch_ops.kv_insert
rope_kv_insert: Any = torch_ops.rope_kv_insert
T, HQ, HKV, D, PAGES, PAGE = 5, 6, 3, 32, 2, 4
SLOTS = torch.tensor([5, -1, 0, 8, 7], dtype=torch.int64)  # 8 is after the last page
POSITIONS = torch.tensor([3, 11, -1, 0, 40], dtype=torch.int32)  # -1 and 40 are not in the table


def table(rot: int) -> torch.Tensor:
    angle = np.arange(40)[:, None] * 100.0 ** (-2.0 * np.arange(rot // 2) / rot)
    return torch.from_numpy(np.concatenate([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32))


def heads() -> list[torch.Tensor]:
    """Queries, keys and values in one row per token."""
    generator = torch.Generator().manual_seed(0)
    row = torch.randn(T, (HQ + 2 * HKV) * D, generator=generator).to(torch.bfloat16)
    return [part.view(T, -1, D) for part in row.split([HQ * D, HKV * D, HKV * D], dim=1)]


def caches(layout: str, form: torch.dtype) -> list[torch.Tensor | None]:
    one = (PAGES, PAGE, HKV, D)
    if layout == "separate":
        return [torch.full(one, 7.0).to(form), torch.full(one, 7.0).to(form)]
    return [torch.full((*one[:3], 2 * D) if layout == "adjacent" else (*one[:2], 2 * HKV, D), 7.0).to(form), None]


def raw(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous().view(torch.uint8)


@pytest.mark.parametrize("implementation", ["eager", "interpret"])
@pytest.mark.parametrize(("layout", "form", "neox", "offset"), [
    ("separate", torch.bfloat16, True, 0),
    ("adjacent", torch.float8_e4m3fn, True, 8),
    ("interleaved", torch.float8_e5m2, False, 8),
    ("adjacent", torch.int8, True, 8),
])  # fmt: skip
def test_it_is_the_rotation_and_then_the_insert(
    implementation: Any, layout: Any, form: torch.dtype, neox: bool, offset: int
) -> None:
    q, key, value = heads()
    apart, turned = q.clone(), key.clone()
    cos_sin, before = table(24 if offset else D), key.clone()
    given = form.is_floating_point and form != torch.bfloat16
    scales = [torch.tensor([0.01, 0.5, 3.0]), torch.tensor([0.25])] if given else [None, None]
    found, expected = (
        [*caches(layout, form), *(None if form != torch.int8 else torch.zeros(PAGES, PAGE, HKV) for _ in "kv")]
        for _ in range(2)
    )
    rotary_embedding(POSITIONS, apart, turned, cos_sin, neox=neox, offset=offset, implementation=implementation)
    kv_insert(
        turned, value, *expected[:2], SLOTS, *scales, *expected[2:], kv_layout=layout, implementation=implementation
    )
    options = {"neox": neox, "offset": offset, "kv_layout": layout, "implementation": implementation}
    rope_kv_insert(POSITIONS, q, key, value, cos_sin, *found[:2], SLOTS, *scales, *found[2:], **options)
    assert torch.equal(q, apart)
    assert torch.equal(key, before)
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        assert one is None or other is None or torch.equal(raw(one), raw(other))
    assert all(one is None or bool(one.any()) for one in found[2:])


@pytest.mark.parametrize("implementation", ["xla", "interpret"])
def test_so_it_is_in_jax(implementation: Any) -> None:
    q, key, value = (jnp.asarray(x.float().numpy(), jnp.bfloat16) for x in heads())
    at, cos_sin, slots = jnp.asarray(POSITIONS.numpy()), jnp.asarray(table(D).numpy()), jnp.asarray(SLOTS.numpy())
    empty = jnp.zeros((PAGES, PAGE, HKV, D), jnp.bfloat16)
    turned_q, turned = jax_ops.rotary_embedding(at, q, key, cos_sin, implementation=implementation)
    expected = jax_ops.kv_insert(turned, value, empty, empty, slots, implementation=implementation)
    found = jax_ops.rope_kv_insert(at, q, key, value, cos_sin, empty, empty, slots, implementation=implementation)
    for one, other in zip(found, (turned_q, *expected), strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
