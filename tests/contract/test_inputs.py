"""Inputs follow from the spec, and exact data is as coarse as it promises to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

import specs
from parity.judge.guard import bit_view
from parity.judge.inputs import KINDS, Inputs, Kind, Raw, decode, encode, generate, layout_of, raw_dtype
from specs.lang.declare.kernel import Role
from specs.lang.declare.op import Case, Op, Sample, Sampler
from specs.lang.errors import ArgumentError, SpecError
from specs.lang.formats.elements import ALL, E2M1, ElementFormat
from tests.contract import suite


def has_exact_sums(op: Op) -> bool:
    """Whether a result is the oracle's bytes on exact data alone: because its sums are exact there."""
    return any(accuracy.same_bytes(True) and not accuracy.exact for _, accuracy in op.accuracy)


SMALL = suite.small_cases()
LISTABLE = [form for form in ALL if form.bits == form.storage_bits <= 16]
# Samplers of their own make exact data in their own way, of which `test_case` sees that all sums are exact.
SUMMED = [(op, case) for op, case in SMALL if has_exact_sums(specs.get(op)) and specs.get(op).sample is None]


@pytest.mark.parametrize(("op", "case"), SMALL)
@pytest.mark.parametrize("kind", KINDS)
def test_every_case_is_a_call_that_the_spec_accepts(op: str, case: str, kind: Kind) -> None:
    spec = specs.get(op)
    inputs = generate(spec, spec.case(case), kind, 1)
    call = inputs.layout.call()
    for axis, size in spec.case(case).sizes:  # beside which there may be derived ones
        unstated = bool(spec.case(case).absent) and call.sizes[axis] == 0
        assert call.sizes[axis] == size or unstated, axis
    for name, raw in inputs.arrays.items():
        assert raw.dtype == raw_dtype(inputs.formats[name])
        left_out = raw.shape == (0,) and spec.array(name).role is Role.ADDEND  # an empty addend means none
        assert left_out or raw.shape == call.shapes[name]


@pytest.mark.parametrize(("op", "case"), SMALL)
def test_a_seed_decides_the_bytes(op: str, case: str) -> None:
    spec = specs.get(op)
    first, again, other = (generate(spec, spec.case(case), "random", seed) for seed in (5, 5, 6))
    changed = {n: not np.array_equal(bit_view(raw), bit_view(other.arrays[n])) for n, raw in first.arrays.items()}
    for name, raw in first.arrays.items():
        np.testing.assert_array_equal(bit_view(raw), bit_view(again.arrays[name]))
        if raw.size > 8:  # of what a sampler supplies, some may have no choice
            assert changed[name] or (spec.sample is not None and any(changed.values())), name


@pytest.mark.parametrize("op", specs.names())
def test_leaving_an_array_out_changes_no_other(op: str) -> None:
    """Of what a sampler supplies only optional indices: lists follow from lengths, and values from sinks."""
    spec = specs.get(op)
    case = suite.base_case(spec)
    full = generate(spec, replace(case, absent=()), "random", 3)
    for array in spec.inputs:
        less_case = replace(case, absent=(array.name,))
        if array.optional and array.name in full.arrays and accepted(spec, less_case):
            less = generate(spec, less_case, "random", 3)
            assert less.arrays.keys() == full.arrays.keys() - {array.name}
            for name, raw in less.arrays.items():
                chosen = spec.array(name).optional and role_of(spec, name) is Role.INDEX
                if spec.sample is None or chosen:
                    np.testing.assert_array_equal(bit_view(raw), bit_view(full.arrays[name]))


def accepted(op: Op, case: Case) -> bool:
    """Whether the spec takes the call of a case."""
    try:
        layout_of(op, case).call()
    except ArgumentError:
        return False
    return True


@pytest.mark.parametrize(("op", "case"), SMALL)
def test_random_data_has_no_special_values(op: str, case: str) -> None:
    """But for those that a sampler puts where a kernel must not look, or that mean something."""
    spec = specs.get(op)
    inputs = generate(spec, spec.case(case), "random", 2)
    for name, raw in inputs.arrays.items():
        values = decode(raw, inputs.formats[name])
        assert np.isfinite(values).all() or spec.sample is not None, name
        if role_of(spec, name) is Role.SCALE:
            assert not (values <= 0).any(), name
        if role_of(spec, name) is Role.PERMUTATION:
            np.testing.assert_array_equal(np.sort(values), np.arange(values.size))


@pytest.mark.parametrize(("op", "case"), SUMMED)
def test_sums_are_exact_in_float32(op: str, case: str) -> None:
    """Every partial sum is a multiple of the quantum and smaller than 2**24 of them."""
    spec = specs.get(op)
    inputs = generate(spec, spec.case(case), "exact", 4)
    steps = {name: quantum(values) for name, values in numbers(inputs).items()}
    addends = {name for name in steps if role_of(spec, name) is Role.ADDEND}
    term = float(np.prod([step for name, step in steps.items() if name not in addends]))
    smallest = min([term, *(steps[name] for name in addends)])
    for name, reference in spec.oracle(inputs.values()).items():
        if not spec.accuracy_of(name).same_bytes(True):
            continue
        assert reference.magnitude is not None
        in_quanta = reference.magnitude / smallest
        assert (in_quanta < 2.0**24).all()
        np.testing.assert_array_equal(in_quanta, np.rint(in_quanta))


@pytest.mark.parametrize(("op", "case"), SUMMED)
def test_sums_are_exact_in_a_tensor_core(op: str, case: str) -> None:
    """128 products of 8-bit floats fit the 13 fraction bits that are kept below the largest of them."""
    spec = specs.get(op)
    inputs = generate(spec, spec.case(case), "exact", 4)
    narrow = [n for n, form in inputs.formats.items() if form.is_float and form.bits <= 8]
    operands = [decode(inputs.arrays[n], inputs.formats[n]) for n in narrow if role_of(spec, n) is Role.DATA]
    if len(operands) == 2:
        largest = np.prod([np.abs(values).max(initial=0.0) for values in operands])
        assert 128 * largest < 2.0**13
        assert all(quantum(values) >= 1.0 for values in operands)


def role_of(op: Op, name: str) -> Role:
    return op.array(name).role


def numbers(inputs: Inputs) -> Mapping[str, Raw]:
    """Values of what is multiplied and added; packed codes as the finest ones there are (e2m1)."""
    found = {}
    for name, raw in inputs.arrays.items():
        if inputs.formats[name].is_float:
            found[name] = decode(raw, inputs.formats[name])
        elif role_of(inputs.op, name) is Role.CODES:
            found[name] = E2M1.decode(np.arange(16))
    return found


def quantum(values: Raw) -> float:
    """The largest power of two of which all values are multiples; infinite if all are zero."""
    mantissa, exponent = np.frexp(values[values != 0])
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    lowest = exponent - 53 + np.log2((whole & -whole).astype(np.float64))
    return float(np.exp2(lowest.min())) if lowest.size else np.inf


@pytest.mark.parametrize("form", LISTABLE, ids=lambda form: form.name)
def test_raw_arrays_hold_every_code(form: ElementFormat) -> None:
    codes = np.arange(1 << form.bits).astype(form.storage_dtype).view(raw_dtype(form))
    values = decode(codes, form)
    kept = np.isfinite(values)  # NaN has many codes and encoding gives one; quantisers saturate infinities
    np.testing.assert_array_equal(bit_view(encode(values, form))[kept], bit_view(codes)[kept])


# The sampler of a spec.


def sampled_by(sampler: Sampler, *, role: Role = Role.DATA) -> Op:
    """A product whose inputs a sampler supplies; `role` is that of the first of them."""
    op = specs.get("fp8_gemm")
    first, *others = op.arrays
    return replace(op, sample=sampler, arrays=(replace(first, role=role), *others))


def test_a_sampler_is_told_of_the_call_and_supplies_some_arrays() -> None:
    seen: list[Sample] = []

    def sampler(sample: Sample) -> Mapping[str, Raw]:
        seen.append(sample)
        ones = np.ones(sample.sizes["M"] * sample.sizes["K"])  # rows in one piece, whatever their dimensions
        return {"a": ones, "bias": sample.rng.standard_normal(sample.sizes["N"])}

    plain, op = specs.get("fp8_gemm"), sampled_by(sampler)
    case = replace(suite.base_case(plain), absent=("bias",))
    inputs, drawn = generate(op, case, "exact", 9), generate(plain, case, "exact", 9)
    (sample,) = seen
    assert dict(sample.sizes) == dict(case.sizes)
    assert sample.kind == "exact"
    assert sample.attributes == inputs.attributes
    assert {name: raw.shape for name, raw in inputs.arrays.items()} == sample.shapes
    assert "bias" not in inputs.arrays, "what is not passed is not made"
    np.testing.assert_array_equal(decode(inputs.arrays["a"], inputs.formats["a"]), 1.0)
    for name in inputs.arrays.keys() - {"a"}:
        np.testing.assert_array_equal(bit_view(inputs.arrays[name]), bit_view(drawn.arrays[name]))


def test_a_sampler_may_supply_codes() -> None:
    def sampler(sample: Sample) -> Mapping[str, Raw]:
        return {"a": sample.rng.integers(0, 0x70, sample.shapes["a"], dtype=np.uint8)}

    op = sampled_by(sampler)
    first, again = (generate(op, suite.base_case(op), "random", 9).arrays["a"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.max() > 0x38, "codes of e4m3, where 0x38 is 1.0"


@pytest.mark.parametrize(
    ("supplied", "words"),
    [
        (lambda _: {"c": np.zeros(3)}, "no arguments"),
        (lambda _: {"a": np.zeros(3)}, "'a' wrongly"),
        (lambda _: {}, "role INDEX"),
    ],
    ids=["unknown", "size", "missing"],
)
def test_what_a_sampler_gets_wrong_is_said(supplied: Sampler, words: str) -> None:
    op = sampled_by(supplied, role=Role.INDEX)
    with pytest.raises(SpecError, match=words):
        generate(op, suite.base_case(op), "random", 0)


@pytest.mark.parametrize("values", [np.array([1 << 31]), np.array([0.5])], ids=["range", "fraction"])
def test_integers_that_do_not_fit_are_refused(values: Raw) -> None:
    op = specs.get("int4_gemm_w4a16")
    case = suite.base_case(op)
    size = generate(op, case, "random", 0).arrays["b"].size
    with pytest.raises(SpecError, match="int32 does not hold"):
        generate(replace(op, sample=lambda _: {"b": np.repeat(values, size)}), case, "random", 0)
