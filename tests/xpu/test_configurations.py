"""Every shipped configuration for Intel GPUs compiles: some end the compiler's process, and none of these may."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import pytest

import specs
from parity.xpu.ladder import CARDS, Attempt, Ladder
from parity.xpu.record import KERNEL_BACKENDS, compiled
from parity.xpu.search import Group, groups
from parity.xpu.tools import find
from specs.lang.declare.op import Case, Op
from specs.tile.ir import Opcode, walk
from specs.tile.launch.cases import case_launches

HERE = find()
TOO_LARGE = "offsets are 32-bit"
"""Why Pallas refuses arrays of 2**31 elements, whatever the configuration."""


@pytest.fixture(scope="module")
def ladder() -> Iterator[Ladder]:
    if HERE.python is None or HERE.problems:
        pytest.skip(f"not run: {'; '.join(HERE.problems)}")
    with Ladder(HERE) as found:
        yield found


def with_dots(name: str) -> list[Group]:
    """Configurations that the cases of an operation take, of kernels that multiply tiles."""
    return [group for group in groups(specs.get(name)) if multiplies(specs.get(name), group.cases[0], group)]


def multiplies(op: Op, case: Case, group: Group) -> bool:
    """Whether a kernel has dots."""
    found = case_launches(op, case, "xpu", strided=False)
    programs = [one.program for one in found if one.kernel.name == group.kernel.name]
    return any(op.code is Opcode.DOT for program in programs for op in walk(program.ops))


def smallest(group: Group) -> list[Case]:
    """The case with the fewest elements for each combination of formats, on which layouts of operands depend."""
    by_formats: dict[object, Case] = {}
    full = [case for case in group.cases if prod(size for _, size in case.sizes)]
    for case in sorted(full or group.cases, key=lambda case: prod(size for _, size in case.sizes)):
        by_formats.setdefault(case.formats, case)
    return list(by_formats.values())


@pytest.mark.parametrize("backend", KERNEL_BACKENDS)
@pytest.mark.parametrize("name", specs.names())
def test_configurations_that_ship_compile(name: str, backend: str, ladder: Ladder) -> None:
    refused = []
    for group, case in [(one, case) for one in with_dots(name) for case in smallest(one)]:
        for row in ladder.climb(Attempt(op=specs.get(name), case=case, backend=backend, tuned={}), ()):
            if TOO_LARGE in row.rung("lowered").reason:
                continue
            wrong = [row.rung(compiled(card)).reason for card in CARDS if row.rung(compiled(card)).answer != "yes"]
            refused += [(group.row.name, case.name, row.kernel, reason) for reason in wrong]
    assert not refused
