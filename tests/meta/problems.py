"""Honest matrix products: what an implementation without a fault may return, and the bound it must keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from parity.judge.compare import Bounded, Comparison, Exact
from parity.judge.ulp import AnyArray, Float64
from specs.lang.declare.accuracy import FLOAT32, TENSOR_FP8, Accumulator, Accuracy
from specs.lang.formats.elements import BF16, F16, F32, ElementFormat

FORMATS = (BF16, F16, F32)
"""Of the output."""


SHAPES = ((8, 32, 16), (33, 129, 70), (67, 96, 512))
"""(M, N, K): the smallest that holds every fault, tails on all sides, and one with a long sum."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """C[M, N] = A[M, K] B[K, N], operands exact in float32; `stale` is the A of an earlier call."""

    a: Float64
    b: Float64
    stale: Float64
    element: ElementFormat

    def round(self, product: Float64) -> AnyArray:
        """To the output format; once for float32, over float32 for the narrower ones as kernels do."""
        return product.astype(np.float32).astype(self.dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        """numpy type of the output."""
        assert self.element.numpy_dtype is not None
        return self.element.numpy_dtype

    @property
    def product(self) -> Float64:
        """A B in float64."""
        return np.asarray(self.a @ self.b)

    def bound(self, accumulator: Accumulator = FLOAT32) -> Float64:
        """Of the contract that specifications use, for a sum of K terms in any order."""
        magnitude = np.abs(self.a) @ np.abs(self.b)
        return Accuracy().bound(self.product, magnitude, self.a.shape[1], self.element, accumulator)

    @property
    def honest(self) -> AnyArray:
        """The float64 product, rounded."""
        return self.round(self.product)


def gaussian(shape: tuple[int, int, int], element: ElementFormat, scale: float = 1.0) -> Problem:
    """Normal data, rounded to bfloat16; `scale` multiplies both operands."""
    rng = np.random.default_rng([*shape, element.bits])

    def draw(rows: int, columns: int) -> Float64:
        data = rng.standard_normal((rows, columns)) * scale
        return data.astype(np.float32).astype(ml_dtypes.bfloat16).astype(np.float64)

    m, n, k = shape
    return Problem(a=draw(m, k), b=draw(k, n), stale=draw(m, k), element=element)


def grid(shape: tuple[int, int, int], element: ElementFormat) -> Problem:
    """Small integers: every partial sum is exact in float32, so the order of summation changes no bit."""
    rng = np.random.default_rng([*shape, element.bits])

    def draw(rows: int, columns: int) -> Float64:
        return np.asarray(rng.integers(1, 7, (rows, columns)) * rng.choice([-1.0, 1.0], (rows, columns)))

    m, n, k = shape
    return Problem(a=draw(m, k), b=draw(k, n), stale=draw(m, k), element=element)


def tiny(shape: tuple[int, int, int], element: ElementFormat) -> Problem:
    """Normal data so small that a fixed absolute allowance would swallow the whole result."""
    return gaussian(shape, element, scale=2.0**-6)


DATA: dict[str, Callable[[tuple[int, int, int], ElementFormat], Problem]] = {
    "gaussian": gaussian,
    "grid": grid,
    "tiny": tiny,
}


def bounded(problem: Problem, accumulator: Accumulator = FLOAT32) -> Bounded:
    """The componentwise rule for this problem."""
    bound = problem.bound(accumulator)
    return Bounded(reference=problem.product, bound=bound, dtype=problem.dtype, element=problem.element)


def widest_bound(problem: Problem) -> Bounded:
    """The componentwise rule with the least accurate accumulator there is."""
    return bounded(problem, TENSOR_FP8)


def exact(problem: Problem) -> Exact:
    """Byte equality with the honest output."""
    return Exact(expected=problem.honest, element=problem.element)


def exact_any_nan(problem: Problem) -> Exact:
    """Byte equality, except for the payload of a NaN."""
    return Exact(expected=problem.honest, element=problem.element, nan_payload_free=True)


COMPARISONS: dict[str, Callable[[Problem], Comparison]] = {
    "bounded": bounded,
    "widest bound": widest_bound,
    "exact": exact,
    "exact but for NaN payloads": exact_any_nan,
}
