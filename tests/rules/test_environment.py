"""Environment variables are no interface: a package reads them in one module, environment.py."""

from __future__ import annotations

import ast
from collections.abc import Iterable

import pytest

from tests.rules.source import Module, own_modules, planted, report

FUNCTIONS = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})

# Where a folder's one module lies under another name, and folders that read nothing at all.
NAMED = {"tests": "tests/conftest.py"}
NOT_AT_ALL = ("specs",)


def uses(module: Module) -> list[str]:
    """Places where the module reads or changes environment variables."""
    found = []
    for node in ast.walk(module.tree):
        imported = isinstance(node, ast.ImportFrom) and node.module == "os"
        names = {item.name for item in node.names} if isinstance(node, ast.ImportFrom) and imported else set()
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            names = {node.attr}
        found += [module.at(node, f"os.{name}") for name in sorted(names & FUNCTIONS)]
    return found


def allowed(module: Module) -> bool:
    """Whether the module is the one of its folder that may."""
    if module.folder in NOT_AT_ALL:
        return False
    if module.folder in NAMED:
        return str(module.path) == NAMED[module.folder]
    return module.path.name == "environment.py"


def violations(files: Iterable[Module]) -> list[str]:
    """Uses outside the allowed modules, and second modules of one folder."""
    found, homes = [], dict[str, Module]()
    for module in files:
        if not (here := uses(module)):
            continue
        if not allowed(module):
            found += here
        elif (first := homes.setdefault(module.folder, module)) is not module:
            found.append(f"{module.path}:1: {first.path} is the one module of {module.folder} for this")
    return found


def test_environment_is_read_in_one_place() -> None:
    found = violations(own_modules())
    assert not found, report(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("jax_impl/ops/a.py", "import os\nos.environ['X'] = '1'"),
        ("jax_impl/ops/a.py", "import os\ndef f():\n  return os.getenv('X')"),
        ("parity/a.py", "from os import environ"),
        ("specs/lang/environment.py", "import os\nos.environ.get('X')"),
        ("tests/quant/conftest.py", "import os\nos.environ.get('X')"),
    ],
)
def test_use_is_reported(path: str, text: str) -> None:
    assert violations([planted(path, text)])


def test_second_module_is_reported() -> None:
    text = "import os\nos.environ.get('X')"
    first = planted("jax_impl/platforms/environment.py", text)
    second = planted("jax_impl/environment.py", text)
    other = planted("torch_impl/platforms/environment.py", text)
    assert violations([first, other]) == []
    assert len(violations([first, second, other])) == 1


def test_other_uses_of_os_are_accepted() -> None:
    assert violations([planted("parity/a.py", "import os\nfrom os import cpu_count\nos.getpid()")]) == []
