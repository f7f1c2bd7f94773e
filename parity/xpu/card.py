"""Intel GPUs of this machine: who sees them, through which drivers, and if none does, why."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from parity.judge.frameworks import FRAMEWORKS
from parity.record.environment import for_child
from parity.xpu import accumulation
from parity.xpu.tools import find

_INTEL: Final = "0x8086"
_SECONDS: Final = 300.0
_SELF_TEST: Final = (sys.executable, "-m", "parity.xpu.self_test_worker")
Failures = tuple[str, ...]
_PACKAGES: Final = ("intel-opencl-icd", "libze-intel-gpu1", "libze1", "libigc2", "libigc1", "intel-level-zero-gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """What was found.

    implementations: full names of those that can run on a card.
    told: lines for the terminal.
    environment: cards and drivers, for the record.
    """

    implementations: tuple[str, ...]
    told: tuple[str, ...]
    environment: Mapping[str, str]


def find_cards(sysfs: Path = Path("/sys/class/drm")) -> Cards:
    """Looks at the kernel, at the drivers and at the frameworks of this interpreter."""
    cards = kernel_cards(sysfs)
    told = [f"the kernel sees {card}" for card in cards] or ["the kernel sees no Intel GPU (i915 or xe)"]
    usable: list[str] = []
    for framework, known in FRAMEWORKS.items():
        missing = known.missing("xpu")
        told.append(f"{framework}: {missing or 'sees a card'}")
        if missing is None:
            usable += [f"{framework}:{name}" for name in known.backends if name != "interpret"]
    told += find().problems
    if find_spec("jax_plugins") is None and not usable:
        told.append(f"this interpreter ({sys.executable}) has no oneAPI plugin: use the one of .venv-xpu")
    environment = {f"card {number}": card for number, card in enumerate(cards)} | drivers()
    return Cards(implementations=tuple(usable), told=tuple(told), environment=environment)


def test_matrix_units() -> dict[str, str]:
    """Runs the self-test of JAX's Intel GPU, which kernels then go by, and the probe of how its units add; lines by
    what they are about. Empty where JAX sees no card.
    """
    from jax_impl.platforms import matrix_units

    if FRAMEWORKS["jax"].missing("xpu") is not None:
        return {}
    import jax

    kind = str(jax.local_devices(backend="oneapi")[0].device_kind)
    if matrix_units.by_device(kind).setting == "off":
        return {"matrix units": str(matrix_units.choice())}
    chosen = matrix_units.decide(kind, in_child)
    told = {"matrix units": str(chosen)}
    if chosen.setting != "off":
        told["accumulation"] = str(accumulation.probe(matrix_units.products(chosen.setting)))
    return told


def in_child(setting: str, command: Sequence[str] = _SELF_TEST) -> Failures:
    """Failures of the self-test under a setting, in a process of its own: drivers crash on instructions too."""
    try:
        done = subprocess.run(
            [*command, setting],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env=for_child({"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}),
        )
    except subprocess.TimeoutExpired:
        return (f"it took more than {_SECONDS:.0f} s",)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1][:200]
        return (f"its process ended with status {done.returncode}: {said}",)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def kernel_cards(sysfs: Path) -> list[str]:
    """Intel's display and compute devices, as the kernel names them: PCI id and driver."""
    found = []
    for folder in sorted(sysfs.glob("card[0-9]*/device")):
        vendor, device = folder / "vendor", folder / "device"
        if vendor.exists() and vendor.read_text().strip() == _INTEL:
            driver = folder / "driver"
            bound = driver.resolve().name if driver.exists() else "no driver"
            found.append(f"{_INTEL.removeprefix('0x')}:{device.read_text().strip().removeprefix('0x')} ({bound})")
    return found


def drivers() -> dict[str, str]:
    """Versions of the installed packages of the driver, where the system has dpkg."""
    dpkg = shutil.which("dpkg-query")
    if dpkg is None:
        return {}
    form = "${Package} ${Version}\n"
    done = subprocess.run([dpkg, "-W", "-f", form, *_PACKAGES], capture_output=True, text=True, check=False)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.count(" ") == 1 and line.split(" ")[1])
