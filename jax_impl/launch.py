"""Runs checked calls under jit. One jitted function per signature of shapes, dtypes and attributes is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl.arrayops import JAX_OPS
from jax_impl.dequant import product
from jax_impl.formats import describe, dtype_of, format_of, raw_view
from jax_impl.kernel_call import at_least_one, kernel_call
from jax_impl.platforms.devices import platform_name
from jax_impl.support import choose, default_platform, prepare, strided, target_of
from specs.lang.bind import Call, bind
from specs.lang.elements import ElementFormat
from specs.lang.errors import Unsupported, WrongType
from specs.lang.layouts import packed_strides
from specs.lang.op import Op
from specs.tile.executor import Buffer, execute
from specs.tile.ir import Program
from specs.tile.legalise import legalise
from specs.tile.plan import Launch, plan

Arrays = dict[str, Any]
_ARRAYS = (jax.Array, np.ndarray)
_functions: dict[Any, tuple[Callable[..., list[Any]], tuple[str, ...]]] = {}
"""By what a call was given, and by what that means: the jitted function, and the names of the arrays that it takes."""


def run(op: Op, arrays: Sequence[Any], attributes: tuple[object, ...], implementation: str | None) -> list[Any]:
    """Runs `op`; arrays and attributes in the order of its spec. Returns in-place arguments, then fresh results."""
    platform = platform_of(arrays)
    present = [given for given in arrays if given is not None]
    try:
        signature = [None if a is None else (a.shape, a.dtype, isinstance(a, _ARRAYS)) for a in arrays]
        # Types beside values: 128.0 equals 128, and is refused.
        wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
        key = (id(op), attributes, (*map(type, attributes),), implementation, platform, wide, *signature)
        known = _functions.get(key)
    except (AttributeError, TypeError):  # not an array, or an attribute without a hash: the checks say so
        key, known = None, None
    if known is None:
        call = check(op, arrays, attributes)
        chosen = choose(op, platform, implementation)
        refuse_64_bits(call)
        prepare(chosen, platform)
        names = tuple(array.name for array, given in zip(op.inputs, arrays, strict=True) if given is not None)
        # However attributes and the implementation are spelled, there is one function to compile.
        resolved = (id(op), tuple(call.attributes.items()), chosen, platform, wide, *signature)
        known = _functions.get(resolved)
        if known is None:
            known = jax.jit(refuse_transforms(op, partial(_execute, call, chosen, platform))), names
        _functions[resolved] = _functions[key] = known
    function, names = known
    return list(function(dict(zip(names, present, strict=True))))


def refuse_transforms(op: Op, function: Callable[[Arrays], list[Any]]) -> Callable[[Arrays], list[Any]]:
    """The function with clear refusals of grad and vmap, which would otherwise fail deep inside a kernel."""

    @jax.custom_batching.custom_vmap
    def batched(arrays: Arrays) -> list[Any]:
        return function(arrays)

    @batched.def_vmap
    def _(*_args: Any) -> Any:
        raise Unsupported(f"vmap of {op.name}", "pass leading dimensions instead: every row argument takes any number")

    @jax.custom_jvp
    def differentiable(arrays: Arrays) -> list[Any]:
        return list(batched(arrays))

    @differentiable.defjvp
    def _(*_args: Any) -> Any:
        raise Unsupported(f"the gradient of {op.name}", "inference kernels have no derivative rule")

    return differentiable


def check(op: Op, arrays: Sequence[Any], attributes: tuple[object, ...]) -> Call:
    """The checked call; raises `ArgumentError` for a wrong one."""
    infos = {}
    for array, given in zip(op.inputs, arrays, strict=True):
        if given is not None and not isinstance(given, _ARRAYS):
            raise WrongType(op=op.name, argument=array.name, expected="an array", actual=type(given).__name__)
        infos[array.name] = None if given is None else describe(given)
    named: dict[str, object] = {}
    for attribute, value in zip(op.attributes, attributes, strict=True):
        convert = attribute.kind is ElementFormat and value is not None
        named[attribute.name] = format_of(op.name, attribute.name, value) if convert else value
    return bind(op, infos, named)


def refuse_64_bits(call: Call) -> None:
    """Raises `Unsupported` for arrays of 64-bit numbers, which JAX would narrow in silence unless they are on."""
    for name, form in call.formats.items():
        if form.storage_bits == 64 and not jax.config.read("jax_enable_x64"):
            raise Unsupported(f"{call.op.name} with '{name}' as {form.name}", "64-bit types are off (jax_enable_x64)")


def platform_of(arrays: Sequence[Any]) -> str:
    """The platform that concrete arrays live on; the default one while tracing."""
    for array in arrays:
        if isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer):
            device = array.device  # of several devices their sharding
            return platform_name(device if isinstance(device, jax.Device) else next(iter(array.devices())))
    return default_platform()


def _execute(call: Call, implementation: str, platform: str, given: Arrays) -> list[Any]:
    """All steps of a call, traced."""
    op, arrays = call.op, dict(given)
    if implementation == "dequant":
        return product(call, arrays)
    config = target_of(implementation, platform).config
    for step in op.active_steps(call.env):
        launch = plan(call, step, config=config, strides=strides_of(call, implementation))
        arrays |= _step(call, launch, implementation, platform, arrays)
    results = [*op.mutated, *op.outputs]
    return [arrays[a.name].reshape(call.shapes[a.name]) for a in results if a.name in call.shapes]


def strides_of(call: Call, implementation: str) -> dict[str, tuple[int, ...] | None]:
    """Strides with which the inputs are planned: none, or for Triton source, which has them, those of JAX's arrays."""
    given = [array.name for array in call.op.inputs if array.name in call.shapes]
    return {name: packed_strides(call.shapes[name]) if strided(implementation) else None for name in given}


def _step(call: Call, launch: Launch, implementation: str, platform: str, arrays: Arrays) -> Arrays:
    """What one step writes, by the operation's names."""
    program = legalise(launch.program, target_of(implementation, platform))
    operands: Arrays = {}
    for param in program.arrays:
        name, memory = launch.arrays[param.name]
        if name in arrays:
            shape = memory.sizes
            if param.swapped:
                shape = (*shape[:-2], shape[-1], shape[-2])
            operands[param.name] = raw_view(arrays[name], param.element).reshape(shape)
    if implementation == "xla":
        out = _xla(program, launch, operands)
    else:
        out = _kernel(program, launch, operands, implementation, platform)
    written: Arrays = {}
    for name, array in out.items():
        target, memory = launch.arrays[name]
        declared = dict(launch.key.formats)[name]
        written[target] = raw_view(array, declared).reshape(call.shapes[target])
    return written


def _xla(program: Program, launch: Launch, operands: Arrays) -> Arrays:
    buffers: dict[str, Buffer] = {}
    for param in program.arrays:
        memory = launch.arrays[param.name][1]
        flat = operands.get(param.name)
        if flat is None:
            flat = jnp.zeros(memory.sizes, dtype_of(param.element))
        buffers[param.name] = Buffer(_nonempty(flat).reshape(-1), memory.strides)
    out = execute(program, JAX_OPS, buffers, launch.sizes, launch.grid)
    return {name: flat[: prod(launch.arrays[name][1].sizes)] for name, flat in out.items()}


def _kernel(program: Program, launch: Launch, operands: Arrays, implementation: str, platform: str) -> Arrays:
    sizes = {p.name: launch.arrays[p.name][1].sizes for p in program.arrays if p.written}
    if not prod(launch.grid):
        forms = {p.name: dtype_of(p.element) for p in program.arrays}
        empty = {name: jnp.zeros(size, forms[name]) for name, size in sizes.items()}
        return {name: operands.get(name, array) for name, array in empty.items()}
    given = [launch.arrays[name][0] for name in operands]
    call = kernel_call(launch, program, given, implementation, platform)
    results = call.function(*[_nonempty(operands[argument.name]) for argument in call.signature.operands])
    pairs = zip(call.signature.results, results, strict=True)
    return {a.name: r if prod(sizes[a.name]) else jnp.zeros(sizes[a.name], r.dtype) for a, r in pairs}


def _nonempty(array: Any) -> Any:
    """The array, or one element in place of none, which nothing reads.

    Pallas cannot refer to an empty array, and XLA spends seconds on folding what follows from one.
    """
    return array if array.size else jnp.zeros(at_least_one(array.shape), array.dtype)
