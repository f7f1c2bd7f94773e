"""Files name no package registry and no private place: the project is the same wherever it is built."""

from __future__ import annotations

import re

import pytest

from tests.rules.source import ROOT, report, repository_files

# Each word is given in pieces, so that this file passes its own test.
REGISTRIES = (
    ("py", "pi", ".org"),
    ("python", "hosted"),
    ("download.", "pytorch", ".org"),
    ("npm", "js.", "org"),
    ("npm", "js.", "com"),
    ("ana", "conda", ".org"),
    ("deb", "ian", ".org"),
    ("proxy.", "golang", ".org"),
    ("crates", ".io"),
    ("--index", "-url"),
    ("--extra-index", "-url"),
    ("--find", "-links"),
    ("--trusted", "-host"),
)
PRIVATE = (
    ("/work", "/main"),
    ("/work", "/shared"),
    ("/work", "/."),
    ("/opt", "/wheels"),
    ("/opt", "/py"),
    ("/tm", "p/br"),
    ("/root", "/"),
    ("shared", "/ops.md"),
    ("shared", "/design.md"),
    ("shared", "/xpu"),
    ("BRIEF", ".md"),
    ("clau", "de"),
    ("anth", "ropic"),
)
WORDS = tuple("".join(pieces) for pieces in (*REGISTRIES, *PRIVATE))
PATTERN = re.compile("|".join(re.escape(word) for word in WORDS), re.IGNORECASE)


def violations(path: str, text: str) -> list[str]:
    """Lines of a file, and its path, that hold one of the words."""
    lines = [(0, path), *enumerate(text.splitlines(), start=1)]
    return [f"{path}:{number}: {match[0]}" for number, line in lines if (match := PATTERN.search(line))]


def test_no_registry_or_private_place_is_named() -> None:
    found = []
    for path in repository_files():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            text = ""  # not a text: its name is still looked at
        found += violations(str(path), text)
    assert not found, report(found)


@pytest.mark.parametrize("word", WORDS)
def test_word_is_reported(word: str) -> None:
    assert len(violations("docs/a.md", f"first\nsee {word.upper()}x\n")) == 1
    assert violations(f"docs/{word}", "")


def test_ordinary_text_is_accepted() -> None:
    text = "pip install -r requirements/lock.txt\nworks in /workspace and reads shared memory\n"
    assert violations("docs/a.md", text) == []
