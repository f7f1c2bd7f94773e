"""Platform "oneapi": Intel GPUs through the oneAPI plugin for XLA.

JAX has no rule that lowers Pallas kernels for this platform. `activate` adds ours: Pallas' own lowering to Triton IR,
with the mathematical functions that Intel's pipeline resolves, in the custom call that XLA compiles. It is called when
a kernel is first wanted for the platform, needs no plugin, and changes nothing for other platforms.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from jax._src.interpreters import mlir
from jax._src.pallas import pallas_call
from jax._src.pallas.triton import core, lowering
from jaxlib.mlir import ir

from jax_impl.platforms import defects, environment, matrix_units, oneapi_math, versions
from jax_impl.platforms.custom_call import TARGET
from specs.lang.errors import Unsupported

PLATFORM = "oneapi"
_WARPS, _STAGES = 4, 1  # where a kernel does not say


@lru_cache(maxsize=1)
def activate() -> None:
    """Registers the rule and sets what the plugin's compiler reads from the environment. Calling it again is free.

    Raises:
        Unsupported: a version of JAX or of the plugin that this was not written for.
    """
    versions.check_jax()
    avoid_defects()
    oneapi_math.register(PLATFORM)
    mlir.register_lowering(pallas_call.pallas_call_p, _lower, platform=PLATFORM)


def avoid_defects() -> None:
    """Sets what keeps the plugin's compiler away from its defects; what the user has set is left alone.

    Raises:
        Unsupported: a version of the plugin whose defects are not known.
    """
    versions.check_plugin()
    environment.set_defaults(defects.environment())


def _lower(
    context: mlir.LoweringRuleContext,
    *operands: Any,
    jaxpr: Any,
    interpret: Any,
    debug: bool,
    input_output_aliases: tuple[tuple[int, int], ...],
    grid_mapping: Any,
    mesh: Any,
    compiler_params: Any,
    **rest: Any,
) -> Any:
    """The rule for `pallas_call`."""
    given = {"jaxpr": jaxpr, "debug": debug, "input_output_aliases": input_output_aliases, "mesh": mesh}
    given |= {"grid_mapping": grid_mapping, "compiler_params": compiler_params, **rest}
    if interpret:
        return pallas_call._pallas_call_lowering(context, *operands, interpret=interpret, **given)
    if jaxpr.constvars or mesh is not None:
        raise Unsupported("this Pallas kernel on oneapi", "it captures arrays, or is for a mesh")
    params = compiler_params or core.CompilerParams()
    if not isinstance(params, core.CompilerParams):
        raise Unsupported("this Pallas kernel on oneapi", f"its parameters are for {type(params).__module__}")
    # Versions of JAX differ in whether they can tell a compute capability without a device; this platform has none.
    found = lowering.lower_jaxpr_to_triton_module(jaxpr, grid_mapping, PLATFORM, None, mlir_ctx=context.module_context)
    matrix_units.annotate(found.module)
    bytecode = io.BytesIO()
    found.module.operation.write_bytecode(bytecode)
    grid = (*found.grid, 1, 1, 1)
    config = {
        "name": ir.StringAttr.get(mlir.sanitize_name(jaxpr.debug_info.func_name)),
        "ir": ir.StringAttr.get(bytecode.getvalue()),
        "num_stages": mlir.i32_attr(_STAGES if params.num_stages is None else params.num_stages),
        "num_warps": mlir.i32_attr(_WARPS if params.num_warps is None else params.num_warps),
        **{f"grid_{axis}": mlir.i32_attr(size) for axis, size in zip("xyz", grid, strict=False)},
        "debug": ir.BoolAttr.get(debug),
    }
    return mlir.custom_call(
        call_target_name=TARGET,
        result_types=[mlir.aval_to_ir_type(context.module_context, aval) for aval in context.avals_out],
        operands=operands,
        backend_config=config,
        api_version=4,
        operand_layouts=_row_major(context.avals_in),
        result_layouts=_row_major(context.avals_out),
        operand_output_aliases=dict(input_output_aliases),
    ).results


def _row_major(avals: Any) -> list[list[int]]:
    return [list(reversed(range(aval.ndim))) for aval in avals]
