"""Cases of operations lowered for a platform that need not be there: Triton IR, and functions to compile ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import jax

import specs
from jax_impl.backend import JaxBackend
from jax_impl.backends import BACKENDS
from jax_impl.check import refuse_64_bits
from jax_impl.kernel import Argument, KernelCall, kernel_call
from jax_impl.steps import strides_of
from specs.lang.declare.op import Case, Op
from specs.tile.launch.cases import case_call
from specs.tile.launch.launches import launches


def lowering(platform: str) -> tuple[str, ...]:
    """Names of the backends whose kernels XLA is handed as Triton IR on a platform."""
    return tuple(name for name, backend in BACKENDS.items() if backend.lowers_kernels(platform))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """One kernel launch of a case.

    kernel: name under which XLA knows it. backend: one of `lowering`.
    ir: Triton IR as text. grid: programs along x, y, z.
    operands, results: what XLA passes pointers to, in this order. Results that take an operand's memory (`aliases`:
        operand -> result) are passed twice.
    function: jitted; called with the operands it returns the list of results. Compiled ahead by
        `function.lower(*structs).compile()`, with structs on the devices of a topology.
    tunables: what the kernel was generated with.
    """

    kernel: str
    backend: str
    ir: str
    grid: tuple[int, int, int]
    num_warps: int
    num_stages: int
    operands: tuple[Argument, ...]
    results: tuple[Argument, ...]
    aliases: tuple[tuple[int, int], ...]
    function: Callable[..., list[Any]]
    tunables: Mapping[str, int]


def lower(
    op_name: str, case: Case | str, backend: str, *, platform: str, tuned: Mapping[str, int] | None = None
) -> list[Lowered]:
    """Every launch of a case, in the order in which they run; none where no step has programs to run.

    Args:
        case: one of the operation's, or its name.
        backend: one of `lowering`.
        platform: "oneapi" or "cuda".
        tuned: tunables in place of the defaults for the platform; those that a kernel does not have are left out.

    Raises:
        Unsupported: versions of packages are not known here, or the case has 64-bit arrays and JAX's are off.
    """
    op = specs.get(op_name)
    chosen = next(c for c in op.cases if c.name == case) if isinstance(case, str) else case
    own = BACKENDS[backend]
    own.prepare(platform)
    return [_lowered(call, own, platform, tunables) for call, tunables in _calls(op, chosen, own, platform, tuned)]


def _calls(
    op: Op, case: Case, backend: JaxBackend, platform: str, tuned: Mapping[str, int] | None
) -> list[tuple[KernelCall, Mapping[str, int]]]:
    call, target = case_call(op, case, strided=False), backend.target(platform)
    assert target is not None, f"{backend.name} has no target for {platform}"
    refuse_64_bits(call)
    present = {array.name for array in op.inputs if array.name in call.shapes}
    found: list[tuple[KernelCall, Mapping[str, int]]] = []
    for launch in launches(call, target, strides=strides_of(call, backend.strided), tuned=tuned):
        if prod(launch.grid):
            found.append((kernel_call(launch, present, backend.kernel, platform), launch.tunables))
        present |= {launch.arrays[param.name][0] for param in launch.program.arrays if param.written}
    return found


def _lowered(call: KernelCall, backend: JaxBackend, platform: str, tunables: Mapping[str, int]) -> Lowered:
    from jax_impl.platforms import custom_call

    def run(*operands: Any) -> list[Any]:
        return list(call.function(*operands))

    run.__name__ = run.__qualname__ = call.name  # names the module that XLA compiles
    function = jax.jit(run)
    structs = [operand.form for operand in call.signature.operands]
    module = function.trace(*structs).lower(lowering_platforms=(platform,)).compiler_ir("stablehlo")
    (kernel,) = custom_call.kernels(module)
    return Lowered(
        kernel=kernel.name,
        backend=backend.name,
        ir=kernel.ir,
        grid=kernel.grid,
        num_warps=kernel.num_warps,
        num_stages=kernel.num_stages,
        operands=call.signature.operands,
        results=call.signature.results,
        aliases=call.signature.aliases,
        function=function,
        tunables=tunables,
    )
