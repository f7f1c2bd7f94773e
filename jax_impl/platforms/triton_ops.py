"""Operations of the Triton dialect that Pallas does not expose; all except the pairs and the nibbles are JAX
primitives.

`fma`, `fms`, `fnma`: x y + z, x y - z and z - x y in float32, rounded once. Triton's compiler contracts such pairs by
itself, XLA's contracts none: without them accumulating takes twice the instructions, and the bytes differ.
`sum_of_products`: a sum along rows whose products are not rounded first, for the same reason.
`div_rn`: float32 division, correctly rounded (the dialect's plain division is approximate on GPUs).
`dot_fp8`: a dot of FP8 tiles whose partial sums stay in the dot unit's own accumulator; Pallas' dot asks for a float32
addition after every instruction instead, which Triton's does not.
`exp2`: 2 to the power of float32, on CUDA devices by the instruction that Triton's compiler takes too, which flushes
results below the normal numbers to zero. XLA's does not, takes three more instructions, and the bytes differ.
`transposed`: the transpose of a computed tile, which XLA would otherwise compute a second time.
`split_pairs`: even and odd elements, in a form that lowers to the dialect's split.
`pipelined`: the counter of a loop, all of whose loads are to be fetched ahead; Pallas asks for operands of dots only.
On CUDA devices the kernel may then have all registers: by default ptxas limits programs of one warp to 168.

`low_nibbles`, `high_nibbles`: four bytes to four 16-bit floats by inline assembly; on CUDA devices only.
`low_e2m1_times`, `high_e2m1_times`: likewise, of bytes that hold two e2m1 codes each.

The others work in Pallas' interpreter too, where the primitives are a multiplication and an addition, a division, a
float32 dot, `jnp.exp2`, `jnp.transpose`, a product and a sum, and the counter itself.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.pallas.triton import lowering
from jax.experimental.pallas import triton as plgpu
from jax.extend.core import Primitive
from jax.interpreters import mlir
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import arith, math, scf
from jaxlib.triton import dialect

from jax_impl.division import divide
from specs.lang.formats.elements import BF16, F16
from specs.tile.emit import ptx

_UNLIMITED = 1 << 30  # more additions than any tile has
_REGISTERS, _MOST = 1 << 16, 255  # of a multiprocessor, and of a thread


def div_rn(x: jax.Array, y: jax.Array) -> jax.Array:
    """x / y rounded to nearest even; float32 tiles of one shape."""
    result: jax.Array = _div_rn.bind(x, y)
    return result


def fma(x: Any, y: Any, z: Any) -> jax.Array:
    """x * y + z, rounded once; float32 tiles or scalars that broadcast against each other."""
    return _fused(x, y, z, False, False)


def fms(x: Any, y: Any, z: Any) -> jax.Array:
    """x * y - z, likewise."""
    return _fused(x, y, z, False, True)


def fnma(x: Any, y: Any, z: Any) -> jax.Array:
    """z - x * y, likewise."""
    return _fused(x, y, z, True, False)


def _fused(x: Any, y: Any, z: Any, minus_product: bool, minus_addend: bool) -> jax.Array:
    shape = np.broadcast_shapes(*(np.shape(term) for term in (x, y, z)))
    full = [term if isinstance(term, jax.Array) else jnp.full((), term, jnp.float32) for term in (x, y, z)]
    terms = [jnp.broadcast_to(term, shape) for term in full]
    result: jax.Array = _fma.bind(*terms, minus_product=minus_product, minus_addend=minus_addend)
    return result


def exp2(x: jax.Array) -> jax.Array:
    """2 ** x in float32, approximate; results below 2 ** -126 may be zero."""
    result: jax.Array = _exp2.bind(x)
    return result


def transposed(x: jax.Array) -> jax.Array:
    """Tile x [M, N] as [N, M].

    XLA moves a transpose ahead of the elementwise operations that compute its operand. A tile that is used both ways
    would so be computed twice, and kept twice in shared memory instead of once with two views.
    """
    result: jax.Array = _transposed.bind(x)
    return result


def dot_fp8(a: jax.Array, b: jax.Array) -> jax.Array:
    """float32 [M, N] = a [M, K] @ b [K, N] for FP8 tiles."""
    result: jax.Array = _dot_fp8.bind(a, b)
    return result


def sum_of_products(x: jax.Array, y: jax.Array, axis: int) -> jax.Array:
    """The sum of x * y along `axis`, every product added without being rounded first; float32 tiles that broadcast."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    result: jax.Array = _sum_of_products.bind(jnp.broadcast_to(x, shape), jnp.broadcast_to(y, shape), axis=axis)
    return result


def split_pairs(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """x[.., 0] and x[.., 1] of a tile [.., 2]."""
    even, odd = jax.lax.split(x, (1, 1), axis=x.ndim - 1)
    return even.reshape(x.shape[:-1]), odd.reshape(x.shape[:-1])


def pipelined(counter: jax.Array, stages: int, warps: int) -> jax.Array:
    """The counter of the enclosing loop, whose loads are pipelined in `stages` stages.

    warps: of a program, which may use as many registers as they can have.
    """
    result: jax.Array = _pipelined.bind(counter, stages=stages, warps=warps)
    return result


def low_nibbles(x: jax.Array, dtype: Any, zero: jax.Array | None = None) -> jax.Array:
    """Bits 0 to 3 of each byte minus `zero` (broadcastable to x; 8 when left out), as bfloat16 or float16."""
    return _nibbles(x, dtype, zero, high=False)


def high_nibbles(x: jax.Array, dtype: Any, zero: jax.Array | None = None) -> jax.Array:
    """As `low_nibbles`, for bits 4 to 7."""
    return _nibbles(x, dtype, zero, high=True)


def low_e2m1_times(x: jax.Array, factor: jax.Array) -> jax.Array:
    """Values of the e2m1 codes in bits 0 to 3 of each byte times `factor` / 4, bfloat16 that broadcasts to x."""
    return _e2m1_times(x, factor, high=False)


def high_e2m1_times(x: jax.Array, factor: jax.Array) -> jax.Array:
    """As `low_e2m1_times`, for bits 4 to 7."""
    return _e2m1_times(x, factor, high=True)


def _e2m1_times(x: jax.Array, factor: jax.Array, high: bool) -> jax.Array:
    (result,) = plgpu.elementwise_inline_asm(
        ptx.scaled_nibble(high),
        args=[x, jnp.broadcast_to(factor, x.shape)],
        constraints=ptx.SCALED_CONSTRAINTS,
        pack=ptx.SCALED_PACK,
        result_shape_dtypes=[jax.ShapeDtypeStruct(x.shape, jnp.bfloat16)],
    )
    return result


def _nibbles(x: jax.Array, dtype: Any, zero: jax.Array | None, high: bool) -> jax.Array:
    form, zeros = BF16 if dtype == jnp.bfloat16 else F16, zero is not None
    offset = ptx.nibble_offset(form)
    (result,) = plgpu.elementwise_inline_asm(
        ptx.nibble(form, high, zeros),
        args=[x] if zero is None else [x, jnp.broadcast_to(zero + jnp.asarray(offset, dtype), x.shape)],
        constraints=ptx.nibble_constraints(zeros),
        pack=ptx.NIBBLE_PACK,
        result_shape_dtypes=[jax.ShapeDtypeStruct(x.shape, dtype)],
    )
    return result


def _fma_plain(x: Any, y: Any, z: Any, *, minus_product: bool, minus_addend: bool) -> Any:
    product = -(x * y) if minus_product else x * y
    return product - z if minus_addend else product + z


def _values(context: Any, *operands: Any) -> list[Any]:
    """Operands as values: constants that are written into a kernel arrive as numbers."""
    return [lowering._ensure_ir_value(x, aval) for x, aval in zip(operands, context.avals_in, strict=True)]


def _lower_fma(context: Any, x: Any, y: Any, z: Any, *, minus_product: bool, minus_addend: bool) -> Any:
    x, y, z = _values(context, x, y, z)
    return math.fma(arith.negf(x) if minus_product else x, y, arith.negf(z) if minus_addend else z)


def _lower_sum_of_products(_: Any, x: Any, y: Any, *, axis: int) -> Any:
    # A sum is a pair as well: itself times one, which costs nothing where a compiler sees the one.
    f32 = ir.F32Type.get()
    make: Any = dialect.ReduceOp  # its stub is of the class below it
    reduced = make([x, y], axis)
    block = reduced.regions[0].blocks.append(f32, f32, f32, f32)
    with ir.InsertionPoint.at_block_begin(block):
        a, b, c, d = block.arguments
        one = lowering._full(f32, 1.0)
        dialect.reduce_return([math.fma(c, d, arith.mulf(a, b)), one])
    reduced.verify()
    return reduced.result[0]


def _lower_exp2(context: Any, x: Any) -> Any:
    if context.context.platform != "cuda":
        return math.exp2(x)
    return dialect.elementwise_inline_asm(
        [x.type], "ex2.approx.ftz.f32 $0, $1;", constraints="=f,f", pure=True, packed_element=1, args=[x]
    )


def _lower_transposed(_: Any, x: Any) -> Any:
    region = scf.ExecuteRegionOp([x.type])  # what XLA does not look through; its canonicalisation takes it away later
    with ir.InsertionPoint(region.region.blocks.append()):
        scf.YieldOp([x])
    return dialect.trans(region.results[0], (1, 0))


def _register(name: str, shape: Any, plain: Any, lower: Any) -> Primitive:
    primitive = Primitive(name)
    primitive.def_abstract_eval(shape)
    primitive.def_impl(plain)
    mlir.register_lowering(primitive, mlir.lower_fun(plain, multiple_results=False))
    lowering.triton_lowering_rules[primitive] = lower
    return primitive


def _lower_division(context: Any, x: Any, y: Any) -> Any:
    x, y = _values(context, x, y)
    if context.context.platform != "oneapi":
        return dialect.precise_divf(x, y)
    # Nothing links the function that this would call there. A quotient in float64, which has more than twice the bits
    # and two, rounds to float32 as the exact one does.
    wide = (lowering._ir_cast(value, ir.F64Type.get(), signed=True) for value in (x, y))
    return lowering._ir_cast(arith.divf(*wide), ir.F32Type.get(), signed=True)


def _dot_shape(a: Any, b: Any) -> jax.core.ShapedArray:
    return jax.core.ShapedArray((a.shape[0], b.shape[1]), jnp.float32)


def _dot_plain(a: Any, b: Any) -> Any:
    return jnp.dot(a.astype(jnp.float32), b.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST)


def _lower_pipelined(context: Any, counter: Any, *, stages: int, warps: int) -> Any:
    loop = ir.InsertionPoint.current.block.owner.operation
    loop.attributes["tt.num_stages"] = _int32(stages)
    if context.context.platform == "cuda":
        module = loop
        while module.parent is not None:
            module = module.parent
        module.attributes["ttg.maxnreg"] = _int32(min(_MOST, _REGISTERS // (32 * warps)))
    return counter


def _int32(value: int) -> Any:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(32), value)


def _lower_dot(context: Any, a: Any, b: Any) -> Any:
    m, n = context.avals_out[0].shape
    acc = lowering._zeros(ir.RankedTensorType.get([m, n], ir.F32Type.get()))
    return dialect.dot(a, b, acc, max_num_imprecise_acc=_UNLIMITED)


_fma = _register("fma", lambda x, *_, **__: jax.core.ShapedArray(x.shape, x.dtype), _fma_plain, _lower_fma)
_sum_of_products = _register(
    "sum_of_products",
    lambda x, _, *, axis: jax.core.ShapedArray(x.shape[:axis] + x.shape[axis + 1 :], x.dtype),
    lambda x, y, *, axis: jnp.sum(x * y, axis=axis),
    _lower_sum_of_products,
)
_div_rn = _register(
    "div_rn",
    lambda x, _: jax.core.ShapedArray(x.shape, x.dtype),
    divide,
    _lower_division,
)
_exp2 = _register("exp2_approx", lambda x: jax.core.ShapedArray(x.shape, x.dtype), jnp.exp2, _lower_exp2)
_transposed = _register(
    "transposed", lambda x: jax.core.ShapedArray((x.shape[1], x.shape[0]), x.dtype), jnp.transpose, _lower_transposed
)
_dot_fp8 = _register("dot_fp8", _dot_shape, _dot_plain, _lower_dot)
_pipelined = _register(
    "pipelined",
    lambda counter, **_: jax.core.ShapedArray(counter.shape, counter.dtype),
    lambda counter, **_: counter,
    _lower_pipelined,
)
