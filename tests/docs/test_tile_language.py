"""The reference of the tile language has everything that kernels call, with what it does."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import specs
from parity.write.tile_page import Chapter, chapters, paragraphs, tile_page

CHAPTERS = {chapter.title: chapter for chapter in chapters()}
SOURCES = [ast.parse(file.read_text(encoding="utf-8")) for file in Path(specs.__file__).parent.rglob("*.py")]


@pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=lambda chapter: chapter.title)
def test_every_function_says_what_it_does(chapter: Chapter) -> None:
    assert chapter.functions
    assert [f.__name__ for f in chapter.functions if not inspect.getdoc(f)] == []


@pytest.mark.parametrize("module", [title for title in CHAPTERS if title.startswith("specs.")])
def test_what_kernels_import_is_in_it(module: str) -> None:
    nodes = [node for source in SOURCES for node in ast.walk(source) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in nodes if node.module == module for alias in node.names}
    assert {name for name in names if name[0].islower()} <= {f.__name__ for f in CHAPTERS[module].functions}


def test_arguments_are_a_list_and_formulas_stay_as_they_are() -> None:
    text = "Sum.\n\n    y = a + b\n\nArgs:\n    a: one.\n        More.\n    b, c: two.\n\nAfter."
    wanted = "Sum.||    y = a + b||**Args**||- `a`: one.|  More.|- `b, c`: two.||After."
    assert "|".join(paragraphs(text)) == wanted


def test_defaults_are_written_as_in_the_sources() -> None:
    page = tile_page()
    assert "zeros(shape: tuple[int, ...], element: ElementFormat = F32) -> Tile" in page
    assert "padding: Padding = Padding.ZERO) -> Slice" in page
