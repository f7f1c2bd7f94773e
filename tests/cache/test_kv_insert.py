"""kv_insert: layouts are views of one array, rows come from a qkv row, codes are those that vLLM writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from specs.cache.kv_codes import dynamic_reference
from specs.lang.errors import ConstraintViolated, Missing, Surplus
from specs.lang.formats.elements import INT8
from torch_impl import ops

kv_insert: Any = ops.kv_insert
HEADS, D, PAGES, PAGE = 3, 16, 2, 4
SLOTS = torch.tensor([5, -1, 0, 8, 7], dtype=torch.int64)  # 8 is after the last page


def rows(*widths: int) -> list[torch.Tensor]:
    """Heads of these widths as slices of one row per token; a token more than there are slots."""
    generator = torch.Generator().manual_seed(0)
    whole = torch.randn(len(SLOTS) + 1, 40 + HEADS * sum(widths), generator=generator).to(torch.bfloat16)
    parts = whole[:, 40:].split([HEADS * width for width in widths], dim=1)
    return [part.view(len(whole), HEADS, width) for part, width in zip(parts, widths, strict=True)]


def adjacent(cache: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Heads are D + DV apart."""
    return cache[..., :D], cache[..., D:]


def interleaved(cache: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Heads k0 v0 k1 v1 .."""
    return cache[:, :, 0::2], cache[:, :, 1::2]


@pytest.mark.parametrize(("name", "shape", "views"), [
    ("adjacent", (HEADS, D + 8), adjacent),
    ("interleaved", (2 * HEADS, D), interleaved),
])  # fmt: skip
@pytest.mark.parametrize("implementation", ["eager", "interpret"])
def test_layouts_are_views(
    name: str, shape: tuple[int, int], views: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    implementation: str,
) -> None:  # fmt: skip
    key, value = rows(D, 8 if name == "adjacent" else D)
    declared, strided, expected = (torch.full((PAGES, PAGE, *shape), 7.0, dtype=torch.bfloat16) for _ in range(3))
    kv_insert(key, value, declared, None, SLOTS, kv_layout=name, implementation=implementation)
    kv_insert(key, value, *views(strided), SLOTS, implementation=implementation)
    for x, view in zip((key, value), views(expected), strict=True):
        for token, slot in enumerate(SLOTS.tolist()):
            if 0 <= slot < PAGES * PAGE:
                view[slot // PAGE, slot % PAGE] = x[token]
    assert torch.equal(declared, expected)
    assert torch.equal(strided, expected)


def test_pages_with_heads_outside_of_rows() -> None:
    """[pages, heads, page, columns] in memory, as vLLM's HND order: strides of pages, rows and heads are free."""
    key, value = rows(D, D)
    memory = torch.zeros(PAGES, HEADS, PAGE, 2 * D, dtype=torch.bfloat16)
    k_cache, v_cache = memory.transpose(1, 2).split(D, -1)
    kv_insert(key, value, k_cache, v_cache, SLOTS)
    assert torch.equal(memory[1, :, 1], torch.cat([key[0], value[0]], dim=-1))
    assert int(memory.any(-1).sum()) == 3 * HEADS


def test_int8_codes_and_scales() -> None:
    """Half away from zero by the sum x + 0.5, under the scale amax / 127."""
    x = torch.tensor([127.0, 2.5, -2.5, 0.5, -0.5, 0.49999997, 1.49, 0.0])
    key = x.expand(1, 1, 8).contiguous()
    cache = torch.zeros(1, 1, 1, 16, dtype=torch.int8)
    k_scale, v_scale = (torch.zeros(1, 1, 1) for _ in range(2))
    slots = torch.zeros(1, dtype=torch.int32)
    scales = {"k_scale_cache": k_scale, "v_scale_cache": v_scale}
    kv_insert(key, torch.zeros_like(key), cache, None, slots, **scales, kv_layout="adjacent")
    assert cache.flatten().tolist() == [127, 3, -3, 1, -1, 1, 1, 0] + [0] * 8
    assert [k_scale.item(), v_scale.item()] == [1.0, float(np.float32(1e-6))]


def test_int8_of_every_bfloat16() -> None:
    """The comparison in the kernel gives what the sum does, for every value under many scales."""
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    key = bits.view(torch.bfloat16).float().reshape(256, 4, 64)
    cache = torch.zeros(1, 256, 4, 128, dtype=torch.int8)
    scales = {name: torch.zeros(1, 256, 4) for name in ("k_scale_cache", "v_scale_cache")}
    slots = torch.arange(256, dtype=torch.int32)
    value = torch.randn(256, 4, 64, generator=torch.Generator().manual_seed(1))
    kv_insert(key, value, cache, None, slots, **scales, kv_layout="adjacent", implementation="eager")
    for x, codes, name in ((key, cache[0, ..., :64], "k_scale_cache"), (value, cache[0, ..., 64:], "v_scale_cache")):
        with np.errstate(all="ignore"):
            want, scale = dynamic_reference(x.double().numpy(), INT8)
        np.testing.assert_array_equal(codes.numpy(), want.view(np.int8))
        np.testing.assert_array_equal(scales[name][0].numpy(), scale)


def test_wrong_calls() -> None:
    key, value = rows(D, 8)
    cache = torch.zeros(PAGES, PAGE, HEADS, D, dtype=torch.bfloat16)
    with pytest.raises(Missing, match="value_cache"):
        kv_insert(key, value, cache, None, SLOTS)
    pages = torch.zeros(PAGES, PAGE, 2 * HEADS, 8, dtype=torch.bfloat16)
    with pytest.raises(Surplus, match="value_cache"):
        kv_insert(key, value, pages, cache, SLOTS, kv_layout="interleaved")
    codes = torch.zeros(PAGES, PAGE, HEADS, D + 8, dtype=torch.int8)
    with pytest.raises(ConstraintViolated, match="one width"):
        kv_insert(key, value, pages, None, SLOTS, kv_layout="interleaved")
    with pytest.raises(ConstraintViolated, match="scale caches for codes of INT8"):
        kv_insert(key, value, codes, None, SLOTS, kv_layout="adjacent")
    assert not cache.any()
