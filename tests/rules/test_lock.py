"""The lock files pin everything that pyproject.toml asks for, exactly and within its bounds."""

from __future__ import annotations

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rules.source import ROOT, report

LOCKS = ("requirements/lock.txt", "requirements/no-deps.txt", "requirements/model.txt")
APART = {
    "oneapi": ("requirements/lock.txt", "requirements/xpu.txt"),
    "replicas": ("requirements/lock.txt", "requirements/ray.txt"),
    "sycl": ("requirements/sycl.txt",),
}
"""Extras that do not go together with the others, and where they are locked."""
LOCKED_PYTHON = "3.11"
"""The oldest Python supported: its versions are the ones that the lock files hold."""


def pins(text: str) -> dict[str, str]:
    """Canonical name -> version, for each line of a lock file.

    Raises:
        ValueError: a line is not an exact pin, or names a package a second time.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        specifiers = list(requirement.specifier)
        name = canonicalize_name(requirement.name)
        if len(specifiers) != 1 or specifiers[0].operator != "==" or "*" in specifiers[0].version:
            raise ValueError(f"{line}: not an exact version")
        if name in found:
            raise ValueError(f"{line}: pinned twice")
        found[name] = specifiers[0].version
    return found


def declared() -> list[Requirement]:
    """Everything that the build, the packages and their extras ask for."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    groups = [project["build-system"]["requires"], project["project"]["dependencies"]]
    groups += [lines for extra, lines in project["project"]["optional-dependencies"].items() if extra not in APART]
    return [Requirement(line) for group in groups for line in group]


def extra(name: str) -> list[Requirement]:
    """What one extra asks for, and the packages whatever the extra."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    asked = [Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"][name])]
    here = {"python_version": LOCKED_PYTHON}
    return [one for one in asked if one.marker is None or one.marker.evaluate({**here, "platform_system": "Linux"})]


def unmet(requirements: list[Requirement], locked: dict[str, str]) -> list[str]:
    """Requirements without a pin, or with one outside their bounds."""
    return [
        f"{requirement}: locked {locked.get(canonicalize_name(requirement.name), 'nowhere')}"
        for requirement in requirements
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
    ]


def test_every_requirement_is_locked() -> None:
    found = unmet(declared(), pins("\n".join((ROOT / lock).read_text(encoding="utf-8") for lock in LOCKS)))
    assert not found, report(found)


@pytest.mark.parametrize("name", APART)
def test_every_requirement_of_an_extra_of_its_own_is_locked(name: str) -> None:
    text = "\n".join((ROOT / lock).read_text(encoding="utf-8") for lock in APART[name])
    found = unmet(extra(name), pins(text))
    assert not found, report(found)


@pytest.mark.parametrize("text", ["numpy", "numpy>=2", "numpy==2.*", "numpy==2.0,<3"])
def test_loose_pin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an exact version"):
        pins(text)


def test_repeated_pin_is_refused() -> None:
    with pytest.raises(ValueError, match="pinned twice"):
        pins("ml_dtypes==0.6.0\nml-dtypes==0.5.0")


def test_unmet_requirement_is_reported() -> None:
    asked = [Requirement("numpy>=2.0"), Requirement("ml_dtypes>=0.5")]
    assert unmet(asked, pins("# comment\nnumpy==2.4.6\nml-dtypes==0.6.0\n")) == []
    assert unmet(asked, pins("numpy==1.26.4\nml-dtypes==0.6.0\n"))
    assert unmet(asked, pins("numpy==2.4.6\n"))
