"""Linears: y = x W^T + b, with the weight in the format that the checkpoint or the caller chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import ml_dtypes
import numpy as np
import torch

from specs.decoder.host import HostArray, HostWeight, PackedWeight, RowParts
from specs.lang.formats.packed import PackedBlock
from torch_impl import ops
from torch_impl.layers.step import Options


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dense:
    """Weight [N, K] in bfloat16, float16 or float32."""

    values: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fp8Block:
    """FP8 weight [N, K] and its scales float32 [N / 128, K / 128]; activations are quantised in groups of 128."""

    codes: torch.Tensor
    scale: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Packed:
    """Blocks of a GGUF file: uint8 [N, bytes of a row]."""

    data: torch.Tensor
    form: PackedBlock


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Weights one below the other in formats of their own."""

    parts: tuple[Dense | Fp8Block | Packed, ...]


Weight = Dense | Fp8Block | Packed | Rows
GROUP: Final = 128
"""Columns that share a scale of FP8 activations."""


def linear(
    x: torch.Tensor,
    weight: Weight,
    bias: torch.Tensor | None = None,
    *,
    options: Options,
    out_dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """x W^T + bias.

    Args:
        x: [T, K], bfloat16, float16 or float32. weight: [N, K]. bias: [N], added in float32.
        out_dtype: of the result; that of x when left out.

    Returns:
        [T, N].

    Raises:
        ValueError: invariant=True, and a weight that is not dense.
    """
    if options.invariant and not isinstance(weight, Dense):
        # Their tiles follow the number of rows, and the bits of a row with them.
        expected = "dense weights with invariant=True: decode the checkpoint's"
        raise ValueError(f"weight: expected {expected}; got {type(weight).__name__}")
    out = x.dtype if out_dtype is None else out_dtype
    how = options.implementation
    match weight:
        case Dense():
            return ops.gemm(
                x,
                weight.values,
                bias,
                weight_order="nk",
                out_dtype=out,
                invariant=options.invariant,
                implementation=how,
            )
        case Fp8Block():
            codes, scale = ops.per_token_group_quant_fp8(x, group=GROUP, implementation=how)
            return ops.fp8_gemm(
                codes,
                weight.codes,
                scale,
                weight.scale,
                bias,
                scale_mode="block",
                weight_order="nk",
                out_dtype=out,
                implementation=how,
            )
        case Packed():
            return _packed(x, weight, bias, out, options)
        case Rows():
            # The bias belongs to all parts; no format that needs parts comes with one.
            found = [linear(x, part, options=options, out_dtype=out) for part in weight.parts]
            joined = torch.cat(found, -1)
            return joined if bias is None else (joined + bias.to(out))


def _packed(
    x: torch.Tensor, weight: Packed, bias: torch.Tensor | None, out_dtype: torch.dtype, options: Options
) -> torch.Tensor:
    return ops.gguf_gemm(
        x,
        weight.data,
        bias,
        quant_type=cast(Any, weight.form.name),
        out_dtype=out_dtype,
        implementation=options.implementation,
    )


def embed(table: Weight, ids: torch.Tensor, *, options: Options) -> torch.Tensor:
    """Rows of the table of embeddings, [T, hidden] in `options.dtype`; zeros for ids outside it."""
    how = options.implementation
    match table:
        case Packed():
            return ops.gguf_embedding(
                ids, table.data, quant_type=cast(Any, table.form.name), out_dtype=options.dtype, implementation=how
            )
        case Dense():
            return ops.embedding(ids, table.values, implementation=how).to(options.dtype)
        case _:
            raise TypeError(f"embedding: expected a dense or a GGUF table; got {type(table).__name__}")


def put(weight: HostWeight, dtype: torch.dtype, *, decode: bool = False, device: torch.device | str = "cpu") -> Weight:
    """A host's weight on a device.

    Args:
        weight: an array [N, K], or blocks of a GGUF file.
        dtype: of arrays. decode: whether blocks become arrays too; otherwise they stay blocks.
    """
    match weight:
        case PackedWeight() if not decode:
            return Packed(data=tensor(weight.data, device), form=weight.form)
        case PackedWeight():
            return Dense(values=tensor(weight.decode(), device).to(dtype))
        case RowParts() if not decode:
            return Rows(parts=tuple(_single(part, dtype, device) for part in weight.parts))
        case RowParts():
            parts = [part.decode() if isinstance(part, PackedWeight) else part for part in weight.parts]
            return Dense(values=torch.cat([tensor(part, device).to(dtype) for part in parts], 0))
        case _:
            return Dense(values=tensor(weight, device).to(dtype))


def tensor(array: HostArray, device: torch.device | str) -> torch.Tensor:
    """A host's array on a device; a copy, because arrays of memory-mapped files cannot be written."""
    if array.dtype == ml_dtypes.bfloat16:  # which torch does not know
        return torch.from_numpy(array.view(np.uint16).copy()).view(torch.bfloat16).to(device)
    return torch.from_numpy(np.array(array)).to(device)


def _single(weight: HostArray | PackedWeight, dtype: torch.dtype, device: torch.device | str) -> Dense | Packed:
    if isinstance(weight, PackedWeight):
        return Packed(data=tensor(weight.data, device), form=weight.form)
    return Dense(values=tensor(weight, device).to(dtype))
