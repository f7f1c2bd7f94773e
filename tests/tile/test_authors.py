"""What an author gets wrong in a body or a declaration is a SpecError at his line, and never ends the process."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import specs
from parity.commands.checking import problems
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, cdiv
from specs.lang.declare.kernel import Config, Kernel, Tunable
from specs.lang.declare.op import Case, Op, Reference
from specs.lang.errors import SpecError
from specs.lang.formats.elements import F32
from specs.tile.language import arange, load, program_id, store
from tests.tile.kernels import checked, tiny
from torch_impl.launch import run

N = Axis(name="N")


def _item(p: Any) -> Any:
    return program_id(0) * 4 + arange(4)


BODIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "power": (lambda x: x**2, r"\*\* is not defined on f32.*multiply"),
    "power of": (lambda x: 2.0**x, r"\*\* is not defined"),
    "numpy": (np.sqrt, r"numpy's sqrt does not know tiles.*specs.tile.language"),
    "numpy first": (lambda x: np.float32(2) * x, r"numpy's multiply does not know tiles"),
    "range": (lambda x: [x for _ in range(x)], r"no Python integer.*fori_loop"),
    "float": (float, r"no Python number"),
    "matmul": (lambda x: x @ x, r"use dot\(a, b\)"),
    "iterate": (list, r"not iterated over"),
    "max": (lambda x: max(x, 0.0), r"bool of a tile is unknown"),
    "axis": (lambda x: x * N, r"no tile and no number.*p\.NAME"),
    "text": (lambda x: x * "2", r"no tile and no number"),
    "shape": (lambda x: x + arange(100), r"sizes are powers of two"),
}


@pytest.mark.parametrize("name", BODIES)
def test_mistakes_in_a_body(name: str) -> None:
    mistake, message = BODIES[name]

    def body(p: Any) -> None:
        item = _item(p)
        store(p.y, (item,), mistake(load(p.x, (item,), item < p.N)), item < p.N)

    with pytest.raises(SpecError, match=message) as refusal:
        _launch(tiny(body, {"x": ((N,), F32)}, {"y": ((N,), F32)}, axes=(N,), grid=(cdiv(N, 4),)))
    # Of a mistake that Python's or numpy's own functions make, the line is that of the body.
    place = mistake if hasattr(mistake, "__code__") else body
    first, count = inspect.getsourcelines(place)[1], len(inspect.getsourcelines(place)[0])
    name, _, line = str(refusal.value.where).partition(":")
    assert (name, first <= int(line) < first + count) == ("tests/tile/test_authors.py", True)


def _launch(op: Op) -> None:
    run(op, (torch.arange(6, dtype=torch.float32),), (), "interpret")


def test_numbers_and_sizes_are_operands_in_either_order() -> None:
    values = (8 - N, 8 // N, 8 % N, 8 + N, 8 * N)
    assert [expr.evaluate({"N": 3}) for expr in values] == [5, 2, 2, 11, 24]


@pytest.mark.parametrize("what", ["reads", "writes"])
def test_a_missing_mask_does_not_end_the_process(what: str) -> None:
    """Without a check, the interpreter writes beyond the tensor, and the process ends with an invalid pointer."""

    def body(p: Any) -> None:
        item = program_id(0) * 4096 + arange(4096)
        x = load(p.x, (item,), item < p.N if what == "writes" else None)
        store(p.y, (item,), x, item < p.N if what == "reads" else None)

    op = tiny(body, {"x": ((N,), F32)}, {"y": ((N,), F32)}, axes=(N,), grid=(1,))
    with pytest.raises(SpecError, match=rf"{what} \d+ elements outside of every argument.*parity check") as refusal:
        _launch(op)
    assert refusal.value.where is not None
    assert refusal.value.where.startswith("tests/tile/test_authors.py:")


def _kernel(**fields: Any) -> Callable[[], Kernel]:
    op = specs.get("per_token_quant_fp8")
    return lambda: replace(op.steps[0].kernel, **fields)


def _values(**changes: int) -> tuple[tuple[str, int], ...]:
    return tuple(({"BLOCK_M": 1, "BLOCK_N": 1024, "num_warps": 4, "num_stages": 1} | changes).items())


KERNEL = specs.get("per_token_quant_fp8").steps[0].kernel
DECLARED: dict[str, tuple[Callable[[], object], str]] = {
    "value of a tunable": (
        _kernel(configs=(Config(target="cuda", values=_values(BLOCK_M=3)), *KERNEL.configs)),
        r"configuration for cuda: BLOCK_M = 3 is not one of its values",
    ),
    "unknown tunable": (
        _kernel(configs=(Config(target="cuda", values=_values(BLOCK_K=4)), *KERNEL.configs)),
        r"sets 'BLOCK_K', which is no tunable",
    ),
    "missing tunable": (
        _kernel(configs=(Config(target="cuda", values=_values()[1:]), *KERNEL.configs)),
        r"lacks BLOCK_M",
    ),
    "missing target": (
        _kernel(configs=tuple(c for c in KERNEL.configs if c.target != "xpu")),
        r"no configuration for xpu that always holds",
    ),
    "target that sometimes holds": (
        _kernel(configs=tuple(replace(c, when=N <= 4) if c.target == "cpu" else c for c in KERNEL.configs)),
        r"no configuration for cpu that always holds",
    ),
    "tunable without values": (_kernel(tunables=(Tunable(name="BLOCK_M", values=()),)), r"values are a tuple"),
    "nothing written": (_kernel(arrays=KERNEL.arrays[:1]), r"no array is written"),
    "case without an axis": (
        lambda: replace(specs.get("per_token_quant_fp8"), cases=(Case(name="short", sizes=(("M", 3),)),)),
        r"case 'short' lacks the size of axis 'N'",
    ),
    "result without accuracy": (
        lambda: replace(specs.get("per_token_quant_fp8"), accuracy=(("q", Accuracy(exact=True)),)),
        r"no accuracy of the result 'scale'",
    ),
    "constraint on nothing": (
        lambda: replace(
            specs.get("mxfp8_quant"),
            constraints=(replace(specs.get("mxfp8_quant").constraints[0], holds=Axis(name="Q") <= 4),),
        ),
        r"constraint on 'x' reads 'Q'",
    ),
}


@pytest.mark.parametrize("name", DECLARED)
def test_mistakes_in_a_declaration(name: str) -> None:
    declare, message = DECLARED[name]
    with pytest.raises(SpecError, match=message) as refusal:
        declare()
    assert refusal.value.where is not None


def _checked(**fields: Any) -> list[str]:
    """What `parity check` says of an operation of one kernel that copies six numbers, changed."""

    def body(p: Any) -> None:
        item = _item(p)
        store(p.y, (item,), load(p.x, (item,), item < p.N), item < p.N)

    op = tiny(body, {"x": ((N,), F32)}, {"y": ((N,), F32)}, axes=(N,), grid=(cdiv(N, 4),))
    right: dict[str, Any] = {
        "cases": (Case(name="six", sizes=(("N", 6),)),),
        "accuracy": (("y", Accuracy()),),
        "oracle": lambda inputs: {"y": Reference(value=inputs["x"], magnitude=np.abs(inputs["x"]))},
    }
    return list(problems(replace(op, **(right | fields))))


def test_check_accepts_what_is_right() -> None:
    assert _checked() == []


def test_check_asks_the_oracle_for_what_the_contract_needs() -> None:
    found = _checked(oracle=lambda inputs: {"y": Reference(value=inputs["x"])})
    assert found == ["the contract of 'y' is a bound: the oracle has to give its magnitude  [case six]"]
    found = _checked(oracle=lambda inputs: {"y": Reference(value=inputs["x"][:-1], magnitude=inputs["x"])})
    assert found == ["the oracle gives 'y' the shape [5], the call [6]  [case six]"]


def test_check_looks_at_every_access() -> None:
    def body(p: Any) -> None:
        item = _item(p)
        store(p.y, (item,), load(p.x, (item,), item < p.N), item < p.N)

    op = tiny(body, {"x": ((N,), F32)}, {"y": ((N,), F32)}, axes=(N,), grid=(1,))  # one tile of the two
    changed = replace(
        op,
        cases=(Case(name="six", sizes=(("N", 6),)),),
        accuracy=(("y", Accuracy(exact=True)),),
        oracle=lambda inputs: {"y": Reference(value=inputs["x"])},
    )
    assert list(problems(changed)) == ["'y': 8 of 24 bytes are not written by any program  [case six]"]
    assert checked(op, {"x": np.zeros(6, np.float32)}).sizes["N"] == 6
