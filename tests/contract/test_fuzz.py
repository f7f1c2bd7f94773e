"""Calls that nobody thought of, of every operation: against the oracle, and torch against JAX.

Each operation has the same few calls in every run; --hypothesis-profile=thorough draws 400 of each, and
`python -m parity fuzz` as many as one likes. What fails prints the command that makes its call again.
"""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from typer.testing import CliRunner

import specs
from parity.cli import app
from parity.fuzz import calls as fuzz
from parity.judge import frameworks
from parity.judge.frameworks import Results
from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs, decode, generate
from parity.judge.runner import run_inputs
from specs.lang.declare.kernel import Access
from specs.lang.declare.layouts import Dense, is_packed
from specs.lang.declare.op import Op
from specs.tile.launch.cases import default_case

COUNT = settings().max_examples // 5
"""Calls of each operation: 10, and 400 in the profile "thorough"."""
FEW = range(COUNT if COUNT > 100 else 0)
"""Calls that run on everything: compiling programs for one call each takes most of the time."""


@cache
def drawn(name: str, seed: int) -> fuzz.Drawn:
    return fuzz.draw(specs.get(name), seed)


def size(name: str, seed: int) -> int:
    """Elements of all arguments; those without any last."""
    return sum(raw.size for raw in drawn(name, seed).inputs.arrays.values()) or 1 << 62


def roads(name: str, seed: int) -> tuple[str, ...]:
    """What runs a call: torch without a compiler all, XLA the first, Triton's interpreter the smallest."""
    if seed in FEW:
        return fuzz.implementations_of(seed)
    smallest = min(range(COUNT), key=lambda other: size(name, other))
    return ("torch:eager", *(["jax:xla"] if seed == 0 else []), *(["torch:interpret"] if seed == smallest else []))


@pytest.mark.parametrize("name", specs.names())
def test_drawn_calls(name: str) -> None:
    op, ran = specs.get(name), Counter[str]()
    for seed in range(COUNT):
        call = drawn(name, seed)
        repeat = fuzz.repeat_call(op, seed, "cpu", roads(name, seed))
        for row in run_inputs(call.inputs, call.case, call.kind, seed, roads(name, seed)):
            assert row.status in ("passed", "unsupported"), f"{row.pair}: {row.reason}\nrepeat: {repeat}"
            ran[row.status] += 1
    assert ran["passed"] >= COUNT


# -- what is drawn -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fp8_gemm", "flash_attn_varlen", "dequant_gather_k"])
def test_the_same_seed_is_the_same_call(name: str) -> None:
    one, other = drawn(name, 3).inputs, fuzz.draw(specs.get(name), 3).inputs
    assert (one.attributes, one.formats, one.strides) == (other.attributes, other.formats, other.strides)
    assert one.arrays.keys() == other.arrays.keys()
    for key, raw in one.arrays.items():
        np.testing.assert_array_equal(bit_view(raw), bit_view(other.arrays[key]))
    assert drawn(name, 4).case != drawn(name, 3).case


def named(op: Op) -> set[Any]:
    """Values of floats that the operation's own cases have."""
    floats = [a for a in op.attributes if a.kind is float]
    return {dict(case.attributes).get(a.name, a.default) for case in op.cases for a in floats}


def seen(op: Op, call: fuzz.Drawn) -> set[str]:
    """What is out of the ordinary in a call."""
    inputs, found = call.inputs, set[str]()
    for array in op.inputs:
        if array.name not in inputs.arrays:
            found.add("left out")
            continue
        raw, form = inputs.arrays[array.name], inputs.formats[array.name]
        strides = inputs.strides.get(array.name)
        if strides is not None and raw.size and not is_packed(raw.shape, strides):
            found.add("strided written" if array.access is Access.INOUT else "strided")
            found |= {"repeated"} if 0 in strides else set()
            if isinstance(array.layout, Dense) and raw.ndim > 1 and list(strides) != sorted(strides, reverse=True):
                found.add("transposed")
        if form.is_float and raw.size and not np.isfinite(decode(raw, form)).all():
            found.add("not finite")
        if isinstance(array.formats, tuple) and form != array.formats[0]:
            found.add("another format")
        found |= {"empty"} if not raw.size else set()
    floats = [inputs.attributes[a.name] for a in op.attributes if a.kind is float]
    if any(isinstance(x, float) and x not in named(op) and np.frexp(x)[0] != 0.5 for x in floats):
        found.add("another factor")
    found |= {"another layout"} if any(getattr(v, "name", "") == "drawn" for v in inputs.attributes.values()) else set()
    found |= {"leading dimensions"} if call.case.lead is not None else set()
    return found | {call.kind}


def test_what_is_drawn_is_of_every_kind() -> None:
    found = Counter[str]()
    for name in specs.names():
        for seed in range(COUNT):
            found.update(seen(specs.get(name), drawn(name, seed)))
    kinds = ("left out", "strided", "strided written", "transposed", "not finite", "another format", "empty")
    for kind in (*kinds, "another factor", "another layout", "leading dimensions", "exact", "random"):
        assert found[kind] >= 3, (kind, found)
    assert found["repeated"]


@pytest.mark.parametrize("name", specs.names())
def test_calls_differ_from_cases_and_are_accepted(name: str) -> None:
    """A generator whose calls are all refused would find nothing."""
    calls = [drawn(name, seed) for seed in range(COUNT)]
    own = {case.sizes for case in specs.get(name).cases}
    assert any(call.case.sizes not in own for call in calls)
    assert len({str(call.case) for call in calls}) > len(calls) // 2
    assert np.mean([call.refused for call in calls]) < fuzz.ATTEMPTS / 2


# -- that it finds what is wrong -----------------------------------------------------------------------------------


def test_tensors_have_the_strides_that_were_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_impl import ops

    op, taken = specs.get("per_token_quant_fp8"), list[tuple[int, ...]]()
    honest = ops.per_token_quant_fp8
    plain = generate(op, default_case(op), "random", 0)
    rows, columns = plain.arrays["x"].shape
    inputs = replace(plain, strides={"x": (columns + 5, 1)})

    def spy(x: Any, *more: Any, **named: Any) -> Any:
        taken.append(x.stride())
        return honest(x, *more, **named)

    monkeypatch.setattr(ops, "per_token_quant_fp8", spy)
    results = [frameworks.run_torch(one, "eager", "cpu") for one in (plain, inputs)]
    assert taken == [(columns, 1), (columns + 5, 1)]
    assert rows > 1
    for name, result in results[0].items():
        np.testing.assert_array_equal(bit_view(result.raw), bit_view(results[1][name].raw))


def test_a_fault_is_found_and_repeated_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = frameworks.FRAMEWORKS["torch"]

    def run(inputs: Inputs, implementation: str, device: str) -> Results:
        results = honest.run(inputs, implementation, device)
        for name in inputs.strides:
            if not is_packed(inputs.arrays[name].shape, inputs.strides[name]):
                for result in results.values():
                    bit_view(result.raw)[...] = 0 if not result.raw.size else bit_view(result.raw)
                    result.raw.reshape(-1)[:1].view(f"u{result.raw.dtype.itemsize}")[...] ^= 1
        return results

    faulty = replace(honest, run=run)
    monkeypatch.setitem(frameworks.FRAMEWORKS, "torch", faulty)
    said = CliRunner().invoke(app, ["fuzz", "mxfp8_quant", "--count", "30", "--implementations", "torch:eager"])
    assert said.exit_code == 1
    commands = [line.removeprefix("  repeat: ") for line in said.stdout.splitlines() if "repeat: " in line]
    assert 0 < len(commands) < 30, "a fault that only strides show"
    again = CliRunner().invoke(app, shlex.split(commands[0])[3:])
    assert again.exit_code == 1

    def failures(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith(("✕ mxfp8_quant, ", "  repeat:"))]

    assert failures(again.stdout) == failures(said.stdout)[:2]


def test_fuzz_of_what_cannot_run_has_not_passed() -> None:
    said = CliRunner().invoke(app, ["fuzz", "token_metadata", "--count", "1", "--implementations", "torch:triton"])
    assert said.exit_code == 3
    assert "torch:triton" in said.stderr
