"""How backends run tile programs (`JaxBackend.call`, `JaxBackend.launch`); JAX is imported when they do."""

from __future__ import annotations

from typing import Any

from jax_impl.backend import Arrays, JaxBackend
from specs.lang.call.bind import Call
from specs.tile.launch.plan import Launch


def programs(backend: JaxBackend, call: Call, arrays: Arrays, platform: str) -> list[Any]:
    """Results of a call: the programs of all its steps."""
    from jax_impl.steps import run

    return run(backend, call, arrays, platform)


def kernels(backend: JaxBackend, launch: Launch, operands: Arrays, platform: str) -> Arrays:
    """What one launch writes: the backend's generated kernel."""
    from jax_impl.steps import launched

    return launched(backend, launch, operands, platform)
