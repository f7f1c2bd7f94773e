"""Tables on a terminal; the same rows as aligned plain text, never folded or cut, where output goes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity.show.describe import Row, Section

PLAIN_WIDTH: Final = 160
"""Columns where there is no terminal to ask."""


def console() -> Console:
    """Standard output, colours and its own width on a terminal only."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=PLAIN_WIDTH, color_system=None)


def say(out: Console, text: str = "") -> None:
    """Lines exactly as they are."""
    out.print(Text(text), soft_wrap=True)


def print_section(out: Console, section: Section) -> None:
    """A title and its table."""
    say(out)
    out.print(Text(section.title, "bold"))
    print_table(out, section.columns, section.rows)


def print_table(out: Console, columns: Row, rows: Sequence[Row]) -> None:
    """A table."""
    if not out.is_terminal:
        say(out, "\n".join(aligned(columns, rows)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def aligned(columns: Row, rows: Sequence[Row]) -> list[str]:
    """Columns padded with spaces, two between them."""
    lines = (columns, *rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def write_text(file: Path, text: str) -> None:
    """Writes a file, and the folders that lead to it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
