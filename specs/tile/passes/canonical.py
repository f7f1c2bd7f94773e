"""The IR as text without the author's names, files and lines: equal text means the same program.

%3 = add %1 %2 : f32[16, 64]
%7 = for %4 %5 %6 (%8 %9) { ... yield %12 } : f32[16, 64]
"""

from __future__ import annotations

from collections.abc import Mapping

from specs.lang.declare.axes import Expr, resolved, show
from specs.tile.ir import ArrayParam, Operation, Program, Value


def canonical(program: Program) -> str:
    """Everything of a program that changes what it computes or how it is launched."""
    known = dict(program.constants)
    lines = [_array(array, known) for array in program.arrays]
    sizes, grid = (", ".join(map(show, exprs)) for exprs in (program.sizes, program.grid))
    lines.append(f"sizes [{sizes}] grid [{grid}] tunables {program.tunables} wide {program.wide}")
    _Numbering().block(list(program.ops), 0, lines)
    return "\n".join(lines) + "\n"


class _Numbering:
    """Numbers values in the order in which they are defined."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}

    def of(self, value: Value) -> str:
        return f"%{self.numbers.setdefault(id(value), len(self.numbers))}"

    def all(self, values: tuple[Value, ...] | list[Value]) -> str:
        return " ".join(self.of(value) for value in values)

    def block(self, ops: list[Operation], depth: int, lines: list[str]) -> None:
        for op in ops:
            lines.append("  " * depth + self.line(op))
            if op.region is not None:
                lines[-1] += f" ({self.all(op.region.parameters)})"
                self.block(op.region.ops, depth + 1, lines)
                lines.append("  " * (depth + 1) + f"yield {self.all(op.region.results)}")

    def line(self, op: Operation) -> str:
        attributes = [f"{name}={_attribute(op.attrs[name])}" for name in sorted(op.attrs)]
        operands = self.all(op.operands)
        left = f"{self.all(op.results)} = " if op.results else ""
        types = " : " + ", ".join(str(value.type) for value in op.results) if op.results else ""
        return left + " ".join([op.code.value, *([operands] if operands else []), *attributes]) + types


def _attribute(value: object) -> str:
    """1, 1.0 and True are three different constants; equal ones print alike."""
    return str(value) if isinstance(value, Expr) else repr(value)


def _array(array: ArrayParam, known: Mapping[str, int]) -> str:
    strides = "packed" if array.packed else f"unit {array.unit}"
    access = "written" if array.written else "read"
    swapped = " swapped" if array.swapped else ""
    sizes = ", ".join(show(resolved(dim, known)) for dim in array.sizes)
    return f"array {array.name}: {array.element.name} [{sizes}] {strides} {access}{swapped}"
