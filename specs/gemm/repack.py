"""INT4 checkpoints of AWQ, GPTQ and compressed-tensors, repacked on load for the products with INT4 weights.

    W[k, n] = (u[k, n] - z[k // g, n]) s[k // g, n]

Each function takes the tensors of one linear layer as numpy arrays and returns an `Int4Weight`, with the `arguments()`
of `int4_gemm_w4a16` and `int4_gemm_w4a8`: codes eight consecutive k per word, [N, K/8]; scales [groups, N] in the
format that they have in the checkpoint; zero points eight consecutive n per word, None where all are 8; g_idx under
act-order. Codes, zero points and scales are moved, never rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.gemm.int4_weights import GROUPS, unpack
from specs.lang.errors import Missing, NotAChoice, Unsupported, WrongFormat, WrongShape
from specs.lang.formats.elements import INT32
from specs.lang.formats.packing import Packing

NDArray = np.ndarray[Any, Any]
ALONG_K = Packing(word=INT32, per_word=8, axis=-1)
_AWQ_COLUMNS = (0, 2, 4, 6, 1, 3, 5, 7)
"""Column, of the eight of a word, that nibble p of an AWQ word is."""
_SYMMETRIC = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Int4Weight:
    """A weight as `int4_gemm_w4a16` takes it, in weight_order "nk"."""

    b: NDArray
    """Codes, int32 [N, K/8]."""
    b_scale: NDArray
    """Scales, [groups, N]."""
    b_zp: NDArray | None
    """Zero points, int32 [groups, N/8]; None: all 8."""
    g_idx: NDArray | None
    """Column of the activations that multiplies row k, int32 [K]; None: column k."""
    group_size: int
    """k per scale, -1 for one group."""

    def arrays(self) -> dict[str, NDArray | None]:
        """Arrays by the products' names for them."""
        return {"b": self.b, "b_scale": self.b_scale, "b_zp": self.b_zp, "g_idx": self.g_idx}

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the products, arrays in numpy."""
        return {**self.arrays(), "group_size": self.group_size, "weight_order": "nk"}


def from_awq(qweight: NDArray, qzeros: NDArray, scales: NDArray) -> Int4Weight:
    """AWQ (GEMM version): nibbles along N in the order 0, 2, 4, 6, 1, 3, 5, 7.

    Args:
        qweight: int32 [K, N/8]. qzeros: int32 [K/g, N/8]. scales: [K/g, N].

    Raises:
        ArgumentError: shapes that do not fit each other.
    """
    op = "from_awq"
    for name, array in (("qweight", qweight), ("qzeros", qzeros)):
        _words(op, name, array)
    k, n = qweight.shape[0], 8 * qweight.shape[1]
    groups = _shaped(op, "scales", scales, (None, n))[0]
    _shaped(op, "qzeros", qzeros, (groups, n // 8))
    codes, zeros = (_from_awq_order(unpack(words, 1)) for words in (qweight, qzeros))
    return _weight(op, codes.T, scales, zeros, None, k)


def from_gptq(
    qweight: NDArray, qzeros: NDArray, scales: NDArray, g_idx: NDArray | None = None, *, checkpoint_format: str = "gptq"
) -> Int4Weight:
    """GPTQ: nibbles along K in order, zero points along N in order.

    Args:
        qweight: int32 [K/8, N]. qzeros: int32 [groups, N/8]. scales: [groups, N].
        g_idx: group of every k, int32 [K]; None: k // g.
        checkpoint_format: "gptq" (version 1, zero points stored minus 1) or "gptq_v2" (as they are).

    Raises:
        ArgumentError: shapes that do not fit each other.
        Unsupported: a zero point of 16, which four bits do not hold, or groups of different sizes.
    """
    op = "from_gptq"
    if checkpoint_format not in ("gptq", "gptq_v2"):
        expected = "'gptq', 'gptq_v2'"
        raise NotAChoice(op=op, argument="checkpoint_format", expected=expected, actual=repr(checkpoint_format))
    for name, array in (("qweight", qweight), ("qzeros", qzeros)):
        _words(op, name, array)
    k, n = 8 * qweight.shape[0], qweight.shape[1]
    groups = _shaped(op, "scales", scales, (None, n))[0]
    _shaped(op, "qzeros", qzeros, (groups, n // 8))
    zeros = unpack(qzeros, 1) + (checkpoint_format == "gptq")
    if (zeros > 15).any():
        where = tuple(int(i) for i in np.argwhere(zeros > 15)[0])
        raise Unsupported(f"GPTQ zero point 16 (stored as 15 in version 1) at {where}", "words have four bits for each")
    return _weight(op, unpack(qweight, 0).T, scales, zeros, g_idx, k)


def from_compressed_tensors(
    weight_packed: NDArray,
    weight_scale: NDArray,
    weight_shape: NDArray,
    weight_zero_point: NDArray | None = None,
    weight_g_idx: NDArray | None = None,
) -> Int4Weight:
    """compressed-tensors "pack-quantized" with 4 bits: signed codes plus 8, along K; zero points likewise, along N.

    Args:
        weight_packed: int32 [N, K/8]. weight_scale: [N, groups]. weight_shape: (N, K).
        weight_zero_point: int32 [N/8, groups]; None: 0, of signed codes.
        weight_g_idx: group of every k, int32 [K]; None, or all -1: k // g.

    Raises:
        ArgumentError: shapes that do not fit each other.
        Unsupported: groups of different sizes.
    """
    op = "from_compressed_tensors"
    n, k = (int(size) for size in np.asarray(weight_shape).reshape(-1))
    _words(op, "weight_packed", weight_packed)
    if k % 8:
        raise WrongShape(op=op, argument="weight_shape", expected="K divisible by 8", actual=(n, k))
    _shaped(op, "weight_packed", weight_packed, (n, k // 8))
    groups = _shaped(op, "weight_scale", weight_scale, (n, None))[1]
    zeros = None
    if weight_zero_point is not None:
        _words(op, "weight_zero_point", weight_zero_point)
        zeros = unpack(_matrix(op, weight_zero_point, (-(-n // 8), groups)), 0)[:n].T
    order = weight_g_idx if weight_g_idx is None or (np.asarray(weight_g_idx) >= 0).any() else None
    return _weight(op, unpack(weight_packed, 1), np.asarray(weight_scale).T, zeros, order, k)


def _from_awq_order(nibbles: NDArray) -> NDArray:
    """Columns in order, of columns in the order of AWQ's nibbles."""
    found = np.empty_like(nibbles)
    for nibble, column in enumerate(_AWQ_COLUMNS):
        found[:, column::8] = nibbles[:, nibble::8]
    return found


def _weight(
    op: str, codes: NDArray, scales: NDArray, zeros: NDArray | None, g_idx: NDArray | None, k: int
) -> Int4Weight:
    """codes: [N, K], rows of K in the checkpoint's order. zeros: [groups, N]; None: 8."""
    groups, n = scales.shape
    if not groups or k % groups:
        raise WrongShape(op=op, argument="scales", expected=f"groups that divide K = {k}", actual=scales.shape)
    size = k // groups
    if groups > 1 and size not in GROUPS:
        raise Unsupported(f"groups of {size}", f"products take {', '.join(str(g) for g in GROUPS if g > 0)}")
    order = None if g_idx is None else _order(op, np.asarray(g_idx), groups, size)
    if order is not None:
        codes = codes[:, order]
    plain = zeros is None or bool((zeros == _SYMMETRIC).all())
    if not plain and n % 8:
        raise WrongShape(op=op, argument="zeros", expected="N divisible by 8, zero points in a word", actual=(n,))
    return Int4Weight(
        b=np.ascontiguousarray(ALONG_K.pack(np.ascontiguousarray(codes))),
        b_scale=np.ascontiguousarray(scales),
        b_zp=None if plain else np.ascontiguousarray(ALONG_K.pack(np.asarray(zeros))),
        g_idx=order,
        group_size=-1 if groups == 1 else size,
    )


def _order(op: str, g_idx: NDArray, groups: int, size: int) -> NDArray | None:
    """The k of every row, groups together, in order within a group; None where they are in order already."""
    k = groups * size
    _shaped(op, "g_idx", g_idx, (k,))
    counts = np.bincount(g_idx.astype(np.int64), minlength=groups) if (g_idx >= 0).all() else np.zeros(0)
    if len(counts) != groups:
        raise WrongShape(
            op=op, argument="g_idx", expected=f"groups 0 to {groups - 1}", actual=sorted(set(g_idx.tolist()))
        )
    if (counts != size).any():
        raise Unsupported(
            "act-order with groups of different sizes", f"{size} k each expected, {counts.tolist()} found"
        )
    order = np.argsort(g_idx, kind="stable").astype(np.int32)
    return None if (order == np.arange(k)).all() else order


def _words(op: str, name: str, array: NDArray) -> None:
    if array is None:
        raise Missing(op=op, argument=name, expected="int32 words", actual="nothing")
    if array.dtype not in (np.int32, np.uint32):
        raise WrongFormat(op=op, argument=name, expected="words, int32", actual=array.dtype)
    if array.ndim != 2:
        raise WrongShape(op=op, argument=name, expected="two dimensions", actual=array.shape)


def _shaped(op: str, name: str, array: NDArray, wanted: tuple[int | None, ...]) -> tuple[int, ...]:
    """The shape, where it is the wanted one (None: any size)."""
    shape = np.shape(array)
    fits = len(shape) == len(wanted) and all(w in (None, s) for s, w in zip(shape, wanted, strict=True))
    if not fits:
        expected = f"[{', '.join('any' if w is None else str(w) for w in wanted)}]"
        raise WrongShape(op=op, argument=name, expected=expected, actual=list(shape))
    return shape


def _matrix(op: str, array: NDArray, shape: tuple[int, int]) -> NDArray:
    _shaped(op, "weight_zero_point", array, shape)
    return array
