"""Compares an output with its reference: byte for byte, or within a componentwise bound.

There are two rules and no third. `Exact` asks for the same bytes. `Bounded` asks for |actual - reference| <=
bound in every single element, with a bound that is an array computed from the specification and the inputs; `Scaled`
asks the same of codes times the scales that came with them.
Nothing here takes a tolerance, an average, a cosine or a permitted share of mismatches, because none of these
sees a lost tail or one wrong scale (tests/meta plants such faults).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from parity.judge.error_map import error_map
from parity.judge.guard import bit_view, is_poison
from parity.judge.ulp import AnyArray, Float64, ulp_distance, values
from parity.judge.verdict import WORST_KEPT, Histogram, Verdict, Worst
from specs.lang.errors import OutOfRange, WrongFormat, WrongShape
from specs.lang.formats.elements import UINT8, ElementFormat
from specs.lang.formats.packing import Packing

Mask = npt.NDArray[np.bool_]

SHARE_EDGES = (*(float(step) for step in np.arange(0, 21) / 20), float("inf"))
"""Twenty bins up to the bound and one beyond it."""

ULP_EDGES = (float("-inf"), *(float(power) for power in range(17)), float("inf"))
"""At most one ulp, then one bin per power of two, then everything further away."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exact:
    """Same shape, same dtype, same bytes.

    expected: what the output must be.
    element: element format of the output, for distances in ulp; under a floating-point format an integer
        array holds codes.
    nan_payload_free: accept any NaN where a NaN is expected (a poisoned one still counts as unwritten).
    """

    expected: AnyArray
    element: ElementFormat
    nan_payload_free: bool = False

    def kept(self, actual: AnyArray) -> Mask | None:
        """Which elements keep the rule, without distinction of the zeros' signs; None for another shape or dtype."""
        if _refuse("exact", actual, self.expected.shape, self.expected.dtype) is not None:
            return None
        got, want = values(actual, self.element), values(self.expected, self.element)
        return np.asarray((got == want) | (np.isnan(got) & np.isnan(want)), dtype=np.bool_)

    def compare(self, actual: AnyArray, excused: Mask | None = None) -> Verdict:
        """Judge `actual`; a wrong shape or dtype is a failed verdict, not an exception.

        excused: elements which are counted as flushed where they miss (see `parity.judge.flushing`).
        """
        refusal = _refuse("exact", actual, self.expected.shape, self.expected.dtype)
        if refusal is not None:
            return refusal
        got, want = values(actual, self.element), values(self.expected, self.element)
        same = np.asarray(bit_view(actual) == bit_view(self.expected), dtype=np.bool_)
        unwritten = is_poison(actual, self.element) & ~same
        if self.nan_payload_free:
            same = same | (np.isnan(got) & np.isnan(want) & ~unwritten)
        steps = ulp_distance(got, want, self.element)
        with np.errstate(divide="ignore"):
            # Equal numbers with different bytes (signed zeros, NaN payloads) land in the first bin.
            histogram = _histogram("log2 ulp", ULP_EDGES, np.log2(steps[~same]), int(same.sum()))
        return _judge(
            _Measured(
                comparison="exact",
                element=self.element,
                got=got,
                want=want,
                error=np.where(same, 0.0, _error(got, want)),
                bound=np.zeros(got.shape),
                share=np.where(same, 0.0, np.inf),
                steps=steps,
                bad=~same,
                unwritten=unwritten,
                histogram=histogram,
            ),
            excused,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounded:
    """|actual - reference| <= bound in every element; NaN only where the reference has it.

    Infinities only where the reference has them, or where some number within the bound of it rounds to that infinity
    in the output's format (and the other way round, where the reference is a rounded result itself).

    reference: float64 result of the oracle, not rounded to the output format.
    bound: float64, same shape: the largest error allowed, derived from the specification. Finite and not
        negative wherever the reference is finite, so that it cannot allow everything; not read elsewhere.
    dtype: dtype the output must have.
    element: element format of the output.

    Raises:
        ArgumentError: reference or bound break these rules.
    """

    reference: Float64
    bound: Float64
    dtype: np.dtype[Any]
    element: ElementFormat

    def __post_init__(self) -> None:
        for name, array in (("reference", self.reference), ("bound", self.bound)):
            if array.dtype != np.float64:
                raise WrongFormat(op="Bounded", argument=name, expected="float64", actual=array.dtype)
        if self.bound.shape != self.reference.shape:
            expected, actual = self.reference.shape, self.bound.shape
            raise WrongShape(op="Bounded", argument="bound", expected=expected, actual=actual)
        unusable = np.isfinite(self.reference) & ~((self.bound >= 0) & np.isfinite(self.bound))
        if unusable.any():
            first = tuple(int(i) for i in np.argwhere(unusable)[0])
            found = f"{self.bound[first]} at {list(first)}"
            raise OutOfRange(op="Bounded", argument="bound", expected="finite bounds >= 0", actual=found)

    def kept(self, actual: AnyArray) -> Mask | None:
        """Which elements keep the rule; None for another shape or dtype."""
        if _refuse("bounded", actual, self.reference.shape, self.dtype) is not None:
            return None
        error = self._error(values(actual, self.element), self.reference)
        return np.asarray(np.where(np.isfinite(self.bound), error <= self.bound, error == 0), dtype=np.bool_)

    def compare(self, actual: AnyArray, excused: Mask | None = None) -> Verdict:
        """Judge `actual`; a wrong shape or dtype is a failed verdict, not an exception.

        excused: elements which are counted as flushed where they miss (see `parity.judge.flushing`).
        """
        refusal = _refuse("bounded", actual, self.reference.shape, self.dtype)
        if refusal is not None:
            return refusal
        got, want = values(actual, self.element), self.reference
        error = self._error(got, want)
        poisoned = is_poison(actual, self.element)
        steps = ulp_distance(got, want, self.element)
        bad = np.where(np.isfinite(self.bound), error > self.bound, error > 0)
        if self.element.bits > 8:
            # A NaN that was asked for and left over from the poison differ in their payloads, except in one
            # byte.
            bad |= poisoned & np.isnan(want)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(error == 0, 0.0, error / self.bound)
        share = np.where(bad & ~(share > 1), np.inf, share)
        return _judge(
            _Measured(
                comparison="bounded",
                element=self.element,
                got=got,
                want=want,
                error=error,
                bound=self.bound,
                share=share,
                steps=np.where(np.isinf(error) | ~np.isinf(steps), steps, 0.0),
                bad=bad,
                unwritten=poisoned & bad,
                histogram=_histogram("share of bound", SHARE_EDGES, share[share > 0], int((share == 0).sum())),
            ),
            excused,
        )

    def _error(self, got: Float64, want: Float64) -> Float64:
        """|got - want|; where one is infinite, how much the other lacks to round to it: inf if more than the bound."""
        error, least = _error(got, want), self.element.least_infinite
        if least is None:
            return error
        finite = np.where(np.isfinite(got), got, want)
        with np.errstate(invalid="ignore"):
            one = np.isinf(got) ^ np.isinf(want)
            one &= np.isfinite(finite) & (np.sign(got) == np.sign(want))
            lack = np.maximum(least - np.abs(np.where(one, finite, 0.0)), 0.0)
            reached = one & np.isfinite(self.bound) & (lack <= self.bound)
        return np.where(reached, lack, error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaled:
    """|code * scale - reference| <= bound in every element; NaN where the reference has it, and only there.

    scale, reference, bound: float64, one per code: the scales that were returned, the oracle's values, and the largest
        errors allowed, finite wherever the reference is.
    dtype: dtype the codes must have.
    element: format of the codes. packing: how they share words; None for one code per entry.
    """

    scale: Float64
    reference: Float64
    bound: Float64
    dtype: np.dtype[Any]
    element: ElementFormat
    packing: Packing | None = None

    def kept(self, actual: AnyArray) -> Mask | None:
        """Which elements keep the rule; None for another shape or dtype."""
        if self._refuse(actual) is not None:
            return None
        with np.errstate(invalid="ignore"):  # zero times an infinite scale
            value = self._codes(actual) * self.scale
        return np.asarray(_error(value, self.reference) <= self.bound, dtype=np.bool_)

    def compare(self, actual: AnyArray, excused: Mask | None = None) -> Verdict:
        """Judge `actual`, an array of codes; a wrong shape or dtype is a failed verdict, not an exception.

        excused: elements which are counted as flushed where they miss (see `parity.judge.flushing`).
        """
        if (refusal := self._refuse(actual)) is not None:
            return refusal
        with np.errstate(invalid="ignore", divide="ignore"):
            codes, exact = self._codes(actual), self.reference / self.scale
            got = codes * self.scale
            error = _error(got, self.reference)
            share = np.where(error == 0, 0.0, error / self.bound)
        bad = error > self.bound
        share = np.where(bad & ~(share > 1), np.inf, share)
        return _judge(
            _Measured(
                comparison="bounded",
                element=self.element,
                got=got,
                want=self.reference,
                error=error,
                bound=self.bound,
                share=share,
                steps=ulp_distance(codes, exact, self.element),
                bad=bad,
                unwritten=self._each(is_poison(actual, self.element if self.packing is None else UINT8)) & bad,
                histogram=_histogram("share of bound", SHARE_EDGES, share[share > 0], int((share == 0).sum())),
            ),
            excused,
        )

    def _refuse(self, actual: AnyArray) -> Verdict | None:
        shape = self.reference.shape
        stored = shape if self.packing is None else self.packing.storage_shape(shape)
        return _refuse("bounded", actual, stored, self.dtype)

    def _codes(self, actual: AnyArray) -> Float64:
        return (
            values(actual, self.element) if self.packing is None else self.element.decode(self.packing.unpack(actual))
        )

    def _each(self, words: Mask) -> Mask:
        """Values per word, repeated for each of its codes."""
        return words if self.packing is None else np.repeat(words, self.packing.per_word, axis=self.packing.axis)


Comparison = Exact | Bounded | Scaled


def _error(got: Float64, want: Float64) -> Float64:
    """|got - want|, 0 for equal infinities and NaN pairs, inf for any other pair with a non-finite number."""
    finite = np.isfinite(got) & np.isfinite(want)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.where(finite, np.abs(got - want), np.where(same, 0.0, np.inf)), dtype=np.float64)


def _refuse(
    comparison: Literal["exact", "bounded"], actual: AnyArray, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Verdict | None:
    """A failed verdict when `actual` cannot be compared at all."""
    if actual.shape != shape:
        message = f"failed: shape {list(actual.shape)}, expected {list(shape)}"
    elif actual.dtype != dtype:
        message = f"failed: dtype {actual.dtype}, expected {dtype}"
    else:
        return None
    size, infinite = prod(shape), float("inf")
    return Verdict(
        status="failed",
        comparison=comparison,
        elements=size,
        mismatches=size,
        unwritten=0,
        max_error=infinite,
        max_ulp=infinite,
        bound_share=infinite,
        worst=(),
        histogram=None,
        message=message,
    )


def _histogram(
    quantity: Literal["share of bound", "log2 ulp"], edges: tuple[float, ...], data: Float64, identical: int
) -> Histogram:
    bins = np.clip(np.searchsorted(edges, data, side="left") - 1, 0, len(edges) - 2)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    return Histogram(quantity=quantity, edges=edges, counts=tuple(int(count) for count in counts), identical=identical)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Measured:
    """Per-element data of both rules; all arrays have the shape of the output."""

    comparison: Literal["exact", "bounded"]
    element: ElementFormat
    got: Float64
    want: Float64
    error: Float64
    bound: Float64
    share: Float64
    steps: Float64
    bad: Mask
    unwritten: Mask
    histogram: Histogram


def _worst_first(measured: _Measured) -> tuple[Worst, ...]:
    """Up to `WORST_KEPT` elements with an error: by share of the bound, then error, then position."""
    share, error = measured.share.ravel(), measured.error.ravel()
    candidates = np.flatnonzero((error > 0) | measured.bad.ravel())
    if candidates.size > WORST_KEPT:
        kept = share[candidates]
        candidates = candidates[kept >= np.partition(kept, -WORST_KEPT)[-WORST_KEPT]]
    order = np.lexsort((candidates, -error[candidates], -share[candidates]))
    found = []
    for flat in candidates[order[:WORST_KEPT]]:
        at = tuple(int(i) for i in np.unravel_index(flat, measured.share.shape))
        found.append(
            Worst(
                coordinate=at,
                actual=float(measured.got[at]),
                expected=float(measured.want[at]),
                error=float(measured.error[at]),
                bound=float(measured.bound[at]),
            )
        )
    return tuple(found)


def _judge(measured: _Measured, excused: Mask | None) -> Verdict:
    flushed = 0
    if excused is not None and (missed := measured.bad & excused).any():
        # Below: the other elements.
        flushed = int(missed.sum())
        measured = replace(
            measured,
            error=np.where(missed, 0.0, measured.error),
            share=np.where(missed, 0.0, measured.share),
            steps=np.where(missed, 0.0, measured.steps),
            bad=measured.bad & ~missed,
            unwritten=measured.unwritten & ~missed,
        )
    worst, mismatches = _worst_first(measured), int(measured.bad.sum())
    return Verdict(
        status="failed" if mismatches else "flushed" if flushed else "passed",
        flushed=flushed,
        comparison=measured.comparison,
        elements=measured.error.size,
        mismatches=mismatches,
        unwritten=int(measured.unwritten.sum()),
        max_error=float(measured.error.max(initial=0.0)),
        max_ulp=float(measured.steps.max(initial=0.0)),
        bound_share=float(measured.share.max(initial=0.0)),
        worst=worst,
        histogram=measured.histogram,
        message=_message(measured, mismatches, worst, flushed),
        error_map=error_map(measured.bad),
    )


def _message(measured: _Measured, mismatches: int, worst: tuple[Worst, ...], flushed: int) -> str:
    exact, what = measured.comparison == "exact", f"{measured.error.size} elements of {measured.element.name}"
    if flushed and not mismatches:
        return f"flushed: {flushed} of {what} outside, as the platform takes subnormal numbers for zero"
    if not mismatches:
        share = float(measured.share.max(initial=0.0))
        return f"passed: {what}, " + ("identical" if exact else f"largest error {share:.3g} of its bound")
    first, unwritten = worst[0], int(measured.unwritten.sum())
    return (
        f"failed: {mismatches} of {what} {'differ' if exact else 'outside the bound'}; "
        f"worst at {list(first.coordinate)}: {first.actual:.9g}, expected {first.expected:.9g}, "
        f"error {first.error:.3g}, bound {first.bound:.3g}" + (f"; {unwritten} never written" if unwritten else "")
    )
