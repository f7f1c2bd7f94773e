"""Planted faults: outputs as a broken kernel would leave them; every comparison must report each of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.judge.guard import poison
from parity.judge.ulp import AnyArray
from tests.meta.problems import Problem

BLOCK = 32
ROWS = 8
Fault = Callable[[Problem], AnyArray]


def zero_block(problem: Problem) -> AnyArray:
    """One 32-wide block of one row was never accumulated."""
    out = problem.honest
    out[-1, :BLOCK] = 0
    return out


def stale_row(problem: Problem) -> AnyArray:
    """One row is left over from an earlier call."""
    out = problem.honest
    out[1] = problem.round(problem.stale @ problem.b)[1]
    return out


def repeated_row(problem: Problem) -> AnyArray:
    """One row is a copy of its neighbour."""
    out = problem.honest
    out[2] = out[3]
    return out


def lost_last_column(problem: Problem) -> AnyArray:
    """The mask of the last column is one too short."""
    out = problem.honest
    out[:, -1] = 0
    return out


def unwritten_tail(problem: Problem) -> AnyArray:
    """The last, partial tile was not launched, so the poison is still there."""
    out = problem.honest
    tail = out.shape[1] % BLOCK or BLOCK
    poison(out[:, -tail:], problem.element)
    return out


def lost_k_tail(problem: Problem) -> AnyArray:
    """The loop over K stops one element early."""
    return problem.round(problem.a[:, :-1] @ problem.b[:-1])


def doubled_scale(problem: Problem) -> AnyArray:
    """One 8x32 block was multiplied by the next power of two."""
    out = problem.honest
    out[:ROWS, :BLOCK] *= out.dtype.type(2)
    return out


def five_percent(problem: Problem) -> AnyArray:
    """Everything is 5% too large."""
    return problem.round(problem.product * 1.05)


def one_nan(problem: Problem) -> AnyArray:
    """One element is NaN."""
    out = problem.honest
    out[3, 5] = np.nan
    return out


def all_nan(problem: Problem) -> AnyArray:
    """Every element is NaN."""
    return np.full_like(problem.honest, np.nan)


def one_infinity(problem: Problem) -> AnyArray:
    """One element overflowed."""
    out = problem.honest
    out[0, 0] = np.copysign(np.inf, problem.product[0, 0])
    return out


def all_zero(problem: Problem) -> AnyArray:
    """The kernel wrote zeros only."""
    return np.zeros_like(problem.honest)


def swapped_nibbles(problem: Problem) -> AnyArray:
    """The two codes of every byte of B, packed along K, were unpacked in the wrong order."""
    b = problem.b.copy()
    even = b.shape[0] // 2 * 2
    b[0:even:2], b[1:even:2] = problem.b[1:even:2], problem.b[0:even:2]
    return problem.round(problem.a @ b)


def off_by_one_row(problem: Problem) -> AnyArray:
    """Every row stands one too low."""
    return np.roll(problem.honest, 1, axis=0)


def off_by_one_column(problem: Problem) -> AnyArray:
    """Every column stands one too far to the right."""
    return np.roll(problem.honest, 1, axis=1)


def one_wrong_sign(problem: Problem) -> AnyArray:
    """The element of largest magnitude has the wrong sign."""
    out = problem.honest
    at = np.unravel_index(np.abs(problem.product).argmax(), out.shape)
    out[at] = -out[at]
    return out


def lost_row(problem: Problem) -> AnyArray:
    """The last row is missing altogether."""
    return problem.honest[:-1]


def other_dtype(problem: Problem) -> AnyArray:
    """The numbers are right and come in another dtype."""
    return problem.honest.astype(np.float64)


FAULTS: tuple[Fault, ...] = (
    zero_block,
    stale_row,
    repeated_row,
    lost_last_column,
    unwritten_tail,
    lost_k_tail,
    doubled_scale,
    five_percent,
    one_nan,
    all_nan,
    one_infinity,
    all_zero,
    swapped_nibbles,
    off_by_one_row,
    off_by_one_column,
    one_wrong_sign,
    lost_row,
    other_dtype,
)
