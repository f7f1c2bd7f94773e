"""Tensors that the caller gives for results (`out=`): their checks, and the operators that write into them.

`twinkernels::NAME_out` mutates what it is given and returns only the results that it had to allocate, because an
operator of the torch library must not return its arguments. E8M0 goes in and comes out as bytes: inductor does not
take apart mutating operators with tensors of that dtype (pytorch/pytorch#189522).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from specs.lang.call.bind import Call
from specs.lang.call.results import check_results, entry
from specs.lang.declare.kernel import Array
from specs.lang.declare.layouts import is_packed
from specs.lang.declare.op import Op
from specs.lang.errors import Aliased, WrongType
from specs.lang.formats.elements import E8M0
from torch_impl.formats import describe, is_empty

Given = Sequence[torch.Tensor | None]
_E8M0 = torch.float8_e8m0fnu


def keyword(array: Array) -> str:
    """Keyword under which an operator takes a result tensor: never plain `out`, which dynamo treats specially."""
    return f"out_{array.name}"


def always_there(op: Op) -> int:
    """How many results every call has."""
    return sum(array.always for array in op.outputs)


def as_entries(op: str, names: tuple[str, ...], least: int, out: object) -> tuple[Any, ...]:
    """`out` of an operation with several results, one entry per result.

    Raises:
        ArgumentError: it is no tuple (or list), or has another length.
    """
    if isinstance(out, tuple | list) and least <= len(out) <= len(names):
        return (*out, *[None] * (len(names) - len(out)))
    expected = f"a tuple ({', '.join(names)}) of tensors, or None for what is to be allocated"
    actual = f"{len(out)} entries" if isinstance(out, tuple | list) else type(out).__name__
    raise WrongType(op=op, argument="out", expected=expected, actual=actual)


def check_given(call: Call, given: Given, device: torch.device) -> None:
    """Checks everything about given results except their addresses; raises `ArgumentError`."""
    for index, tensor in enumerate(given):
        if tensor is None:
            continue
        name = entry(call.op, index)
        if not isinstance(tensor, torch.Tensor):
            raise WrongType(op=call.op.name, argument=name, expected="a torch.Tensor", actual=type(tensor).__name__)
        if tensor.layout is not torch.strided:
            raise WrongType(op=call.op.name, argument=name, expected="a strided tensor", actual=tensor.layout)
    check_results(call, [None if t is None else describe(t) for t in given], device)


def strides_of(op: Op, given: Given) -> dict[str, tuple[int, ...]]:
    """Strides of the given results that do not lie as a fresh one would, for which the same kernel serves."""
    pairs = [(array.name, t) for array, t in zip(op.outputs, given, strict=True) if t is not None]
    return {name: t.stride() for name, t in pairs if t.numel() and not is_packed(tuple(t.shape), t.stride())}


def refuse_aliases(op: Op, tensors: Given, given: Given, place: Callable[[torch.Tensor], object]) -> None:
    """Refuses results that begin where an argument or another result does. Other overlaps are not checked.

    Args:
        place: where a tensor begins.

    Raises:
        ArgumentError: of the kind `Aliased`.
    """
    taken = {place(t): a.name for a, t in zip(op.inputs, tensors, strict=True) if t is not None and not is_empty(t)}
    for index, tensor in enumerate(given):
        if tensor is not None and not is_empty(tensor):
            name = entry(op, index)
            other = taken.setdefault(place(tensor), name)
            if other is not name:
                raise Aliased(
                    op=op.name, argument=name, expected="memory of its own", actual=f"the memory of '{other}'"
                )


def writing_schema(op: Op, name: str, arguments: Sequence[str], aliases: Sequence[str]) -> str:
    """Schema of the operator that writes given results: they follow the other arguments, as keywords.

    Args:
        name: of the operator.
        arguments: what the functional operator takes.
        aliases: letters that annotate the written tensors, one per result.
    """
    single = len(op.outputs) == 1
    given = [
        f"Tensor({alias}!) {keyword(array)}" if single else f"Tensor({alias}!)? {keyword(array)}=None"
        for alias, array in zip(aliases, op.outputs, strict=True)
    ]
    results = "" if single else ", ".join("Tensor" for _ in op.outputs)
    return f"{name}({', '.join([*arguments, *given])}) -> ({results})"


def allocated(op: Op, given: Given, results: Given) -> Any:
    """Returns of an out operator: nothing for one result, else the results that were not given."""
    if len(op.outputs) == 1:
        return None
    return tuple(as_bytes(result) if own is None else None for own, result in zip(given, results, strict=True))


def merged(given: tuple[Any, ...], returned: tuple[Any, ...] | None, dtypes: tuple[Any, ...]) -> tuple[Any, ...]:
    """All results of an out operator's call.

    Args:
        dtypes: E8M0 for results that came as its bytes; any other is ignored.
    """
    if returned is None:
        return given
    own = [r.view(_E8M0) if r is not None and d == _E8M0 else r for r, d in zip(returned, dtypes, strict=True)]
    return tuple(r if g is None else g for g, r in zip(given, own, strict=True))


def as_bytes(value: Any) -> Any:
    """E8M0 as its bytes; anything else as it is."""
    return value.view(torch.uint8) if isinstance(value, torch.Tensor) and value.dtype == _E8M0 else value


def dtype_text(op: Op, array: Array) -> str:
    """Source of the dtype that `merged` needs for a result, over names of attributes."""
    if isinstance(array.formats, str):
        decides = next((a for a in op.attributes if a.name == array.formats), None)
        if decides is None or E8M0 not in decides.choices:
            return "None"
        default = f" or {decides.default == E8M0} and E8M0 or None"
        return array.formats if decides.required else f"({array.formats}{default})"
    return "E8M0" if array.formats == (E8M0,) else "None"


def start(tensor: torch.Tensor) -> object:
    """Where a tensor without values begins, as far as that is known while tracing."""
    offset = tensor.storage_offset()
    return tensor.untyped_storage()._cdata, offset if isinstance(offset, int) else id(tensor)  # noqa: SLF001


def unwrap(results: list[Any] | tuple[Any, ...]) -> Any:
    """A single result by itself, several as a tuple, None for none; drops results that the mode does not have."""
    found = [result for result in results if result is not None]
    return found[0] if len(found) == 1 else tuple(found) or None
