"""Block formats: one object that owns the data, its scales and its zero points.

A block format covers a logical array [.., R, C] with blocks of rows x columns; every block has one scale (for
asymmetric integers, one zero point too). It knows the shapes in memory, and gives the bytes: `encode` is the
definition that kernels are compared with, bit for bit, and `decode` gives the values in float64.

Arithmetic of `encode`, in float32 with one rounding per operation, where `max` is the largest value of a code after the
zero point is subtracted:

    amax   = max(|x| over the block, amax_floor)          a block of zeros has a small positive scale
    s      = as the scale rule says, then rounded to the scale format
    z      = -round_half_even(low / s), then saturated to the zero point's format (its nearest end; NaN: 0)
    codes  = element.encode(x / s + z)                    the addition only where there is a zero point

With a tensor scale g, a second level, the scale that is stored is g times that of the rule, and blocks too small for it
are zeros under the scale 0; all of a block's elements are multiplied by one float32 number:

    g      = given, or the scale format's maximum * max / (amax of the finite elements of the matrix)
    s      = fl(g * as the scale rule says), then rounded to the scale format
    codes  = element.encode(x * (1 / (s * (1 / g))))      0 in place of the inverse where s is 0
    value  = code * s / g

A NaN or an infinity poisons its own block and no other: it reaches amax, the rule passes it on, and a scale
format without infinities stores NaN; codes follow from the stored scale, and no value of the block decodes to
a finite number. A scale too large for its format does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from specs.lang.errors import ConstraintViolated, Missing, SpecError, Surplus, WrongRank, WrongShape
from specs.lang.formats.elements import F32, ElementFormat
from specs.lang.formats.packing import Packing, raw_codes, stored

NDArray = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class ScaleRule(Enum):
    """How a scale follows from a block. fl32 is rounding to float32."""

    AMAX = "s = fl32(amax * fl32(1 / max))"
    AMAX_QUOTIENT = "s = fl32(amax / max)"
    POW2_CEIL = "s = 2 ** ceil(log2(amax * fl32(1 / max))), product of 24 bits, exponent limited to [-127, 127]"
    RANGE = "s = fl32(max(fl32(high - low), amax_floor) / (codes - 1)), low and high the extreme values"
    RANGE_WITH_ZERO = "as RANGE, with low and high widened to include zero, so that a code is exactly zero"
    GIVEN = "scales are passed in"

    @property
    def is_range(self) -> bool:
        """Whether the rule maps the range of the block, which needs a zero point per block."""
        return self in (ScaleRule.RANGE, ScaleRule.RANGE_WITH_ZERO)


_TWO_LEVELS = (ScaleRule.AMAX, ScaleRule.AMAX_QUOTIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroPoint:
    """The code of zero: value = (code - zero point) * scale. Exactly one of two kinds.

    constant: the same for every block, and not stored (8 for symmetric INT4).
    element: integer format of stored zero points, one per block; `packing`: several to a word.
    """

    constant: int | None = None
    element: ElementFormat | None = None
    packing: Packing | None = None

    def __post_init__(self) -> None:
        if (self.constant is None) == (self.element is None):
            raise SpecError("a zero point is either one constant or stored in an integer format")
        if self.element is not None and not self.element.is_integer:
            raise SpecError(f"zero points are integers, not {self.element.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorScale:
    """A second level of scales: one number g per matrix (leading dimensions are batches). Exactly one of two kinds.

    constant: the same for every array, and not stored. A power of two, so that it costs no rounding.
    element: format of the number that is stored with the array; not narrower than float32.
    """

    constant: float | None = None
    element: ElementFormat | None = None

    def __post_init__(self) -> None:
        if (self.constant is None) == (self.element is None):
            raise SpecError("a tensor scale is either one constant or stored in a float format")
        if self.constant is not None and not (self.constant > 0 and np.frexp(self.constant)[0] == 0.5):
            raise SpecError(f"a constant tensor scale is a power of two, not {self.constant:g}")
        if self.element is not None and not self.element.holds(F32):
            raise SpecError(f"tensor scales are float32, not {self.element.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Shapes of the arrays in memory; None where the format has no such array."""

    data: Shape
    scale: Shape | None
    zero_point: Shape | None
    tensor_scale: Shape | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantized:
    """An encoded array: what `Storage` gives the shapes of, typed as specs.lang.formats.packing says.

    g_idx: int32 [R]; row i of the data is row g_idx[i] of the logical array. None: rows are in order.
    """

    data: NDArray
    scale: NDArray | None = None
    zero_point: NDArray | None = None
    g_idx: NDArray | None = None
    tensor_scale: NDArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFormat:
    """Blocks of one element format with their scales.

    Raises:
        SpecError: the parts do not fit together.
    """

    name: str
    """Name of the block format."""
    element: ElementFormat
    """Format of the codes."""
    block: tuple[int | None, int | None] = (None, None)
    """Rows and columns that one scale covers, None for the whole axis. Leading dimensions are batches."""
    scale: ElementFormat | None = F32
    """Format of the scales, None for data that has none."""
    rule: ScaleRule = ScaleRule.AMAX
    """How a scale follows from its block."""
    amax_floor: float = 0.0
    """Lower limit of amax (of high - low under a RANGE rule), as float32."""
    ragged: bool = False
    """Whether the last block of an axis may be partly filled; otherwise blocks must divide the shape."""
    zero_point: ZeroPoint | None = None
    """Zero points of the blocks, None without."""
    packing: Packing | None = None
    """How several codes share a word; None for one code per entry."""
    tensor_scale: TensorScale | None = None
    """A second level of scales, None for formats that have one level."""
    source: str = ""
    """The document or code that defines the format."""

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise SpecError(f"block format {self.name!r}: {problem}")

    def _problem(self) -> str | None:
        if any(size is not None and size < 1 for size in self.block):
            return f"block {self.block} has an empty side"
        if self.packing is not None and self.packing.code_bits != self.element.bits:
            return f"{self.element.name} codes are not the {self.packing.code_bits} bits wide that words hold"
        return self._zero_point_problem() or self._scale_problem()

    def _zero_point_problem(self) -> str | None:
        if self.rule.is_range and not self._stores_zero:
            return f"rule {self.rule.name} needs stored zero points"
        if self.rule.is_range and self.element.signed:
            return f"rule {self.rule.name} maps onto codes from 0, and {self.element.name} has a sign"
        if self.zero_point is None:
            return None
        if not self.element.is_integer or self.scale is None:
            return "zero points are for integers with scales"
        if self._stores_zero and not self.rule.is_range and self.rule is not ScaleRule.GIVEN:
            return f"rule {self.rule.name} gives no zero points"
        if not self.element.min_finite <= (self.zero_point.constant or 0) < self.element.max_finite:
            return f"zero point {self.zero_point.constant} is no code of {self.element.name}, or its last"
        return None

    def _scale_problem(self) -> str | None:
        if self.tensor_scale is not None and (self.scale is None or self.rule not in _TWO_LEVELS or self.zero_point):
            return "a tensor scale goes with scales of blocks by a rule AMAX, without zero points"
        if self.scale is None:
            return None
        if self.scale.nan_code is None or not F32.holds(self.scale):
            return f"scales in {self.scale.name} cannot carry NaN, or are finer than float32"
        if self.rule is ScaleRule.GIVEN or self.tensor_scale is not None:
            return None
        if self.rule is ScaleRule.POW2_CEIL and not self.amax_floor >= F32.min_normal:
            return f"amax_floor {self.amax_floor:g} is less than {F32.min_normal:g}"
        zero = np.zeros(1, np.float32)
        least = self.scale.decode(self._scale_codes(self._raw_scale(zero, zero)))[0]
        if self.scale.mantissa_bits and not least >= F32.min_normal:
            return f"amax_floor {self.amax_floor:g} gives a block of zeros the scale {least:g}, no normal float32"
        return None

    @property
    def _stores_zero(self) -> bool:
        return self.zero_point is not None and self.zero_point.element is not None

    @property
    def _stores_tensor_scale(self) -> bool:
        return self.tensor_scale is not None and self.tensor_scale.element is not None

    @property
    def largest(self) -> float:
        """`max` of the scale rules: the largest value of a code after the zero point is subtracted."""
        constant = self.zero_point.constant if self.zero_point is not None else None
        return self.element.max_finite - (constant or 0)

    @property
    def tensor_range(self) -> float:
        """The numerator of a computed tensor scale: the largest value that a code under a scale has."""
        assert self.scale is not None
        return self.scale.max_finite * self.largest

    def storage_shape(self, shape: Shape) -> Storage:
        """Shapes in memory of a logical array [.., R, C]; [C] counts as one row where blocks have one row.

        Raises:
            WrongRank: too few dimensions.
            WrongShape: blocks, or words of packed codes, do not divide the shape.
        """
        self._check_rank(shape)
        data = shape if self.packing is None else self._packed(self.packing, shape, "x")
        if self.scale is None:
            return Storage(data=data, scale=None, zero_point=None)
        scale = self._block_counts(shape)
        zero = self.zero_point
        if zero is None or zero.element is None:
            whole = shape[:-2] if self._stores_tensor_scale else None
            return Storage(data=data, scale=scale, zero_point=None, tensor_scale=whole)
        packed = scale if zero.packing is None else self._packed(zero.packing, scale, "zero_point")
        return Storage(data=data, scale=scale, zero_point=packed)

    def encode(
        self, x: Any, *, scale: Any = None, zero_point: Any = None, g_idx: Any = None, tensor_scale: Any = None
    ) -> Quantized:
        """The bytes of a logical array.

        x: [.., R, C], any float type; float64 is rounded to float32 first.
        scale, zero_point: values (not codes) to use in place of computed ones, one per block, or broadcast.
            Rule GIVEN needs `scale`, and `zero_point` where the format stores one.
        g_idx: permutation of the R rows that puts the rows of one group together (act-order), where blocks have
            several rows.
        tensor_scale: the number g to use in place of a computed one, where the format stores it.

        Raises:
            ArgumentError: shapes that do not fit, arguments missing or not taken by the format.
        """
        x = np.asarray(x).astype(np.float32)
        with np.errstate(all="ignore"):
            if self.tensor_scale is None and tensor_scale is None:
                return self._encode(x, scale, zero_point, g_idx)
            return self._encode_two_levels(x, scale, tensor_scale, g_idx)

    def _encode(self, x: NDArray, scale: Any, zero_point: Any, g_idx: Any) -> Quantized:
        shape = x.shape
        counts = self.storage_shape(shape).scale
        self._check_given(scale, zero_point)
        order = None if g_idx is None else self._permutation(g_idx, shape)
        x = x if order is None else x[..., order, :]
        if self.scale is None or counts is None:
            return Quantized(data=self._data(self.element.encode(x)), g_idx=order)
        low, high = self._extremes(x, counts)
        raw = self._raw_scale(low, high) if scale is None else self._given(scale, counts, "scale")
        scale_codes = self._scale_codes(raw)
        s = self.scale.decode(scale_codes).astype(np.float32)
        z = self._zero_value(low, s, zero_point)
        y = x / self._spread(s, shape)
        codes = self.element.encode(y if z is None else y + self._spread(z, shape))
        stored_scale, stored_zero = stored(scale_codes, self.scale), self._stored_zero(z)
        return Quantized(data=self._data(codes), scale=stored_scale, zero_point=stored_zero, g_idx=order)

    def _encode_two_levels(self, x: NDArray, scale: Any, tensor_scale: Any, g_idx: Any) -> Quantized:
        counts = self.storage_shape(x.shape).scale
        self._check_given(scale, None)
        if tensor_scale is not None and not self._stores_tensor_scale:
            expected = "no value, the format stores none"
            raise Surplus(op=self.name, argument="tensor_scale", expected=expected, actual="one")
        assert counts is not None
        assert self.scale is not None
        order = None if g_idx is None else self._permutation(g_idx, x.shape)
        x = x if order is None else x[..., order, :]
        whole = self._tensor_scale(x, tensor_scale)
        g = _over_blocks(whole, x.shape)
        raw = self._raw_scale(*self._extremes(x, counts)) * g if scale is None else self._given(scale, counts, "scale")
        scale_codes = self._scale_codes(raw)
        s = self.scale.decode(scale_codes).astype(np.float32)
        inverse = np.where(s == 0, np.float32(0), np.float32(1) / (s * (np.float32(1) / g)))
        codes = self.element.encode(x * self._spread(inverse, x.shape))
        return Quantized(
            data=self._data(codes),
            scale=stored(scale_codes, self.scale),
            g_idx=order,
            tensor_scale=whole if self._stores_tensor_scale else None,
        )

    def _tensor_scale(self, x: NDArray, given: Any) -> NDArray:
        """The number g of every matrix, float32 [..]."""
        assert self.tensor_scale is not None
        if self.tensor_scale.constant is not None:
            return np.full(x.shape[:-2], self.tensor_scale.constant, np.float32)
        if given is not None:
            return self._given(given, x.shape[:-2], "tensor_scale")
        axes = (-2, -1)[-x.ndim :]
        amax = np.max(np.abs(x), axis=axes, where=np.isfinite(x), initial=self.amax_floor)
        return np.asarray(np.where(amax > 0, np.float32(self.tensor_range) / amax, 1), np.float32)

    def decode(self, quantized: Quantized) -> NDArray:
        """Values, float64, in the logical shape and order of rows.

        Exact, except that a 32-bit zero point may cost the product its last bits.

        Raises:
            ArgumentError: an array is missing or superfluous, or has a shape or width that the format does
                not give.
        """
        codes = self._codes(quantized.data)
        shape = codes.shape
        want = self.storage_shape(shape)
        self._check_stored("scale", quantized.scale, want.scale)
        self._check_stored("zero_point", quantized.zero_point, want.zero_point)
        self._check_stored("tensor_scale", quantized.tensor_scale, want.tensor_scale)
        value = self.element.decode(codes)
        if self.scale is not None and quantized.scale is not None:
            scale = self.scale.decode(raw_codes(quantized.scale, self.scale, op=self.name, argument="scale"))
            zero = self._loaded_zero(quantized.zero_point, scale.shape)
            with np.errstate(invalid="ignore"):
                value = value if zero is None else value - self._spread(zero, shape)
                value = value * self._spread(scale, shape)
                if self.tensor_scale is not None:
                    g = self.tensor_scale.constant if quantized.tensor_scale is None else quantized.tensor_scale
                    value = value / _over_blocks(np.asarray(g, np.float64), shape)
        if quantized.g_idx is None:
            return value
        return np.asarray(value[..., np.argsort(self._permutation(quantized.g_idx, shape)), :])

    # Shapes.

    def _check_rank(self, shape: Shape) -> None:
        least = 1 if self.block[0] == 1 else 2
        if len(shape) < least:
            expected = f"at least {least} dimension(s), [.., R, C]"
            raise WrongRank(op=self.name, argument="x", expected=expected, actual=shape)

    def _packed(self, packing: Packing, shape: Shape, argument: str) -> Shape:
        return packing.storage_shape(shape, op=self.name, argument=argument)

    def _block_counts(self, shape: Shape) -> Shape:
        """Blocks along every axis, one scale each."""
        counts = list(shape)
        for axis, size in self._sides(shape):
            length = shape[axis]
            if size is not None and length % size and not self.ragged:
                expected = f"dimension {axis} divisible by {size}, the length of a block"
                raise WrongShape(op=self.name, argument="x", expected=expected, actual=shape)
            counts[axis] = 1 if size is None else -(-length // size)
        return tuple(counts)

    def _sides(self, shape: Shape) -> list[tuple[int, int | None]]:
        """(axis, length of a block) for the axes that the array has."""
        return list(zip((-2, -1), self.block, strict=True))[-len(shape) :]

    def _spread(self, values: NDArray, shape: Shape) -> NDArray:
        """Each block's value at every element that it covers."""
        for axis, size in self._sides(shape):
            if size is not None:
                values = np.repeat(values, size, axis=axis).take(range(shape[axis]), axis=axis)
        return values

    # Arguments.

    def _check_given(self, scale: Any, zero_point: Any) -> None:
        takes_zero = self._stores_zero
        for name, value, takes in (("scale", scale, self.scale), ("zero_point", zero_point, takes_zero)):
            if value is not None and not takes:
                expected = "no value, the format has none"
                raise Surplus(op=self.name, argument=name, expected=expected, actual="one")
            if value is None and takes and self.rule is ScaleRule.GIVEN:
                raise Missing(op=self.name, argument=name, expected="values, one per block", actual="none")

    def _given(self, values: Any, counts: Shape, argument: str) -> NDArray:
        values = np.asarray(values).astype(np.float32)
        try:
            return np.broadcast_to(values, counts)
        except ValueError:
            raise WrongShape(op=self.name, argument=argument, expected=counts, actual=values.shape) from None

    def _check_stored(self, argument: str, array: NDArray | None, expected: Shape | None) -> None:
        if expected is None and array is not None:
            raise Surplus(op=self.name, argument=argument, expected="None", actual=array.shape)
        if expected is not None and array is None:
            raise Missing(op=self.name, argument=argument, expected=expected, actual="None")
        if array is not None and array.shape != expected:
            raise WrongShape(op=self.name, argument=argument, expected=expected, actual=array.shape)

    def _permutation(self, g_idx: Any, shape: Shape) -> NDArray:
        order = np.asarray(g_idx)
        if self.block[0] == 1 or len(shape) < 2:
            expected = "no permutation, groups do not run along rows"
            raise Surplus(op=self.name, argument="g_idx", expected=expected, actual=order.shape)
        if order.shape != shape[-2:-1]:
            raise WrongShape(op=self.name, argument="g_idx", expected=shape[-2:-1], actual=order.shape)
        if not np.array_equal(np.sort(order), np.arange(shape[-2])):
            expected = f"must hold every row 0..{shape[-2] - 1} once"
            raise ConstraintViolated(op=self.name, argument="g_idx", expected=expected, actual="others")
        return order.astype(np.int32)

    # Scales and zero points.

    def _extremes(self, x: NDArray, counts: Shape) -> tuple[NDArray, NDArray]:
        """Least and greatest value of every block, 0 for blocks of an empty array."""
        if x.size == 0:
            return (np.zeros(counts, np.float32),) * 2
        low = high = x
        for axis, size in self._sides(x.shape):
            starts = np.arange(0, x.shape[axis], size or x.shape[axis])
            low = np.minimum.reduceat(low, starts, axis=axis)
            high = np.maximum.reduceat(high, starts, axis=axis)
        return low, high

    def _raw_scale(self, low: NDArray, high: NDArray) -> NDArray:
        """The scale rule, float32."""
        floor, largest = np.float32(self.amax_floor), np.float32(self.largest)
        if self.rule.is_range:
            low, high = self._range(low, high)
            steps = np.float32(self.element.max_finite - self.element.min_finite)
            return np.asarray(np.maximum(high - low, floor) / steps)
        amax = np.maximum(np.maximum(np.abs(low), np.abs(high)), floor)
        if self.rule is ScaleRule.AMAX_QUOTIENT:
            return np.asarray(amax / largest)
        factor = np.float32(1.0 / self.largest)
        if self.rule is ScaleRule.AMAX:
            return np.asarray(amax * factor)
        fraction, exponent = np.frexp(amax)  # so that the product of a small amax is rounded like any other
        power = np.ldexp(np.float32(1), np.clip(ceil_log2(fraction * factor) + exponent, -127, 127))
        return np.where(np.isfinite(amax), power, amax)

    def _range(self, low: NDArray, high: NDArray) -> tuple[NDArray, NDArray]:
        """The range that the codes span."""
        if self.rule is not ScaleRule.RANGE_WITH_ZERO:
            return low, high
        zero = np.float32(0)
        return np.minimum(low, zero), np.maximum(high, zero)

    def _scale_codes(self, raw: NDArray) -> NDArray:
        """Codes of scales; what a format without infinities cannot hold is NaN."""
        assert self.scale is not None
        codes = self.scale.encode(raw)
        if self.scale.has_inf:
            return codes
        return np.where(np.isfinite(raw), codes, self.scale.storage_dtype.type(self.scale.nan_code or 0))

    def _zero_value(self, low: NDArray, s: NDArray, given: Any) -> NDArray | None:
        """Zero points as float32 values, None where there are none."""
        if self.zero_point is None:
            return None
        element = self.zero_point.element
        if element is None:
            return np.full(s.shape, self.zero_point.constant, np.float32)
        low, _ = self._range(low, low)
        values = -np.rint(low / s) if given is None else self._given(given, s.shape, "zero_point")
        return element.decode(element.encode(values)).astype(np.float32)

    # Arrays in memory.

    def _data(self, codes: NDArray) -> NDArray:
        return stored(codes, self.element) if self.packing is None else self.packing.pack(codes)

    def _codes(self, data: NDArray) -> NDArray:
        if self.packing is None:
            return raw_codes(data, self.element, op=self.name, argument="data")
        return self.packing.unpack(data)

    def _stored_zero(self, values: NDArray | None) -> NDArray | None:
        if values is None or self.zero_point is None or self.zero_point.element is None:
            return None
        element, packing = self.zero_point.element, self.zero_point.packing
        codes = element.encode(values)
        return stored(codes, element) if packing is None else packing.pack(codes)

    def _loaded_zero(self, array: NDArray | None, counts: Shape) -> NDArray | None:
        """Zero points as values, one per block; None where there are none."""
        if self.zero_point is None:
            return None
        element, packing = self.zero_point.element, self.zero_point.packing
        if element is None or array is None:
            return np.full(counts, self.zero_point.constant, np.float64)
        if packing is not None:
            return element.decode(packing.unpack(array))
        return element.decode(raw_codes(array, element, op=self.name, argument="zero_point"))


def _over_blocks(values: NDArray, shape: Shape) -> NDArray:
    """One value per matrix of `shape` (or one for all), broadcastable to its elements and its blocks."""
    return values.reshape(*values.shape, *(1,) * min(len(shape), 2)) if values.ndim else values


def ceil_log2(x: NDArray) -> NDArray:
    """Least integer e with 2**e >= x, for positive float32 `x`: bit arithmetic, exact, subnormals included.

    int64, same shape; for zero some number below -149, for infinity and NaN one above 127.
    """
    x = np.asarray(x, np.float32)
    tiny = x < np.float32(2.0**-126)
    bits = (x * np.where(tiny, np.float32(2.0**64), np.float32(1))).view(np.uint32)
    ceiling = (bits >> 23).astype(np.int64) - 127 + ((bits & 0x7FFFFF) != 0)
    return np.asarray(ceiling - np.where(tiny, 64, 0))
