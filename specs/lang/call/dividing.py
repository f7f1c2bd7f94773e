"""Which dimensions of a call's arrays may be divided between devices, and into how many parts: read off the shapes.

An axis that the operation declares independent (`Op.independent`) is divided in every array that has it at once.
Dimensions whose size follows from it (one scale per 128 of N, eight codes per word) are divided with it, as long as no
part ends inside of a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

from specs.lang.call.bind import Call
from specs.lang.declare.axes import Axis, Expr, as_expr
from specs.lang.declare.kernel import Array, Dim, Rows
from specs.lang.declare.layouts import Pages


@dataclass(frozen=True, slots=True)
class Divisions:
    """The divisible dimensions of a call.

    dims: of every argument that is passed and every result, the label of each dimension ("" where it stays whole).
        Dimensions of the same label are divided together. Leading dimensions have a label each.
    parts: of every label, a number of equal parts into which it may be cut; so may it be cut into any divisor of it.
    blocks: labels of which some dimension is not as long as it has parts: it may be cut between blocks only.
    """

    dims: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, int]
    blocks: frozenset[str] = frozenset()


def divisions(call: Call) -> Divisions:
    """The dimensions of a call that may be divided."""
    held = [i for i in call.op.independent if i.when is None or i.when.evaluate(call.env)]
    axes = {i.axis.name: i.axis.name for i in held}
    for i in held:
        size = call.sizes[i.axis.name]
        axes |= {other.name: i.axis.name for other in i.along if size and call.sizes[other.name] % size == 0}
    arrays = [array for array in call.op.arrays if array.name in call.shapes]
    symbols = {array.name: _symbols(call, array) for array in arrays}
    leading = {dim.axis.name for dims in symbols.values() for dim in dims if isinstance(dim, _Lead)}
    parts: dict[str, int] = {}
    refused: set[str] = set()
    for array in arrays:
        for dim, size in zip(symbols[array.name], call.shapes[array.name], strict=True):
            if isinstance(dim, _Lead):
                parts[dim.label] = size
                continue
            for name in {axes[own] for own in _names(dim) & axes.keys()}:
                count = None if name in leading else _parts(dim, name, call)
                if count is None:
                    refused.add(name)
                else:
                    parts[name] = gcd(parts.get(name, 0), count)
    live = {own: name for own, name in axes.items() if name not in refused}
    dims = {name: tuple(_label(dim, live) for dim in found) for name, found in symbols.items()}
    sizes = [(label, size) for name in dims for label, size in zip(dims[name], call.shapes[name], strict=True) if label]
    parts = {label: count for label, count in parts.items() if label in dict(sizes)}
    return Divisions(dims, parts, frozenset(label for label, size in sizes if size != parts[label]))


@dataclass(frozen=True, slots=True)
class _Lead:
    """One of the dimensions that multiply to an axis."""

    axis: Axis
    index: int

    @property
    def label(self) -> str:
        return f"{self.axis.name}{self.index}"


def _symbols(call: Call, array: Array) -> list[Dim | _Lead]:
    """The symbolic size of every dimension of an array, in the order in which it was passed."""
    sizes = call.shapes[array.name]
    if isinstance(array.layout, Pages):
        return [0] * len(sizes)
    shape = call.shape(array.name)
    found: list[Dim | _Lead] = list(shape)
    if shape and isinstance(shape[0], Rows):
        found[:1] = [_Lead(shape[0].axis, index) for index in range(len(sizes) - len(shape) + 1)]
    return [*call.forms[array.name].reordered(tuple(found))] if array.name in call.accepted else found


def _names(dim: Dim) -> frozenset[str]:
    return as_expr(dim).names() if isinstance(dim, (Expr, int)) else frozenset()


def _label(dim: Dim | _Lead, live: Mapping[str, str]) -> str:
    if isinstance(dim, _Lead):
        return dim.label if dim.axis.name in live else ""
    return next((live[own] for own in _names(dim) & live.keys()), "")


def _parts(dim: Dim, name: str, call: Call) -> int | None:
    """Number of equal parts of a dimension that split no block; None if unknown."""
    if isinstance(dim, Axis):
        return call.sizes[name]
    assert isinstance(dim, Expr)
    env = call.env
    if any(isinstance(env.get(other), int) and other in call.sizes for other in dim.names() - {name}):
        return None  # of two axes

    def at(size: int) -> int:
        return dim.evaluate({**env, name: size})

    size, held = call.sizes[name], at(call.sizes[name])
    if not size or not held:
        return 0 if size == held else None
    if held % size == 0:
        return size if at(1) * size == held else None
    block, rest = divmod(size, held)
    rounds_up, rounds_down = at(block + 1) == 2, at(block) == 1 and at(block - 1) == 0
    return held if not rest and at(block) == 1 and (rounds_up or rounds_down) else None
