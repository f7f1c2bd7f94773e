"""Random calls, drawn from a specification alone; the same seed gives the same call.

Drawn are: sizes (none, one, odd ones, one more and one less than the case's), every attribute within its choices or its
range, formats among those accepted, which optional arguments are passed, leading dimensions, the other shapes that an
argument is taken in, undeclared cache layouts, special values, and the memory order in torch. What the binder refuses
is drawn again; the values come from `parity.judge.inputs`, like cases'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from parity.fuzz.layouts import layout as drawn_layout
from parity.fuzz.layouts import pick
from parity.fuzz.values import repeated, special, strides_of
from parity.judge.again import again
from parity.judge.inputs import KINDS, Inputs, Kind, generate, layout_of
from parity.judge.runner import run_inputs
from parity.record.records import CaseResult
from specs.lang.call.bind import check_attributes, layout_facts
from specs.lang.declare.axes import Axis, as_expr
from specs.lang.declare.kernel import Array, Attribute, Rows
from specs.lang.declare.layouts import Dense, Pages
from specs.lang.declare.op import Case, Op
from specs.lang.errors import ArgumentError, Unfit
from specs.lang.formats.paged import Paged

ROTATION: Final = (("torch:eager", 1), ("jax:xla", 8), ("torch:interpret", 8), ("jax:interpret", 32))
"""Implementations that run drawn calls, and how often: one call in n. Compiling a program takes seconds."""
NUMBERS: Final = ("sparse_attn_indexer", "flash_attn_varlen")
"""Operations that get numbers only. One chooses by sums, and the sign of a computed NaN is unspecified; in
the other, zero times a non-finite value depends on which invisible keys share a tile with visible ones.
"""
ATTEMPTS: Final = 60
"""Calls drawn for one that is accepted: later ones differ less from a case."""
MOST: Final = 160
"""Largest size drawn afresh: several tiles of the CPU's configurations and a part of one."""
LARGEST: Final = 1 << 19
"""Elements of the largest array: a call takes well under a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A call that was drawn.

    case: its sizes and attributes, for reports.
    refused: how many calls were drawn before it that the binder refused.
    """

    case: Case
    kind: Kind
    inputs: Inputs
    refused: int


def draw(op: Op, seed: int) -> Drawn:
    """The call of an operation for a seed.

    Raises:
        AssertionError: the binder refuses nearly everything that is drawn.
    """
    rng = np.random.default_rng([seed, *op.name.encode()])
    for attempt in range(ATTEMPTS):
        case = _case(op, rng, changes=max(0.0, 1.0 - attempt / (ATTEMPTS - 10)))
        try:
            inputs = _inputs(op, case, rng)
        except (ArgumentError, Unfit):
            continue
        if inputs is not None:
            kind, found = inputs
            return Drawn(case=case, kind=kind, inputs=found, refused=attempt)
    raise AssertionError(f"{op.name}: no call that is accepted in {ATTEMPTS} draws, seed {seed}")


def run(op: Op, seed: int, implementations: Sequence[str], device: str = "cpu") -> tuple[CaseResult, ...]:
    """The drawn call, each implementation against the oracle, and torch against JAX."""
    drawn = draw(op, seed)
    repeat = partial(repeat_call, op, seed, device)
    return run_inputs(drawn.inputs, drawn.case, drawn.kind, seed, implementations, device, repeat)


def implementations_of(seed: int) -> tuple[str, ...]:
    """What runs the call of a seed by default."""
    return tuple(name for name, every in ROTATION if seed % every == 0)


def repeat_call(op: Op, seed: int, device: str, implementations: Sequence[str]) -> str:
    """The command that runs implementations on a drawn call."""
    where = [] if device == "cpu" else ["--device", device]
    chosen = ["--seed", str(seed), "--count", "1", "--implementations", ",".join(implementations)]
    return again("fuzz", op, *chosen, *where)


# -- sizes and attributes ------------------------------------------------------------------------------------


def _case(op: Op, rng: np.random.Generator, changes: float) -> Case:
    """A case near one of the operation's own; `changes` from 1 (much is drawn) to 0 (nothing is)."""
    base = pick(rng, [case for case in op.cases if not case.large])
    before = check_attributes(op, dict(base.attributes))
    attributes = {
        a.name: _attribute(a, before[a.name], rng) if rng.random() < changes / 2 else before[a.name]
        for a in op.attributes
    }
    formats, absent = dict(base.formats), set(base.absent)
    for array in op.inputs:
        if isinstance(array.formats, tuple) and rng.random() < changes / 2:
            formats[array.name] = pick(rng, array.formats)
        if array.optional and rng.random() < changes / 3:
            absent ^= {array.name}
    sizes = _sizes(op, base, rng, changes)
    sizes |= _layout_sizes(op, sizes, before, attributes, rng)
    return Case(
        name="fuzz",
        sizes=tuple(sizes.items()),
        attributes=tuple((name, value) for name, value in attributes.items() if value is not None),
        formats=tuple(formats.items()),
        absent=tuple(sorted(absent)),
        lead=_lead(op, sizes, rng),
    )


def _sizes(op: Op, base: Case, rng: np.random.Generator, changes: float) -> dict[str, int]:
    """Sizes of the axes; those that are equal in the case mostly stay so."""
    before = dict(base.sizes)
    sizes = dict(before)
    axes = {axis.name: axis for axis in op.axes}
    for name, own in before.items():
        if sizes[name] != own or rng.random() > changes / 2:
            continue
        size = _size(own, axes.get(name), rng)
        together = rng.random() < 3 / 4
        for other, value in before.items():
            if other == name or (together and value == own and own > 1):
                sizes[other] = size
    return sizes


def _size(own: int, axis: Axis | None, rng: np.random.Generator) -> int:
    near = [0, 1, 2, 3, own - 1, own + 1, own // 2, own + 16]
    fresh = [int(rng.integers(0, MOST)), 32 * int(rng.integers(0, MOST // 32))]
    size = max(0, pick(rng, [*near, *fresh, *fresh]))
    if axis is not None:
        size = max(axis.minimum, -(-size // axis.multiple_of) * axis.multiple_of)
    return size


def _layout_sizes(
    op: Op, sizes: Mapping[str, int], before: Mapping[str, object], now: Mapping[str, object], rng: np.random.Generator
) -> dict[str, int]:
    """Sizes that follow from the layouts of caches: widths of rows, bytes of pages with and without padding."""
    found: dict[str, int] = {}
    for name, layout in now.items():
        old = before[name]
        if isinstance(layout, Paged) and isinstance(old, Paged) and layout != old:
            widths = {old.width: layout.width, old.value_width: layout.value_width}
            found |= {axis: widths[size] for axis, size in sizes.items() if size in widths and size > 1}
    for array in op.inputs:
        pages = array.layout
        if not isinstance(pages, Pages):
            continue
        layout, rows = now[pages.layout], now[pages.block_size]
        length = array.shapes[0][1]
        if isinstance(layout, Paged) and isinstance(rows, int) and isinstance(length, Axis):
            found[length.name] = layout.page_stride(rows) + layout.alignment * pick(rng, [0, 0, 1, 5])
    return found


def _attribute(attribute: Attribute, own: object, rng: np.random.Generator) -> object:
    """A value that the declaration accepts, except for constraints."""
    if attribute.kind is Paged and rng.random() < 1 / 2:
        return drawn_layout(rng)
    if attribute.choices:
        return pick(rng, attribute.choices)
    if attribute.kind is bool:
        return bool(rng.integers(2))
    if attribute.kind is float:
        return _number(attribute, own, rng)
    if attribute.kind is int:
        return _integer(attribute, own, rng)
    return own


def _number(attribute: Attribute, own: object, rng: np.random.Generator) -> float:
    """A float that is no power of two, of the order of the case's."""
    scale = own if isinstance(own, float) and own else 1.0
    value = scale * math.exp(float(rng.standard_normal()))
    low, high = attribute.minimum, attribute.maximum
    if low is None and rng.random() < 1 / 8:
        value = -value
    return min(max(value, -math.inf if low is None else low), math.inf if high is None else high)


def _integer(attribute: Attribute, own: object, rng: np.random.Generator) -> int:
    low = 0 if attribute.minimum is None else attribute.minimum
    near = [low, low + 1, int(rng.integers(1, 40)), int(rng.integers(1, 200))]
    if isinstance(own, int):
        near += [own, own - 1, own + 1, own // 2, 2 * own]
    high = math.inf if attribute.maximum is None else attribute.maximum
    return int(min(max(pick(rng, near), low), high))


def _lead(op: Op, sizes: Mapping[str, int], rng: np.random.Generator) -> tuple[int, ...] | None:
    """Leading dimensions in place of the rows, in a third of the calls of operations that take any number."""
    rows = {dim.axis.name for array in op.arrays for shape in _shapes(array) for dim in shape if isinstance(dim, Rows)}
    if len(rows) != 1 or rng.random() > 1 / 3:
        return None
    count = sizes[rows.pop()]
    divisor = pick(rng, [d for d in range(1, count + 1) if count % d == 0] or [0])
    choices: list[tuple[int, ...]] = [(divisor, count // divisor if divisor else 3), (1, count), (count, 1, 1)]
    return pick(rng, [*choices, ()] if count == 1 else choices)


def _shapes(array: Array) -> list[tuple[Any, ...]]:
    return [*array.shapes, *(shape for _, shapes in array.shapes_by for shape in shapes)]


# -- values --------------------------------------------------------------------------------------------------


def _inputs(op: Op, case: Case, rng: np.random.Generator) -> tuple[Kind, Inputs] | None:
    """The values of a call; None for one that is too large.

    Raises:
        ArgumentError: the binder refuses the call.
        Unfit: the sampler has no values for sizes that do not fit together.
    """
    layout = layout_of(op, case)
    if any(np.prod(shape, dtype=np.float64) > LARGEST for shape in layout.shapes.values()):
        return None
    call = layout.call()
    if any(np.prod(shape, dtype=np.float64) > LARGEST for shape in call.shapes.values()):
        return None
    kind: Kind = pick(rng, KINDS) if _keeps_exact(op, case) else "random"
    inputs = generate(op, case, kind, int(rng.integers(2**32)))
    arrays, strides = dict(inputs.arrays), dict[str, tuple[int, ...]]()
    for array in op.inputs:
        if array.name not in arrays:
            continue
        if kind == "random" and op.name not in NUMBERS and rng.random() < 1 / 8:
            arrays[array.name] = special(op, array, arrays[array.name], inputs.formats[array.name], rng)
        if rng.random() < 1 / 4:
            arrays[array.name] = _reshaped(array, arrays[array.name], layout.attributes, call.sizes, rng)
        if rng.random() < 1 / 2:
            arrays[array.name], strides[array.name] = _moved(array, arrays[array.name], layout.attributes, rng)
    found = replace(inputs, arrays=arrays, strides=strides)
    found.layout.call()
    return kind, found


def _keeps_exact(op: Op, case: Case) -> bool:
    """Whether the case has the numbers that exact data was designed for."""
    floats = [a.name for a in op.attributes if a.kind is float]
    given = dict(case.attributes)
    return any(all(given.get(n) == dict(own.attributes).get(n) for n in floats) for own in op.cases)


def _reshaped(
    array: Array,
    raw: np.ndarray[Any, Any],
    attributes: Mapping[str, object],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
) -> np.ndarray[Any, Any]:
    """The array in another of the shapes that it is taken in."""
    if isinstance(array.layout, Pages):
        layout, rows = attributes[array.layout.layout], attributes[array.layout.block_size]
        assert isinstance(layout, Paged)
        if not isinstance(rows, int) or raw.ndim != 2 or raw.shape[1] != rows * layout.row_bytes:
            return raw
        return raw.reshape(len(raw), rows, layout.row_bytes)
    form = array.under(attributes)
    shapes = form.shapes
    if len(shapes) < 2 or form.swapped or any(isinstance(d, Rows) for s in shapes for d in s):
        return raw
    env = {**sizes, **attributes, **layout_facts(attributes)}
    shape = tuple(as_expr(dim).evaluate(env) for dim in pick(rng, shapes))  # type: ignore[arg-type]
    return raw.reshape(shape) if 0 < math.prod(shape) == raw.size else raw


def _moved(
    array: Array, raw: np.ndarray[Any, Any], attributes: Mapping[str, object], rng: np.random.Generator
) -> tuple[np.ndarray[Any, Any], tuple[int, ...]]:
    """Other strides, and the values that the array has under them: repeated ones where a stride is 0."""
    if isinstance(array.layout, Dense):
        raw = repeated(array, raw, rng)
    return raw, strides_of(array, raw, attributes, rng)
