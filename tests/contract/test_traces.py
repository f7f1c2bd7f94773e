"""Two traces of a call: equal ones agree, and a primitive that is wrong in one of them is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import specs
from parity.cli import app
from parity.judge.runner import inputs_of
from parity.judge.traces import NoTrace, Trace, parted, trace
from parity.record.trace_file import load, save
from specs.tile.ir import Opcode
from tests.contract.test_bisect import lines_of, off_by_one, plant
from tests.small import small_case
from torch_impl.eager import arrayops

OPS = ("rms_norm", "mxfp8_quant")


def traced(op: str, implementation: str = "torch:eager", seed: int = 0) -> Trace:
    case = small_case(op)
    return trace(inputs_of(specs.get(op), case, "random", seed), case.name, "random", seed, implementation)


@cache
def in_torch(op: str) -> Trace:
    return traced(op)


@pytest.mark.parametrize("op", OPS)
def test_traces_of_both_frameworks_agree_through_files(op: str, tmp_path: Path) -> None:
    files = [tmp_path / "torch.npz", tmp_path / "jax.npz"]
    for file, found in zip(files, (in_torch(op), traced(op, "jax:xla")), strict=True):
        save(found, file)
    one, other = map(load, files)
    assert parted(one, other) is None
    assert one.statements == in_torch(op).statements
    assert all(array.dtype == one.arrays[name].dtype for name, array in in_torch(op).arrays.items())


@pytest.mark.parametrize(
    ("op", "code"),
    [
        ("rms_norm", Opcode.SUM),
        ("mxfp8_quant", Opcode.CAST),
        ("mxfp8_quant", Opcode.AMAX),
        ("fp8_gemm", Opcode.DOT),
        ("quantize_and_insert_k", Opcode.MUL),
    ],
)
def test_a_wrong_primitive_between_two_is_named(op: str, code: Opcode, monkeypatch: pytest.MonkeyPatch) -> None:
    right = in_torch(op)
    plant(code, monkeypatch)
    found = parted(right, traced(op))
    assert found is not None
    assert found.one == found.other == right.statements[found.count]
    assert found.other is not None
    assert found.other.statement == code.name.lower()
    assert found.other.where in lines_of(op, code)
    assert found.wrong >= 1
    assert found.values[0] != found.values[1]


def test_an_exception_is_where_they_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any) -> torch.Tensor:
        raise IndexError("out of bounds")

    right = in_torch("rms_norm")
    monkeypatch.setitem(arrayops._UNARY, Opcode.SQRT, wrong)
    found = parted(right, traced("rms_norm"))
    assert found is not None
    assert found.other is not None
    assert (found.other.statement, found.other.raised) == ("sqrt", "IndexError: out of bounds")
    assert parted(traced("rms_norm"), traced("rms_norm")) is None  # both of them raise it


def test_other_statements_are_where_they_part() -> None:
    one = in_torch("rms_norm")
    other = replace(one, statements=(*one.statements[:5], *one.statements[6:]))
    found = parted(one, other)
    assert found is not None
    assert found.count >= 5
    ended = parted(one, replace(one, statements=one.statements[:-1]))
    assert ended is not None
    assert (ended.other, ended.count) == (None, len(one.statements) - 1)


def test_numpy_that_differs_is_noted() -> None:
    one = in_torch("rms_norm")
    changed = [replace(one.statements[3], numpy="other"), replace(one.statements[8], statement="other")]
    other = replace(one, statements=(*one.statements[:3], changed[0], *one.statements[4:8], changed[1]))
    found = parted(one, other)
    assert found is not None
    assert found.note.startswith(f"numpy itself gives something else in either trace from {changed[0].where} on")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operation": "gemm"}, "operation is 'rms_norm' in one, 'gemm' in the other"),
        ({"case": "other"}, "case is"),
        ({"kind": "exact"}, "kind is 'random' in one, 'exact' in the other"),
        ({"seed": 1}, "seed is 0 in one, 1 in the other"),
        ({"spec": "0"}, "spec is"),
        ({"inputs": "0"}, "inputs is"),
    ],
)
def test_traces_of_other_calls_are_refused(change: dict[str, Any], message: str) -> None:
    one = in_torch("rms_norm")
    with pytest.raises(NoTrace, match=message):
        parted(one, replace(one, call=replace(one.call, **change)))


def test_the_command_saves_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def saved(name: str, *more: str) -> Path:
        arguments = ["bisect", "rms_norm", "--implementations", "torch:eager", "--case", small_case("rms_norm").name]
        said = CliRunner().invoke(app, [*arguments, "--save", str(tmp_path / name), *more])
        assert said.exit_code == 0, said.output
        assert "statements of rms_norm, case" in said.stdout
        return tmp_path / name

    run: Callable[..., Any] = lambda *files: CliRunner().invoke(app, ["bisect", *map(str, files)])  # noqa: E731
    right, again = saved("right.npz"), saved("again.npz")
    agreed = run(right, again)
    assert agreed.exit_code == 0
    assert f"{len(in_torch('rms_norm').statements)} statements agree" in agreed.stdout
    known = arrayops._UNARY
    monkeypatch.setitem(known, Opcode.SQRT, off_by_one(known[Opcode.SQRT]))
    wrong = run(right, saved("wrong.npz"))
    assert wrong.exit_code == 1
    (line,) = lines_of("rms_norm", Opcode.SQRT)
    assert f"wrong.npz: {line}: sqrt" in wrong.stdout
    assert "elements differ; worst at [" in wrong.stdout
    assert "torch:eager on cpu, twinkernels" in wrong.stdout
    other = run(right, saved("other.npz", "--seed", "1"))
    assert other.exit_code == 2
    assert "seed is 0 in one, 1 in the other" in " ".join(other.output.split())


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, content in {"a.npz": b"no file of numpy", "b.npz": b""}.items():
        (tmp_path / name).write_bytes(content)
    np.savez(tmp_path / "c.npz", x=np.zeros(2))
    for name in ("a.npz", "b.npz", "c.npz", "none.npz"):
        with pytest.raises(NoTrace, match="is no trace of"):
            load(tmp_path / name)
    said = CliRunner().invoke(app, ["bisect", "rms_norm", "--save", str(tmp_path / "both.npz")])
    assert said.exit_code == 2
    assert "--save keeps one trace" in said.output
    absent = CliRunner().invoke(app, ["bisect", "rms_norm", "--device", "xpu"])
    assert absent.exit_code == 3
    assert "not run: torch:eager: torch sees no xpu device" in absent.output
