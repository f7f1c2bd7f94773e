"""Wheels, and environments that hold them, for tests of what is installed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

PIP: Final = (sys.executable, "-m", "pip")
OFFLINE: Final = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")


def done(*command: object, folder: Path, environment: dict[str, str]) -> str:
    """What a program prints."""
    found = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def built(project: Path, into: Path, environment: dict[str, str]) -> Path:
    """The wheel of a project."""
    options = (*OFFLINE, "--no-build-isolation", "-w", into)
    done(*PIP, "wheel", *options, project, folder=into, environment=environment)
    (wheel,) = into.glob("*.whl")
    return wheel


def installed(wheel: Path, home: Path, environment: dict[str, str], *, above: str = "") -> Path:
    """The interpreter of a new environment with a wheel in it, and the packages of this interpreter besides.

    Args:
        above: folder that is looked in first, such as a clone.
    """
    done(sys.executable, "-m", "venv", "--without-pip", home, folder=wheel.parent, environment=environment)
    python = home / "bin" / "python"
    done(*PIP, "--python", python, "install", *OFFLINE, wheel, folder=wheel.parent, environment=environment)
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = done(python, "-c", program, folder=wheel.parent, environment=environment).strip()
    others = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    Path(site, "project.pth").write_text(f"{above}\n{others}\n", encoding="utf-8")
    return python
