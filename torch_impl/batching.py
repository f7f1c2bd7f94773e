"""torch.vmap as one call: where the mapped arguments have an independent axis, or another operation takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch

from specs.lang.call.batching import merged
from specs.lang.call.bind import ArrayInfo, Call, bind
from specs.lang.call.transforms import instead_of_vmap
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported
from specs.moe.stacked import products_for, stacked
from torch_impl.formats import describe
from torch_impl.launch import resolve_attributes


class TorchArrays:
    """`specs.lang.call.batching.Arrays`."""

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Any:
        return x.expand(shape)

    def moveaxis(self, x: Any, source: int, destination: int) -> Any:
        return x.movedim(source, destination)

    def as_bytes(self, words: Any) -> Any:
        return words.contiguous().view(torch.uint8)

    def multiples(self, count: int, of: int, like: Any) -> Any:
        return of * torch.arange(count, dtype=torch.int32, device=like.device)


_ARRAYS: Final = TorchArrays()


def register(name: str, library: torch.library.Library, op: Op, functions: Callable[[Op], Callable[..., Any]]) -> None:
    """Registers what `torch.vmap` does with the operator of an operation.

    Args:
        name: of the operator. functions: the public function of any operation.
    """

    def batched(info: Any, dims: Sequence[int | None], *tensors: Any, **keywords: Any) -> tuple[Any, Any]:
        named = zip((array.name for array in op.inputs), tensors, dims, strict=False)
        given = {n: (tensor, dim) for n, tensor, dim in named if tensor is not None}
        own = {n for n, (_, dim) in given.items() if dim is not None}
        call = _one(op, given, keywords)
        results = [array.name for array in op.outputs if array.name in call.shapes]
        plan = None
        if not op.mutated:
            plan = merged(call, tuple(given), results, info.batch_size, own)
            plan = plan or stacked(call, tuple(given), info.batch_size, own)
        if plan is None:
            raise Unsupported(f"vmap of {op.name}", instead_of_vmap(op, own, products_for(op)))
        first = {n: t if dim is None else t.movedim(dim, 0).contiguous() for n, (t, dim) in given.items()}
        settings = dict(plan.attributes) | {"implementation": keywords.get("implementation")}
        made = functions(plan.op)(**plan.before(_ARRAYS, first), **settings)
        found = made if isinstance(made, tuple) else (made,)
        after = plan.after(_ARRAYS, dict(zip(results, found, strict=True)))
        ordered = tuple(after.get(array.name) for array in op.outputs)
        where = tuple(plan.dims.get(array.name) for array in op.outputs)
        return (ordered[0], where[0]) if len(op.outputs) == 1 else (ordered, where)

    torch.library.register_vmap(name, batched, lib=library)


def _one(op: Op, given: dict[str, tuple[torch.Tensor, int | None]], keywords: dict[str, Any]) -> Call:
    """One of the calls, checked; strides are those that the one call will have."""
    infos = {}
    for name, (tensor, dim) in given.items():
        info = describe(tensor)
        shape = info.shape if dim is None else (*info.shape[:dim], *info.shape[dim:][1:])
        infos[name] = ArrayInfo(shape, info.format, None, info.device)
    return bind(op, infos, resolve_attributes(op, tuple(keywords.get(a.name) for a in op.attributes)))
