"""A planted wrong primitive is found: its statement, the author's line, the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import pytest
import torch
from typer.testing import CliRunner

import specs
from jax_impl.xla.arrayops import JaxOps
from parity.cli import app
from parity.judge.runner import inputs_of
from parity.judge.statements import first_difference
from specs.lang.errors import Unsupported
from specs.tile.ir import Opcode, Operation, walk
from specs.tile.launch.cases import case_launches
from specs.tile.targets import EXECUTOR
from tests.small import small_case
from torch_impl.eager import arrayops
from torch_impl.eager.arrayops import TorchOps

PLANTED: Final[Mapping[Opcode, str]] = {
    Opcode.DOT: "matmul",
    Opcode.SUM: "reduce",
    Opcode.AMAX: "reduce",
    Opcode.EXP2: "unary",
    Opcode.CAST: "cast",
    Opcode.SELECT: "where",
    Opcode.MUL: "binary",
    Opcode.IDIV: "binary",
    Opcode.ADD: "binary",
}
"""Opcodes with the method of a library that computes them, the rarer ones first."""


@cache
def operations_of(op: str) -> list[Operation]:
    """All operations of the programs of the small case, in order."""
    programs = [launch.program for launch in case_launches(specs.get(op), small_case(op), EXECUTOR, strided=False)]
    return [operation for program in programs for operation in walk(program.ops)]


def lines_of(op: str, code: Opcode) -> list[str]:
    """The author's lines that make operations of a kind, in the order of the program."""
    return [str(o.where) for o in operations_of(op) if o.code is code]


def found(op: str, implementation: str = "torch:eager") -> Any:
    spec = specs.get(op)
    return first_difference(inputs_of(spec, small_case(op), "random", 0), implementation)


def planted_in(op: str) -> Opcode:
    """The first of `PLANTED` that the programs of an operation have, another one for every third operation."""
    codes = {o.code for o in operations_of(op)}
    have = [code for code in PLANTED if code in codes]
    return have[specs.names().index(op) % 3 % len(have)]


@pytest.mark.parametrize("op", specs.names())
def test_a_wrong_primitive_is_found_in_every_operation(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(op) is None
    code = planted_in(op)
    plant(code, monkeypatch)
    difference = found(op)
    # Loads, stores, loops and places in the grid are computed with primitives of their own.
    known = {one.name.lower(): one for one in (code, Opcode.LOAD, Opcode.STORE, Opcode.FOR, Opcode.PROGRAM_ID)}
    assert difference.where in lines_of(op, known[difference.statement]), difference
    assert difference.raised or difference.got != difference.expected


def plant(code: Opcode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes torch compute one element wrongly, the last one, wherever a program has this opcode."""
    method = PLANTED[code]
    right = getattr(TorchOps, method)

    def spoilt(x: torch.Tensor) -> torch.Tensor:
        bits = x.contiguous().clone()
        if bits.dtype == torch.bool:
            bits.view(-1)[-1] ^= True
            return bits
        raw = bits.view(-1).view(torch.uint8)
        raw[-1] ^= 1  # the lowest bit of the highest byte: of a float another exponent
        return bits

    def wrong(self: TorchOps, *arguments: Any) -> Any:
        found = right(self, *arguments)
        if method in ("unary", "binary"):
            return (lambda *given: spoilt(found(*given))) if arguments[0] is code else found
        return found if method == "reduce" and arguments[0] is not code else spoilt(found)

    monkeypatch.setattr(TorchOps, method, wrong)


def off_by_one(right: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """The same function with a wrong last element, of numbers."""

    def wrong(*arguments: Any, **named: Any) -> torch.Tensor:
        result = right(*arguments, **named).clone()
        if result.dtype != torch.bool:
            result[(-1,) * result.dim()] += 1
        return result

    return wrong


@pytest.mark.parametrize(
    ("op", "code", "table"),
    [
        ("rms_norm", Opcode.SQRT, "_UNARY"),
        ("mxfp8_quant", Opcode.AND, "_BINARY"),
        ("mxfp8_quant", Opcode.AMAX, "_REDUCE"),
        ("moe_route", Opcode.EXP2, "_UNARY"),
    ],
)
def test_a_wrong_function_is_found(op: str, code: Opcode, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = getattr(arrayops, table)
    monkeypatch.setitem(known, code, off_by_one(known[code]))
    difference = found(op)
    assert difference.where in lines_of(op, code)
    assert difference.statement == code.name.lower()
    assert difference.wrong >= 1
    assert difference.got == difference.expected + 1


@pytest.mark.parametrize(
    ("op", "method", "code"),
    [
        ("fp8_gemm", "matmul", Opcode.DOT),
        ("rms_norm", "reduce", Opcode.SUM),
        ("mxfp8_quant", "cast", Opcode.CAST),
        ("quantize_and_insert_k", "put", Opcode.STORE),
    ],
)
def test_a_wrong_method_is_found(op: str, method: str, code: Opcode, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(TorchOps, method)

    def wrong(self: TorchOps, *arguments: Any) -> Any:
        result = right(self, *arguments)
        if not result.is_floating_point() and method != "put":
            return result
        bits = result.clone().view(torch.uint8)
        bits[(-1,) * bits.dim()] ^= 64
        return bits.view(result.dtype)

    monkeypatch.setattr(TorchOps, method, wrong)
    difference = found(op)
    assert difference.where in lines_of(op, code)
    assert difference.statement == code.name.lower()
    assert difference.wrong == 1


def test_the_command_names_the_line_in_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    op, right = "static_quant_fp8", JaxOps.cast
    options = ["bisect", op, "--case", small_case(op).name, "--implementations"]
    assert CliRunner().invoke(app, [*options, "jax:xla"]).exit_code == 0
    monkeypatch.setattr(JaxOps, "cast", lambda self, x, form: right(self, x * 2 if form.is_float else x, form))
    said = CliRunner().invoke(app, [*options, "jax:xla"])
    assert said.exit_code == 1
    assert any(f"{line}: cast" in said.stdout for line in lines_of(op, Opcode.CAST))
    assert "elements differ; worst at [" in said.stdout
    refused = CliRunner().invoke(app, [*options, "torch:interpret"])
    assert refused.exit_code == 2
    assert "torch:eager, jax:xla" in refused.output


def test_what_does_not_run_by_statements_is_refused() -> None:
    with pytest.raises(Unsupported, match="torch:eager, jax:xla"):
        found("rms_norm", "jax:interpret")
