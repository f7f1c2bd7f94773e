"""Small terms of declarations: access modes, leading dimensions, names of choices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Union

from specs.lang.declare.axes import Axis, Expr
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


def choice_name(value: object) -> str:
    """How a choice is written in a spec: formats and layouts by their name."""
    return value.name if isinstance(value, (ElementFormat, Paged)) else str(value)


def variant_name(value: object) -> str:
    """How `Array.shapes_by` writes a choice: a layout, which may be one of the caller's own, by its codes."""
    return value.codes if isinstance(value, Paged) else choice_name(value)
