"""The float64 mathematics of mHC, from its definition, with the sums of absolute values that bounds need.

Errors of the gates' logits are carried through the functions after them to first order: the sigmoid amplifies them by
at most 1/4, the Sinkhorn iterations by the derivative of every result with respect to every logit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Literal, cdiv, emin
from specs.lang.declare.op import Reference
from specs.lang.formats.elements import BF16, F32
from specs.mhc.arrays import CHUNK, COMB, PARTS, PARTS_ERROR, POST, PRE, SPLITS, STREAMS, H

NDArray = np.ndarray[Any, Any]

TERMS = (STREAMS * PARTS + STREAMS // 2) * emin(H, Literal(CHUNK)) + 2 * cdiv(H, CHUNK)
"""A chunk has all streams times the parts of fn, and its sum is one of several; errors of the squares count half."""
EXTRA = 32 + round(PARTS_ERROR / F32.unit_roundoff)
ACCURACY = Accuracy(exact_for_exact_sums=False, terms=TERMS, extra=EXTRA)
_ROUNDINGS = 16
"""Errors of the Sinkhorn iterations themselves, relative to comb, in units of the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """Values and magnitudes of the results, rows first: pre, post [T, 4], comb [T, 4, 4]."""

    pre: Reference
    post: Reference
    comb: Reference


def logits(inputs: Mapping[str, Any], residual: NDArray, slack: NDArray | None, scales: NDArray) -> Reference:
    """mix * scale + base [T, columns]; slack: possible errors of the residual's elements, in units of the contract."""
    x, fn = residual.reshape(len(residual), STREAMS * residual.shape[2]), inputs["fn"]
    inverse = 1.0 / np.sqrt((x * x).mean(1, keepdims=True) + np.float32(inputs["rms_eps"]))
    total, base = np.abs(x) @ np.abs(fn).T, inputs["base"]
    if slack is not None:
        # Twice: once through the products, once (half of it) through the squares.
        moved = slack.reshape(x.shape)
        total = total + 2 * moved @ np.abs(fn).T
        total = total + (np.abs(x) * moved).sum(1, keepdims=True) * inverse**2 / x.shape[1] * total
    value = (x @ fn.T) * inverse * scales + base
    magnitude = total * inverse * np.abs(scales) + np.abs(base)
    # Gates of infinite logits are finite, and do not move with them.
    return Reference(value=value, magnitude=np.where(np.isfinite(value), magnitude, 0.0))


def sigmoid(x: Reference, factor: float = 1.0, addend: float = 0.0) -> Reference:
    """factor * sigmoid(x) + addend."""
    assert x.magnitude is not None
    with np.errstate(over="ignore"):
        value = factor / (1.0 + np.exp(-x.value)) + addend
    return Reference(value=value, magnitude=abs(factor) * x.magnitude / 4 + np.abs(value) + abs(addend))


def sinkhorn(x: Reference, eps: float, repeat: int) -> Reference:
    """The mixing matrices [T, 4, 4] of logits, and how errors of the logits reach them."""
    assert x.magnitude is not None
    n, tail = len(x.value), (STREAMS, STREAMS)
    value, magnitude = x.value.reshape(n, *tail), x.magnitude.reshape(n, *tail)
    comb = np.exp(value - value.max(-1, keepdims=True))
    # Derivatives of every element with respect to each of the 16 logits.
    slope = comb[..., None] * np.eye(STREAMS * STREAMS).reshape(*tail, STREAMS * STREAMS)

    def scaled(comb: NDArray, slope: NDArray, axis: int, addend: float) -> tuple[NDArray, NDArray]:
        total, change = comb.sum(axis, keepdims=True) + addend, slope.sum(axis, keepdims=True)
        return comb / total, slope / total[..., None] - (comb / total**2)[..., None] * change

    comb, slope = scaled(comb, slope, 2, 0.0)
    comb, slope = scaled(comb + eps, slope, 1, eps)
    for _ in range(repeat - 1):
        comb, slope = scaled(*scaled(comb, slope, 2, eps), 1, eps)
    reached = np.einsum("tijk,tk->tij", np.abs(slope), magnitude.reshape(n, STREAMS * STREAMS))
    return Reference(value=comb, magnitude=reached + _ROUNDINGS * comb)


def gated(inputs: Mapping[str, Any], residual: NDArray, slack: NDArray | None = None) -> Gated:
    """The three gates of rows [T, 4, h]."""
    counts = (STREAMS, STREAMS, STREAMS * STREAMS)
    x = logits(inputs, residual, slack, np.repeat(inputs["scale"], counts))
    assert x.magnitude is not None
    pre, post, comb = (
        Reference(value=x.value[:, first:last], magnitude=x.magnitude[:, first:last])
        for first, last in ((PRE, POST), (POST, COMB), (COMB, None))
    )
    return Gated(
        pre=sigmoid(pre, addend=float(np.float32(inputs["pre_eps"]))),
        post=sigmoid(post, factor=float(np.float32(inputs["post_mult"]))),
        comb=sinkhorn(comb, float(np.float32(inputs["sinkhorn_eps"])), int(inputs["repeat"])),
    )


def weighted(gates: Reference, residual: NDArray, slack: NDArray | None = None) -> Reference:
    """sum_i gates[t, i] residual[t, i, h]."""
    assert gates.magnitude is not None
    magnitude = np.einsum("ti,tih->th", gates.magnitude, np.abs(residual))
    if slack is not None:
        magnitude = magnitude + np.einsum("ti,tih->th", np.abs(gates.value), slack)
    return Reference(value=np.einsum("ti,tih->th", gates.value, residual), magnitude=magnitude)


def normalised(x: Reference, weight: NDArray, eps: float) -> Reference:
    """RMS norm of rows, times weight."""
    assert x.magnitude is not None
    width = x.value.shape[1]
    mean = (x.value**2).mean(1, keepdims=True) + eps
    y = x.value / np.sqrt(mean)
    # The mean square moves with all of the row; its own sum has `width` terms more.
    moved = (np.abs(x.value) * x.magnitude).mean(1, keepdims=True) / mean + 1 + width / (16 * CHUNK)
    magnitude = (x.magnitude / np.sqrt(mean) + np.abs(y) * moved) * np.abs(weight)
    return Reference(value=y * weight, magnitude=magnitude)


def rounded(x: Reference, accuracy: Accuracy, sizes: Mapping[str, int]) -> tuple[NDArray, NDArray]:
    """bfloat16 values of x, and how far bfloat16 values of a computed x may lie from them, in units of `ACCURACY`.

    accuracy: of x, computed in float32. Only values next to a tie may be rounded the other way.
    """
    assert x.magnitude is not None
    error = (accuracy.count(sizes) + accuracy.extra) * F32.unit_roundoff * x.magnitude
    value, low, high = (BF16.decode(BF16.encode(part)) for part in (x.value, x.value - error, x.value + error))
    unit = (ACCURACY.count(sizes) + EXTRA) * F32.unit_roundoff
    return value, (high - low) / unit


def shaped(references: Mapping[str, Reference], lead: tuple[int, ...]) -> dict[str, Reference]:
    """References with leading dimensions in place of the rows."""

    def split(x: NDArray | None) -> NDArray | None:
        return None if x is None else x.reshape(*lead, *x.shape[1:])

    return {
        name: Reference(value=x.value.reshape(*lead, *x.value.shape[1:]), magnitude=split(x.magnitude))
        for name, x in references.items()
    }


def sizes_of(residual: NDArray) -> dict[str, int]:
    """Sizes that terms are counted in."""
    width = residual.shape[-1]
    return {"H": width, "SPLITS": SPLITS.value.evaluate({"H": width}) if SPLITS.value is not None else 0}
