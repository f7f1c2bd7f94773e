"""One launch as array operations."""

from __future__ import annotations

from math import prod

import jax.numpy as jnp

from jax_impl.backend import Arrays
from jax_impl.formats import dtype_of
from jax_impl.kernel import nonempty
from jax_impl.xla.arrayops import JAX_OPS
from specs.tile.interpret.executor import Buffer, execute
from specs.tile.interpret.known import KnownOps
from specs.tile.launch.plan import Launch


def executed(launch: Launch, operands: Arrays) -> Arrays:
    """What the program writes, by the kernel's names."""
    buffers: dict[str, Buffer] = {}
    for param in launch.program.arrays:
        memory = launch.arrays[param.name][1]
        flat = operands.get(param.name)
        if flat is None:
            flat = jnp.zeros(memory.sizes, dtype_of(param.element))
        buffers[param.name] = Buffer(nonempty(flat).reshape(-1), memory.strides)
    numbers = (
        *launch.sizes.values(),
        *launch.grid,
        *(n for b in buffers.values() for n in (*b.strides, *b.flat.shape)),
    )
    fixed = not launch.program.wide and all(isinstance(number, int) for number in numbers)
    ops = KnownOps(JAX_OPS, launch.grid) if fixed else JAX_OPS
    out = execute(launch.program, ops, buffers, launch.sizes, launch.grid)
    return {name: flat[: prod(launch.arrays[name][1].sizes)] for name, flat in out.items()}
