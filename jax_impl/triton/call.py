"""One launch of a generated Triton kernel, as XLA takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jax_impl.kernel import Signature
from jax_impl.platforms import compiled_call, custom_call, matrix_units
from jax_impl.triton import source
from specs.tile.emit import triton as triton_source
from specs.tile.launch.plan import Launch


def kernel(launch: Launch, signature: Signature, platform: str) -> Callable[..., list[Any]]:
    """The launch, compiled by Triton where JAX's plugin launches such kernels, else by XLA.

    Raises:
        Unsupported: there is no triton package, or not one that is known, or it refuses the source.
    """
    program = launch.program
    # XLA passes a pointer per operand, then per result: in-place arrays twice, of which the kernel takes the second.
    before = [f"{a.name}_before" if i >= signature.inputs else a.name for i, a in enumerate(signature.operands)]
    pointers = [*before, *(result.name for result in signature.results)]
    elements = {param.name: param.element for param in program.arrays}
    named = [argument.name for argument in (*signature.operands, *signature.results)]
    taken = [*before[: signature.inputs], *(result.name for result in signature.results)]
    generated = source.linked(triton_source.emit(program), platform)
    numbers = [launch.number(integer) for integer in triton_source.integers(program)]
    compiled = platform == "cuda" and compiled_call.available()
    passed = source.integers(numbers) if compiled else source.constants(numbers)
    request = source.Request(
        source=generated + source.launcher(program.name, [*pointers, *passed.names], [*taken, *passed.arguments]),
        kernel=source.launcher_name(program.name),
        signature=tuple((pointer, elements[name]) for pointer, name in zip(pointers, named, strict=True)),
        integers=passed.types,
        capability=source.compute_capability(platform),
        num_warps=launch.tunables.get("num_warps", 4),
    )
    stages = launch.tunables.get("num_stages", source.STAGES[platform])
    x, y, z = (*launch.grid, 1, 1)[:3]
    if compiled:
        ready = source.compiled_kernel(request, stages, passed.values, (x, y, z))
        return compiled_call.call(ready, signature.structs, dict(signature.aliases))
    ir = source.triton_ir(request)
    kernel = custom_call.TritonKernel(
        name=request.kernel,
        ir=matrix_units.annotated(ir) if platform == "oneapi" else ir,
        grid=(x, y, z),
        num_warps=request.num_warps,
        num_stages=stages,
    )
    return custom_call.call(kernel, signature.structs, dict(signature.aliases))
