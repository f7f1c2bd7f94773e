"""From a checked call to launches: specialisation, traced program, grid, sizes and strides of every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from specs.lang.call.bind import Call
from specs.lang.declare.axes import Expr, Ref, as_expr
from specs.lang.declare.kernel import Array, Config, Form, Kernel, Rows, Shape
from specs.lang.declare.layouts import Pages, packed_strides
from specs.lang.declare.op import Step
from specs.lang.errors import SpecError
from specs.lang.formats.elements import ElementFormat
from specs.tile.ir import Lead, Program, Size, Stride
from specs.tile.launch.specialise import ArrayLayout, Specialisation, run_time_names, trace
from specs.tuned.measured import values_for
from specs.tuned.rows import Place

Strides = tuple[int, ...]
Dims = list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One array as a kernel addresses it: sizes and strides of its memory dimensions, in index order."""

    sizes: tuple[int, ...]
    strides: Strides
    layout: ArrayLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One step of a call, ready for an emitter or the executor.

    step: as the call takes it. index: its position among all steps of the operation.
    arrays: kernel array name -> (operation's array name, memory).
    formats: kernel array name -> element format in the operation, where the kernel's own may be narrower.
    sizes: every size that the program, or the stride of a packed array, may read.
    default: the matching configuration, whether or not the caller has set other tunables.
    alone: whether the call has no other step.
    """

    step: Step
    index: int = 0
    program: Program
    key: Specialisation
    grid: tuple[int, ...]
    sizes: Mapping[Size, int]
    arrays: Mapping[str, tuple[str, Memory]]
    formats: Mapping[str, ElementFormat]
    tunables: Mapping[str, int]
    default: Config
    alone: bool = True

    @property
    def kernel(self) -> Kernel:
        """What is launched."""
        return self.step.kernel

    def number(self, integer: Size | Stride) -> int:
        """The value of an integer that a generated kernel takes."""
        if isinstance(integer, Stride):
            return self.arrays[integer.array][1].strides[integer.dim]
        return self.sizes[integer]


def plan(
    call: Call,
    step: Step,
    *,
    config: str,
    strides: Mapping[str, Strides | None],
    tuned: Mapping[str, int] | None = None,
    place: Place | None = None,
) -> Launch:
    """The launch of one step.

    Args:
        config: which configurations apply (`Target.config`).
        strides: strides in elements of the call's arrays by name; None for frameworks without strides. Arrays that
            are missing are packed.
        tuned: tunables that override the defaults.
        place: where the call runs, whose measured tunables override the defaults as well; None for nowhere.
    """
    kernel = step.kernel
    outer = call.env
    attributes, own_sizes = _kernel_attributes(outer, step), step.sizes_under(outer)
    env: dict[str, object] = {**outer, **own_sizes, **attributes}
    default = kernel.config(config, env)
    tunables = {**dict(default.values), **values_for(place, kernel, default), **(tuned or {})}
    env.update(tunables)
    conditions = {name: bool(expr.evaluate(env)) for name, expr in kernel.static_conditions}
    env.update(conditions)
    forms = kernel.under(attributes)
    present = [a for a in kernel.arrays if step.array_name(a.name) in call.shapes and forms[a.name].shapes]
    memory = {a.name: (step.array_name(a.name), _memory(call, step, forms[a.name], strides)) for a in present}
    sizes = {**call.sizes, **own_sizes}
    key = Specialisation(
        attributes=tuple((a.name, attributes[a.name]) for a in kernel.attributes if not a.dynamic),
        formats=tuple((a.name, _format(call, step, a)) for a in present),
        layouts=tuple((name, m.layout) for name, (_, m) in memory.items()),
        static=tuple((axis.name, sizes[axis.name]) for axis in kernel.axes if axis.static),
        static_conditions=tuple(conditions.items()),
        tunables=tuple(tunables.items()),
        wide=any(_span(m) >= 1 << 31 for _, m in memory.values()),
    )
    program = trace(kernel, key)
    return Launch(
        step=step,
        program=program,
        key=key,
        grid=tuple(as_expr(size).evaluate(env) for size in kernel.grid),
        sizes=_sizes(kernel, {**sizes, **attributes}, memory),
        arrays=memory,
        formats={a.name: call.formats[step.array_name(a.name)] for a in present},
        tunables=tunables,
        default=default,
    )


def _kernel_attributes(env: Mapping[str, object], step: Step) -> dict[str, object]:
    given = dict(step.attributes)
    values: dict[str, object] = {}
    for attribute in step.kernel.attributes:
        value = given.get(attribute.name, Ref(attribute.name))
        values[attribute.name] = value.evaluate(env) if isinstance(value, Expr) else value
    return values


def _memory(call: Call, step: Step, form: Form, strides: Mapping[str, Strides | None]) -> Memory:
    array, name = form.array, step.array_name(form.name)
    shape = call.shapes[name]
    if isinstance(array.layout, Pages):
        return _pages(shape, strides.get(name))
    parts = call.formats[name].storage_bits // _format(call, step, array).storage_bits
    shapes = step.outer_shape(form.shapes[0])
    canonical = shapes if parts == 1 else call.forms[name].shapes[0]
    given = strides.get(name)
    fresh = name not in strides  # temporaries, and results that the caller gave no array for
    steps = packed_strides(shape) if given is None or fresh else given
    shape, steps = form.reordered(shape), form.reordered(steps)
    lead, rest = _align(canonical, call.accepted.get(name, canonical), shape, steps)
    groups = _collapse(lead) if canonical and isinstance(canonical[0], Rows) else []
    dims = [*groups, *rest] or [(1, 1)]  # an array without dimensions lies in memory as one element
    if parts > 1:
        pairs = zip(shapes, canonical, strict=True)
        dims = _narrowed(dims, parts, array, next(d for d, (narrow, wide) in enumerate(pairs) if narrow != wide))
    packed = fresh or (given is None and not form.swapped)
    return Memory(
        sizes=tuple(size for size, _ in dims),
        strides=tuple(stride for _, stride in dims),
        layout=ArrayLayout(
            lead=max(len(groups), 1),
            unit=None if packed else _unit_dim(dims),
            packed=packed,
            swapped=form.swapped and given is None,
        ),
    )


def _pages(shape: tuple[int, ...], strides: Strides | None) -> Memory:
    """A cache as bytes [pages, bytes of a page]."""
    size = prod(shape[1:])
    layout = ArrayLayout(unit=None if strides is None else 1, packed=strides is None)
    return Memory(sizes=(shape[0], size), strides=(size if strides is None else strides[0], 1), layout=layout)


def _format(call: Call, step: Step, array: Array) -> ElementFormat:
    """Element format of a kernel's array: the operation's, or the narrower one as which the kernel reads its bytes."""
    given = call.formats[step.array_name(array.name)]
    if isinstance(array.formats, str) or given in array.formats or len(array.formats) != 1:
        return given
    narrow = array.formats[0]
    return narrow if narrow.storage_bits < given.storage_bits else given


def _narrowed(dims: Dims, parts: int, array: Array, dim: int) -> Dims:
    """(size, stride) in elements of which `parts`, along dimension `dim`, make up one of the operation's."""
    size, stride = dims[dim]
    if size > 1 and stride != 1:
        raise SpecError(f"'{array.name}' is read in a narrower format along a dimension that is not contiguous")
    return [(size * parts, 1) if d == dim else (n, step * parts) for d, (n, step) in enumerate(dims)]


def _align(canonical: Shape, accepted: Shape, shape: tuple[int, ...], strides: Strides) -> tuple[Dims, Dims]:
    """(size, stride) of the leading and of the other dimensions, as the canonical shape has them.

    An accepted variant has further dimensions of size 1, or lacks dimensions, which then have that size.
    """
    pairs = list(zip(shape, strides, strict=True))
    if canonical and isinstance(canonical[0], Rows) and accepted and not isinstance(accepted[0], Rows):
        accepted = (canonical[0], *accepted[1:])  # rows of a step, of which the operation has one dimension
    split = len(pairs) - (len(accepted) - 1) if accepted and isinstance(accepted[0], Rows) else 0
    wanted = [dim for dim in canonical if not isinstance(dim, Rows)]
    offered = [dim for dim in accepted if not isinstance(dim, Rows)]
    if len(offered) < len(wanted):
        lacking = len(wanted) - len(offered)
        assert offered == wanted[lacking:]
        return pairs[:split], [(1, 0)] * lacking + pairs[split:]
    rest: Dims = []
    for dim, pair in zip(offered, pairs[split:], strict=True):
        if len(rest) < len(wanted) and wanted[len(rest)] == dim:
            rest.append(pair)
    assert len(rest) == len(wanted)
    return pairs[:split], rest


def _collapse(lead: Dims) -> Dims:
    """Neighbouring leading dimensions merged where one stride can walk both; at least one dimension remains."""
    if any(size == 0 for size, _ in lead):
        return [(0, 0)]
    merged: Dims = []
    for size, stride in lead:
        if size == 1:
            continue
        if merged and merged[-1][1] == size * stride:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    return merged or [(prod(size for size, _ in lead), 0)]


def _unit_dim(dims: Dims) -> int | None:
    """The dimension with stride 1, the last one where several (or only sizes of 1) qualify."""
    for index in reversed(range(len(dims))):
        if dims[index][1] == 1 or (dims[index][0] == 1 and index == len(dims) - 1):
            return index
    return None


def _span(memory: Memory) -> int:
    return 1 + sum((size - 1) * stride for size, stride in zip(memory.sizes, memory.strides, strict=True) if size > 1)


def _sizes(kernel: Kernel, known: Mapping[str, object], memory: Mapping[str, tuple[str, Memory]]) -> dict[Size, int]:
    sizes: dict[Size, int] = {Ref(name): known[name] for name in run_time_names(kernel)}  # type: ignore[misc]
    for name, (_, own) in memory.items():
        if own.layout.lead > 1:
            sizes |= {Lead(name, index): own.sizes[index] for index in range(own.layout.lead)}
    return sizes
