"""XLA's custom call that takes Triton IR: making one, and reading the calls of a lowered module.

XLA compiles the IR with the Triton pipeline of the platform (CUDA, ROCm, oneAPI). Pallas' Triton lowering ends in the
same call; making it needs no Pallas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxlib.mlir import ir

TARGET = "__gpu$xla.gpu.triton"
_BYTECODE = b"ML\xefR"


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonKernel:
    """What XLA is handed for one launch.

    ir: Triton IR as text. grid: programs along x, y, z. num_stages: how far loads of loops are fetched ahead.
    """

    name: str
    ir: str
    grid: tuple[int, int, int]
    num_warps: int
    num_stages: int


def call(
    kernel: TritonKernel, results: Sequence[jax.ShapeDtypeStruct], aliases: Mapping[int, int]
) -> Callable[..., list[jax.Array]]:
    """The kernel as a function of its operands, to be traced under jit.

    Args:
        results: shapes and dtypes of what the kernel writes; their pointers follow the operands' pointers.
        aliases: operand -> result that takes its memory.
    """
    x, y, z = (np.int32(size) for size in kernel.grid)
    function = jax.ffi.ffi_call(TARGET, tuple(results), input_output_aliases=dict(aliases))

    def run(*operands: jax.Array) -> list[jax.Array]:
        return list(
            function(
                *operands,
                name=kernel.name,
                ir=kernel.ir,
                num_stages=np.int32(kernel.num_stages),
                num_warps=np.int32(kernel.num_warps),
                grid_x=x,
                grid_y=y,
                grid_z=z,
                debug=False,
            )
        )

    return run


def kernels(module: Any) -> list[TritonKernel]:
    """Triton kernels of a StableHLO module, in program order.

    module: an `ir.Module`, as `jax.stages.Lowered.compiler_ir("stablehlo")` gives it.
    """
    return [_read(operation) for operation in _calls(module.operation)]


def kernels_of_text(module: str) -> list[TritonKernel]:
    """As `kernels`, of a module in textual form (`jax.export.Exported.mlir_module()`)."""
    from jax._src.interpreters import mlir

    with mlir.make_ir_context():
        return kernels(ir.Module.parse(module))


def _calls(operation: Any) -> Iterator[Any]:
    if operation.name == "stablehlo.custom_call":
        if ir.StringAttr(operation.attributes["call_target_name"]).value == TARGET:
            yield operation
    for region in operation.regions:
        for block in region.blocks:
            for child in block.operations:
                yield from _calls(child.operation)


def _read(operation: Any) -> TritonKernel:
    config = ir.DictAttr(operation.attributes["mhlo.backend_config"])

    def number(name: str) -> int:
        return int(ir.IntegerAttr(config[name]).value)

    return TritonKernel(
        name=ir.StringAttr(config["name"]).value,
        ir=text_of(ir.StringAttr(config["ir"]).value_bytes),
        grid=(number("grid_x"), number("grid_y"), number("grid_z")),
        num_warps=number("num_warps"),
        num_stages=number("num_stages"),
    )


def text_of(module: bytes) -> str:
    """Triton IR as text, without locations; from bytecode or text."""
    if not module.startswith(_BYTECODE):
        return module.decode()
    with triton_context():
        return str(ir.Module.parse(module).operation.get_asm())


def triton_context() -> Any:
    """A context with Triton's dialect."""
    from jax._src.interpreters import mlir
    from jaxlib.triton import dialect

    context = mlir.JaxIrContext()
    context.append_dialect_registry(mlir.upstream_dialects)
    dialect.register_dialect(context)
    context.load_all_available_dialects()
    return context
