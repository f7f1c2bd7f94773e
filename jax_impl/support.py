"""Selects implementations per device, with reasons for the unavailable ones."""

from __future__ import annotations

import jax

from jax_impl.backends import BACKENDS
from jax_impl.defaults import default
from jax_impl.place import elsewhere
from jax_impl.platforms.devices import platform_name
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import READY, device_called, said
from specs.lang.errors import NotAChoice, Unsupported

_OWN_WORDS = {"gpu": "cuda", "xpu": "oneapi"}


def default_platform() -> str:
    """Platform of JAX's default device."""
    return elsewhere() or platform_name(jax.local_devices()[0])


def platform_called(op: str, name: str | None) -> str:
    """The platform that a user of `explain` means, by XLA's words or torch's; None for the default platform.

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
    return {name: said(BACKENDS[name].why_not(op, where)) for name in [*first, *BACKENDS]}


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
    if implementation is not None and implementation not in BACKENDS:
        raise NotAChoice(
            op=op.name, argument="implementation", expected=", ".join(BACKENDS), actual=repr(implementation)
        )
    return implementation
