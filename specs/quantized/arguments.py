"""A call with quantised tensors, written out: their arrays and what their formats say, as the operation has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from specs.lang.declare.op import Op
from specs.lang.declare.terms import choice_name
from specs.lang.errors import NotAChoice, Surplus, WrongFormat, WrongRank, WrongType
from specs.quantized.arrays import Form
from specs.quantized.products import OPERANDS, Attributes, Operand, View

Viewed = Callable[[Any, View], Any]
"""An array as a view of it."""


class Tensor(Protocol):
    """A framework's quantised tensor."""

    @property
    def format(self) -> Form: ...
    @property
    def shape(self) -> Any: ...
    def arrays(self) -> Mapping[str, Any]:
        """The arrays that it has, by name."""


T = TypeVar("T", bound=Tensor)


def written_out(
    op: Op, positional: Sequence[Any], named: Mapping[str, Any], kind: type[T], view: Viewed
) -> dict[str, Any]:
    """Keyword arguments of a call without quantised tensors, of one where some arguments are `kind`.

    Attributes that a format says may be left out, and otherwise have to agree with it.

    Raises:
        ArgumentError: the operation takes no quantised tensor there, or none of that format; an argument that comes
            with the tensor, or another value of an attribute, is passed besides.
    """
    names = [array.name for array in op.inputs]
    if len(positional) > len(names):
        raise TypeError(f"{op.name}() takes {len(names)} positional arguments but {len(positional)} were given")
    given = dict(zip(names, positional, strict=False))
    if twice := given.keys() & named.keys():
        raise TypeError(f"{op.name}() got multiple values for argument '{min(twice)}'")
    given |= named
    tensors = {name: value for name, value in given.items() if isinstance(value, kind)}
    found: dict[str, tuple[object, ...]] = {}
    for name, tensor in tensors.items():
        operand, attributes = _operand(op, name, tensor)
        arrays = {operand.arrays[key][0]: (key, array) for key, array in _taken(op, name, tensor, operand)}
        for argument, (key, array) in arrays.items():
            if argument != name and given.get(argument) is not None:
                raise Surplus(
                    op=op.name, argument=argument, expected=f"left out, '{name}' has its own", actual="another"
                )
            given[argument] = view(array, operand.arrays[key][1])
        for attribute, values in attributes.items():
            both = [value for value in found.get(attribute, values) if value in values]
            if not both:
                raise NotAChoice(
                    op=op.name, argument=attribute, expected=_listed(values), actual=_listed(found[attribute])
                )
            found[attribute] = tuple(both)
    for attribute, values in found.items():
        given[attribute] = _agreed(op, attribute, values, given.get(attribute))
    return given


def _operand(op: Op, name: str, tensor: Tensor) -> tuple[Operand, Attributes]:
    operand = OPERANDS.get(op.name, {}).get(name)
    if operand is None:
        takes = [f"'{other}'" for other in OPERANDS.get(op.name, {})]
        also = f" (a quantised tensor may be {' or '.join(takes)})" if takes else ""
        raise WrongType(
            op=op.name, argument=name, expected=f"an array{also}", actual=f"a quantised tensor, {tensor.format.name}"
        )
    attributes = operand.attributes(tensor.format)
    if attributes is None:
        raise WrongFormat(
            op=op.name, argument=name, expected="a format that this product takes", actual=tensor.format.name
        )
    if operand.ndim is not None and len(tensor.shape) != operand.ndim:
        expected = f"{operand.ndim} dimensions{_instead(tensor) if operand.ndim == 2 else ''}"
        raise WrongRank(op=op.name, argument=name, expected=expected, actual=list(tensor.shape))
    return operand, attributes


def _instead(tensor: Tensor) -> str:
    """Which products take stacked weights of the format."""
    others = [
        other
        for other, operands in OPERANDS.items()
        if any(o.ndim == 3 and o.attributes(tensor.format) is not None for o in operands.values())
    ]
    return f" (stacked weights go to {' or '.join(others)})" if others else ""


def _taken(op: Op, name: str, tensor: Tensor, operand: Operand) -> Iterable[tuple[str, Any]]:
    for key, array in tensor.arrays().items():
        if key not in operand.arrays:
            raise WrongFormat(op=op.name, argument=name, expected=f"a weight without {key}", actual="one with it")
        yield key, array


def _agreed(op: Op, attribute: str, values: Sequence[object], passed: Any) -> object:
    """The value of an attribute, which the caller may have passed too."""
    if passed is None:
        return values[0]
    if not any(passed == value or passed == choice_name(value) for value in values):
        raise NotAChoice(
            op=op.name, argument=attribute, expected=f"{_listed(values)}, as the tensor has it", actual=repr(passed)
        )
    return passed


def _listed(values: Sequence[object]) -> str:
    return " or ".join(repr(choice_name(value)) for value in values)
