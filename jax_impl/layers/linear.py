"""Linears: y = x W^T + b, with the weight in the format that the checkpoint or the caller chose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, cast

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl import ops
from jax_impl.layers.step import Options
from specs.decoder.host import HostArray, HostWeight, PackedWeight, RowParts
from specs.lang.formats.packed import PackedBlock


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Weight [N, K] in bfloat16, float16 or float32."""

    values: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Fp8Block:
    """FP8 weight [N, K] and its scales float32 [N / 128, K / 128]; activations are quantised in groups of 128."""

    codes: Any
    scale: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Blocks of a GGUF file: uint8 [N, bytes of a row]."""

    data: Any
    form: PackedBlock = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Weights one below the other in formats of their own."""

    parts: tuple[Dense | Fp8Block | Packed, ...]


Weight = Dense | Fp8Block | Packed | Rows
GROUP: Final = 128
"""Columns that share a scale of FP8 activations."""


def linear(
    x: jax.Array, weight: Weight, bias: jax.Array | None = None, *, options: Options, out_dtype: Any = None
) -> jax.Array:
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
            joined = jnp.concatenate(found, -1)
            return joined if bias is None else (joined + bias.astype(out))


def _packed(x: jax.Array, weight: Packed, bias: jax.Array | None, out_dtype: Any, options: Options) -> jax.Array:
    return ops.gguf_gemm(
        x,
        weight.data,
        bias,
        quant_type=cast(Any, weight.form.name),
        out_dtype=out_dtype,
        implementation=options.implementation,
    )


def embed(table: Weight, ids: jax.Array, *, options: Options) -> jax.Array:
    """Rows of the table of embeddings, [T, hidden] in `options.dtype`; zeros for ids outside it."""
    how = options.implementation
    match table:
        case Packed():
            return ops.gguf_embedding(
                ids, table.data, quant_type=cast(Any, table.form.name), out_dtype=options.dtype, implementation=how
            )
        case Dense():
            return ops.embedding(ids, table.values, implementation=how).astype(options.dtype)
        case _:
            raise TypeError(f"embedding: expected a dense or a GGUF table; got {type(table).__name__}")


def put(weight: HostWeight, dtype: Any, *, decode: bool = False) -> Weight:
    """A host's weight on the default device.

    Args:
        weight: an array [N, K], or blocks of a GGUF file.
        dtype: of arrays. decode: whether blocks become arrays too; otherwise they stay blocks.
    """
    match weight:
        case PackedWeight() if not decode:
            return Packed(data=jnp.asarray(weight.data), form=weight.form)
        case PackedWeight():
            return Dense(values=jnp.asarray(weight.decode(), dtype))
        case RowParts() if not decode:
            return Rows(parts=tuple(_single(part, dtype) for part in weight.parts))
        case RowParts():
            parts = [part.decode() if isinstance(part, PackedWeight) else part for part in weight.parts]
            return Dense(values=jnp.asarray(np.concatenate(parts, 0), dtype))
        case _:
            return Dense(values=jnp.asarray(weight, dtype))


def _single(weight: HostArray | PackedWeight, dtype: Any) -> Dense | Packed:
    if isinstance(weight, PackedWeight):
        return Packed(data=jnp.asarray(weight.data), form=weight.form)
    return Dense(values=jnp.asarray(weight, dtype))
