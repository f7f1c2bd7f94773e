"""Tensor and expert parallelism: the part of a checkpoint that one of several devices holds.

Every device has some of the query heads, with the key heads that they read; some of the columns of the MLP, or some of
the experts; and some of the rows of the output head. What the others have is summed up after attention and after the
MLP: two sums of [T, hidden] per layer. Embeddings, norms and routers are on every device. Which axis of a tensor is
shared is declared beside its name and shape, in `specs.decoder.weights`.

Source: Shoeybi et al., Megatron-LM (2019), section 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from specs.decoder.config import DecoderConfig
from specs.decoder.host import BlockWeight, HostArray, PackedWeight, Single
from specs.decoder.weights import CheckpointError, Source, sources

_EXPERT = re.compile(r"(?<=\.experts\.)(\d+)(?=\.)")


@dataclass(frozen=True, slots=True)
class Rank:
    """One of `count` devices."""

    index: int
    count: int

    def part(self, size: int) -> slice:
        """Its share of an axis."""
        each = size // self.count
        return slice(self.index * each, (self.index + 1) * each)


def split_config(config: DecoderConfig, count: int) -> DecoderConfig:
    """The configuration of what one of `count` devices computes.

    Raises:
        ValueError: a number of heads, columns, rows or experts that devices cannot share evenly.
    """
    shared = {"heads": config.heads, "kv_heads": config.kv_heads, "vocab": 0 if config.tied else config.vocab}
    shared |= {"ffn": config.ffn} if config.moe is None else {"experts": config.moe.experts}
    for name, size in shared.items():
        if size % count:
            raise ValueError(f"{name}: expected a multiple of {count} devices; got {size}")
    ffn = config.ffn // count if config.moe is None else config.ffn
    heads, kv_heads = config.heads // count, config.kv_heads // count
    return replace(config, heads=heads, kv_heads=kv_heads, ffn=ffn, devices=count)


def split_tensors(config: DecoderConfig, tensors: Mapping[str, Single], rank: Rank) -> dict[str, Single]:
    """The tensors of one device, by the names that they have in a checkpoint of its own.

    Args:
        config: of the whole model.

    Raises:
        CheckpointError: blocks of a quantised tensor that devices cannot share.
    """
    found: dict[str, Single] = {}
    for name, source in sources(config).items():
        own = _own_name(config, name, rank)
        if own is not None:
            found[own] = _share(source, tensors[name], rank)
    return found


def _own_name(config: DecoderConfig, name: str, rank: Rank) -> str | None:
    """A tensor's name on a device, which counts its experts from 0; None where another device has it."""
    numbered = _EXPERT.search(name)
    if config.moe is None or numbered is None:
        return name
    mine, expert = rank.part(config.moe.experts), int(numbered.group())
    return _EXPERT.sub(str(expert - mine.start), name) if mine.start <= expert < mine.stop else None


def _share(source: Source, tensor: Single, rank: Rank) -> Single:
    if source.once and rank.index:
        return np.zeros_like(np.asarray(tensor))
    axis = source.split
    if axis is None:
        return tensor
    match tensor:
        case np.ndarray():
            return _part(source.name, tensor, axis, rank)
        case PackedWeight():
            # Along K whole blocks of bytes are shared.
            rows, row = tensor.data.shape[:-1], tensor.data.shape[-1]
            blocks = tensor.data.reshape(*rows, row // tensor.form.bytes, tensor.form.bytes)
            data = _part(source.name, blocks, axis, rank)
            return replace(tensor, data=np.ascontiguousarray(data.reshape(*data.shape[:-2], -1)))
        case BlockWeight():
            inner = axis - (len(tensor.shape) - 2)
            edge = tensor.form.block[inner] if inner >= 0 else 1
            _whole(source.name, tensor.shape[axis], rank.count * (edge or tensor.shape[axis]))
            return replace(
                tensor,
                data=_part(source.name, tensor.data, axis, rank),
                scale=_part(source.name, tensor.scale, axis, rank),
            )
        case _:
            kind = f"a format that devices share; got {tensor.format}: decode it"
            raise CheckpointError(f"{source.name}: expected {kind}")


def _part(name: str, array: HostArray, axis: int, rank: Rank) -> HostArray:
    size = array.shape[axis]
    _whole(name, size, rank.count)
    return array[(*[slice(None)] * axis, rank.part(size))]


def _whole(name: str, size: int, unit: int) -> None:
    if size % unit:
        raise CheckpointError(f"{name}: expected a multiple of {unit} to share among devices; got {size}")
