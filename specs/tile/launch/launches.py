"""All launches of a call, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from specs.lang.call.bind import Call
from specs.lang.formats.elements import ElementFormat
from specs.tile.ir import Program
from specs.tile.launch.plan import Launch, Memory, Strides, plan
from specs.tile.passes.legalise import legalise
from specs.tile.targets import Target


def launches(
    call: Call,
    target: Target | str,
    *,
    strides: Mapping[str, Strides | None],
    tuned: Mapping[str, int] | None = None,
) -> Iterator[Launch]:
    """Plans the steps that a call takes, those that repeat as often as they do.

    Args:
        target: what the programs are legalised for; of a name ("cuda") only the configurations apply, and programs
            stay as they were traced.
        strides: as `plan` takes them.
        tuned: tunables in place of the defaults; those that a kernel does not have are left out.
    """
    config = target if isinstance(target, str) else target.config
    steps = call.op.schedule(call.env)
    for index, step in steps:
        own = {t.name: tuned[t.name] for t in step.kernel.tunables if t.name in tuned} if tuned else {}
        launch = replace(
            plan(call, step, config=config, strides=strides, tuned=own), index=index, alone=len(steps) == 1
        )
        yield launch if isinstance(target, str) else replace(launch, program=_legalised(launch, target))


def _legalised(launch: Launch, target: Target) -> Program:
    program = launch.program
    if target.has_tensor_descriptors:
        arrays = (replace(p, aligned=_is_aligned(launch.arrays[p.name][1], p.element)) for p in program.arrays)
        program = replace(program, arrays=tuple(arrays))
    return legalise(program, target)


def _is_aligned(memory: Memory, element: ElementFormat) -> bool:
    """Whether rows of an array start at multiples of 16 bytes, as tensor descriptors require."""
    strides = [stride for size, stride in zip(memory.sizes, memory.strides, strict=True) if size > 1 and stride != 1]
    return all(stride * element.storage_bits // 8 % 16 == 0 for stride in strides)
