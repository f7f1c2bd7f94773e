"""Runs checked calls under jit. One jitted function per signature of shapes, dtypes and attributes is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from itertools import zip_longest
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl import batching, partition, refs, symbolic
from jax_impl.arrayops import JAX_OPS
from jax_impl.dequant import product
from jax_impl.formats import describe, dtype_of, format_of, raw_view
from jax_impl.kernel_call import at_least_one, kernel_call
from jax_impl.platforms import primitive
from jax_impl.platforms.devices import platform_name
from jax_impl.support import choose, default_platform, elsewhere, named, prepare, strided, target_of
from specs.lang.call.bind import ArrayInfo, Call, bind
from specs.lang.call.dividing import Divisions, divisions
from specs.lang.call.transforms import WITHOUT_GRADIENT
from specs.lang.declare.layouts import packed_strides
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported, WrongType
from specs.lang.formats.elements import ElementFormat
from specs.tile.interpret.executor import Buffer, execute
from specs.tile.ir import Program
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.targets import Target

Arrays = dict[str, Any]
_ARRAYS = (jax.Array, np.ndarray)
_functions: dict[Any, tuple[Callable[..., list[Any]], Work]] = {}
"""By what a call was given, and by what that means: the jitted function, and the call."""


def run(op: Op, arrays: Sequence[Any], attributes: tuple[object, ...], implementation: str | None) -> list[Any]:
    """Runs `op`; arrays and attributes in the order of its spec. Returns in-place arguments, then fresh results.

    In-place arguments that are references (`jax.new_ref`) are written, and not returned.
    """
    references = refs.given(op, arrays)
    if references:
        arrays = [given[...] if index in references else given for index, given in enumerate(arrays)]
    platform = platform_of(arrays)
    ambient = elsewhere() if platform is None else None
    present = [given for given in arrays if given is not None]
    try:
        signature = [None if a is None else (a.shape, a.dtype, isinstance(a, _ARRAYS)) for a in arrays]
        # Types beside values: 128.0 equals 128, and is refused.
        wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
        key = (id(op), attributes, (*map(type, attributes),), implementation, platform, ambient, wide, *signature)
        known = _functions.get(key)
    except (AttributeError, TypeError):  # not an array, or an attribute without a hash: the checks say so
        key, known = None, None
    if known is None:
        if symbolic.is_symbolic(arrays):
            rows = partial(run, op, attributes=attributes, implementation=implementation)
            return symbolic.run(op, arrays, partial(check, op, attributes=attributes), rows)
        call = check(op, arrays, attributes)
        where = platform or ambient
        chosen = choose(op, where, implementation) if where else named(op, implementation)
        refuse_64_bits(call)
        names = tuple(array.name for array, given in zip(op.inputs, arrays, strict=True) if given is not None)
        # However attributes and the implementation are spelled, there is one function to compile.
        resolved = (id(op), tuple(call.attributes.items()), chosen, ambient, wide, *signature)
        known = _functions.get(resolved)
        if known is None:
            work = Work(call, names, chosen, ambient, wide)
            known = jax.jit(work.jitted()), work
        _functions[resolved] = _functions[key] = known
    function, work = known
    results = list(function(*present))
    return refs.write(op, references, work.result_names, results) if references else results


@dataclass(frozen=True, eq=False)
class Work:
    """A checked call, as `platforms.primitive.Work` has it.

    names: arguments that are passed, in order. implementation: None for the first that runs where it is lowered.
    """

    call: Call
    names: tuple[str, ...]
    implementation: str | None
    platform: str | None
    wide: bool

    def __repr__(self) -> str:  # in the text of a traced program
        return self.name if self.implementation is None else f"{self.name} as {self.implementation}"

    @property
    def name(self) -> str:
        """Of the operation."""
        return self.call.op.name

    @cached_property
    def result_names(self) -> tuple[str, ...]:
        """What is returned, in order."""
        op = self.call.op
        return tuple(array.name for array in (*op.mutated, *op.outputs) if array.name in self.call.shapes)

    @cached_property
    def results(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shapes and dtypes of what is returned."""
        shapes, formats = self.call.shapes, self.call.formats
        return tuple(jax.ShapeDtypeStruct(shapes[n], dtype_of(formats[n])) for n in self.result_names)

    @cached_property
    def divisions(self) -> Divisions:
        """What may be divided between devices."""
        return divisions(self.call)

    def traced(self, *operands: Any) -> list[Any]:
        """The call, to be traced under jit."""
        mesh, placed = partition.specs_of(operands)
        if mesh is not None:
            return partition.explicit(self, mesh, placed, operands)
        return primitive.bind(self, operands)

    def jitted(self) -> Callable[..., list[Any]]:
        """`traced` under the operation's name, by which JAX calls it in its messages and profiles."""

        def call(*operands: Any) -> list[Any]:
            return self.traced(*operands)

        call.__name__ = call.__qualname__ = self.name
        return call

    def part(self, *operands: Any) -> list[Any]:
        """The same call of other sizes: on one device's part of the arguments."""
        return primitive.bind(self.resized(tuple(tuple(operand.shape) for operand in operands)), operands)

    @lru_cache(maxsize=64)  # noqa: B019 - kept as long as the jitted functions
    def resized(self, shapes: tuple[tuple[int, ...], ...]) -> Work:
        """The call for arguments of these shapes."""
        formats = self.call.formats
        infos = {n: ArrayInfo(s, formats[n], None, "jax") for n, s in zip(self.names, shapes, strict=True)}
        return replace(self, call=bind(self.call.op, infos, self.call.attributes))

    def choice(self, platform: str) -> tuple[str, Target | None]:
        """The implementation for a platform, and its target. Raises `Unsupported` where it cannot run."""
        where = self.platform or platform
        chosen = choose(self.call.op, where, self.implementation)
        return chosen, None if chosen == "dequant" else target_of(chosen, where)

    @lru_cache(maxsize=8)  # noqa: B019 - as above
    def function(self, platform: str) -> Callable[..., list[Any]]:
        """The implementation for a platform, jitted: traced once for all programs that have the call."""
        where = self.platform or platform
        chosen, _ = self.choice(platform)
        prepare(chosen, where)

        def implementation(*operands: Any) -> list[Any]:
            return _execute(self.call, chosen, where, dict(zip(self.names, operands, strict=True)))

        implementation.__name__ = implementation.__qualname__ = self.name
        return jax.jit(implementation)

    def sources(self) -> list[list[int]]:
        """Of every result, the operands from which it follows: not those with an independent axis that it lacks."""
        dims = {name: {label for label in labels if label} for name, labels in self.divisions.dims.items()}
        return [[i for i, name in enumerate(self.names) if dims[name] <= dims[r]] for r in self.result_names]

    def divide(self) -> Callable[..., Any] | None:
        """The call with a rule by which XLA divides it between devices; None where nothing of it can be divided."""
        return partition.automatic(self)

    def batched(self, size: int, mapped: Sequence[bool]) -> primitive.Batched:
        """One call in place of `size`."""
        return batching.batch(self, size, mapped)

    def differentiate(self) -> None:
        """Raises `Unsupported`."""
        raise Unsupported(f"the gradient of {self.name}", WITHOUT_GRADIENT)


def check(op: Op, arrays: Sequence[Any], attributes: tuple[object, ...]) -> Call:
    """The checked call; raises `ArgumentError` for a wrong one."""
    infos = {}
    for array, given in zip(op.inputs, arrays, strict=True):
        if given is not None and not isinstance(given, _ARRAYS):
            raise WrongType(op=op.name, argument=array.name, expected="an array", actual=type(given).__name__)
        infos[array.name] = None if given is None else describe(given)
    named: dict[str, object] = {}
    for attribute, value in zip_longest(op.attributes, attributes):  # those left out have their defaults
        convert = attribute.kind is ElementFormat and value is not None
        named[attribute.name] = format_of(op.name, attribute.name, value) if convert else value
    return bind(op, infos, named)


def refuse_64_bits(call: Call) -> None:
    """Raises `Unsupported` for arrays of 64-bit numbers, which JAX would narrow in silence unless they are on."""
    for name, form in call.formats.items():
        if form.storage_bits == 64 and not jax.config.read("jax_enable_x64"):
            raise Unsupported(f"{call.op.name} with '{name}' as {form.name}", "64-bit types are off (jax_enable_x64)")


def platform_of(arrays: Sequence[Any]) -> str | None:
    """The platform that arrays live on; None while tracing, when the platform is known where it is lowered."""
    if any(isinstance(array, jax.core.Tracer) for array in arrays):
        return None
    for array in arrays:
        if isinstance(array, jax.Array):
            device = array.device  # of several devices their sharding
            return platform_name(device if isinstance(device, jax.Device) else next(iter(array.devices())))
    return default_platform()


def _execute(call: Call, implementation: str, platform: str, given: Arrays) -> list[Any]:
    """All steps of a call, traced."""
    op, arrays = call.op, dict(given)
    if implementation == "dequant":
        return product(call, arrays)
    target = target_of(implementation, platform)
    for launch in launches(call, target, strides=strides_of(call, implementation)):
        arrays |= _step(call, launch, implementation, platform, arrays)
    results = [*op.mutated, *op.outputs]
    return [arrays[a.name].reshape(call.shapes[a.name]) for a in results if a.name in call.shapes]


def strides_of(call: Call, implementation: str) -> dict[str, tuple[int, ...] | None]:
    """Strides with which the inputs are planned: none, or for Triton source, which has them, those of JAX's arrays."""
    given = [array.name for array in call.op.inputs if array.name in call.shapes]
    return {name: packed_strides(call.shapes[name]) if strided(implementation) else None for name in given}


def _step(call: Call, launch: Launch, implementation: str, platform: str, arrays: Arrays) -> Arrays:
    """What one step writes, by the operation's names."""
    operands: Arrays = {}
    for param in launch.program.arrays:
        name, memory = launch.arrays[param.name]
        if name in arrays:
            shape = memory.sizes
            if param.swapped:
                shape = (*shape[:-2], shape[-1], shape[-2])
            operands[param.name] = raw_view(arrays[name], param.element).reshape(shape)
    if implementation == "xla":
        out = _xla(launch.program, launch, operands)
    else:
        out = _kernel(launch.program, launch, operands, implementation, platform)
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
