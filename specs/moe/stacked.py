"""Products whose weights are mapped as well: the operation that does all of them in one call.

    fp8_gemm           fp8_bmm; grouped_gemm_fp8 where every weight has a bias of its own
    gemm               bmm; grouped_gemm with a bias
    fp8_gemm_w8a16     grouped_gemm_fp8
    int4_gemm_w4a16    grouped_gemm_int4

Every batch has as many rows, so rows of experts are the batches' rows, one batch after the other. The accuracy that
`docs/ops.md` states is that of the operation that runs; which scale modes, groups and formats it takes, its
declaration says, and other calls are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import prod
from typing import Any, Final

from specs.gemm.batched import BMM
from specs.gemm.fp8 import FP8_BMM
from specs.lang.call.batching import Arrays, Merged, Named, every
from specs.lang.call.bind import Call
from specs.lang.declare.kernel import Rows
from specs.lang.declare.op import Op
from specs.lang.formats.elements import INT32, UINT8, ElementFormat
from specs.moe.grouped_dense import GROUPED_GEMM
from specs.moe.grouped_fp8 import GROUPED_GEMM_FP8
from specs.moe.grouped_packed import GROUPED_GEMM_INT4


class _Order(Enum):
    """Where batches are in activations and results."""

    FIRST = auto()  # [G, M, K]
    SECOND = auto()  # [M, G, K]
    ROWS = auto()  # [G M, K], with the first row of every batch in `offsets`


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    op: Op
    order: _Order
    in_bytes: bool = False
    """Whether four-bit codes and zero points are in bytes, not words."""


_CANDIDATES: Final[Mapping[str, tuple[_Candidate, ...]]] = {
    "fp8_gemm": (
        _Candidate(op=FP8_BMM, order=_Order.FIRST),
        _Candidate(op=GROUPED_GEMM_FP8, order=_Order.ROWS),
    ),
    "gemm": (
        _Candidate(op=BMM, order=_Order.SECOND),
        _Candidate(op=GROUPED_GEMM, order=_Order.ROWS),
    ),
    "fp8_gemm_w8a16": (_Candidate(op=GROUPED_GEMM_FP8, order=_Order.ROWS),),
    "int4_gemm_w4a16": (_Candidate(op=GROUPED_GEMM_INT4, order=_Order.ROWS, in_bytes=True),),
}


def products_for(op: Op) -> tuple[str, ...]:
    """Names of the operations that take stacked weights in place of `op`."""
    return tuple(candidate.op.name for candidate in _CANDIDATES.get(op.name, ()))


def stacked(call: Call, names: Sequence[str], size: int, own: set[str]) -> Merged | None:
    """`size` products, each with a weight of its own, as one call; None where no operation does them."""
    for candidate in _CANDIDATES.get(call.op.name, ()):
        shared_bias = "bias" in names and "bias" not in own and candidate.op is FP8_BMM
        known = {array.name for array in candidate.op.inputs} - ({"bias"} if candidate.op is FP8_BMM else set())
        if not set(names) <= known | ({"bias"} if shared_bias else set()):
            continue
        attributes = _attributes(call, candidate)
        if attributes is not None:
            plan = _Plan(call=call, names=tuple(names), size=size, own=frozenset(own), candidate=candidate)
            return Merged(op=candidate.op, attributes=attributes, before=plan.before, after=plan.after, dims={"c": 0})
    return None


def _attributes(call: Call, candidate: _Candidate) -> dict[str, object] | None:
    """Attributes of the call, None where the operation does not do that, or would round its result otherwise."""
    op, out = candidate.op, call.formats["c"]
    known = {attribute.name: attribute for attribute in op.attributes}
    found = {name: value for name, value in call.attributes.items() if name in known}
    if "out_dtype" in known:
        found["out_dtype"] = out
    elif out != call.formats["a"]:
        return None
    if candidate.in_bytes:
        found["weight_order"] = "nk"
    for name, value in found.items():
        if known[name].choices and value not in known[name].choices:
            return None
    if any(not _accepts(op, name, form, call.formats) for name, form in call.formats.items()):
        return None
    return found


def _accepts(op: Op, name: str, form: ElementFormat, formats: Mapping[str, ElementFormat]) -> bool:
    array = next((array for array in op.inputs if array.name == name), None)
    if array is None or (name in ("b", "b_zp") and form == INT32 and UINT8 in array.formats):
        return True
    return form == formats[array.formats] if isinstance(array.formats, str) else form in array.formats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    call: Call
    names: tuple[str, ...]
    size: int
    own: frozenset[str]
    candidate: _Candidate

    @property
    def lead(self) -> tuple[int, ...]:
        """Leading dimensions of the activations."""
        return self.call.shapes["a"][:-1]

    def before(self, xp: Arrays, given: Named) -> dict[str, Any]:
        """Arguments of the one call."""
        op, order = self.candidate.op, self.candidate.order
        found = {n: self._entering(xp, given, n) for n in self.names if not (n == "bias" and op is FP8_BMM)}
        if op is FP8_BMM and "bias" in self.names:
            found["bias"] = given["bias"]
        if order is _Order.ROWS:
            found["offsets"] = xp.multiples(self.size + 1, prod(self.lead), given["a"])
        return found

    def _entering(self, xp: Arrays, given: Named, name: str) -> Any:
        x = every(xp, given, name, set(self.own), self.size)
        shape = self.call.shape(name)
        if not (shape and isinstance(shape[0], Rows)):
            return self._of_weight(xp, name, x)
        rest, rows = tuple(self.call.shapes[name][len(self.lead) :]), prod(self.lead)
        if self.candidate.order is _Order.ROWS:
            return x.reshape((self.size * rows, *rest))
        x = x.reshape((self.size, rows, *rest))
        return xp.moveaxis(x, 0, 1) if self.candidate.order is _Order.SECOND else x

    def _of_weight(self, xp: Arrays, name: str, x: Any) -> Any:
        if not self.candidate.in_bytes or name == "bias":
            return x
        # Words lie along the last dimension with "nk", scales and zero points are [groups, N] in both orders; in bytes
        # all of them are in the order of the weight.
        if name == "b":
            return xp.as_bytes(x if self.call.attributes["weight_order"] == "nk" else xp.moveaxis(x, -1, -2))
        return xp.moveaxis(xp.as_bytes(x) if name == "b_zp" else x, -1, -2)

    def after(self, xp: Arrays, found: Named) -> dict[str, Any]:
        """The results of the many, batch dimension first."""
        x = found["c"]
        if self.candidate.order is _Order.SECOND:
            x = xp.moveaxis(x, 1, 0)
        return {"c": x.reshape((self.size, *self.lead, x.shape[-1]))}
