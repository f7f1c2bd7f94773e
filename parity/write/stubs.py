"""Stubs of `torch_impl.ops` and `jax_impl.ops`, whose functions are made at import, where no editor sees them.

Typed signatures and docstrings come from the specs; what else the modules define is read off their source, so that no
framework has to be there.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Final

from specs.docstring import docstring
from specs.lang.call.signature import default_text, parameters
from specs.lang.declare.kernel import Attribute
from specs.lang.declare.op import Op
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged
from specs.quantized.products import OPERANDS

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """One side's stub.

    argument, result: types of arrays that go in and come out.
    dtype: what an attribute that is an element format may be given as, besides a format or its name.
    imports: what these types need, besides the standard library.
    returns_mutated: whether in-place arguments are returned too.
    out: whether results can be given.
    """

    package: str
    argument: str
    result: str
    dtype: str
    imports: tuple[str, ...]
    returns_mutated: bool
    out: bool

    @property
    def path(self) -> PurePosixPath:
        """The stub's file."""
        return PurePosixPath(self.package, "ops.pyi")


STUBS: Final = (
    Stub(
        package="torch_impl",
        argument="torch.Tensor",
        result="torch.Tensor",
        dtype="torch.dtype",
        imports=("import torch",),
        returns_mutated=False,
        out=True,
    ),
    Stub(
        package="jax_impl",
        argument="_Array",
        result="jax.Array",
        dtype="DTypeLike",
        imports=("import jax", "import numpy as np", "from jax.typing import DTypeLike"),
        returns_mutated=True,
        out=False,
    ),
)


def stub(kind: Stub, ops: Sequence[Op]) -> str:
    """The text of a stub."""
    module = ast.parse((_ROOT / kind.package / "ops.py").read_text(encoding="utf-8"))
    others, used = _others(module)
    declared = ("from specs.lang.formats.elements import ElementFormat", "from specs.lang.formats.paged import Paged")
    own = {*declared, *_imports_of(module, used - {"Any", "Literal"} | {"QuantizedTensor"})}
    aliases = [f"_Format: TypeAlias = {kind.dtype} | ElementFormat | str"]
    if kind.argument == "_Array":
        aliases.insert(0, "_Array: TypeAlias = jax.Array | np.ndarray[Any, Any]")
    choices = implementations(kind.package)
    aliases.append(f"_Implementation: TypeAlias = Literal[{', '.join(map(_quoted, choices))}]")
    lines = [
        "# Written by `python -m parity emit --all --write`: do not edit.",
        "# ruff: noqa: E501, PYI021 - choices in one line; docstrings are here for editors, which find none elsewhere",
        *sorted(line for line in own if _is_standard(line)),
        "from typing import Any, Literal, TypeAlias, overload",
        "",
        *kind.imports,
        "",
        *sorted(line for line in own if not _is_standard(line)),
        "",
        *aliases,
    ]
    for op in ops:
        lines += ["", *_function(kind, op, choices)]
    return "\n".join([*lines, "", *others]) + "\n"


def _is_standard(line: str) -> bool:
    """Whether an import is of the standard library."""
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names


def implementations(package: str) -> tuple[str, ...]:
    """Names that `implementation=` takes."""
    return tuple(import_module(f"{package}.backends").BACKENDS)


# Functions made from specs.


def _function(kind: Stub, op: Op, choices: tuple[str, ...]) -> list[str]:
    operands = OPERANDS.get(op.name, {})
    lines = [f"def {op.name}("]
    given = iter(parameters(op))
    for _ in op.inputs:
        name, _, default = next(given).partition("=")
        either = f"{kind.argument} | QuantizedTensor" if name in operands else kind.argument
        lines.append(f"    {name}: {either}{' | None = None' if default else ''},")
    lines.append("    *,")
    lines += [f"    {attribute.name}: {_attribute(attribute)}," for attribute in op.attributes]
    lines += [*_last(kind, op), f") -> {_result(kind, op)}:", *_docstring(docstring(op, choices, out=kind.out))]
    return ["@overload", *lines, "@overload", *_with_quantized(kind, op)] if operands else lines


def _with_quantized(kind: Stub, op: Op) -> list[str]:
    """The function where its weight is a quantised tensor, with which scales and attributes come."""
    operands = OPERANDS[op.name]
    weight, lines, optional = next(iter(operands)), [f"def {op.name}("], False
    for name in (array.name for array in op.inputs):
        if name in operands:
            text = "QuantizedTensor" if name == weight else f"{kind.argument} | QuantizedTensor"
        else:
            text = f"{kind.argument} | None" if optional else kind.argument
        lines.append(f"    {name}: {text}{' = ...' if optional else ''},")
        optional = optional or name == weight
    lines.append("    *,")
    lines += [f"    {a.name}: {_attribute(a)}{' = ...' if a.required else ''}," for a in op.attributes]
    return [*lines, *_last(kind, op), f") -> {_result(kind, op)}: ..."]


def _last(kind: Stub, op: Op) -> list[str]:
    """The parameters after the attributes."""
    own = ["    implementation: _Implementation | None = None,"]
    return [*own, f"    out: {_given(kind, op)} | None = None,"] if kind.out and op.outputs else own


def _given(kind: Stub, op: Op) -> str:
    """The type of `out`."""
    if len(op.outputs) == 1:
        return kind.argument
    entries = ", ".join([f"{kind.argument} | None"] * len(op.outputs))
    variable = any(not array.always for array in op.outputs)
    return f"tuple[{kind.argument} | None, ...]" if variable else f"tuple[{entries}]"


def _attribute(attribute: Attribute) -> str:
    if attribute.kind is ElementFormat:
        text = "_Format"
    elif attribute.kind is Paged:
        names = [choice.name for choice in attribute.choices if isinstance(choice, Paged)]
        text = f"Paged | Literal[{', '.join(map(_quoted, names))}]" if names else "Paged"
    elif attribute.choices:
        text = f"Literal[{', '.join(map(_quoted, attribute.choices))}]"
    else:
        text = attribute.kind.__name__
    if attribute.required:
        return text
    optional = " | None" if attribute.default is None else ""
    return f"{text}{optional} = {_quoted(ast.literal_eval(default_text(attribute)))}"


def _result(kind: Stub, op: Op) -> str:
    results = (*op.mutated, *op.outputs) if kind.returns_mutated else op.outputs
    if any(not array.always for array in results):
        return "Any"  # one or several, which depends on the call
    if len(results) <= 1:
        return kind.result if results else "None"
    return f"tuple[{', '.join([kind.result] * len(results))}]"


def _docstring(text: str) -> list[str]:
    return [*textwrap.indent(f'"""{text}', "    ").splitlines(), '    """']


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


# What the modules define besides.


def _others(module: ast.Module) -> tuple[list[str], set[str]]:
    """Stubs of a module's own public functions and constants, and the names that they use."""
    lines: list[str] = []
    used: set[str] = set(_exported(module))
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            body: list[ast.stmt] = [ast.Expr(ast.Constant(...))]
            signature = ast.FunctionDef(
                name=node.name, args=node.args, body=body, decorator_list=[], returns=node.returns
            )
            text = ast.unparse(ast.fix_missing_locations(signature)).replace("'", '"')
            lines += ["", text.replace(":\n    ...", ": ...")]
            used |= {part.id for part in ast.walk(signature) if isinstance(part, ast.Name)}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            name = ast.unparse(node.targets[0])
            lines += ["", f"{name}: {type(node.value.value).__name__}"]
    return lines, used


def _exported(module: ast.Module) -> Iterable[str]:
    """Names written out in `__all__`."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield from (str(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant))


def _imports_of(module: ast.Module, used: set[str]) -> list[str]:
    """Import statements of the module that bind the names, written so that a stub passes them on."""
    lines: list[str] = []
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            bound = [(item.name, item.asname or item.name) for item in node.names]
            lines += [f"from {node.module} import {name} as {own}" for name, own in bound if own in used]
    return lines
