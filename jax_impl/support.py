"""Which implementation runs where, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

import jax

from jax_impl.defaults import default
from jax_impl.platforms import versions
from jax_impl.platforms.devices import platform_name
from jax_impl.platforms.subnormals import flushes
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import NO_WEIGHT, READY, device_called, said
from specs.lang.errors import NotAChoice, Unsupported
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

_OWN_WORDS = {"gpu": "cuda", "xpu": "oneapi"}
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
    return elsewhere() or platform_name(jax.local_devices()[0])


def elsewhere() -> str | None:
    """The platform of `lowering_for`, None outside of it."""
    return _elsewhere.get()


@contextmanager
def lowering_for(platform: str) -> Iterator[None]:
    """What is traced inside is for `platform`, whatever it is lowered for, and refused at once where it cannot be.

    Not needed to export: which implementation runs is chosen where a program is lowered.
    """
    token = _elsewhere.set(platform)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def platform_called(op: str, name: str | None) -> str:
    """The platform that a user of `explain` means, by XLA's words or torch's; None for where arrays go by default.

    Raises:
        ArgumentError: there is no such platform.
    """
    return default_platform() if name is None else device_called(op, "platform", name, _OWN_WORDS)


def explain(platform: str | None = None, op: Op | None = None) -> dict[str, str]:
    """Implementation -> `READY` where it can run on `platform`, else the reason why not, in order of preference.

    op: whose preference, of which `defaults.default` tells the reason.
    """
    where = platform or default_platform()
    row = None if op is None else default(op, where)
    first = [] if row is None else [row.implementation]
    return {name: said(_reason(name, where, op)) for name in [*first, *IMPLEMENTATIONS]}


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
    named(op, implementation)
    reasons = explain(platform, op)
    if implementation is None:
        return next(name for name, answer in reasons.items() if answer == READY)
    if reasons[implementation] != READY:
        raise Unsupported(f"{op.name} with implementation '{implementation}'", reasons[implementation])
    return implementation


def named(op: Op, implementation: str | None) -> str | None:
    """The implementation that a caller asks for.

    Raises:
        ArgumentError: none has that name.
    """
    if implementation is not None and implementation not in IMPLEMENTATIONS:
        raise NotAChoice(
            op=op.name, argument="implementation", expected=", ".join(IMPLEMENTATIONS), actual=repr(implementation)
        )
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
    target = _target(implementation, platform)
    return replace(target, flushes_subnormals=True) if flushes(platform) else target


def _target(implementation: str, platform: str) -> Target:
    if implementation == "xla":
        return EXECUTOR_XPU if platform in _INTEL else EXECUTOR_XLA
    return PALLAS_INTERPRET if implementation == "interpret" else _TARGETS[implementation, platform]
