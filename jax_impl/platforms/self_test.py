"""Self-test of an Intel GPU's matrix units: products and reads of two-dimensional blocks with known results.

One program of one warp multiplies A [16, 32] by B [32, 16]. Its operands are read as two-dimensional blocks, so that
an error of either shows in the result. Numbers are small integers, whose sums are exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jax_impl.formats import dtype_of
from jax_impl.platforms.custom_call import TritonKernel
from specs.lang.formats.elements import BF16, F16, ElementFormat

ROWS, DEPTH, COLUMNS = 16, 32, 16
KERNEL: Final = "self_test_product"

_IR: Final = """module {
  tt.func public @@KERNEL@(%a: !tt.ptr<@E@> {tt.divisibility = 16 : i32}, %b: !tt.ptr<@E@> {tt.divisibility = 16 : i32},
      %c: !tt.ptr<f32> {tt.divisibility = 16 : i32}) {
    %m = tt.make_range {end = 16 : i32, start = 0 : i32} : tensor<16xi32>
    %k = tt.make_range {end = 32 : i32, start = 0 : i32} : tensor<32xi32>
    %m1 = tt.expand_dims %m {axis = 1 : i32} : tensor<16xi32> -> tensor<16x1xi32>
    %n0 = tt.expand_dims %m {axis = 0 : i32} : tensor<16xi32> -> tensor<1x16xi32>
    %k0 = tt.expand_dims %k {axis = 0 : i32} : tensor<32xi32> -> tensor<1x32xi32>
    %k1 = tt.expand_dims %k {axis = 1 : i32} : tensor<32xi32> -> tensor<32x1xi32>
    %pitch_a = arith.constant dense<32> : tensor<16x1xi32>
    %pitch_b = arith.constant dense<16> : tensor<32x1xi32>
    %pitch_c = arith.constant dense<16> : tensor<16x1xi32>
    %row_a = arith.muli %m1, %pitch_a : tensor<16x1xi32>
    %row_b = arith.muli %k1, %pitch_b : tensor<32x1xi32>
    %row_c = arith.muli %m1, %pitch_c : tensor<16x1xi32>
    %a0 = tt.broadcast %row_a : tensor<16x1xi32> -> tensor<16x32xi32>
    %a1 = tt.broadcast %k0 : tensor<1x32xi32> -> tensor<16x32xi32>
    %b0 = tt.broadcast %row_b : tensor<32x1xi32> -> tensor<32x16xi32>
    %b1 = tt.broadcast %n0 : tensor<1x16xi32> -> tensor<32x16xi32>
    %c0 = tt.broadcast %row_c : tensor<16x1xi32> -> tensor<16x16xi32>
    %c1 = tt.broadcast %n0 : tensor<1x16xi32> -> tensor<16x16xi32>
    %at = arith.addi %a0, %a1 : tensor<16x32xi32>
    %bt = arith.addi %b0, %b1 : tensor<32x16xi32>
    %ct = arith.addi %c0, %c1 : tensor<16x16xi32>
    %pa = tt.splat %a : !tt.ptr<@E@> -> tensor<16x32x!tt.ptr<@E@>>
    %pb = tt.splat %b : !tt.ptr<@E@> -> tensor<32x16x!tt.ptr<@E@>>
    %pc = tt.splat %c : !tt.ptr<f32> -> tensor<16x16x!tt.ptr<f32>>
    %qa = tt.addptr %pa, %at : tensor<16x32x!tt.ptr<@E@>>, tensor<16x32xi32>
    %qb = tt.addptr %pb, %bt : tensor<32x16x!tt.ptr<@E@>>, tensor<32x16xi32>
    %qc = tt.addptr %pc, %ct : tensor<16x16x!tt.ptr<f32>>, tensor<16x16xi32>
    %va = tt.load %qa : tensor<16x32x!tt.ptr<@E@>>
    %vb = tt.load %qb : tensor<32x16x!tt.ptr<@E@>>
    %zero = arith.constant dense<0.0> : tensor<16x16xf32>
    %d = tt.dot %va, %vb, %zero : tensor<16x32x@E@> * tensor<32x16x@E@> -> tensor<16x16xf32>
    tt.store %qc, %d : tensor<16x16x!tt.ptr<f32>>
    tt.return
  }
}
"""

Multiply = Callable[[ElementFormat, np.ndarray[Any, Any], np.ndarray[Any, Any]], np.ndarray[Any, Any]]
"""The product of A [16, 32] and B [32, 16], float32 arrays of numbers that the format has, by the units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One product. what: in words. a, b: operands, float32 of numbers that `form` has."""

    what: str
    form: ElementFormat
    a: np.ndarray[Any, Any]
    b: np.ndarray[Any, Any]


def checks() -> tuple[Check, ...]:
    """All that is tested."""
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-8, 9, shape).astype(np.float32) for shape in ((ROWS, DEPTH), (DEPTH, COLUMNS)))
    numbered = np.arange(ROWS * DEPTH, dtype=np.float32).reshape(ROWS, DEPTH)
    odd = np.zeros((DEPTH, COLUMNS), np.float32)
    odd[2 * np.arange(COLUMNS) + 1, np.arange(COLUMNS)] = 1
    return (
        Check(what="a product of float16", form=F16, a=a, b=b),
        Check(what="a product of bfloat16", form=BF16, a=a, b=b),
        # Every number is another: which one lies where is seen.
        Check(what="a read of a two-dimensional block", form=F16, a=numbered, b=odd),
    )


def failures(multiply: Multiply) -> tuple[str, ...]:
    """What does not have the right result, in words; none for a card whose matrix units can be used."""
    found = []
    for check in checks():
        try:
            got = multiply(check.form, check.a, check.b)
        except Exception as error:  # noqa: BLE001 - whatever a driver refuses
            found.append(f"{check.what} is refused: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            continue
        wrong = int(np.sum(got != check.a @ check.b))
        if wrong:
            found.append(f"{check.what} has {wrong} wrong numbers of {got.size}")
    return tuple(found)


Annotate = Callable[[str], str]
"""Gives Triton IR the attributes under which the units are used (`matrix_units.annotated`)."""


def kernel(form: ElementFormat, annotate: Annotate) -> TritonKernel:
    """The product as XLA is handed it."""
    ir = _IR.replace("@KERNEL@", KERNEL).replace("@E@", form.name)
    return TritonKernel(name=KERNEL, ir=annotate(ir), grid=(1, 1, 1), num_warps=1, num_stages=1)


def function(form: ElementFormat, annotate: Annotate) -> Callable[..., list[Any]]:
    """The product as a function of A and B, to be jitted for an Intel GPU."""
    import jax

    from jax_impl.platforms import custom_call

    return custom_call.call(kernel(form, annotate), [jax.ShapeDtypeStruct((ROWS, COLUMNS), np.float32)], {})


def on_card(annotate: Annotate) -> Multiply:
    """Products on the first Intel GPU of this process."""
    import jax

    device = jax.local_devices(backend="oneapi")[0]

    def multiply(form: ElementFormat, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        given = [jax.device_put(x.astype(dtype_of(form)), device) for x in (a, b)]
        (found,) = jax.jit(function(form, annotate))(*given)
        return np.asarray(found)

    return multiply
