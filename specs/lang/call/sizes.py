"""Sizes unknown while a compiler traces a call: checks that depend on them are postponed to the run.

A framework's symbol takes part in a check as a `SymbolicSize`. Comparing it gives the answer where the framework is
certain of it for every size, and raises `Undecided` elsewhere, so that no check makes a compiler assume anything.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


class Undecided(Exception):
    """A comparison whose answer depends on the run."""


class SymbolicSize:
    """A framework's symbol (or an expression of them).

    Args:
        value: the framework's own object, which computes and compares.
        decide: True or False for a comparison that has the same answer for all sizes, else None.
    """

    __slots__ = ("decide", "value")

    def __init__(self, value: Any, decide: Callable[[Any], bool | None]) -> None:
        self.value, self.decide = value, decide

    def _with(self, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        result = function(bare_size(left), bare_size(right))
        return result if type(result) is int else SymbolicSize(result, self.decide)

    def _holds(self, function: Callable[[Any, Any], Any], other: Any) -> bool:
        answer = function(self.value, bare_size(other))
        if not isinstance(answer, bool):
            answer = self.decide(answer)
        if answer is None:
            raise Undecided
        return bool(answer)

    def __add__(self, other: Any) -> Any:
        return self._with(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._with(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._with(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._with(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._with(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._with(operator.mul, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._with(operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._with(operator.floordiv, other, self)

    def __mod__(self, other: Any) -> Any:
        return self._with(operator.mod, self, other)

    def __neg__(self) -> Any:
        return SymbolicSize(-self.value, self.decide)

    def __eq__(self, other: object) -> bool:
        return self._holds(operator.eq, other)

    def __ne__(self, other: object) -> bool:
        return self._holds(operator.ne, other)

    def __lt__(self, other: Any) -> bool:
        return self._holds(operator.lt, other)

    def __le__(self, other: Any) -> bool:
        return self._holds(operator.le, other)

    def __gt__(self, other: Any) -> bool:
        return self._holds(operator.gt, other)

    def __ge__(self, other: Any) -> bool:
        return self._holds(operator.ge, other)

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> int:
        raise Undecided

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self.value)

    __repr__ = __str__


def bare_size(size: Any) -> Any:
    """The framework's own object of a size."""
    return size.value if isinstance(size, SymbolicSize) else size


def certainly(condition: Callable[[], object]) -> bool:
    """Whether a condition is true for all sizes."""
    try:
        return bool(condition())
    except Undecided:
        return False


def problem_of(check: Callable[[], str | None]) -> str | None:
    """The requirement that a check finds broken; None also where it depends on the run."""
    try:
        return check()
    except Undecided:
        return None
