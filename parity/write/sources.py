"""Generated sources of cases, and the paths of golden ones. Emitters only write text."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from parity.judge.frameworks import FRAMEWORKS
from specs.lang.declare.op import Case, Op, Step
from specs.tile.backend import Source
from specs.tile.launch.cases import case_call, case_launches, golden_case
from specs.tile.targets import Target

Files = dict[PurePosixPath, str]
DEVICE: Final = "cuda"
"""Device that golden sources are for."""


def all_emitters() -> dict[str, Source]:
    """What backends generate, by name: source that frameworks share is that of the first which has it checked in."""
    found = [backend.source for framework in FRAMEWORKS.values() for backend in framework.backends.values()]
    return {source.name: source for source in found if source is not None}


def emitters() -> dict[str, Source]:
    """The ones that have source of every operation, by name."""
    return {name: source for name, source in all_emitters().items() if source.cases is None}


def sources(op: Op, name: str, case: Case, device: str = DEVICE) -> dict[str, str]:
    """Source of every step that runs in a case, by file name.

    Raises:
        KeyError: the emitter has no target for the device.
    """
    emitter = all_emitters()[name]
    target = emitter.targets[device]
    found: dict[str, str] = {}
    own = emitter.launched
    for run in case_launches(op, case, target if own is None else target.config, strided=emitter.strided):
        text = emitter.emit(run.program) if own is None else own(run)
        found[file_name(op, run.step)] = _header(op, case, target) + text
    return found


def file_name(op: Op, step: Step) -> str:
    """File of a step: the operation's name, and the kernel's where there are several."""
    kernels = {other.kernel.name for other in op.steps}
    return f"{op.name}.py" if len(kernels) == 1 else f"{op.name}_{step.kernel.name}.py"


def _header(op: Op, case: Case, target: Target) -> str:
    return f'# {op.name}, case "{case.name}", target {target.name}. Written by `python -m parity emit`: do not edit.\n'


def golden_sources(op: Op) -> Files:
    """Both sides' sources of the golden case."""
    case = golden_case(op)
    return {
        emitter.folder / file: text
        for name, emitter in emitters().items()
        for file, text in sources(op, name, case).items()
    }


def chosen_sources(op: Op) -> Files:
    """What is checked in of backends that choose operations and cases (`Source.cases`)."""
    return {
        emitter.folder / file: text
        for name, emitter in all_emitters().items()
        if emitter.cases is not None and op.name in emitter.cases
        for file, text in sources(op, name, op.case(emitter.cases[op.name])).items()
    }


def golden_paths(op: Op) -> list[PurePosixPath]:
    """Files of `golden_sources`, without their text."""
    env = case_call(op, golden_case(op), strided=False).env
    steps = [step for step in op.steps if step.when is None or step.when.evaluate(env)]
    names = dict.fromkeys(file_name(op, step) for step in steps)
    return [emitter.folder / name for emitter in emitters().values() for name in names]
