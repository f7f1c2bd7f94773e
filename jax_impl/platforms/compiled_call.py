"""A kernel that Triton has compiled, launched by XLA: how the implementation "triton" runs on CUDA devices.

JAX's CUDA plugin carries a custom call that loads PTX and launches it, for other packages' Triton kernels. The machine
code is then that of the installed Triton, the same that torch runs; XLA's own compiler makes another from Triton IR.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from specs.lang.errors import Unsupported

TARGET = "triton_kernel_call"
_STATUS_RETURNING = 2  # version of the interface of the custom call
_ALIGNMENT = 16  # bytes, of every array that XLA allocates


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledKernel:
    """A compiled kernel. shared: bytes of shared memory.

    pointers: how many arrays it takes. integers: type and value of its further arguments.
    """

    name: str
    ptx: str
    shared: int
    num_warps: int
    capability: int
    pointers: int
    grid: tuple[int, int, int]
    integers: tuple[tuple[str, int], ...] = ()


def available() -> bool:
    """Whether the installed plugin has the custom call."""
    from jaxlib import gpu_triton

    return hasattr(gpu_triton, "TritonKernelCall")


def call(
    kernel: CompiledKernel, results: Sequence[jax.ShapeDtypeStruct], aliases: Mapping[int, int]
) -> Callable[..., list[jax.Array]]:
    """The kernel as a function of its operands, to be traced under jit; as `custom_call.call`."""
    from jaxlib import gpu_triton as plugin

    compiled = plugin.TritonKernel(
        kernel.name, kernel.num_warps, 1, kernel.shared, spelled_out(without_scratch(kernel)), "", kernel.capability
    )
    arguments = [plugin.create_array_parameter(0, _ALIGNMENT) for _ in range(kernel.pointers)]
    arguments += [plugin.create_scalar_parameter(value, kind) for kind, value in kernel.integers]
    launch = plugin.TritonKernelCall(compiled, *kernel.grid, arguments)
    config: Any = zlib.compress(launch.to_proto(kernel.name, b""))  # bytes, which the call takes where it says text
    function = jax.ffi.ffi_call(
        TARGET,
        tuple(results),
        input_output_aliases=dict(aliases),
        custom_call_api_version=_STATUS_RETURNING,
        legacy_backend_config=config,
    )
    return lambda *operands: list(function(*operands))


def without_scratch(kernel: CompiledKernel) -> str:
    """The PTX without the parameters that Triton appends.

    Triton appends pointers to scratch memory that none of our kernels asks for, how many depends on its version, and
    what the plugin passes for them on its own.

    Raises:
        Unsupported: the kernel reads one of them.
    """
    head, parenthesis, rest = kernel.ptx.partition(f".entry {kernel.name}(")
    parameters, close, body = rest.partition(")")
    names = re.findall(rf"\b{kernel.name}_param_\d+\b", parameters)
    own = kernel.pointers + len(kernel.integers)
    for name in names[own:]:
        if re.search(rf"\b{name}\b", body):
            raise Unsupported(f"{kernel.name} with implementation 'triton'", "it asks for scratch memory")
    kept = ",".join(parameters.split(",")[:own])
    return f"{head}{parenthesis}{kept}\n{close}{body}"


_HIGH_HALF = re.compile(r"mov\.b32\s+\{_, (%rs\d+)\}, (%r\d+);")


def spelled_out(ptx: str) -> str:
    """PTX in which the upper 16 bits of a register are shifted down before FP8 conversions, not taken apart.

    Of a register that is known to be zero, such as the codes of rows that a mask leaves out whatever is passed,
    assemblers of CUDA 12.8 and 13.0 make 0x7f of the upper half, which is NaN as e4m3, and times a weight of 0 as well.
    """
    if "cvt.rn.f16x2.e" not in ptx:
        return ptx
    return _HIGH_HALF.sub(r"{ .reg .b32 upper; shr.u32 upper, \2, 16; cvt.u16.u32 \1, upper; }", ptx)
