"""Public operations: `jax_impl.ops.NAME`, one per spec. They work under jit, eval_shape and export.

Signature and docstring come from the spec. In-place arguments are returned (and may be donated); grad and vmap are
refused with a clear message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import specs
from jax_impl.launch import run
from jax_impl.support import IMPLEMENTATIONS
from specs.lang.op import Op
from specs.lang.signature import docstring, parameters


def _call(op: Op, arrays: tuple[Any, ...], attributes: tuple[object, ...], implementation: str | None) -> Any:
    results = run(op, arrays, attributes, implementation)
    return results[0] if len(results) == 1 else tuple(results)


def _public(op: Op) -> Callable[..., Any]:
    """A function with the spec's signature."""
    arrays = "".join(f"{array.name}, " for array in op.inputs)
    attributes = "".join(f"{attribute.name}, " for attribute in op.attributes)
    lines = [f"def {op.name}({', '.join(parameters(op))}):"]
    lines += [f"    return call(op, ({arrays}), ({attributes}), implementation)"]
    namespace: dict[str, Any] = {"call": _call, "op": op}
    exec("\n".join(lines), namespace)  # noqa: S102 - our own text, so that the signature is a real one
    function: Callable[..., Any] = namespace[op.name]
    function.__doc__ = docstring(op, IMPLEMENTATIONS, out=False)
    function.__module__ = __name__
    return function


def explain(name: str, platform: str | None = None) -> dict[str, str | None]:
    """Implementation -> None where it can run, else why not. Unless asked otherwise, a call gets the first that can."""
    from jax_impl.support import explain as reasons

    return reasons(platform, specs.get(name))  # an unknown name is refused


def why(name: str, platform: str | None = None) -> str:
    """Why the first implementation of `explain` that can run is taken."""
    from jax_impl.defaults import default
    from jax_impl.support import default_platform

    row = default(specs.get(name), platform or default_platform())
    return "it is the first that can run" if row is None else row.reason


_functions: dict[str, Callable[..., Any]] = {name: _public(specs.get(name)) for name in specs.names()}
globals().update(_functions)
__all__ = [*_functions, "explain", "why"]  # noqa: PLE0604 - names of operations
