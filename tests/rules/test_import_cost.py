"""Importing a package loads nothing heavy: which modules an import adds, never how long it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.source import ROOT

FRAMEWORKS = {"jax", "jaxlib", "torch", "triton"}
TOOLS = {"matplotlib", "tokenizers", "hypothesis", "pytest"}

# Top-level modules that must not be loaded by `import KEY`.
FORBIDDEN = {
    "specs": FRAMEWORKS | TOOLS | {"jax_impl", "torch_impl", "parity"},
    "checkpoints": FRAMEWORKS | TOOLS | {"jax_impl", "torch_impl", "parity"},
    "jax_impl": TOOLS | {"torch", "triton", "torch_impl", "parity"},
    "torch_impl": TOOLS | {"jax", "jaxlib", "jax_impl", "parity"},
    "parity": FRAMEWORKS | TOOLS | {"jax_impl", "torch_impl"},
}

# What an interpreter of this environment loads before anything is imported is no matter of ours.
_PROGRAM = """
import sys
before = set(sys.modules)
import {name}
print(*sorted({{module.split(".")[0] for module in set(sys.modules) - before}}))
"""


def loaded_by(name: str, folder: Path) -> set[str]:
    """Top-level modules that `import name` adds in a fresh interpreter started in `folder`."""
    command = [sys.executable, "-c", _PROGRAM.format(name=name)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("name", FORBIDDEN)
def test_import_loads_no_forbidden_module(name: str) -> None:
    assert loaded_by(name, ROOT) & FORBIDDEN[name] == set()


def test_loaded_modules_are_seen(tmp_path: Path) -> None:
    (tmp_path / "planted_lazy.py").write_text("def f():\n    import fractions\n")
    (tmp_path / "planted_eager.py").write_text("import fractions\n")
    assert "fractions" not in loaded_by("planted_lazy", tmp_path)
    assert {"fractions", "planted_eager"} <= loaded_by("planted_eager", tmp_path)
