"""What legalising leaves alone, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import specs
from specs.lang.formats.elements import BOOL, INT32
from specs.tile import targets
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Opcode, walk
from specs.tile.language import arange, load, program_id, store, where
from specs.tile.launch.cases import case_launches, default_case
from specs.tile.passes.canonical import canonical
from specs.tile.passes.legalise import legalise
from specs.tile.targets import TRITON_INTERPRET, Target
from tests.tile.kernels import program_of, tiny

TARGETS = tuple(found for found in vars(targets).values() if isinstance(found, Target))
N = 16


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_not_rewritten_needs_no_rewriting(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that a target runs as they are come back with their own operations; a replay would change nothing."""
    left = set()
    for op in map(specs.get, specs.names()):
        launches = case_launches(op, default_case(op), target.config, strided=True)
        programs = [found.program for found in launches]
        left |= {program for program in programs if legalise(program, target).ops is program.ops}
    assert left
    monkeypatch.setattr("specs.tile.passes.legalise._Formats.wanted", lambda *_: True)
    for program in left:
        replayed = legalise.__wrapped__(program, target)
        assert replayed.ops is not program.ops
        assert canonical(replayed) == canonical(program)


@pytest.mark.parametrize(
    "combine",
    [
        lambda first, below: first & below,
        lambda first, below: first | below,
        lambda first, below: first ^ below,
        lambda first, _: first.broadcast(N),
    ],
    ids=["and", "or", "xor", "broadcast"],
)
def test_one_scalar_truth_value_is_enough(combine: Callable[[Tile, Tile], Tile]) -> None:
    """Nothing else of the program needs rewriting for a target that cannot broadcast them."""

    def body(p: Any) -> None:
        i = arange(N)
        store(p.y, (i,), where(combine(program_id(0) == 0, i < 3), load(p.x, (i,)), 0))

    x: Any = {"x": ((N,), INT32)}
    program = legalise(program_of(tiny(body, x, {"y": ((N,), INT32)}), {"x": np.zeros(N, np.int32)}), TRITON_INTERPRET)
    for op in walk(program.ops):
        if op.code in (Opcode.AND, Opcode.OR, Opcode.XOR, Opcode.BROADCAST) and op.result.type.element == BOOL:
            assert all(value.type.shape for value in op.operands)
