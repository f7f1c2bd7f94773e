"""The walk: every kernel of some operations, from both generated sources, up the rungs that can be reached here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final, Self

from parity.judge.inputs import KINDS
from parity.judge.runner import seed_of
from parity.xpu import native as offline
from parity.xpu import settings, spirv
from parity.xpu.process import Child, Reply
from parity.xpu.record import (
    EXECUTED,
    KERNEL_BACKENDS,
    LOWERED,
    NO_CARD,
    REAL,
    Answer,
    KernelRow,
    Rung,
    compiled,
    native,
)
from parity.xpu.tools import NO_RUNTIME, ROOT, Tools
from parity.xpu.topologies import TOPOLOGIES
from specs.lang.declare.op import Case, Op
from specs.tile.launch.cases import case_launches

CARDS: Final = tuple(topology.name for topology in TOPOLOGIES)
_COMPILE_SECONDS: Final = 240.0
_EXECUTE_SECONDS: Final = 120.0
_NATIVE_SECONDS: Final = 120.0

RUNGS: Final = (LOWERED, *map(compiled, CARDS), EXECUTED, *map(native, CARDS), REAL)
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

    def __init__(self, tools: Tools, seed: int = 0) -> None:
        self._tools, self._seed = tools, seed
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="parity-xpu-")))
        self._gpu = self._compiler("gpu", {})
        self._cpu = self._compiler("cpu", settings.CPU_FORM)
        self._device = self._executor()
        return self

    def __exit__(self, *error: object) -> None:
        for child in (self._gpu, self._cpu, self._device):
            if child is not None:
                child.close()
        self._stack.close()

    def climb(self, attempt: Attempt, rungs: Sequence[str] = RUNGS) -> Iterator[KernelRow]:
        """Rows of every kernel that a case launches.

        Args:
            rungs: those to try; later ones need the earlier ones.
        """
        reply = self._gpu.ask(self._request(attempt, CARDS), _COMPILE_SECONDS) if self._gpu else None
        if reply is None or "launches" not in reply:
            yield self._refused(attempt, reply)
            return
        launches = reply["launches"]
        executed = self._execute(attempt) if EXECUTED in rungs else None
        for launch in launches:
            row = KernelRow(
                op=attempt.op.name,
                case=attempt.case.name,
                backend=attempt.backend,
                kernel=launch["kernel"],
                tunables=launch["tunables"],
                grid=tuple(launch["grid"]),
                shared_memory=launch.get("shared_memory"),
            )
            row = row.having(Rung(name=LOWERED, answer="yes", note=f"{launch['ir_lines']} lines of Triton IR"))
            for card in CARDS:
                row = row.having(_compiled(launch, card))
            if executed is not None:
                row = row.having(executed)
            for card in CARDS:
                if native(card) in rungs:
                    row = row.having(self._native(launch, card))
            yield row.having(Rung(name=REAL, answer="not run", reason=NO_CARD))

    def _request(self, attempt: Attempt, cards: Sequence[str]) -> dict[str, Any]:
        return {
            "op": attempt.op.name,
            "case": attempt.case.name,
            "backend": attempt.backend,
            "tuned": dict(attempt.tuned),
            "cards": list(cards),
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
            return row.having(Rung(name=LOWERED, answer="not run", reason="; ".join(self._tools.problems)))
        reason = next(str(reply[key]) for key in ("unsupported", "failed", "crash") if key in reply)
        return row.having(Rung(name=LOWERED, answer="no", reason=reason))

    def _execute(self, attempt: Attempt) -> Rung:
        """Compiles a case in the form for CPUs and runs it on both kinds of data."""
        if self._device is None or self._cpu is None:
            return Rung(name=EXECUTED, answer="not run", reason=NO_RUNTIME)
        card = CARDS[0]
        reply = self._cpu.ask(self._request(attempt, (card,)), _COMPILE_SECONDS)
        launches = reply.get("launches", [])
        files = [launch["spirv"].get(card) for launch in launches]
        if not files or None in files:
            reason = reply.get("crash") or next(
                (r for one in launches for r in one["refused"].values()), "not compiled"
            )
            return Rung(name=EXECUTED, answer="not run", reason=f"in the form for CPUs: {reason}")
        request = {**self._request(attempt, ()), "launches": [{**one, "file": one["spirv"][card]} for one in launches]}
        seconds, shares = 0.0, []
        for kind in KINDS:
            seed = seed_of(self._seed, attempt.op.name, attempt.case.name, kind)
            found = self._device.ask({**request, "kind": kind, "seed": seed}, _EXECUTE_SECONDS)
            if "obstacle" in found or "crash" in found:
                reason = f"the CPU's OpenCL compiler {found['crash']}" if "crash" in found else str(found["obstacle"])
                return Rung(name=EXECUTED, answer="not run", reason=reason)
            if found.get("status") != "passed":
                reason = found.get("reason") or found.get("failed") or found.get("unsupported")
                return Rung(name=EXECUTED, answer="no", reason=f"{kind} data: {reason}")
            seconds += found["seconds"]
            shares.append(found["bound_share"])
        note = "same bytes" if not max(shares) else f"{max(shares):.2f} of the bound"
        return Rung(name=EXECUTED, answer="yes", note=note, seconds=seconds)

    def _native(self, launch: Mapping[str, Any], card: str) -> Rung:
        compiler, file = self._tools.offline.get(card), launch["spirv"].get(card)
        if compiler is None:
            return Rung(name=native(card), answer="not run", reason=f"no ocloc here knows {card}: `make xpu-native`")
        if file is None:
            return Rung(name=native(card), answer="not run", reason="there is no SPIR-V")
        found = offline.build(Path(file), launch["kernel"], compiler, self._folder, _NATIVE_SECONDS)
        answer: Answer = "no" if found.reason else "yes"
        note = "stack calls" if found.stack else ""
        return Rung(name=native(card), answer=answer, reason=found.reason, note=note, spill=found.spill)

    def _compiler(self, name: str, more: Mapping[str, str]) -> Child | None:
        if self._tools.python is None or self._tools.problems:
            return None
        dump = self._folder / name
        dump.mkdir()
        command = (str(self._tools.python), "-m", "parity.xpu.compile_worker", str(dump))
        return Child(command, {**settings.compiling(dump), **more}, self._folder / f"{name}.log", ROOT)

    def _executor(self) -> Child | None:
        runtime, libraries = self._tools.runtime, self._tools.libraries
        if self._tools.python is None or runtime is None or libraries is None:
            return None
        vendors = self._folder / "vendors"
        vendors.mkdir()
        (vendors / "intel.icd").write_text(f"{runtime}\n")
        command = (str(self._tools.python), "-m", "parity.xpu.execute_worker")
        return Child(command, settings.executing(vendors, libraries), self._folder / "executor.log", ROOT)


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
    todo: Sequence[Attempt], tools: Tools, *, seed: int, rungs: Sequence[str], progress: Progress
) -> list[KernelRow]:
    """Rows of all attempts."""
    rows: list[KernelRow] = []
    with Ladder(tools, seed) as ladder:
        for attempt in todo:
            progress(f"{attempt.op.name}, {attempt.case.name}, {attempt.backend}")
            rows += ladder.climb(attempt, rungs)
    return rows
