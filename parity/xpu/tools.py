"""What of the ladder's tools is installed on this machine, and what to do about the rest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from parity.xpu.topologies import TOPOLOGIES

ROOT: Final = Path(__file__).resolve().parents[2]
VENV: Final = ROOT / ".venv-xpu"
TRITON_VENV: Final = ROOT / ".venv-xpu-torch"
_PLUGIN: Final = "jax_plugins/xla_oneapi/xla_oneapi_plugin.so"
_RUNTIME: Final = "libintelocl.so"
_PACKAGES: Final = ("jax_oneapi_pjrt", "intel_sycl_rt", "mkl", "intel_opencl_rt", "pyopencl")

_EXTRA: Final = 'pip install "twinkernels[oneapi]"'
NO_PLUGIN: Final = f"OpenXLA's oneAPI plugin is not installed: {_EXTRA}, or `make xpu` in a clone"
NO_OFFLINE: Final = "no ocloc here knows {card}: `make xpu-native` in a clone"
NO_TRITON: Final = "Intel's own Triton (triton-xpu) is not installed: `make xpu-torch` in a clone does it"
NO_RUNTIME: Final = "Intel's OpenCL runtime for CPUs is not installed: `make xpu` in a clone does it"

# Library that the plugin is linked with, directly or not -> what supplies it.
LIBRARIES: Final[Mapping[str, str]] = {
    "libze_loader.so.1": "Level Zero loader, comes with the system: apt-get install libze1",
    "libze_tracing_layer.so.1": "Level Zero loader, comes with the system: apt-get install libze1",
    "libsycl.so.8": "SYCL runtime: intel-sycl-rt",
    "libur_loader.so.0": "unified runtime: intel-cmplr-lib-ur",
    "libur_adapter_level_zero.so.0": "unified runtime: intel-cmplr-lib-ur",
    "libur_adapter_opencl.so.0": "unified runtime: intel-cmplr-lib-ur",
    "libumf.so.0": "unified memory framework: umf",
    "libhwloc.so.15": "hardware locality: tcmlib, or apt-get install libhwloc15",
    "libOpenCL.so.1": "OpenCL loader: intel-opencl-rt, or apt-get install ocl-icd-libopencl1",
    **dict.fromkeys(
        ("libimf.so", "libintlc.so.5", "libirc.so", "libirng.so", "libsvml.so"),
        "compiler libraries: intel-cmplr-lib-rt",
    ),
    **dict.fromkeys(
        ("libmkl_core.so.2", "libmkl_def.so.2", "libmkl_intel_ilp64.so.2", "libmkl_sequential.so.2"), "MKL: mkl"
    ),
    **{
        f"libmkl_sycl_{part}.so.5": f"MKL for SYCL: onemkl-sycl-{part}"
        for part in ("blas", "dft", "lapack", "rng", "sparse")
    },
    "libmpi.so.12": "MPI, which the plugin is linked with: impi-rt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """Intel's offline compiler.

    command: how to start it. device: its name of the card. version: of the package, where it says so.
    """

    command: tuple[str, ...]
    device: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What was found.

    python: interpreter that sees the plugin; None where there is none.
    libraries: folder with the plugin's libraries and the OpenCL runtime.
    offline: card -> offline compiler that knows it.
    problems: the missing parts, in words; empty when the plugin can be loaded.
    triton: interpreter that has Intel's own Triton.
    """

    python: Path | None
    libraries: Path | None
    offline: Mapping[str, Offline]
    problems: tuple[str, ...]
    triton: Path | None = None

    @property
    def runtime(self) -> Path | None:
        """The OpenCL runtime for CPUs."""
        return None if self.libraries is None or not (self.libraries / _RUNTIME).exists() else self.libraries / _RUNTIME

    def described(self) -> dict[str, str]:
        """Present and missing parts, by name."""
        told = {"oneAPI plugin": "; ".join(self.problems) or f"loads in {self.python}"}
        told["OpenCL on the CPU"] = str(self.runtime or NO_RUNTIME)
        for topology in TOPOLOGIES:
            compiler = self.offline.get(topology.name)
            missing = "no ocloc that knows it: `make xpu-native` in a clone"
            told[f"ocloc for {topology.name}"] = missing if compiler is None else compiler.version
        told["Triton for XPU"] = NO_TRITON if self.triton is None else f"loads in {self.triton}"
        return told


def find(venv: Path = VENV) -> Tools:
    """Looks at this machine. Loads nothing into this process.

    Args:
        venv: environment that `make xpu` makes; this interpreter's own plugin is used where it does not exist. That of
            `make xpu-torch` lies beside it.
    """
    python, plugin = _interpreter(venv)
    problems = (NO_PLUGIN,) if plugin is None else missing_libraries(plugin)
    libraries = None if python is None else python.parent.parent / "lib"
    return Tools(
        python=python,
        libraries=libraries,
        offline=_offline(venv),
        problems=problems,
        triton=triton_interpreter(venv.with_name(TRITON_VENV.name)),
    )


def triton_interpreter(venv: Path = TRITON_VENV) -> Path | None:
    """The interpreter of an environment that has Intel's own Triton."""
    python = venv / "bin/python"
    return python if python.exists() and _installed(venv / "lib", "triton_xpu") else None


def _installed(libraries: Path, package: str) -> str | None:
    """Version of a package, from its folder."""
    found = sorted(libraries.glob(f"python3*/site-packages/{package}-*.dist-info"))
    return found[-1].name.removeprefix(f"{package}-").removesuffix(".dist-info") if found else None


def _interpreter(venv: Path) -> tuple[Path | None, Path | None]:
    """An interpreter that sees the plugin, and the plugin."""
    found = sorted((venv / "lib").glob(f"python3*/site-packages/{_PLUGIN}"))
    if found and (venv / "bin/python").exists():
        return venv / "bin/python", found[-1]
    if find_spec("jax_plugins") is not None:
        own = find_spec("jax_plugins.xla_oneapi")
        if own is not None and own.origin is not None:
            return Path(sys.executable), Path(own.origin).parent / Path(_PLUGIN).name
    return None, None


def missing_libraries(plugin: Path) -> tuple[str, ...]:
    """Libraries that a plugin is linked with and that the loader does not find, each with what supplies it: a
    package of Python unless it says otherwise.

    The loader is asked by `ldd`, which follows the libraries' own libraries and runs none of them.
    """
    ldd = shutil.which("ldd")
    if ldd is None:
        return ()
    text = subprocess.run([ldd, str(plugin)], capture_output=True, text=True, check=False).stdout
    absent = dict.fromkeys(line.split()[0] for line in text.splitlines() if "not found" in line)
    unknown = "supplied by no package that is known here"
    return tuple(f"{name} is missing ({LIBRARIES.get(name, unknown)})" for name in absent)


@cache
def _offline(venv: Path) -> dict[str, Offline]:
    """The newest compiler that knows each card: ours if there is one, else the system's."""
    found: dict[str, Offline] = {}
    for command in _commands(venv):
        for topology in TOPOLOGIES:
            if topology.name not in found and _knows(command, topology.native):
                version = _version(command)
                found[topology.name] = Offline(command=command, device=topology.native, version=version)
    return found


def _commands(venv: Path) -> list[tuple[str, ...]]:
    own = venv / "native/usr"
    libraries = own / "lib/x86_64-linux-gnu"
    # Its packages are newer than the system's C library, so it brings its own, loader included.
    loader = (str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries))
    commands: list[tuple[str, ...]] = [(*loader, str(program)) for program in sorted(own.glob("bin/ocloc-*"))]
    system = shutil.which("ocloc")
    if system is not None:
        commands.append((system,))
    return commands


def _knows(command: tuple[str, ...], device: str) -> bool:
    done = subprocess.run([*command, "ids", device], capture_output=True, text=True, check=False)
    return done.returncode == 0


def _version(command: tuple[str, ...]) -> str:
    if len(command) > 1:
        note = Path(command[2]).parents[2] / "versions.txt"
        return note.read_text().strip().replace("\n", ", ") if note.exists() else Path(command[-1]).name
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "intel-opencl-icd", "libigc1"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().replace("\n", ", ") or "of unknown version"


def package_versions(tools: Tools) -> dict[str, str]:
    """Versions of the packages that the ladder adds, from their folders; nothing is imported."""
    folders: dict[str, Path | None] = dict.fromkeys(_PACKAGES, tools.libraries)
    folders["triton_xpu"] = tools.triton.parents[1] / "lib" if tools.triton else None
    found = {name: _installed(folder, name) for name, folder in folders.items() if folder is not None}
    return {name.replace("_", "-"): version for name, version in found.items() if version is not None}
