"""HTML and SVG elements as text that is escaped exactly once."""

from __future__ import annotations

from html import escape
from typing import Final

_VOID: Final = frozenset({"meta", "br", "col"})
_SHAPES: Final = frozenset({"rect", "line", "path", "circle", "polygon"})

Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: Attribute) -> Markup:
    """One element.

    Args:
        name: element name.
        children: `Markup` is inserted unchanged, any other text is escaped.
        attributes: `class_` is written as class, inner underscores as hyphens; None and False leave the
            attribute out, True writes it without a value.
    """
    written = "".join(_attribute(key, given) for key, given in attributes.items())
    if name in _SHAPES and not children:
        return Markup(f"<{name}{written}/>")
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Children one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child, quote=False) for child in children))


def _attribute(key: str, given: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if given is None or given is False:
        return ""
    if given is True:
        return f" {name}"
    text = number(given) if isinstance(given, float) else str(given)
    return f' {name}="{escape(text)}"'


def number(x: float) -> str:
    """A coordinate: at most two decimals and no trailing zeros."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
