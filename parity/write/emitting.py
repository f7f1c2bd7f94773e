"""`parity emit`: prints and writes generated files, or compares them with the checked-in ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from parity.write.golden import ROOT, golden_files, stale, write
from parity.write.sources import Files, all_emitters, sources
from specs.lang.declare.op import Case, Op


def in_clone() -> bool:
    """Whether this package lies in a clone of the repository, whose files it renews, and is not an installed one."""
    return (ROOT / "pyproject.toml").is_file()


def op_files(op: Op, names: Sequence[str], case: Case, device: str) -> Files:
    """Sources of one operation under the paths of its golden sources."""
    return {
        all_emitters()[name].folder / file: text
        for name in names
        for file, text in sources(op, name, case, device).items()
    }


def all_files(names: Sequence[str], *, whole: bool) -> Files:
    """Everything that is checked in, or the golden sources of some targets only."""
    folders = [all_emitters()[name].folder for name in names]
    return {path: text for path, text in golden_files().items() if whole or path.parent in folders}


def print_files(files: Files) -> None:
    """Sources one after the other on standard output; each says in its first line what it is."""
    sys.stdout.write("\n".join(files.values()))


def write_below(files: Files, folder: Path) -> None:
    """Writes files below a folder and prints their paths."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file}\n")


def check(files: Files, *, renew: bool, show_diff: bool, whole: bool, root: Path = ROOT) -> int:
    """Compares files with those below `root`; returns the exit status.

    renew: rewrite stale files. whole: `files` is all there should be, so that other golden sources are stale.
    """
    found = [item for item in stale(files, root) if whole or item.expected is not None]
    if renew:
        write(found, root)
    for item in found:
        done = "removed" if item.expected is None else "written"
        sys.stdout.write(f"{item.path}: {done if renew else item.problem}\n")
        if show_diff:
            sys.stdout.write(item.diff())
    if not found:
        sys.stdout.write(f"{len(files)} generated files are up to date\n")
    return 1 if found and not renew else 0
