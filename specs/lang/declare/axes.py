"""Symbolic sizes: axes, attribute references, and the small integer expressions over them.

An expression is used wherever a spec states a size: in array shapes, grids, constraints, static conditions that
specialise a kernel, and the choice of a configuration. It evaluates on a mapping from names to integers and prints as
Python, so the same object serves checks, error messages, generated grid functions and the JSON form.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Union

from specs.lang.formats.elements import ElementFormat

Env = Mapping[str, Union[int, bool, str, float, object]]


class Expr:
    """An integer (or bool) expression over axes and attributes. Immutable."""

    __slots__ = ()

    def evaluate(self, env: Env) -> int:
        """The value under `env` (names of axes and attributes -> values)."""
        raise NotImplementedError

    def names(self) -> frozenset[str]:
        """Names of the axes and attributes the expression reads."""
        raise NotImplementedError

    def __add__(self, other: ExprLike) -> Expr:
        return BinaryExpr("+", self, as_expr(other))

    def __radd__(self, other: ExprLike) -> Expr:
        return BinaryExpr("+", as_expr(other), self)

    def __sub__(self, other: ExprLike) -> Expr:
        return BinaryExpr("-", self, as_expr(other))

    def __rsub__(self, other: ExprLike) -> Expr:
        return BinaryExpr("-", as_expr(other), self)

    def __mul__(self, other: ExprLike) -> Expr:
        return BinaryExpr("*", self, as_expr(other))

    def __rmul__(self, other: ExprLike) -> Expr:
        return BinaryExpr("*", as_expr(other), self)

    def __floordiv__(self, other: ExprLike) -> Expr:
        return BinaryExpr("//", self, as_expr(other))

    def __mod__(self, other: ExprLike) -> Expr:
        return BinaryExpr("%", self, as_expr(other))

    def __rfloordiv__(self, other: ExprLike) -> Expr:
        return BinaryExpr("//", as_expr(other), self)

    def __rmod__(self, other: ExprLike) -> Expr:
        return BinaryExpr("%", as_expr(other), self)

    def __le__(self, other: ExprLike) -> Expr:
        return BinaryExpr("<=", self, as_expr(other))

    def __lt__(self, other: ExprLike) -> Expr:
        return BinaryExpr("<", self, as_expr(other))

    def __ge__(self, other: ExprLike) -> Expr:
        return BinaryExpr(">=", self, as_expr(other))

    def __gt__(self, other: ExprLike) -> Expr:
        return BinaryExpr(">", self, as_expr(other))

    def equals(self, other: ExprLike) -> Expr:
        """The expression `self == other` (the operator itself compares expressions as values)."""
        return BinaryExpr("==", self, as_expr(other))

    def differs(self, other: ExprLike) -> Expr:
        """The expression `self != other`."""
        return BinaryExpr("!=", self, as_expr(other))

    def or_(self, other: Expr) -> Expr:
        """At least one is true."""
        return BinaryExpr("or", self, other)

    def and_(self, other: Expr) -> Expr:
        """Both are true (`and` cannot be overloaded)."""
        return BinaryExpr("and", self, other)


ExprLike = Union[Expr, int, float, str, ElementFormat]


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """A constant; floats, strings and formats occur only where an attribute is compared with them."""

    value: int | float | str | ElementFormat

    def evaluate(self, env: Env) -> int:
        return self.value  # type: ignore[return-value]

    def names(self) -> frozenset[str]:
        return frozenset()

    def __str__(self) -> str:
        return self.value.name if isinstance(self.value, ElementFormat) else repr(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis(Expr):
    """A symbolic size."""

    name: str
    """Name in expressions."""
    static: bool = False
    """Whether it specialises the generated code; if not, it is a run-time integer in Triton and part of a shape in JAX.
    """
    minimum: int = 0
    """Smallest size accepted."""
    maximum: int | None = None
    """Largest size accepted, None for no limit."""
    multiple_of: int = 1
    """What divides every size accepted."""
    value: Expr | None = None
    """What the size follows from; None where arrays have it."""
    default: int = 0
    """Size when none of the arrays passed has it."""
    doc: str = ""
    """What it counts."""

    def evaluate(self, env: Env) -> int:
        return env[self.name]  # type: ignore[return-value]

    def names(self) -> frozenset[str]:
        return frozenset((self.name,))

    def __str__(self) -> str:
        return self.name

    def problem(self, size: int) -> str | None:
        """The requirement that `size` breaks, or None."""
        if size < self.minimum:
            return f"{self.name} >= {self.minimum}"
        if self.maximum is not None and size > self.maximum:
            return f"{self.name} <= {self.maximum}"
        if size % self.multiple_of:
            return f"{self.name} divisible by {self.multiple_of}"
        return None


@dataclass(frozen=True, slots=True)
class Ref(Expr):
    """An attribute or a tunable, read by name."""

    name: str

    def evaluate(self, env: Env) -> int:
        return env[self.name]  # type: ignore[return-value]

    def names(self) -> frozenset[str]:
        return frozenset((self.name,))

    def __str__(self) -> str:
        return self.name


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
    "or": lambda a, b: bool(a) or bool(b),
    "and": lambda a, b: bool(a) and bool(b),
    "cdiv": lambda a, b: -(-a // b),
    "max": max,
    "min": min,
}


@dataclass(frozen=True, slots=True)
class BinaryExpr(Expr):
    """`left operator right` with Python's integer semantics."""

    operator: str
    left: Expr
    right: Expr

    def evaluate(self, env: Env) -> int:
        return _OPERATORS[self.operator](_number(self.left.evaluate(env)), _number(self.right.evaluate(env)))

    def names(self) -> frozenset[str]:
        return self.left.names() | self.right.names()

    def __str__(self) -> str:
        if self.operator in ("cdiv", "max", "min"):
            return f"{self.operator}({self.left}, {self.right})"
        return f"({self.left} {self.operator} {self.right})"


def _number(value: int) -> int:
    """A bool as 0 or 1: symbolic sizes of torch 2.11 cannot be multiplied by True and False."""
    return int(value) if value is True or value is False else value


def as_expr(value: ExprLike) -> Expr:
    """`value` itself, or a literal."""
    return value if isinstance(value, Expr) else Literal(value)


def substitute(expr: Expr, names: Mapping[str, Expr]) -> Expr:
    """The expression with other expressions in place of some names, all at once."""
    if isinstance(expr, (Axis, Ref)):
        return names.get(expr.name, expr)
    if isinstance(expr, BinaryExpr):
        return BinaryExpr(expr.operator, substitute(expr.left, names), substitute(expr.right, names))
    return expr


def cdiv(a: ExprLike, b: ExprLike) -> Expr:
    """`ceil(a / b)` for non-negative integers."""
    return BinaryExpr("cdiv", as_expr(a), as_expr(b))


def emax(a: ExprLike, b: ExprLike) -> Expr:
    """The larger of two sizes."""
    return BinaryExpr("max", as_expr(a), as_expr(b))


def emin(a: ExprLike, b: ExprLike) -> Expr:
    """The smaller of two sizes."""
    return BinaryExpr("min", as_expr(a), as_expr(b))


def resolved(expr: Expr, known: Env, literal: Callable[[int], Expr] = Literal) -> Expr:
    """The expression with values for the names that `known` has, and references for axes, as in programs.

    literal: expression of a value.
    """
    if expr.names() <= known.keys():
        return literal(expr.evaluate(known))
    if isinstance(expr, BinaryExpr):
        left, right = (resolved(side, known, literal) for side in (expr.left, expr.right))
        return left if (expr.operator, right) == ("//", Literal(1)) else BinaryExpr(expr.operator, left, right)
    return Ref(expr.name) if isinstance(expr, Axis) else expr


def solved(expr: Expr, size: int, known: Env) -> tuple[Axis, int] | None:
    """The axis without a known size in a sum `known + AXIS` or product `known * AXIS`, and its size where that is
    `size`, rounded down; None for any other expression.
    """
    if not isinstance(expr, BinaryExpr) or expr.operator not in "+*":
        return None
    for axis, other in ((expr.right, expr.left), (expr.left, expr.right)):
        if isinstance(axis, Axis) and axis.name not in known and other.names() <= known.keys():
            value = other.evaluate(known)
            return axis, size - value if expr.operator == "+" else size // value
    return None


def show(expr: ExprLike) -> str:
    """The expression as a reader writes it: no outer parentheses."""
    text = str(as_expr(expr))
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text
