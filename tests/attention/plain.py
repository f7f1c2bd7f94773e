"""Softmax attention written down once more: python floats, one head and one key at a time, sums without rounding."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, inf, log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NDArray = npt.NDArray[np.float64]


class Answer(NamedTuple):
    """One head: out [value_width], largest score, logarithm of the sum of exponentials."""

    out: list[float]
    peak: float
    lse: float


def softmax(scores: Sequence[float], values: NDArray, sink: float = -inf) -> Answer:
    """Means of `values` [n, value_width] with weights by their scores, and the sink's among them."""
    if not scores:
        return Answer([0.0] * values.shape[1], -inf, -inf)
    peak = max(scores)
    weights = [exp(score - peak) for score in scores]
    total = fsum(weights)
    lse = peak + log(total)
    if sink == inf:
        return Answer([0.0] * values.shape[1], peak, lse)
    # With the sink's weight in the denominator, shifted so that neither exponential overflows.
    top = max(peak, sink)
    whole = fsum(exp(score - top) for score in scores) + (exp(sink - top) if sink > -inf else 0.0)
    shares = [exp(score - top) / whole for score in scores]
    columns = values.T.tolist()
    return Answer([fsum(s * v for s, v in zip(shares, column, strict=True)) for column in columns], peak, lse)


def scores_of(q: NDArray, keys: NDArray, scale: float) -> list[float]:
    """Scores of one head's query [D] with keys [n, D]."""
    return [scale * fsum((q * key).tolist()) for key in keys]
