"""The byte maps of the cache layouts, written down a second time: plain arithmetic on offsets, and rows encoded with
ml_dtypes.

    V32       [512 e4m3][4 float32][64 bf16], row by row
    V4        [448 e4m3][64 bf16], row by row; behind the last row [7 E8M0][0], row by row
    V41       [512 e4m3][16 E8M0], row by row
    V41_FP4   [512 e2m1, two a byte, the even one low][32 e4m3], row by row
    NVFP4_MLA [512 e2m1, two a byte, the even one low][32 e4m3][64 bf16], row by row
    BF16_512  [512 bf16], row by row
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from specs.cache.layouts import BF16_512, NVFP4_MLA, V4, V32, V41, V41_FP4
from specs.lang.formats.paged import Paged

NDArray = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A run of bytes of row t in a page of n rows: it starts at start(t, n)."""

    name: str
    start: Callable[[int, int], int]
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """Where the parts of a row lie, and what they hold: one list of bytes per part, from a row of float32."""

    layout: Paged
    row_bytes: int
    parts: tuple[Part, ...]
    encode: Callable[[NDArray], tuple[NDArray, ...]]

    def page(self, x: NDArray) -> NDArray:
        """Bytes of a page with the rows x [n, width]."""
        page = np.zeros(len(x) * self.row_bytes, np.uint8)
        for t, row in enumerate(x):
            for part, content in zip(self.parts, self.encode(row), strict=True):
                start = part.start(t, len(x))
                page[start : start + part.length] = content
        return page

    def touched(self, t: int, rows: int) -> NDArray:
        """Indices of all bytes that belong to row t."""
        starts = [(part.start(t, rows), part.length) for part in self.parts]
        return np.concatenate([np.arange(start, start + length) for start, length in starts])


def little_endian(x: NDArray, dtype: str) -> NDArray:
    """Bytes of words, the low byte first."""
    return np.ascontiguousarray(x).astype(np.dtype(dtype).newbyteorder("<")).view(np.uint8)


def bf16_bytes(x: NDArray) -> NDArray:
    """Bytes of values rounded to bfloat16."""
    return little_endian(x.astype(np.float32).astype(ml_dtypes.bfloat16).view(np.uint16), "u2")


def e4m3(x: NDArray) -> NDArray:
    """Codes, saturating."""
    return np.clip(x, -448, 448).astype(np.float32).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)


def e2m1(x: NDArray) -> NDArray:
    """Codes, saturating."""
    return np.clip(x, -6, 6).astype(np.float32).astype(ml_dtypes.float4_e2m1fn).view(np.uint8)


def amax(x: NDArray, group: int, floor: float) -> NDArray:
    """Largest magnitude of every group, float32, at least `floor`."""
    return np.maximum(np.abs(x.reshape(-1, group)).max(1), np.float32(floor)).astype(np.float32)


def power_above(x: NDArray) -> NDArray:
    """Exponents e with 2**(e - 1) < x <= 2**e."""
    fraction, exponent = np.frexp(x)
    return np.where(fraction == 0.5, exponent - 1, exponent)


def _v32(row: NDArray) -> tuple[NDArray, ...]:
    scale = amax(row[:512], 128, 1e-4) / np.float32(448)
    codes = e4m3(row[:512].reshape(4, 128) / scale[:, None])
    return codes.reshape(-1), little_endian(scale.view(np.uint32), "u4"), bf16_bytes(row[512:])


def _powers(row: NDArray, group: int) -> tuple[NDArray, NDArray]:
    exponent = power_above(amax(row, group, 1e-4) * np.float32(1 / 448))
    codes = e4m3(np.ldexp(row.reshape(-1, group), -exponent[:, None]))
    return codes.reshape(-1), (exponent + 127).astype(np.uint8)


def _v4(row: NDArray) -> tuple[NDArray, ...]:
    codes, scales = _powers(row[:448], 64)
    return codes, bf16_bytes(row[448:]), np.append(scales, np.uint8(0))


def _v41(row: NDArray) -> tuple[NDArray, ...]:
    return _powers(row, 32)


def _v41_fp4(row: NDArray) -> tuple[NDArray, ...]:
    scale = e4m3(amax(row, 16, 6 / 512) * np.float32(1 / 6))
    value = scale.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    codes = e2m1(row.reshape(32, 16) / value[:, None]).reshape(-1)
    return codes[0::2] | (codes[1::2] << 4), scale


def _nvfp4(row: NDArray) -> tuple[NDArray, ...]:
    """Groups that are too small have the scale 0, and codes of signed zeros."""
    scale = e4m3(amax(row[:512], 16, 0.0) * np.float32(1 / 6))
    value = scale.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    inverse = np.divide(np.float32(1), value, out=np.zeros_like(value), where=value > 0)
    codes = e2m1(row[:512].reshape(32, 16) * inverse[:, None]).reshape(-1)
    return codes[0::2] | (codes[1::2] << 4), scale, bf16_bytes(row[512:])


def _bf16(row: NDArray) -> tuple[NDArray, ...]:
    return (bf16_bytes(row),)


MAPS = (
    Map(
        layout=V32,
        row_bytes=656,
        parts=(
            Part(name="codes", start=lambda t, _: 656 * t, length=512),
            Part(name="scales", start=lambda t, _: 656 * t + 512, length=16),
            Part(name="rope", start=lambda t, _: 656 * t + 528, length=128),
        ),
        encode=_v32,
    ),
    Map(
        layout=V4,
        row_bytes=584,
        parts=(
            Part(name="codes", start=lambda t, _: 576 * t, length=448),
            Part(name="rope", start=lambda t, _: 576 * t + 448, length=128),
            Part(name="scales", start=lambda t, n: 576 * n + 8 * t, length=8),
        ),
        encode=_v4,
    ),
    Map(
        layout=V41,
        row_bytes=528,
        parts=(
            Part(name="codes", start=lambda t, _: 528 * t, length=512),
            Part(name="scales", start=lambda t, _: 528 * t + 512, length=16),
        ),
        encode=_v41,
    ),
    Map(
        layout=V41_FP4,
        row_bytes=288,
        parts=(
            Part(name="codes", start=lambda t, _: 288 * t, length=256),
            Part(name="scales", start=lambda t, _: 288 * t + 256, length=32),
        ),
        encode=_v41_fp4,
    ),
    Map(
        layout=NVFP4_MLA,
        row_bytes=416,
        parts=(
            Part(name="codes", start=lambda t, _: 416 * t, length=256),
            Part(name="scales", start=lambda t, _: 416 * t + 256, length=32),
            Part(name="rope", start=lambda t, _: 416 * t + 288, length=128),
        ),
        encode=_nvfp4,
    ),
    Map(
        layout=BF16_512,
        row_bytes=1024,
        parts=(Part(name="values", start=lambda t, _: 1024 * t, length=1024),),
        encode=_bf16,
    ),
)


def rows(rng: np.random.Generator, count: int, width: int) -> NDArray:
    """Rows float32 of bfloat16 values: magnitudes of 40 binades, zeros, negative zeros, groups of nothing but zeros."""
    x = rng.standard_normal((count, width)) * np.exp2(rng.integers(-30, 11, (count, 1)))
    x = np.where(rng.integers(0, 16, x.shape) == 0, np.copysign(0.0, x), x)
    x[:, : width // 4] *= rng.random((count, 1)) < 3 / 4
    return x.astype(np.float32).astype(ml_dtypes.bfloat16).astype(np.float32)
