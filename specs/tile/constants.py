"""Integers of one specialisation that sources call by name: tunables, static axes, integer attributes.

While a body is traced, `p.BLOCK_N` is a `NamedInt`: an int that keeps the expression that it was computed from, so that
a source says `BLOCK_N // 2` where the program has 32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Self

from specs.lang.declare.axes import BinaryExpr, Expr, Literal, Ref

_LONGEST = 4
"""Names and numbers of the longest expression: a longer one says less than its value."""
_COMPUTE: Final[dict[str, Callable[[int, int], int]]] = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "//": int.__floordiv__,
    "%": int.__mod__,
}


class NamedInt(int):
    """An int with the expression that it is the value of. Sums, products and quotients with ints are named too."""

    expr: Expr
    terms: int

    def __new__(cls, value: int, expr: Expr, terms: int = 1) -> Self:
        self = super().__new__(cls, value)
        self.expr, self.terms = expr, terms
        return self

    def __add__(self, other: Any) -> Any:
        return _binary("+", self, other, other)

    def __radd__(self, other: Any) -> Any:
        return _binary("+", other, self, other)

    def __sub__(self, other: Any) -> Any:
        return _binary("-", self, other, other)

    def __rsub__(self, other: Any) -> Any:
        return _binary("-", other, self, other)

    def __mul__(self, other: Any) -> Any:
        return _binary("*", self, other, other)

    def __rmul__(self, other: Any) -> Any:
        return _binary("*", other, self, other)

    def __floordiv__(self, other: Any) -> Any:
        return _binary("//", self, other, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _binary("//", other, self, other)

    def __mod__(self, other: Any) -> Any:
        return _binary("%", self, other, other)

    def __rmod__(self, other: Any) -> Any:
        return _binary("%", other, self, other)


def _binary(sign: str, left: int, right: int, other: object) -> Any:
    if type(other) is not int and type(other) is not NamedInt:  # a tile, a float: its own operator knows
        return NotImplemented
    value = _COMPUTE[sign](left, right)
    if (right == 0 and sign in "+-") or (right == 1 and sign in ("*", "//")):
        return left
    if (left == 0 and sign == "+") or (left == 1 and sign == "*"):
        return right
    terms = getattr(left, "terms", 1) + getattr(right, "terms", 1)
    if value == 0 or terms > _LONGEST:
        return value
    return NamedInt(value, BinaryExpr(sign, expression(left), expression(right)), terms)


def expression(value: int) -> Expr:
    """What a number is called: the expression it was computed from, or itself."""
    return value.expr if type(value) is NamedInt else Literal(int(value))


def called(value: object) -> object:
    """What tells a value from others: of a named number its expression, as the same number may have several names."""
    return value.expr if type(value) is NamedInt else value


def constants(values: Iterable[tuple[str, object]]) -> tuple[tuple[str, int], ...]:
    """The integers among a specialisation's values; bools excluded."""
    return tuple((name, value) for name, value in values if type(value) is int)


def named(values: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Constants under their own names. 0 has none: what is added to it or multiplied by it is not written down."""
    return {name: NamedInt(value, Ref(name)) if value else value for name, value in values}


def dimension(value: int) -> Expr:
    """What the size of a dimension is called; 1 by its value, as strides leave such dimensions out."""
    return Literal(1) if value == 1 else expression(value)
