"""Messages that docs/troubleshooting.md explains are those that the sources print."""

from __future__ import annotations

import re

import pytest

from tests.rules.source import ROOT, repository_files

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
PACKAGES = ("specs", "jax_impl", "torch_impl", "parity", "checkpoints")
SOURCES = "\n".join(
    (ROOT / path).read_text(encoding="utf-8")
    for path in repository_files()
    if path.suffix == ".py" and path.parts[0] in PACKAGES and "generated" not in path.parts
)
JOINED = re.sub(r'"\s*\n\s*f?"', "", SOURCES)
"""Texts that go on in the next line are one."""
MESSAGES = [
    message for line in re.findall(r"^### (.*)", PAGE, re.MULTILINE) for message in re.findall(r"`(.+?)`", line)
]


def parts(message: str) -> list[str]:
    """What of a message is the same in every case."""
    return [part.strip(" ,':") for part in message.split("…") if part.strip(" ,':")]


@pytest.mark.parametrize("message", MESSAGES)
def test_the_sources_have_the_message(message: str) -> None:
    known = JOINED + "twinkernels_late_compiles"  # the prefix of all metrics is added to their names
    assert [part for part in parts(message) if part not in known] == []


def test_a_message_that_nothing_prints_is_seen() -> None:
    assert [part for part in parts("argument '…' has the wrong colour") if part not in JOINED] == [
        "has the wrong colour"
    ]
    assert len(MESSAGES) > 20


def test_options_that_it_names_exist() -> None:
    options = set(re.findall(r"`--([a-z-]+)", PAGE))
    assert options >= {"queue", "max-length"}
    assert [
        name for name in options if not re.search(rf'\b{name.replace("-", "_")}: Annotated|"--{name}"', SOURCES)
    ] == []
