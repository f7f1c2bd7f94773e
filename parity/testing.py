"""Tests of operations in other packages: what a specification promises, as a class that pytest collects.

from my_package import MY_OP
from parity.testing import contract_suite

TestMyOp = contract_suite(MY_OP)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest

import specs
from parity.judge.frameworks import FRAMEWORKS
from parity.judge.inputs import KINDS, Inputs, Kind, generate
from parity.record.records import CaseResult
from specs.extras import hint
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import ElementFormat
from specs.tile.launch.cases import golden_case

TRITON_IR = ("pallas", "triton")
"""Implementations whose kernels XLA gets as Triton IR."""


def contract_suite(
    op: Op, *, seed: int = 0, calls: int = 16, device: str = "cpu", sources: Path | None = None
) -> type[Contract]:
    """The tests of an operation, which is registered if it is not yet.

    A test is skipped where the framework that it needs is not installed.

    Args:
        seed: of cases and drawn calls.
        calls: how many calls are drawn.
        device: "cpu", "cuda" or "xpu".
        sources: folder of checked-in sources, which `parity emit NAME --out FOLDER` writes; None where there are none.
    """
    members = {"op": specs.register(op), "seed": seed, "calls": calls, "device": device, "sources": sources}
    return type(f"Test{op.name.title().replace('_', '')}", (Contract,), members)


class Contract:
    """The tests; `contract_suite` makes a subclass for an operation."""

    op: ClassVar[Op]
    seed: ClassVar[int]
    calls: ClassVar[int]
    device: ClassVar[str]
    sources: ClassVar[Path | None]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parameters of the tests: cases, kinds of data, drawn calls, frameworks."""
        every = metafunc.function.__name__ == "test_case" and self.device != "cpu"
        known: dict[str, Sequence[object]] = {
            "case": [case.name for case in self.op.cases if every or not case.large],
            "kind": KINDS,
            "number": range(self.seed, self.seed + self.calls),
            "framework": tuple(FRAMEWORKS),
            "backend": TRITON_IR,
        }
        for name, values in known.items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, values)

    def test_declaration(self, case: str) -> None:
        """Configurations, oracle, every load and store: what `parity check` finds."""
        from parity.commands.checking import case_problems

        _none(case_problems(self.op, self.op.case(case)))

    def test_case(self, case: str, kind: Kind) -> None:
        """A case on everything that runs here, against the oracle and between frameworks, as `parity run` has it."""
        from parity.judge.runner import run_case

        _passed(run_case(self.op, self.op.case(case), kind, self.seed, device=self.device))

    def test_drawn_call(self, number: int) -> None:
        """A call drawn from the specification, as `parity fuzz` has it."""
        from parity.fuzz.calls import implementations_of, run

        _passed(run(self.op, number, implementations_of(number), self.device))

    def test_wrong_calls_are_refused(self, framework: str) -> None:
        """Every mistake that follows from the specification is refused, and changes nothing."""
        from parity.commands import conformance
        from parity.conformance.outcomes import problem

        pytest.importorskip(framework)
        found = conformance.attempts(self.op, conformance.module_of(framework))
        _none(text for one in found if (text := problem(one)) is not None)

    def test_torch_operator(self) -> None:
        """torch's own checks of the operator, and the public function."""
        torch = pytest.importorskip("torch")
        from parity.judge.frameworks import to_torch
        from torch_impl import ops
        from torch_impl.formats import dtype_of
        from torch_impl.launch import layout_name

        inputs = self._inputs()
        tensors = [_of(inputs, a.name, to_torch) for a in self.op.inputs]
        named = {name: layout_name(value) for name, value in inputs.attributes.items()}
        attributes = {n: dtype_of(v) if isinstance(v, ElementFormat) else v for n, v in named.items()}
        operator = getattr(torch.ops.twinkernels, self.op.name)
        checks: tuple[str, ...] = ("test_schema", "test_faketensor")
        if any(form.is_float and form.bits <= 8 for form in inputs.layout.call().formats.values()):
            checks = checks[1:]  # torch compares results with arithmetic, which it does not have for 8-bit floats
        torch.library.opcheck(operator.default, tensors, attributes, test_utils=checks)  # raises
        assert getattr(ops, self.op.name) is ops.function(self.op)

    def test_shapes_in_jax(self) -> None:
        """`jax.eval_shape` knows what a call returns."""
        jax = pytest.importorskip("jax")
        from jax_impl import ops
        from parity.judge.frameworks import to_jax

        inputs = self._inputs()
        with jax.enable_x64(any(form.storage_bits == 64 for form in inputs.layout.call().formats.values())):
            given = [_of(inputs, a.name, to_jax) for a in self.op.inputs]
            returned = ops.function(self.op)(*given, **inputs.attributes)
            traced = jax.eval_shape(lambda *arrays: ops.function(self.op)(*arrays, **inputs.attributes), *given)
        told, seen = ([(x.shape, x.dtype) for x in jax.tree.leaves(found)] for found in (traced, returned))
        assert told == seen != [], f"traced {told}, computed {seen}"

    def test_sources(self) -> None:
        """Both generated sources of the golden case; the checked-in ones, where there are some, are these."""
        from parity.write.golden import stale
        from parity.write.sources import golden_sources

        files = golden_sources(self.op)
        assert files
        if self.sources is not None:
            wrong = [f"{one.path} {one.problem}" for one in stale(files, self.sources) if one.path in files]
            _none([*wrong, f"python -m parity emit {self.op.name} --out {self.sources}"] if wrong else [])

    def test_intel_gpus(self, backend: str) -> None:
        """Every kernel becomes Triton IR for an Intel GPU; `parity xpu` goes on from there."""
        pytest.importorskip("jax")
        from jax_impl.ahead import lower

        try:
            found = lower(self.op.name, golden_case(self.op), backend, platform="oneapi")
        except Unsupported as refusal:
            pytest.skip(str(refusal))
        assert all("tt.func" in one.ir for one in found)

    def _inputs(self) -> Inputs:
        """Of a case in which nothing is empty."""
        small = [case for case in self.op.cases if not case.large]
        case = next((case for case in small if all(size for _, size in case.sizes)), small[0])
        return generate(self.op, case, "random", self.seed)


def _of(inputs: Inputs, name: str, convert: Any) -> Any:
    """An argument in a framework, None where it is left out."""
    return convert(inputs.arrays[name], inputs.formats[name]) if name in inputs.arrays else None


def _none(problems: Iterable[str]) -> None:
    """Fails with problems, one a line."""
    found = list(problems)
    assert not found, "\n".join(("", *found))


def _passed(rows: Sequence[CaseResult]) -> None:
    """Fails with the reason of every comparison that failed, and the command that repeats it."""
    failed = [f"{row.pair}: {row.reason}\n    {row.repeat}" for row in rows if row.status == "failed"]
    _none(failed)
    if not any(row.status in ("passed", "flushed") for row in rows):
        missing = [name for name in FRAMEWORKS if find_spec(name) is None]
        reasons = "; ".join(dict.fromkeys(row.reason for row in rows if row.reason))
        assert missing, f"nothing was compared: {reasons}"
        pytest.skip("; ".join(map(hint, missing)))
