"""Pages of the FP8 cache for benchmark inputs: 64 rows of 512 values each, and back.

A page holds, per row, 448 e4m3 codes and 64 bf16 values (576 bytes), then per row seven UE8M0 exponents and a zero
byte, one exponent for every 64 codes; its size is rounded up to a multiple of 576. Source: the layout that FlashMLA
calls MODEL1 and vLLM fp8_ds_mla.
"""

from __future__ import annotations

from typing import Any

BLOCK = 64
DIM = 512
ROPE = 64
GROUP = 64
CODES = DIM - ROPE
GROUPS = CODES // GROUP
ROW = CODES + 2 * ROPE
SCALES = GROUPS + 1
ROW_BYTES = ROW + SCALES
PAGE = -(-BLOCK * ROW_BYTES // ROW) * ROW

_SMALLEST = 1e-4
_LARGEST = 448.0
_BIAS = 127
_CHUNK = 2048


def encode(rows: Any) -> Any:
    """Pages of rows.

    Args:
        rows: bf16 [pages, 64, 512], rotated where it has to be.

    Returns:
        uint8 [pages, 37440].
    """
    import torch

    pages = rows.shape[0]
    groups = rows[..., :CODES].float().unflatten(-1, (GROUPS, GROUP))
    largest = groups.abs().amax(-1).clamp_min(_SMALLEST)
    fraction, power = torch.frexp(largest * torch.tensor(1 / _LARGEST, dtype=torch.float32, device=rows.device))
    # frexp's fraction lies in [0.5, 1): the next power of two is `power`, but for exact powers of two.
    exponent = power - (fraction == 0.5).int()
    codes = torch.ldexp(groups, -exponent[..., None]).to(torch.float8_e4m3fn).view(torch.uint8).flatten(-2)
    rope = rows[..., CODES:].contiguous().view(torch.uint8)
    data = torch.cat([codes, rope], dim=-1).reshape(pages, BLOCK * ROW)
    scales = torch.nn.functional.pad((exponent + _BIAS).to(torch.uint8), (0, 1)).reshape(pages, BLOCK * SCALES)
    return torch.nn.functional.pad(torch.cat([data, scales], dim=-1), (0, PAGE - BLOCK * ROW_BYTES))


def decode(cache: Any, slots: Any) -> Any:
    """Rows of pages.

    Args:
        cache: uint8 [pages, 37440]. slots: integers of any shape, page * 64 + row.

    Returns:
        bf16 [*slots.shape, 512].
    """
    import torch

    flat, wanted = cache.reshape(-1), slots.reshape(-1).long()
    page, row = (wanted // BLOCK) * cache.shape[1], wanted % BLOCK
    data = flat[(page + row * ROW)[:, None] + torch.arange(ROW, device=flat.device)]
    scales = flat[(page + BLOCK * ROW + row * SCALES)[:, None] + torch.arange(GROUPS, device=flat.device)]
    groups = data[:, :CODES].contiguous().view(torch.float8_e4m3fn).float().unflatten(-1, (GROUPS, GROUP))
    values = torch.ldexp(groups, scales.int()[..., None] - _BIAS).flatten(-2).to(torch.bfloat16)
    rope = data[:, CODES:].contiguous().view(torch.bfloat16)
    return torch.cat([values, rope], dim=-1).reshape(*slots.shape, DIM)


def random_pages(count: int, generator: Any) -> Any:
    """Pages of normal values: uint8 [count, 37440]."""
    import torch

    cache = torch.empty((count, PAGE), dtype=torch.uint8, device=generator.device)
    for start in range(0, count, _CHUNK):
        shape = (min(_CHUNK, count - start), BLOCK, DIM)
        rows = torch.randn(shape, generator=generator, device=generator.device).to(torch.bfloat16)
        cache[start : start + shape[0]] = encode(rows)
    return cache


def rows_view(cache: Any) -> Any:
    """The same bytes as uint8 [pages, 64, 584] with the strides that vLLM gives its kernels."""
    return cache.as_strided((cache.shape[0], BLOCK, ROW_BYTES), (cache.stride(0), ROW_BYTES, 1))
