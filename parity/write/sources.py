"""Generated sources of cases, and where those of default cases are checked in. Emitters only write text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from specs.export import content_hash
from specs.lang.declare.op import Case, Op, Step
from specs.tile import targets
from specs.tile.ir import Program
from specs.tile.launch.cases import case_call, case_launches, default_case
from specs.tile.targets import Target

Name = Literal["torch", "pallas"]
Files = dict[PurePosixPath, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitter:
    """One side's way from a program to source.

    package: whose folder `generated` holds the golden sources.
    prefix: with a device behind it, the name of a target in `specs.tile.targets`.
    strided: whether the framework's arrays have strides.
    """

    package: str
    prefix: str
    strided: bool
    load: Callable[[], Callable[[Program], str]]

    def targets(self) -> dict[str, Target]:
        """Targets that this emitter can write for, by device."""
        found = [target for target in vars(targets).values() if isinstance(target, Target)]
        prefix = f"{self.prefix}-"
        return {target.name.removeprefix(prefix): target for target in found if target.name.startswith(prefix)}

    @property
    def folder(self) -> PurePosixPath:
        """Where golden sources lie."""
        return PurePosixPath(self.package, "generated")


def _triton() -> Callable[[Program], str]:
    from specs.tile.emit.triton import emit

    return emit


def _pallas() -> Callable[[Program], str]:
    from jax_impl.emitter import emit

    return emit


EMITTERS: Final[Mapping[Name, Emitter]] = {
    "torch": Emitter(package="torch_impl", prefix="triton", strided=True, load=_triton),
    "pallas": Emitter(package="jax_impl", prefix="pallas", strided=False, load=_pallas),
}
DEVICE: Final = "cuda"
"""Device that golden sources are for."""


def sources(op: Op, name: Name, case: Case, device: str = DEVICE) -> dict[str, str]:
    """Source of every step that runs in a case, by file name.

    Raises:
        KeyError: the emitter has no target for the device.
    """
    emitter = EMITTERS[name]
    target = emitter.targets()[device]
    found: dict[str, str] = {}
    for run in case_launches(op, case, target, strided=emitter.strided):
        text = emitter.load()(run.program)
        found[file_name(op, run.step)] = _header(op, case, target) + text
    return found


def file_name(op: Op, step: Step) -> str:
    """File of a step: the operation's name, and the kernel's where there are several."""
    kernels = {other.kernel.name for other in op.steps}
    return f"{op.name}.py" if len(kernels) == 1 else f"{op.name}_{step.kernel.name}.py"


def _header(op: Op, case: Case, target: Target) -> str:
    return (
        f'# {op.name}, case "{case.name}", target {target.name}. Written by `python -m parity emit`: do not edit.\n'
        f"# spec sha256 {content_hash(op)}\n"
    )


def golden_sources(op: Op) -> Files:
    """Both sides' sources of the default case."""
    case = default_case(op)
    return {
        emitter.folder / file: text
        for name, emitter in EMITTERS.items()
        for file, text in sources(op, name, case).items()
    }


def golden_paths(op: Op) -> list[PurePosixPath]:
    """Files of `golden_sources`, without their text."""
    env = case_call(op, default_case(op), strided=False).env
    steps = [step for step in op.steps if step.when is None or step.when.evaluate(env)]
    names = dict.fromkeys(file_name(op, step) for step in steps)
    return [emitter.folder / name for emitter in EMITTERS.values() for name in names]
