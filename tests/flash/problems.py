"""Calls of flash_attn_varlen on lengths of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from parity.judge.inputs import Inputs, encode
from specs.flash.varlen import FLASH_ATTN_VARLEN
from specs.lang.call.bind import check_attributes
from specs.lang.formats.elements import BF16, F32, INT32, ElementFormat

NDArray = np.ndarray[Any, Any]
Lengths = Sequence[tuple[int, int]]
"""Queries and keys of every request."""


def bounds(counts: Sequence[int]) -> NDArray:
    """First element of each request, and the number of all."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def dense(
    lengths: Lengths, heads: tuple[int, int] = (4, 2), width: int = 32, seed: int = 1, **attributes: Any
) -> Inputs:
    """Keys request after request, passed as [keys, heads, columns]; everything random."""
    rng = np.random.default_rng(seed)
    queries, keys = ([pair[i] for pair in lengths] for i in (0, 1))
    arrays = {
        "q": rng.standard_normal((sum(queries), heads[0], width)),
        "k": rng.standard_normal((sum(keys), heads[1], width)),
        "v": rng.standard_normal((sum(keys), heads[1], width)),
        "cu_seqlens_q": bounds(queries),
        "cu_seqlens_k": bounds(keys),
    }
    return call(arrays, attributes)


def paged(
    lengths: Lengths,
    page: int = 16,
    heads: tuple[int, int] = (4, 2),
    width: int = 32,
    seed: int = 1,
    **attributes: Any,
) -> Inputs:
    """The same numbers as `dense`, keys scattered over pages; what no request holds is NaN, spare entries garbage."""
    same = dense(lengths, heads, width, seed, **attributes)
    rng = np.random.default_rng(seed + 1)
    needed = [-(-keys // page) for _, keys in lengths]
    order = rng.permutation(sum(needed) + 2)
    table = rng.integers(-(2**31), 2**31 - 1, (len(lengths), max(needed, default=0) + 1)).astype(np.int32)
    pages = {name: np.full((len(order), page, heads[1], width), 0x7FC0, np.uint16) for name in "kv"}
    free, at = iter(order), 0
    for b, (_, keys) in enumerate(lengths):
        for entry in range(needed[b]):
            table[b, entry] = number = next(free)
            rows = min(page, keys - entry * page)
            for name in "kv":
                pages[name][number, :rows] = same.arrays[name][at : at + rows].view(np.uint16)
            at += rows
    arrays = {name: same.arrays[name] for name in ("q", "cu_seqlens_q")}
    arrays |= {name: raw.view(same.arrays[name].dtype) for name, raw in pages.items()}
    arrays |= {"seqused_k": np.array([keys for _, keys in lengths], np.int32), "block_table": table}
    return call(arrays, attributes)


def call(arrays: dict[str, NDArray], attributes: dict[str, Any], **formats: ElementFormat) -> Inputs:
    """A call with these arrays: numbers in the given formats (bfloat16 unless stated), or raw codes."""
    forms: dict[str, ElementFormat] = {}
    raw: dict[str, NDArray] = {}
    for name, array in arrays.items():
        default = BF16 if name in "qkv" else INT32 if array.dtype == np.int32 else F32
        forms[name] = formats.get(name, default)
        raw[name] = encode(array, forms[name]) if array.dtype == np.float64 else array
    given = check_attributes(FLASH_ATTN_VARLEN, {"return_softmax_lse": True, **attributes})
    order = [array.name for array in FLASH_ATTN_VARLEN.inputs if array.name in raw]
    return Inputs(
        op=FLASH_ATTN_VARLEN,
        arrays={name: raw[name] for name in order},
        formats={name: forms[name] for name in order},
        attributes=given,
    )


def extended(inputs: Inputs, attributes: dict[str, Any] | None = None, **arrays: NDArray) -> Inputs:
    """The same call with further arrays (float32 where they hold floats) and other attributes."""
    more = {name: array.astype(np.float32) if array.dtype == np.float64 else array for name, array in arrays.items()}
    formats = {name: INT32 if array.dtype == np.int32 else F32 for name, array in more.items()}
    joined = {**inputs.arrays, **more}
    order = [array.name for array in FLASH_ATTN_VARLEN.inputs if array.name in joined]
    forms = {**inputs.formats, **formats}
    return Inputs(
        op=inputs.op,
        arrays={name: joined[name] for name in order},
        formats={name: forms[name] for name in order},
        attributes={**inputs.attributes, **(attributes or {})},
    )
