"""The runner reports what is wrong, and says why where nothing ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import specs
from parity.judge import frameworks
from parity.judge.frameworks import Result, Results, registered
from parity.judge.inputs import KINDS, Inputs, Kind, encode
from parity.judge.runner import accumulator_of, run_all, run_case, seed_of
from parity.record.records import CaseResult
from specs.lang.declare.accuracy import FLOAT32, TENSOR_FLOAT32, TENSOR_FP8
from specs.lang.declare.op import Case
from specs.lang.errors import ArgumentError, Unsupported
from specs.lang.formats.elements import F16
from tests.contract import suite

OP, QUANTISER = "fp8_gemm", "per_token_group_quant_fp8"
BOTH = ("torch:eager", "jax:xla")
Run = Callable[[Inputs, str, str], Results]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Results], Results]], None]:
    """Changes what torch returns."""
    honest = frameworks.FRAMEWORKS["torch"]

    def plant(change: Callable[[Results], Results]) -> None:
        def run(inputs: Inputs, implementation: str, device: str) -> Results:
            return change(honest.run(inputs, implementation, device))

        framework = replace(honest, run=run)
        monkeypatch.setitem(frameworks.FRAMEWORKS, "torch", framework)

    return plant


def results(op: str = OP, kind: Kind = "random") -> dict[str, CaseResult]:
    spec = specs.get(op)
    return {row.pair: row for row in run_case(spec, suite.base_case(spec), kind, 7, BOTH)}


def doubled(results: Results) -> Results:
    """The last element of the first result doubled."""
    name, result = next(iter(results.items()))
    raw = result.raw.copy()
    raw[(-1,) * raw.ndim] *= 2
    return {**results, name: Result(raw=raw, form=result.form)}


def another_format(results: Results) -> Results:
    return {name: Result(raw=encode(r.raw, F16), form=F16) for name, r in results.items()}


def one_row_less(results: Results) -> Results:
    return {name: Result(raw=r.raw[:-1], form=r.form) for name, r in results.items()}


def one_nan(results: Results) -> Results:
    name, result = next(iter(results.items()))
    raw = result.raw.copy()
    raw[(0,) * raw.ndim] = np.nan
    return {**results, name: Result(raw=raw, form=result.form)}


@pytest.mark.parametrize("kind", ["exact", "random"])
@pytest.mark.parametrize(
    ("change", "words"),
    [(doubled, "1 of"), (another_format, "f16, expected bf16"), (one_row_less, "shape"), (one_nan, "nan")],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_wrong_results_fail(
    faulty: Callable[[Callable[[Results], Results]], None],
    change: Callable[[Results], Results],
    words: str,
    kind: Kind,
) -> None:
    faulty(change)
    rows = results(kind=kind)
    assert rows["jax:xla vs oracle"].status == "passed"
    for pair in ("torch:eager vs oracle", "torch:eager vs jax:xla"):
        assert rows[pair].status == "failed"
        assert words in rows[pair].reason
        assert rows[pair].bit_identical == ("differs" if kind == "exact" else "not applicable")


def test_one_wrong_code_of_a_quantiser_fails(faulty: Callable[[Callable[[Results], Results]], None]) -> None:
    def flipped(results: Results) -> Results:
        raw = results["q"].raw.copy()
        raw[0, 0] ^= 1
        return {**results, "q": replace(results["q"], raw=raw)}

    faulty(flipped)
    rows = results(QUANTISER)
    assert rows["torch:eager vs oracle"].status == "failed"
    assert rows["torch:eager vs oracle"].reason.startswith("'q': 1 of")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (Unsupported("this", "no such unit"), "unsupported", "no such unit"),
        (ZeroDivisionError("by zero"), "failed", "ZeroDivisionError: by zero"),
    ],
    ids=["unsupported", "crash"],
)
def test_calls_that_raise(
    faulty: Callable[[Callable[[Results], Results]], None], error: Exception, status: str, words: str
) -> None:
    def refuse(results: Results) -> Results:
        raise error

    faulty(refuse)
    rows = results()
    assert rows["jax:xla vs oracle"].status == "passed"
    for pair in ("torch:eager vs oracle", "torch:eager vs jax:xla"):
        assert (rows[pair].status, rows[pair].max_ulp) == (status, None)
        assert words in rows[pair].reason


def test_an_oracle_that_raises_passes_nothing() -> None:
    spec = specs.get(OP)

    def broken(_: object) -> dict[str, object]:
        raise RuntimeError("no definition")

    rows = run_case(replace(spec, oracle=broken), suite.base_case(spec), "exact", 0, BOTH)  # type: ignore[arg-type]
    assert {row.status for row in rows} == {"failed"}
    assert all("the oracle failed, RuntimeError: no definition" in row.reason for row in rows)


def test_a_device_that_is_not_there_is_not_run() -> None:
    spec = specs.get(OP)
    rows = run_case(spec, suite.base_case(spec), "exact", 0, registered(), "xpu")
    assert {row.status for row in rows} == {"not run"}
    assert {"torch sees no xpu device", "jax sees no xpu device"} <= {row.reason for row in rows}


def test_unknown_implementations_are_refused() -> None:
    spec = specs.get(OP)
    with pytest.raises(ArgumentError, match="torch:magic"):
        run_case(spec, suite.base_case(spec), "exact", 0, ("torch:magic",))


def test_a_run_covers_every_case_and_reports_progress() -> None:
    seen: list[tuple[int, int, str, str, Kind]] = []

    def progress(done: int, total: int, op: str, case: Case, kind: Kind, rows: tuple[CaseResult, ...]) -> None:
        assert [row.pair for row in rows] == ["torch:eager vs oracle"]
        seen.append((done, total, op, case.name, kind))

    rows = run_all([QUANTISER], implementations=("torch:eager",), progress=progress)
    cases = [(case.name, kind) for case in specs.get(QUANTISER).cases for kind in KINDS]
    assert [(row.case, row.data) for row in rows] == cases
    assert [(name, kind) for *_, name, kind in seen] == cases
    assert [(done, total) for done, total, *_ in seen] == [(i + 1, len(cases)) for i in range(len(cases))]


def test_seeds_of_cases_differ_and_stay() -> None:
    names = [(op, case, kind) for op, case in suite.small_cases() for kind in KINDS]
    seeds = [seed_of(0, op, case, kind) for op, case, kind in names]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [seed_of(0, op, case, kind) for op, case, kind in names]
    assert seeds[0] != seed_of(1, *names[0])


def test_records_say_what_was_run() -> None:
    row = results()["torch:eager vs oracle"]
    case = suite.base_case(specs.get(OP))
    assert row.shape.startswith(" ".join(f"{name}={size}" for name, size in case.sizes))
    assert "e4m3 × e4m3" in row.formats
    assert "u(float32)" in row.derivation
    assert row.seed == 7
    assert row.pictures.histogram is not None


def test_accumulators_are_those_of_the_dot_units() -> None:
    """On a GPU the dot of the program decides: 8-bit operands, 16-bit ones, or none that is not float32."""
    calls = {}
    for op in ("fp8_gemm", "fp8_gemm_w8a16", QUANTISER):
        spec = specs.get(op)
        calls[op] = suite.inputs_of(spec, suite.base_case(spec)).layout.call()
    for name in ("torch:triton", "jax:pallas"):
        assert accumulator_of(calls["fp8_gemm"], name, "cuda") is TENSOR_FP8
        assert accumulator_of(calls["fp8_gemm_w8a16"], name, "cuda") is TENSOR_FLOAT32
        assert accumulator_of(calls[QUANTISER], name, "cuda") is FLOAT32
    for name in registered():
        assert accumulator_of(calls["fp8_gemm"], name, "cpu") is FLOAT32
    assert accumulator_of(calls["fp8_gemm"], "torch:eager", "cuda") is FLOAT32
