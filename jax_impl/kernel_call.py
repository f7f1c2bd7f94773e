"""One launch of a generated kernel as a function of arrays: through Pallas, or as Triton IR handed to XLA."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import jax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.compile import load_kernel
from jax_impl.emitter import emit
from jax_impl.formats import dtype_of
from specs.lang.errors import Unsupported
from specs.tile.emit import triton as triton_source
from specs.tile.emit.printer import integer_names
from specs.tile.ir import ArrayParam, Opcode, Program, walk
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


def kernel_call(launch: Launch, program: Program, given: Collection[str], road: str, platform: str) -> KernelCall:
    """The launch as a function; it must have programs to run.

    Args:
        program: the launch's, legalised for the target.
        given: names in the operation of the arrays that have values before.
        road: "pallas", "interpret" or "triton".
        platform: what it will be compiled for; only "triton" asks.

    Raises:
        Unsupported: the road cannot take this launch.
    """
    results = [param for param in program.arrays if param.written]
    in_place = [param for param in results if launch.arrays[param.name][0] in given]
    inputs = [param for param in program.arrays if not param.written]
    signature = Signature(
        operands=tuple(_argument(launch, param) for param in (*inputs, *in_place)),
        results=tuple(_argument(launch, param) for param in results),
        aliases=tuple((len(inputs) + i, results.index(param)) for i, param in enumerate(in_place)),
    )
    if road == "triton":
        function = _triton(launch, program, signature, platform)
    else:
        function = _pallas(launch, program, signature, interpret=road == "interpret")
    return KernelCall(name=program.name, signature=signature, function=function)


def at_least_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with no dimension empty."""
    return tuple(max(size, 1) for size in shape)


def _argument(launch: Launch, param: ArrayParam) -> Argument:
    array, memory = launch.arrays[param.name]
    shape = memory.sizes
    if param.swapped:
        shape = (*shape[:-2], shape[-1], shape[-2])
    # Pallas cannot refer to an empty array, so one element stands for none; nothing reads it.
    form = jax.ShapeDtypeStruct(at_least_one(shape), dtype_of(param.element))
    return Argument(name=param.name, array=array, form=form)


def _pallas(launch: Launch, program: Program, signature: Signature, *, interpret: bool) -> Callable[..., list[Any]]:
    if not interpret:
        _check_offsets(launch)
    sizes = {name: launch.number(size) for size, name in integer_names(program.sizes_read).items()}
    kernel: Callable[..., None] = partial(load_kernel(emit(program), program.name), **sizes)
    if signature.aliases:
        kernel = _without_aliases(kernel, signature.inputs, len(signature.aliases))
    function: Callable[..., list[Any]] = pl.pallas_call(
        kernel,
        out_shape=signature.structs,
        grid=launch.grid,
        interpret=interpret,
        name=program.name,
        input_output_aliases=dict(signature.aliases),
        compiler_params=plgpu.CompilerParams(
            num_warps=launch.tunables.get("num_warps"), num_stages=launch.tunables.get("num_stages")
        ),
    )
    return function


def _triton(launch: Launch, program: Program, signature: Signature, platform: str) -> Callable[..., list[Any]]:
    from jax_impl.platforms import compiled_call, custom_call, triton_road

    # XLA passes a pointer per operand, then per result: in-place arrays twice, of which the kernel takes the second.
    before = [f"{a.name}_before" if i >= signature.inputs else a.name for i, a in enumerate(signature.operands)]
    pointers = [*before, *(result.name for result in signature.results)]
    elements = {param.name: param.element for param in program.arrays}
    named = [argument.name for argument in (*signature.operands, *signature.results)]
    taken = [*before[: signature.inputs], *(result.name for result in signature.results)]
    generated = triton_road.linked(triton_source.emit(program), platform)
    numbers = [launch.number(integer) for integer in triton_source.integers(program)]
    compiled = platform == "cuda" and compiled_call.available()
    passed = triton_road.integers(numbers) if compiled else triton_road.constants(numbers)
    request = triton_road.Request(
        source=generated + triton_road.launcher(program.name, [*pointers, *passed.names], [*taken, *passed.arguments]),
        kernel=triton_road.launcher_name(program.name),
        signature=tuple((pointer, elements[name]) for pointer, name in zip(pointers, named, strict=True)),
        integers=passed.types,
        capability=triton_road.compute_capability(platform),
        num_warps=launch.tunables.get("num_warps", 4),
    )
    stages = launch.tunables.get("num_stages", triton_road.STAGES[platform])
    x, y, z = (*launch.grid, 1, 1)[:3]
    if compiled:
        ready = triton_road.compiled_kernel(request, stages, passed.values, (x, y, z))
        return compiled_call.call(ready, signature.structs, dict(signature.aliases))
    kernel = custom_call.TritonKernel(
        name=request.kernel,
        ir=triton_road.triton_ir(request),
        grid=(x, y, z),
        num_warps=request.num_warps,
        num_stages=stages,
    )
    return custom_call.call(kernel, signature.structs, dict(signature.aliases))


def _without_aliases(kernel: Callable[..., None], inputs: int, aliased: int) -> Callable[..., None]:
    """A kernel that ignores the input references of in-place arrays: it reads and writes the outputs they alias."""

    def body(*refs: Any) -> None:
        kernel(*refs[:inputs], *refs[inputs + aliased :])

    return body


def _check_offsets(launch: Launch) -> None:
    """Pallas computes offsets in 32 bits up to 4 GiB per array, which bytes beyond 2 GiB overflow; views do not."""
    accesses = [op for op in walk(launch.program.ops) if op.code in (Opcode.LOAD, Opcode.STORE)]
    indexed = {str(op.attrs["array"]) for op in accesses if "view" not in op.attrs}
    for argument, (name, memory) in launch.arrays.items():
        if argument in indexed and prod(memory.sizes) >= 1 << 31:
            raise Unsupported(f"'{name}' with 2**31 elements or more in Pallas", "offsets are 32-bit there")
