"""Runs cases of operations through implementations, on the same bytes, and judges the results.

Every implementation is compared with the float64 oracle: byte for byte where the contract is exact and on
exact data, otherwise within the bound that the spec derives. Every torch implementation is then compared with
every JAX one: byte for byte in the same cases, otherwise within the sum of both bounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np

import specs
from parity.judge.again import again
from parity.judge.compare import Comparison, Exact, Mask
from parity.judge.expected import Expected, Side, expectations
from parity.judge.flushing import flushed_references
from parity.judge.frameworks import FRAMEWORKS, OutOfBoundsWrite, Result, Results, registered
from parity.judge.guard import bit_view
from parity.judge.inputs import KINDS, Inputs, Kind, Layout, decode, generate, layout_of
from parity.judge.verdict import Verdict
from parity.record.pictures import scale_map
from parity.record.records import STATUSES, CaseResult, ScaleMap, Status, judged
from specs.lang.call.bind import Call
from specs.lang.declare.accuracy import FLOAT32, Accumulator
from specs.lang.declare.kernel import Access, Role
from specs.lang.declare.op import Case, Op
from specs.lang.errors import NotAChoice, Unsupported
from specs.lang.formats.elements import ElementFormat

BOUND = "u_out |ref| + η_out + (1 + u_out) ((terms + extra) u_acc + t_acc) Σ|terms|"
SAME_BYTES = "same bytes"
ORACLE = "oracle"

Repeat = Callable[[Sequence[str]], str]
"""From names of implementations to the command that runs them on the same inputs again."""
Progress = Callable[[int, int, str, Case, Kind, tuple[CaseResult, ...]], None]
"""Called after every case: cases done, cases in all, operation, case, kind of data, results."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Outcome of one implementation. `results` is None unless it ran."""

    implementation: str
    results: Results | None = None
    status: Status = "passed"
    reason: str = ""
    seconds: float = 0.0
    accumulator: Accumulator = FLOAT32
    flushes: bool = False
    """Whether the platform takes subnormal numbers for zero."""


def accumulator_of(call: Call, implementation: str, device: str) -> Accumulator:
    """How the dot units add up that an implementation uses on a device."""
    framework, _, name = implementation.partition(":")
    return FRAMEWORKS[framework].accumulator(name, call, device)


# -- one case --------------------------------------------------------------------------------------------


def run_case(
    op: Op,
    case: Case,
    kind: Kind,
    seed: int,
    implementations: Sequence[str] | None = None,
    device: str = "cpu",
) -> tuple[CaseResult, ...]:
    """One case on one kind of data: implementations against the oracle, then torch ones against JAX ones.

    Args:
        seed: of the inputs, which differ from case to case (see `seed_of`); the same seed gives the same bytes.
        implementations: some of `registered`; None for all of them.
        device: "cpu", "cuda" or "xpu".

    Raises:
        ArgumentError: no implementation has that name, or the case is not one that the operation accepts.
    """
    names = _chosen(op, implementations)
    # Inputs of large cases take a while to make: not for nothing.
    if all(_missing(name, case, device) for name in names):
        return _run(layout_of(op, case), None, case, kind, seed, names, device)
    inputs = inputs_of(op, case, kind, seed)
    repeat = partial(repeat_case, op, case, kind, seed, device) if case in op.cases else None
    return run_inputs(inputs, case, kind, seed, names, device, repeat)


def inputs_of(op: Op, case: Case, kind: Kind, seed: int) -> Inputs:
    """The inputs of `run_case`.

    Raises:
        ArgumentError: the case is not one that the operation accepts.
    """
    return generate(op, case, kind, seed_of(seed, op.name, case.name, kind))


def run_inputs(
    inputs: Inputs,
    case: Case,
    kind: Kind,
    seed: int | None = None,
    implementations: Sequence[str] | None = None,
    device: str = "cpu",
    repeat: Repeat | None = None,
) -> tuple[CaseResult, ...]:
    """As `run_case`, for inputs that are there already.

    `kind` "exact" promises that every partial sum is exact. repeat: gives the command that runs some implementations on
    these inputs again, None where there is none.
    """
    names = _chosen(inputs.op, implementations)
    return _run(inputs.layout, inputs, case, kind, seed, names, device, repeat)


def _run(
    layout: Layout,
    inputs: Inputs | None,
    case: Case,
    kind: Kind,
    seed: int | None,
    implementations: Sequence[str],
    device: str,
    repeat: Repeat | None = None,
) -> tuple[CaseResult, ...]:
    call = layout.call()
    outcomes = {name: _attempt(inputs, call, name, case, device) for name in implementations}
    expected: dict[str, Expected] = {}
    if inputs is not None and any(outcome.results is not None for outcome in outcomes.values()):
        try:
            expected = expectations(inputs, call)
        except Exception as error:  # noqa: BLE001 - as in _attempt: nothing can be judged, and the run goes on
            outcomes = {name: _unjudged(outcome, error) for name, outcome in outcomes.items()}
    shared = _Case(
        case=case, kind=kind, seed=seed, layout=layout, inputs=inputs, call=call, expected=expected, repeat=repeat
    )
    rows = [shared.against_oracle(outcome) for outcome in outcomes.values()]
    left, right = (_of(outcomes, framework) for framework in FRAMEWORKS)
    return (*rows, *(shared.against(one, other) for one in left for other in right))


def _of(outcomes: Mapping[str, Outcome], framework: str) -> list[Outcome]:
    return [outcome for name, outcome in outcomes.items() if name.startswith(f"{framework}:")]


def _chosen(op: Op, implementations: Sequence[str] | None) -> Sequence[str]:
    known = registered()
    for name in implementations or ():
        if name not in known:
            raise NotAChoice(op=op.name, argument="implementations", expected=", ".join(known), actual=repr(name))
    return known if implementations is None else implementations


def _missing(implementation: str, case: Case, device: str) -> str | None:
    """Why an implementation is not even tried."""
    framework = FRAMEWORKS[implementation.partition(":")[0]]
    if case.large and device == "cpu":
        return "too large for a CPU, runs on GPUs only"
    return framework.missing(device)


def _attempt(inputs: Inputs | None, call: Call, implementation: str, case: Case, device: str) -> Outcome:
    framework, _, name = implementation.partition(":")
    missing = _missing(implementation, case, device)
    if missing is not None or inputs is None:
        return Outcome(implementation=implementation, status="not run", reason=missing or "")
    start = time.perf_counter()
    try:
        results = FRAMEWORKS[framework].run(inputs, name, device)
    except Unsupported as refusal:
        return Outcome(implementation=implementation, status="unsupported", reason=str(refusal))
    except Exception as error:  # noqa: BLE001 - one broken implementation is a failed result, and the run goes on
        reason = str(error) if isinstance(error, OutOfBoundsWrite) else f"{type(error).__name__}: {error}"
        return Outcome(implementation=implementation, status="failed", reason=reason)
    return replace(outcome_of(call, implementation, results, device), seconds=time.perf_counter() - start)


def outcome_of(call: Call, implementation: str, results: Results, device: str) -> Outcome:
    """The outcome of an implementation that returned these results."""
    return Outcome(
        implementation=implementation,
        results=results,
        accumulator=accumulator_of(call, implementation, device),
        flushes=FRAMEWORKS[implementation.partition(":")[0]].flushes(device),
    )


def judged_call(inputs: Inputs, one: Outcome, other: Outcome) -> tuple[dict[str, Verdict], ...]:
    """Verdicts on results that are there already, by name: `one` and `other` against the oracle, `one` against `other`.

    No sums are assumed to be exact.
    """
    call = inputs.layout.call()
    shared = _Case(
        case=Case(name="", sizes=()),
        kind="random",
        seed=None,
        layout=inputs.layout,
        inputs=inputs,
        call=call,
        expected=expectations(inputs, call),
        repeat=None,
    )
    return shared.verdicts_of(one), shared.verdicts_of(other), shared.verdicts_between(one, other)


def _unjudged(outcome: Outcome, error: Exception) -> Outcome:
    """An outcome that has no oracle to be compared with."""
    if outcome.results is None:
        return outcome
    reason = f"the oracle failed, {type(error).__name__}: {error}"
    return Outcome(implementation=outcome.implementation, status="failed", reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Case:
    """What all comparisons of one case share."""

    case: Case
    kind: Kind
    seed: int | None
    layout: Layout
    inputs: Inputs | None
    call: Call
    expected: Mapping[str, Expected]
    repeat: Repeat | None

    @property
    def exact(self) -> bool:
        return all(e.accuracy.same_bytes(self.kind == "exact") for e in self.expected.values())

    def against_oracle(self, outcome: Outcome) -> CaseResult:
        pair = f"{outcome.implementation} vs {ORACLE}"
        if outcome.results is None:
            return self._row(pair, status=outcome.status, reason=outcome.reason)
        start = time.perf_counter()
        verdicts = self.verdicts_of(outcome)
        seconds = outcome.seconds + time.perf_counter() - start
        return self._judged(pair, verdicts, seconds, self._derivation(outcome.accumulator))

    def against(self, one: Outcome, other: Outcome) -> CaseResult:
        pair = f"{one.implementation} vs {other.implementation}"
        if one.results is None or other.results is None:
            # For a pair, "cannot run" is the better reason than a failure of the other side.
            absent = max(one, other, key=lambda outcome: STATUSES.index(outcome.status))
            return self._row(pair, status=absent.status, reason=f"{absent.implementation}: {absent.reason}")
        start = time.perf_counter()
        verdicts = self.verdicts_between(one, other)
        seconds = one.seconds + other.seconds + time.perf_counter() - start
        derivation = "the sum of both bounds, because each side keeps its own"
        return self._judged(pair, verdicts, seconds, "" if self.exact else derivation)

    def verdicts_of(self, outcome: Outcome) -> dict[str, Verdict]:
        """Every result of an implementation that ran, against the oracle's."""
        verdicts, side = {}, self.side(outcome)
        for name, expected in self.expected.items():
            result, rule = side.results[name], expected.rule(self.kind, outcome.accumulator, side.results)
            verdicts[name] = _judge(rule, result, expected.form)
            if not verdicts[name].passed and (excused := self.flushed(outcome, name)) is not None:
                verdicts[name] = _judge(rule, result, expected.form, excused)
        return verdicts

    def verdicts_between(self, one: Outcome, other: Outcome) -> dict[str, Verdict]:
        """Every result of two implementations that ran, against each other: `one` is judged."""
        verdicts, left, right = {}, self.side(one), self.side(other)
        for name, expected in self.expected.items():
            result, rule, form = left.results[name], expected.between(self.kind, left, right), right.results[name].form
            verdicts[name] = _judge(rule, result, form)
            if not verdicts[name].passed:
                masks = [mask for side in (one, other) if (mask := self.flushed(side, name)) is not None]
                if masks:
                    verdicts[name] = _judge(rule, result, form, np.logical_or.reduce(masks))
        return verdicts

    def side(self, outcome: Outcome) -> Side:
        """An implementation's results, with unwritten elements replaced by the oracle's."""
        assert outcome.results is not None
        results = {name: _written(outcome.results[name], expected) for name, expected in self.expected.items()}
        return Side(results=results, accumulator=outcome.accumulator)

    def flushed(self, outcome: Outcome, name: str) -> Mask | None:
        """Elements of a result that miss the oracle's rule, and for which its platform accounts; None if it does not.

        Looked at only where something is wrong: another run of the oracle.
        """
        expected = self.expected[name]
        if not outcome.flushes or outcome.results is None or expected.moved or self.inputs is None:
            return None
        raw, rule = outcome.results[name].raw, expected.rule(self.kind, outcome.accumulator, outcome.results)
        references = flushed_references(self.inputs)
        explained = expected.explained(outcome.results, self.kind, outcome.accumulator, references)
        kept = rule.kept(raw)
        if explained is None or kept is None:
            return None
        if isinstance(rule, Exact):
            kept = kept & (bit_view(raw) == bit_view(rule.expected))
        return np.asarray(explained & ~kept, dtype=np.bool_)

    def _derivation(self, accumulator: Accumulator) -> str:
        if all(e.accuracy.exact for e in self.expected.values()):
            return "every step is exact or correctly rounded"
        left = [e for e in self.expected.values() if not e.accuracy.same_bytes(self.kind == "exact")]
        if not left:
            return "every partial sum is exact"
        texts = dict.fromkeys(e.accuracy.derivation(e.terms, e.form, accumulator) for e in left)
        return "; ".join((*texts, accumulator.doc))

    def _bound(self) -> str:
        """The formulas of all contracts that are bounds."""
        if self.exact:
            return SAME_BYTES
        bounded = [e.accuracy for e in self.expected.values() if not e.accuracy.same_bytes(self.kind == "exact")]
        return "; ".join(dict.fromkeys(BOUND if a.quantised is None else a.quantised.formula() for a in bounded))

    def _judged(self, pair: str, verdicts: Mapping[str, Verdict], seconds: float, derivation: str) -> CaseResult:
        return judged(
            _worst(verdicts),
            **self._facts(pair),
            bound=self._bound(),
            derivation=derivation,
            scale_map=_scales(self.inputs, self.expected),
            seconds=seconds,
            repeat=self._repeat(pair),
        )

    def _row(self, pair: str, *, status: Status, reason: str) -> CaseResult:
        repeat = self._repeat(pair) if status == "failed" else ""
        return CaseResult(**self._facts(pair), status=status, reason=reason, repeat=repeat)

    def _repeat(self, pair: str) -> str:
        if self.repeat is None:
            return ""
        return self.repeat([side for side in pair.split(" vs ") if side != ORACLE])

    def _facts(self, pair: str) -> dict[str, Any]:
        return {
            "op": self.call.op.name,
            "case": self.case.name,
            "pair": pair,
            "shape": shape_text(self.case),
            "formats": formats_text(self.layout, self.call),
            "data": self.kind,
            "seed": self.seed,
        }


def _written(result: Result, expected: Expected) -> Result:
    """A result with unwritten elements replaced by the oracle's, so that they are not compared."""
    unwritten = expected.reference.unwritten
    if unwritten is None or result.raw.shape != expected.raw.shape or result.form != expected.form:
        return result
    return replace(result, raw=np.where(unwritten, expected.raw, result.raw))


def _judge(rule: Comparison, result: Result, form: ElementFormat, excused: Mask | None = None) -> Verdict:
    """Compares one result; one of another format fails, whatever its bytes."""
    verdict = rule.compare(result.raw, excused)
    if result.form == form:
        return verdict
    message = f"failed: element format {result.form.name}, expected {form.name}"
    return replace(verdict, status="failed", message=message)


def _worst(verdicts: Mapping[str, Verdict]) -> Verdict:
    """The verdict of all results together: the worst one, with the largest numbers of all."""
    order = ("passed", "flushed", "failed")
    ranks = {n: (order.index(v.status), v.bound_share, v.max_ulp) for n, v in verdicts.items()}
    name = max(verdicts, key=lambda n: ranks[n])
    chosen = verdicts[name]
    if len(verdicts) == 1:
        return chosen
    return replace(
        chosen,
        max_ulp=max(v.max_ulp for v in verdicts.values()),
        bound_share=max(v.bound_share for v in verdicts.values()),
        flushed=sum(v.flushed for v in verdicts.values()),
        message=f"'{name}': {chosen.message.removeprefix(f'{chosen.status}: ')}",
    )


# -- words and pictures ----------------------------------------------------------------------------------


def shape_text(case: Case) -> str:
    """Sizes of the axes, such as "M=12 N=96 K=160, rows as 2×6"."""
    text = " ".join(f"{name}={size}" for name, size in case.sizes)
    return text if case.lead is None else f"{text}, rows as {'×'.join(map(str, case.lead))}"


def formats_text(layout: Layout, call: Call) -> str:
    """Formats of operands and scales, and of the results, such as "e4m3 × e4m3, f32 f32 → bf16"."""
    roles = {a.name: a.role for a in layout.op.inputs}
    operands = (Role.DATA, Role.CODES)
    data = " × ".join(f.name for name, f in layout.formats.items() if roles[name] in operands) or "indices"
    beside = " ".join(form.name for name, form in layout.formats.items() if roles[name] is Role.SCALE)
    results = [a for a in layout.op.arrays if a.access is not Access.IN and a.name in call.formats]
    out = ", ".join(call.formats[a.name].name for a in results)
    return f"{data}, {beside} → {out}" if beside else f"{data} → {out}"


def _scales(inputs: Inputs | None, expected: Mapping[str, Expected]) -> ScaleMap | None:
    """A picture of the largest array of scales, passed in or computed, if one has more than one scale."""
    if inputs is None:
        return None
    names = [a.name for a in inputs.op.arrays if a.role is Role.SCALE]
    arrays = {n: decode(inputs.arrays[n], inputs.formats[n]) for n in names if n in inputs.arrays}
    arrays |= {n: decode(expected[n].raw, expected[n].form) for n in names if n in expected}
    name = max(arrays, key=lambda n: arrays[n].size, default="")
    if not name or arrays[name].size < 2:
        return None
    rows, columns = arrays[name].reshape(-1, arrays[name].shape[-1]).shape
    title = f"{name}, {rows}×{columns}"
    return scale_map(arrays[name], title=title, rows=f"{rows} rows", columns=f"{columns} columns")


# -- many cases ------------------------------------------------------------------------------------------


def seed_of(base: int, op: str, case: str, kind: Kind) -> int:
    """What one case's inputs are drawn with, from the seed of the run and the case's names; below 2**48."""
    text = f"{base}/{op}/{case}/{kind}".encode()
    return int.from_bytes(blake2b(text, digest_size=6).digest(), "little")


def repeat_case(op: Op, case: Case, kind: Kind, seed: int, device: str, implementations: Sequence[str]) -> str:
    """The command that runs implementations on one case, and on the same inputs."""
    where = [] if device == "cpu" else ["--device", device]
    chosen = ["--case", case.name, "--kind", kind, "--seed", str(seed), "--implementations", ",".join(implementations)]
    return again("run", op, *chosen, *where)


def run_all(
    names: Iterable[str] | None = None,
    *,
    seed: int = 0,
    implementations: Sequence[str] | None = None,
    device: str = "cpu",
    kinds: Sequence[Kind] = KINDS,
    cases: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[CaseResult, ...]:
    """Every case of the named operations (None: all) on every kind of data.

    Args:
        seed: that of every case.
        cases: names of those to run, of every operation; all cases where none is named.
        progress: called after every case.

    Raises:
        KeyError: no operation has that name.
        ArgumentError: no implementation has that name.
    """
    ops = [specs.get(name) for name in (specs.names() if names is None else names)]
    todo = [(op, case, kind) for op in ops for case in op.cases if not cases or case.name in cases for kind in kinds]
    found: list[CaseResult] = []
    for done, (op, case, kind) in enumerate(todo, start=1):
        rows = run_case(op, case, kind, seed, implementations, device)
        found += rows
        if progress is not None:
            progress(done, len(todo), op.name, case, kind, rows)
    return tuple(found)
