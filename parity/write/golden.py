"""Everything that is generated and checked in, as text: golden sources, stubs, the operation table, the schema.

    torch_impl/generated/OP.py     Triton source of the operation's default case on CUDA; OP_KERNEL.py where an
    jax_impl/generated/OP.py       operation has several steps, and the Pallas source of the same case
    torch_impl/ops.pyi  jax_impl/ops.pyi  docs/ops.md  docs/spec.schema.json

Nothing here imports a framework: emitters only write text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import specs
from specs.export import content_hash
from specs.lang.declare.op import Case, Op, Step
from specs.tile import targets
from specs.tile.ir import Program
from specs.tile.launch.cases import case_launches, default_case
from specs.tile.passes.legalise import legalise
from specs.tile.targets import Target

ROOT: Final = Path(__file__).resolve().parents[2]
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
    for run in case_launches(op, case, config=target.config, strided=emitter.strided):
        text = emitter.load()(legalise(run.launch.program, target))
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


def golden_files() -> Files:
    """Every generated file of the repository, by path from its root."""
    from parity.write.op_table import op_table
    from parity.write.schema import SCHEMA_FILE, schema_text
    from parity.write.stubs import STUBS, stub

    ops = [specs.get(name) for name in specs.names()]
    files: Files = {}
    for emitter in EMITTERS.values():
        text = f'"""Golden sources of `{emitter.package}`: read them, import them nowhere."""\n'
        files[emitter.folder / "__init__.py"] = text
    for op in ops:
        files |= golden_sources(op)
    for framework in STUBS:
        files[framework.path] = stub(framework, ops)
    files[PurePosixPath("docs/ops.md")] = op_table(ops)
    files[PurePosixPath(SCHEMA_FILE)] = schema_text()
    return files


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A file that is not what the specs give. `expected` is None for a file that nothing generates any more."""

    path: PurePosixPath
    actual: str | None
    expected: str | None

    @property
    def problem(self) -> str:
        """What is wrong with the file."""
        if self.actual is None:
            return "is missing"
        return "is no longer generated" if self.expected is None else "differs from what the specs give"

    def diff(self) -> str:
        """Unified diff from the file to what it should be; ends with a newline."""
        before, after = ((text or "").splitlines(keepends=True) for text in (self.actual, self.expected))
        return "".join(difflib.unified_diff(before, after, f"a/{self.path}", f"b/{self.path}"))


def stale(files: Files, root: Path = ROOT) -> list[Stale]:
    """Files under `root` that differ from `files`, and golden sources that are not among them."""
    found = []
    for path, expected in files.items():
        actual = _read(root / path)
        if actual != expected:
            found.append(Stale(path=path, actual=actual, expected=expected))
    for emitter in EMITTERS.values():
        for file in sorted((root / emitter.folder).glob("*.py")):
            path = emitter.folder / file.name
            if path not in files:
                found.append(Stale(path=path, actual=_read(file), expected=None))
    return found


def write(found: list[Stale], root: Path = ROOT) -> None:
    """Brings the files up to date, those that nothing generates removed."""
    for item in found:
        file = root / item.path
        if item.expected is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(item.expected, encoding="utf-8")


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
