"""INT4 weights on the host, in groups along K, of linears and of experts; `specs.gemm.repack` makes them.

Nothing is requantised: codes, zero points and scales are moved, and `decode` gives their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specs.gemm.fp4 import codes_of
from specs.gemm.int4_weights import weights
from specs.gemm.oracle import spread
from specs.gemm.repack import Int4Weight

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Int4Groups:
    """INT4 weight of shape [N, K], in groups along K, as `int4_gemm_w4a16` takes it."""

    weight: Int4Weight

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        rows, words = self.weight.b.shape
        return rows, 8 * words

    @property
    def format(self) -> str:
        """Its name, for messages."""
        size = self.weight.group_size
        return "INT4 per row" if size == -1 else f"INT4 group {size}"

    def decode(self) -> npt.NDArray[np.float32]:
        """The values, float32, columns in the order of the activations."""
        found = weights(self.weight.arguments()).T.astype(np.float32)
        if self.weight.g_idx is None:
            return np.ascontiguousarray(found)
        ordered = np.empty_like(found)
        ordered[:, self.weight.g_idx] = found
        return ordered


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Int4Experts:
    """INT4 weights of experts, [E, N, K], as `grouped_gemm_int4` takes them in weight_order "nk".

    codes: uint8 [E, N, K / 2], the even k in the low nibble. scale: [E, N, K / g].
    zero: uint8 [E, N / 2, K / g], the even n in the low nibble; None: 8 everywhere.
    """

    codes: Array
    scale: Array
    zero: Array | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return (*self.codes.shape[:-1], 2 * self.codes.shape[-1])

    @property
    def group_size(self) -> int:
        """k per scale."""
        return int(self.shape[-1] // self.scale.shape[-1])

    @property
    def format(self) -> str:
        """Its name, for messages."""
        return f"INT4 group {self.group_size}"

    def decode(self) -> npt.NDArray[np.float32]:
        """The values, float32."""
        codes, columns = codes_of(self.codes, -1).astype(np.float64), self.shape[-1]
        zero = 8.0 if self.zero is None else spread(codes_of(self.zero, -2), -1, self.group_size, columns)
        scale = spread(self.scale.astype(np.float64), -1, self.group_size, columns)
        return np.asarray((codes - zero) * scale, np.float32)


def joined(groups: Sequence[Int4Groups]) -> Int4Groups | None:
    """The weights one below the other, None where they cannot be one: groups, or the order of columns, differ."""
    parts = [one.weight for one in groups]
    first = parts[0]
    alike = len({(part.group_size, part.b_scale.dtype) for part in parts}) == 1
    if not alike or any(not _same(part.g_idx, first.g_idx) for part in parts):
        return None
    zero = None
    if any(part.b_zp is not None for part in parts):
        if any(part.b.shape[0] % 8 for part in parts):  # zero points of eight rows are a word
            return None
        zero = np.concatenate([_zero(part) for part in parts], 1)
    return Int4Groups(
        weight=Int4Weight(
            b=np.concatenate([part.b for part in parts], 0),
            b_scale=np.concatenate([part.b_scale for part in parts], 1),
            b_zp=zero,
            g_idx=first.g_idx,
            group_size=first.group_size,
        )
    )


def stacked(experts: Sequence[Int4Groups]) -> Int4Experts | None:
    """[E, N, K] of the weights of experts, None where no product takes them."""
    parts = [one.weight for one in experts]
    if len({one.shape for one in experts}) > 1:
        return None
    # The product of experts has no order of columns of its own, and no groups as long as the rows.
    if any(part.g_idx is not None or part.group_size not in (32, 64, 128) for part in parts):
        return None
    if len({part.group_size for part in parts}) > 1:
        return None
    zero = None
    if any(part.b_zp is not None for part in parts):
        zero = np.stack([_bytes(_zero(part)).T for part in parts])
    codes, scale = np.stack([_bytes(part.b) for part in parts]), np.stack([part.b_scale.T for part in parts])
    return Int4Experts(codes=codes, scale=scale, zero=zero)


def _zero(part: Int4Weight) -> Array:
    """Zero points in words, [groups, N / 8], eights where the weight has none."""
    words = part.b_scale.shape[0], part.b.shape[0] // 8
    return np.full(words, 0x88888888, np.uint32).view(np.int32) if part.b_zp is None else part.b_zp


def _bytes(words: Array) -> Array:
    """Words of eight nibbles as bytes of two, lowest first."""
    return np.ascontiguousarray(words).astype("<i4").view(np.uint8)


def _same(one: Array | None, other: Array | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
