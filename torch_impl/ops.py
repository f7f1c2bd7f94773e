"""Public operations: `torch_impl.ops.NAME`, one per spec, through operators of the torch library (`twinkernels::NAME`).

Schema, mutation annotations, fake implementation, signature and docstring all come from the spec.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import specs
from specs.lang.elements import ElementFormat
from specs.lang.errors import NotAChoice, Unsupported
from specs.lang.kernel import Access, Attribute
from specs.lang.op import Op
from specs.lang.signature import docstring, parameters
from torch_impl.formats import DTYPES, dtype_of, format_of
from torch_impl.launch import check, run
from torch_impl.platforms import environment
from torch_impl.support import IMPLEMENTATIONS, choose

environment.prepare()
NAMESPACE = "twinkernels"
_library = torch.library.Library(NAMESPACE, "DEF")
_TYPES = {int: "int", float: "float", bool: "bool", str: "str"}


def schema(op: Op) -> str:
    """The operator's schema: tensors in order, attributes keyword-only, in-place arguments annotated."""
    texts: list[str] = []
    optional, aliases = False, iter("abcdefgh")
    for array in op.inputs:
        optional = optional or array.optional
        alias = f"({next(aliases)}!)" if array.access is Access.INOUT else ""
        texts.append(f"Tensor{alias}? {array.name}=None" if optional else f"Tensor{alias} {array.name}")
    texts.append("*")
    texts += [_attribute_schema(attribute) for attribute in op.attributes]
    texts.append("str? implementation=None")
    results = ", ".join("Tensor" for _ in op.outputs)
    return f"{op.name}({', '.join(texts)}) -> {results if len(op.outputs) == 1 else f'({results})'}"


def _attribute_schema(attribute: Attribute) -> str:
    if attribute.kind is ElementFormat:
        return f"ScalarType {attribute.name}" if attribute.required else f"ScalarType? {attribute.name}=None"
    text = f"{_TYPES[attribute.kind]} {attribute.name}"
    if attribute.required:
        return text
    default = attribute.default
    return f'{text}="{default}"' if isinstance(default, str) else f"{text}={default}"


def _register(op: Op) -> Callable[..., Any]:
    """Defines the operator and returns the function that users call."""
    count, single = len(op.inputs), len(op.outputs) == 1
    names = [attribute.name for attribute in op.attributes]

    def launch(*tensors: Any, implementation: str | None = None, **attributes: Any) -> Any:
        given = (*tensors, *(None,) * (count - len(tensors)))
        results = run(op, given, tuple(attributes.get(name) for name in names), implementation)
        # The schema states how many results there are; trailing ones that a mode does not have are None.
        return results[0] if single else (*results, *(None,) * (len(op.outputs) - len(results)))

    def fake(*tensors: Any, implementation: str | None = None, **attributes: Any) -> Any:
        del implementation  # shapes do not depend on it
        given = (*tensors, *(None,) * (count - len(tensors)))
        call = check(op, given, tuple(attributes.get(name) for name in names))
        device = next(t.device for t in given if t is not None)
        results = [
            torch.empty(call.shapes[a.name], dtype=dtype_of(call.formats[a.name]), device=device)
            if a.name in call.shapes
            else None
            for a in op.outputs
        ]
        return results[0] if single else tuple(results)

    def backward(*_: Any) -> Any:
        raise Unsupported(f"the gradient of {op.name}", "inference kernels have no backward pass")

    _library.define(schema(op), tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(op.name, launch, "CompositeExplicitAutograd")
    torch.library.register_fake(f"{NAMESPACE}::{op.name}", fake, lib=_library)
    torch.library.register_autograd(f"{NAMESPACE}::{op.name}", backward, lib=_library)
    return _public(op, getattr(getattr(torch.ops, NAMESPACE), op.name).default)


def plain(*tensors: Any) -> bool:
    """Whether nothing but this call looks at the tensors: no tracing, no modes, no subclasses, no gradient wanted.

    Then the dispatcher has nothing to add, and the call goes straight to the launcher.
    """
    if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack():  # noqa: SLF001 - no public word for it
        return False
    for t in tensors:
        # What is no tensor at all goes to the launcher, whose refusal is clearer than the dispatcher's.
        if not isinstance(t, torch.Tensor):
            continue
        if type(t) is not torch.Tensor or (t.requires_grad and torch.is_grad_enabled()):
            return False
    return True


def _public(op: Op, operator: Any) -> Callable[..., Any]:
    """A function with the spec's signature that calls the launcher, or the operator where someone listens."""
    tensors = [array.name for array in op.inputs]
    attributes = [a.name for a in op.attributes]
    keywords = [f"{name}={name}" for name in (*attributes, "implementation")]
    dtypes = [a.name for a in op.attributes if a.kind is ElementFormat]
    lines = [f"def {op.name}({', '.join(parameters(op))}):"]
    lines += [f"    if {name} is not None: {name} = as_dtype({op.name!r}, {name!r}, {name})" for name in dtypes]
    given = ", ".join(tensors)
    lines += [f"    if plain({given}):"]
    lines += [f"        results = run(op, ({given},), ({''.join(f'{a}, ' for a in attributes)}), implementation)"]
    lines += [f"        return {'results[0]' if len(op.outputs) == 1 else 'tuple(results)'}"]
    lines += [f"    results = operator({', '.join([*tensors, *keywords])})"]
    lines += ["    return results" if len(op.outputs) == 1 else "    return tuple(r for r in results if r is not None)"]
    namespace: dict[str, Any] = {"operator": operator, "as_dtype": as_dtype, "plain": plain, "run": run, "op": op}
    exec("\n".join(lines), namespace)  # noqa: S102 - our own text, so that the signature is a real one
    function: Callable[..., Any] = namespace[op.name]
    function.__doc__ = docstring(op, IMPLEMENTATIONS)
    function.__module__ = __name__
    return function


def as_dtype(op: str, argument: str, value: Any) -> torch.dtype | None:
    """A torch dtype from a dtype, a format or a format's name."""
    if value is None or isinstance(value, torch.dtype):
        return value
    form = format_of(op, argument, value)
    if form not in DTYPES:
        raise NotAChoice(op=op, argument=argument, expected="the formats of torch's dtypes", actual=form.name)
    return DTYPES[form]


def explain(name: str, device: torch.device | str = "cpu") -> dict[str, str | None]:
    """Implementation -> None where it can run, else why not."""
    from torch_impl.support import explain as reasons

    specs.get(name)  # every operation runs the same way; an unknown name is refused
    return reasons(device)


_functions: dict[str, Callable[..., Any]] = {name: _register(specs.get(name)) for name in specs.names()}
globals().update(_functions)
__all__ = [*_functions, "choose", "explain", "schema"]  # noqa: PLE0604 - names of operations
