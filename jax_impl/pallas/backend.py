"""Backends that run generated Pallas source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from jax_impl.backend import JaxBackend
from jax_impl.pallas.emitter import emit
from jax_impl.programs import kernels, programs
from specs.lang.declare.op import Op
from specs.tile.backend import ANY, Source
from specs.tile.launch.plan import Launch
from specs.tile.targets import PALLAS_CUDA, PALLAS_INTERPRET, PALLAS_XPU

if TYPE_CHECKING:
    from jax_impl.kernel import Signature


def _compiled(launch: Launch, signature: Signature, platform: str) -> Callable[..., list[Any]]:
    from jax_impl.pallas.call import compiled

    return compiled(launch, signature, platform)


def _interpreted(launch: Launch, signature: Signature, platform: str) -> Callable[..., list[Any]]:
    from jax_impl.pallas.call import interpreted

    return interpreted(launch, signature, platform)


def _prepare(platform: str) -> None:
    if platform == "oneapi":
        from jax_impl.platforms import oneapi

        oneapi.activate()


def _why_not(op: Op | None, platform: str) -> str | None:
    from jax_impl.platforms import versions

    del op
    if platform not in PALLAS.targets:
        return versions.without_triton(platform)
    return (versions.plugin_problem() or versions.jax_problem()) if platform == "oneapi" else None


def _not_interpreted(op: Op | None, platform: str) -> str | None:
    del op
    return None if platform == "cpu" else f"the interpreter is kept for cpu, the arrays are on {platform}"


PALLAS = JaxBackend(
    name="pallas",
    targets={"cuda": PALLAS_CUDA, "oneapi": PALLAS_XPU},
    why_not=_why_not,
    source=Source(
        name="pallas",
        folder=PurePosixPath("jax_impl", "generated"),
        targets={"cuda": PALLAS_CUDA, "xpu": PALLAS_XPU, "interpret": PALLAS_INTERPRET},
        strided=False,
        emit=emit,
    ),
    call=programs,
    launch=kernels,
    kernel=_compiled,
    prepare=_prepare,
)
INTERPRET = JaxBackend(
    name="interpret",
    targets={ANY: PALLAS_INTERPRET},
    why_not=_not_interpreted,
    call=programs,
    launch=kernels,
    kernel=_interpreted,
)
