"""Pages of the FP8 cache for benchmark inputs: 64 rows of 512 values each, and back.

The layout is `specs.cache.layouts.V4`, which says where codes, rotated columns and scales lie; the constants here are
its sizes, as peers take them.
"""

from __future__ import annotations

from typing import Any

from specs.cache.layouts import V4

BLOCK = 64
DIM = V4.width
CODES, ROPE = (field.count for field in V4.fields)
GROUP, GROUPS = V4.fields[0].group, V4.fields[0].groups
ROW, SCALES = V4.row_stride, V4.share
ROW_BYTES = V4.row_bytes
PAGE = V4.page_stride(BLOCK)

_DIFFERENT = 64  # random pages that are encoded; more would take the host seconds
_CHUNK = 2048


def encode(rows: Any) -> Any:
    """Pages of rows.

    Args:
        rows: bf16 [pages, 64, 512], rotated where it has to be.

    Returns:
        uint8 [pages, 37440].
    """
    import torch

    pages = torch.from_numpy(V4.encode(rows.float().cpu().numpy())).to(rows.device)
    return torch.nn.functional.pad(pages, (0, PAGE - pages.shape[1]))


def decode(cache: Any, slots: Any) -> Any:
    """Rows of pages.

    Args:
        cache: uint8 [pages, 37440]. slots: integers of any shape, page * 64 + row.

    Returns:
        bf16 [*slots.shape, 512].
    """
    import torch

    wanted = slots.reshape(-1).long()
    page, row = (wanted // BLOCK)[:, None], (wanted % BLOCK)[:, None]
    data = cache[page, row * ROW + torch.arange(ROW, device=cache.device)]
    scales = cache[page, BLOCK * ROW + row * SCALES + torch.arange(SCALES, device=cache.device)]
    values = torch.from_numpy(V4.decode(torch.cat([data, scales], dim=1).cpu().numpy(), 1)).to(torch.bfloat16)
    return values.to(cache.device).reshape(*slots.shape, DIM)


def random_pages(count: int, generator: Any) -> Any:
    """Pages of normal values, each one of a few in random order: uint8 [count, 37440]."""
    import torch

    device = generator.device
    rows = torch.randn((min(count, _DIFFERENT), BLOCK, DIM), generator=generator, device=device)
    pages = encode(rows.to(torch.bfloat16))
    cache = torch.empty((count, PAGE), dtype=torch.uint8, device=device)
    for start in range(0, count, _CHUNK):
        part = cache[start : start + _CHUNK]
        part[:] = pages[torch.randint(len(pages), (len(part),), generator=generator, device=device)]
    return cache


def rows_view(cache: Any) -> Any:
    """The same bytes as uint8 [pages, 64, 584] with the strides that vLLM gives its kernels."""
    return cache.as_strided((cache.shape[0], BLOCK, ROW_BYTES), (cache.stride(0), ROW_BYTES, 1))
