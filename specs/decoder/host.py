"""Weights on the host: plain arrays, and blocks of bytes as quantised checkpoints store them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

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

    def decode(self) -> npt.NDArray[np.float32]:
        """The values, float32."""
        return np.asarray(self.form.decode(self.data), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowParts:
    """Weights one below the other whose formats differ, so that they cannot be one array: q and k Q4_K, v Q6_K."""

    parts: tuple[HostArray | PackedWeight, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all parts together."""
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])


HostWeight = HostArray | PackedWeight | RowParts


def concatenate_rows(parts: Sequence[HostArray | PackedWeight]) -> HostWeight:
    """The parts one below the other; as one array where their formats are the same."""
    packed = [part for part in parts if isinstance(part, PackedWeight)]
    if not packed:
        return np.concatenate([np.asarray(part) for part in parts], 0)
    if len(packed) == len(parts) and len({part.form.name for part in packed}) == 1:
        return PackedWeight(form=packed[0].form, data=np.concatenate([part.data for part in packed], 0))
    return RowParts(parts=tuple(parts))


def describe(weight: HostWeight) -> str:
    """Type and shape, for messages."""
    shape = list(weight.shape)
    if isinstance(weight, PackedWeight):
        return f"{weight.form.name} {shape}"
    if isinstance(weight, RowParts):
        return f"{' + '.join(describe(part) for part in weight.parts)}"
    return f"{weight.dtype.name} {shape}"
