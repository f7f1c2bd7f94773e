"""Extras: what they supply is what the code takes for it, and messages and pages name only what there is."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement

from specs.extras import PACKAGES, MissingExtra, hint, hints
from tests.rules.source import ROOT, report

SHIPPED = ("specs", "checkpoints", "jax_impl", "torch_impl", "parity")
WITHOUT_EXTRA = {
    "numpy": "a dependency",
    "ml_dtypes": "a dependency",
    "pytest": "its own plugin",
    "vllm": "its own plugin",
    "jax_plugins": "looked for",
    "pyopencl": "make xpu, in an environment of its own",
    "scipy": "JAX needs it",
    "my_package": "an example in a docstring",
}
"""Packages that the code imports and no extra has to supply, with the reason."""
IMPORT = re.compile(r"^ *(?:from (\w+)[\w.]* import |import (\w+)[\w.]*(?: as \w+)?(?:  #.*)?$)", re.MULTILINE)
NAMED = re.compile(r"twinkernels\[([a-z,]+)\]")
PAGE = re.compile(r"docs/[\w-]+\.(?:md|schema\.json)|docs/spec\.schema\.json")


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def test_the_code_knows_what_an_extra_supplies() -> None:
    declared = project()["project"]["optional-dependencies"]
    for extra, packages in PACKAGES.items():
        asked = {Requirement(line).name.replace("-", "_") for line in declared[extra]}
        assert set(packages) - {"jaxlib"} == asked, extra


def tracked(*patterns: str) -> list[PurePosixPath]:
    done = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [PurePosixPath(line) for line in done.stdout.splitlines()]


def test_every_import_of_another_package_has_an_extra() -> None:
    supplied = {name for packages in PACKAGES.values() for name in packages}
    known = {*sys.stdlib_module_names, *SHIPPED, *WITHOUT_EXTRA, *supplied}
    found = [
        f"{path}: no extra supplies {name}"
        for path in tracked(*(f"{folder}/*.py" for folder in SHIPPED))
        for pair in IMPORT.findall((ROOT / path).read_text(encoding="utf-8"))
        if (name := "".join(pair)) not in known
    ]
    assert not found, report(found)


def test_extras_that_are_named_exist() -> None:
    declared = set(project()["project"]["optional-dependencies"])
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in tracked("*.md", "*.py")}
    named = {(path, extra) for path, text in texts.items() for one in NAMED.findall(text) for extra in one.split(",")}
    assert named
    assert not [f"{path}: no extra {extra}" for path, extra in sorted(named) if extra not in declared]


def test_pages_that_code_names_are_in_the_wheel() -> None:
    shared = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in tracked(*(f"{name}/*.py" for name in SHIPPED))]
    assert set(shared) == {page for text in texts for page in PAGE.findall(text)}
    assert all(target == f"share/doc/twinkernels/{page}" for page, target in shared.items())


def test_the_hint_names_what_was_asked_for() -> None:
    assert hint("jax") == 'jax is not installed: pip install "twinkernels[jax]"'
    assert hint("gguf", "jax", "checkpoints") == 'gguf is not installed: pip install "twinkernels[jax,checkpoints]"'
    assert hint("gguf", "jax") == 'gguf is not installed: pip install "twinkernels[checkpoints]"'


def test_other_modules_are_no_matter_of_extras() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as caught, hints("jax"):
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401
    assert not isinstance(caught.value, MissingExtra)
