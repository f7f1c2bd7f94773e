"""Softmax attention in float64, and how far rounding may move it.

    s_j = scale <q, k_j>,  p_j = exp(s_j - max s) / Z,  Z = sum_j exp(s_j - max s) + exp(sink - max s)
    out = sum_j p_j v_j,  lse = max s + ln(Z without the sink)

Error of one output element, to first order, in units of float32 roundoff u = 2**-24. With a_j = scale <|q|, |k_j|>,
a score is off by at most (D + 4) a_j u, its exponential by as much relatively, plus 2**16 u for rounding the weight
to bfloat16 (half a unit in 8 bits) and a few u for exp2, the sums and their rescaling; Z is off by the weighted mean
of the same. `magnitude` is the sum of all this over the terms p_j |v_j|; the bound is magnitude u plus rounding.
Where float32's normal numbers end, hardware may go on with zeros: an exponential, its rescaling, the normaliser and the
result may each be off by the smallest normal number, times |v_j|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_BF16_WEIGHTS = 2.0**16  # 2**-8 relative, in units of 2**-24
_STEPS = 64.0  # exp2, rescaling per tile, sums of a tile's terms as trees: roundings on the way of one term
_UNDERFLOW = 4 * 2.0**-102  # four times 2**-126, in units of 2**-24


@dataclass(frozen=True, slots=True)
class Row:
    """Attention of all heads of one token: out [H, DV], peak and lse [H]; magnitudes in units of float32 roundoff."""

    out: Array
    peak: Array
    lse: Array
    out_magnitude: Array
    score_magnitude: Array
    lse_magnitude: Array


def attention(q: Array, keys: Array, scale: float, value_width: int, sink: Array | None) -> Row:
    """q [H, D]; keys [n, D], only those that count; sink [H] or None. All float64."""
    heads, width = q.shape
    if not len(keys):
        nothing, minus = np.zeros((heads, value_width)), np.full(heads, -np.inf)
        return Row(nothing, minus, minus, nothing, np.zeros(heads), np.zeros(heads))
    score = scale * (q @ keys.T)
    error = (width + 4) * abs(scale) * (np.abs(q) @ np.abs(keys).T)
    peak = score.max(1)
    weight = np.exp(score - peak[:, None])
    total = weight.sum(1)
    with np.errstate(over="ignore", invalid="ignore"):
        drained = np.zeros(heads) if sink is None else np.exp(sink - peak)
        share = weight / (total + drained)[:, None]
        rest = np.where(np.isfinite(drained), drained / (total + drained), 0.0)
    steps = _STEPS + len(keys)
    values = keys[:, :value_width]
    mean_error = (weight / total[:, None] * error).sum(1)
    sink_error = (
        np.zeros(heads) if sink is None else rest * 4 * (np.where(np.isfinite(sink), np.abs(sink), 0.0) + np.abs(peak))
    )
    spread = share * (error + (mean_error + sink_error)[:, None] + 2 * steps + _BF16_WEIGHTS)
    return Row(
        out=share @ values,
        peak=peak,
        lse=peak + np.log(total),
        out_magnitude=spread @ np.abs(values) + _UNDERFLOW * np.abs(values).sum(0),
        score_magnitude=error.max(1) + 4 * np.abs(peak),
        lse_magnitude=error.max(1) + mean_error + 4 * np.abs(peak) + steps,
    )
