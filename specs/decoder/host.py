"""Weights on the host: plain arrays, and codes with their scales as quantised checkpoints store them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specs.decoder.int4 import Int4Experts, Int4Groups, joined, stacked
from specs.lang.formats.blocks import BlockFormat, Quantized
from specs.lang.formats.packed import PackedBlock

HostArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedWeight:
    """A weight of shape [.., N, K] whose rows are whole blocks of bytes.

    form: the block format. data: uint8 [.., N, bytes of a row], as in the file, memory-mapped or not.
    """

    form: PackedBlock
    data: HostArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return (*self.data.shape[:-1], self.data.shape[-1] // self.form.bytes * self.form.elements)

    @property
    def format(self) -> str:
        """Its name, for messages."""
        return self.form.name

    def decode(self) -> npt.NDArray[np.float32]:
        """The values, float32."""
        return np.asarray(self.form.decode(self.data), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockWeight:
    """A weight of shape [.., N, K] whose codes and scales are arrays of their own: FP8 in squares, MXFP4.

    form: the block format. data: codes, as many to a byte as the form packs. scale: one per block.
    """

    form: BlockFormat
    data: HostArray
    scale: HostArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        per_word = 1 if self.form.packing is None else self.form.packing.per_word
        return (*self.data.shape[:-1], self.data.shape[-1] * per_word)

    @property
    def format(self) -> str:
        """Its name, for messages."""
        return self.form.name

    def decode(self) -> npt.NDArray[np.float32]:
        """The values, float32."""
        return np.asarray(self.form.decode(Quantized(data=self.data, scale=self.scale)), np.float32)


Single = HostArray | PackedWeight | BlockWeight | Int4Groups | Int4Experts
"""A weight in one format."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowParts:
    """Weights one below the other whose formats differ, so that they cannot be one array: q and k Q4_K, v Q6_K."""

    parts: tuple[Single, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all parts together."""
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])


HostWeight = Single | RowParts


def values(weight: HostWeight) -> HostArray:
    """The values of a weight; an array is what it is."""
    if isinstance(weight, RowParts):
        return np.concatenate([values(part) for part in weight.parts], 0)
    return weight if isinstance(weight, np.ndarray) else weight.decode()


def concatenate_rows(parts: Sequence[Single]) -> HostWeight:
    """The parts one below the other; as one array where their formats are the same."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate([np.asarray(part) for part in parts], 0)
    packed = [part for part in parts if isinstance(part, PackedWeight)]
    if len(packed) == len(parts) and len({part.form.name for part in packed}) == 1:
        return PackedWeight(form=packed[0].form, data=np.concatenate([part.data for part in packed], 0))
    blocks = same_blocks(parts)
    if blocks:
        data, scale = (np.concatenate(arrays, -2) for arrays in zip(*((b.data, b.scale) for b in blocks), strict=True))
        return BlockWeight(form=blocks[0].form, data=data, scale=scale)
    groups = [part for part in parts if isinstance(part, Int4Groups)]
    whole = joined(groups) if len(groups) == len(parts) else None
    return RowParts(parts=tuple(parts)) if whole is None else whole


def stack_experts(parts: Sequence[HostWeight]) -> HostWeight:
    """[E, N, K] of weights [N, K]; their values where no product of experts takes them as they are."""
    blocks = [part for part in parts if isinstance(part, BlockWeight)]
    if len(blocks) == len(parts) and len({part.form.name for part in blocks}) == 1:
        data, scale = (np.stack(arrays) for arrays in zip(*((b.data, b.scale) for b in blocks), strict=True))
        return BlockWeight(form=blocks[0].form, data=data, scale=scale)
    groups = [part for part in parts if isinstance(part, Int4Groups)]
    whole = stacked(groups) if len(groups) == len(parts) else None
    return np.stack([values(part) for part in parts]) if whole is None else whole


def same_blocks(parts: Sequence[Single]) -> list[BlockWeight]:
    """The parts, where all have one block format, and rows in whole blocks: so scales go where codes do. Else none."""
    blocks = [part for part in parts if isinstance(part, BlockWeight)]
    if len(blocks) < len(parts) or len({part.form.name for part in blocks}) != 1:
        return []
    rows = blocks[0].form.block[0]
    return blocks if rows is not None and all(part.shape[-2] % rows == 0 for part in blocks) else []


def describe(weight: HostWeight) -> str:
    """Type and shape, for messages."""
    if isinstance(weight, RowParts):
        return " + ".join(describe(part) for part in weight.parts)
    kind = weight.dtype.name if isinstance(weight, np.ndarray) else weight.format
    return f"{kind} {list(weight.shape)}"
