"""Which implementation runs where, and why the others do not."""

from __future__ import annotations

import jax

from specs.lang.errors import NotAChoice, Unsupported
from specs.lang.op import Op
from specs.tile.targets import EXECUTOR, PALLAS_CUDA, PALLAS_INTERPRET, Target

IMPLEMENTATIONS = ("pallas", "xla", "interpret")
_PLATFORMS = {"gpu": "cuda"}


def default_platform() -> str:
    """Where arrays go unless told otherwise."""
    name = jax.default_backend()
    return _PLATFORMS.get(name, name)


def explain(platform: str | None = None) -> dict[str, str | None]:
    """Implementation -> None where it can run on `platform`, else the reason why not, in order of preference."""
    where = platform or default_platform()
    return {name: _reason(name, where) for name in IMPLEMENTATIONS}


def _reason(implementation: str, platform: str) -> str | None:
    match implementation:
        case "pallas":
            if platform == "cuda":
                return None
            return f"Pallas' Triton lowering compiles for cuda, the arrays are on {platform}"
        case "xla":
            return None
        case "interpret":
            return None if platform == "cpu" else f"the interpreter is kept for cpu, the arrays are on {platform}"
    raise AssertionError(implementation)


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
    reasons = explain(platform)
    if implementation is None:
        return next(name for name, why in reasons.items() if why is None)
    why = reasons[implementation]
    if why is not None:
        raise Unsupported(f"{op.name} with implementation '{implementation}'", why)
    return implementation


def target_of(implementation: str) -> Target:
    """The program's target for an implementation."""
    return {"pallas": PALLAS_CUDA, "xla": EXECUTOR, "interpret": PALLAS_INTERPRET}[implementation]
