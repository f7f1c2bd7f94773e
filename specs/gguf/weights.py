"""What operations on GGUF weights declare alike: the attribute, the argument, test data, float64 values."""

from __future__ import annotations

from typing import Any

import numpy as np

from specs.lang.declare.axes import Axis, Ref
from specs.lang.declare.kernel import Array, Attribute, Constraint, Role
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.declare.op import Sample
from specs.lang.formats.elements import F16, UINT8
from specs.lang.formats.ggml import BLOCKS, BY_NAME
from specs.lang.formats.packed import Codes, PackedBlock

NDArray = np.ndarray[Any, Any]
QUANT_TYPE = Ref("quant_type")
SOURCE = "GGUF (ggml): gguf-py 0.19.0, ggml-quants.c"
SUPER = 256
"""Elements of a large block."""


def quant_type() -> Attribute:
    """Which block type the bytes are in."""
    return Attribute(
        name="quant_type",
        kind=str,
        required=True,
        choices=tuple(BY_NAME),
        doc="block type of the weight, as GGUF files name it",
    )


def packed_rows(name: str, rows: Axis, columns: Axis, doc: str) -> Array:
    """Rows of blocks as a file has them."""
    return Array(
        name=name,
        doc=doc,
        by="quant_type",
        shapes_by=tuple((form.name, ((rows, columns // form.elements * form.bytes),)) for form in BLOCKS),
        formats=(UINT8,),
        layout=Dense(inner=Inner.PACKED, alignment=4),
        role=Role.CODES,
    )


def whole_blocks(argument: str, columns: Axis) -> Constraint:
    """Rows that blocks divide."""
    small = (QUANT_TYPE.equals(form.name) for form in BLOCKS if form.elements < SUPER)
    in_small = next(small)
    for other in small:
        in_small = in_small.or_(other)
    return Constraint(
        argument=argument,
        holds=(columns % SUPER).equals(0).or_(in_small.and_((columns % 32).equals(0))),
        message="rows of whole blocks (32 elements; 256 in types whose names end in _K)",
        failure=f"rows of {{{columns.name}}} elements are not whole {{quant_type}} blocks",
    )


def exact_values(form: PackedBlock, rows: NDArray) -> tuple[NDArray, NDArray]:
    """Values of the weight and sums of the absolute values of their two terms, float64."""
    product, low = form.terms(rows, np.float64)
    if form.minimum is None:
        return product, np.abs(product)  # the sign of a zero too
    return (product - low if form.subtracted else product + low), np.abs(product) + np.abs(low)


def sampled_rows(case: Sample, rows: int, columns: int) -> NDArray:
    """Bytes of finite weights; for exact data, numbers near 1 and codes of groups near 0."""
    form = BY_NAME[str(case.attributes["quant_type"])]
    blocks = (rows, columns // form.elements)
    codes = case.rng.integers(0, 1 << form.codes.bits, (*blocks, form.elements), dtype=np.uint8)
    sub = [_codes_of_groups(case, field, blocks) for field in (form.sub_scales, form.sub_minima)]
    scale = _numbers(case, blocks, form.scale.element == F16)
    packed = form.pack(codes, scale, sub[0], np.abs(_numbers(case, blocks, True)), sub[1])
    return packed.reshape(rows, blocks[1] * form.bytes)


def _codes_of_groups(case: Sample, field: Codes | None, blocks: tuple[int, int]) -> NDArray | None:
    if field is None:
        return None
    least, largest = field.range
    low, high = (max(least, -2), min(largest, 3)) if case.kind == "exact" else (least, largest)
    return field.code(case.rng.integers(low, high, (*blocks, field.count), endpoint=True))


def _numbers(case: Sample, blocks: tuple[int, int], float16: bool) -> NDArray:
    if case.kind == "exact" or not float16:
        reach = 1 if case.kind == "exact" else 24
        return np.exp2(case.rng.integers(-reach, reach, blocks, endpoint=True)).astype(np.float32)
    return (case.rng.standard_normal(blocks) / 64).astype(np.float32)
