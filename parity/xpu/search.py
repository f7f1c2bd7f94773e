"""Tunables for Intel GPUs by what can be known without one: a kernel must be accepted, and should spill nothing.

Registers that do not fit go to memory and back, inside the innermost loops; nothing else that is known here of a
configuration is as certain to cost time. So a configuration that spills is made lighter, one tunable at a time, until
it spills nothing with 128 or with 256 registers. One without dots is then left as it is, as speed and occupancy are not
known. Of those with dots, the estimated share of the peak of the matrix units decides (`machine_code`, without what
several warps compute), then the larger tile. The result applies to every case that uses the configuration, from both
sources. A measurement on a card overrules this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final

from parity.xpu.ladder import CARDS, Attempt, Ladder, Progress
from parity.xpu.record import KernelRow, compiled, native
from parity.xpu.tools import Tools
from parity.xpu.topologies import TOPOLOGIES
from specs.lang.declare.kernel import Config, Kernel
from specs.lang.declare.op import Case, Op
from specs.tile.launch.cases import case_launches

SPREAD: Final = ("num_warps", "VALUE_PARTS", "RELOAD", "VALUE_CHUNK")
"""Tunables that spread the same work over more threads, programs or loads, so that larger is lighter."""

LEFT_ALONE: Final = ("num_stages", "GROUP_M")
"""Tunables of which nothing is known here: how far loops are fetched ahead, and the order of programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One configuration of one kernel, and what became of it.

    spill: bytes per hardware thread on the card where it is most, with 128 registers or with 256, whichever is less;
        None where a card's compiler refused the kernel.
    registers: with which it spills that: 128 where it is the same.
    share: estimated share of the peak of the matrix units with these, on the card where it is least; 0 without dots.
    reason: why it was refused.
    """

    case: str
    kernel: str
    tunables: Mapping[str, int]
    spill: int | None
    shared_memory: int
    reason: str
    registers: int = 128
    share: float = 0.0

    @property
    def work(self) -> int:
        """The product of the block sizes: how much a program does."""
        return prod(value for name, value in self.tunables.items() if name not in (*LEFT_ALONE, *SPREAD))

    @property
    def rank(self) -> tuple[float, ...]:
        """Ascending in order of preference: little spilled, a large share of the peak, much work, little spread.

        Shares are estimates: of equal whole percents, the larger tile is taken. Refused configurations come last.
        """
        if self.spill is None:
            return (1, 0, 0, 0, 0)
        spread = prod(1 + self.tunables.get(name, 0) for name in SPREAD)
        return (0, self.spill, -round(self.share, 2), -self.work, spread)

    @property
    def spills(self) -> tuple[float, ...]:
        """The part of the rank that all cases have to agree on: whether it is refused, and how much it spills."""
        return self.rank[:2]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A kernel, one of its default configurations for Intel GPUs, and the cases of its operation that take it."""

    kernel: Kernel
    row: Config
    cases: list[Case] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was tried in place of a default configuration; the last is the best."""

    group: Group
    tried: Sequence[Candidate]

    @property
    def changed(self) -> bool:
        """Whether the best is not the default."""
        return dict(self.tried[-1].tunables) != dict(self.group.row.values)


def groups(op: Op) -> list[Group]:
    """Default configurations of an operation's kernels, by the cases that take them, large ones included."""
    found: list[Group] = []
    for case in op.cases:
        for launch in case_launches(op, case, "xpu", strided=False):
            if not prod(launch.grid):
                continue
            kernel, row = launch.step.kernel, launch.default
            known = next((one for one in found if one.kernel.name == kernel.name and one.row == row), None)
            if known is None:
                known = Group(kernel=kernel, row=row)
                found.append(known)
            known.cases.append(case)
    return found


def search(op: Op, tools: Tools, *, backends: Sequence[str], matrix_units: str, progress: Progress) -> list[Found]:
    """The best configuration for every default one that a case of an operation takes. Nothing is run."""
    found: list[Found] = []
    with Ladder(tools, matrix_units=matrix_units) as ladder:
        for group in groups(op):

            def attempt(tuned: Mapping[str, int], case: Case, backend: str, kernel: Kernel = group.kernel) -> Candidate:
                progress(f"{kernel.name}, {case.name}, {backend}, {dict(tuned)}")
                rows = list(ladder.climb(Attempt(op=op, case=case, backend=backend, tuned=tuned), _RUNGS))
                mine = next((row for row in rows if row.kernel.startswith(kernel.name)), rows[0])
                return candidate(f"{case.name}, {backend}", kernel.name, tuned, mine)

            pairs = [(case, backend) for case in group.cases for backend in backends]
            tried = settle(group.kernel, dict(group.row.values), pairs, attempt)
            found.append(Found(group=group, tried=tried))
    return found


Pair = tuple[Case, str]


def settle(
    kernel: Kernel,
    now: Mapping[str, int],
    pairs: Sequence[Pair],
    attempt: Callable[[Mapping[str, int], Case, str], Candidate],
) -> list[Candidate]:
    """All that was tried; the last is the best by the worst of `pairs`.

    The search looks at the first pair alone; what it finds is then tried on the others, and where one of them spills
    more, the search goes on with that one too.
    """
    known: dict[tuple[Pair, tuple[tuple[str, int], ...]], Candidate] = {}

    def one(tuned: Mapping[str, int], pair: Pair) -> Candidate:
        key = (pair, tuple(sorted(tuned.items())))
        if key not in known:
            known[key] = attempt(tuned, *pair)
        return known[key]

    judges, tried, start = [pairs[0]], list[Candidate](), now
    while True:

        def worst(tuned: Mapping[str, int]) -> Candidate:
            return max((one(tuned, pair) for pair in judges), key=lambda found: found.rank)

        *others, best = descend(kernel, start, worst)
        tried = [old for old in tried if dict(old.tunables) != dict(best.tunables)] + others
        harder = next(
            (pair for pair in pairs if pair not in judges and one(best.tunables, pair).spills > best.spills), None
        )
        if harder is None:
            return [*tried, best]
        judges.append(harder)
        start = best.tunables


def descend(
    kernel: Kernel, now: Mapping[str, int], attempt: Callable[[Mapping[str, int]], Candidate]
) -> list[Candidate]:
    """All that was tried from the present configuration on; the last is the best.

    Steps lead to the neighbour that spills least, until none spills less. Where that still spills, steps lead from the
    lightest configuration to larger ones. Where nothing spills, and the matrix units are used, steps lead on to
    neighbours with a larger share of their peak, or with larger tiles.
    """
    tried = [attempt(now)]
    best = _steps(kernel, tried[0], tried, attempt, larger=False)
    if best.spill != 0:
        light = lightest(kernel, now)
        if light not in [dict(one.tunables) for one in tried]:
            tried.append(attempt(light))
            best = min(best, _steps(kernel, tried[-1], tried, attempt, larger=True), key=lambda one: one.rank)
    if best.spill == 0 and best.share:
        best = _steps(kernel, best, tried, attempt, larger=True)
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
    known = [spill for card in CARDS if (spill := row.rung(native(card)).spill) is not None]
    shared = row.shared_memory or 0
    if not refused and shared > _SHARED:
        refused = f"{shared} bytes of shared memory, cards have {_SHARED}"
    if not refused and not known:
        refused = "; ".join(row.rung(name).reason for name in _RUNGS if row.rung(name).reason) or "nothing was built"
    by_registers = {count: [code for code in row.code if code.registers == count] for count in (128, 256)}
    spills = {count: max(code.spill for code in codes) for count, codes in by_registers.items() if codes}
    registers = min(spills, key=lambda count: (spills[count], count), default=128)
    return Candidate(
        case=case,
        kernel=kernel,
        tunables=dict(tuned),
        spill=None if refused else min([max(known), *spills.values()]),
        shared_memory=shared,
        reason=refused,
        registers=registers,
        share=min((code.dpas_share for code in by_registers[registers]), default=0.0),
    )
