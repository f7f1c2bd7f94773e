"""All launches of a call, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from specs.lang.call.bind import Call
from specs.lang.declare.layouts import packed_strides
from specs.tile.ir import ArrayParam, Program
from specs.tile.launch.plan import Launch, Memory, Strides, plan
from specs.tile.passes.legalise import legalise
from specs.tile.targets import Target, TensorDescriptors
from specs.tuned.measured import tried
from specs.tuned.rows import Place


def launches(
    call: Call,
    target: Target | str,
    *,
    strides: Mapping[str, Strides | None],
    tuned: Mapping[str, int] | None = None,
    place: Place | None = None,
) -> Iterator[Launch]:
    """Plans the steps that a call takes, those that repeat as often as they do.

    Args:
        target: what the programs are legalised for; of a name ("cuda") only the configurations apply, and programs
            stay as they were traced.
        strides: as `plan` takes them.
        tuned: tunables in place of the defaults; those that a kernel does not have are left out. None for what
            `specs.tuned.measured.trying` sets.
        place: where the call runs, whose measured tunables replace the defaults of calls that set none.
    """
    config = target if isinstance(target, str) else target.config
    steps = call.op.schedule(call.env)
    if tuned is None:
        tuned = tried()
    where = place if tuned is None else None
    for index, step in steps:
        own = {t.name: tuned[t.name] for t in step.kernel.tunables if t.name in tuned} if tuned else {}
        launch = replace(
            plan(call, step, config=config, strides=strides, tuned=own, place=where), index=index, alone=len(steps) == 1
        )
        yield launch if isinstance(target, str) else replace(launch, program=legalised(launch, target))


def legalised(launch: Launch, target: Target) -> Program:
    """The program of a launch with what a target has only; descriptors of arrays whose strides allow them."""
    program = launch.program
    if target.descriptors is not None:
        known = {p.name: _pitches(launch.arrays[p.name][1], p, target.descriptors) for p in program.arrays}
        program = replace(program, arrays=tuple(replace(p, pitches=known[p.name]) for p in program.arrays))
    return legalise(program, target)


def _pitches(memory: Memory, param: ArrayParam, rules: TensorDescriptors) -> frozenset[int]:
    """Dimensions along which a matrix in an array has rows as tensor descriptors require them."""
    unit, bits = param.rank - 1 if param.packed else param.unit, param.element.storage_bits
    steps = packed_strides(memory.sizes) if param.packed else memory.strides
    others = [
        (d, size, step * bits // 8) for d, (size, step) in enumerate(zip(memory.sizes, steps, strict=True)) if d != unit
    ]
    if unit is None or not _within(memory.sizes[unit] * bits // 8, rules.least_width, rules.limit):
        return frozenset()
    # Where a matrix lies in the array follows from the other dimensions.
    if any(size > 1 and step % rules.multiple for _, size, step in others):
        return frozenset()
    return frozenset(
        d
        for d, size, step in others
        if step % rules.multiple == 0
        and _within(step, rules.least_pitch, rules.limit)
        and _within(size, 0, rules.limit)
    )


def _within(value: int, least: int, limit: int | None) -> bool:
    return least <= value and (limit is None or value < limit)
