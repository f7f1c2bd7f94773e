"""Inputs of a call, made from the operation's spec alone: sizes from a case, shapes and formats from the
arrays, values from the spec's own sampler where it has one for them, else from their roles.

Two kinds of data:

    random  floats are normal, scales lognormal, codes arbitrary. Operations whose results are all exact
            (quantisers), or codes and scales, get rows of very different magnitude with zeros, negative zeros,
            outliers and tiny values in them; those that are exact in every other draw also rows near either end of
            the format's range.
    exact   small integers and powers of two, so coarse that every partial sum is exact in float32, and in the
            13 fraction bits that survive in an FP8 tensor core: any order of summation gives the same bytes.
            A product of operands is at most 9 (45 with INT4 weights, 36 in steps of 1/4 with e2m1 codes), a
            product of two scales 2^-4 .. 2^2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from specs.lang.call.bind import ArrayInfo, Call, bind, check_attributes
from specs.lang.declare.kernel import Role
from specs.lang.declare.op import Case, DataKind, Op, Sample
from specs.lang.errors import SpecError
from specs.lang.formats.elements import ElementFormat
from specs.tile.launch.cases import case_arrays

Raw = npt.NDArray[Any]
Kind = DataKind
Shape = tuple[int, ...]

KINDS: Final[tuple[Kind, ...]] = ("exact", "random")

EXACT_INTEGER = 3
"""Largest magnitude of exact data."""
EXACT_ADDEND = 8
"""Largest magnitude of an exact addend."""
EXACT_EXPONENTS = (-2, 1)
"""Least and greatest power of two of an exact scale."""


def raw_dtype(form: ElementFormat) -> np.dtype[Any]:
    """numpy type that holds one code of `form` per entry: uint8 for floats of at most 8 bits, numpy's (or
    ml_dtypes') own for everything else.
    """
    own = form.numpy_dtype
    return form.storage_dtype if own is None or (form.is_float and form.bits <= 8) else own


def encode(values: Any, form: ElementFormat) -> Raw:
    """Raw array of float64 `values`, rounded to `form`; same shape."""
    return np.asarray(form.encode(values)).view(raw_dtype(form))


def decode(raw: Raw, form: ElementFormat) -> npt.NDArray[np.float64]:
    """float64 values of a raw array; same shape."""
    return form.decode(np.ascontiguousarray(raw).view(form.storage_dtype).reshape(raw.shape))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """A call without its values: shapes and formats of the arguments that are passed, all attributes.

    strides: in elements, of arrays that are not row-major.
    """

    op: Op
    shapes: Mapping[str, Shape]
    formats: Mapping[str, ElementFormat]
    attributes: Mapping[str, object]
    strides: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def call(self) -> Call:
        """The call as the binder resolves it: sizes of the axes, shapes and formats of results."""
        infos = {
            name: ArrayInfo(shape, self.formats[name], self.strides.get(name), "")
            for name, shape in self.shapes.items()
        }
        return bind(self.op, infos, self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """What one call gets.

    arrays: raw arrays (see `raw_dtype`) in the order of the signature; arrays that are left out are missing.
    formats: element format of each of them.
    attributes: values of all attributes of the operation.
    strides: in elements, of arrays that torch is to find in another memory order than the row-major one.
    """

    op: Op
    arrays: Mapping[str, Raw]
    formats: Mapping[str, ElementFormat]
    attributes: Mapping[str, object]
    strides: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """The same call without its values."""
        shapes = {name: raw.shape for name, raw in self.arrays.items()}
        return Layout(op=self.op, shapes=shapes, formats=self.formats, attributes=self.attributes, strides=self.strides)

    def values(self) -> dict[str, Any]:
        """Inputs of the oracle: values of floats as float64, integers as they are, attributes, formats."""
        values: dict[str, Any] = {**self.attributes, "formats": dict(self.formats)}
        for name, raw in self.arrays.items():
            values[name] = decode(raw, self.formats[name]) if self.formats[name].is_float else raw
        return values

    def replaced(self, **arrays: Raw) -> Inputs:
        """The same call with other arrays of the same formats."""
        return replace(self, arrays={**self.arrays, **arrays})


def layout_of(op: Op, case: Case) -> Layout:
    """Layout of the call of `case`.

    Raises:
        ArgumentError: the case sets an attribute to a value that the spec does not accept.
    """
    infos = case_arrays(op, case, strided=False)
    shapes = {name: info.shape for name, info in infos.items()}
    formats = {name: info.format for name, info in infos.items()}
    return Layout(op=op, shapes=shapes, formats=formats, attributes=check_attributes(op, dict(case.attributes)))


def generate(op: Op, case: Case, kind: Kind, seed: int) -> Inputs:
    """Inputs of `case`. The same seed gives the same bytes, however the rows are split into dimensions.

    Raises:
        ArgumentError: as `layout_of`.
    """
    layout = layout_of(op, case)
    arrays: dict[str, Raw] = {}
    sampled = _sampled(layout, case, kind, seed)
    for index, array in enumerate(op.inputs):
        if array.name in sampled:
            arrays[array.name] = sampled[array.name]
        elif array.name in layout.shapes:
            # A stream of its own per array: leaving one out does not change the others.
            rng = np.random.default_rng([seed, index])
            draw = _recipe(op, array.role, kind)
            arrays[array.name] = draw(rng, layout.formats[array.name], layout.shapes[array.name])
    return Inputs(op=op, arrays=arrays, formats=layout.formats, attributes=layout.attributes)


def _sampled(layout: Layout, case: Case, kind: Kind, seed: int) -> dict[str, Raw]:
    """What the spec's own sampler supplies, of the arguments that are passed."""
    op, shapes = layout.op, layout.shapes
    if op.sample is None:
        return {}
    sample = Sample(
        rng=np.random.default_rng([seed, len(op.inputs)]),
        sizes=dict(case.sizes),
        attributes=layout.attributes,
        shapes=shapes,
        formats=layout.formats,
        kind=kind,
    )
    given = op.sample(sample)
    unknown = given.keys() - {array.name for array in op.inputs}
    if unknown:
        raise SpecError(f"the sampler of {op.name} supplies {sorted(unknown)}, which are no arguments of it")
    arrays: dict[str, Raw] = {}
    for name, values in given.items():
        if name in shapes:
            try:
                arrays[name] = np.ascontiguousarray(_as_raw(values, layout.formats[name])).reshape(shapes[name])
            except (TypeError, ValueError) as error:
                raise SpecError(f"the sampler of {op.name} supplies '{name}' wrongly: {error}") from error
    return arrays


def _as_raw(values: Any, form: ElementFormat) -> Raw:
    """Numbers as a raw array; arrays of the raw type are returned unchanged."""
    given = np.asarray(values)
    if given.dtype == raw_dtype(form):
        return given
    if form.is_float:
        return encode(given, form)
    whole = given.astype(raw_dtype(form))
    if given.dtype.kind not in "iub" or not np.array_equal(whole, given):
        raise TypeError(f"{given.dtype} values that {form.name} does not hold")
    return whole


def is_exact(op: Op) -> bool:
    """Whether every result of `op` is promised to the byte."""
    return all(accuracy.exact for _, accuracy in op.accuracy)


# -- values ----------------------------------------------------------------------------------------------

Draw = Callable[[np.random.Generator, ElementFormat, Shape], Raw]


def _recipe(op: Op, role: Role, kind: Kind) -> Draw:
    """How the values of one array are drawn."""
    if role is Role.DATA and is_exact(op):
        # Rotations add up products before they quantise, which are lost where subnormal numbers are taken for zero.
        wild = _wild if op.sample is None else partial(_wild, least=2.0**-100)
        return wild if kind == "random" else _grid
    if role is Role.DATA and kind == "random" and any(a.quantised is not None for _, a in op.accuracy):
        return partial(_wild, ends=False)  # which functions and sums before the quantiser may overflow at
    if role is Role.INDEX:
        raise SpecError(f"the sampler of {op.name} leaves out an array of role {role.name}, which no rule makes")
    return _RECIPES[kind, role]


def _normal(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    if not form.is_float:
        return _codes(rng, form, shape)
    return encode(rng.standard_normal(shape), form)


def _wild(
    rng: np.random.Generator, form: ElementFormat, shape: Shape, least: float = 2.0**-140, ends: bool = True
) -> Raw:
    """Values that a quantiser meets: rows of different magnitude, zeros, outliers, tiny values.

    least: magnitude of rows. ends: whether some rows are near either end of the format's range.
    """
    if not form.is_float:
        return _codes(rng, form, shape)
    rows = (*shape[:-1], 1)
    x = rng.standard_normal(shape) * np.exp2(rng.integers(-6, 7, rows))
    for share, factor in ((1 / 64, 2.0**6), (1 / 32, 2.0**-9), (1 / 16, 0.0)):
        x = np.where(rng.random(shape) < share, x * factor, x)
    x = np.where(rng.random(rows) < 1 / 8, np.copysign(0.0, x), x)
    if ends and rng.random() < 1 / 2:
        # the row's scale fits float32.
        low, high = max(form.min_subnormal, least), min(form.max_finite, 2.0**100)
        drawn = rng.random(rows)
        x = np.where(drawn < 1 / 8, x * low, np.where(drawn > 7 / 8, x * high, x))
    return encode(np.clip(x, form.min_finite, form.max_finite), form)


def _small(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    low = -EXACT_INTEGER if form.signed else 0
    return encode(rng.integers(low, EXACT_INTEGER, shape, endpoint=True), form)


def _grid(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    """The values of e2m1."""
    values = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    return encode(rng.choice(values, shape) * rng.choice([-1.0, 1.0], shape), form)


def _lognormal(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    return encode(np.exp(rng.standard_normal(shape) / 2), form)


def _powers(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    return encode(np.exp2(rng.integers(*EXACT_EXPONENTS, shape, endpoint=True)), form)


def _whole(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    return encode(rng.integers(-EXACT_ADDEND, EXACT_ADDEND, shape, endpoint=True), form)


def _codes(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    """Every code of an integer format equally often, packed words of codes included."""
    if form.is_float:
        return _normal(rng, form, shape)
    top = (1 << form.storage_bits) - 1
    codes = rng.integers(0, top, shape, dtype=form.storage_dtype, endpoint=True)
    return np.asarray(codes).view(raw_dtype(form))


def _offset(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    """Zero points of bytes: most of them codes, some far outside."""
    whole = rng.integers(0, 256, shape) + np.where(rng.random(shape) < 1 / 8, rng.integers(-(2**20), 2**20, shape), 0)
    return encode(whole, form)


def _permutation(rng: np.random.Generator, form: ElementFormat, shape: Shape) -> Raw:
    return encode(rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1), form)


_RECIPES: Final[Mapping[tuple[Kind, Role], Draw]] = {
    ("random", Role.DATA): _normal,
    ("random", Role.SCALE): _lognormal,
    ("random", Role.ADDEND): _normal,
    ("random", Role.OFFSET): _offset,
    ("exact", Role.DATA): _small,
    ("exact", Role.SCALE): _powers,
    ("exact", Role.ADDEND): _whole,
    ("exact", Role.OFFSET): _small,
    **{(kind, role): _codes for kind in KINDS for role in (Role.CODES, Role.ZERO_POINT)},
    **{(kind, Role.PERMUTATION): _permutation for kind in KINDS},
}
