"""An operation in a package of its own: built, installed into a fresh environment, used and tested there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registration.environments import built, done, installed
from tests.rules.source import ROOT

PACKAGE = ROOT / "examples" / "softcap"
# Of the suite what needs an installed package; the rest is that of the built-in operations, which runs elsewhere.
CHOSEN = (
    "test_large_scores_reach_the_cap",
    "TestSoftcap::test_declaration[ragged]",
)

Environment = Callable[..., dict[str, str]]


@pytest.fixture
def python(tmp_path: Path, subprocess_environment: Environment) -> Path:
    """The interpreter of an environment in which twinkernels, what it needs, and the package are installed."""
    shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__"))
    environment = subprocess_environment()
    wheel = built(tmp_path / "package", tmp_path, environment)
    return installed(wheel, tmp_path / "environment", environment, above=str(ROOT))


def test_an_installed_package_has_its_operation_everywhere(
    python: Path, tmp_path: Path, subprocess_environment: Environment
) -> None:
    folder, environment = tmp_path / "tests", subprocess_environment()
    folder.mkdir()
    shutil.copy(PACKAGE / "test_softcap.py", folder)
    last = done(python, "-m", "parity", "list", folder=folder, environment=environment).splitlines()[-1].split()
    assert (last[0], last[-2:]) == ("softcap", ["softcap-kernel", "0.1.0"])
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", *(f"test_softcap.py::{name}" for name in CHOSEN))
    said = done(python, "-m", "pytest", *options, folder=folder, environment=environment)
    assert f"{len(CHOSEN)} passed" in said
