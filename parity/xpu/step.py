"""A whole step, one jitted function of many operations, through Intel's compilers for cards that are not there.

The ladder looks at kernels one by one; here the question is what XLA makes of everything between them: whether caches
are written where they lie, what is copied, and how many kernels a step launches.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from parity.xpu import native, settings
from parity.xpu.process import Child, Reply
from parity.xpu.record import COMPILED, MATRIX, NATIVE, Answer, Rung
from parity.xpu.step_record import COPIES, IN_PLACE, LARGE, OWN, XLA, Copy, Launches, StepKernel, StepRow
from parity.xpu.tools import NO_OFFLINE, ROOT, Offline, Tools
from parity.xpu.topologies import TOPOLOGIES

EXAMPLE: Final = "examples.decoder_layer_jax:step"
"""What is compiled where nothing is named."""

_COMPILE_SECONDS: Final = 400.0
_NATIVE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A function to compile.

    function: result of `jax.jit`, which says what is donated.
    arguments: `jax.ShapeDtypeStruct` in trees, one for each argument.
    caches: numbers of the arguments that have to be written where they lie.
    """

    function: Any
    arguments: tuple[Any, ...]
    caches: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What to try.

    step: "MODULE:FUNCTION"; the function takes `implementation=` and returns a `Step`.
    implementation: of all operations in it; None for the default of each.
    """

    step: str
    implementation: str | None
    card: str


def attempts(steps: Sequence[str], implementations: Sequence[str | None]) -> list[Attempt]:
    """Every step in every implementation for every card."""
    return [
        Attempt(step=step, implementation=implementation, card=topology.name)
        for step in steps
        for implementation in implementations
        for topology in TOPOLOGIES
    ]


def compile_steps(
    todo: Sequence[Attempt], tools: Tools, *, matrix_units: str, progress: Callable[[str], None]
) -> list[StepRow]:
    """Rows of all attempts. The compiler runs in a child: where it ends its process, a row says so."""
    if tools.python is None or tools.problems:
        why = "; ".join(tools.problems)
        return [_row(attempt).having(Rung(name=COMPILED, answer="not run", reason=why)) for attempt in todo]
    rows = []
    with tempfile.TemporaryDirectory(prefix="parity-step-") as name:
        folder = Path(name)
        dump = folder / "compiled"
        dump.mkdir()
        command = (str(tools.python), "-m", "parity.xpu.step_worker", str(dump))
        child = Child(command, settings.compiling_steps(dump), folder / "compiler.log", ROOT)
        try:
            for attempt in todo:
                progress(f"{attempt.step}, {attempt.implementation or 'default'}, {attempt.card}")
                request = {
                    "step": attempt.step,
                    "implementation": attempt.implementation,
                    "card": attempt.card,
                    "matrix_units": matrix_units,
                }
                rows.append(row(attempt, child.ask(request, _COMPILE_SECONDS), tools, folder))
        finally:
            child.close()
    return rows


def row(attempt: Attempt, reply: Reply, tools: Tools, folder: Path) -> StepRow:
    """What the child's reply says, and machine code of the SPIR-V that it wrote."""
    found = _row(attempt)
    if "spirv" not in reply:
        reason = next(str(reply[key]) for key in ("unsupported", "failed", "crash") if key in reply)
        # A step that is no part of this installation says nothing about the compiler.
        answer: Answer = "not run" if reply.get("missing") else "no"
        return found.having(Rung(name=COMPILED, answer=answer, reason=reason))
    found = replace(
        found,
        caches=reply["caches"],
        aliased=reply["aliased"],
        temporaries=reply["temporaries"],
        launches=Launches(**reply["launches"]),
        copies=tuple(Copy(**one) for one in reply["copies"]),
    )
    found = found.having(Rung(name=COMPILED, answer="yes", seconds=reply["seconds"]))
    found = found.having(in_place(found)).having(no_copies(found))
    compiler = tools.offline.get(attempt.card)
    if compiler is None:
        return found.having(Rung(name=NATIVE, answer="not run", reason=NO_OFFLINE.format(card=attempt.card)))
    kernels = [_kernel(one, compiler, folder) for one in reply["spirv"]]
    found = replace(found, kernels=tuple(kernels))
    return found.having(machine_code(kernels)).having(matrix_units_of(kernels, reply["matrix_units"]))


def _row(attempt: Attempt) -> StepRow:
    return StepRow(step=attempt.step, implementation=attempt.implementation or "default", card=attempt.card)


def in_place(found: StepRow) -> Rung:
    """Whether results are written over all caches."""
    if found.caches == found.aliased:
        return Rung(name=IN_PLACE, answer="yes", note=f"{found.aliased} B")
    told = f"{found.aliased} B are aliased, of {found.caches} B of caches"
    return Rung(name=IN_PLACE, answer="no", reason=told)


def no_copies(found: StepRow) -> Rung:
    """Whether nothing large is copied."""
    if not found.copies:
        return Rung(name=COPIES, answer="yes")
    told = "; ".join(f"{one.name} writes {one.type}, {one.times} times" for one in found.copies)
    return Rung(name=COPIES, answer="no", reason=f"kernels that only copy, of {LARGE} B or more: {told}")


def machine_code(kernels: Sequence[StepKernel]) -> Rung:
    """Whether the driver's compiler makes machine code of every module."""
    refused = [f"{one.name}: {one.reason}" for one in kernels if one.reason]
    spill = max((one.spill for one in kernels), default=0)
    answer: Answer = "no" if refused else "yes"
    return Rung(name=NATIVE, answer=answer, reason="; ".join(refused), note=f"{len(kernels)} modules", spill=spill)


def matrix_units_of(kernels: Sequence[StepKernel], setting: str) -> Rung:
    """Whether the dots of our kernels became DPAS. Those that XLA makes are not asked: a card asks oneDNN for them."""
    own = [one for one in kernels if one.source == OWN and one.dots]
    others = sum(one.source == XLA and bool(one.dots) for one in kernels)
    note = f"{others} kernels with dots of XLA, for which a card asks oneDNN" if others else ""
    if setting == "off" or not own:
        reason = "they are turned off" if own else ""
        return Rung(name=MATRIX, answer="not run", reason=reason, note=note)
    without = [one.name for one in own if not one.dpas]
    if without:
        return Rung(name=MATRIX, answer="no", reason=f"dots and no DPAS in {', '.join(without)}", note=note)
    told = f"{sum(one.dpas for one in own)} DPAS in {len(own)} of our kernels"
    return Rung(name=MATRIX, answer="yes", note=f"{told}, {note}" if note else told)


def _kernel(one: Mapping[str, Any], compiler: Offline, folder: Path) -> StepKernel:
    made = native.build(Path(one["file"]), one["kernel"], compiler, folder, _NATIVE_SECONDS)
    return StepKernel(
        name=one["kernel"],
        source=one["source"],
        dots=one["dots"],
        dpas=made.counts.dpas if made.counts else 0,
        instructions=made.counts.instructions if made.counts else 0,
        spill=made.spill,
        reason=made.reason,
    )
