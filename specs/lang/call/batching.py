"""Many calls of an operation as one, along an axis along which calls are independent; for either framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from specs.lang.call.bind import Call
from specs.lang.call.dividing import divisions
from specs.lang.declare.axes import as_expr
from specs.lang.declare.kernel import Rows
from specs.lang.declare.op import Op

Named = Mapping[str, Any]
"""Arrays by name, those that are mapped with the batch dimension first."""


class Arrays(Protocol):
    """What a framework's arrays are rearranged with."""

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Any: ...
    def moveaxis(self, x: Any, source: int, destination: int) -> Any: ...
    def as_bytes(self, words: Any) -> Any:
        """32-bit words as four bytes each, lowest first, along the last dimension."""

    def multiples(self, count: int, of: int, like: Any) -> Any:
        """int32 [count]: 0, of, 2 of, .., where `like` is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One call in place of many.

    op, attributes: of that call. before: its arguments. after: the results of the many, from its results.
    dims: where the batch dimension is in a result, None where it has none.
    """

    op: Op
    attributes: Mapping[str, object]
    before: Callable[[Arrays, Named], dict[str, Any]]
    after: Callable[[Arrays, Named], dict[str, Any]]
    dims: Mapping[str, int | None]


def merged(call: Call, names: Sequence[str], results: Sequence[str], size: int, own: set[str]) -> Merged | None:
    """`size` calls as one of the same operation; None where no independent axis fits the mapped arguments.

    Args:
        names: arguments that are passed. results: what is returned. own: arguments that are mapped.
    """
    for places in _places(call, names, results):
        if own <= set(places):
            return _along(call, names, results, size, own, places)
    return None


def every(xp: Arrays, given: Named, name: str, own: set[str], size: int) -> Any:
    """An argument with a batch dimension, the same for all where it is not mapped."""
    x = given[name]
    return x if name in own else xp.broadcast_to(x, (size, *x.shape))


def _places(call: Call, given: Sequence[str], results: Sequence[str]) -> Iterator[Mapping[str, int]]:
    """For every axis along which calls are independent: which arrays have it, and where it goes.

    -1 is a new leading dimension; other numbers are the dimension whose elements become `size` times as many.
    """
    names = (*given, *results)
    alone = [i for i in call.op.independent if not i.along and (i.when is None or i.when.evaluate(call.env))]
    for axis in (i.axis.name for i in alone):
        shapes = {n: call.shape(n) for n in names}
        leading = {n: -1 for n, s in shapes.items() if s and isinstance(s[0], Rows) and s[0].axis.name == axis}
        if leading:
            others = [dim for n, shape in shapes.items() if n not in leading for dim in shape]
            if not any(axis in as_expr(dim).names() for dim in others if not isinstance(dim, Rows)):
                yield leading  # else a size of another array follows from how many rows there are
            continue
        dims = divisions(call).dims
        places = {name: dims[name].index(axis) for name in names if axis in dims[name]}
        if places and all(call.shapes[name][place] == call.sizes[axis] for name, place in places.items()):
            yield places


def _along(
    call: Call, names: Sequence[str], results: Sequence[str], size: int, own: set[str], places: Mapping[str, int]
) -> Merged:
    def before(xp: Arrays, given: Named) -> dict[str, Any]:
        return {name: entering(xp, given, name) for name in names}

    def entering(xp: Arrays, given: Named, name: str) -> Any:
        if name not in places:
            return given[name]
        x, place, shape = every(xp, given, name, own, size), places[name], call.shapes[name]
        if place < 0:
            return x
        grown = (*shape[:place], size * shape[place], *shape[place + 1 :])
        return xp.moveaxis(x, 0, place).reshape(grown)

    def after(_: Arrays, found: Named) -> dict[str, Any]:
        return {name: leaving(name, found[name]) for name in results}

    def leaving(name: str, x: Any) -> Any:
        place = places.get(name, -1)
        return x if place < 0 else x.reshape((*x.shape[:place], size, x.shape[place] // size, *x.shape[place + 1 :]))

    dims = {name: None if name not in places else max(places[name], 0) for name in results}
    return Merged(op=call.op, attributes=call.attributes, before=before, after=after, dims=dims)
