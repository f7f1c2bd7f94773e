"""Weights on the host: plain arrays, and blocks of bytes as quantised checkpoints store them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specs.decoder.quantised import Quantised, joined, stacked
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


HostPart = HostArray | PackedWeight | Quantised
"""A weight that is one array, or a few arrays that belong together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowParts:
    """Weights one below the other whose formats differ, so that they cannot be one array: q and k Q4_K, v Q6_K."""

    parts: tuple[HostPart, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all parts together."""
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])


HostWeight = HostPart | RowParts


def concatenate_rows(parts: Sequence[HostPart]) -> HostWeight:
    """The parts one below the other; as one array where their formats are the same."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate([np.asarray(part) for part in parts], 0)
    packed = [part for part in parts if isinstance(part, PackedWeight)]
    if len(packed) == len(parts) and len({part.form.name for part in packed}) == 1:
        return PackedWeight(form=packed[0].form, data=np.concatenate([part.data for part in packed], 0))
    others = [part for part in parts if isinstance(part, Quantised)]
    found = joined(others) if len(others) == len(parts) else None
    return RowParts(parts=tuple(parts)) if found is None else found


def stack_experts(parts: Sequence[HostWeight]) -> HostWeight:
    """[E, N, K] of weights [N, K]; decoded where no product of experts takes them as they are."""
    quantised = [part for part in parts if isinstance(part, Quantised)]
    found = stacked(quantised) if len(quantised) == len(parts) else None
    return np.stack([decoded(part) for part in parts]) if found is None else found


def decoded(weight: HostWeight) -> HostArray:
    """The values; float32 where the weight is not an array already."""
    if isinstance(weight, RowParts):
        return np.concatenate([decoded(part) for part in weight.parts], 0)
    return weight if isinstance(weight, np.ndarray) else weight.decode()


def describe(weight: HostWeight) -> str:
    """Type and shape, for messages."""
    if isinstance(weight, RowParts):
        return " + ".join(describe(part) for part in weight.parts)
    kind = weight.dtype.name if isinstance(weight, np.ndarray) else weight.format
    return f"{kind} {list(weight.shape)}"
