"""Backends: the implementations that a framework has of every operation, as values over which all else iterates.

A framework's package registers them in its module `backends` (`jax_impl.backends.BACKENDS`). What may be asked without
the framework is here: names, targets, generated source. How calls are run is in the framework's own subclass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from specs.lang.call.bind import Call
from specs.lang.declare.accuracy import FLOAT32, Accumulator
from specs.lang.declare.op import Op
from specs.lang.formats.elements import F32
from specs.tile.ir import Opcode, Program, walk
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.targets import Target

ANY: Final = "*"
"""Every platform that is not listed (`Backend.targets`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Source text that a backend generates, and that is checked in for the default case of every operation.

    name: as `parity emit --target` takes it.
    folder: of the files, from the root of the repository.
    targets: what programs are legalised for, by device as `parity emit --device` takes it.
    strided: whether programs are traced with the strides of arrays.
    emit: the text of a legalised program.
    launched: the text of a launch as it was traced, in place of `emit`, where more than legalising is done to programs.
    cases: operation -> case whose source is checked in; None for the golden case of every operation.
    """

    name: str
    folder: PurePosixPath
    targets: Mapping[str, Target]
    strided: bool
    emit: Callable[[Program], str]
    launched: Callable[[Launch], str] | None = None
    cases: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One implementation of all operations in one framework.

    name: as `implementation=` takes it.
    targets: what programs are legalised for, by platform in the framework's words (or `ANY`); empty for a backend that
        runs no tile programs.
    why_not: why an operation (None: any) cannot run on a platform, None where it can.
    strided: whether programs are traced with the strides of arrays.
    source: what it generates, None where nothing is checked in.
    """

    name: str
    targets: Mapping[str, Target]
    why_not: Callable[[Op | None, str], str | None]
    strided: bool = False
    source: Source | None = None

    def target(self, platform: str) -> Target | None:
        """What programs are legalised for on a platform that it runs on; None where it runs none."""
        return self.targets.get(platform, self.targets.get(ANY))

    def accumulator(self, call: Call, platform: str) -> Accumulator:
        """How sums of products are added up: read off the dots of the call's programs."""
        target = self.target(platform)
        if target is None or not target.accumulators:
            return FLOAT32
        programs = [launch.program for launch in launches(call, target, strides={})]
        dots = [op for program in programs for op in walk(program.ops) if op.code is Opcode.DOT]
        bits = min((op.operands[0].type.element.bits for op in dots), default=F32.bits)
        return dict(target.accumulators).get(bits, FLOAT32)
