"""Numbers that divide sizes and indices, from declared conditions and the program: where blocks need no bounds."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd, prod

from specs.lang.declare.axes import BinaryExpr, Env, Expr, Literal, resolved
from specs.tile.ir import Opcode, Value


class Divisors:
    """Divisors of sizes, from conditions such as M % BLOCK_M == 0 that are true.

    known: attributes, static axes and tunables by name.
    """

    def __init__(self, conditions: Iterable[Expr], known: Env) -> None:
        self.known = known
        self._divisors: dict[Expr, int] = {}
        for condition in conditions:
            self._add(condition)

    def _add(self, condition: Expr) -> None:
        match condition:
            case BinaryExpr("and", left, right):
                self._add(left)
                self._add(right)
            case BinaryExpr("==", BinaryExpr("%", size, by), Literal(0)) if by.names() <= self.known.keys():
                self._divisors[resolved(size, self.known)] = by.evaluate(self.known)

    def of(self, size: Expr) -> int | None:
        """The divisor that the conditions give; None where none of them is about the size."""
        size = resolved(size, self.known)
        match size:
            case BinaryExpr("//", whole, Literal(int(by))) if size not in self._divisors:
                found = self.of(whole)
                return None if found is None or found % by else found // by
        return self._divisors.get(size)


_SUMS = frozenset({Opcode.ADD, Opcode.SUB, Opcode.MIN, Opcode.MAX})


def divisor_of(index: Value) -> int:
    """A number that divides a scalar index in every program; 0 where the index is 0."""
    op = index.op
    if op is None:
        return 1
    if op.code is Opcode.CONST:
        return abs(int(op.attrs["value"]))  # type: ignore[call-overload, no-any-return]
    if op.code is Opcode.MUL:
        return prod(map(divisor_of, op.operands))
    return gcd(*map(divisor_of, op.operands)) if op.code in _SUMS else 1
