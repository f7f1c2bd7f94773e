"""Linears: y = x W^T + b, with the weight in the format that the checkpoint or the caller chose."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl import ops
from jax_impl.layers.step import Options
from specs.decoder.host import BlockWeight, HostWeight, PackedWeight, RowParts, Single, describe, values
from specs.decoder.int4 import Int4Experts, Int4Groups
from specs.decoder.precision import DECODED_ROWS, PACKED_ROWS
from specs.lang.formats.named import FP8_BLOCK_128, FP8_BLOCK_128_E8M0, MXFP4
from specs.lang.formats.packed import PackedBlock


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Weight [N, K] in bfloat16, float16 or float32."""

    values: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Fp8Block:
    """FP8 weight [.., N, K] and its scales, float32 or E8M0 [.., ceil(N / 128), ceil(K / 128)].

    Activations are quantised in groups of 128.
    """

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
class Int4:
    """INT4 weight in groups along K, as `int4_gemm_w4a16` takes it in weight_order "nk"."""

    b: Any
    b_scale: Any
    b_zp: Any
    g_idx: Any
    group_size: int = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Int4Grouped:
    """INT4 weights of experts, as `grouped_gemm_int4` takes them in weight_order "nk"."""

    b: Any
    b_scale: Any
    b_zp: Any
    group_size: int = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Mxfp4:
    """Weights of experts in MXFP4: two codes per byte, uint8 [E, N, K / 2], and scales E8M0 [E, N, K / 32]."""

    codes: Any
    scale: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Weights one below the other in formats of their own."""

    parts: tuple[Any, ...]


Linear = Dense | Fp8Block | Packed | Int4 | Rows
Grouped = Dense | Fp8Block | Int4Grouped | Mxfp4
Weight = Linear | Grouped
GROUP: Final = 128
"""Columns that share a scale of FP8 activations."""


def linear(
    x: jax.Array, weight: Linear, bias: jax.Array | None = None, *, options: Options, out_dtype: Any = None
) -> jax.Array:
    """x W^T + bias.

    Args:
        x: [T, K], bfloat16, float16 or float32. weight: [N, K]. bias: [N], added in float32.
        out_dtype: of the result; that of x when left out.

    Returns:
        [T, N].
    """
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
            codes, scale = quantised(x, options)
            return ops.fp8_gemm(
                codes,
                weight.codes,
                scale,
                weight.scale,
                bias,
                scale_mode="block",
                weight_order="nk",
                out_dtype=out,
                invariant=options.invariant,
                implementation=how,
            )
        case Packed():
            return _packed(x, weight, bias, out, options)
        case Int4():
            return ops.int4_gemm_w4a16(
                x,
                weight.b,
                weight.b_scale,
                weight.b_zp,
                weight.g_idx,
                bias,
                group_size=cast(Any, weight.group_size),
                weight_order="nk",
                invariant=options.invariant,
                implementation=how,
            ).astype(out)
        case Rows():
            # The bias belongs to all parts; it is added to their rounded results.
            found = [linear(x, part, options=options, out_dtype=out) for part in weight.parts]
            joined = jnp.concatenate(found, -1)
            return joined if bias is None else (joined + bias.astype(out))


def quantised(x: jax.Array, options: Options) -> tuple[jax.Array, jax.Array]:
    """FP8 codes [T, K] and scales [T, K / 128], rounded up, of activations."""
    columns = x.shape[-1]
    # Zeros at the end of the last group change neither its largest value nor its codes.
    padded = jnp.pad(x, ((0, 0), (0, -columns % GROUP)))
    codes, scale = ops.per_token_group_quant_fp8(padded, group=GROUP, implementation=options.implementation)
    return codes[:, :columns], scale


def _packed(x: jax.Array, weight: Packed, bias: jax.Array | None, out_dtype: Any, options: Options) -> jax.Array:
    if x.shape[0] > PACKED_ROWS and not options.invariant:
        return _decoded(x, weight, bias, out_dtype, options)
    return ops.gguf_gemm(
        x,
        weight.data,
        bias,
        quant_type=cast(Any, weight.form.name),
        out_dtype=out_dtype,
        invariant=options.invariant,
        implementation=options.implementation,
    )


def _decoded(x: jax.Array, weight: Packed, bias: jax.Array | None, out_dtype: Any, options: Options) -> jax.Array:
    """The product with the weight rounded to the format of x, which is decoded a number of rows at a time."""
    rows, found = weight.data.shape[0], []
    for start in range(0, rows, DECODED_ROWS):
        ids = jnp.arange(start, min(start + DECODED_ROWS, rows), dtype=jnp.int32)
        part = embed(weight, ids, options=replace(options, dtype=x.dtype))
        addend = None if bias is None else bias[start : start + DECODED_ROWS]
        found.append(linear(x, Dense(values=part), addend, options=options, out_dtype=out_dtype))
    return found[0] if len(found) == 1 else jnp.concatenate(found, -1)


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


def put(weight: HostWeight, dtype: Any, *, decode: bool = False) -> Any:
    """A host's weight on the default device, a `Linear` or, with three dimensions, a `Grouped`.

    Args:
        weight: [N, K] or [E, N, K], plain or quantised.
        dtype: of arrays. decode: whether quantised weights become arrays too; otherwise they stay as they are.

    Raises:
        TypeError: a format that no product takes in this place; decode it.
    """
    if decode or isinstance(weight, np.ndarray):
        return Dense(values=jnp.asarray(values(weight), dtype))
    if isinstance(weight, RowParts):
        return Rows(parts=tuple(put(part, dtype) for part in weight.parts))
    return _quantised(weight)


def _quantised(weight: Single) -> Weight:
    match weight:
        case PackedWeight():
            return Packed(data=jnp.asarray(weight.data), form=weight.form)
        case BlockWeight(form=form) if form in (FP8_BLOCK_128, FP8_BLOCK_128_E8M0):
            codes = jnp.asarray(weight.data.view(form.element.numpy_dtype))
            return Fp8Block(codes=codes, scale=_scale(weight, wide=codes.ndim > 2))
        case BlockWeight(form=form) if form == MXFP4 and weight.data.ndim > 2:
            return Mxfp4(codes=jnp.asarray(weight.data), scale=_scale(weight))
        case Int4Groups():
            own = weight.weight
            arrays = {n: None if x is None else jnp.asarray(x) for n, x in own.arrays().items()}
            return Int4(**arrays, group_size=own.group_size)
        case Int4Experts():
            zero = None if weight.zero is None else jnp.asarray(weight.zero)
            size = weight.group_size
            return Int4Grouped(
                b=jnp.asarray(weight.codes), b_scale=jnp.asarray(weight.scale), b_zp=zero, group_size=size
            )
        case _:
            raise TypeError(f"weight: expected a format with a product; got {describe(weight)}: decode it")


def _scale(weight: BlockWeight, *, wide: bool = False) -> jax.Array:
    """Scales in their own format, or in float32: products of experts in FP8 take no other."""
    form = weight.form.scale
    assert form is not None
    assert form.numpy_dtype is not None
    scale = weight.scale.view(form.numpy_dtype)
    return jnp.asarray(scale.astype(np.float32) if wide else scale)
