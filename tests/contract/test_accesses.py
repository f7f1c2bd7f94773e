"""Every small case on the executor with its memory watched: nothing outside an array, every result written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import specs
from specs.flash import varlen
from specs.flash.varlen import FLASH_ATTN_VARLEN
from specs.lang.declare.axes import Axis, cdiv
from specs.lang.declare.op import Case
from specs.lang.formats.elements import F32
from specs.tile.language import arange, load, program_id, store
from specs.tile.launch.specialise import trace
from specs.tile.passes.accesses import misuses
from tests.contract import suite
from tests.tile.kernels import checked, tiny

N = Axis(name="N")


def found_in(name: str, case: Case) -> list[str]:
    """What is wrong in a case; random data has rows that no request owns, lengths of 0, slots and pages of none."""
    inputs = suite.inputs_of(specs.get(name), case)
    return misuses(inputs.layout.call(), inputs.arrays)


@pytest.mark.parametrize("name", specs.names())
def test_memory_is_used_as_it_should_be(name: str) -> None:
    found = {case.name: found_in(name, case) for case in specs.get(name).cases if not case.large}
    assert not {case: lines for case, lines in found.items() if lines}


def _item(p: Any) -> Any:
    return program_id(0) * 4 + arange(4)


def _reads_beyond(p: Any) -> None:
    item = _item(p)
    store(p.y, (item,), load(p.x, (item,)), item < p.N)


def _writes_beyond(p: Any) -> None:
    item = _item(p)
    store(p.y, (item,), load(p.x, (item,), item < p.N))


def _forgets_the_last(p: Any) -> None:
    item = _item(p)
    store(p.y, (item,), load(p.x, (item,), item < p.N), item < p.N - 1)


def _writes_twice(p: Any) -> None:
    item = _item(p)
    store(p.y, (item,), load(p.x, (item,), item < p.N), item < p.N)
    store(p.y, (item * 0,), load(p.x, (item,), item < p.N), item < 1)


def _right(p: Any) -> None:
    item = _item(p)
    store(p.y, (item,), load(p.x, (item,), item < p.N), item < p.N)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_right, []),
        (_reads_beyond, ["reads 'x' outside dimension 0 of size 6: 6 .. 7"]),
        (
            _writes_beyond,
            ["writes 'y' outside dimension 0 of size 6: 6 .. 7", "'y': 24 of 24 bytes are not written"],
        ),
        (_forgets_the_last, ["'y': 4 of 24 bytes are not written by any program"]),
        (_writes_twice, ["'y': 4 of 24 bytes are written more than once"]),
    ],
)
def test_planted_faults_are_found(body: Callable[[Any], None], expected: list[str]) -> None:
    op = tiny(body, {"x": ((N,), F32)}, {"y": ((N,), F32)}, axes=(N,), grid=(cdiv(N, 4),))
    arrays = {"x": np.arange(1, 7, dtype=np.float32)}
    found = misuses(checked(op, arrays), arrays)
    for text in expected:
        assert any(text in line for line in found), found
    assert bool(found) == bool(expected)


@pytest.mark.parametrize("case", ["full", "parts-padded", "rows-of-no-request"])
def test_unfilled_rows_are_found(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one kernel, and through the temporaries of two."""
    monkeypatch.setattr(varlen, "fill_unowned", lambda *_: None)
    trace.cache_clear()
    try:
        found = found_in("flash_attn_varlen", FLASH_ATTN_VARLEN.case(case))
    finally:
        trace.cache_clear()
    assert any("'out'" in line and ("not written" in line or "uninitialised" in line) for line in found), found
