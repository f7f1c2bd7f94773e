"""Accuracy contracts: how close a result comes to the float64 oracle, as a derivation and not as a number.

A contract is either exact (same bytes as the oracle) or a componentwise bound

    |result - exact| <= u_out |exact| + eta_out + (1 + u_out) * c * u_acc * magnitude

with u_out the unit roundoff of the result's format, eta_out half its smallest subnormal, magnitude the float64 sum of
the absolute values that were added up (Higham, Accuracy and Stability of Numerical Algorithms, ch. 3), c the number of
rounded operations on the way of one term, and u_acc the accumulator's roundoff. A function that amplifies the error of
its argument (exp2 of x by |x| ln 2) multiplies its term of the magnitude by as much.

Codes and scales computed from values with such errors have a contract of their own (`specs.lang.declare.quantised`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.lang.declare.axes import Expr, Literal, show
from specs.lang.declare.quantised import Quantised
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import F32, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulator:
    """How a dot unit adds up.

    roundoff: relative error of one addition.
    truncation: loss per dot relative to the magnitude of its terms, for units that align all terms to the largest one
        and keep a fixed number of fraction bits; 0 for units that round like float32.
    """

    name: str
    roundoff: float
    truncation: float = 0.0
    doc: str = ""


FLOAT32 = Accumulator(name="float32", roundoff=2.0**-24, doc="IEEE single precision, any order")
TENSOR_FLOAT32 = Accumulator(
    name="tensor-core float32",
    roundoff=2.0**-23,
    doc="float32 accumulation with truncation instead of rounding (bf16 and f16 operands on NVIDIA tensor cores)",
)
TENSOR_FP8 = Accumulator(
    name="tensor-core fp8",
    roundoff=2.0**-23,
    truncation=2.0**-10,
    doc="fp8 operands on sm_90: 13 fraction bits of the largest of 32 terms survive an instruction, so a term loses at "
    "most 2**-13 of the largest; with terms within 8x of their mean magnitude that is 2**-10 of the magnitude",
)


DPAS_FLOAT32 = Accumulator(
    name="DPAS float32",
    roundoff=2.0**-23,
    doc="exact products of 16-bit operands, added in float32 in any order, each sum rounded or cut (matrix units of "
    "Intel GPUs; assumed, `parity xpu --real` probes the card)",
)


NO_TERMS = Literal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The contract of one result: exact, a componentwise bound, or codes and scales together."""

    exact: bool = False
    """Whether the bytes are the oracle's; the other fields are then unused."""
    exact_for_exact_sums: bool = True
    """Whether inputs whose sums are exact give an exact result; not so after a logarithm."""
    terms: Expr = NO_TERMS
    """Number of terms in a sum, over the operation's axes."""
    extra: int = 0
    """Rounded operations on a term besides the additions (scales, bias)."""
    quantised: Quantised | None = None
    """The codes and scales that the result is judged as; terms and extra then count what precedes quantisation.
    `quantised` makes this contract for both results.
    """

    def same_bytes(self, exact_sums: bool) -> bool:
        """Whether the result has the oracle's bytes."""
        return self.exact or (exact_sums and self.exact_for_exact_sums and self.quantised is None)

    def count(self, sizes: Mapping[str, int]) -> int:
        """Number of terms of a sum in a call with these axis sizes."""
        return self.terms.evaluate(sizes)

    def bound(
        self,
        reference: np.ndarray[Any, Any],
        magnitude: np.ndarray[Any, Any],
        count: int,
        form: ElementFormat,
        accumulator: Accumulator,
    ) -> np.ndarray[Any, Any]:
        """Largest allowed |result - reference|, elementwise, float64."""
        summed, out = self._relative(count, accumulator) * magnitude, form.unit_roundoff
        return np.asarray(out * np.abs(reference) + form.min_subnormal / 2 + (1 + out) * summed)

    def error(self, magnitude: np.ndarray[Any, Any], count: int, accumulator: Accumulator) -> np.ndarray[Any, Any]:
        """Largest error of values before quantisation, elementwise, float64."""
        underflow = (count + self.extra + 1) * F32.min_subnormal / 2
        return np.asarray(self._relative(count, accumulator) * magnitude + underflow * (magnitude > 0))

    def _relative(self, count: int, accumulator: Accumulator) -> float:
        return (count + self.extra) * accumulator.roundoff + accumulator.truncation

    def formula(self) -> str:
        """What `bound` computes, in symbols."""
        if self.exact:
            return "bytes equal the oracle's"
        if self.quantised is not None:
            return f"e = (({show(self.terms)} + {self.extra}) u_acc + t_acc) sum|terms|; {self.quantised.formula()}"
        rounded = f"({show(self.terms)} + {self.extra}) u_acc + t_acc"
        return f"|result - exact| <= u_out |exact| + eta_out + (1 + u_out) ({rounded}) sum|terms|"

    def derivation(self, count: int, form: ElementFormat, accumulator: Accumulator) -> str:
        """The bound in words and numbers."""
        if self.exact:
            return self.formula()
        if self.quantised is not None:
            rounded = f"({show(self.terms)}={count}+{self.extra}) * u({accumulator.name})={accumulator.roundoff:g}"
            return f"e = ({rounded} + {accumulator.truncation:g}) * sum|terms|; {self.quantised.formula()}"
        text = f"u({form.name})={form.unit_roundoff:g} |ref| + eta + ({show(self.terms)}={count}+{self.extra}) * "
        text += f"u({accumulator.name})={accumulator.roundoff:g} * sum|terms|"
        if accumulator.truncation:
            text += f" + {accumulator.truncation:g} * sum|terms|"
        return text


def quantised(
    codes: str,
    scale: str,
    form: BlockFormat | Callable[[Mapping[str, object]], BlockFormat],
    *,
    terms: Expr = NO_TERMS,
    extra: int = 0,
    scale_is_argument: bool = False,
    scale_layout: str | None = None,
) -> tuple[tuple[str, Accuracy], ...]:
    """The contract of codes and scales together, for `Op.accuracy`.

    Args:
        codes, scale: names of the results (or of the result and the argument with a static scale).
        form: block format, or a function from the attributes of a call to it.
        terms, extra: as in `Accuracy`, of the value before quantisation.
        scale_is_argument: whether the scale is static, and so no result.
        scale_layout: attribute with the order of the scales, where there is one.
    """
    judged = Quantised(codes=codes, scale=scale, form=form, scale_layout=scale_layout)
    contract = Accuracy(terms=terms, extra=extra, quantised=judged)
    return ((codes, contract),) if scale_is_argument else ((codes, contract), (scale, contract))
