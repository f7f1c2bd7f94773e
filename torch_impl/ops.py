"""Public operations: `torch_impl.ops.NAME`, one per spec, through operators of the torch library (`twinkernels::NAME`).

Schema, mutation annotations, fake implementation, signature and docstring all come from the spec. Operations that other
packages register (`specs.register`) are here as well, from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from specs.extras import hints

with hints("torch"):
    import torch

import specs
from specs.docstring import docstring
from specs.lang.call.signature import parameters
from specs.lang.call.sizes import bare_size
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import DEQUANT_ON_CPU, WITHOUT_PREFERENCE
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged
from specs.quantized.arguments import written_out
from specs.quantized.products import OPERANDS
from specs.registration import REGISTRY
from torch_impl import batching, support
from torch_impl.backends import BACKENDS
from torch_impl.formats import as_dtype, dtype_of
from torch_impl.launch import check, layout_name, perform, run
from torch_impl.platforms import environment
from torch_impl.quantized_tensor import QuantizedTensor, view
from torch_impl.repeated import lookup, plain
from torch_impl.results import (
    Given,
    allocated,
    always_there,
    as_bytes,
    as_entries,
    check_given,
    dtype_text,
    keyword,
    merged,
    refuse_aliases,
    start,
    unwrap,
)
from torch_impl.schemas import out_name, out_schema, schema
from torch_impl.sharding import meet
from torch_impl.transforms import refuse_functionalize, refuse_gradients, refuse_vmap

environment.prepare()
NAMESPACE = "twinkernels"
_library = torch.library.Library(NAMESPACE, "DEF")


def _register(op: Op) -> Callable[..., Any]:
    """Defines the operators and returns the function that users call."""
    single = len(op.outputs) == 1

    def launch(*tensors: Any, implementation: str | None = None, **attributes: Any) -> Any:
        found = run(op, *_call(op, tensors, attributes), implementation)
        # The schema states how many results there are; trailing ones that a mode does not have are None.
        return pack([*found, *(None,) * (len(op.outputs) - len(found))])

    def pack(found: list[Any]) -> Any:
        return found[0] if single else tuple(found) or None

    def fake(*tensors: Any, implementation: str | None = None, **attributes: Any) -> Any:
        del implementation  # shapes do not depend on it
        return pack(_empty(op, *_call(op, tensors, attributes), ()))

    operator = _define(op, op.name, schema(op), launch, fake, writes=bool(op.mutated))
    return _public(op, operator, _register_out(op) if op.outputs else None)


def _register_out(op: Op) -> Any:
    """Defines the operator that writes into given results."""
    names = [keyword(array) for array in op.outputs]

    def launch(*tensors: Any, implementation: str | None = None, **keywords: Any) -> Any:
        given = [keywords.pop(name, None) for name in names]
        found = run(op, *_call(op, tensors, keywords), implementation, given)
        return allocated(op, given, [*found, *(None,) * (len(names) - len(found))])

    def fake(*tensors: Any, implementation: str | None = None, **keywords: Any) -> Any:
        del implementation
        given = [keywords.pop(name, None) for name in names]
        return allocated(op, given, _empty(op, *_call(op, tensors, keywords), given))

    return _define(op, out_name(op), out_schema(op), launch, fake, writes=True)


def _define(op: Op, name: str, text: str, launch: Callable[..., Any], fake: Callable[..., Any], writes: bool) -> Any:
    _library.define(text, tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(name, launch, "CompositeExplicitAutograd")
    torch.library.register_fake(f"{NAMESPACE}::{name}", fake, lib=_library)
    operator = getattr(getattr(torch.ops, NAMESPACE), name).default
    refuse_gradients(_library, name, operator, writes)
    if writes:
        refuse_vmap(_library, name, op)
    else:
        batching.register(f"{NAMESPACE}::{name}", _library, op, function)
    return operator


def _call(op: Op, tensors: tuple[Any, ...], attributes: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """All tensors and attributes in the order of the spec; operators leave out trailing defaults."""
    given = (*tensors, *(None,) * (len(op.inputs) - len(tensors)))
    return given, tuple(attributes.get(attribute.name) for attribute in op.attributes)


def _empty(op: Op, tensors: tuple[Any, ...], attributes: tuple[Any, ...], given: Given) -> list[Any]:
    """Results of a checked call, uninitialised: given or fresh tensors, None where the mode has no result."""
    call = check(op, tensors, attributes)
    device = next(t.device for t in tensors if t is not None)
    own: Given = given or (None,) * len(op.outputs)
    check_given(call, own, device)
    refuse_aliases(op, tensors, own, start)
    found: list[Any] = list(own)
    for index, array in enumerate(op.outputs):
        if own[index] is None and array.name in call.shapes:
            shape = [bare_size(size) for size in call.shapes[array.name]]
            found[index] = torch.empty(shape, dtype=dtype_of(call.formats[array.name]), device=device)
    return found


def _public(op: Op, operator: Any, writer: Any) -> Callable[..., Any]:
    """A function with the spec's signature that calls the launcher, or the operator under tracing and modes."""
    tensors = [array.name for array in op.inputs]
    attributes = [a.name for a in op.attributes]
    layouts = {a.name for a in op.attributes if a.kind is Paged}
    passed = [(name, f"layout_name({name})" if name in layouts else name) for name in (*attributes, "implementation")]
    keywords = [f"{name}={value}" for name, value in passed]
    numbers = [f"type({a.name})" for a in op.attributes if a.kind in (int, float, bool)]
    values = ", ".join([*attributes, *numbers, "implementation"])
    dtypes = [a.name for a in op.attributes if a.kind is ElementFormat]
    lines = [f"def {op.name}({', '.join([*parameters(op), *(['out=None'] if writer else [])])}):"]
    lines += [f"    every = tensors = ({''.join(f'{name}, ' for name in tensors)})"]
    if writer:
        lines += ["    if out is not None:"]
        lines += [f"        entries = {_entries(op)}", "        every = (*tensors, *entries)"]
    lines += [f"    spelled, ready = lookup({op.name!r}, ({values},), every)"]
    lines += ["    if ready is not None:", "        return unwrap(perform(ready, every))"]
    lines += [f"    if {name} is not None: {name} = as_dtype({op.name!r}, {name!r}, {name})" for name in dtypes]
    lines += ["    if plain(every):", f"        attributes = ({''.join(f'{a}, ' for a in attributes)})"]
    lines += ["        return unwrap(run(op, tensors, attributes, implementation, every[len(tensors):], spelled))"]
    lines += ["    meet()"]
    lines += [*_writing(op, tensors, keywords)] if writer else []
    lines += [f"    refuse_functionalize({op.name!r})"] if op.mutated else []
    lines += [f"    results = operator({', '.join([*tensors, *keywords])})"]
    lines += ["    return results" if len(op.outputs) == 1 else "    return unwrap(results or ())"]
    namespace: dict[str, Any] = {"operator": operator, "writer": writer, "op": op, "as_entries": as_entries}
    namespace |= {"as_dtype": as_dtype, "layout_name": layout_name, "unwrap": unwrap, "plain": plain, "run": run}
    namespace |= {"refuse_functionalize": refuse_functionalize, "lookup": lookup, "perform": perform}
    namespace |= {"meet": meet, "merged": merged, "as_bytes": as_bytes, "E8M0": torch.float8_e8m0fnu}
    exec("\n".join(lines), namespace)  # noqa: S102 - our own text, so that the signature is a real one
    function: Callable[..., Any] = namespace[op.name]
    if op.name in OPERANDS:
        function = _with_quantized(op, function)
    function.__doc__ = docstring(op, tuple(BACKENDS), out=True)
    function.__module__ = __name__
    return function


def _with_quantized(op: Op, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which takes a `QuantizedTensor` for a weight or activations and their scales too."""

    @wraps(function)
    def either(*given: Any, **named: Any) -> Any:
        for value in (*given, *named.values()):
            if isinstance(value, QuantizedTensor):
                return function(**written_out(op, given, named, QuantizedTensor, view))
        return function(*given, **named)

    return either


def _entries(op: Op) -> str:
    """Source of the given results, one per result, from `out`."""
    names = tuple(array.name for array in op.outputs)
    return "(out,)" if len(names) == 1 else f"as_entries({op.name!r}, {names!r}, {always_there(op)}, out)"


def _writing(op: Op, tensors: list[str], keywords: list[str]) -> list[str]:
    """The part of a public function that writes into given results through the operator."""
    own = [f"{keyword(array)}=as_bytes(entries[{index}])" for index, array in enumerate(op.outputs)]
    through = ", ".join([*[f"as_bytes({name})" for name in tensors], *keywords, *own])
    dtypes = "".join(f"{dtype_text(op, array)}, " for array in op.outputs)
    lines = ["    if out is not None:", f"        refuse_functionalize({op.name!r})"]
    return [*lines, f"        return unwrap(merged(entries, writer({through}), ({dtypes})))"]


def explain(name: str, device: torch.device | str | None = None) -> dict[str, str]:
    """Implementation -> "ready" where it can run, else why not. A call uses the first one that can, unless it names
    one.

    Args:
        device: cpu, cuda (or gpu), xpu (or oneapi, sycl); None for the GPU where torch sees one, else where new tensors
            go.

    Raises:
        ArgumentError: there is no such device.
    """
    op = specs.get(name)  # an unknown name is refused
    return support.explain(support.device_named(op.name, device), op)


def why(name: str, device: torch.device | str | None = None) -> str:
    """The reason why the default implementation is chosen."""
    return DEQUANT_ON_CPU if next(iter(explain(name, device))) == "dequant" else WITHOUT_PREFERENCE


def function(op: Op | str) -> Callable[..., Any]:
    """The public function of an operation, for packages whose operations no stub declares.

    Raises:
        KeyError: no operation has that name; `specs.register` adds one.
    """
    return _functions[specs.get(op if isinstance(op, str) else op.name).name]


_functions: dict[str, Callable[..., Any]] = {}
__all__ = ["explain", "function", "why"]


def _add(op: Op) -> None:
    """Makes an operation public."""
    globals()[op.name] = _functions[op.name] = _register(op)
    __all__.append(op.name)  # noqa: PYI056 - the loop over operations is the registry's


REGISTRY.follow(_add)
meet()
