"""The tile programs of a call, one launch after the other, traced under jit."""

from __future__ import annotations

from math import prod
from typing import Any

import jax.numpy as jnp

from jax_impl.backend import Arrays, JaxBackend
from jax_impl.formats import dtype_of, raw_view
from jax_impl.kernel import kernel_call, nonempty
from jax_impl.place import place_of
from specs.lang.call.bind import Call
from specs.lang.declare.layouts import packed_strides
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch


def run(backend: JaxBackend, call: Call, given: Arrays, platform: str) -> list[Any]:
    """Results of a call, in-place arguments first."""
    op, arrays = call.op, dict(given)
    target = backend.target(platform)
    assert target is not None, f"{backend.name} has no target for {platform}"
    place = place_of(platform, backend.name)
    for launch in launches(call, target, strides=strides_of(call, backend.strided), place=place):
        arrays |= _step(backend, call, launch, arrays, platform)
    results = [*op.mutated, *op.outputs]
    return [arrays[a.name].reshape(call.shapes[a.name]) for a in results if a.name in call.shapes]


def strides_of(call: Call, strided: bool) -> dict[str, tuple[int, ...] | None]:
    """Strides with which the inputs are planned: row-major for Triton source, else None."""
    given = [array.name for array in call.op.inputs if array.name in call.shapes]
    return {name: packed_strides(call.shapes[name]) if strided else None for name in given}


def _step(backend: JaxBackend, call: Call, launch: Launch, arrays: Arrays, platform: str) -> Arrays:
    """What one step writes, by the operation's names."""
    operands: dict[str, Any] = {}
    for param in launch.program.arrays:
        name, memory = launch.arrays[param.name]
        if name in arrays:
            shape = memory.sizes
            if param.swapped:
                shape = (*shape[:-2], shape[-1], shape[-2])
            operands[param.name] = raw_view(arrays[name], param.element).reshape(shape)
    assert backend.launch is not None, f"{backend.name} runs no tile programs"
    out = backend.launch(backend, launch, operands, platform)
    written: dict[str, Any] = {}
    for name, array in out.items():
        target, memory = launch.arrays[name]
        declared = dict(launch.key.formats)[name]
        written[target] = raw_view(array, declared).reshape(call.shapes[target])
    return written


def launched(backend: JaxBackend, launch: Launch, operands: Arrays, platform: str) -> Arrays:
    """What a generated kernel writes, by the kernel's names."""
    program = launch.program
    sizes = {p.name: launch.arrays[p.name][1].sizes for p in program.arrays if p.written}
    if not prod(launch.grid):
        forms = {p.name: dtype_of(p.element) for p in program.arrays}
        empty = {name: jnp.zeros(size, forms[name]) for name, size in sizes.items()}
        return {name: operands.get(name, array) for name, array in empty.items()}
    given = [launch.arrays[name][0] for name in operands]
    call = kernel_call(launch, given, backend.kernel, platform)
    results = call.function(*[nonempty(operands[argument.name]) for argument in call.signature.operands])
    pairs = zip(call.signature.results, results, strict=True)
    return {a.name: r if prod(sizes[a.name]) else jnp.zeros(sizes[a.name], r.dtype) for a, r in pairs}
