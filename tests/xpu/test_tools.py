"""What is installed and what is missing, by name; cards of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.xpu import tools
from parity.xpu.card import kernel_cards
from parity.xpu.topologies import TOPOLOGIES


def planted(folder: Path, name: str, script: str) -> None:
    """A program that comes first on the path."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_nothing_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = tools.find(tmp_path / "venv")
    assert (found.python, found.runtime, found.problems) == (None, None, (tools.NO_PLUGIN,))
    told = found.described()
    assert "make xpu" in told["oneAPI plugin"]
    assert all("make xpu-native" in told[f"ocloc for {topology.name}"] for topology in TOPOLOGIES)
    assert tools.package_versions(found) == {}


def test_missing_libraries_are_named_with_what_supplies_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = ("libze_loader.so.1", "libmkl_core.so.2", "libmkl_core.so.2", "libother.so")
    lines = "libsycl.so.8 => /somewhere/libsycl.so.8 (0x1)\n" + "\n".join(f"{name} => not found" for name in absent)
    planted(tmp_path, "ldd", f"cat <<END\n{lines}\nEND")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    loader, mkl, other = tools.missing_libraries(tmp_path / "plugin.so")
    assert "libze_loader.so.1" in loader
    assert "libze1" in loader
    assert mkl.endswith("(MKL: mkl)")
    assert "no package that is known here" in other


def test_plugin_of_an_environment_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lib/python3.11/site-packages/jax_plugins/xla_oneapi"
    package.mkdir(parents=True)
    (package / "xla_oneapi_plugin.so").touch()
    (package.parents[1] / "mkl-2025.2.0.dist-info").mkdir()
    (tmp_path / "lib/libintelocl.so").touch()
    planted(tmp_path / "bin", "python", "true")
    planted(tmp_path / "path", "ldd", "true")
    monkeypatch.setenv("PATH", f"{tmp_path}/path:/usr/bin:/bin")
    found = tools.find(tmp_path)
    assert (found.python, found.problems) == (tmp_path / "bin/python", ())
    assert found.runtime == tmp_path / "lib/libintelocl.so"
    assert tools.package_versions(found) == {"mkl": "2025.2.0"}


def test_compiler_counts_for_the_cards_that_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(tmp_path, "ocloc", '[ "$2" = pvc ]')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = tools.find(tmp_path / "venv").offline
    assert list(found) == ["PVC"]
    assert found["PVC"].command == (str(tmp_path / "ocloc"),)


@pytest.mark.parametrize("topology", TOPOLOGIES, ids=lambda topology: topology.name)
def test_topology_is_text_of_balanced_fields(topology: object) -> None:
    text = topology.text()  # type: ignore[attr-defined]
    assert text.count("{") == text.count("}")
    assert f'architecture: "{topology.architecture}"' in text  # type: ignore[attr-defined]
    assert "data_caches" not in text, "a field that this plugin's form does not have"


def test_cards_that_the_kernel_sees(tmp_path: Path) -> None:
    for number, vendor in enumerate(("0x8086", "0x10de")):
        folder = tmp_path / f"card{number}" / "device"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "device").write_text("0xe20b\n")
    (tmp_path / "drivers/xe").mkdir(parents=True)
    (tmp_path / "card0/device/driver").symlink_to(tmp_path / "drivers/xe")
    assert kernel_cards(tmp_path) == ["8086:e20b (xe)"]
    assert kernel_cards(tmp_path / "nowhere") == []
