"""Queues of JAX calls that replace some of their arguments, and tensors of one framework in the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.harness.environment import prepare
from benchmarks.harness.queues import to_jax
from benchmarks.harness.timing import Queue

Arrays = tuple[Any, ...]


def jax_replacing_queue(
    function: Callable[..., Any], sets: Sequence[Arrays], replaced: tuple[int, ...], *, repeats: int = 1
) -> Queue:
    """One pass: `function` on every set, in one executable that is given the replaced arrays for good.

    Args:
        replaced: positions of the arguments whose new values `function` returns, in this order. The next pass gets
            those values, so that nothing is copied to keep the old ones.
        repeats: calls per set, each on the values that the one before returned.
    """
    prepare()
    import jax

    def call(held: Arrays, others: Arrays) -> Arrays:
        given, rest = dict(zip(replaced, held, strict=True)), iter(others)
        found = function(*[given[i] if i in given else next(rest) for i in range(len(held) + len(others))])
        return tuple(found) if isinstance(found, (tuple, list)) else (found,)

    def every(held: list[Arrays], others: list[Arrays]) -> list[Arrays]:
        for _ in range(repeats):
            held = [call(*pair) for pair in zip(held, others, strict=True)]
        return held

    program = jax.jit(every, donate_argnums=0)
    state = [[tuple(arrays[i] for i in replaced) for arrays in sets]]
    others = [tuple(array for i, array in enumerate(arrays) if i not in replaced) for arrays in sets]

    def enqueue() -> None:
        state[0] = program(state[0], others)

    return Queue(
        enqueue=enqueue,
        wait=lambda: _block(state[0]),
        calls=len(sets) * repeats,
        method="one executable",
        keep=(state, others),
    )


def _block(values: Any) -> None:
    import jax

    jax.block_until_ready(values)


def distinct(arrays: Arrays, count: int) -> list[Arrays]:
    """The same arrays `count` times, the last one that is passed copied: calls on them cannot be merged."""
    import jax.numpy as jnp

    last = max(i for i, array in enumerate(arrays) if array is not None)
    return [(*arrays[:last], jnp.array(arrays[last]), *arrays[last + 1 :]) for _ in range(count)]


def jax_inputs(tensors: Sequence[Any]) -> Arrays:
    """An input set as JAX arrays; 64-bit integers become 32-bit ones, as JAX has them by default."""
    import torch

    return tuple(to_jax(t.int() if t is not None and t.dtype == torch.int64 else t) for t in tensors)


def to_torch(results: Any) -> Any:
    """JAX arrays, alone or in a tuple, as torch tensors that share their memory."""
    import torch

    if isinstance(results, (tuple, list)):
        return tuple(to_torch(result) for result in results)
    return torch.utils.dlpack.from_dlpack(results.block_until_ready())
