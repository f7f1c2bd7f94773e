"""What is stored of a rotated key is the exact result, rounded once, on every implementation."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import jax_impl.launch
import torch_impl.launch
from specs.cache.qnorm import rope_rounded
from tests.cache.exact_sums import KINDS, angles, anything, combined
from tests.cache.rotation import ROTATE

NDArray = np.ndarray[Any, Any]
BACKENDS = ("torch:eager", "torch:interpret", "jax:xla", "jax:interpret")
COUNT = 1000


def rotated(even: NDArray, odd: NDArray, cosine: NDArray, sine: NDArray, backend: str) -> tuple[NDArray, NDArray]:
    """The pairs on one implementation."""
    framework, _, implementation = backend.partition(":")
    arrays = (even, odd, cosine, sine)
    if framework == "torch":
        tensors = tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
        found = [r.numpy() for r in torch_impl.launch.run(ROTATE, tensors, (), implementation)]
    else:
        given = tuple(jax.numpy.asarray(array) for array in arrays)
        found = [np.asarray(r) for r in jax_impl.launch.run(ROTATE, given, (), implementation)]
    return found[0], found[1]


def same_bits(found: NDArray, expected: NDArray) -> None:
    """Signs of zeros included."""
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_both_elements_are_rounded_once(kind: Any, backend: str) -> None:
    a, x, b, y = kind(np.random.default_rng(COUNT), COUNT)
    # a x + b y as an even element needs the sine's sign turned, as an odd one nothing.
    even, _ = rotated(a, b, x, -y, backend)
    same_bits(even, combined(a, x, b, y))
    _, odd = rotated(a, b, y, x, backend)
    same_bits(odd, combined(a, x, b, y))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_oracle_rounds_once(kind: Any) -> None:
    a, x, b, y = (operand.astype(np.float64) for operand in kind(np.random.default_rng(COUNT), COUNT))
    found = rope_rounded(np.stack([a, b], axis=1), np.stack([x, -y], axis=1))
    same_bits(found[:, 0].astype(np.float32), combined(a, x, b, y))


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in (angles, anything)], ids=lambda kind: kind.__name__)
def test_float32_arithmetic_does_not_do(kind: Any) -> None:
    """The hard cases are hard: rounding after each operation gets a good part of them wrong."""
    a, x, b, y = kind(np.random.default_rng(COUNT), COUNT)
    wrong = plain(a, x, b, y) != combined(a, x, b, y)
    assert wrong.sum() > COUNT / 8


def plain(a: NDArray, x: NDArray, b: NDArray, y: NDArray) -> NDArray:
    """Every operation rounded to float32, then to bfloat16."""
    total = a * x + b * y
    bits = total.view(np.uint32)
    upper = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return upper.astype(np.uint32).view(np.float32)


words = st.tuples(st.integers(128, 255), st.integers(-12, 12), st.booleans())
factors = st.tuples(st.integers(1 << 23, (1 << 24) - 1), st.integers(-24, 8), st.booleans())


def number(parts: tuple[int, int, bool]) -> np.float32:
    """A float32 from significand, exponent and sign."""
    return np.ldexp(np.float32(-parts[0] if parts[2] else parts[0]), parts[1])


@given(st.lists(st.tuples(words, factors, words, factors), min_size=1, max_size=40))
def test_any_pair(drawn: list[tuple[Any, Any, Any, Any]]) -> None:
    a, x, b, y = (np.array([number(row[i]) for row in drawn], np.float32) for i in range(4))
    even, odd = rotated(a, b, x, y, "torch:eager")
    same_bits(even, combined(a, x, b, -y))
    same_bits(odd, combined(a, y, b, x))


def test_zeros_are_positive() -> None:
    zero, one = np.zeros(4, np.float32), np.ones(4, np.float32)
    signs = np.array([1, -1, 1, -1], np.float32)
    for a, b, x, y in ((zero * signs, -zero, one, -one), (one, one, one, one), (one, -one, -zero, zero)):
        even, odd = rotated(a, b, x, y, "torch:eager")
        for found, exact in ((even, combined(a, x, b, -y)), (odd, combined(a, y, b, x))):
            same_bits(found, exact)
