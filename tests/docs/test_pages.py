"""Documentation for people: links lead somewhere, blocks of code run, and the site builds without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rules.source import ROOT, repository_files

PAGES = sorted(ROOT / path for path in repository_files() if path.suffix == ".md")
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]*)\)")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
RUN = ("README.md", "docs/cpu.md", "docs/comparing.md")
"""Pages whose Python blocks are run here; tests/tile runs those of docs/authoring.md."""


def anchor(heading: str) -> str:
    """The fragment under which a heading is linked."""
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Fragments of all headings of a page."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return {anchor(line.lstrip("#")) for line in without_code.splitlines() if re.match(r"#+ ", line)}


def dead(page: Path, text: str) -> list[str]:
    """Links of a page that lead nowhere."""
    found = []
    for target in LINK.findall(text):
        name, _, fragment = target.partition("#")
        goal = page.parent / name if name else page
        known = anchors(goal.read_text(encoding="utf-8")) if goal.suffix == ".md" and goal.exists() else {fragment}
        if not goal.exists() or (fragment and fragment not in known):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert dead(page, page.read_text(encoding="utf-8")) == []


def test_a_dead_link_is_seen() -> None:
    text = (
        "[a](README.md) [b](gone.md) [c](docs/cpu.md#keeping-the-weight) [d](docs/cpu.md#gone) [e](https://example.com)"
    )
    assert dead(ROOT / "README.md", text) == ["gone.md", "docs/cpu.md#gone"]


@pytest.mark.parametrize("page", RUN)
def test_blocks_run(page: str) -> None:
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        # Compiling with Inductor takes a C++ compiler and half a minute; that torch.compile works is tested elsewhere.
        text = block.replace("@torch.compile(fullgraph=True)", '@torch.compile(fullgraph=True, backend="eager")')
        namespace: dict[str, Any] = {"__name__": "page"}
        exec(compile(text, page, "exec"), namespace)  # noqa: S102


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(tmp_path / "trees")]
    done = subprocess.run(
        [*command, "docs", str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = {path.stem for path in (tmp_path / "site").glob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= pages


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^(?:.* <)?([\w-]+)>?$", index, re.MULTILINE))
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"} <= listed


def test_the_glossary_stays_short() -> None:
    rows = re.findall(r"^\| (?!word|---)", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert 0 < len(rows) <= 15


def test_packages_say_that_they_are_typed_and_which_version_they_are() -> None:
    import jax_impl
    import parity
    import specs
    import torch_impl

    for package in (specs, jax_impl, torch_impl, parity):
        assert package.__version__ == specs.version.__version__
        assert (Path(package.__path__[0]) / "py.typed").is_file()
