"""Intel's own Triton on the ladder: what torch passes, what a refusal looks like, and kernels where it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import specs
from parity.xpu import settings, tools
from parity.xpu.command import run
from parity.xpu.ladder import CARDS, RUNGS, Attempt, Ladder, attempts
from parity.xpu.process import Child
from parity.xpu.record import EXECUTED, LOWERED, MATRIX, REAL, TORCH, KernelRow, compiled, native
from parity.xpu.table import cell
from parity.xpu.tools import ROOT, Tools
from parity.xpu.torch_source import TorchCompiler, described, planned
from parity.xpu.triton_worker import message
from torch_impl.formats import dtype_of
from torch_impl.triton import launch as launching
from torch_impl.triton.backend import TRITON

NOTHING = Tools(python=None, libraries=None, offline={}, problems=(tools.NO_PLUGIN,))
HERE = tools.find()
NEEDS_TRITON = pytest.mark.skipif(HERE.triton is None, reason=f"not run: {tools.NO_TRITON}")

OPS = ("fp8_bmm", "flash_attn_varlen", "mxfp4_quant", "topk_rows")


def cases() -> list[tuple[str, str]]:
    return [(one.op.name, one.case.name) for one in attempts([specs.get(name) for name in OPS], [TORCH])]


@pytest.mark.parametrize(("name", "case"), cases())
def test_arguments_are_what_torch_passes(monkeypatch: pytest.MonkeyPatch, name: str, case: str) -> None:
    passed: list[tuple[tuple[object, ...], dict[str, int]]] = []

    class Kernel:
        def __getitem__(self, grid: object) -> Any:
            return lambda *given, **options: passed.append((given, options))

    monkeypatch.setattr(launching, "load_kernel", lambda _source, _name: Kernel())
    target = TRITON.target("xpu")
    assert target is not None
    for launch in planned(name, case, {}):
        slots = {array: slot for slot, (array, _) in enumerate(launch.arrays.values())}
        arrays: dict[int, torch.Tensor] = {}
        for own, (array, memory) in launch.arrays.items():
            shape = (*memory.sizes, 16)  # pieces of elements need a contiguous dimension that divides
            arrays[slots[array]] = torch.empty(shape, dtype=dtype_of(launch.formats[own]), device="meta")
        launching.runner_of(launch, target, slots)([arrays.get(slot) for slot in range(len(slots))])
        given, options = passed.pop()
        told = described(launch)
        seen = [str(one.dtype) if isinstance(one, torch.Tensor) else one for one in given]
        assert (told["arguments"], told["options"]) == (seen, options)
        assert f"def {told['kernel']}(" in told["source"]
        assert "float8" not in told["source"], "XPU has no FP8 type of its own"


def test_without_the_environment_nothing_is_run_and_that_is_said() -> None:
    record = run(attempts([specs.get("fp8_bmm")], [TORCH]), seed=0, rungs=RUNGS, tools=NOTHING)
    (row,) = record.rows
    assert "make xpu-torch" in row.rung(LOWERED).reason
    assert all(row.rung(rung).answer == "not run" for rung in RUNGS)
    assert "make xpu-torch" in record.environment["Triton for XPU"]
    assert not record.failed


class Scripted:
    """In the place of the child: always the same reply."""

    def __init__(self, reply: Mapping[str, Any]) -> None:
        self.reply = reply

    def ask(self, _request: Mapping[str, Any], _seconds: float) -> dict[str, Any]:
        return dict(self.reply)

    def close(self) -> None:
        return


def climbed(monkeypatch: pytest.MonkeyPatch, folder: Path, child: Any, name: str = "fp8_bmm") -> list[KernelRow]:
    monkeypatch.setattr(Ladder, "_torch_compiler", lambda _: TorchCompiler(child, folder))
    with Ladder(NOTHING) as ladder:
        return [row for attempt in attempts([specs.get(name)], [TORCH]) for row in ladder.climb(attempt)]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"failed": "CompilationError: no such thing"}, "CompilationError: no such thing"),
        ({"crash": "crashed with SIGABRT"}, "the compiler crashed with SIGABRT"),
    ],
)
def test_refusal_is_a_no_with_the_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: dict[str, str], reason: str
) -> None:
    (row,) = climbed(monkeypatch, tmp_path, Scripted(reply))
    assert row.rung(LOWERED).note.endswith("lines of Triton source")
    for card in CARDS:
        assert (row.rung(compiled(card)).answer, row.rung(compiled(card)).reason) == ("no", reason)
        assert cell(row.rung(compiled(card))) == "NO"
        assert row.rung(native(card)).answer == "not run"
    assert (row.rung(MATRIX).answer, row.rung(REAL).answer) == ("not run", "not run")


def test_source_that_cannot_be_generated_is_a_no(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(*_: object) -> None:
        raise ValueError("planted")

    monkeypatch.setattr("parity.xpu.torch_source.described", fails)
    (row,) = climbed(monkeypatch, tmp_path, Scripted({}))
    assert (row.rung(LOWERED).answer, row.rung(LOWERED).reason) == ("no", "ValueError: planted")


class Told(Exception):
    """As Triton's errors are: source, place, message."""

    def __init__(self, source: str, line: int, words: str | None) -> None:
        super().__init__("at 1:0, with the whole source")
        self.src, self.node, self.error_message = source, self, words
        self.lineno = line


def test_message_names_cause_line_and_what_passes_report() -> None:
    assert message(Told("a = 1\nb = nope\n", 2, "nope is not defined"), "") == (
        "Told: nope is not defined; in `b = nope`"
    )
    outer = Told("a = 1\nb = f(a)\n", 2, None)
    outer.__cause__ = ValueError("two\nlines")
    assert message(outer, "") == "ValueError: two lines; in `b = f(a)`"
    said = "k.py:3:1: error: failed to legalize\nnote: see it\nk.py:3:1: error: failed to legalize\n"
    assert message(RuntimeError("PassManager::run failed"), said) == (
        "RuntimeError: PassManager::run failed; error: failed to legalize"
    )


def test_environment_is_found_by_its_package(tmp_path: Path) -> None:
    venv = tmp_path / ".venv-xpu-torch"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").touch()
    assert tools.triton_interpreter(venv) is None, "an environment without the package"
    (venv / "lib/python3.11/site-packages/triton_xpu-3.3.0b1.dist-info").mkdir(parents=True)
    found = tools.find(tmp_path / ".venv-xpu")
    assert found.triton == venv / "bin/python"
    assert tools.package_versions(found)["triton-xpu"] == "3.3.0b1"
    assert found.described()["Triton for XPU"] == f"loads in {venv}/bin/python"


# -- with `make xpu-torch` ---------------------------------------------------------------------------------------------


@NEEDS_TRITON
@pytest.mark.parametrize(("name", "lanes"), [("fp8_bmm", 16), ("prefill_gather_lens", 32)])
def test_kernel_climbs(name: str, lanes: int) -> None:
    (attempt,) = attempts([specs.get(name)], [TORCH])
    with Ladder(HERE) as ladder:
        (row,) = ladder.climb(attempt)
    for rung in (LOWERED, *map(compiled, CARDS), *(native(card) for card in CARDS if card in HERE.offline)):
        assert row.rung(rung).answer == "yes", f"{rung}: {row.rung(rung).reason}"
    assert row.rung(EXECUTED).answer == "not run"
    assert "not run on the CPU" in row.rung(EXECUTED).reason
    assert all(code.lanes == lanes for code in row.code)
    if row.code:
        assert row.rung(MATRIX).answer == ("yes" if row.dots else "not run")


@NEEDS_TRITON
def test_without_matrix_units_there_are_no_instructions_of_them() -> None:
    op = specs.get("fp8_bmm")
    with Ladder(HERE, matrix_units="off") as ladder:
        (row,) = ladder.climb(Attempt(op=op, case=op.case("one-row"), backend=TORCH, tuned={}))
    assert row.dots
    assert all(code.dpas == 0 for code in row.code)
    assert row.rung(MATRIX).reason == "they are turned off"


KERNEL = """
import triton
import triton.language as tl

@triton.jit
def planted(x_ptr, n):
    x = tl.load(x_ptr + tl.arange(0, 16))
    tl.store(x_ptr + tl.arange(0, 16), {what})
"""


@NEEDS_TRITON
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("x + n", None),
        ("tl.nothing_of_this_name(x)", "nothing_of_this_name"),
        ("x + missing", "missing is not defined'); in `tl.store(x_ptr + tl.arange(0, 16), x + missing)`"),
        ("tl.dot(x, x)", "; in `tl.store("),
    ],
)
def test_planted_error_of_the_source_is_reported(tmp_path: Path, what: str, words: str | None) -> None:
    log = tmp_path / "log"
    command = (str(HERE.triton), "-m", "parity.xpu.triton_worker", str(log))
    child = Child(command, settings.compiling_triton(tmp_path / "cache"), log, ROOT)
    request = {"source": KERNEL.format(what=what), "kernel": "planted", "arguments": ["torch.float32", 3]}
    asked = {**request, "options": {"num_warps": 1}, "matrix_units": True, "file": str(tmp_path / "planted.spv")}
    reply = child.ask(asked, 120)
    child.close()
    if words is None:
        assert (reply["kernel"], reply["threads"]) == ("planted", 32)
        assert (tmp_path / "planted.spv").stat().st_size
    else:
        assert words in reply["failed"]
