"""What a parting of two functions is, and how arrays differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from parity.functions.calls import Place
from parity.judge.frameworks import Result
from parity.judge.guard import bit_view
from parity.judge.inputs import decode
from parity.judge.ulp import ulp_distance
from parity.judge.verdict import Verdict

Kind = Literal["call", "attribute", "argument", "result", "returned"]
SIDES: Final = ("torch", "JAX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """The worst element of two arrays. where: its index, () where they have no element in common."""

    where: tuple[int, ...]
    torch: float
    jax: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Where two functions part.

    kind: "result" where an operation leaves its contract; else the code between operations differs: another operation
        ("call"), another attribute or argument of the same one, or something else made of equal results ("returned").
    operation, name: of which operation, and of its array or attribute; "" where there is none.
    torch, jax: the places of the call in either function, None where a function makes none.
    what, details: what differs, in a line; the worst element in another.
    """

    kind: Kind
    operation: str = ""
    name: str = ""
    torch: Place | None
    jax: Place | None
    what: str
    details: str = ""
    worst: Element | None = None

    @property
    def stage(self) -> str:
        """In which stage (`parity.stage`)."""
        place = self.torch or self.jax
        return "" if place is None else place.stage

    def __str__(self) -> str:
        head = [str(self.torch or self.jax or "after the last call"), self.operation]
        lines = [f"{', '.join(part for part in head if part)}: {self.what}", *([self.details] if self.details else [])]
        for side, place in zip(SIDES, (self.torch, self.jax), strict=True):
            if place is not None:
                lines.append(f"{side}: {', from '.join(place.frames) or 'unknown'}")
        return "\n    ".join(lines)


def difference(left: Result | None, right: Result | None, ulp: int) -> tuple[str, str, Element | None] | None:
    """How torch's array and JAX's differ: what, details, the worst element; None where they are the same.

    Floats have to have the same bits, or be at most `ulp` steps apart; integers of any width the same values.
    """
    if left is None or right is None:
        if left is right:
            return None
        return f"is passed in {SIDES[left is None]} alone", "", None
    integers = not (left.form.is_float or right.form.is_float)
    if left.raw.shape != right.raw.shape or (left.form != right.form and not integers):
        texts = [f"{one.form.name} {list(one.raw.shape)}" for one in (left, right)]
        return f"is {texts[0]} in torch, {texts[1]} in JAX", "", None
    if left.form != right.form:
        bad = np.asarray(left.raw != right.raw)
    else:
        bad = np.asarray(bit_view(left.raw) != bit_view(right.raw)).reshape(left.raw.shape)
    if not bad.any():
        return None
    one, other = (_values(x) for x in (left, right))
    if left.form.is_float and ulp:
        bad &= ~(ulp_distance(one, other, left.form) <= ulp)
        if not bad.any():
            return None
    with np.errstate(invalid="ignore"):
        error = np.nan_to_num(np.abs(one - other), nan=np.inf)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.where(bad, error, -1.0))), bad.shape))
    worst = Element(where=index, torch=float(one[index]), jax=float(other[index]))
    details = f"{int(bad.sum())} of {bad.size} elements differ; worst at {_spelled(worst)}"
    return "differs", details, worst


def outside(verdict: Verdict, left: Result, right: Result, *, reference: bool) -> tuple[str, Element | None]:
    """The elements of two results that leave a contract: in a line, and the worst.

    reference: whether the verdict is against the float64 oracle.
    """
    if not verdict.worst:
        return verdict.message, None
    worst, found = verdict.worst[0], None
    head = f"{verdict.mismatches} of {verdict.elements} elements; worst at "
    tail = f"{f', float64 {worst.expected:.9g}' if reference else ''}, bound {worst.bound:.3g}"
    if left.raw.shape == right.raw.shape and _inside(worst.coordinate, left.raw.shape):
        one, other = (float(_values(Result(raw=x.raw[worst.coordinate], form=x.form))) for x in (left, right))
        found = Element(where=worst.coordinate, torch=one, jax=other)
        return f"{head}{_spelled(found)}{tail}", found
    # Codes that share words have other indices than these.
    return f"{head}{list(worst.coordinate)}: got {worst.actual:.9g}{tail}", None


def _spelled(element: Element) -> str:
    return f"{list(element.where)}: torch {element.torch:.9g}, JAX {element.jax:.9g}"


def _inside(index: Sequence[int], shape: Sequence[int]) -> bool:
    return len(index) == len(shape) and all(i < size for i, size in zip(index, shape, strict=True))


def _values(x: Result) -> Any:
    return np.asarray(decode(x.raw, x.form) if x.form.is_float else x.raw, np.float64)
