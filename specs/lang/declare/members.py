"""One walk over the declarations: members with their types and descriptions, as JSON values and as JSON Schema.

The members of a class are its fields, described by the docstrings under them, and what `derived` functions add. A
derived function that is called like a field takes its place. Expressions are text, enumerations the names of their
members in lower case, pairs objects; formats and layouts among values go by their names.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union

from specs.lang.declare.axes import Expr, show
from specs.lang.declare.terms import Rows, choice_name
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

Json = dict[str, Any]
NAMED = (ElementFormat, Paged)
"""Written by name, except as the values of a mapping from their names."""
Derived = TypeVar("Derived", bound=Callable[[Any], Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A field of a class, or something derived from its fields."""

    name: str
    type: Any
    """Its annotation, evaluated."""
    doc: str
    """Its description."""
    read: Callable[[Any], Any]
    """Its value, from an instance."""


_derived: dict[type, dict[str, Member]] = {}
_left_out: dict[type, frozenset[str]] = {}


def derived(function: Derived) -> Derived:
    """Makes a function of one instance, with annotations and a docstring, a member of the instance's class."""
    hints = typing.get_type_hints(function, include_extras=True)
    kind, result = hints.values()
    name, doc = function.__name__.strip("_"), inspect.getdoc(function) or ""
    _derived.setdefault(kind, {})[name] = Member(name=name, type=result, doc=doc, read=function)
    return function


def properties(kind: type, *names: str) -> None:
    """Makes properties of a class members."""
    for name in names:
        getter = getattr(kind, name).fget
        result, doc = typing.get_type_hints(getter)["return"], inspect.getdoc(getter) or ""
        _derived.setdefault(kind, {})[name] = Member(name=name, type=result, doc=doc, read=attrgetter(name))


def left_out(kind: type, *names: str) -> None:
    """Fields of a class that are no members."""
    _left_out[kind] = frozenset(names)


@cache
def members(kind: type) -> tuple[Member, ...]:
    """The members of a dataclass, fields first."""
    hints, bases = typing.get_type_hints(kind, include_extras=True), [k for k in kind.__mro__ if is_dataclass(k)]
    docs = {name: doc for base in reversed(bases) for name, doc in field_docs(base).items()}
    hidden = {name for base in bases for name in _left_out.get(base, ())}
    shown = [f.name for f in fields(kind) if f.init and f.name not in hidden]
    found = {n: Member(name=n, type=hints[n], doc=docs.get(n, ""), read=attrgetter(n)) for n in shown}
    return tuple((found | _derived.get(kind, {})).values())


def field_docs(kind: type) -> dict[str, str]:
    """The docstrings under the fields of a class."""
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(found, ast.ClassDef)
    docs: dict[str, str] = {}
    for declared, after in zip(found.body, found.body[1:], strict=False):
        if (
            isinstance(declared, ast.AnnAssign)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            docs[ast.unparse(declared.target)] = " ".join(inspect.cleandoc(str(after.value.value)).split())
    return docs


# What a type is.


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, UnionType) else (hint,)


def _is_text(hint: Any) -> bool:
    """Whether it is an expression, or something that is written like one."""
    return bool({Expr, Rows} & {*_alternatives(hint)})


def _pairs(hint: Any) -> Any:
    """The type of the values of a mapping, which may be written as pairs; None for another type."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (dict, Mapping):
        return args[1]
    if origin is not tuple or len(args) != 2 or args[1] is not Ellipsis or typing.get_origin(args[0]) is not tuple:
        return None
    first, *others = typing.get_args(args[0])
    return others[0] if first is str and others != [...] else None


# Values.


def encode(value: Any, hint: Any) -> Any:
    """A value of an annotated type as JSON."""
    hint = _bare(hint)
    if value is None:
        return None
    if _is_text(hint):
        return str(value) if isinstance(value, Rows) else show(value)
    if (values := _pairs(hint)) is not None:
        items = dict(value).items()
        return {name: _object_of(item) if values in NAMED else encode(item, values) for name, item in items}
    if isinstance(value, tuple):
        (inner, *_) = next(typing.get_args(kind) for kind in _alternatives(hint) if typing.get_origin(kind) is tuple)
        return [encode(item, inner) for item in value]
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, (bool, int, float, str)):
        return value
    if hint is object or isinstance(value, NAMED):
        return choice_name(value)
    return _object_of(value)


def _object_of(value: Any) -> Json:
    return {member.name: encode(member.read(value), member.type) for member in members(value.__class__)}


# Schema.


def json_schema(kind: type) -> Json:
    """JSON Schema of the objects of a class."""
    defined: Json = {}
    schema = _object(kind, defined)
    return {**schema, "$defs": {name: defined[name] for name in sorted(defined)}}


def _object(kind: type, defined: Json) -> Json:
    shown = {}
    for member in members(kind):
        schema = _schema(member.type, defined)
        told = "; ".join(text for text in (member.doc, schema.pop("description", "")) if text)
        shown[member.name] = {**schema, "description": told}
    doc = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
    rules = {"required": list(shown), "additionalProperties": False}
    return {"title": kind.__name__, "description": doc, "type": "object", "properties": shown, **rules}


_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def _schema(hint: Any, defined: Json) -> Json:
    if typing.get_origin(hint) is Annotated:
        kind, *rules = typing.get_args(hint)
        return {**_schema(kind, defined), **dict(rules)}
    if _is_text(hint):
        return {"type": ["string", "null"] if NoneType in _alternatives(hint) else "string"}
    if len(choices := _alternatives(hint)) > 1:
        return {"anyOf": [_schema(choice, defined) for choice in choices]}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint is object:
        return {"type": ["null", "boolean", "number", "string"]}
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if (values := _pairs(hint)) is not None:
        inner = _reference(values, defined) if values in NAMED else _schema(values, defined)
        return {"type": "object", "additionalProperties": inner}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _schema(typing.get_args(hint)[0], defined)}
    if issubclass(hint, Enum):
        told = "; ".join(f"{m.name.lower()}: {m.value}" for m in hint if m.value != m.name.lower())
        return {"enum": [m.name.lower() for m in hint], **({"description": told} if told else {})}
    return {"type": "string"} if hint in NAMED else _reference(hint, defined)


def _reference(kind: type, defined: Json) -> Json:
    if kind.__name__ not in defined:
        defined[kind.__name__] = {}  # a class may be a part of itself
        defined[kind.__name__] = _object(kind, defined)
    return {"$ref": f"#/$defs/{kind.__name__}"}
