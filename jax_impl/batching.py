"""vmap as one call, where the mapped arguments have an independent axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from jax_impl.platforms.primitive import Batched
from specs.lang.call.transforms import instead_of_vmap
from specs.lang.declare.axes import as_expr
from specs.lang.declare.kernel import Rows
from specs.lang.errors import Unsupported

if TYPE_CHECKING:
    from jax_impl.launch import Work


def batch(work: Work, size: int, mapped: Sequence[bool]) -> Batched:
    """`size` calls as one, for arguments of which some are `mapped`: each call has its own.

    Raises:
        Unsupported: no independent axis of the operation fits the mapped arguments.
    """
    own = {name for name, is_mapped in zip(work.names, mapped, strict=True) if is_mapped}
    for places in _places(work):
        if own <= set(places):
            return _along(work, size, own, places)
    raise Unsupported(f"vmap of {work.name} over {' and '.join(sorted(own))}", instead_of_vmap(work.call.op, own))


def _places(work: Work) -> list[Mapping[str, int]]:
    """For every axis along which calls are independent: which arrays have it, and where it goes.

    -1 is a new leading dimension; other numbers are the dimension whose elements become `size` times as many.
    """
    call = work.call
    found: list[Mapping[str, int]] = []
    names = (*work.names, *work.result_names)
    for axis in (i.axis.name for i in call.op.independent if i.when is None or i.when.evaluate(call.env)):
        shapes = {n: call.shape(n) for n in names}
        leading = {n: -1 for n, s in shapes.items() if s and isinstance(s[0], Rows) and s[0].axis.name == axis}
        if leading:
            others = [dim for n, shape in shapes.items() if n not in leading for dim in shape]
            if not any(axis in as_expr(dim).names() for dim in others if not isinstance(dim, Rows)):
                found.append(leading)  # else a size of another array follows from how many rows there are
            continue
        dims = work.divisions.dims
        places = {name: dims[name].index(axis) for name in names if axis in dims[name]}
        if places and all(call.shapes[name][place] == call.sizes[axis] for name, place in places.items()):
            found.append(places)
    return found


def _along(work: Work, size: int, own: set[str], places: Mapping[str, int]) -> Batched:
    def before(operands: Sequence[Any]) -> list[Any]:
        return [merged(name, operand) for name, operand in zip(work.names, operands, strict=True)]

    def merged(name: str, x: Any) -> Any:
        if name not in places:
            return x
        if name not in own:
            x = jnp.broadcast_to(x, (size, *x.shape))
        place = places[name]
        return x if place < 0 else jnp.moveaxis(x, 0, place).reshape(grown(name))

    def grown(name: str) -> tuple[int, ...]:
        shape, place = work.call.shapes[name], places.get(name)
        if place is None:
            return shape
        return (size, *shape) if place < 0 else (*shape[:place], size * shape[place], *shape[place + 1 :])

    def after(results: Sequence[Any]) -> list[Any]:
        return [parted(name, result) for name, result in zip(work.result_names, results, strict=True)]

    def parted(name: str, x: Any) -> Any:
        place = places.get(name, -1)
        return x if place < 0 else x.reshape(*x.shape[:place], size, x.shape[place] // size, *x.shape[place + 1 :])

    whole = work.resized(tuple(grown(name) for name in work.names))
    dims = [None if name not in places else max(places[name], 0) for name in work.result_names]
    return Batched(whole, before, after, dims)
