"""One launch through Pallas: compiled by XLA's Triton, or interpreted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

from jax_impl.kernel import Signature
from jax_impl.pallas.emitter import emit
from jax_impl.pallas.load import load_kernel
from jax_impl.platforms import spmd
from specs.lang.errors import Unsupported
from specs.tile.emit.printer import integer_names
from specs.tile.ir import Opcode, walk
from specs.tile.launch.plan import Launch


def compiled(launch: Launch, signature: Signature, platform: str) -> Callable[..., list[Any]]:
    """The launch compiled by XLA's Triton.

    Raises:
        Unsupported: an array is too large.
    """
    _check_offsets(launch)
    kernel = _call(launch, signature, interpret=False)

    def function(*operands: Any) -> list[Any]:
        with spmd.on_a_gpu(platform):
            return kernel(*operands)

    return function


def interpreted(launch: Launch, signature: Signature, platform: str) -> Callable[..., list[Any]]:
    """The launch in Pallas' interpreter."""
    del platform
    return _call(launch, signature, interpret=True)


def _call(launch: Launch, signature: Signature, *, interpret: bool) -> Callable[..., list[Any]]:
    program = launch.program
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
