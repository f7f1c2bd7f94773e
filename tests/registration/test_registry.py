"""Operations of other packages: how they become known, what is refused, and which commands have them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import specs
from examples.author_a_kernel import SILU_MUL_QUANT
from parity.cli import app
from parity.judge.again import again, loading
from parity.judge.again import load as load_in_child
from parity.record.saving import script
from parity.write import golden
from specs import registration
from specs.lang.declare.op import Op
from specs.lang.errors import SpecError
from specs.registration import RESERVED, Registry, Source
from specs.registry import OPS
from tests.contract import suite
from tests.rules.source import ROOT

FILE = ROOT / "examples" / "softcap" / "softcap.py"
MODULE = "examples.author_a_kernel"


def fresh(*points: EntryPoint) -> Registry:
    return Registry(OPS.values(), lambda: points)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """In place of the one of this process: nothing stays."""
    found = fresh()
    modules = {*sys.modules}
    monkeypatch.setattr(registration, "REGISTRY", found)
    yield found
    for name in {*sys.modules} - modules:
        if getattr(sys.modules[name], "__file__", None) == str(FILE):
            del sys.modules[name]


def parity(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


# -- register ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("registry")
def test_a_registered_operation_is_one_of_all() -> None:
    assert specs.register(SILU_MUL_QUANT) is SILU_MUL_QUANT
    assert specs.names() == (*specs.built_in(), "silu_mul_quant")
    assert specs.get("silu_mul_quant") is SILU_MUL_QUANT
    assert specs.source("silu_mul_quant").name == __name__
    assert specs.source("gemm") == Source()
    assert specs.register(SILU_MUL_QUANT) is SILU_MUL_QUANT
    assert specs.register(specs.get("gemm")) is OPS["gemm"]


REFUSED: dict[str, tuple[Callable[[Op], Any], str]] = {
    "no operation": (lambda op: op.steps[0].kernel, r"an operation is registered, not Kernel"),
    "a built-in name": (lambda op: replace(op, name="gemm"), r"called 'gemm' is registered already .*specs/gemm"),
    "no name": (lambda op: replace(op, name="two words"), r"'two words' is no name"),
    "a keyword": (lambda op: replace(op, name="lambda"), r"'lambda' is no name"),
    "private": (lambda op: replace(op, name="_f"), r"'_f' is no name"),
    "a function beside operations": (lambda op: replace(op, name="explain"), r"'explain' is no name"),
    "an operator of torch": (lambda op: replace(op, name="gemm_out"), r"'gemm_out' is taken"),
    "no case": (lambda op: replace(op, cases=()), r"silu_mul_quant has no case"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_registered_is_refused(registry: Registry, make: Callable[[Op], Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        specs.register(make(SILU_MUL_QUANT))
    assert registry.names() == specs.built_in()


def test_another_operation_of_a_name_is_refused(registry: Registry) -> None:
    specs.register(SILU_MUL_QUANT)
    with pytest.raises(SpecError, match=r"registered already .*examples/author_a_kernel.py"):
        specs.register(replace(SILU_MUL_QUANT))
    assert registry.get("silu_mul_quant") is SILU_MUL_QUANT


def test_functions_beside_operations_are_reserved() -> None:
    modules = [import_module(f"{package}.ops") for package in ("jax_impl", "torch_impl")]
    names = {name for module in modules for name in module.__all__} - {*specs.names()}
    assert names == {*RESERVED}


def test_followers_are_told_of_earlier_and_later_ones() -> None:
    registry, told = fresh(), list[str]()
    registry.follow(lambda op: told.append(op.name))
    assert told == [*OPS]
    registry.register(SILU_MUL_QUANT, Source())
    assert told == [*OPS, "silu_mul_quant"]


def test_an_operation_that_a_follower_refuses_is_not_there() -> None:
    def refuse(op: Op) -> None:
        if op is SILU_MUL_QUANT:
            raise RuntimeError(op.name)

    registry = fresh()
    registry.follow(refuse)
    with pytest.raises(RuntimeError, match="silu_mul_quant"):
        registry.register(SILU_MUL_QUANT, Source())
    assert "silu_mul_quant" not in registry.names()


# -- entry points and modules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [f"{MODULE}:SILU_MUL_QUANT", MODULE])
def test_entry_points_are_loaded_when_names_are_asked_for(value: str) -> None:
    registry = fresh(EntryPoint("any", value, registration.GROUP))
    assert registry.get("silu_mul_quant") is SILU_MUL_QUANT
    assert registry.names()[-1] == "silu_mul_quant"
    assert registry.source("silu_mul_quant") == Source(package=value)


@pytest.mark.parametrize(
    ("value", "said"), [("no_such_module:OP", "ModuleNotFoundError"), ("math:pi", "has no operation")]
)
def test_an_entry_point_that_fails_is_named_and_the_rest_is_there(value: str, said: str) -> None:
    points = (EntryPoint(name, v, registration.GROUP) for name, v in (("bad", value), ("good", MODULE)))
    registry = fresh(*points)
    with pytest.warns(RuntimeWarning, match=f"bad = {re.escape(value)}.*{said}"):
        names = registry.names()
    assert names == (*OPS, "silu_mul_quant")
    assert registry.names() == names  # and no second warning


def test_a_file_is_loaded_once(registry: Registry) -> None:
    (op,) = specs.load(str(FILE))
    assert (op.name, specs.source("softcap").name) == ("softcap", str(FILE))
    assert specs.load(str(FILE)) == (op,)
    assert registry.names().count("softcap") == 1


def test_a_module_that_registers_says_itself_what_is_public(registry: Registry, tmp_path: Path) -> None:
    text = "import specs\nfrom examples.author_a_kernel import SILU_MUL_QUANT as A\nfrom dataclasses import replace\n"
    (tmp_path / "two.py").write_text(text + "B = replace(A, name='second')\nspecs.register(B)\n")
    assert [op.name for op in specs.load(str(tmp_path / "two.py"))] == ["second"]
    assert registry.names() == (*OPS, "second")


@pytest.mark.parametrize(
    ("name", "said"),
    [("no_such_module", "no module 'no_such_module'"), ("no/such.py", "no file"), ("math", "has no operation")],
)
@pytest.mark.usefixtures("registry")
def test_what_cannot_be_loaded_is_said(name: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        specs.load(name)
    found = parity("--load", name, "list")
    assert found.exit_code == 2
    assert "--load" in found.output


@pytest.mark.usefixtures("registry")
def test_a_file_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("x = 1\ny = x / 0\n")
    found = parity("--load", str(tmp_path / "wrong.py"), "list")
    assert found.exit_code == 2
    assert "wrong.py:2: ZeroDivisionError" in "".join(found.output.split("\n"))


# -- commands ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("registry")
def test_commands_take_loaded_operations() -> None:
    loaded = ["--load", str(FILE)]
    last = parity(*loaded, "list").stdout.splitlines()[-1]
    assert last.startswith("softcap ")
    assert last.endswith(str(FILE))
    assert "y[m, n] = cap tanh(x[m, n] / cap)" in parity("show", "softcap").stdout
    assert parity("show", "softcap", "--markdown").stdout.startswith("## softcap\n")
    assert "@triton.jit" in parity("emit", "softcap").stdout
    assert parity("check", "softcap").exit_code == 0
    refused = parity("emit", "softcap", "--write")
    assert refused.exit_code == 2
    assert "--out FOLDER" in refused.output


@pytest.mark.usefixtures("registry")
def test_checked_in_files_are_those_of_the_built_in_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    specs.load(str(FILE))
    seen: list[Op] = []
    for name in ("op_table", "block_page", "schema_text", "_index"):
        monkeypatch.setattr(golden, name, lambda *_: "")

    def sources(op: Op) -> dict[str, str]:
        seen.append(op)
        return {}

    def stub(_: object, ops: Sequence[Op]) -> str:
        seen.extend(ops)
        return ""

    monkeypatch.setattr(golden, "golden_sources", sources)
    monkeypatch.setattr(golden, "stub", stub)
    golden.golden_files()
    assert [op.name for op in seen] == 3 * [*specs.built_in()]


@pytest.mark.usefixtures("registry")
def test_what_repeats_a_call_loads_its_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    (op,) = specs.load(str(FILE))
    assert again("run", op, "--seed", "1") == f"python -m parity --load {FILE} run softcap --seed 1"
    assert again("run", specs.get("gemm")) == "python -m parity run gemm"
    inputs = suite.inputs_of(op, op.cases[0])
    for name in ("torch:eager", "jax:xla"):
        assert f"specs.load({str(FILE)!r}, " in script(inputs, inputs.layout.call(), name, "cpu", "t")
    request = loading(op)
    monkeypatch.setattr(registration, "REGISTRY", fresh())  # as in a child process
    assert "softcap" not in specs.names()
    load_in_child(request)
    assert specs.get("softcap") == op
