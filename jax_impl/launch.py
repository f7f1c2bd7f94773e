"""Runs checked calls under jit. One jitted function per signature of shapes, dtypes and attributes is cached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import jax

from jax_impl import batching, partition, refs, symbolic
from jax_impl.backends import BACKENDS
from jax_impl.check import ARRAYS, check, platform_of, refuse_64_bits
from jax_impl.formats import dtype_of
from jax_impl.place import elsewhere
from jax_impl.platforms import primitive
from jax_impl.support import choose, named
from specs.lang.call.bind import ArrayInfo, Call, bind
from specs.lang.call.dividing import Divisions, divisions
from specs.lang.call.transforms import WITHOUT_GRADIENT
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported
from specs.tile.targets import Target

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
        signature = [None if a is None else (a.shape, a.dtype, isinstance(a, ARRAYS)) for a in arrays]
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


def prepare(
    op: Op, arrays: Sequence[Any], attributes: tuple[object, ...], implementation: str
) -> Callable[..., list[Any]]:
    """A checked call as a jitted function of the arrays that are not None, traced anew and not kept.

    Raises:
        Unsupported: the implementation cannot run where the arrays are.
    """
    call, platform = check(op, arrays, attributes), platform_of(arrays)
    names = tuple(array.name for array, given in zip(op.inputs, arrays, strict=True) if given is not None)
    chosen = choose(op, platform, implementation) if platform else named(op, implementation)
    wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    return jax.jit(Work(call, names, chosen, None, wide).jitted())


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
        """Names of the returned arrays, in order."""
        op = self.call.op
        return tuple(array.name for array in (*op.mutated, *op.outputs) if array.name in self.call.shapes)

    @cached_property
    def results(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shapes and dtypes of the returned arrays."""
        shapes, formats = self.call.shapes, self.call.formats
        return tuple(jax.ShapeDtypeStruct(shapes[n], dtype_of(formats[n])) for n in self.result_names)

    @cached_property
    def divisions(self) -> Divisions:
        """Dimensions that may be divided between devices."""
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
        return chosen, BACKENDS[chosen].target(where)

    @lru_cache(maxsize=8)  # noqa: B019 - as above
    def function(self, platform: str) -> Callable[..., list[Any]]:
        """The implementation for a platform, jitted: traced once for all programs that have the call."""
        where = self.platform or platform
        chosen, _ = self.choice(platform)
        backend = BACKENDS[chosen]
        backend.prepare(where)

        def implementation(*operands: Any) -> list[Any]:
            return backend.call(backend, self.call, dict(zip(self.names, operands, strict=True)), where)

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
