"""An operation in a package of its own: built, installed into a fresh environment, used and tested there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rules.source import ROOT

PACKAGE = ROOT / "examples" / "softcap"
PIP = (sys.executable, "-m", "pip")
OFFLINE = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
# Of the suite what needs an installed package; the rest is that of the built-in operations, which runs elsewhere.
CHOSEN = (
    "test_large_scores_reach_the_cap",
    "TestSoftcap::test_declaration[ragged]",
)

Environment = Callable[..., dict[str, str]]


def done(*command: object, folder: Path, environment: dict[str, str]) -> str:
    """What a program prints."""
    found = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture
def python(tmp_path: Path, subprocess_environment: Environment) -> Path:
    """The interpreter of an environment in which twinkernels, what it needs, and the package are installed."""
    shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__"))
    home, environment = tmp_path / "environment", subprocess_environment()
    done(
        *PIP,
        "wheel",
        *OFFLINE,
        "--no-build-isolation",
        "-w",
        tmp_path,
        tmp_path / "package",
        folder=tmp_path,
        environment=environment,
    )
    done(sys.executable, "-m", "venv", "--without-pip", home, folder=tmp_path, environment=environment)
    (wheel,) = tmp_path.glob("*.whl")
    found = home / "bin" / "python"
    done(*PIP, "--python", found, "install", *OFFLINE, wheel, folder=tmp_path, environment=environment)
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = done(found, "-c", program, folder=tmp_path, environment=environment).strip()
    others = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    Path(site, "project.pth").write_text(f"{ROOT}\n{others}\n", encoding="utf-8")
    return found


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
