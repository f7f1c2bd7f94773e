"""Installed versions, devices, and which implementation of which operation can run on them."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import specs
from parity.judge.frameworks import FRAMEWORKS, JAX_PLATFORMS
from parity.record.records import Device
from parity.xpu import tools
from specs.lang.declare.readiness import READY

PACKAGES: Final = ("jax", "jaxlib", "torch", "triton", "numpy", "ml_dtypes")
DEVICES: Final = tuple(JAX_PLATFORMS)
"""Devices that the project supports; every machine has the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Whether one implementation can run operations on a device.

    implementation: "framework:implementation".
    ops: operations that it can run there.
    refused: reason -> operations that it cannot run for that reason.
    """

    implementation: str
    device: str
    ops: tuple[str, ...]
    refused: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """All that `parity env` says.

    intel: what of the tools for Intel GPUs is installed, and which libraries are missing.
    """

    machine: dict[str, str]
    versions: dict[str, str]
    devices: dict[str, str]
    intel: dict[str, str]
    implementations: tuple[Availability, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def environment() -> Environment:
    """Looks at this machine; imports the frameworks that are installed."""
    here = [device for device in DEVICES if found(device)]
    return Environment(
        machine=machine(),
        versions=versions(),
        devices={device: found(device) or missing(device) for device in DEVICES},
        intel=tools.find().described() | _matrix_units(),
        implementations=tuple(
            _availability(framework, name, device)
            for device in here
            for framework, known in FRAMEWORKS.items()
            for name in known.backends
        ),
    )


def _matrix_units() -> dict[str, str]:
    """Whether kernels for Intel GPUs would use matrix units here, where JAX is installed."""
    if importlib.util.find_spec("jax") is None:
        return {}
    from jax_impl.platforms.matrix_units import described

    return {"matrix units in JAX": described()}


def machine() -> dict[str, str]:
    """Operating system and processor."""
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cpus": str(os.cpu_count()),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute; nothing is imported."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def found(device: str) -> str:
    """What a device is called by the frameworks that see it; empty when none does."""
    names = [framework for framework, known in FRAMEWORKS.items() if known.missing(device) is None]
    return ", ".join(f"{framework}: {_device_name(framework, device)}" for framework in names)


def missing(device: str) -> str:
    """Why no framework can use a device."""
    reasons = [known.missing(device) for known in FRAMEWORKS.values()]
    return "; ".join(reason for reason in reasons if reason is not None)


def _device_name(framework: str, device: str) -> str:
    if framework == "jax":
        import jax

        return str(jax.devices(JAX_PLATFORMS[device])[0].device_kind)
    if device == "cpu":
        return "cpu"
    import torch

    return str(getattr(torch, device).get_device_name(0))


def _availability(framework: str, name: str, device: str) -> Availability:
    can: list[str] = []
    refused: dict[str, tuple[str, ...]] = {}
    for op in specs.names():
        reason = FRAMEWORKS[framework].missing(device) or reasons(framework, op, device)[name]
        if reason is None:
            can.append(op)
        else:
            refused[reason] = (*refused.get(reason, ()), op)
    implementation = f"{framework}:{name}"
    return Availability(implementation=implementation, device=device, ops=tuple(can), refused=refused)


def reasons(framework: str, op: str, device: str) -> dict[str, str | None]:
    """Implementation -> None where it can run an operation on a device, else why not.

    A framework that is not installed gives its own reason for each of its implementations.
    """
    known = FRAMEWORKS[framework]
    if importlib.util.find_spec(framework) is None:
        return dict.fromkeys(known.backends, known.missing(device))
    if framework == "torch":
        from torch_impl.ops import explain as explain_torch

        return _reasons_of(explain_torch(op, device))
    from jax_impl.ops import explain as explain_jax

    return _reasons_of(explain_jax(op, JAX_PLATFORMS[device]))


def _reasons_of(answers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: None if answer == READY else answer for name, answer in answers.items()}


def record_devices(used: str) -> tuple[Device, ...]:
    """Every supported device for a run record; `used` is the one that the run was on."""
    return tuple(_record_device(device, device == used) for device in DEVICES)


def _record_device(device: str, ran: bool) -> Device:
    op = specs.names()[0]
    names = [f"{fw}:{name}" for fw in FRAMEWORKS for name, why in reasons(fw, op, device).items() if why is None]
    return Device(
        name=device,
        implementations=", ".join(names),
        status="ran" if ran else "not run",
        reason="" if ran else missing(device) or "not asked for",
    )
