"""What the rules look at: the files of the repository, and its Python modules with their syntax trees."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ("specs", "checkpoints", "jax_impl", "torch_impl", "parity")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "examples")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Python file.

    path: relative to the root of the repository, with forward slashes.
    """

    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The first part of the path: a package, or tests, benchmarks, examples."""
        return self.path.parts[0]

    @property
    def generated(self) -> bool:
        """Whether the file is written by one of the two emitters."""
        return len(self.path.parts) > 1 and self.path.parts[1] == "generated" and self.folder in PACKAGES

    @property
    def dotted(self) -> str:
        """The name under which the file is imported."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    def within(self, *folders: str) -> bool:
        """Whether the file lies in one of the folders, or is one of them."""
        return any(self.path.is_relative_to(folder) for folder in folders)

    def at(self, node: ast.AST, message: str) -> str:
        """A violation, in the form editors can jump to."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {message}"


def planted(path: str, text: str) -> Module:
    """A module that exists in a test only: what a rule must report, or must not."""
    return Module(path=PurePosixPath(path), text=text, tree=ast.parse(text))


@cache
def repository_files() -> tuple[PurePosixPath, ...]:
    """Files that are, or are about to be, under version control; all files where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        names = [name for name in listed.split("\0") if name]
    else:
        names = [str(path.relative_to(ROOT)) for top in _visible(ROOT) for path in _files(top)]
    return tuple(sorted(PurePosixPath(name) for name in names if (ROOT / name).is_file()))


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".") or path.name == ".ci"]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


@cache
def modules() -> tuple[Module, ...]:
    """Every Python module of the repository."""
    found = []
    for path in repository_files():
        if path.suffix == ".py" and path.parts[0] in FOLDERS:
            text = (ROOT / path).read_text(encoding="utf-8")
            found.append(Module(path=path, text=text, tree=ast.parse(text, filename=str(path))))
    return tuple(found)


def own_modules() -> tuple[Module, ...]:
    """Every Python module that a person wrote."""
    return tuple(module for module in modules() if not module.generated)


def report(violations: list[str]) -> str:
    """The text of a failure: one violation a line."""
    return "\n" + "\n".join(violations)
