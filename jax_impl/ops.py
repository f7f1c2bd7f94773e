"""Public operations: `jax_impl.ops.NAME`, one per spec. They work under jit, eval_shape, shard_map and export.

Signature and docstring come from the spec. Operations that other packages register (`specs.register`) are here as well,
from then on. Arguments that an operation writes are not changed: their new values are
returned, first of the results. A reference (`jax.new_ref`) in place of one is written and not returned. Derivatives are
refused with a clear message, and so is vmap where calls are not independent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from specs.extras import hints

with hints("jax"):
    import jax  # noqa: F401 - what follows needs it

import specs
from jax_impl.backends import BACKENDS
from jax_impl.launch import run
from jax_impl.platforms.matrix_units import Setting
from jax_impl.quantized_tensor import QuantizedTensor, view
from jax_impl.watching import current
from specs.docstring import docstring
from specs.lang.call.signature import parameters
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import WITHOUT_PREFERENCE
from specs.quantized.arguments import written_out
from specs.quantized.products import OPERANDS
from specs.registration import REGISTRY


def _call(op: Op, arrays: tuple[Any, ...], attributes: tuple[object, ...], implementation: str | None) -> Any:
    results = (current() or run)(op, arrays, attributes, implementation)
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
    if op.name in OPERANDS:
        function = _with_quantized(op, function)
    function.__doc__ = docstring(op, tuple(BACKENDS), out=False)
    function.__module__ = __name__
    return function


def _with_quantized(op: Op, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which takes a `QuantizedTensor` for a weight or activations and their scales too."""

    @wraps(function)
    def either(*given: Any, **named: Any) -> Any:
        if any(type(value) is QuantizedTensor for value in (*given, *named.values())):
            return function(**written_out(op, given, named, QuantizedTensor, view))
        return function(*given, **named)

    return either


def explain(name: str, platform: str | None = None) -> dict[str, str]:
    """Implementation -> "ready" where it can run, else why not. A call uses the first one that can, unless it names
    one.

    On oneapi there is an entry "matrix units" besides: whether kernels use them, and why (see `matrix_units`).

    Args:
        platform: cpu, cuda (or gpu), oneapi (or xpu), sycl; None for where new arrays go.

    Raises:
        ArgumentError: there is no such platform.
    """
    from jax_impl.platforms import matrix_units as units
    from jax_impl.support import explain as answers
    from jax_impl.support import platform_called

    where = platform_called(specs.get(name).name, platform)  # an unknown name is refused
    return answers(where, specs.get(name)) | ({"matrix units": units.described()} if where == "oneapi" else {})


def why(name: str, platform: str | None = None) -> str:
    """The reason why the default implementation is chosen."""
    from jax_impl.defaults import default
    from jax_impl.support import platform_called

    row = default(specs.get(name), platform_called(name, platform))
    return WITHOUT_PREFERENCE if row is None else row.reason


def matrix_units(setting: Setting | None, device: str | None = None) -> AbstractContextManager[None]:
    """A context: kernels for oneapi that are traced in it use the matrix units (XMX) of Intel GPUs, or do not.

    Without it they do on Battlemage, Lunar Lake, Panther Lake and Data Center Max, if the device passes a self-test
    when it is first asked for, and where there is no device; not on Arc A, Meteor Lake and others, whose compiler
    refuses the instructions. An export for a device that is not here names it. JAX traces a function again for another
    setting.

    Args:
        setting: "on"; "off"; "lts", which drivers of long-term support take too; None for what suits the device.
        device: what the device is called that modules are made for ("Arc B580", "Arc A770", "Data Center GPU Max
            1100"); None for the first Intel GPU here.

    Raises:
        ArgumentError: there is no such setting, or no such device is known.
        Unsupported: this version of JAX has no Triton for Intel GPUs; when traced, "on" or "lts" on a device whose
            compiler refuses the module.
    """
    from jax_impl.platforms.matrix_units import using

    return using(setting, device)


def function(op: Op | str) -> Callable[..., Any]:
    """The public function of an operation, for packages whose operations no stub declares.

    Raises:
        KeyError: no operation has that name; `specs.register` adds one.
    """
    return _functions[specs.get(op if isinstance(op, str) else op.name).name]


_functions: dict[str, Callable[..., Any]] = {}
__all__ = ["explain", "function", "matrix_units", "why"]


def _add(op: Op) -> None:
    """Makes an operation public."""
    globals()[op.name] = _functions[op.name] = _public(op)
    __all__.append(op.name)  # noqa: PYI056 - the loop over operations is the registry's


REGISTRY.follow(_add)
