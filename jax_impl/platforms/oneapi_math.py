"""Mathematical functions of Pallas kernels on oneAPI, where JAX's lowering knows CUDA and ROCm only.

Most are operations of MLIR's math dialect. Those that Intel's pipeline turns into calls of a library which XLA does not
link are asked for as OpenCL built-ins of SPIR-V instead, which the driver's compiler knows. All work in float32: there
is no arithmetic on 16-bit floats in what they make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax._src.pallas.triton import lowering
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import math
from jaxlib.triton import dialect

DIALECT: dict[str, Callable[..., Any]] = {
    "exp": math.exp,
    "exp2": math.exp2,
    "log": math.log,
    "log2": math.log2,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "sin": math.sin,
    "cos": math.cos,
}
"""Name of a primitive in `jax.lax`, which `log2` is in newer versions only -> operation of the math dialect."""

BUILTINS: dict[str, str] = {
    "rsqrt": "rsqrt",
    "ceil": "ceil",
    "tanh": "tanh",
    "log1p": "log1p",
    "expm1": "expm1",
    "pow": "pow",
}
"""Primitive -> OpenCL built-in (OpenCL.std extended instruction set of SPIR-V)."""

_F32 = jnp.dtype("float32")


def register(platform: str) -> None:
    """Gives the primitives a rule on `platform`; elsewhere they keep the one they have."""
    for primitive, operation in DIALECT.items():
        _add(platform, primitive, operation)
    for primitive, name in BUILTINS.items():
        _add(platform, primitive, _builtin(name))
    _add(platform, "abs", math.absf, math.absi)


def _add(platform: str, name: str, operation: Callable[..., Any], integers: Callable[..., Any] | None = None) -> None:
    primitive = getattr(lax, f"{name}_p", None)
    if primitive is None:
        return
    rules: dict[Any, Any] = lowering.triton_lowering_rules
    elsewhere = rules[primitive]

    def rule(context: Any, *operands: Any, **params: Any) -> Any:
        if context.context.platform != platform:
            return elsewhere(context, *operands, **params)
        (out,) = context.avals_out
        pairs = zip(operands, context.avals_in, strict=True)
        full = [lowering._bcast_to(lowering._ensure_ir_value(x, aval), out.shape) for x, aval in pairs]
        if integers is not None and jnp.issubdtype(out.dtype, jnp.integer):
            return integers(*full)
        dtype = jnp.dtype(out.dtype)
        if dtype.itemsize > _F32.itemsize:
            return operation(*full)
        return lowering._cast(operation(*(lowering._cast(x, dtype, _F32) for x in full)), _F32, dtype)

    rules[primitive] = rule


def _builtin(name: str) -> Callable[..., Any]:
    def operation(*operands: Any) -> Any:
        full = f"__spirv_ocl_{name}"
        kind = operands[0].type
        element = ir.RankedTensorType(kind).element_type if isinstance(kind, ir.RankedTensorType) else kind
        letter = "d" if element == ir.F64Type.get() else "f"
        # The name that SPIR-V's builtins have in LLVM IR: mangled as C++ does, length first.
        symbol = f"_Z{len(full)}{full}{letter * len(operands)}"
        return dialect.extern_elementwise(kind, list(operands), libname="", libpath="", symbol=symbol, pure=True)

    return operation
