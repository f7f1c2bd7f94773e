"""An author's comments by line: what an emitter carries from a tile program into the source that it prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

_ROOT: Final = Path(__file__).parents[3]
_FOR_TOOLS = re.compile(r"\s*# ?(noqa|type:|ruff:|fmt:|pragma|mypy:|--).*")
_STRINGS = (f"{mark}(?:\\\\.|[^\\\\])*?{mark}" for mark in ('"""', "'{3}"))
_SHORT_STRINGS = (f"{mark}(?:\\\\.|[^{mark}\\\\\n])*{mark}" for mark in "\"'")
_TOKENS = re.compile("|".join([*_STRINGS, *_SHORT_STRINGS, r"#[^\n]*|[()\[\]{}]|\n"]), re.DOTALL)
"""Strings, which may hold number signs; comments; brackets; ends of lines."""

Comment = tuple[int, str]
"""Line and text, without the number sign."""


@lru_cache(maxsize=512)
def comments_of(file: str) -> Mapping[int, tuple[Comment, ...]]:
    """Line of a statement -> the comments right above it and beside it; nothing where the file cannot be read.

    A line that only opens a block (`if`, `def`) shares its comments with the first statement in it. Statements of
    several lines have the same comments on each.

    Args:
        file: as `specs.tile.ir.Location` has it: from the project's root, or absolute.
    """
    path = _ROOT / file
    if path.suffix != ".py" or not path.is_file():
        return MappingProxyType({})
    try:
        text = path.read_text(encoding="utf-8")
        return MappingProxyType(_by_line(text) if "#" in text else {})
    except (OSError, UnicodeDecodeError):
        return MappingProxyType({})


def _by_line(text: str) -> dict[int, tuple[Comment, ...]]:
    found: dict[int, tuple[Comment, ...]] = {}
    above: list[Comment] = []  # on lines of their own, up to the next statement
    beside: list[Comment] = []
    line, start, depth = 1, 0, 0  # start: first line of the statement that is being read
    code = ""  # of the current line
    place = 0
    for match in _TOKENS.finditer(text):
        piece, code = match[0], code + text[place : match.start()].strip()
        place = match.end()
        start = start or (line if code else 0)
        if piece[0] == "#":
            comment = _FOR_TOOLS.sub("", piece).lstrip("# ").rstrip()
            if comment:
                (beside if start else above).append((line, comment))
        elif piece == "\n":
            if start and not depth:
                comments = (*above, *beside)
                if comments:
                    found.update(dict.fromkeys(range(start, line + 1), comments))
                above = [*comments] if code.endswith(":") else []
                beside, start = [], 0
            elif not start and not text[text.rfind("\n", 0, place - 1) + 1 : place].strip():
                above = []
            line, code = line + 1, ""
        elif piece in "([{":
            depth += 1
        elif piece in ")]}":
            depth, code = max(depth - 1, 0), piece
        else:  # a string
            start, code = start or line, '"'
            line += piece.count("\n")
    return found
