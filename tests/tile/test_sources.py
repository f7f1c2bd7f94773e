"""Generated sources: the author's names and lines, nothing that has no effect, the same text every time."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jax_impl.pallas.emitter import emit as emit_pallas
from specs.lang.declare.axes import Axis, cdiv
from specs.lang.formats.elements import BF16, F32
from specs.tile.emit.triton import emit as emit_triton
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Program
from specs.tile.language import arange, fori_loop, load, program_id, reduce_max, store, zeros
from specs.tile.launch.specialise import trace
from specs.tile.passes.canonical import canonical
from specs.tile.passes.legalise import legalise
from specs.tile.targets import PALLAS_CUDA, TRITON_CUDA, Target
from tests.tile.kernels import launch_of, program_of, tiny

HERE = Path(__file__).relative_to(Path(__file__).parents[2]).as_posix()
EMITTERS = pytest.mark.parametrize(
    ("emit", "target"), [(emit_triton, TRITON_CUDA), (emit_pallas, PALLAS_CUDA)], ids=["triton", "pallas"]
)
Emit = Callable[[Program], str]
N = Axis(name="N")


def halved(values: Tile) -> Tile:
    """A helper with a variable of its own."""
    scaled = values * 0.5
    return scaled + 0.0


def softly(p: Any) -> None:
    """Uses names that must come back, and computes things that nothing uses."""
    columns = program_id(0) * 16 + arange(16)
    inside = columns < p.N
    weights = load(p.x, (columns,), inside).to(F32)
    forgotten = weights * 3.0 + 7.0
    unread = load(p.x, (columns,), inside)
    biggest = reduce_max(weights, 0)

    def step(turn: Tile, running: Tile) -> Tile:
        grown = running + weights
        lost = grown * 11.0
        del lost
        return grown

    total = fori_loop(0, p.N, step, zeros((16,)))
    quieter = halved(total) - biggest
    del forgotten, unread
    store(p.y, (columns,), quieter, inside)


ARRAYS = {"x": np.zeros(40, np.uint16)}


def _op() -> Any:
    return tiny(softly, {"x": ((N,), BF16)}, {"y": ((N,), F32)}, axes=(N,), grid=(cdiv(N, 16),))


def _source(emit: Emit, target: Target) -> str:
    return emit(legalise(program_of(_op(), ARRAYS), target))


@EMITTERS
def test_the_authors_names_appear(emit: Emit, target: Target) -> None:
    tree = ast.parse(_source(emit, target))
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assigned |= {arg.arg for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for arg in node.args.args}
    assert {"columns", "inside", "weights", "biggest", "turn", "grown", "quieter"} <= assigned


@EMITTERS
def test_every_run_of_statements_names_its_place_once(emit: Emit, target: Target) -> None:
    """A new place where another function of the author's starts, or goes on."""
    lines, first = inspect.getsourcelines(softly)
    places = [line for line in _source(emit, target).splitlines() if f"# {HERE}:" in line]
    named = [line.strip().partition(" ")[0] for line in places]
    assert named[0] == "columns"
    assert "quieter" in named, "the body goes on after its helper"
    assert not {"inside", "weights", "biggest"} & set(named), "these follow in the run of the first"
    (wanted,) = [first + i for i, line in enumerate(lines) if "columns = program_id" in line]
    assert places[0].endswith(f"  # {HERE}:{wanted}")


@EMITTERS
def test_dead_code_is_not_printed(emit: Emit, target: Target) -> None:
    source = _source(emit, target)
    for name in ("forgotten", "unread", "lost", "3.0", "7.0", "11.0"):
        assert name not in source
    assert source.count("load(") == 1


@EMITTERS
def test_the_same_text_every_time(emit: Emit, target: Target) -> None:
    op = _op()
    launch = launch_of(op, ARRAYS)
    texts, forms = [], []
    for _ in range(3):
        program = trace.__wrapped__(launch.kernel, launch.key)  # past the cache: traced again
        forms.append(canonical(program))
        texts.append(emit.__wrapped__(legalise.__wrapped__(program, target)))  # type: ignore[attr-defined]
    assert len(set(texts)) == len(set(forms)) == 1


@EMITTERS
def test_one_program_for_all_sizes(emit: Emit, target: Target) -> None:
    """Sizes are arguments: tensors of other sizes run the same kernel."""
    op = _op()
    programs = {id(program_of(op, {"x": np.zeros(size, np.uint16)})) for size in (1, 16, 40, 4096)}
    assert len(programs) == 1


@EMITTERS
def test_names_that_collide_stay_apart(emit: Emit, target: Target) -> None:
    """Reused, reserved and built-in names are renamed, and shadow nothing."""

    def body(p: Any) -> None:
        tl = load(p.x, (arange(4),))
        jnp = tl + 1.0
        range = jnp * 2.0  # noqa: A001
        N = range - tl
        N = N * jnp
        store(p.y, (arange(4),), N + tl)

    op = tiny(body, {"x": ((4,), F32)}, {"y": ((4,), F32)})
    source = emit(legalise(program_of(op, {"x": np.zeros(4, np.float32)}), target))
    tree = ast.parse(source)
    stored = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    assert len(stored) == len(set(stored))
    assert not {"jax", "pl", "range", "triton"} & set(stored)
    assert ("tl" if emit is emit_triton else "jnp") not in stored


def negated(p: Any) -> None:
    """A float and an integer with their signs turned."""
    columns = arange(16)
    x = load(p.x, (columns,))
    store(p.y, (-columns + 15,), -x)


@EMITTERS
def test_floats_are_negated_by_a_product(emit: Emit, target: Target) -> None:
    """0 - x, which Pallas and older Triton make of -x, is +0 for a zero: its sign would be lost on GPUs alone."""
    op = tiny(negated, {"x": ((N,), F32)}, {"y": ((N,), F32)}, axes=(N,), grid=(1,))
    source = emit(legalise(program_of(op, {"x": np.zeros(16, np.float32)}), target))
    assert "x * -1.0" in source
    assert "-x" not in source
