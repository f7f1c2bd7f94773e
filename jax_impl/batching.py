"""vmap as one call: where the mapped arguments have an independent axis, or another operation takes mapped weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jax_impl.formats import describe
from jax_impl.platforms.primitive import Batched
from specs.lang.call.batching import merged
from specs.lang.call.bind import bind
from specs.lang.call.transforms import instead_of_vmap
from specs.lang.errors import Unsupported
from specs.moe.stacked import products_for, stacked

if TYPE_CHECKING:
    from jax_impl.launch import Work


class JaxArrays:
    """`specs.lang.call.batching.Arrays`."""

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Any:
        return jnp.broadcast_to(x, tuple(shape))

    def moveaxis(self, x: Any, source: int, destination: int) -> Any:
        return jnp.moveaxis(x, source, destination)

    def as_bytes(self, words: Any) -> Any:
        pieces = jax.lax.bitcast_convert_type(words, jnp.uint8)
        return pieces.reshape(*words.shape[:-1], 4 * words.shape[-1])

    def multiples(self, count: int, of: int, like: Any) -> Any:
        return of * jnp.arange(count, dtype=jnp.int32)


JAX_ARRAYS = JaxArrays()


def batch(work: Work, size: int, mapped: Sequence[bool]) -> Batched:
    """`size` calls as one, for arguments of which some are `mapped`: each call has its own.

    Raises:
        Unsupported: no independent axis of the operation fits the mapped arguments, and no operation takes weights that
            are among them.
    """
    own = {name for name, is_mapped in zip(work.names, mapped, strict=True) if is_mapped}
    plan = merged(work.call, work.names, work.result_names, size, own) or stacked(work.call, work.names, size, own)
    if plan is None:
        advice = instead_of_vmap(work.call.op, own, products_for(work.call.op))
        raise Unsupported(f"vmap of {work.name} over {' and '.join(sorted(own))}", advice)

    def call(operands: Sequence[Any]) -> tuple[Work, list[Any]]:
        found = plan.before(JAX_ARRAYS, dict(zip(work.names, operands, strict=True)))
        names = tuple(array.name for array in plan.op.inputs if array.name in found)
        infos = {name: describe(found[name]) for name in names}
        whole = replace(work, call=bind(plan.op, infos, plan.attributes), names=names)
        return whole, [found[name] for name in names]

    def after(results: Sequence[Any]) -> list[Any]:
        found = plan.after(JAX_ARRAYS, dict(zip(work.result_names, results, strict=True)))
        return [found[name] for name in work.result_names]

    return Batched(call, after, [plan.dims[name] for name in work.result_names])
