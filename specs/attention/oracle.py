"""Softmax attention in float64, and how far rounding may move it.

    s_j = scale <q, k_j>,  p_j = exp(s_j - max s) / Z,  Z = sum_j exp(s_j - max s) + exp(sink - max s)
    out = sum_j p_j v_j,  lse = max s + ln(Z without the sink)

Error of one output element, to first order, in units of float32 roundoff u = 2**-24. With a_j = scale <|q|, |k_j|>,
a score is off by at most (D + 4) a_j u, its exponential by as much relatively, plus what the format of the weights
rounds (2**16 u for bfloat16) and a few u for exp2, the sums and their rescaling; Z is off by the weighted mean
of the same. `magnitude` is the sum of all this over the terms p_j |v_j|; the bound is magnitude u plus rounding.
Where float32's normal numbers end, hardware may go on with zeros: an exponential, its rescaling, the normaliser and the
result may each be off by the smallest normal number, times |v_j|; a weight also by half the least of its format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.formats.elements import BF16, ElementFormat

NDArray = np.ndarray[Any, Any]

_UNITS = 2.0**24
_NEXT_TO = 2.0**-40
_STEPS = 64.0  # exp2, rescaling per tile, sums of a tile's terms as trees: roundings on the way of one term
_UNDERFLOW = 4 * 2.0**-102  # four times 2**-126, in units of 2**-24


@dataclass(frozen=True, slots=True)
class Row:
    """Attention of R rows (heads, or tokens): out [R, DV], peak and lse [R]; magnitudes in units of u."""

    out: NDArray
    peak: NDArray
    lse: NDArray
    out_magnitude: NDArray
    score_magnitude: NDArray
    lse_magnitude: NDArray


def attention(
    q: NDArray, keys: NDArray, scale: float, value_width: int, sink: NDArray | None, weights: ElementFormat = BF16
) -> Row:
    """q [H, D]; keys [n, D], only those that count; sink [H] or None. All float64. weights: as in `softmax`."""
    return softmax(*scores(q, keys, scale), keys[:, :value_width], sink, weights)


def scores(q: NDArray, keys: NDArray, scale: float) -> tuple[NDArray, NDArray]:
    """Scores of queries [R, D] and keys [n, D], and their errors in units of u."""
    return scale * (q @ keys.T), (q.shape[1] + 4) * abs(scale) * (np.abs(q) @ np.abs(keys).T)


def softmax(
    score: NDArray, error: NDArray, values: NDArray, sink: NDArray | None, weights: ElementFormat = BF16
) -> Row:
    """The mean of values [n, DV] by scores [R, n], -inf for keys that do not count; sink [R] or None. All float64.

    Args:
        error: of the scores, in units of u.
        weights: format that weights are rounded to.
    """
    count = len(score)
    if not score.shape[1]:
        nothing, minus = np.zeros((count, values.shape[1])), np.full(count, -np.inf)
        return Row(nothing, minus, minus, nothing, np.zeros(count), np.zeros(count))
    peak = score.max(1)
    some = peak != -np.inf
    base = np.where(some, peak, 0.0)
    with np.errstate(invalid="ignore"):  # of infinite scores, which give NaN
        weight = _exponential(score - base[:, None])
    total = weight.sum(1)
    with np.errstate(over="ignore", invalid="ignore"):
        drained = np.zeros(count) if sink is None else np.exp(sink - base)
        whole = np.where(some, total + drained, 1.0)
        share = weight / whole[:, None]
        rest = np.where(np.isfinite(drained), drained / whole, 0.0)
    counted = np.isfinite(score)
    steps = _STEPS + counted.sum(1)
    error = np.where(counted, error, 0.0)
    mean_error = (weight / np.where(some, total, 1.0)[:, None] * error).sum(1)
    sink_error = (
        np.zeros(count) if sink is None else rest * 4 * (np.where(np.isfinite(sink), np.abs(sink), 0.0) + np.abs(base))
    )
    rounding = weights.unit_roundoff * _UNITS
    spread = share * (error + (mean_error + sink_error + 2 * steps)[:, None] + rounding)
    underflow = counted * (_UNDERFLOW + (weights.min_subnormal * _UNITS / 2) / whole)[:, None]
    with np.errstate(divide="ignore"):
        logarithm = base + np.log(total)
    return Row(
        out=weight @ values / whole[:, None],  # not the sum of quotients: exact sums stay exact
        peak=peak,
        lse=logarithm,
        out_magnitude=(spread + underflow) @ np.abs(values),
        score_magnitude=error.max(1) + 4 * np.abs(base),
        lse_magnitude=error.max(1) + mean_error + 4 * np.abs(base) + steps,
    )


def _exponential(x: NDArray) -> NDArray:
    """e**x; next to a multiple of ln 2, a power of two, which a product with a rounded ln 2 would miss by a bit."""
    power = x / np.log(2.0)
    whole = np.rint(power)
    with np.errstate(invalid="ignore"):  # of infinities
        beside = np.abs(power - whole) < _NEXT_TO
    return np.asarray(np.exp2(np.where(beside, whole, power)))
