"""Packed INT4 checkpoints, written by packers of this file, give the same weights after repacking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specs.gemm.int4_weights import weights
from specs.gemm.repack import Int4Weight, from_awq, from_compressed_tensors, from_gptq
from specs.lang.errors import NotAChoice, Unsupported, WrongFormat, WrongShape

NDArray = np.ndarray[Any, Any]
K, N, GROUP = 128, 24, 32


def word(nibbles: list[int]) -> int:
    """An int32 with its first nibble lowest."""
    total = sum(nibble << (4 * i) for i, nibble in enumerate(nibbles))
    return total - (1 << 32) if total >> 31 else total


def rows_of_words(codes: NDArray, order: tuple[int, ...] = tuple(range(8))) -> NDArray:
    """Eight consecutive columns per word; nibble p is column order[p]."""
    count = codes.shape[1] // 8
    words = [[word([int(row[8 * c + p]) for p in order]) for c in range(count)] for row in codes]
    return np.array(words, np.int32)


def drawn(rng: np.random.Generator) -> tuple[NDArray, NDArray, NDArray]:
    """Codes [K, N], zero points 0 .. 15 and scales [groups, N]."""
    shape = (K // GROUP, N)
    scales = rng.random(shape).astype(np.float16)
    return rng.integers(0, 16, (K, N)), rng.integers(1, 16, shape), scales


def values(weight: Int4Weight) -> NDArray:
    """W [K, N] as the product multiplies it, rows in the order of the activations."""
    found = weights(weight.arguments())
    if weight.g_idx is None:
        return found
    ordered = np.empty_like(found)
    ordered[weight.g_idx] = found
    return ordered


def expected(codes: NDArray, zeros: NDArray, scales: NDArray, groups: NDArray | None = None) -> NDArray:
    group = np.arange(K) // GROUP if groups is None else groups
    return np.asarray((codes - zeros[group]) * scales.astype(np.float64)[group])


def test_awq(rng: np.random.Generator) -> None:
    codes, zeros, scales = drawn(rng)
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    weight = from_awq(rows_of_words(codes, order), rows_of_words(zeros, order), scales)
    assert (weight.group_size, weight.g_idx, weight.b.shape) == (GROUP, None, (N, K // 8))
    np.testing.assert_array_equal(values(weight), expected(codes, zeros, scales))


@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
@pytest.mark.parametrize("act_order", [False, True])
def test_gptq(version: str, act_order: bool, rng: np.random.Generator) -> None:
    codes, zeros, scales = drawn(rng)
    groups = rng.permutation(np.arange(K) // GROUP).astype(np.int32) if act_order else None
    stored = zeros - 1 if version == "gptq" else zeros
    qweight = rows_of_words(codes.T).T
    weight = from_gptq(qweight, rows_of_words(stored), scales, groups, checkpoint_format=version)
    assert (weight.g_idx is not None) == act_order
    np.testing.assert_array_equal(values(weight), expected(codes, zeros, scales, groups))


def test_gptq_in_order_needs_no_permutation(rng: np.random.Generator) -> None:
    codes, _, scales = drawn(rng)
    stored = np.full(scales.shape, 7)
    trivial = (np.arange(K) // GROUP).astype(np.int32)
    weight = from_gptq(rows_of_words(codes.T).T, rows_of_words(stored), scales, trivial)
    assert (weight.g_idx, weight.b_zp) == (None, None)
    np.testing.assert_array_equal(values(weight), expected(codes, stored + 1, scales))


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("act_order", [False, True])
def test_compressed_tensors(asymmetric: bool, act_order: bool, rng: np.random.Generator) -> None:
    codes, zeros, scales = drawn(rng)
    zeros = zeros if asymmetric else np.full_like(zeros, 8)
    groups = rng.permutation(np.arange(K) // GROUP).astype(np.int32) if act_order else np.full(K, -1, np.int32)
    packed_zeros = rows_of_words(zeros).T if asymmetric else None
    weight = from_compressed_tensors(rows_of_words(codes.T), scales.T, np.array([N, K]), packed_zeros, groups)
    signed = (codes - 8) - (zeros - 8)[np.arange(K) // GROUP if not act_order else groups]
    np.testing.assert_array_equal(
        values(weight), signed * scales.astype(np.float64)[groups if act_order else np.arange(K) // GROUP]
    )


def test_one_group(rng: np.random.Generator) -> None:
    codes, scales = rng.integers(0, 16, (K, N)), rng.random((N, 1)).astype(np.float32)
    weight = from_compressed_tensors(rows_of_words(codes.T), scales, np.array([N, K]))
    assert weight.group_size == -1
    np.testing.assert_array_equal(values(weight), (codes - 8) * scales.T.astype(np.float64))


def test_the_product_takes_it(rng: np.random.Generator) -> None:
    import torch

    from torch_impl import ops

    codes, zeros, scales = drawn(rng)
    groups = rng.permutation(np.arange(K) // GROUP).astype(np.int32)
    weight = from_gptq(rows_of_words(codes.T).T, rows_of_words(zeros), scales, groups, checkpoint_format="gptq_v2")
    arguments = weight.arguments().items()
    given: dict[str, Any] = {n: torch.from_numpy(x) if isinstance(x, np.ndarray) else x for n, x in arguments}
    a = torch.from_numpy(rng.integers(-2, 3, (3, K)).astype(np.float16))
    given["b_scale"] = torch.ones_like(given["b_scale"])  # sums of integers are exact
    c = ops.int4_gemm_w4a16(a, **given)
    want = a.double().numpy() @ expected(codes, zeros, np.ones_like(scales), groups)
    np.testing.assert_array_equal(c.double().numpy(), want.astype(np.float16))


def test_what_cannot_be_repacked_is_refused(rng: np.random.Generator) -> None:
    codes, _, scales = drawn(rng)
    qweight, zeros = rows_of_words(codes.T).T, rows_of_words(np.full(scales.shape, 15))
    with pytest.raises(Unsupported, match="zero point 16"):
        from_gptq(qweight, zeros, scales)
    uneven = np.zeros(K, np.int32)
    with pytest.raises(Unsupported, match="different sizes"):
        from_gptq(qweight, zeros, scales, uneven + (np.arange(K) > 3) * 3, checkpoint_format="gptq_v2")
    with pytest.raises(WrongShape, match="groups 0 to 3"):
        from_gptq(qweight, zeros, scales, uneven + 4, checkpoint_format="gptq_v2")
    with pytest.raises(WrongShape, match=r"'scales'.*expected \[any, 24\]"):
        from_gptq(qweight, zeros, scales[:, :8])
    with pytest.raises(WrongFormat, match="int64"):
        from_awq(qweight.astype(np.int64), zeros, scales)
    with pytest.raises(NotAChoice, match="checkpoint_format"):
        from_gptq(qweight, zeros, scales, checkpoint_format="awq")
    with pytest.raises(WrongShape, match="divisible by 8"):
        from_compressed_tensors(rows_of_words(codes.T), scales.T, np.array([N, K - 4]))
