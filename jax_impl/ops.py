"""Public operations: `jax_impl.ops.NAME`, one per spec. They work under jit, eval_shape, shard_map and export.

Signature and docstring come from the spec. Arguments that an operation writes are not changed: their new values are
returned, first of the results. A reference (`jax.new_ref`) in place of one is written and not returned. Derivatives are
refused with a clear message, and so is vmap where calls are not independent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import specs
from jax_impl.backends import BACKENDS
from jax_impl.launch import run
from specs.docstring import docstring
from specs.lang.call.signature import parameters
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import WITHOUT_PREFERENCE


def _call(op: Op, arrays: tuple[Any, ...], attributes: tuple[object, ...], implementation: str | None) -> Any:
    results = run(op, arrays, attributes, implementation)
    if not results:
        return None  # all of them were written where references are
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
    function.__doc__ = docstring(op, tuple(BACKENDS), out=False)
    function.__module__ = __name__
    return function


def explain(name: str, platform: str | None = None) -> dict[str, str]:
    """Implementation -> "ready" where it can run, else why not. A call uses the first one that can, unless it names
    one.

    Args:
        platform: cpu, cuda (or gpu), oneapi (or xpu), sycl; None for where new arrays go.

    Raises:
        ArgumentError: there is no such platform.
    """
    from jax_impl.support import explain as answers
    from jax_impl.support import platform_called

    return answers(platform_called(specs.get(name).name, platform), specs.get(name))  # an unknown name is refused


def why(name: str, platform: str | None = None) -> str:
    """The reason why the default implementation is chosen."""
    from jax_impl.defaults import default
    from jax_impl.support import platform_called

    row = default(specs.get(name), platform_called(name, platform))
    return WITHOUT_PREFERENCE if row is None else row.reason


_functions: dict[str, Callable[..., Any]] = {name: _public(specs.get(name)) for name in specs.names()}
globals().update(_functions)
__all__ = [*_functions, "explain", "why"]  # noqa: PLE0604 - names of operations
