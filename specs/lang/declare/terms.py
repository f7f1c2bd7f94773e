"""Small terms of declarations: access modes, leading dimensions, names of choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Union

from specs.lang.declare.axes import Axis, Expr, as_expr, substitute
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged


class Access(Enum):
    """Who writes an array. `INOUT` is mutated in torch and donated, aliased and returned in JAX."""

    IN = "in"
    OUT = "out"
    INOUT = "inout"


@dataclass(frozen=True, slots=True)
class Rows:
    """Any number of leading dimensions, whose sizes multiply to `axis`. Only as the first dimension of a shape."""

    axis: Axis

    def __str__(self) -> str:
        return f"..{self.axis.name}"


Dim = Union[Rows, Expr, int]
Shape = tuple[Dim, ...]

LAYOUT_FACTS = ("width", "values", "data", "share", "codes", "scales", "scale", "unit", "even")
"""Suffixes that expressions may use for a paged layout (`bind.layout_facts`)."""


def sizes_of(shape: Shape) -> frozenset[str]:
    """Names that a shape reads."""
    names = (dim.axis.name if isinstance(dim, Rows) else as_expr(dim) for dim in shape)
    return frozenset().union(*({name} if isinstance(name, str) else name.names() for name in names))


def substituted(shape: Shape, names: Mapping[str, Expr]) -> Shape:
    """The shape with other expressions in place of some names. Leading dimensions stay as they are unless it is an axis
    that their axis is replaced by.
    """
    return tuple(_substituted(dim, names) for dim in shape)


def _substituted(dim: Dim, names: Mapping[str, Expr]) -> Dim:
    if isinstance(dim, Rows):
        axis = names.get(dim.axis.name, dim.axis)
        return Rows(axis) if isinstance(axis, Axis) else dim
    return substitute(dim, names) if isinstance(dim, Expr) else dim


def choice_name(value: object) -> str:
    """How a choice is written in a spec: formats and layouts by their name."""
    return value.name if isinstance(value, (ElementFormat, Paged)) else str(value)


def variant_name(value: object) -> str:
    """How `Array.shapes_by` writes a choice: a layout, which may be one of the caller's own, by its codes."""
    return value.codes if isinstance(value, Paged) else choice_name(value)
