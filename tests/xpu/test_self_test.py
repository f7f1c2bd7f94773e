"""The self-test of matrix units: compiled for a card, and run with units and block reads written out on the CPU."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jax_impl.platforms import matrix_units, self_test
from parity.xpu import accumulation, settings, spirv
from parity.xpu.matrices import MULTIPLY
from parity.xpu.process import Child
from parity.xpu.tools import ROOT, find

WORKER = Path(__file__).with_name("self_test_worker.py")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Products by the modules that a B580 would get: (setting, swapped rows) -> multiply, and the SPIR-V files."""
    tools = find()
    if tools.python is None or tools.problems or tools.runtime is None or tools.libraries is None:
        pytest.skip("the oneAPI plugin and an OpenCL device for CPUs are needed: `make xpu`")
    folder = tmp_path_factory.mktemp("self-test")
    (folder / "dump").mkdir()
    (folder / "vendors").mkdir()
    (folder / "vendors/intel.icd").write_text(f"{tools.runtime}\n")
    command = (str(tools.python), "-m", "tests.xpu.self_test_worker")
    compiler = Child((*command, str(folder / "dump")), settings.compiling(folder / "dump"), folder / "log", ROOT)
    device = Child(command, settings.executing(folder / "vendors", tools.libraries), folder / "log2", ROOT)
    files: dict[tuple[str, str], str] = {}

    def made(form: str, setting: str) -> str:
        if (form, setting) not in files:
            reply = compiler.ask({"form": form, "setting": setting}, 120)
            assert "file" in reply, reply
            files[form, setting] = reply["file"]
        return files[form, setting]

    def card(setting: str, *, swapped: bool = False) -> self_test.Multiply:
        def multiply(form: Any, a: Any, b: Any) -> Any:
            given = {"file": made(form.name, setting), "form": form.name, "swapped": swapped}
            reply = device.ask({**given, "a": a.tolist(), "b": b.tolist()}, 120)
            assert "product" in reply, reply
            return np.array(reply["product"], np.float32).reshape(16, 16)

        return multiply

    yield card, made
    compiler.close()
    device.close()


def test_modules_have_matrix_units_and_block_reads(units: Any) -> None:
    for form in ("f16", "bf16"):
        module = spirv.parse(Path(units[1](form, "on")).read_bytes())
        assert [one for one in module.instructions if one.opcode == MULTIPLY]
        assert any("LSC2DBlockRead" in name for name in module.imports)


def test_right_units_pass(units: Any) -> None:
    assert self_test.failures(units[0]("on")) == ()


def test_swapped_rows_turn_the_units_off(units: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_units, "_tested", {})
    wrong = units[0]("on", swapped=True)
    assert len(self_test.failures(wrong)) == 3
    kind = "Intel(R) Arc(TM) B580 Graphics"
    chosen = matrix_units.decide(kind, lambda _: self_test.failures(wrong))
    assert chosen.setting == "off"
    monkeypatch.setattr(matrix_units, "_device_kind", lambda: kind)
    assert "fails its self-test: a product of float16" in matrix_units.described()


def test_probe_sees_how_the_emulation_adds(units: Any) -> None:
    found = accumulation.probe(units[0]("on"))
    assert found.ways == ("one term after the other, to nearest",)
    assert not found.outside
    assert json.dumps(str(found))
