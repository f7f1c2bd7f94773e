"""Element formats: bits, and the rules that a dtype's name leaves out.

A format says how many bits it has, where its exponent and mantissa lie, which codes are NaN or infinite, and
what a number too large becomes. Encoding rounds to nearest, ties to even, subnormals included, straight from
float64 (no intermediate float32, which would round twice).

Where libraries differ from the rules here (tests/formats has the comparisons):

    ml_dtypes   casts from float64 round through float32; e4m3 overflows to NaN and e5m2 to infinity, ours
                saturate; e8m0 sends zero and infinity to NaN, ours to the smallest and the largest power of
                two, and rounds up between 2**-127 and 1.5 * 2**-127; the sign of a NaN is kept, ours is
                positive; int4 casts wrap, ours clamp.
    gfloat      sends ties between powers of two (e8m0) to the even exponent, we and ml_dtypes up.
    Triton      saturates e4m3, as we do.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np

from specs.lang.errors import SpecError
from specs.lang.formats.dtypes import DTYPE_NAMES, UNNAMED, DtypeNames

NDArray = np.ndarray[Any, Any]


class Kind(Enum):
    """Kind of number that codes represent."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"


class NanRule(Enum):
    """Which codes are NaN."""

    NONE = "no code is NaN"
    ALL_ONES = "only the code whose magnitude bits are all ones"
    IEEE = "the top exponent: zero mantissa is infinity, any other NaN"


class Overflow(Enum):
    """What a value beyond the finite range becomes."""

    SATURATE = "the largest finite value"
    INFINITY = "infinity"
    NAN = "NaN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementFormat:
    """One number format; codes are held right-aligned in unsigned integers.

    Raises:
        SpecError: the fields contradict each other.
    """

    name: str
    """Name in specs."""
    kind: Kind
    """What the codes represent."""
    bits: int
    """Width of a code."""
    signed: bool = True
    """Whether there is a sign."""
    exponent_bits: int = 0
    """Bits of the exponent; 0 for integers."""
    mantissa_bits: int = 0
    """Bits of the mantissa; 0 for integers."""
    bias: int = 0
    """What is subtracted from the stored exponent."""
    subnormals: bool = True
    """Whether there are subnormal numbers and zero; not so in exponent-only formats (e8m0), which have no sign either.
    """
    nan: NanRule = NanRule.NONE
    """Which codes are NaN."""
    overflow: Overflow = Overflow.SATURATE
    """What finite values beyond the range become; SATURATE clamps infinities too."""
    source: str = ""
    """Document that defines the format."""

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise SpecError(f"element format {self.name!r}: {problem}")

    # Formats are compared and looked up for every value of a program, nearly always with themselves; going through all
    # fields took a fifth of the time.

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, ElementFormat) or self.name != other.name:
            return self is other
        return all(getattr(self, field.name) == getattr(other, field.name) for field in fields(self))

    def __hash__(self) -> int:
        return hash(self.name)

    def _problem(self) -> str | None:
        if not self.is_float:
            return None if 1 <= self.bits <= 64 else "integers have 1 to 64 bits"
        if self.bits != int(self.signed) + self.magnitude_bits or not 1 < self.bits <= 64:
            return "bits must be sign + exponent_bits + mantissa_bits, at most 64"
        if not self.signed == self.subnormals == (self.mantissa_bits > 0):
            return "a format has a sign, subnormals and a mantissa, or (powers of two) none of the three"
        if self.overflow is Overflow.INFINITY and not self.has_inf:
            return "overflow to infinity needs NanRule.IEEE"
        if self.overflow is Overflow.NAN and self.nan is NanRule.NONE:
            return "overflow to NaN needs a NaN"
        return None

    @property
    def is_float(self) -> bool:
        """Whether codes are floating-point numbers."""
        return self.kind is Kind.FLOAT

    @property
    def is_integer(self) -> bool:
        """Whether codes are integers."""
        return self.kind is Kind.INT

    @property
    def storage_bits(self) -> int:
        """Width in memory when stored one code per word: 8, 16, 32 or 64."""
        return max(8, 1 << (self.bits - 1).bit_length())

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """numpy type of raw codes."""
        return np.dtype(f"uint{self.storage_bits}")

    @property
    def has_inf(self) -> bool:
        """Whether the format has infinities."""
        return self.nan is NanRule.IEEE

    @property
    def emin(self) -> int:
        """Exponent of the smallest normal number."""
        return (1 if self.subnormals else 0) - self.bias

    @property
    def magnitude_bits(self) -> int:
        """Bits of a float code without the sign."""
        return self.exponent_bits + self.mantissa_bits

    @property
    def max_code(self) -> int:
        """Magnitude code of the largest finite value."""
        top = (1 << self.magnitude_bits) - 1
        match self.nan:
            case NanRule.ALL_ONES:
                return top - 1
            case NanRule.IEEE:
                return top - (1 << self.mantissa_bits)
        return top

    @property
    def nan_code(self) -> int | None:
        """The canonical NaN: positive, quiet."""
        match self.nan:
            case NanRule.ALL_ONES:
                return self.max_code + 1
            case NanRule.IEEE:
                return self.max_code + 1 + (1 << (self.mantissa_bits - 1))  # infinity with the quiet bit set
        return None

    @property
    def max_finite(self) -> float:
        """Largest finite value."""
        if self.is_float:
            return _largest_finite(self)
        return float((1 << (self.bits - int(self.signed))) - 1)

    @property
    def min_finite(self) -> float:
        """Most negative finite value (smallest positive one for e8m0)."""
        if self.is_float:
            return -self.max_finite if self.signed else self.min_normal
        return -float(1 << (self.bits - 1)) if self.signed else 0.0

    @property
    def min_normal(self) -> float:
        """Smallest positive normal value."""
        return 2.0**self.emin if self.is_float else 1.0

    @property
    def min_subnormal(self) -> float:
        """Smallest positive value."""
        return 2.0 ** (self.emin - self.mantissa_bits) if self.is_float else 1.0

    @property
    def unit_roundoff(self) -> float:
        """Largest relative error of rounding a normal number."""
        return 2.0 ** -(self.mantissa_bits + 1) if self.is_float else 0.0

    @property
    def names(self) -> DtypeNames:
        """What other libraries call it."""
        return DTYPE_NAMES.get(self.name, UNNAMED)

    @property
    def numpy_dtype(self) -> np.dtype[Any] | None:
        """numpy (or ml_dtypes) type with the format's values, where one exists."""
        return self.names.numpy_dtype

    @property
    def least_infinite(self) -> float | None:
        """The least magnitude that rounds to infinity; None for formats in which none does.

        Half a step above the largest finite value, whose code is odd: the tie goes up.
        """
        if self.overflow is not Overflow.INFINITY:
            return None
        return self.max_finite + math.ulp(self.max_finite) * 2.0 ** (51 - self.mantissa_bits)

    def holds(self, other: ElementFormat) -> bool:
        """Whether every finite value of `other` is exactly a value of this format."""
        inside = self.min_finite <= other.min_finite and other.max_finite <= self.max_finite
        if not self.is_float:
            return inside and not other.is_float
        if not other.is_float:
            whole = self.subnormals and self.min_subnormal <= 1.0  # zero and one are values
            return inside and whole and other.max_finite <= 2.0 ** (self.mantissa_bits + 1)
        fine = self.mantissa_bits >= other.mantissa_bits and self.min_subnormal <= other.min_subnormal
        return inside and fine

    def decode(self, codes: NDArray) -> NDArray:
        """Values of raw codes, float64, same shape. Bits of a code above `bits` are ignored.

        codes: any integer type. 64-bit integers beyond 2**53 are rounded to float64.
        """
        raw = np.asarray(codes).astype(np.uint64)
        return self._decode_float(raw) if self.is_float else self._decode_integer(raw)

    def _decode_integer(self, raw: NDArray) -> NDArray:
        # The sign bit is shifted to the top, and back as a signed integer: sign extension.
        unused = 64 - self.bits
        top = raw << np.uint64(unused)
        whole = top.view(np.int64) >> unused if self.signed else top >> np.uint64(unused)
        return np.asarray(whole, np.float64)

    def _decode_float(self, raw: NDArray) -> NDArray:
        magnitude = (raw & np.uint64((1 << self.magnitude_bits) - 1)).astype(np.int64)
        exponent, fraction = magnitude >> self.mantissa_bits, magnitude & ((1 << self.mantissa_bits) - 1)
        tiny = (exponent == 0) & self.subnormals
        special = magnitude > self.max_code
        significand = np.where(tiny, fraction, fraction + (1 << self.mantissa_bits)).astype(np.float64)
        power = np.where(tiny, 1, np.where(special, self.bias, exponent)) - self.bias - self.mantissa_bits
        value = np.ldexp(significand, power.astype(np.int32))
        infinite = special & (fraction == 0) & self.has_inf
        value = np.where(special, np.where(infinite, np.inf, np.nan), value)
        if self.signed:
            value = np.where((raw >> np.uint64(self.bits - 1)) & np.uint64(1) == 1, -value, value)
        return np.asarray(value, np.float64)

    def encode(self, values: Any) -> NDArray:
        """Raw codes of float64 values, same shape, type `storage_dtype`.

        Floats: nearest, ties to even, sign of zero kept. e8m0: the nearest power of two, where 1.5 * 2**e is
        the tie and goes up; zero and anything below 2**-127 become code 0, negative values NaN. Integers:
        half to even, then clamped. NaN becomes the canonical NaN, and code 0 in a format without NaN.
        """
        x = np.asarray(values, np.float64)
        if not self.is_float:
            codes = self._encode_integer(x)
        elif self.subnormals:
            codes = self._encode_float(x)
        else:
            codes = self._encode_exponent(x)
        return np.asarray(codes, self.storage_dtype)

    def _encode_float(self, x: NDArray) -> NDArray:
        magnitude = np.where(np.isnan(x), 0.0, np.minimum(np.abs(x), self.max_finite))
        _, exponent = np.frexp(magnitude)
        exponent = np.maximum(np.where(magnitude == 0, self.emin, exponent - 1), self.emin)
        steps = np.rint(np.ldexp(magnitude, self.mantissa_bits - exponent)).astype(np.uint64)
        code = ((exponent - self.emin).astype(np.uint64) << np.uint64(self.mantissa_bits)) + steps
        if self.overflow is not Overflow.SATURATE:
            beyond = self.max_code + 1 if self.overflow is Overflow.INFINITY else self.nan_code
            code = np.where(self._rounds_beyond(np.abs(x)), np.uint64(beyond or 0), code)
        code = code | (np.signbit(x).astype(np.uint64) << np.uint64(self.bits - 1))
        return np.where(np.isnan(x), np.uint64(self.nan_code or 0), code)

    def _rounds_beyond(self, magnitude: NDArray) -> NDArray:
        """Where a magnitude is nearer to the next step above the largest finite value than to that value."""
        half_step = math.ulp(self.max_finite) * 2.0 ** (51 - self.mantissa_bits)
        excess = np.where(np.isfinite(magnitude), magnitude, self.max_finite) - self.max_finite
        # A tie goes to the even code: beyond if the largest finite code is odd.
        beyond = (excess >= half_step) if self.max_code % 2 else (excess > half_step)
        return np.asarray(np.isinf(magnitude) | beyond)

    def _encode_integer(self, x: NDArray) -> NDArray:
        # The largest float64 that is a value: for 64 bits, max_finite itself rounds up to one that is not.
        top = np.nextafter(2.0 ** (self.bits - int(self.signed)), 0) if self.bits > 53 else self.max_finite
        whole = np.clip(np.rint(np.where(np.isnan(x), 0.0, x)), self.min_finite, top)
        raw = whole.astype(np.int64 if self.signed else np.uint64).view(np.uint64)
        return np.asarray(raw & np.uint64((1 << self.bits) - 1))

    def _encode_exponent(self, x: NDArray) -> NDArray:
        usable = x > 0
        fraction, exponent = np.frexp(np.where(usable, np.minimum(x, self.max_finite), self.min_normal))
        code = exponent.astype(np.int64) - 1 + self.bias
        code = np.clip(code + (fraction >= 0.75), 0, self.max_code)
        return np.where(usable | (x == 0), code, self.nan_code or 0)


@lru_cache(maxsize=256)
def _largest_finite(form: ElementFormat) -> float:
    # Asked for every dot of a program, and numpy takes tens of microseconds to decode one number.
    return float(form.decode(np.asarray(form.max_code, form.storage_dtype)))


def _float(name: str, bits: int, exponent: int, mantissa: int, bias: int, nan: NanRule, **fields: Any) -> ElementFormat:
    return ElementFormat(
        name=name,
        kind=Kind.FLOAT,
        bits=bits,
        exponent_bits=exponent,
        mantissa_bits=mantissa,
        bias=bias,
        nan=nan,
        **fields,
    )


def _integer(name: str, bits: int, signed: bool) -> ElementFormat:
    return ElementFormat(name=name, kind=Kind.INT, bits=bits, signed=signed)


_OCP8 = "OCP 8-bit Floating Point Specification (OFP8) 1.0"
_OCPMX = "OCP Microscaling Formats (MX) 1.0"
_IEEE = "IEEE 754-2019"
_UPPER_HALF = "bfloat16: the upper half of binary32"

F64 = _float("f64", 64, 11, 52, 1023, NanRule.IEEE, overflow=Overflow.INFINITY, source=_IEEE)
F32 = _float("f32", 32, 8, 23, 127, NanRule.IEEE, overflow=Overflow.INFINITY, source=_IEEE)
F16 = _float("f16", 16, 5, 10, 15, NanRule.IEEE, overflow=Overflow.INFINITY, source=_IEEE)
BF16 = _float("bf16", 16, 8, 7, 127, NanRule.IEEE, overflow=Overflow.INFINITY, source=_UPPER_HALF)
E4M3 = _float("e4m3", 8, 4, 3, 7, NanRule.ALL_ONES, source=_OCP8)
E5M2 = _float("e5m2", 8, 5, 2, 15, NanRule.IEEE, source=f"{_OCP8}; quantisers saturate")
E2M1 = _float("e2m1", 4, 2, 1, 1, NanRule.NONE, source=_OCPMX)
E8M0 = _float("e8m0", 8, 8, 0, 127, NanRule.ALL_ONES, signed=False, subnormals=False, source=_OCPMX)
INT4, UINT4 = _integer("int4", 4, True), _integer("uint4", 4, False)
INT8, UINT8 = _integer("int8", 8, True), _integer("uint8", 8, False)
INT16 = _integer("int16", 16, True)
INT32, UINT32 = _integer("int32", 32, True), _integer("uint32", 32, False)
INT64 = _integer("int64", 64, True)
BOOL = ElementFormat(name="bool", kind=Kind.BOOL, bits=1, signed=False)

FLOATS = (F64, F32, F16, BF16, E4M3, E5M2, E2M1, E8M0)
INTEGERS = (INT4, UINT4, INT8, UINT8, INT16, INT32, UINT32, INT64)
ALL = (*FLOATS, *INTEGERS, BOOL)
_BY_NAME = {form.name: form for form in ALL}
_BY_ANY_NAME = {form.numpy_dtype.name: form for form in ALL if form.numpy_dtype is not None} | _BY_NAME


def by_name(name: str) -> ElementFormat:
    """The format called `name` (KeyError otherwise)."""
    return _BY_NAME[name]


def called(name: object, known: Collection[ElementFormat]) -> ElementFormat | None:
    """The format, of those that a framework has dtypes for, called by its own name or by its dtype's ("bfloat16")."""
    form = _BY_ANY_NAME.get(name) if isinstance(name, str) else None
    return form if form in known else None


def names_text(known: Collection[ElementFormat]) -> str:
    """What formats may be called, for messages: the dtype's name, and the short one where it differs."""
    texts = {form.name: form.name for form in known}
    texts |= {form.name: f"{form.numpy_dtype.name} ({form.name})" for form in known if form.numpy_dtype is not None}
    return ", ".join(name if name != f"{short} ({short})" else short for short, name in texts.items())
