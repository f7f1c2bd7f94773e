"""Tunables that only other devices take by default: one dot for all columns, queries of a request in programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

import specs
from parity.judge.inputs import Kind, generate
from specs.lang.declare.kernel import Config, Kernel
from specs.lang.formats.elements import BF16
from specs.tile.ir import Opcode, walk
from specs.tile.launch.cases import case_launches
from tests.cache.judging import judge


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Values that take the place of the defaults'."""
    default, values = Kernel.config, dict[str, int]()

    def config(self: Kernel, target: str, env: Mapping[str, object]) -> Config:
        found = default(self, target, env)
        return replace(found, values=tuple((name, values.get(name, value)) for name, value in found.values))

    monkeypatch.setattr(Kernel, "config", config)
    monkeypatch.setattr("jax_impl.launch._functions", {})
    return values


@pytest.mark.parametrize("kind", ["exact", "random"])
@pytest.mark.parametrize("chunk", [64, 128])
@pytest.mark.parametrize("name", ["mqa_logits", "paged_mqa_logits"])
def test_even_and_odd_columns_in_one_dot_or_two(name: str, chunk: int, kind: Kind, chosen: dict[str, int]) -> None:
    op = specs.get(name)
    chosen["CHUNK"] = chunk
    (found,) = case_launches(op, op.case("mxfp4"), "interpret", strided=False)
    dots = [operation for operation in walk(found.program.ops) if operation.code is Opcode.DOT]
    assert {value.type.element for dot in dots for value in dot.operands[:2]} == {BF16}
    assert {dot.operands[0].type.shape[1] for dot in dots} == {chunk}
    judge(generate(op, op.case("mxfp4"), kind, 3), "jax:xla", kind)


@pytest.mark.parametrize(("queries", "together"), [(4, 1), (4, 2), (3, 2), (2, 4)])
@pytest.mark.parametrize("name", ["two-queries", "four-1-d"])
def test_queries_of_a_request_in_several_programs(
    name: str, queries: int, together: int, chosen: dict[str, int]
) -> None:
    op = specs.get("paged_mqa_logits")
    case = op.case(name)
    case = replace(case, sizes=tuple(dict(case.sizes, QUERIES=queries).items()))
    chosen["BLOCK_M"] = together
    (found,) = case_launches(op, case, "interpret", strided=False)
    assert found.grid[2] == -(-queries // together)
    judge(generate(op, case, "exact", 3), "jax:xla", "exact")
