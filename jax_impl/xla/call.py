"""One launch as array operations."""

from __future__ import annotations

from math import prod

import jax.numpy as jnp

from jax_impl.backend import Arrays
from jax_impl.formats import dtype_of
from jax_impl.kernel import nonempty
from jax_impl.xla.arrayops import JAX_OPS
from specs.tile.interpret.executor import Buffer, execute
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
    out = execute(launch.program, JAX_OPS, buffers, launch.sizes, launch.grid)
    return {name: flat[: prod(launch.arrays[name][1].sizes)] for name, flat in out.items()}
