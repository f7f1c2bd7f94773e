"""Schemas of the operators in the torch library."""

from __future__ import annotations

from specs.lang.declare.kernel import Access, Attribute
from specs.lang.declare.op import Op
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged
from torch_impl.results import writing_schema

_ALIASES = "abcdefgh"
_TYPES = {int: "int", float: "float", bool: "bool", str: "str"}


def schema(op: Op) -> str:
    """The operator's schema: tensors in order, attributes keyword-only, in-place arguments annotated."""
    results = ", ".join("Tensor" for _ in op.outputs)
    return f"{op.name}({', '.join(_arguments(op))}) -> {results if len(op.outputs) == 1 else f'({results})'}"


def out_schema(op: Op) -> str:
    """Schema of the operator that writes into given results, which are annotated as well."""
    return writing_schema(op, out_name(op), _arguments(op), _ALIASES[len(op.mutated) :][: len(op.outputs)])


def out_name(op: Op) -> str:
    """Name of the operator that writes into given results."""
    return f"{op.name}_out"


def _arguments(op: Op) -> list[str]:
    texts: list[str] = []
    optional, aliases = False, iter(_ALIASES)
    for array in op.inputs:
        optional = optional or array.optional
        alias = f"({next(aliases)}!)" if array.access is Access.INOUT else ""
        texts.append(f"Tensor{alias}? {array.name}=None" if optional else f"Tensor{alias} {array.name}")
    texts.append("*")
    texts += [_attribute_schema(attribute) for attribute in op.attributes]
    texts.append("str? implementation=None")
    return texts


def _attribute_schema(attribute: Attribute) -> str:
    if attribute.kind is ElementFormat:
        return f"ScalarType {attribute.name}" if attribute.required else f"ScalarType? {attribute.name}=None"
    if attribute.kind is Paged:
        return f"str? {attribute.name}=None"
    kind, default = _TYPES[attribute.kind], attribute.default
    text = f"{kind} {attribute.name}"
    if attribute.required:
        return text
    if default is None:
        return f"{kind}? {attribute.name}=None"
    return f'{text}="{default}"' if isinstance(default, str) else f"{text}={default}"
