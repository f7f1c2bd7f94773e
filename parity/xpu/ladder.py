"""The walk: every kernel of some operations, from both generated sources, up the rungs that can be reached here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Final, Self

from parity.judge.again import loading
from parity.judge.inputs import KINDS
from parity.judge.runner import seed_of
from parity.xpu import native as offline
from parity.xpu import settings, spirv
from parity.xpu.process import Child, Reply
from parity.xpu.record import (
    EXECUTED,
    KERNEL_BACKENDS,
    LOWERED,
    MATRIX,
    NO_CARD,
    REAL,
    TORCH,
    Answer,
    KernelRow,
    MachineCode,
    Rung,
    compiled,
    native,
)
from parity.xpu.tools import NO_OFFLINE, NO_RUNTIME, NO_TRITON, ROOT, Tools
from parity.xpu.topologies import TOPOLOGIES
from parity.xpu.torch_source import NOT_EXECUTED, TorchCompiler
from specs.lang.declare.op import Case, Op
from specs.tile.launch.cases import case_launches

CARDS: Final = tuple(topology.name for topology in TOPOLOGIES)
_COMPILE_SECONDS: Final = 240.0
_EXECUTE_SECONDS: Final = 120.0
_NATIVE_SECONDS: Final = 120.0

RUNGS: Final = (LOWERED, *map(compiled, CARDS), EXECUTED, *map(native, CARDS), MATRIX, REAL)
Progress = Callable[[str], None]


def covering_cases(op: Op) -> tuple[Case, ...]:
    """The fewest first cases that between them launch every kernel that any small case launches."""
    chosen: list[Case] = []
    seen: set[int] = set()
    for case in op.cases:
        if case.large:
            continue
        launched = {found.index for found in case_launches(op, case, "xpu", strided=False) if prod(found.grid)}
        if launched - seen:
            chosen.append(case)
            seen |= launched
    return tuple(chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What to try: a case through one of the two sources, with the tunables of the specification or others."""

    op: Op
    case: Case
    backend: str
    tuned: Mapping[str, int]


class Ladder:
    """The children that do the work, in a folder that is removed at the end. Use as a context."""

    def __init__(
        self, tools: Tools, seed: int = 0, matrix_units: str = "on", registers: Sequence[int | None] = (None, 256)
    ) -> None:
        """
        Args:
            matrix_units: setting under which kernels are lowered.
            registers: of a hardware thread, with which machine code is made of kernels with dots; None for what the
                compiler takes by itself. Of others it is made with the first.
        """
        self._registers = registers
        self._tools, self._seed, self._matrix_units = tools, seed, matrix_units
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="parity-xpu-")))
        self._gpu = self._compiler()
        self._torch = self._torch_compiler()
        self._device = self._executor()
        return self

    def __exit__(self, *error: object) -> None:
        for child in (self._gpu, self._torch, self._device):
            if child is not None:
                child.close()
        self._stack.close()

    def climb(self, attempt: Attempt, rungs: Sequence[str] = RUNGS) -> Iterator[KernelRow]:
        """Rows of every kernel that a case launches.

        Args:
            rungs: those to try; later ones need the earlier ones.
        """
        compiler = self._torch if attempt.backend == TORCH else self._gpu
        reply = compiler.ask(self._request(attempt, CARDS), _COMPILE_SECONDS) if compiler else None
        if reply is None or "launches" not in reply:
            yield self._refused(attempt, reply)
            return
        launches = reply["launches"]
        executed = self._execute(attempt, launches) if EXECUTED in rungs else None
        for launch in launches:
            row = KernelRow(
                op=attempt.op.name,
                case=attempt.case.name,
                backend=attempt.backend,
                kernel=launch["kernel"],
                tunables=launch["tunables"],
                grid=tuple(launch["grid"]),
                shared_memory=launch.get("shared_memory"),
                dots=launch.get("dots", 0),
            )
            note = launch.get("lowered") or f"{launch['ir_lines']} lines of Triton IR"
            row = row.having(Rung(name=LOWERED, answer="yes", note=note))
            for card in CARDS:
                row = row.having(_compiled(launch, card))
            if executed is not None:
                row = row.having(executed)
            for card in CARDS:
                if native(card) in rungs:
                    rung, code = self._native(launch, card)
                    row = replace(row.having(rung), code=(*row.code, *code))
            if MATRIX in rungs:
                row = row.having(matrix_units(row, launch))
            yield row.having(Rung(name=REAL, answer="not run", reason=NO_CARD))

    def _request(self, attempt: Attempt, cards: Sequence[str]) -> dict[str, Any]:
        return {
            "op": attempt.op.name,
            "case": attempt.case.name,
            "backend": attempt.backend,
            "tuned": dict(attempt.tuned),
            "cards": list(cards),
            "matrix_units": self._matrix_units,
            **loading(attempt.op),
        }

    def _refused(self, attempt: Attempt, reply: Reply | None) -> KernelRow:
        """The row of a case of which nothing could be lowered."""
        kernels = ", ".join(
            found.kernel.name for found in case_launches(attempt.op, attempt.case, "xpu", strided=False)
        )
        row = KernelRow(
            op=attempt.op.name, case=attempt.case.name, backend=attempt.backend, kernel=kernels, tunables={}
        )
        if reply is None:
            problems = (NO_TRITON,) if attempt.backend == TORCH else self._tools.problems
            return row.having(Rung(name=LOWERED, answer="not run", reason="; ".join(problems)))
        reason = next(str(reply[key]) for key in ("unsupported", "failed", "crash") if key in reply)
        return row.having(Rung(name=LOWERED, answer="no", reason=reason))

    def _execute(self, attempt: Attempt, launches: Sequence[Mapping[str, Any]]) -> Rung:
        """Runs the SPIR-V of the first card on both kinds of data."""
        if attempt.backend == TORCH:
            return Rung(name=EXECUTED, answer="not run", reason=NOT_EXECUTED)
        if self._device is None:
            return Rung(name=EXECUTED, answer="not run", reason=NO_RUNTIME)
        card = CARDS[0]
        if not launches or any(card not in launch["spirv"] for launch in launches):
            return Rung(name=EXECUTED, answer="not run", reason=f"there is no SPIR-V for {card}")
        request = {**self._request(attempt, ()), "launches": [{**one, "file": one["spirv"][card]} for one in launches]}
        seconds, shares = 0.0, []
        for kind in KINDS:
            seed = seed_of(self._seed, attempt.op.name, attempt.case.name, kind)
            found = self._device.ask({**request, "kind": kind, "seed": seed}, _EXECUTE_SECONDS)
            if "obstacle" in found or "crash" in found:
                reason = f"the CPU's OpenCL compiler {found['crash']}" if "crash" in found else str(found["obstacle"])
                return Rung(name=EXECUTED, answer="not run", reason=reason)
            if found.get("status") != "passed":
                why = found.get("reason") or found.get("failed") or found.get("unsupported")
                return Rung(name=EXECUTED, answer="no", reason=f"{kind} data: {why}")
            seconds += found["seconds"]
            shares.append(found["bound_share"])
        note = "same bytes" if not max(shares) else f"{max(shares):.2f} of the bound"
        return Rung(name=EXECUTED, answer="yes", note=note, seconds=seconds)

    def _native(self, launch: Mapping[str, Any], card: str) -> tuple[Rung, list[MachineCode]]:
        """The rung of the driver's compiler, and what it made with each number of registers."""
        compiler, file = self._tools.offline.get(card), launch["spirv"].get(card)
        if compiler is None:
            return Rung(name=native(card), answer="not run", reason=NO_OFFLINE.format(card=card)), []
        if file is None:
            return Rung(name=native(card), answer="not run", reason="there is no SPIR-V"), []
        counts = self._registers if launch.get("dots") else self._registers[:1]
        found = [
            offline.build(Path(file), launch["kernel"], compiler, self._folder, _NATIVE_SECONDS, count)
            for count in counts
        ]
        first = found[0]
        answer: Answer = "no" if first.reason else "yes"
        note = "stack calls" if first.stack else ""
        rung = Rung(name=native(card), answer=answer, reason=first.reason, note=note, spill=first.spill)
        return rung, [
            code for one in found if (code := _machine_code(one, card, launch.get("useful", 1.0))) is not None
        ]

    def _compiler(self) -> Child | None:
        if self._tools.python is None or self._tools.problems:
            return None
        dump = self._folder / "compiled"
        dump.mkdir()
        command = (str(self._tools.python), "-m", "parity.xpu.compile_worker", str(dump))
        return Child(command, settings.compiling(dump), self._folder / "compiler.log", ROOT)

    def _torch_compiler(self) -> TorchCompiler | None:
        if self._tools.triton is None:
            return None
        folder, log = self._folder / "torch", self._folder / "triton.log"
        folder.mkdir()
        command = (str(self._tools.triton), "-m", "parity.xpu.triton_worker", str(log))
        return TorchCompiler(Child(command, settings.compiling_triton(folder / "cache"), log, ROOT), folder)

    def _executor(self) -> Child | None:
        runtime, libraries = self._tools.runtime, self._tools.libraries
        if self._tools.python is None or runtime is None or libraries is None:
            return None
        vendors = self._folder / "vendors"
        vendors.mkdir()
        (vendors / "intel.icd").write_text(f"{runtime}\n")
        command = (str(self._tools.python), "-m", "parity.xpu.execute_worker")
        return Child(command, settings.executing(vendors, libraries), self._folder / "executor.log", ROOT)


def matrix_units(row: KernelRow, launch: Mapping[str, Any]) -> Rung:
    """Whether the dots of a kernel became instructions of the matrix units; nothing is asked of one without dots."""
    if not row.dots:
        return Rung(name=MATRIX, answer="not run")
    if launch.get("matrix_units") == "off":
        return Rung(name=MATRIX, answer="not run", reason="they are turned off")
    if not row.code:
        return Rung(name=MATRIX, answer="not run", reason="there is no machine code, or nothing took it apart")
    without = dict.fromkeys(code.card for code in row.code if not code.dpas)
    if without and all(_left_out(launch, card) for card in without):
        return Rung(name=MATRIX, answer="not run", reason="the compiler has left the dots out: nothing is multiplied")
    if without:
        reasons = "; ".join(f"a dot of {dot}" for dot in launch.get("without_matrix_units", ()))
        reason = f"dots and no DPAS on {', '.join(without)}" + (f": {reasons}" if reasons else "")
        return Rung(name=MATRIX, answer="no", reason=reason)
    return Rung(name=MATRIX, answer="yes", note=f"{row.code[0].dpas} DPAS")


def _left_out(launch: Mapping[str, Any], card: str) -> bool:
    """Whether a kernel multiplies less than its smallest dot has to, in the form without matrix units, per thread."""
    file = launch.get("spirv", {}).get(card)
    if file is None or launch.get("without_matrix_units"):
        return False
    return spirv.multiplications(spirv.parse(Path(file).read_bytes())) < int(launch.get("products", 0))


def _machine_code(found: offline.Native, card: str, useful: float) -> MachineCode | None:
    counts = found.counts
    if counts is None:
        return None
    return MachineCode(
        card=card,
        registers=found.registers,
        lanes=found.lanes,
        instructions=counts.instructions,
        dpas=counts.dpas,
        blocks=counts.blocks,
        spill=found.spill,
        cycles=counts.cycles,
        dpas_share=counts.dpas_share * useful,
    )


def _compiled(launch: Mapping[str, Any], card: str) -> Rung:
    """OpenXLA's messages, and problems in its SPIR-V."""
    seconds = launch["seconds"].get(card)
    if card in launch["refused"]:
        return Rung(name=compiled(card), answer="no", reason=launch["refused"][card], seconds=seconds)
    module = spirv.parse(Path(launch["spirv"][card]).read_bytes())
    wrong = "; ".join(spirv.defects(module))
    return Rung(name=compiled(card), answer="no" if wrong else "yes", reason=wrong, seconds=seconds)


def attempts(ops: Sequence[Op], backends: Sequence[str] = KERNEL_BACKENDS, every_case: bool = False) -> list[Attempt]:
    """What a walk tries: the cases that launch every kernel, or every small case."""
    found = []
    for op in ops:
        cases = [case for case in op.cases if not case.large] if every_case else covering_cases(op)
        found += [Attempt(op=op, case=case, backend=backend, tuned={}) for case in cases for backend in backends]
    return found


def walk(
    todo: Sequence[Attempt],
    tools: Tools,
    *,
    seed: int,
    rungs: Sequence[str],
    progress: Progress,
    matrix_units: str = "on",
) -> list[KernelRow]:
    """Rows of all attempts."""
    rows: list[KernelRow] = []
    with Ladder(tools, seed, matrix_units) as ladder:
        for attempt in todo:
            progress(f"{attempt.op.name}, {attempt.case.name}, {attempt.backend}")
            rows += ladder.climb(attempt, rungs)
    return rows
