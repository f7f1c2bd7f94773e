"""The backend that runs generated Triton source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jax_impl.backend import JaxBackend
from jax_impl.programs import kernels, programs
from specs.lang.declare.op import Op
from specs.tile.launch.plan import Launch
from specs.tile.targets import PALLAS_XPU, TRITON_CUDA

if TYPE_CHECKING:
    from jax_impl.kernel import Signature


def _kernel(launch: Launch, signature: Signature, platform: str) -> Callable[..., list[Any]]:
    from jax_impl.triton.call import kernel

    return kernel(launch, signature, platform)


def _prepare(platform: str) -> None:
    if platform == "oneapi":
        from jax_impl.platforms import oneapi

        oneapi.avoid_defects()


def _why_not(op: Op | None, platform: str) -> str | None:
    from jax_impl.platforms import versions

    del op
    if platform not in TRITON.targets:
        return versions.without_triton(platform)
    return versions.triton_problem() or (versions.plugin_problem() if platform == "oneapi" else None)


TRITON = JaxBackend(
    name="triton",
    targets={"cuda": TRITON_CUDA, "oneapi": PALLAS_XPU},
    why_not=_why_not,
    strided=True,
    call=programs,
    launch=kernels,
    kernel=_kernel,
    prepare=_prepare,
)
