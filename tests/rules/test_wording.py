"""Docstrings, comments and messages use the words of the field, not private ones."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.rules.source import PACKAGES, Module, own_modules, planted, report

INSTEAD = {
    r"\bbehind\b": "after, past, following",
    r"\bheld to\b": "clamped to, compared with",
    r"\bthose of\b": "the noun itself",
    r"\b(that|as|than) there (is|are)\b": "existing, available",
    r"\bleaves? (to|behind)\b": "passes to; stores",
    r"\btwins?\b": "exact inputs; bit-identical",
    r"\broads?\b": "backend",
    r"\b(nobody|no one|somebody|someone)\b": "name who or what: a program, a caller, a mode",
    r"\bbetrays?\b": "detects",
    r"\bwhat is (wrong|there|passed|right|left|found|missing)\b": "problems, existing arrays, arguments",
    r"\bwhat a caller\b": "the arguments, the result",
    r"\bstands? (in|for)\b": "is, replaces, represents",
    r"\bso many\b": "the number by name",
    r"\bever so\b": "arbitrarily",
    r"\bis (meant|told)\b": "applies; gets, receives",
    r"\bspeaks? (of|about|for)\b": "applies to",
    r"\btruth[- ]values?\b": "bool",
    r"\bwhole numbers?\b": "integers",
    r"\bput right\b": "fixed, converted",
    r"\ball but\b": "all except",
    r"\bone's own\b": "custom",
    r"\bsuch a one\b": "the noun itself",
}
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in INSTEAD.items())
_DATA = ("parity/models/minilm/sentences.py",)


def texts(module: Module) -> Iterator[tuple[int, str]]:
    """(line, text) of string literals, docstrings among them, and of comments."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def private_words(module: Module) -> list[str]:
    """Phrases of `INSTEAD` in a module, across line breaks too."""
    found = []
    for line, text in texts(module):
        flat = " ".join(text.split())
        for pattern, instead in _PATTERNS:
            found += [f"{module.path}:{line}: '{hit[0]}' (write: {instead})" for hit in pattern.finditer(flat)]
    return found


def test_words_are_the_fields() -> None:
    written = [m for m in own_modules() if m.within(*PACKAGES, "benchmarks") and str(m.path) not in _DATA]
    found = [line for module in written for line in private_words(module)]
    assert not found, report(found)


@pytest.mark.parametrize(
    "text",
    [
        '"""The bytes behind the last row."""',
        "# lengths are held to those of the pages",
        'raise ValueError("there is\\na truth value")',
        '"""Columns that there\n    are."""',
        'f"{x} stands for a layout"',
        "x = 1  # written by nobody",
    ],
)
def test_private_words_are_reported(text: str) -> None:
    assert private_words(planted("specs/a.py", text))


@pytest.mark.parametrize(
    "text", ['"""Clamped to the pages\' extents."""', "twinkernels = 1  # twinkernels", "behind = 2"]
)
def test_plain_words_are_accepted(text: str) -> None:
    assert private_words(planted("specs/a.py", text)) == []
