"""Statements of generated sources within 120 columns: calls are broken at their commas, sums at their operators."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

WIDTH: Final = 120
_INDENT: Final = "    "
_SIGNS = (" + ", " - ", " | ", " & ", " ^ ")


def wrapped(text: str, depth: int) -> list[str]:
    """The lines of a statement that stands `depth` levels deep."""
    indent = _INDENT * depth
    if len(indent) + len(text) <= WIDTH:
        return [indent + text]
    return _broken(text, indent, enclosed=False)


def filled(text: str, indent: str = "") -> list[str]:
    """Words, or names with commas, as many on a line as fit; none for an empty text."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def commented(text: str, depth: int) -> list[str]:
    """The lines of a comment."""
    return filled(text, f"{_INDENT * depth}# ")


def _broken(text: str, indent: str, *, enclosed: bool) -> list[str]:
    """A statement, or with `enclosed` an expression inside brackets, as lines that fit if there is a place to break."""
    if len(indent) + len(text) <= WIDTH:
        return [indent + text]
    start, end = _longest_group(text, WIDTH - len(indent))
    if end - start > 1:
        items = _split(text[start + 1 : end], (", ",))
        rest = _broken(text[end:], indent, enclosed=enclosed)
        return [indent + text[: start + 1], *_filled(items, indent + _INDENT), *rest]
    name, equals, value = text.partition(" = ")
    if enclosed:
        return [line for term in _split(text, _SIGNS) for line in _broken(term, indent, enclosed=len(term) < len(text))]
    if equals and name.isidentifier():
        inner = [line for term in _split(value, _SIGNS) for line in _broken(term, indent + _INDENT, enclosed=False)]
        return [f"{indent}{name} = (", *inner, f"{indent})"]
    return [indent + text]


def _filled(items: list[str], indent: str) -> list[str]:
    """Arguments, as many on a line as fit."""
    lines = [""]
    for item in items:
        row = f"{lines[-1]} {item}" if lines[-1] else indent + item
        if len(row) <= WIDTH:
            lines[-1] = row
            continue
        lines += _broken(item, indent, enclosed=True)
        if lines[-1].lstrip()[:1] in ")]}":  # nothing follows the end of a call that takes several lines
            lines.append("")
    return [line for line in lines if line]


def _split(text: str, separators: tuple[str, ...]) -> list[str]:
    """Parts of an expression: separators outside of brackets stand at their ends (commas) or beginnings (operators)."""
    width = len(separators[0])
    cuts = [place for place, depth in _scan(text) if depth == 0 and text[place : place + width] in separators]
    places = [cut + (2 if width == 2 else 1) for cut in cuts]
    return [text[a:b].rstrip() for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def _longest_group(text: str, width: int) -> tuple[int, int]:
    """Where the longest bracket opens, within `width`, and closes; (0, 0) if there is none.

    A bracket that the text closes without opening it is none of its own.
    """
    longest, start = (0, 0), 0
    for place, depth in _scan(text):
        if text[place] in "([{" and depth == 0:
            start = place
        elif text[place] in ")]}" and depth == 1 and longest[1] - longest[0] < place - start and start < width:
            longest = start, place
    return longest


def _scan(text: str) -> Iterator[tuple[int, int]]:
    """Places outside of strings, each with the number of brackets around it."""
    depth, quoted = 0, False
    for place, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        if quoted:
            continue
        yield place, depth
        if character in "([{":
            depth += 1
        elif character in ")]}" and depth:
            depth -= 1
