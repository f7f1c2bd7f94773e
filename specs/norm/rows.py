"""What the RMS norms share: rows normalised in a tile program, their arguments, and the float64 definition.

A row lies in one tile of one program, so that the order of its sum depends on its length only: the result of a row is
the same bytes alone and among any number of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specs.lang.declare.axes import Axis, Expr, Ref
from specs.lang.declare.kernel import Access, Array, Attribute, Constraint, Rows, Tunable
from specs.lang.declare.op import Reference, Sample
from specs.lang.formats.elements import BF16, F16, F32, ElementFormat
from specs.tile.blocks import Slice, ds, load_block, store_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import program_id, reduce_sum, sqrt, where

NDArray = np.ndarray[Any, Any]

M = Axis(name="M", doc="rows: the product of the leading dimensions")
N = Axis(name="N", static=True, minimum=1, maximum=32768, doc="elements of a row")
STYLES = ("once", "twice", "gemma")
LEAST_EPS = 2.0**-102  # relative to it, squares flushed as subnormal (less than 2**-126 each) are below u
EXTRA = 12
"""Rounded operations on a term besides the sum: square, division, eps, root, inverse, products, 1 + weight."""

DEFINITION = """
    s = x, or with a residual: s = x + residual, rounded to the format of x and stored in residual
    r = 1 / sqrt(mean(s^2) + eps)
    once:   y = s r w                           the product in float32, one rounding
    twice:  y = round(s r) w                    s r is rounded to the format of x first, as in Hugging Face's Llama
    gemma:  y = s r (1 + w)

The mean is over the first `variance_size` elements, or all where that is 0. Without a weight y = s r. A row of zeros
gives zeros; a NaN or an infinity makes NaN of its own row, and of no other. The result of a row does not depend on the
number of rows."""


def roundings(n: Any) -> Any:
    """Terms of the accuracy contract, of a size or of the axis: the root halves the error of a sum of squares."""
    return (n + 1) // 2


def width_of(n: int) -> int:
    """Elements of the tile that has a row of n."""
    return 1 << (n - 1).bit_length()


def rows_of_program(p: Any) -> Slice:
    """Rows of a grid point."""
    return ds(program_id(0) * p.BLOCK_M, p.BLOCK_M)


def columns_of(p: Any) -> Slice:
    """Columns of a row."""
    width = width_of(p.N)
    return ds(0, width, in_bounds=True if width == p.N else None)


def normalised(p: Any, rows: Slice) -> Tile:
    """y in the format of x, [BLOCK_M, width of N], zeros beyond the last column; stores the sum in the residual."""
    columns = columns_of(p)
    x = load_block(p.x, (rows, columns))
    if p.residual is not None:
        # The norm reads the sum as it is stored, as the operations one after the other would.
        x = (x.to(F32) + load_block(p.residual, (rows, columns)).to(F32)).to(p.x.element)
        store_block(p.residual, (rows, columns), x)
    s = x.to(F32)
    square, count = s * s, p.variance_size or p.N
    if count < p.N:
        square = where((columns.indices() < count)[None, :], square, 0.0)
    # A division: a product with 1 / count could be contracted with the addition of eps, in some kernels and not others.
    mean = reduce_sum(square, axis=1) / float(count)
    y = s * (1.0 / sqrt(mean + p.eps))[:, None]
    if p.weight is None:
        return y.to(p.x.element)
    weight = load_block(p.weight, (columns,)).to(F32)[None, :]
    if p.style == "twice":
        y = y.to(p.x.element).to(F32)
    return (y * (weight + 1.0 if p.style == "gemma" else weight)).to(p.x.element)


def inputs() -> tuple[Array, ...]:
    """x, weight and residual."""
    formats = (BF16, F16, F32)
    return (
        Array(name="x", doc="rows; heads are rows too: [T, H, D]", shapes=((Rows(M), N),), formats=formats),
        Array(name="weight", doc="factor of every column", shapes=((N,),), formats=formats, optional=True),
        Array(
            name="residual",
            doc="added to x before the norm; holds the rounded sum afterwards",
            shapes=((Rows(M), N),),
            formats="x",
            access=Access.INOUT,
            optional=True,
        ),
    )


def attributes() -> tuple[Attribute, ...]:
    """eps, style and variance_size."""
    return (
        Attribute(name="eps", kind=float, default=1e-6, minimum=LEAST_EPS, doc="added to the mean square"),
        Attribute(name="style", kind=str, default="once", choices=STYLES, doc="how the weight is applied"),
        Attribute(name="variance_size", kind=int, default=0, minimum=0, doc="elements in the mean, 0 for all"),
    )


def constraints() -> tuple[Constraint, ...]:
    """Conditions on the arguments above."""
    return (
        Constraint(
            argument="variance_size",
            holds=Ref("variance_size") <= N,
            message="no more elements in the mean than a row has",
            failure="variance_size = {variance_size}, rows have N = {N} elements",
        ),
        Constraint(
            argument="style",
            holds=Ref("style").equals("once").or_(Ref("has_weight").equals(1)),
            message="a weight for style 'twice' or 'gemma'",
        ),
    )


TUNABLES = (
    Tunable(name="BLOCK_M", values=(1, 2, 4, 8, 16, 32), doc="rows per program"),
    Tunable(name="num_warps", values=(1, 2, 4, 8, 16, 32)),
    Tunable(name="num_stages", values=(1,)),
)
# By the length of a row alone: the order of a sum must not depend on the number of rows.
CLASSES: dict[str, Expr | None] = {"heads": N <= 128, "short": N <= 1024, "middle": N <= 4096, "long": N <= 8192}
CLASSES["rest"] = None


# -- the definition in float64 ---------------------------------------------------------------------------


def rounded(value: NDArray, error: NDArray, form: ElementFormat) -> tuple[NDArray, NDArray]:
    """value rounded to a format, and how far from that an error of the value may move it: 0 unless near a tie."""
    nearest, low, high = (form.decode(form.encode(v)) for v in (value, value - error, value + error))
    same = (low == nearest) & (high == nearest)  # infinities have no difference
    return nearest, np.where(same, 0.0, np.maximum(np.abs(low - nearest), np.abs(high - nearest)))


def definition(values: Mapping[str, Any]) -> tuple[NDArray, NDArray, NDArray]:
    """The sum s as stored, y before its last rounding, and y's magnitude for the contract."""
    form = values["formats"]["x"]
    s = np.asarray(values["x"], np.float64)
    if values.get("residual") is not None:
        # Two roundings, to float64 and to the format, are one: float64 has more than twice the bits.
        s = form.decode(form.encode(s + values["residual"]))
    n = s.shape[-1]
    mean = (s[..., : values["variance_size"] or n] ** 2).mean(-1, keepdims=True)
    y = s / np.sqrt(mean + np.float64(np.float32(values["eps"])))
    weight, unit = values.get("weight"), (roundings(n) + EXTRA) * F32.unit_roundoff
    if weight is None:
        return s, y, np.abs(y)
    if values["style"] != "twice":
        y = y * (weight + 1.0 if values["style"] == "gemma" else weight)
        return s, y, np.abs(y)
    y, moved = rounded(y, unit * np.abs(y), form)
    return s, y * weight, np.abs(weight) * (np.abs(y) + moved / unit)


def before_quantisation(values: Mapping[str, Any]) -> tuple[NDArray, Reference]:
    """The sum s, and y rounded to the format of x: a quantiser's input, whose only error is a rounding near a tie."""
    s, y, magnitude = definition(values)
    unit = (roundings(s.shape[-1]) + EXTRA) * F32.unit_roundoff
    value, moved = rounded(y, unit * magnitude, values["formats"]["x"])
    return s, Reference(value=value, magnitude=moved / unit)


def sample(case: Sample) -> dict[str, Any]:
    """For exact data rows of one magnitude, a power of two whose square swallows eps, and weights without zeros of
    either sign in the products; else drawn by the roles.
    """
    if case.kind != "exact":
        return {}
    shape = case.shapes["x"]
    s = case.rng.choice([-1.0, 1.0], shape) * np.exp2(case.rng.integers(4, 7, (*shape[:-1], 1)))
    drawn = {"x": s, "weight": case.rng.choice([-3.0, -2.0, 1.0, 2.0, 3.0], case.sizes["N"])}
    return drawn | {"x": 0.75 * s, "residual": 0.25 * s} if "residual" in case.shapes else drawn
