"""Which implementation runs where, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax

from jax_impl.defaults import default
from jax_impl.platforms import versions
from jax_impl.platforms.devices import platform_name
from specs.lang.errors import NotAChoice, Unsupported
from specs.lang.op import Op
from specs.lang.readiness import NO_WEIGHT
from specs.tile.targets import (
    EXECUTOR_XLA,
    EXECUTOR_XPU,
    PALLAS_CUDA,
    PALLAS_INTERPRET,
    PALLAS_XPU,
    TRITON_CUDA,
    Target,
)

IMPLEMENTATIONS = ("pallas", "triton", "xla", "dequant", "interpret")
COMPILED = ("cuda", "oneapi")
"""Platforms whose XLA compiles Triton IR."""

_INTEL = ("oneapi", "sycl")
_TARGETS = {
    ("pallas", "cuda"): PALLAS_CUDA,
    ("pallas", "oneapi"): PALLAS_XPU,
    ("triton", "cuda"): TRITON_CUDA,
    ("triton", "oneapi"): PALLAS_XPU,
}
_elsewhere: ContextVar[str | None] = ContextVar("platform of what is traced", default=None)


def default_platform() -> str:
    """Where arrays go unless told otherwise."""
    return _elsewhere.get() or platform_name(jax.local_devices()[0])


@contextmanager
def lowering_for(platform: str) -> Iterator[None]:
    """What is traced inside is for `platform`, which this machine need not have: for exporting and compiling ahead."""
    token = _elsewhere.set(platform)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def explain(platform: str | None = None, op: Op | None = None) -> dict[str, str | None]:
    """Implementation -> None where it can run on `platform`, else the reason why not, in order of preference.

    op: whose preference, of which `defaults.default` tells the reason.
    """
    where = platform or default_platform()
    row = None if op is None else default(op, where)
    first = [] if row is None else [row.implementation]
    return {name: _reason(name, where, op) for name in [*first, *IMPLEMENTATIONS]}


def _reason(implementation: str, platform: str, op: Op | None) -> str | None:
    match implementation:
        case "dequant":
            return None if op is not None and op.framework_product is not None else NO_WEIGHT
        case "pallas" | "triton":
            if platform not in COMPILED:
                return _without_triton(platform)
            return _version(implementation, platform)
        case "xla":
            return None
        case "interpret":
            return None if platform == "cpu" else f"the interpreter is kept for cpu, the arrays are on {platform}"
    raise AssertionError(implementation)


def _without_triton(platform: str) -> str:
    if platform == "sycl":
        return "intel-extension-for-openxla has no Triton in its XLA; jax-oneapi-pjrt has (platform oneapi)"
    return f"XLA compiles Triton's IR for {' and '.join(COMPILED)}, the arrays are on {platform}"


def _version(implementation: str, platform: str) -> str | None:
    """The package whose version is not known, None if all are."""
    if implementation == "triton" and (problem := versions.triton_problem()):
        return problem
    if platform != "oneapi":
        return None
    return versions.plugin_problem() or (versions.jax_problem() if implementation == "pallas" else None)


def choose(op: Op, platform: str, implementation: str | None) -> str:
    """The implementation to run.

    Raises:
        ArgumentError: no implementation has that name.
        Unsupported: it cannot run here.
    """
    if implementation is not None and implementation not in IMPLEMENTATIONS:
        raise NotAChoice(
            op=op.name, argument="implementation", expected=", ".join(IMPLEMENTATIONS), actual=repr(implementation)
        )
    reasons = explain(platform, op)
    if implementation is None:
        return next(name for name, why in reasons.items() if why is None)
    why = reasons[implementation]
    if why is not None:
        raise Unsupported(f"{op.name} with implementation '{implementation}'", why)
    return implementation


def prepare(implementation: str, platform: str) -> None:
    """What has to be done once before a kernel is traced for a platform."""
    if platform == "oneapi" and implementation in ("pallas", "triton"):
        from jax_impl.platforms import oneapi

        (oneapi.activate if implementation == "pallas" else oneapi.avoid_defects)()


def strided(implementation: str) -> bool:
    """Whether programs for it are traced with the strides of arrays."""
    return implementation == "triton"


def target_of(implementation: str, platform: str) -> Target:
    """The program's target for an implementation on a platform that it runs on."""
    if implementation == "xla":
        return EXECUTOR_XPU if platform in _INTEL else EXECUTOR_XLA
    return PALLAS_INTERPRET if implementation == "interpret" else _TARGETS[implementation, platform]
