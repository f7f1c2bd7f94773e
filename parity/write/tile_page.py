"""docs/tile-language.md: what a kernel body calls, from the docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any, Final

from specs.lang.formats.elements import ElementFormat
from specs.tile import blocks, language
from specs.tile.frontend.trace import Tile
from specs.tile.library import codec, functions

INTRODUCTION: Final = """\
<!-- Written by `python -m parity emit --all --write`: do not edit. -->
# The tile language

What the body of a kernel is written in. The body is run once, on symbolic tiles, and what it does is recorded as tile
IR, from which the Triton and the Pallas source are printed; [](authoring.md) says how a body becomes an operation. An
`Index` is an int32 tile or a Python number, an `Operand` a tile or a number in the format of the other operand.
"""
_METHODS: Final = (Tile.to, Tile.bitcast, Tile.reshape, Tile.broadcast, Tile.transpose)
_PART: Final = re.compile(r"(Args|Returns|Raises|Yields):$")
_ENTRY: Final = re.compile(r"(\w+(?:, \w+)*): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Functions of one place. title: where they are imported from."""

    title: str
    text: str
    functions: tuple[Callable[..., Any], ...]


def chapters() -> tuple[Chapter, ...]:
    """Everything that a body may call, in the order of the sources."""
    return (
        *(_of_module(module) for module in (language, blocks)),
        Chapter(title="Tile", text=inspect.getdoc(Tile) or "", functions=_METHODS),
        *(_of_module(module) for module in (codec, functions)),
    )


def _of_module(module: ModuleType) -> Chapter:
    own = [f for f in vars(module).values() if isinstance(f, FunctionType) and f.__module__ == module.__name__]
    public = [function for function in own if not function.__name__.startswith("_")]
    ordered = sorted(public, key=lambda function: function.__code__.co_firstlineno)
    return Chapter(title=module.__name__, text=inspect.getdoc(module) or "", functions=tuple(ordered))


def tile_page() -> str:
    """The page."""
    lines = [INTRODUCTION]
    for chapter in chapters():
        lines += [f"## {chapter.title}", "", *paragraphs(chapter.text), ""]
        for function in chapter.functions:
            lines += [f"### {function.__name__}", "", "```python", _call(function), "```", ""]
            lines += [*paragraphs(inspect.getdoc(function) or ""), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _call(function: Callable[..., Any]) -> str:
    """The signature as it is written, without the tile that a method is called on."""
    signature = inspect.signature(function)
    given = [_shown(p) for name, p in signature.parameters.items() if name != "self"]
    text = str(signature.replace(parameters=given)).replace("'", "")  # annotations are text, and are shown quoted
    return f"{function.__name__}{text}"


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    if parameter.default is parameter.empty:
        return parameter
    return parameter.replace(default=_Written(parameter.default))


@dataclass(frozen=True, slots=True)
class _Written:
    """A default as it is written in the sources."""

    value: object

    def __repr__(self) -> str:
        if isinstance(self.value, ElementFormat):
            return self.value.name.upper()
        return str(self.value) if isinstance(self.value, Enum) else repr(self.value)


def paragraphs(docstring: str) -> Iterator[str]:
    """A docstring in Google's style as Markdown: formulas are indented as they are, arguments become a list."""
    listed = False
    for line in docstring.split("\n"):
        if part := _PART.match(line):
            listed = True
            yield from (f"**{part[1]}**", "")
        elif listed and line.startswith("    "):
            yield _entry(line[4:])
        else:
            listed = listed and not line
            yield line


def _entry(line: str) -> str:
    """A line of a list; what goes on from the line before is indented already."""
    names = _ENTRY.match(line)
    return f"  {line.strip()}" if names is None else f"- `{names[1]}`: {line[names.end() :]}"
