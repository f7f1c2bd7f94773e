"""Products for CPUs: the weight is dequantised to float32 codes, which the framework's own matrix product multiplies.

    C[m, n] = sum_g (sum_{k in g} A[m, k] W[k, n]) sa[m, g] sb[g, n] + bias[n]

W holds codes minus zero points, which float32 holds exactly; scales are applied to the sum over the k that share them,
as the tile programs do, so that their range never limits the operands'. Where scales can be looked at and are far from
the ends of float32's range, they multiply the operands instead, and one product does (`folded`). The contract is that
of the operation. Written once, over the executor's array namespace (`specs.tile.interpret.arrayops.ArrayOps`): numpy,
jax.numpy and torch alike.

An invariant call (`FIXED_ROWS`) has products of one shape whatever its number of rows: a library's product of one row
adds up in another order than that of many. What scales are folded into activations depends on all rows, so none are.

A caller who keeps a weight has it dequantised once (`kept`): that is most of the time of a product of few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from specs.lang.call.bind import ArrayInfo, Call, bind, check_some
from specs.lang.declare.op import FrameworkProduct, Op
from specs.lang.declare.readiness import NO_WEIGHT
from specs.lang.errors import Surplus, Unsupported
from specs.lang.formats.elements import E8M0, F32, INT32, UINT8, ElementFormat
from specs.tile.interpret.arrayops import ArrayOps
from specs.tile.ir import Opcode

FIXED_ROWS = 16
"""Rows of every product of an invariant call. A library's kernels treat all rows of such a product alike."""
_FAR = 60  # a power of two: codes are in 2**-9 .. 2**16, and products of both operands stay in float32's range
_UNROLLED = 32  # groups of K that a compiled program multiplies one by one; it would grow with more
_COMPILED_PARTIALS = 1 << 22  # elements of partial sums that it keeps at a time beyond that
_PARTIALS = 1 << 17  # of a library called operation by operation: they stay in a cache, and fewer calls are made


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """One operand: float32 `values` and the scales that belong to it, which are multiplied one after the other.

    values: [.., M, K] or [.., K, N]. scales: broadcastable to [.., M, G] or [.., G, N], G the groups of K.
    order: of activations, dimensions of the product in the order of the result; None where that is [.., M, N].
    """

    values: Any
    scales: tuple[Any, ...] = ()
    order: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A dequantised weight. group: k per scale, None where scales do not depend on k. bias: float32 [N]."""

    factors: Factors
    group: int | None
    bias: Any | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operands:
    """What a call passes: arrays of the framework by name, their formats, and the attributes."""

    arrays: Mapping[str, Any]
    formats: Mapping[str, ElementFormat]
    attributes: Mapping[str, object]

    def swapped(self, name: str, ops: ArrayOps) -> Any:
        """An array in the order [.., K, N], whichever order the call passes it in."""
        array = self.arrays[name]
        return swap(ops, array) if self.attributes["weight_order"] == "nk" else array


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Shapes and formats of a kept weight: enough to check every call that uses it.

    infos: of the arguments that it was made of. attributes: as the caller gave them.
    """

    op: Op
    infos: tuple[tuple[str, ArrayInfo], ...]
    attributes: tuple[tuple[str, object], ...]

    def call(self, rest: Mapping[str, ArrayInfo | None]) -> Call:
        """The checked call with the other arguments.

        Raises:
            ArgumentError: they do not fit the weight.
        """
        own = dict(self.infos)
        for name in rest:
            if name in product_of(self.op).constant:
                raise Surplus(
                    op=self.op.name, argument=name, expected="it belongs to the kept weight", actual="an array"
                )
        return bind(self.op, {**rest, **own}, dict(self.attributes))


def kept(op: Op, infos: Mapping[str, ArrayInfo | None], attributes: Mapping[str, object]) -> Kept:
    """Checks a weight that a caller keeps, before there are activations.

    Raises:
        ArgumentError: its arguments do not fit each other, or one does not belong to the weight.
        Unsupported: the operation is no product.
    """
    constant = product_of(op).constant
    for name in infos:
        if name not in constant:
            expected = f"it comes with the call; the weight is made of {', '.join(constant)}"
            raise Surplus(op=op.name, argument=name, expected=expected, actual="an array")
    check_some(op, {name: infos.get(name) for name in constant}, attributes)
    given = tuple((name, info) for name, info in infos.items() if info is not None)
    return Kept(op=op, infos=given, attributes=tuple(attributes.items()))


def taken(
    op: Op, given: Mapping[str, Any], format_of: Callable[[str, str, object], ElementFormat]
) -> tuple[dict[str, Any], dict[str, object]]:
    """Arrays and attributes that a call passes for a weight, None left out; dtypes become element formats."""
    names, known = {array.name for array in op.inputs}, {a.name for a in op.attributes}
    formats = {a.name for a in op.attributes if a.kind is ElementFormat}
    arrays = {n: x for n, x in given.items() if n in names and x is not None}
    rest = {n: x for n, x in given.items() if n not in names and (n in known or x is not None)}
    return arrays, {n: format_of(op.name, n, x) if n in formats and x is not None else x for n, x in rest.items()}


def product_of(op: Op) -> FrameworkProduct:
    """How the framework's own matrix product serves an operation.

    Raises:
        Unsupported: it is none.
    """
    if op.framework_product is None:
        raise Unsupported(f"a dequantised weight of {op.name}", NO_WEIGHT)
    return op.framework_product


def swap(ops: ArrayOps, x: Any) -> Any:
    """x with its last two dimensions swapped."""
    rank = len(x.shape)
    return ops.transpose(x, (*range(rank - 2), rank - 1, rank - 2))


def bias_of(ops: ArrayOps, given: Operands) -> Any | None:
    """The addend in float32, None where there is none. Callers that always pass a bias pass an empty one."""
    bias = given.arrays.get("bias")
    return None if bias is None or not bias.shape[0] else ops.cast(bias, F32)


def multiply(ops: ArrayOps, a: Factors, weight: Weight, *, invariant: bool = False) -> Any:
    """float32 [.., M, N], or in the activations' order: products summed within a group, then scaled, then the bias.

    invariant: whether a row's bits are the same whatever the number of rows.
    """
    total = _by_fixed_rows(ops, a, weight) if invariant else _sum_of_groups(ops, a, weight)
    total = total if weight.bias is None else ops.binary(Opcode.ADD)(total, weight.bias)
    return total if a.order is None else ops.transpose(total, a.order)


def folded(ops: ArrayOps, operand: Factors, group: int, axis: int) -> Factors:
    """The operand with its scales multiplied into its values, or as it is where that might leave float32's range.

    group: elements along `axis` (-1 or -2) that share a scale.
    """
    if not operand.scales or not all(_harmless(ops, scale) for scale in operand.scales):
        return operand
    values, shape = operand.values, operand.values.shape
    multiplied = ops.binary(Opcode.MUL)
    if axis == -1 and shape[-1] % group == 0:
        values = ops.reshape(values, (*shape[:-1], shape[-1] // group, group))
        for scale in operand.scales:
            values = multiplied(values, scale[..., None])
        return Factors(values=ops.reshape(values, shape))
    block = ops.binary(Opcode.IDIV)(ops.arange(shape[axis]), ops.const(group, INT32))
    for scale in operand.scales:
        spread = scale if scale.shape[axis] == 1 else scale[..., block] if axis == -1 else scale[..., block, :]
        values = multiplied(values, spread)
    return Factors(values=values)


def _harmless(ops: ArrayOps, scale: Any) -> bool:
    """Whether scales are seen to be so near to 1 that no code's product with them leaves float32's range."""
    if ops.functional or 0 in scale.shape:
        return not ops.functional  # nothing is seen while a program is traced
    least, most = (ops.reduce(code, ops.reshape(scale, (-1,)), 0) for code in (Opcode.AMIN, Opcode.AMAX))
    return ops.seen(least >= 2.0**-_FAR) and ops.seen(most <= 2.0**_FAR)


def _by_fixed_rows(ops: ArrayOps, a: Factors, weight: Weight) -> Any:
    """As `_sum_of_groups`, FIXED_ROWS at a time."""
    rows = a.values.shape[-2]
    if rows == 0:
        return _sum_of_groups(ops, a, weight)
    by_row = [scale.shape[-2] == rows for scale in a.scales]
    # Checkpoints have [N, K]. A compiled loop multiplies by that as it lies if it is transposed inside, else by a copy.
    stored = swap(ops, weight.factors.values)

    def product(parts: list[Any]) -> Any:
        values, *scales = parts
        own = iter(scales)
        taken = tuple(next(own) if moves else scale for moves, scale in zip(by_row, a.scales, strict=True))
        factors = Factors(values=swap(ops, stored), scales=weight.factors.scales)
        own_weight = Weight(factors=factors, group=weight.group, bias=weight.bias)
        return _sum_of_groups(ops, Factors(values=values, scales=taken), own_weight, fold=False)

    moving = [scale for moves, scale in zip(by_row, a.scales, strict=True) if moves]
    return ops.by_rows(product, [a.values, *moving], FIXED_ROWS)


def _sum_of_groups(ops: ArrayOps, a: Factors, weight: Weight, *, fold: bool = True) -> Any:
    """fold: whether scales of activations may be folded into them."""
    w, size = weight.factors, weight.group
    depth = a.values.shape[-1]
    if fold and size is not None and size < depth and not w.scales:
        a = folded(ops, a, size, -1)
        if not a.scales:
            return ops.matmul(a.values, w.values)
    if size is None or size >= depth:
        total = ops.matmul(a.values, w.values)
        for scale in (*a.scales, *w.scales):  # [.., M, 1] and [.., 1, N]
            total = ops.binary(Opcode.MUL)(total, scale)
        return total
    count, whole = -(-depth // size), depth // size
    step = _step(ops, count, a.values.shape[-2] * w.values.shape[-1])
    runs = [(first, min(first + step, whole)) for first in range(0, whole, step)]
    runs += [(whole, count)] if whole < count else []  # a last group that is shorter
    total = None
    for first, end in runs:
        partial = _group(ops, a, w, size, first) if end - first == 1 else _groups(ops, a, w, size, first, end)
        total = partial if total is None else ops.binary(Opcode.ADD)(total, partial)
    return total


def _step(ops: ArrayOps, count: int, elements: int) -> int:
    """How many groups one batched product takes."""
    if ops.functional:
        return 1 if count <= _UNROLLED else max(1, _COMPILED_PARTIALS // max(1, elements))
    return max(1, _PARTIALS // max(1, elements))


def _group(ops: ArrayOps, a: Factors, w: Factors, size: int, g: int) -> Any:
    """The scaled sum over group `g` of K, the last of which may be shorter."""
    depth = slice(g * size, min((g + 1) * size, a.values.shape[-1]))
    partial = ops.matmul(a.values[..., depth], w.values[..., depth, :])
    return _scaled(ops, partial, [_column(s, g) for s in a.scales], [_row(s, g) for s in w.scales])


def _groups(ops: ArrayOps, a: Factors, w: Factors, size: int, first: int, end: int) -> Any:
    """The scaled sums over whole groups `first` to `end` - 1, added up: a batched product."""
    depth, count = slice(first * size, end * size), end - first
    (*lead, rows), columns = a.values.shape[:-1], w.values.shape[-1]
    left = ops.reshape(a.values[..., depth], (*lead, rows, count, size))
    order = tuple(range(len(lead)))
    left = ops.transpose(left, (*order, len(lead) + 1, len(lead), len(lead) + 2))
    right = ops.reshape(w.values[..., depth, :], (*w.values.shape[:-2], count, size, columns))
    partial = ops.matmul(left, right)
    by_row = [s if s.shape[-1] == 1 else s[..., first:end] for s in a.scales]
    by_row = [ops.transpose(s, (*order, len(lead) + 1, len(lead)))[..., None] for s in by_row]
    by_column = [(s if s.shape[-2] == 1 else s[..., first:end, :])[..., None, :] for s in w.scales]
    return ops.reduce(Opcode.SUM, _scaled(ops, partial, by_row, by_column), len(lead))


def _scaled(ops: ArrayOps, total: Any, *factors: list[Any]) -> Any:
    for factor in (f for side in factors for f in side):
        total = ops.binary(Opcode.MUL)(total, factor)
    return total


def _column(scale: Any, g: int) -> Any:
    """[.., M, 1] of [.., M, G], or of [.., M, 1] that holds for every group."""
    return scale if scale.shape[-1] == 1 else scale[..., g : g + 1]


def _row(scale: Any, g: int) -> Any:
    """[.., 1, N] of [.., G, N], or of [.., 1, N] that holds for every group."""
    return scale if scale.shape[-2] == 1 else scale[..., g : g + 1, :]


def scale_factors(ops: ArrayOps, scale: Any, form: ElementFormat) -> tuple[Any, ...]:
    """A scale as float32 factors: of E8M0 two, each a normal number, as its smallest code is none.

    Halves of an exponent multiply a sum one after the other, so that what is in range at the end is right even where
    the product of the scales is not.
    """
    if form != E8M0:
        return (ops.cast(scale, F32),)
    code = ops.cast(ops.bitcast(scale, UINT8), INT32)
    shift, add = ops.binary(Opcode.SHR), ops.binary(Opcode.ADD)
    low = shift(code, ops.const(1, INT32))  # exponents low - 63 and code - low - 64 add up to code - 127
    high = ops.binary(Opcode.SUB)(code, low)
    nan = ops.const(float("nan"), F32)
    left = _power(ops, add(low, ops.const(64, INT32)))
    right = _power(ops, add(high, ops.const(63, INT32)))
    return ops.where(ops.binary(Opcode.EQ)(code, ops.const(255, INT32)), nan, left), right


def _power(ops: ArrayOps, biased: Any) -> Any:
    """2**(biased - 127) for float32 exponent fields 1 .. 254."""
    return ops.bitcast(ops.binary(Opcode.SHL)(biased, ops.const(23, INT32)), F32)
