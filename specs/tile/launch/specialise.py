"""Traces a kernel for one specialisation (the static facts of a call); programs are cached.

A `Specialisation` holds everything the tile program may depend on: attributes that are not dynamic, which optional
arrays are present, their element formats and memory layouts, static axes, static conditions, tunables. Two calls with
equal specialisations run one program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from specs.lang.call.bind import layout_facts
from specs.lang.declare.axes import Env, Expr, Literal, Ref, as_expr, resolved
from specs.lang.declare.kernel import Access, Array, Form, Kernel, Rows
from specs.lang.formats.elements import ElementFormat
from specs.tile.constants import constants, dimension, named
from specs.tile.frontend.divisors import Divisors
from specs.tile.frontend.trace import Tracer, fail, tracing
from specs.tile.ir import ArrayParam, Lead, Program, without_dead
from specs.tile.language import ArrayHandle
from specs.tile.passes.simplify import simplify


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayLayout:
    """Memory layout of one array, as far as the program depends on it.

    lead: memory dimensions that the leading `Rows` dimension has after collapsing (1 when the shape has none).
    unit: dimension whose stride is the constant 1 (in the order the program indexes), or None.
    packed: row-major without gaps, so that no stride is passed.
    swapped: passed with the last two dimensions in the other order and no strides to say so.
    """

    lead: int = 1
    unit: int | None = None
    packed: bool = True
    swapped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialisation:
    """The key of a traced program. All fields are hashable and ordered as the kernel declares them."""

    attributes: tuple[tuple[str, object], ...]
    formats: tuple[tuple[str, ElementFormat], ...]
    layouts: tuple[tuple[str, ArrayLayout], ...]
    static: tuple[tuple[str, int], ...]
    static_conditions: tuple[tuple[str, bool], ...]
    tunables: tuple[tuple[str, int], ...]
    wide: bool = False


class Parameters:
    """The object `p` of a kernel body. Attribute access only; an unknown name is the author's error."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = dict(members)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._members[name]
        except KeyError:
            raise fail(f"the kernel declares nothing called '{name}'", f"it has {', '.join(self._members)}") from None


@lru_cache(maxsize=4096)
def trace(kernel: Kernel, key: Specialisation) -> Program:
    """Runs the kernel's body once and returns what it recorded."""
    tracer, forms = Tracer(), kernel.under(dict(key.attributes))
    params = {array.name: _param(forms[array.name], key) for array in kernel.arrays if _present(array, key)}
    members: dict[str, Any] = {array.name: None for array in kernel.arrays}
    layouts = dict(key.layouts)
    divisors = _divisors(kernel, key)
    for name, param in params.items():
        shape = forms[name].shapes[0]
        sizes = tuple(resolved(dim.axis if isinstance(dim, Rows) else as_expr(dim), divisors.known) for dim in shape)
        members[name] = ArrayHandle(param, layouts[name].lead, not shape, sizes, divisors)
    numbers = constants((*key.attributes, *key.static, *key.tunables))
    members |= dict(key.attributes) | dict(key.static_conditions) | named(numbers)
    names = run_time_names(kernel)
    with tracing(tracer):
        members |= {name: tracer.size(Ref(name)) for name in names}
        kernel.body(Parameters(members))
        tracer.name_the_rest()
    leads = [dim for param in params.values() for dim in param.sizes if isinstance(dim, Lead)]
    return Program(
        name=kernel.name,
        doc=kernel.doc,
        arrays=tuple(params.values()),
        sizes=(*map(Ref, names), *leads),
        grid=tuple(map(as_expr, kernel.grid)),
        ops=tuple(simplify(without_dead(tracer.ops))),
        constants=numbers,
        tunables=key.tunables,
        specialisation=_describe(key),
        wide=key.wide,
    )


def _divisors(kernel: Kernel, key: Specialisation) -> Divisors:
    """Divisors of sizes in all calls that the program serves."""
    attributes, true = dict(key.attributes), dict(key.static_conditions)
    env = {**attributes, **layout_facts(attributes), **dict(key.static), **dict(key.tunables)}
    return Divisors((condition for name, condition in kernel.static_conditions if true[name]), env)


def _present(array: Array, key: Specialisation) -> bool:
    return any(name == array.name for name, _ in key.formats)


def _param(form: Form, key: Specialisation) -> ArrayParam:
    array, shape, layout = form.array, form.shapes[0], dict(key.layouts)[form.name]
    attributes = dict(key.attributes)
    known: Env = {**attributes, **layout_facts(attributes), **named(constants((*key.attributes, *key.static)))}
    sizes: list[Expr] = [] if shape else [Literal(1)]
    for dim in shape:
        if not isinstance(dim, Rows):
            sizes.append(resolved(as_expr(dim), known, dimension))
        elif layout.lead == 1:
            sizes.append(Ref(dim.axis.name))
        else:
            sizes += [Lead(array.name, index) for index in range(layout.lead)]
    return ArrayParam(
        name=array.name,
        element=dict(key.formats)[array.name],
        rank=len(sizes),
        unit=layout.unit,
        packed=layout.packed,
        sizes=tuple(sizes),
        written=array.access is not Access.IN,
        swapped=layout.swapped,
    )


def run_time_names(kernel: Kernel) -> list[str]:
    """Axes and attributes that no program is specialised on."""
    axes = [axis.name for axis in kernel.axes if not axis.static]
    return axes + [attribute.name for attribute in kernel.attributes if attribute.dynamic]


def _describe(key: Specialisation) -> tuple[tuple[str, str], ...]:
    """The specialisation as text, for the header of generated sources."""
    pairs: list[tuple[str, str]] = []
    pairs += [(name, getattr(value, "name", None) or str(value)) for name, value in key.attributes]
    pairs += [(name, element.name) for name, element in key.formats]
    pairs += [(name, str(value)) for name, value in (*key.static, *key.static_conditions, *key.tunables)]
    if key.wide:
        pairs.append(("offsets", "64-bit"))
    return tuple(pairs)
