"""Test data of sparse attention: index lists with holes, NaN in unindexed rows, and exact sums.

Exact data has softmax weights that are powers of two with a sum that is one: as many keys (and a sink of zero) as a
binary tree has leaves score 1 at the upper of two neighbouring depths, and 0 at the lower one. With a scale of ln 2 the
exponentials are 1 and 1/2, and every sum, quotient and value product is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.declare.op import Sample
from specs.lang.formats.elements import BF16, ElementFormat

NDArray = np.ndarray[Any, Any]

SCALE = float(np.log(2.0))
"""Scale of the cases: scores in units of a factor of two."""
MARKED = 8
"""Columns that queries of exact data look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Index lists int64 [T, width] and lengths [T]; `live` says which entries count (inside the length, and a row)."""

    index: NDArray
    length: NDArray
    live: NDArray


def lists(sample: Sample, free: NDArray, tokens: int, width: int, total: int) -> Lists:
    """Lists of rows of `free` (each row once), with holes, rows that do not exist, and garbage past the length."""
    rng = sample.rng
    length = rng.integers(0, width + 1, tokens)
    if tokens:
        length[0] = width
    if tokens > 2:
        length[2], length[1] = 0, width + 3  # lengths beyond the width are clamped
        length[3:4] = -2  # and those below 0
    index = rng.integers(-(2**31), 2**31 - 1, (tokens, width))
    inside = np.arange(width) < length[:, None]
    drawn = rng.random((tokens, width))
    live = inside & (drawn >= 1 / 8)
    live &= np.cumsum(live).reshape(live.shape) <= len(free)  # entries past the available rows are holes
    index = np.where(inside, np.where(drawn < 1 / 16, -1 - (index & 7), total + (index & 1023)), index)
    index[live] = free[: int(live.sum())]
    return Lists(index=index, length=length, live=live)


def marked(width: int) -> NDArray:
    """Columns that queries of exact data look at, spread over the row."""
    return np.linspace(1, width - 2, MARKED).astype(int)


def exact_queries(tokens: int, heads: int, width: int) -> NDArray:
    """Queries [T, H, D] that read one marked column each."""
    q = np.zeros((tokens, heads, width))
    q[:, np.arange(heads), marked(width)[np.arange(heads) % MARKED]] = 1.0
    return q


def peak_of(form: ElementFormat) -> float:
    """4 .. 8, from which a power of two leads to the largest value of the format: scales made from it are exact."""
    return float(4.0 * form.max_finite / 2.0 ** np.floor(np.log2(form.max_finite)))


def exact_rows(sample: Sample, count: int, width: int, peak: float) -> NDArray:
    """Rows of values that every format holds exactly next to a `peak` in every 16 columns."""
    size = (count, width)
    x = sample.rng.choice(np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]), size)
    x = x * sample.rng.choice(np.array([-1.0, 1.0]), size)
    x[:, 0::16] = peak
    return np.asarray(x)


def exact_scores(sample: Sample, count: int, sink: bool) -> NDArray:
    """Scores [count, MARKED], 0 or 1, whose exponentials of two (with a sink's 1) sum to a power of two."""
    leaves = count + sink
    depth = leaves.bit_length() - 1 if leaves else 0
    upper = (2 << depth) - leaves if leaves else 0
    scores = np.zeros((count, MARKED))
    if leaves != 1 << depth:
        for column in range(MARKED):
            scores[sample.rng.permutation(count)[:upper], column] = 1.0
    return scores


def sinks(sample: Sample, heads: int) -> NDArray:
    """Scores without a value: zero in exact data, else ordinary ones and both infinities."""
    if sample.kind == "exact":
        return np.zeros(heads)
    drawn = sample.rng.standard_normal(heads) * 4
    drawn[1::5], drawn[2::7] = -np.inf, np.inf
    return drawn


def queries(sample: Sample, tokens: int, heads: int, width: int) -> NDArray:
    """Queries [T, H, D] whose scores are of order one, some heads far larger."""
    if sample.kind == "exact":
        return exact_queries(tokens, heads, width)
    x = sample.rng.standard_normal((tokens, heads, width)) / (SCALE * np.sqrt(width))
    return BF16.decode(BF16.encode(x * np.where(np.arange(heads) % 5 == 3, 30.0, 1.0)[:, None]))


def rows(sample: Sample, count: int, width: int, groups: NDArray, sink: bool, peak: float = 1.0) -> NDArray:
    """Rows [count, width]; groups: token that indexes each row, -1 for none. peak: see `peak_of`."""
    if sample.kind != "exact":
        return BF16.decode(BF16.encode(sample.rng.standard_normal((count, width))))
    x = exact_rows(sample, count, width, peak)
    for token in np.unique(groups[groups >= 0]):
        own = np.flatnonzero(groups == token)
        x[np.ix_(own, marked(width))] = exact_scores(sample, len(own), sink)
    return x
