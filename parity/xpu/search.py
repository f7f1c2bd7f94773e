"""Tunables for Intel GPUs by what can be known without one: a kernel must be accepted, and should spill nothing.

Registers that do not fit go to memory and back, inside the innermost loops; nothing else that is known here of a
configuration is as certain to cost time. Speed and occupancy are not known, so a configuration that spills nothing is
left as it is, and any other is made lighter, one tunable at a time, as long as that lessens what spills. A measurement
on a card overrules this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

from parity.xpu.ladder import CARDS, Attempt, Ladder, Progress
from parity.xpu.record import KernelRow, Road, compiled, native
from parity.xpu.tools import Tools
from parity.xpu.topologies import TOPOLOGIES
from specs.lang.kernel import Kernel
from specs.lang.op import Case, Op
from specs.tile.cases import case_launches

SPREAD: Final = ("num_warps", "VALUE_PARTS")
"""Tunables that spread the same work over more threads or programs, so that larger is lighter."""

LEFT_ALONE: Final = ("num_stages", "GROUP_M")
"""Tunables of which nothing is known here: how far loops are fetched ahead, and the order of programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One configuration of one kernel, and what became of it.

    spill: bytes per hardware thread on the card where it is most; None where a card's compiler refused the kernel.
    reason: why it was refused.
    """

    case: str
    kernel: str
    tunables: Mapping[str, int]
    spill: int | None
    shared_memory: int
    reason: str

    @property
    def work(self) -> int:
        """The product of the block sizes: how much a program does."""
        return prod(value for name, value in self.tunables.items() if name not in (*LEFT_ALONE, *SPREAD))

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Ascending in order of preference: little spilled, much work, few threads; refused ones come last."""
        if self.spill is None:
            return (1, 0, 0, 0)
        return (0, self.spill, -self.work, self.tunables.get("num_warps", 0))


def neighbours(kernel: Kernel, now: Mapping[str, int], *, larger: bool = False) -> Iterator[dict[str, int]]:
    """Configurations one step away: one tunable smaller (or larger), or the work spread differently."""
    for tunable in kernel.tunables:
        if tunable.name in LEFT_ALONE or tunable.name not in now:
            continue
        below = sorted(value for value in tunable.values if value < now[tunable.name])[-1:]
        above = sorted(value for value in tunable.values if value > now[tunable.name])[:1]
        either = tunable.name in SPREAD
        for value in (*(below if either or not larger else ()), *(above if either or larger else ())):
            yield {**now, tunable.name: value}


def lightest(kernel: Kernel, now: Mapping[str, int]) -> dict[str, int]:
    """The configuration that needs the fewest registers: the smallest blocks, on the most threads."""
    known = {tunable.name: tunable.values for tunable in kernel.tunables if tunable.name not in LEFT_ALONE}
    ends = {name: max(values) if name in SPREAD else min(values) for name, values in known.items() if name in now}
    return {**now, **ends}


def search(op: Op, tools: Tools, *, road: Road, progress: Progress) -> list[list[Candidate]]:
    """Per kernel of an operation and default configuration of it, those that were tried; the last is the best.

    A default counts where a case of the operation takes it, large cases included: nothing is run.
    """
    found: list[list[Candidate]] = []
    seen: list[tuple[str, dict[str, int]]] = []
    with Ladder(tools) as ladder:
        for case in op.cases:
            for launch in case_launches(op, case, config="xpu", strided=False):
                kernel, now = launch.step.kernel, dict(launch.launch.tunables)
                if not prod(launch.launch.grid) or (kernel.name, now) in seen:
                    continue
                seen.append((kernel.name, now))

                def attempt(tuned: Mapping[str, int], kernel: Kernel = kernel, case: Case = case) -> Candidate:
                    progress(f"{kernel.name}, {case.name}, {dict(tuned)}")
                    rows = list(ladder.climb(Attempt(op=op, case=case, road=road, tuned=tuned), _RUNGS))
                    mine = next((row for row in rows if row.kernel.startswith(kernel.name)), rows[0])
                    return candidate(case.name, kernel.name, tuned, mine)

                found.append(descend(kernel, now, attempt))
    return found


def descend(
    kernel: Kernel, now: Mapping[str, int], attempt: Callable[[Mapping[str, int]], Candidate]
) -> list[Candidate]:
    """All that was tried from the present configuration on; the last is the best.

    Steps lead to the neighbour that spills least, until none spills less. Where that still spills, steps lead from the
    lightest configuration to larger ones, for as long as nothing spills.
    """
    tried = [attempt(now)]
    best = _steps(kernel, tried[0], tried, attempt, larger=False)
    if best.spill != 0:
        light = lightest(kernel, now)
        if light not in [dict(one.tunables) for one in tried]:
            tried.append(attempt(light))
            best = min(best, _steps(kernel, tried[-1], tried, attempt, larger=True), key=lambda one: one.rank)
    return [*(one for one in tried if one is not best), best]


def _steps(
    kernel: Kernel,
    best: Candidate,
    tried: list[Candidate],
    attempt: Callable[[Mapping[str, int]], Candidate],
    *,
    larger: bool,
) -> Candidate:
    """Goes from neighbour to better neighbour; adds to `tried`."""
    while larger or best.spill != 0:
        seen = [dict(one.tunables) for one in tried]
        near = [attempt(tuned) for tuned in neighbours(kernel, best.tunables, larger=larger) if tuned not in seen]
        tried += near
        better = min((one for one in near if one.rank < best.rank), key=lambda one: one.rank, default=None)
        if better is None:
            break
        best = better
    return best


_RUNGS: Final = (*map(compiled, CARDS), *map(native, CARDS))
_SHARED: Final = min(topology.shared_memory for topology in TOPOLOGIES)


def candidate(case: str, kernel: str, tuned: Mapping[str, int], row: KernelRow) -> Candidate:
    """What a row says about a configuration."""
    refused = next((rung.reason for rung in row.rungs if rung.answer == "no"), "")
    spills = [row.rung(native(card)).spill for card in CARDS]
    known = [spill for spill in spills if spill is not None]
    shared = row.shared_memory or 0
    if not refused and shared > _SHARED:
        refused = f"{shared} bytes of shared memory, cards have {_SHARED}"
    if not refused and not known:
        refused = "; ".join(row.rung(name).reason for name in _RUNGS if row.rung(name).reason) or "nothing was built"
    return Candidate(
        case=case,
        kernel=kernel,
        tunables=dict(tuned),
        spill=None if refused else max(known),
        shared_memory=shared,
        reason=refused,
    )
