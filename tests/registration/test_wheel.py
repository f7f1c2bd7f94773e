"""The wheel of this project: what is in it, and that it works alone, away from the clone."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

from specs.version import __version__
from tests.registration.environments import built, done, installed
from tests.rules.source import ROOT
from tests.rules.test_extras import SHIPPED, project, tracked

Environment = Callable[..., dict[str, str]]
COMMANDS = (
    ("parity", "--help"),
    ("parity", "list"),
    ("parity", "emit", "mxfp4_quant", "--target", "pallas"),
    (
        "parity",
        "run",
        "mxfp4_quant",
        "--case",
        "one-block",
        "--kind",
        "exact",
        "--implementations",
        "torch:eager,jax:xla",
    ),
    ("python", "-m", "jax_impl.serving", "--help"),
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, subprocess_environment: Environment) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"), subprocess_environment())


def test_the_wheel_holds_the_packages_and_what_they_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {PurePosixPath(name) for name in archive.namelist()}
    packed = {name for name in names if name.parts[0] in SHIPPED}
    assert packed == set(tracked(*SHIPPED))
    rest = {name.parts[0] for name in names - packed}
    assert rest == {f"twinkernels-{__version__}.{kind}" for kind in ("data", "dist-info")}
    assert {PurePosixPath(f"{package}/py.typed") for package in SHIPPED} <= packed
    shared = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    data = {PurePosixPath(f"twinkernels-{__version__}.data/data/{path}") for path in shared.values()}
    assert {name for name in names if name.parts[0].endswith(".data")} == data


def test_metadata(wheel: Path) -> None:
    folder = f"twinkernels-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        about = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        assert archive.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert (about["Version"], about["Requires-Python"]) == (__version__, ">=3.11")
    assert (about["License-Expression"], about["Description-Content-Type"]) == ("Apache-2.0", "text/markdown")
    assert set(about.get_all("Provides-Extra", [])) == set(project()["project"]["optional-dependencies"])


def test_the_wheel_works_away_from_the_clone(wheel: Path, tmp_path: Path, subprocess_environment: Environment) -> None:
    environment = subprocess_environment()
    environment.pop("PYTHONPATH", None)
    home, folder = tmp_path / "environment", tmp_path / "empty"
    folder.mkdir()
    python = installed(wheel, home, environment)

    def run(*command: str) -> str:
        return done(python.with_name(command[0]), *command[1:], folder=folder, environment=environment)

    places = f"import {', '.join(SHIPPED)}; print(*({', '.join(f'{name}.__file__' for name in SHIPPED)},), sep='\\n')"
    assert all(Path(line).is_relative_to(home) for line in run("python", "-c", places).splitlines())
    for command in COMMANDS:
        assert run(*command)
    run("parity", "new", "halved")
    assert "✓ halved" in run("parity", "--load", "halved/halved.py", "check", "halved")
    (folder / "test_pair.py").write_text("def test_plugin(assert_parity):\n    assert callable(assert_parity)\n")
    assert "1 passed" in run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pair.py")
