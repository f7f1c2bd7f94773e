"""Expected results of a call: the spec's accuracy contracts as comparison rules.

A result alone is compared byte for byte or within its bound. Codes and scales with a contract of their own
(`specs.lang.declare.quantised`) are compared together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.judge.compare import Bounded, Comparison, Exact, Mask, Scaled
from parity.judge.flushing import without_subnormals
from parity.judge.frameworks import Results
from parity.judge.inputs import Inputs, Kind, Raw, decode, encode, raw_dtype
from parity.judge.ulp import Float64, values
from specs.lang.call.bind import Call
from specs.lang.declare.accuracy import FLOAT32, Accumulator, Accuracy
from specs.lang.declare.kernel import Access, Role
from specs.lang.declare.op import Reference
from specs.lang.declare.quantised import QuantisedBound
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import F32, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One of two implementations that are compared: its results, and how its dot units add up."""

    results: Results
    accumulator: Accumulator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expected:
    """Expectation for one result."""

    name: str = ""
    form: ElementFormat
    accuracy: Accuracy
    reference: Reference
    terms: int
    moved: bool = False
    """Whether codes are moved unchanged, NaN codes included."""

    def same_bytes(self, expected: Raw) -> Exact:
        """The rule for these bytes."""
        free = self.form.is_float and not self.moved
        return Exact(expected=expected, element=self.form, nan_payload_free=free)

    @property
    def raw(self) -> Raw:
        """The oracle's result as bytes, correctly rounded."""
        value = np.asarray(self.reference.value)
        if self.accuracy.exact and self.form.bits <= 8:  # such values are codes already
            mask = (1 << self.form.storage_bits) - 1
            return (value.astype(np.int64) & mask).astype(self.form.storage_dtype).view(raw_dtype(self.form))
        # A sum that starts from zero is never the negative zero.
        return encode(value if self.accuracy.exact else value + 0.0, self.form)

    def bound(self, accumulator: Accumulator) -> Float64:
        """Largest error allowed, elementwise; 0 for an exact contract."""
        value, magnitude = self.reference.value, self.reference.magnitude
        if self.accuracy.exact:
            return np.zeros(np.shape(value))
        assert magnitude is not None, "a contract that is not exact needs the oracle's magnitude"
        return self.accuracy.bound(value, magnitude, self.terms, self.form, accumulator)

    def explained(
        self, results: Results, kind: Kind, accumulator: Accumulator, flushed: Mapping[str, Reference]
    ) -> Mask | None:
        """Which elements a platform that flushes accounts for; None where shapes or dtypes differ."""
        found: Mask | None = None
        for other in (self, self.referring_to(flushed)):
            for rule in other.flushed_rules(kind, accumulator, results):
                kept = rule.kept(results[self.name].raw)
                if kept is None:
                    return None
                found = kept if found is None else found | kept
        return found

    def referring_to(self, references: Mapping[str, Reference]) -> Expected:
        """The same contract with other results of the oracle."""
        return replace(self, reference=references[self.name])

    def flushed_rules(self, kind: Kind, accumulator: Accumulator, results: Results) -> list[Comparison]:
        """Alternative rules for a platform that flushes subnormal numbers; one of them must pass."""
        reference = self.reference
        if self.accuracy.same_bytes(kind == "exact"):
            if self.accuracy.exact and self.form.bits <= 8:
                return [self.same_bytes(self.raw)]
            zeroed = replace(reference, value=without_subnormals(reference.value))
            return [self.same_bytes(self.raw), self.same_bytes(replace(self, reference=zeroed).raw)]
        value = np.asarray(reference.value, np.float64)
        # Every operation on a term, and the result itself.
        bound = self.bound(accumulator) + (self.terms + self.accuracy.extra + 1) * F32.min_normal
        return [Bounded(reference=value, bound=bound, dtype=raw_dtype(self.form), element=self.form)]

    def rule(self, kind: Kind, accumulator: Accumulator, results: Results | None = None) -> Comparison:
        """How an implementation is compared with the oracle.

        results: what else it returned: codes are judged with their scales.
        """
        if self.accuracy.same_bytes(kind == "exact"):
            return self.same_bytes(self.raw)
        value = np.asarray(self.reference.value, np.float64)
        dtype = raw_dtype(self.form)
        return Bounded(reference=value, bound=self.bound(accumulator), dtype=dtype, element=self.form)

    def between(self, kind: Kind, one: Side, other: Side) -> Comparison:
        """The rule between two implementations: each is within its own bound."""
        raw, form = other.results[self.name].raw, other.results[self.name].form
        if self.accuracy.same_bytes(kind == "exact"):
            return self.same_bytes(raw)
        bound = self.bound(one.accumulator) + self.bound(other.accumulator)
        # Where the oracle is not finite, so must both be.
        bound = np.where(np.isfinite(bound), bound, 0.0)
        return Bounded(reference=decode(raw, form), bound=bound, dtype=raw.dtype, element=form)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpectedQuantised(Expected):
    """Expectation for codes or their scales, where both are computed from inexact values.

    block: the format of both. codes, scale: the oracle's values before quantisation, and its unrounded scales.
    static: whether the scales are an argument.
    transposed: the shape of scales that lie group by group, [groups, rows and padding]; None where row by row.
    """

    block: BlockFormat
    codes: Reference
    scale: Reference
    scale_form: ElementFormat
    static: bool = False
    transposed: tuple[int, ...] | None = None

    @property
    def is_scale(self) -> bool:
        """Whether this is the contract of the scales."""
        assert self.accuracy.quantised is not None
        return self.name == self.accuracy.quantised.scale

    def referring_to(self, references: Mapping[str, Reference]) -> Expected:
        """The same contract with other results of the oracle."""
        given = self.accuracy.quantised
        assert given is not None
        scale = self.scale if self.static else references[given.scale]
        return replace(self, reference=references[self.name], codes=references[given.codes], scale=scale)

    @property
    def raw(self) -> Raw:
        """The oracle's codes under its own scales, or the scales, as bytes."""
        numbers = self._numbers(FLOAT32)
        scale = numbers.stored(numbers.scale)
        if self.is_scale:
            return encode(self._laid_out(scale), self.form)
        with np.errstate(invalid="ignore"):
            codes = self.block.element.encode(numbers.value / numbers.spread(scale))
        if self.block.packing is not None:
            return self.block.packing.pack(codes).view(raw_dtype(self.form))
        return codes.view(raw_dtype(self.form))

    def rule(self, kind: Kind, accumulator: Accumulator, results: Results | None = None) -> Comparison:
        """How an implementation is compared with the oracle: codes under its own scales (or the oracle's)."""
        return self._rule(self._numbers(accumulator), results or {})

    def flushed_rules(self, kind: Kind, accumulator: Accumulator, results: Results) -> list[Comparison]:
        """As above, under the scales that were returned."""
        lost = (self.terms + self.accuracy.extra + 1) * F32.min_normal
        return [self._rule(self._numbers(accumulator, lost), results)]

    def between(self, kind: Kind, one: Side, other: Side) -> Comparison:
        """The rule between two implementations for code * scale: each is within its own bound of the oracle."""
        numbers = [self._numbers(side.accumulator) for side in (one, other)]
        raw = other.results[self.name].raw
        if self.is_scale:
            (low, high), (least, greatest) = (n.scales() for n in numbers)
            low, high = self._laid_out(np.minimum(low, least)), self._laid_out(np.maximum(high, greatest))
            return self._scale_rule(decode(raw, self.form), low, high)
        scales = [self._scale_of(n, side.results) for n, side in zip(numbers, (one, other), strict=True)]
        (first, bound), (second, more) = (n.values(s) for n, s in zip(numbers, scales, strict=True))
        with np.errstate(invalid="ignore"):
            value = self._decoded(raw) * scales[1]
            # Values that saturate do so at the largest code of either scale.
            bound = bound + more + np.abs(first - second)
        return self._scaled(scales[0], np.where(np.isfinite(second), value, np.nan), np.nan_to_num(bound))

    def _numbers(self, accumulator: Accumulator, lost: float = 0.0) -> QuantisedBound:
        """The bound for this call. lost: what flushed subnormal numbers may take from a value."""
        value, magnitude = np.asarray(self.codes.value, np.float64), self.codes.magnitude
        assert magnitude is not None, "a contract that is not exact needs the oracle's magnitude"
        error = self.accuracy.error(magnitude, self.terms, accumulator) + lost
        return QuantisedBound(form=self.block, value=value, error=error, scale=np.asarray(self.scale.value, np.float64))

    def _rule(self, numbers: QuantisedBound, results: Results) -> Comparison:
        if self.is_scale:
            low, high = (self._laid_out(end) for end in numbers.scales())
            return self._scale_rule(low / 2 + high / 2, low / 2, high / 2)
        scale = self._scale_of(numbers, results)
        return self._scaled(scale, *numbers.values(scale))

    def _scale_rule(self, reference: Float64, low: Float64, high: Float64) -> Bounded:
        """At most high - low from the reference; a scale that is not finite has to be the oracle's."""
        finite = np.isfinite(low) & np.isfinite(high)
        bound = np.where(finite, high, 0.0) - np.where(finite, low, 0.0)
        return Bounded(reference=reference, bound=bound, dtype=raw_dtype(self.form), element=self.form)

    def _scale_of(self, numbers: QuantisedBound, results: Results) -> Float64:
        """The scale of every value: the one that was returned, or the oracle's where that has no such shape."""
        assert self.accuracy.quantised is not None
        found = results.get(self.accuracy.quantised.scale)
        shape = self.transposed or numbers.scale.shape
        if found is None or found.form != self.scale_form or found.raw.shape != shape:
            return numbers.spread(numbers.stored(numbers.scale))
        scale = decode(found.raw, found.form)
        return numbers.spread(scale if self.transposed is None else scale[:, : numbers.rows[0]].T)

    def _laid_out(self, scale: Float64) -> Float64:
        """Scales, row by row, in the order of the result; what zeros are stored as in rows of padding."""
        if self.transposed is None:
            return scale
        found = np.full(self.transposed, self.scale_form.decode(self.scale_form.encode(np.zeros(()))))
        columns = scale.reshape(-1, scale.shape[-1]).T
        found[:, : columns.shape[1]] = columns
        return found

    def _scaled(self, scale: Float64, reference: Float64, bound: Float64) -> Scaled:
        return Scaled(
            scale=scale,
            reference=reference,
            bound=bound,
            dtype=raw_dtype(self.form),
            element=self.block.element,
            packing=self.block.packing,
        )

    def _decoded(self, raw: Raw) -> Float64:
        codes = raw if self.block.packing is None else self.block.packing.unpack(raw)
        return values(codes, self.block.element)


def expectations(inputs: Inputs, call: Call) -> dict[str, Expected]:
    """The oracle's results, in place and fresh, by name."""
    with np.errstate(all="ignore"):
        references = inputs.op.oracle(inputs.values())
    found = {}
    for array in inputs.op.arrays:
        if array.access is Access.IN or array.name not in call.shapes:
            continue
        accuracy = inputs.op.accuracy_of(array.name)
        fields: dict[str, Any] = {
            "name": array.name,
            "form": call.formats[array.name],
            "accuracy": accuracy,
            "reference": references[array.name],
            "terms": accuracy.count(call.sizes),
            "moved": array.role is Role.CODES,
        }
        given = accuracy.quantised
        if given is None:
            found[array.name] = Expected(**fields)
            continue
        static = given.scale in inputs.arrays
        scale = decode(inputs.arrays[given.scale], inputs.formats[given.scale]) if static else None
        found[array.name] = ExpectedQuantised(
            **fields,
            block=given.form_of(call.attributes),
            codes=references[given.codes],
            scale=references[given.scale] if scale is None else Reference(value=scale),
            scale_form=call.formats[given.scale],
            static=static,
            transposed=call.shapes[given.scale] if given.transposed(call.attributes) else None,
        )
    return found
