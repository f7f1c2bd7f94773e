"""One launch of a generated kernel as a function of arrays, whatever its source."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jax_impl.formats import dtype_of
from specs.tile.ir import ArrayParam
from specs.tile.launch.plan import Launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """An array that a kernel is given.

    name: in the kernel. array: the operation's name of it. form: a struct with the shape and dtype the kernel sees,
    which is another view of the same bytes where the kernel reads raw codes or merges dimensions.
    """

    name: str
    array: str
    form: jax.ShapeDtypeStruct


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a launch is called with, in order.

    operands: arrays that are read only, then those updated in place. results: all arrays that are written.
    aliases: operand -> result that takes its memory.
    """

    operands: tuple[Argument, ...]
    results: tuple[Argument, ...]
    aliases: tuple[tuple[int, int], ...]

    @property
    def structs(self) -> list[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the results."""
        return [result.form for result in self.results]

    @property
    def inputs(self) -> int:
        """How many operands are read only."""
        return len(self.operands) - len(self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCall:
    """A launch of a kernel. function: to be called under jit with the operands in order; returns the results."""

    name: str
    signature: Signature
    function: Callable[..., list[Any]]


def kernel_call(
    launch: Launch,
    given: Collection[str],
    make: Callable[[Launch, Signature, str], Callable[..., list[Any]]] | None,
    platform: str,
) -> KernelCall:
    """The launch, of a legalised program, as a function; it must have programs to run.

    Args:
        given: names in the operation of the arrays that have values before.
        make: a backend's `kernel`.

    Raises:
        Unsupported: the backend cannot take this launch.
    """
    assert make is not None, "the backend makes no kernels"
    program = launch.program
    results = [param for param in program.arrays if param.written]
    in_place = [param for param in results if launch.arrays[param.name][0] in given]
    inputs = [param for param in program.arrays if not param.written]
    signature = Signature(
        operands=tuple(_argument(launch, param) for param in (*inputs, *in_place)),
        results=tuple(_argument(launch, param) for param in results),
        aliases=tuple((len(inputs) + i, results.index(param)) for i, param in enumerate(in_place)),
    )
    return KernelCall(name=program.name, signature=signature, function=make(launch, signature, platform))


def at_least_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with no dimension empty."""
    return tuple(max(size, 1) for size in shape)


def _argument(launch: Launch, param: ArrayParam) -> Argument:
    array, memory = launch.arrays[param.name]
    shape = memory.sizes
    if param.swapped:
        shape = (*shape[:-2], shape[-1], shape[-2])
    # Pallas cannot refer to an empty array, so an empty array becomes a dummy of one element.
    form = jax.ShapeDtypeStruct(at_least_one(shape), dtype_of(param.element))
    return Argument(name=param.name, array=array, form=form)


def nonempty(array: Any) -> Any:
    """The array, or a dummy of one element for an empty one.

    Pallas cannot refer to an empty array, and XLA spends seconds on folding what follows from one.
    """
    return array if array.size else jnp.zeros(at_least_one(array.shape), array.dtype)
