"""Codes and scales that are judged together: honest results pass, and every planted fault is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from examples import author_a_kernel
from parity.commands.checking import problems
from parity.judge.expected import ExpectedQuantised, Side
from parity.judge.frameworks import Result, Results
from parity.judge.inputs import Raw, decode, encode, raw_dtype
from parity.judge.ulp import Float64
from specs.lang.declare.accuracy import FLOAT32, Accuracy, quantised
from specs.lang.declare.op import Reference
from specs.lang.declare.quantised import QuantisedBound, half_step
from specs.lang.errors import SpecError
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import E2M1, E4M3, E5M2, INT8, UINT8, ElementFormat
from specs.lang.formats.named import (
    INT8_PER_TOKEN,
    INT8_PER_TOKEN_ASYMMETRIC,
    MXFP4,
    MXFP8,
    NVFP4,
    PER_TENSOR_E5M2,
    PER_TOKEN_E4M3,
    TOKEN_GROUP_32_E8M0,
    TOKEN_GROUP_128,
)

FORMATS = (
    TOKEN_GROUP_128,
    PER_TOKEN_E4M3,
    PER_TENSOR_E5M2,
    TOKEN_GROUP_32_E8M0,
    MXFP8,
    MXFP4,
    INT8_PER_TOKEN,
)
formats = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
SHAPE = (9, 384)
EXTRA = 11
ZERO_ROW = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Values with float32 errors, quantised: exact ones, and what two implementations may make of them."""

    form: BlockFormat
    exact: Float64

    @property
    def magnitude(self) -> Float64:
        return np.abs(self.exact)

    def computed(self, seed: int) -> Raw:
        """The values as float32, each as far from the exact one as the contract allows."""
        sides = np.random.default_rng(seed).choice([-1.0, 1.0], self.exact.shape)
        return np.asarray(self.exact * (1 + sides * (EXTRA - 1) * 2.0**-24), np.float32)

    def results(self, seed: int) -> Results:
        """Codes and scales of values that are computed."""
        return self.encoded(self.computed(seed))

    def encoded(self, values: Any, **given: Any) -> Results:
        assert self.form.scale is not None
        found = self.form.encode(values, **given)
        assert found.scale is not None
        scale = np.ascontiguousarray(found.scale).view(raw_dtype(self.form.scale))
        return {
            "q": Result(raw=np.asarray(found.data).view(raw_dtype(self.stored)), form=self.stored),
            "scale": Result(raw=scale, form=self.form.scale),
        }

    @property
    def stored(self) -> ElementFormat:
        """Format of the array of codes."""
        return self.form.element if self.form.packing is None else UINT8

    def expected(self, *, static: Float64 | None = None) -> dict[str, ExpectedQuantised]:
        """The contracts of both results, from float64 alone."""
        assert self.form.scale is not None
        contract = dict(quantised("q", "scale", self.form, extra=EXTRA))
        codes = Reference(value=self.exact, magnitude=self.magnitude)
        shape = self.form.storage_shape(self.exact.shape).scale
        assert shape is not None
        rows, columns = (n // m for n, m in zip(self.exact.shape, shape, strict=True))
        amax = np.abs(self.exact).reshape(shape[0], rows, shape[1], columns).max((1, 3))
        exact = np.maximum(amax, self.form.amax_floor) / self.form.largest
        scale = Reference(value=exact if static is None else static)
        return {
            name: ExpectedQuantised(
                name=name,
                form=self.stored if name == "q" else self.form.scale,
                accuracy=accuracy,
                reference=codes if name == "q" else scale,
                terms=0,
                block=self.form,
                codes=codes,
                scale=scale,
                scale_form=self.form.scale,
                static=static is not None,
            )
            for name, accuracy in contract.items()
        }

    def failing(self, results: Results) -> set[str]:
        """Names of the results that break their contract."""
        found = self.expected()
        verdicts = {n: e.rule("random", FLOAT32, results).compare(results[n].raw) for n, e in found.items()}
        kept = {n: e.rule("random", FLOAT32, results).kept(results[n].raw) for n, e in found.items()}
        for name, verdict in verdicts.items():
            mask = kept[name]
            assert mask is not None
            assert verdict.passed == bool(mask.all())
            assert verdict.passed == (verdict.bound_share <= 1), verdict.message
        return {name for name, verdict in verdicts.items() if not verdict.passed}


def problem(form: BlockFormat, seed: int = 3) -> Problem:
    """Rows of different magnitude, one of them of zeros."""
    rng = np.random.default_rng(seed)
    exact = rng.standard_normal(SHAPE) * np.exp2(rng.integers(-3, 4, (SHAPE[0], 1)))
    exact[ZERO_ROW] = 0.0
    return Problem(form=form, exact=exact)


def changed(results: Results, name: str, raw: Raw) -> Results:
    return {**results, name: replace(results[name], raw=np.ascontiguousarray(raw))}


@formats
@pytest.mark.parametrize("seed", range(4))
def test_honest_results_pass(form: BlockFormat, seed: int) -> None:
    given = problem(form, seed)
    assert given.failing(given.results(seed)) == set()
    own = {name: Result(raw=e.raw, form=e.form) for name, e in given.expected().items()}
    assert given.failing(own) == set()


@formats
def test_two_honest_implementations_agree(form: BlockFormat) -> None:
    given = problem(form)
    one, other = (Side(results=given.results(seed), accumulator=FLOAT32) for seed in (1, 2))
    for name, expected in given.expected().items():
        verdict = expected.between("random", one, other).compare(one.results[name].raw)
        assert verdict.passed, verdict.message
    wrong = replace(other, results=changed(other.results, "q", off_by_two(given, other.results)["q"].raw))
    rule = given.expected()["q"].between("random", one, wrong)
    assert rule.compare(one.results["q"].raw).status == "failed"


# -- faults ----------------------------------------------------------------------------------------------------


def codes_of(given: Problem, results: Results) -> Raw:
    raw = results["q"].raw
    return np.array(raw if given.form.packing is None else given.form.packing.unpack(raw))


def with_codes(given: Problem, results: Results, codes: Raw) -> Results:
    packing = given.form.packing
    return changed(results, "q", codes if packing is None else packing.pack(codes).view(raw_dtype(given.stored)))


def off_by(given: Problem, results: Results, steps: int) -> Results:
    """One code of the first row, near neither zero nor the largest, is so many steps too large."""
    codes = codes_of(given, results)
    size = np.abs(given.form.element.decode(codes[0]))
    at = int(np.argmin(np.abs(size - given.form.element.max_finite / 3)))
    codes[0, at] = codes[0, at] + np.array(steps).astype(codes.dtype)
    return with_codes(given, results, codes)


def off_by_two(given: Problem, results: Results) -> Results:
    """A code is two steps off."""
    return off_by(given, results, 2)


def swapped_codes(given: Problem, results: Results) -> Results:
    """Two blocks of codes have changed places."""
    codes = codes_of(given, results)
    return with_codes(given, results, np.roll(codes, SHAPE[1] // 3, axis=1))


def zeroed_row(given: Problem, results: Results) -> Results:
    """A row of codes was not written."""
    codes = codes_of(given, results)
    codes[1] = 0
    return with_codes(given, results, codes)


def one_sign(given: Problem, results: Results) -> Results:
    """The largest code of a row has the wrong sign."""
    codes = codes_of(given, results)
    at = int(np.abs(given.form.element.decode(codes[2])).argmax())
    value = -given.form.element.decode(codes[2, at])
    codes[2, at] = given.form.element.encode(value).astype(codes.dtype)
    return with_codes(given, results, codes)


def noise_in_zeros(given: Problem, results: Results) -> Results:
    """One code of a row of zeros is not zero."""
    codes = codes_of(given, results)
    codes[ZERO_ROW, 7] = 1
    return with_codes(given, results, codes)


CODE_FAULTS: tuple[Callable[[Problem, Results], Results], ...] = (
    off_by_two,
    swapped_codes,
    zeroed_row,
    one_sign,
)


@pytest.mark.parametrize("fault", CODE_FAULTS, ids=lambda fault: fault.__name__)
@formats
def test_faults_in_codes_are_reported(form: BlockFormat, fault: Callable[[Problem, Results], Results]) -> None:
    given = problem(form)
    assert given.failing(fault(given, given.results(0))) == {"q"}


@pytest.mark.parametrize("form", [f for f in FORMATS if f.block[0] == 1], ids=lambda form: form.name)
def test_a_code_that_is_not_zero_in_a_row_of_zeros_is_reported(form: BlockFormat) -> None:
    given = problem(form)
    assert given.failing(noise_in_zeros(given, given.results(0))) == {"q"}


@formats
def test_a_scale_that_is_off_is_reported_even_if_the_codes_fit_it(form: BlockFormat) -> None:
    """By 1 %, or by the next power of two where there are no others."""
    given = problem(form)
    assert form.scale is not None
    results = given.results(0)
    factor = 1.01 if form.scale.mantissa_bits else 2.0
    scales = decode(results["scale"].raw, form.scale)
    wrong = scales.copy()
    wrong.flat[0] *= factor
    consistent = given.encoded(given.computed(0), scale=wrong)
    assert "scale" in given.failing(consistent)
    assert given.failing(changed(results, "scale", encode(wrong, form.scale))) >= {"scale"}
    assert given.failing(changed(results, "scale", encode(scales * 0, form.scale))) == {"q", "scale"}


@pytest.mark.parametrize("form", [f for f in FORMATS if f.block[0] == 1], ids=lambda form: form.name)
def test_scales_of_other_rows_are_reported(form: BlockFormat) -> None:
    given = problem(form)
    results = given.results(0)
    assert "scale" in given.failing(changed(results, "scale", np.roll(results["scale"].raw, 1, axis=0)))


@formats
def test_results_of_another_shape_or_dtype_fail(form: BlockFormat) -> None:
    given = problem(form)
    results, expected = given.results(0), given.expected()["q"]
    for raw in (results["q"].raw[:-1], results["q"].raw.astype(np.float64)):
        assert expected.rule("random", FLOAT32, results).compare(raw).status == "failed"
    short = changed(results, "scale", results["scale"].raw[:-1])
    assert given.expected()["scale"].rule("random", FLOAT32, short).compare(short["scale"].raw).status == "failed"
    assert expected.rule("random", FLOAT32, short).compare(short["q"].raw).passed, "judged under the oracle's scales"


# -- ties, powers of two, saturation, values that are not finite -------------------------------------------------


def row(form: BlockFormat, values: list[float]) -> Problem:
    """One row of given values, then zeros."""
    exact = np.zeros((1, SHAPE[1]))
    exact[0, : len(values)] = values
    return Problem(form=form, exact=exact)


def test_a_tie_may_go_either_way_and_no_further() -> None:
    """17 lies between 16 and 18; a scale one ulp larger or smaller decides which of them is nearer."""
    given = row(PER_TOKEN_E4M3, [448.0, 17.0, -17.0])
    values = given.exact.astype(np.float32)
    found = set()
    for scale in (1.0, np.nextafter(np.float32(1), np.float32(2)), np.nextafter(np.float32(1), np.float32(0))):
        results = given.encoded(values, scale=np.array([[scale]]))
        assert given.failing(results) == set()
        found.add(float(E4M3.decode(codes_of(given, results)[0, 1])))
        for steps in (-2, 2):
            codes = codes_of(given, results)
            codes[0, 1] += np.array(steps).astype(codes.dtype)
            assert given.failing(with_codes(given, results, codes)) == {"q"}
    assert found == {16.0, 18.0}


def test_a_code_one_step_off_is_reported_away_from_ties() -> None:
    given = row(PER_TOKEN_E4M3, [448.0, 16.5, 17.5])
    results = given.encoded(given.exact.astype(np.float32))
    codes = codes_of(given, results)
    assert E4M3.decode(codes[0, 1:3]).tolist() == [16.0, 18.0]
    for at, steps in ((1, 1), (1, -1), (2, -1), (2, 1)):
        wrong = codes.copy()
        wrong[0, at] += np.array(steps).astype(codes.dtype)
        assert given.failing(with_codes(given, results, wrong)) == {"q"}


@pytest.mark.parametrize(("amax", "allowed"), [(448.0, 2), (448.0 * (1 - 1e-4), 1), (448.0 * (1 + 1e-4), 1)])
def test_the_next_power_of_two_is_right_only_where_the_error_decides(amax: float, allowed: int) -> None:
    given = row(MXFP8, [amax, 3.0])
    passed = 0
    for exponent in range(-3, 4):
        results = given.encoded(given.exact.astype(np.float32), scale=np.full((1, SHAPE[1] // 32), 2.0**exponent))
        scale = decode(given.results(0)["scale"].raw, MXFP8.scale)  # type: ignore[arg-type]
        scale[0, 0] = 2.0**exponent
        passed += "scale" not in given.failing(changed(results, "scale", encode(scale, results["scale"].form)))
    assert passed == allowed


def test_under_a_static_scale_that_is_too_small_values_saturate() -> None:
    given = row(PER_TOKEN_E4M3, [1000.0, -1000.0, 104.0])
    static = np.array([[0.5]])
    results = given.encoded(given.exact.astype(np.float32), scale=static)
    expected = given.expected(static=static)["q"]
    codes = codes_of(given, results)
    assert E4M3.decode(codes[0, :3]).tolist() == [448.0, -448.0, 208.0]
    assert expected.rule("random", FLOAT32, results).compare(codes).passed
    for at, wrong in ((0, 384.0), (0, -448.0), (1, np.nan), (2, 192.0)):
        changed_codes = codes.copy()
        changed_codes[0, at] = E4M3.encode(wrong)
        verdict = expected.rule("random", FLOAT32, results).compare(changed_codes)
        assert (verdict.status, verdict.mismatches, verdict.worst[0].coordinate) == ("failed", 1, (0, at))


@pytest.mark.parametrize("form", [TOKEN_GROUP_128, MXFP8], ids=lambda form: form.name)
@pytest.mark.parametrize("broken", [np.inf, -np.inf, np.nan])
def test_a_value_that_is_not_finite_breaks_its_own_block_only(form: BlockFormat, broken: float) -> None:
    given = problem(form)
    exact = given.exact.copy()
    exact[2, 5] = broken
    given = replace(given, exact=exact)
    with np.errstate(invalid="ignore"):
        results = given.results(0)
    assert given.failing(results) == set()
    side = Side(results=results, accumulator=FLOAT32)
    for name, expected in given.expected().items():
        assert expected.between("random", side, side).compare(results[name].raw).passed
    scales = decode(results["scale"].raw, results["scale"].form)
    for at, value in (((2, 0), 1.0), ((2, 1), np.nan), ((3, 0), np.nan)):
        wrong = scales.copy()
        wrong[at] = value
        failing = given.failing(changed(results, "scale", encode(wrong, results["scale"].form)))
        assert "scale" in failing
        assert "q" in failing or at == (2, 0), "values of another block decode to NaN"


def test_codes_that_were_never_written_are_counted() -> None:
    given = problem(PER_TOKEN_E4M3)
    results = given.results(0)
    codes = codes_of(given, results)
    codes[:, -2:] = 0xFF
    verdict = given.expected()["q"].rule("random", FLOAT32, results).compare(codes)
    assert (verdict.status, verdict.mismatches, verdict.unwritten) == ("failed", 2 * SHAPE[0], 2 * SHAPE[0])


@pytest.mark.parametrize("element", [E2M1, E4M3, E5M2, INT8], ids=lambda element: element.name)
def test_half_a_step_is_the_largest_distance_to_a_code(element: ElementFormat) -> None:
    ladder = np.unique(element.decode(np.arange(1 << element.bits).astype(element.storage_dtype)))
    ladder = ladder[np.isfinite(ladder) & (ladder >= 0)]
    middle = (ladder[1:] + ladder[:-1]) / 2
    np.testing.assert_array_equal(half_step(element, middle), (ladder[1:] - ladder[:-1]) / 2)


# -- declarations ------------------------------------------------------------------------------------------------


def test_the_scales_have_the_shape_of_the_blocks() -> None:
    value = np.ones((4, 256))
    QuantisedBound(form=TOKEN_GROUP_128, value=value, error=value, scale=np.ones((4, 2)))
    QuantisedBound(form=PER_TOKEN_E4M3, value=value, error=value, scale=np.ones(4))
    with pytest.raises(SpecError, match=r"scales have the shape \[2, 4\].*\[4, 2\]"):
        QuantisedBound(form=TOKEN_GROUP_128, value=value, error=value, scale=np.ones((2, 4)))


SILU = author_a_kernel.SILU_MUL_QUANT


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [
        (quantised("code", "scale", TOKEN_GROUP_128), "accuracy of 'code', which is no result"),
        (quantised("q", "scales", TOKEN_GROUP_128), "accuracy of 'scales', which is no result"),
        (
            (*quantised("q", "s", TOKEN_GROUP_128, scale_is_argument=True), ("scale", Accuracy())),
            "scale 's' is no result and no argument",
        ),
        (
            (*quantised("q", "scale", TOKEN_GROUP_128)[:1], ("scale", Accuracy(extra=3))),
            "codes and scale have different contracts",
        ),
        (
            tuple((name, replace(one, exact=True)) for name, one in quantised("q", "scale", TOKEN_GROUP_128)),
            "exact and quantised exclude each other",
        ),
        (quantised("q", "scale", INT8_PER_TOKEN_ASYMMETRIC), "scale rule RANGE"),
        (quantised("q", "scale", NVFP4), "not codes times one scale per block"),
        (quantised("q", "scale", INT8_PER_TOKEN), "'q' has the formats e4m3, int8_per_token_symmetric_f32 stores int8"),
        (quantised("q", "scale", MXFP8), "'scale' has the formats f32, mxfp8 stores e8m0"),
    ],
)
def test_a_contract_that_does_not_fit_its_operation_is_refused(accuracy: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words) as raised:
        replace(SILU, accuracy=accuracy)
    assert "test_quantised.py" in str(raised.value) or "author_a_kernel.py" in str(raised.value)


def values_of(inputs: Any) -> Float64:
    gate, up = inputs["gate"], inputs["up"]
    return np.asarray(gate / (1.0 + np.exp(-gate)) * up)


@pytest.mark.parametrize(
    ("oracle", "words"),
    [
        (lambda _: {}, "the oracle failed, KeyError"),
        (
            lambda inputs: {**author_a_kernel.oracle(inputs), "q": Reference(value=values_of(inputs))},
            "the oracle has to give its magnitude",
        ),
        (
            lambda inputs: {
                **author_a_kernel.oracle(inputs),
                "scale": Reference(value=np.abs(values_of(inputs)).max(-1, keepdims=True)),
            },
            "scales have the shape",
        ),
    ],
    ids=["raises", "no magnitude", "scale per row"],
)
def test_check_says_what_an_oracle_lacks(oracle: Any, words: str) -> None:
    assert list(problems(SILU)) == []
    assert words in "\n".join(problems(replace(SILU, oracle=oracle, cases=SILU.cases[:1])))


def test_the_contract_is_said_in_symbols_and_numbers() -> None:
    contract = SILU.accuracy_of("q")
    assert contract.formula() == SILU.accuracy_of("scale").formula()
    assert "(0 + 11) u_acc" in contract.formula()
    assert "|q scale - exact| <= scale (h + d)" in contract.formula()
    assert "(0=0+11) * u(float32)=5.96046e-08" in contract.derivation(0, E4M3, FLOAT32)
    assert not contract.same_bytes(exact_sums=True)


def test_scales_that_lie_group_by_group() -> None:
    one = problem(TOKEN_GROUP_128)
    found, results = one.expected()["scale"], one.results(0)
    rows = results["scale"].raw
    padded = np.zeros((rows.shape[1], rows.shape[0] + 3), rows.dtype)
    padded[:, : rows.shape[0]] = rows.T
    turned = {n: replace(e, transposed=padded.shape) for n, e in one.expected().items()}
    given = changed(results, "scale", padded)
    for name, expected in turned.items():
        assert expected.rule("random", FLOAT32, given).compare(given[name].raw).passed
        assert expected.between("random", side(given), side(given)).compare(given[name].raw).passed
    assert (turned["scale"].raw[:, : rows.shape[0]] == found.raw.T).all()
    for fault in (np.roll(padded, 1, axis=1), np.where(padded == 0, np.float32(1), padded)):
        assert not turned["scale"].rule("random", FLOAT32).compare(fault).passed
    rolled = changed(results, "scale", np.roll(padded, 1, axis=1))
    assert not turned["q"].rule("random", FLOAT32, rolled).compare(rolled["q"].raw).passed


def side(results: Results) -> Side:
    return Side(results=results, accumulator=FLOAT32)
