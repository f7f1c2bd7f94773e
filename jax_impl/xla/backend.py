"""Backends that XLA runs without generated kernels: programs as array operations, and its own product."""

from __future__ import annotations

from typing import Any

from jax_impl.backend import Arrays, JaxBackend
from jax_impl.programs import programs
from specs.lang.call.bind import Call
from specs.lang.declare.readiness import NO_WEIGHT
from specs.tile.backend import ANY
from specs.tile.launch.plan import Launch
from specs.tile.targets import EXECUTOR_XLA, EXECUTOR_XPU


def _launch(backend: JaxBackend, launch: Launch, operands: Arrays, platform: str) -> Arrays:
    from jax_impl.xla.call import executed

    del backend, platform
    return executed(launch, operands)


def _product(backend: JaxBackend, call: Call, arrays: Arrays, platform: str) -> list[Any]:
    from jax_impl.dequant import product

    del backend, platform
    return product(call, arrays)


XLA = JaxBackend(
    name="xla",
    targets={ANY: EXECUTOR_XLA, "oneapi": EXECUTOR_XPU, "sycl": EXECUTOR_XPU},
    why_not=lambda op, platform: None,  # noqa: ARG005
    call=programs,
    launch=_launch,
)
DEQUANT = JaxBackend(
    name="dequant",
    targets={},
    why_not=lambda op, platform: None if op is not None and op.framework_product is not None else NO_WEIGHT,  # noqa: ARG005
    call=_product,
)
