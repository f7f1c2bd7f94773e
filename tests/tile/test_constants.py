"""Integers of a specialisation keep their names: from the body, through arithmetic, to the generated sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import specs
from jax_impl.pallas.emitter import emit as emit_pallas
from parity.write.sources import emitters, sources
from specs.lang.declare.axes import Axis, cdiv, show
from specs.lang.formats.elements import F32, INT32
from specs.tile import language as tl
from specs.tile.constants import NamedInt, constants, expression, named
from specs.tile.emit.triton import emit as emit_triton
from specs.tile.launch.cases import default_case
from specs.tile.passes.legalise import legalise
from specs.tile.targets import PALLAS_CUDA, TRITON_CUDA
from tests.tile.kernels import bits, implementations, launch_of, run, tiny

N = Axis(name="N")
ROUND = Axis(name="ROUND", static=True)
BLOCK: Any = named((("BLOCK", 32),))["BLOCK"]
WIDE: Any = named((("WIDE", 128),))["WIDE"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (BLOCK * 2 + 1, "(BLOCK * 2) + 1"),
        (256 // BLOCK, "256 // BLOCK"),
        (WIDE // BLOCK % 3, "(WIDE // BLOCK) % 3"),
        (100 - BLOCK, "100 - BLOCK"),
        (BLOCK - 1, "BLOCK - 1"),
        (1 + BLOCK, "1 + BLOCK"),
        (WIDE % 48, "WIDE % 48"),
        (3 * BLOCK, "3 * BLOCK"),
        (BLOCK * 1, "BLOCK"),
        (1 * BLOCK, "BLOCK"),
        (BLOCK // 1, "BLOCK"),
        (0 + BLOCK, "BLOCK"),
        (BLOCK - 0, "BLOCK"),
        (max(BLOCK, 16), "BLOCK"),
        # Numbers without a name: 0, what is longer than it says, and what other operators make.
        (BLOCK % 2, "0"),
        (BLOCK * 0, "0"),
        (BLOCK * WIDE * BLOCK * WIDE * 2, str(32 * 128 * 32 * 128 * 2)),
        (-BLOCK, "-32"),
        (BLOCK << 1, "64"),
        (BLOCK + True, "33"),
    ],
)
def test_arithmetic_keeps_names(value: int, text: str) -> None:
    assert show(expression(value)) == text
    assert expression(value).evaluate({"BLOCK": 32, "WIDE": 128}) == value


def test_named_numbers_are_numbers() -> None:
    assert BLOCK == 32
    assert hash(BLOCK) == hash(32)
    assert f"{BLOCK} {BLOCK!r} {BLOCK:04d}" == "32 32 0032"
    assert list(range(0, 64, BLOCK)) == [0, 32]
    assert {32: "found"}[BLOCK] == "found"
    assert isinstance(BLOCK, int)
    assert type(BLOCK * 0.5) is float
    assert type(BLOCK.bit_length()) is int
    assert np.zeros((BLOCK, 2)).shape == (32, 2)


def test_only_integers_other_than_0_are_named() -> None:
    given = (("ON", True), ("RATE", 0.5), ("NONE", None), ("ZERO", 0), ("ONE", 1), ("LEFT", -1))
    assert constants(given) == (("ZERO", 0), ("ONE", 1), ("LEFT", -1))
    assert {name: type(value) is NamedInt for name, value in named(constants(given)).items()} == {
        "ZERO": False,
        "ONE": True,
        "LEFT": True,
    }


def tiles(p: Any) -> None:
    """Two constants of one value, which stay apart; a third that only decides what is traced."""
    first = tl.program_id(0) * p.BLOCK
    columns = first + tl.arange(p.BLOCK)
    inside = columns < p.N
    x = tl.load(p.x, (columns,), inside)
    y = x.reshape(p.BLOCK // 2, 2) if p.ROUND > 1 else x
    total = tl.reduce_sum(tl.reduce_sum(y, 1), 0)
    other = tl.reduce_sum(tl.arange(p.ROUND) * p.ROUND, 0)
    BLOCK = other + tl.cdiv(p.N, p.BLOCK)
    tl.store(p.y, (columns,), total.broadcast(p.BLOCK), inside)
    tl.store(p.z, (tl.program_id(0),), BLOCK)


TILES = tiny(
    tiles,
    {"x": ((N,), F32), "like": ((ROUND,), F32)},
    {"y": ((N,), F32), "z": ((cdiv(N, 8),), INT32)},
    axes=(N, ROUND),
    grid=(cdiv(N, 8),),
    block=dict.fromkeys(("cpu", "interpret", "cuda", "xpu"), 8),
)
ARRAYS = {"x": np.arange(20, dtype=np.float32), "like": np.zeros(8, np.float32)}


def test_sources_begin_with_their_constants() -> None:
    launch = launch_of(TILES, ARRAYS, config="cuda")
    triton = emit_triton(legalise(launch.program, TRITON_CUDA))
    pallas = emit_pallas(legalise(launch.program, PALLAS_CUDA))
    assert "):\n    ROUND: tl.constexpr = 8\n    BLOCK: tl.constexpr = 8\n" in triton
    assert "):\n    ROUND = 8\n    BLOCK = 8\n" in pallas
    for text in (
        "tl.program_id(0) * BLOCK",
        "tl.arange(0, BLOCK)",
        "tl.arange(0, ROUND) * ROUND",
        "tl.reshape(x, [BLOCK // 2, 2])",
        "tl.cdiv(N, BLOCK)",
        "BLOCK_1 = ",
    ):
        assert text in triton, text
    assert ".reshape(BLOCK // 2, 2)" in pallas
    assert "pl.cdiv(N, BLOCK)" in pallas


@pytest.mark.parametrize("implementation", implementations())
def test_constants_change_no_result(implementation: str) -> None:
    results = run(TILES, ARRAYS, implementation)
    sums = np.array([28.0, 92.0, 70.0], np.float32).repeat(8)[:20]
    np.testing.assert_array_equal(results["y"], bits(sums))
    np.testing.assert_array_equal(results["z"].view(np.int32), np.full(3, 28 * 8 + 3, np.int32))


def without_use(source: str) -> list[str]:
    """Constants at the top of a kernel that nothing reads."""
    return list(_without_use(ast.parse(source)))


def _without_use(tree: ast.Module) -> Iterator[str]:
    for kernel in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        names = [node for node in ast.walk(kernel) if isinstance(node, ast.Name)]
        read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        for line in kernel.body:
            target: ast.expr | None = line.target if isinstance(line, ast.AnnAssign) else None
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) and type(line.value.value) is int:
                (target,) = line.targets
            if isinstance(target, ast.Name) and target.id not in read:
                yield target.id


@pytest.mark.parametrize("emitter", emitters())
@pytest.mark.parametrize("name", specs.names())
def test_constants_are_used_and_stand_for_what_the_header_says(name: str, emitter: str) -> None:
    op = specs.get(name)
    for source in sources(op, emitter, default_case(op)).values():
        assert without_use(source) == []
        header = dict(re.findall(r"^    (\w+) = (-?\w+)$", source.split('"""')[1], re.MULTILINE))
        first = re.search(r"^\):\n((?:    \w+(?:: tl\.constexpr)? = -?\d+\n)*)", source, re.MULTILINE)
        assert first is not None
        printed = re.findall(r"(\w+)(?:: tl\.constexpr)? = (-?\d+)", first[1])
        assert {name: header[name] for name, _ in printed} == dict(printed)


def test_constants_without_use_are_found() -> None:
    assert without_use("def k(x):\n    A: tl.constexpr = 1\n    B = 2\n    C = 3\n    return x + C\n") == ["A", "B"]
