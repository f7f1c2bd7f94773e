"""Refuses autograd, forward-mode derivatives and vmap of operators with clear messages.

Calls with tensors that require gradients still run, unless they write into an argument, because models are run like
that. Backward through it is refused, and so are forward-mode derivatives, transforms of `torch.func` that
differentiate, and `vmap`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.autograd import forward_ad

import specs
from specs.lang.call.transforms import WITHOUT_GRADIENT, instead_of_vmap
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported

Operator = Callable[..., Any]
_WRITES = "tensors written in place record none"
_transforms = torch._C._functorch.peek_interpreter_stack  # noqa: SLF001 - no public word for either
_is_batched = torch._C._functorch.is_batchedtensor  # noqa: SLF001


class _Recorded(torch.autograd.Function):
    """A call whose results say that they come from tensors with a gradient wanted; backward is refused."""

    @staticmethod
    def forward(ctx: Any, name: str, call: Operator, *tensors: Any) -> Any:
        ctx.name = name
        return call(*tensors)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise _no_gradient(ctx.name)


def refuse_gradients(library: torch.library.Library, name: str, operator: Operator, writes: bool) -> None:
    """Registers what an operator does with tensors whose gradient is wanted.

    Args:
        writes: whether it writes into what it is given. As torch's own `out=`, it refuses such tensors then.
    """

    def autograd(*tensors: Any, **keywords: Any) -> Any:
        every = list(_tensors((*tensors, *keywords.values())))
        if forward_level() >= 0 and any(forward_ad.unpack_dual(t).tangent is not None for t in every):
            raise _no_gradient(name)
        wanted = torch.is_grad_enabled() and any(t.requires_grad for t in every)
        if wanted and writes:
            raise Unsupported(f"a gradient through {name}", _WRITES)
        if wanted and _transforms() is not None:
            raise _no_gradient(name)

        def call(*given: Any) -> Any:
            with torch._C._AutoDispatchBelowAutograd():  # noqa: SLF001 - as torch's own notes on such operators say
                return operator(*given, **keywords)

        return _Recorded.apply(name, call, *tensors) if wanted else call(*tensors)

    library.impl(name, autograd, "Autograd")


def refuse_vmap(library: torch.library.Library, name: str, op: Op) -> None:
    """Registers that an operator is not batched; what it may be given instead depends on the arguments."""

    def batched(*tensors: Any, **keywords: Any) -> Any:
        pairs = [*zip((array.name for array in op.inputs), tensors, strict=False), *keywords.items()]
        names = {n for n, t in pairs if isinstance(t, torch.Tensor) and _is_batched(t)}
        raise Unsupported(f"vmap of {name}", instead_of_vmap(op, names))

    library.impl(name, batched, "FuncTorchBatched")


def refuse_functionalize(name: str) -> None:
    """Refuses `torch.func.functionalize` around a call that writes; compilers have a way of their own."""
    if torch.compiler.is_compiling():
        return
    top: Any = _transforms()
    if top is not None and top.key() == torch._C._functorch.TransformType.Functionalize:  # noqa: SLF001
        raise Unsupported(f"functionalize of {name}", "it takes the writes of torch's own operators apart only")


def refuse_transforms(name: str, values: Iterable[Any]) -> None:
    """Refuses tensors with a gradient wanted, and transforms, for functions that are no operators."""
    tensors = list(_tensors(values))
    if _transforms() is not None and any(_is_batched(t) for t in tensors):
        raise Unsupported(f"vmap of {name}", instead_of_vmap(specs.get(name)))
    dual = forward_level() >= 0 and any(forward_ad.unpack_dual(t).tangent is not None for t in tensors)
    if dual or (torch.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        raise _no_gradient(name)


def forward_level() -> int:
    """How many levels of forward-mode derivatives are entered, from 0; -1 for none."""
    return forward_ad._current_level  # noqa: SLF001 - no public word for it


def _no_gradient(name: str) -> Unsupported:
    return Unsupported(f"the gradient of {name}", WITHOUT_GRADIENT)


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    return (value for value in values if isinstance(value, torch.Tensor))
