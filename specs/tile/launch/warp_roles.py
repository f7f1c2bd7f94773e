"""The roles of warps in the launches of a call."""

from __future__ import annotations

from dataclasses import replace

from specs.tile.ir import Opcode, walk
from specs.tile.launch.launches import legalised
from specs.tile.launch.plan import Launch
from specs.tile.passes.row_split import Refusal, split_rows
from specs.tile.passes.warp_specialize import Specialized, specialize
from specs.tile.targets import Target


def specialized(launch: Launch, target: Target) -> Specialized | Refusal:
    """The roles of the warps that run a launch, whose program is as it was traced.

    Args:
        target: what the program is legalised for, with descriptors of what is copied ahead.
    """
    program = launch.program
    if not any(op.code is Opcode.DOT for op in walk(program.ops)):
        return Refusal("it has no product")
    if program.wide:
        return Refusal("offsets in its arrays need 64 bits")
    if len(program.grid) != 1:
        return Refusal("its grid has several axes")
    split = split_rows(program)
    if isinstance(split, Refusal):
        return split
    return specialize(legalised(replace(launch, program=split), target), int(launch.tunables.get("num_stages", 1)))
