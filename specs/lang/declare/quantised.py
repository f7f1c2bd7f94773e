"""The contract of codes and scales that are computed from inexact values: rms_norm or SiLU, then quantised.

The largest value of a block decides its scale, and the whole block is divided by it. Where the values have float32
errors, there are no bytes that every implementation gives: a value near a tie is rounded either way, and a scale that
differs in its last bit moves codes of its block. So codes are compared together with the scale that came with them, as
the number that a product reads, code * scale; and the scale is compared by itself.

y, s are the oracle's value and its unrounded scale amax / max, with `max` the largest code; y', s' what was computed;
u, eta unit roundoff and half the smallest subnormal of float32.

Before quantisation, y' has the error of a sum or a function (see `specs.lang.declare.accuracy`):

    |y' - y| <= e = ((terms + extra) u_acc + t_acc) magnitude + (terms + extra + 1) eta

Scale. A maximum, a floor and an upper bound differ by no more than their arguments do, so amax' is within
E = max(e over the block) of amax. The scale rule rounds k times (AMAX 2, AMAX_QUOTIENT 1, POW2_CEIL 2):

    low, high = (s - E / max) (1 - k u), (s + E / max) (1 + k u)                stored(low) <= s' <= stored(high)

`stored` rounds up to a power of two under POW2_CEIL, and to the scale's format. It is monotonic: an E8M0 scale has one
right value, and a second one where amax is so near the end of its range that the error decides. Where scales lie
group by group, [groups, rows], rows of padding hold zeros.

Codes, under the scale s' that was returned. y' / s' is a division, or a product with a rounded reciprocal: at most two
roundings. With h(x) half the distance between neighbouring codes at x (1/2 for integers):

    d = (e + 2 u (1 + u) (|y| + e)) / s' + eta                         error of the quotient, in codes
    |code s' - y| <= s' (h(|y| / s' + d) + d)

 - Saturation: formats that saturate clip the quotient, and so are y / s' and both ends of the interval of width d
   around it. A scale that is too small, so that too much is clipped, fails as a scale.
 - Zeros: in a block of zeros e = 0; codes are zero's and the scale is the one of the format's amax_floor.
 - NaN and infinity: the scale of such a block is NaN or infinite as the oracle's (NaN in formats without infinity), and
   its values decode to NaN whatever their codes are. Other blocks are not affected.

Source: Higham, Accuracy and Stability of Numerical Algorithms, ch. 2 and 3, for the single roundings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.errors import SpecError
from specs.lang.formats.blocks import BlockFormat, ScaleRule
from specs.lang.formats.elements import F32, ElementFormat, Overflow

NDArray = np.ndarray[Any, Any]

ROUNDINGS = {ScaleRule.AMAX: 2, ScaleRule.AMAX_QUOTIENT: 1, ScaleRule.POW2_CEIL: 2, ScaleRule.GIVEN: 0}
"""Rounded operations between amax and the scale, for the rules that a contract can be about."""

LARGEST_EXPONENT = 127
"""Of a scale that is rounded up to a power of two; -127 is the least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """Codes and scales that are judged together.

    codes: name of a result. Its oracle gives the value before quantisation, float64, neither rounded nor clipped, and
        its magnitude.
    scale: name of a result, whose oracle gives the unrounded scale amax / max (with amax_floor); or of an argument,
        for static scales.
    form: the block format, or a function from the attributes of a call to it.
    scale_layout: name of the attribute with the order of the scales, "row" or one of the columns'; None for "row". The
        oracle gives them row by row in any case.
    """

    codes: str
    scale: str
    form: BlockFormat | Callable[[Mapping[str, object]], BlockFormat]
    scale_layout: str | None = None

    def form_of(self, attributes: Mapping[str, object]) -> BlockFormat:
        """The format in a call with these attributes."""
        return self.form if isinstance(self.form, BlockFormat) else self.form(attributes)

    def transposed(self, attributes: Mapping[str, object]) -> bool:
        """Whether scales lie group by group in a call with these attributes."""
        return self.scale_layout is not None and attributes[self.scale_layout] != "row"

    def formula(self) -> str:
        """The bound in symbols (see the module)."""
        return (
            f"|{self.codes} {self.scale} - exact| <= {self.scale} (h + d), h half a step of the codes, d = e / "
            f"{self.scale}; {self.scale} between the scales of amax - e and amax + e"
        )


def problem_of(form: BlockFormat) -> str | None:
    """Why codes and scales of a format cannot be judged together."""
    if form.rule not in ROUNDINGS:
        return f"{form.name} has the scale rule {form.rule.name}: there are {', '.join(r.name for r in ROUNDINGS)}"
    if form.scale is None or form.zero_point is not None or form.tensor_scale is not None:
        return f"{form.name} is not codes times one scale per block"
    return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantisedBound:
    """The bound of the module's docstring in numbers.

    value, error: y and e, float64 of one shape, whose leading dimensions count as rows.
    scale: s, in the shape of the operation's scales.

    Raises:
        SpecError: scale has another shape than the format's blocks have.
    """

    form: BlockFormat
    value: NDArray
    error: NDArray
    scale: NDArray

    def __post_init__(self) -> None:
        if problem := problem_of(self.form):
            raise SpecError(f"quantised contract: {problem}")
        ones = [tuple(n for n in shape if n != 1) for shape in (self.scale.shape, self._scale_shape())]
        if ones[0] != ones[1]:
            shapes = f"scales have the shape {list(self.scale.shape)}, blocks of {self.form.name} {self._scale_shape()}"
            raise SpecError(f"quantised contract: {shapes} for values {list(self.value.shape)}")

    @property
    def rows(self) -> tuple[int, int]:
        """(rows, columns) of the values."""
        columns = self.value.shape[-1] if self.value.ndim else 1
        return self.value.size // max(columns, 1), columns

    def scales(self) -> tuple[NDArray, NDArray]:
        """Least and greatest scale that the error allows, as stored, in the shape of the scales."""
        rounding = ROUNDINGS[self.form.rule] * F32.unit_roundoff
        largest = self._largest_error().reshape(self.scale.shape)
        moved = np.where(np.isfinite(self.scale), largest, 0.0) / self.form.largest
        low = np.maximum(self.scale - moved, 0.0) * (1 - rounding)
        return self.stored(low), self.stored((self.scale + moved) * (1 + rounding))

    def stored(self, scale: NDArray) -> NDArray:
        """Unrounded scales in the format that they are stored in, as float64."""
        assert self.form.scale is not None
        finite = np.isfinite(scale)
        value = np.where(finite, scale, 1.0)
        if self.form.rule is ScaleRule.POW2_CEIL:
            fraction, exponent = np.frexp(value)
            ceiling = np.where(value > 0, exponent - (fraction == 0.5), -LARGEST_EXPONENT)
            value = np.ldexp(1.0, np.clip(ceiling, -LARGEST_EXPONENT, LARGEST_EXPONENT))
        value = self.form.scale.decode(self.form.scale.encode(value))
        return np.where(finite, value, scale if self.form.scale.has_inf else np.nan)

    def spread(self, scale: NDArray) -> NDArray:
        """Scales, in the shape of the operation's, as one per value."""
        rows, columns = self.rows
        blocks = scale.reshape(self._counts())
        for axis, (length, size) in enumerate(zip((rows, columns), self.form.block, strict=True)):
            blocks = np.repeat(blocks, length if size is None else size, axis=axis).take(range(length), axis=axis)
        return blocks.reshape(self.value.shape)

    def values(self, scale: NDArray) -> tuple[NDArray, NDArray]:
        """(reference, bound) of code * scale under the scales that were computed, one per value; float64.

        The reference is NaN in blocks whose scale is not finite; the bound is 0 under a scale that cannot be right.
        """
        element, u = self.form.element, F32.unit_roundoff
        finite = np.isfinite(self.value) & np.isfinite(self.spread(self.scale))
        usable = finite & np.isfinite(scale) & (scale > 0)
        s, y, e = (np.where(usable, x, 1.0) for x in (scale, self.value, self.error))
        z, d = y / s, (e + 2 * u * (1 + u) * (np.abs(y) + e)) / s + F32.min_subnormal / 2
        ends = [z - d, z, z + d]
        if element.overflow is Overflow.SATURATE:
            ends = [np.clip(end, element.min_finite, element.max_finite) for end in ends]
        low, reference, high = ends
        step = half_step(element, np.maximum(np.abs(low), np.abs(high)))
        bound = (step + np.maximum(high - reference, reference - low)) * s
        reference = np.where(reference == z, y, reference * s)
        reference = np.where(usable, reference, self.value)
        return np.where(finite, reference, np.nan), np.where(usable, bound, 0.0)

    def _scale_shape(self) -> list[int]:
        """The shape of the scales with the dimensions of the values."""
        counts = self._counts()
        lead = [*self.value.shape[:-1]] if self.form.block[0] == 1 else [counts[0]]
        return [*lead, counts[1]]

    def _counts(self) -> tuple[int, int]:
        rows, columns = (
            1 if size is None else -(-length // size) for length, size in zip(self.rows, self.form.block, strict=True)
        )
        return rows, columns

    def _largest_error(self) -> NDArray:
        """E, one per block."""
        found = self.error.reshape(self.rows)
        if not found.size:
            return np.zeros(self._counts())
        for axis, size in enumerate(self.form.block):
            found = np.maximum.reduceat(found, np.arange(0, found.shape[axis], size or found.shape[axis]), axis=axis)
        return np.asarray(found)


def half_step(element: ElementFormat, magnitude: NDArray) -> NDArray:
    """Half the distance between neighbouring numbers of a format at finite magnitudes."""
    if not element.is_float:
        return np.full(np.shape(magnitude), 0.5)
    exponent = np.where(magnitude > 0, np.frexp(magnitude)[1] - 1, element.emin)
    return np.asarray(np.ldexp(0.5, np.maximum(exponent, element.emin) - element.mantissa_bits))
