"""Mutable references (`jax.new_ref`) in place of arguments that an operation writes: they are written, not returned.

JAX before 0.7 has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from specs.lang.declare.kernel import Access
from specs.lang.declare.op import Op
from specs.lang.errors import WrongType

_REF: Any = getattr(jax, "Ref", ())


def given(op: Op, arrays: Sequence[Any]) -> dict[int, Any]:
    """The arguments that are references, by their position.

    Raises:
        ArgumentError: one that is only read is.
    """
    found = {index: array for index, array in enumerate(arrays) if isinstance(array, _REF)}
    for index in found:
        argument = op.inputs[index]
        if argument.access is not Access.INOUT:
            expected = f"an array (of a reference, {argument.name}[...]), as it is only read"
            raise WrongType(op=op.name, argument=argument.name, expected=expected, actual="a reference")
    return found


def write(op: Op, references: Mapping[int, Any], names: Sequence[str], results: Sequence[Any]) -> list[Any]:
    """Writes the new values of references; the other results, whose names are `names`."""
    held = {op.inputs[index].name: reference for index, reference in references.items()}
    rest = []
    for name, result in zip(names, results, strict=True):
        if name in held:
            held[name][...] = result
        else:
            rest.append(result)
    return rest
