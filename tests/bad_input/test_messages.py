"""What a caller reads: sentences with the values of the call, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

import specs
from specs.lang.call.bind import ArrayInfo, Call, bind
from specs.lang.declare.kernel import Constraint
from specs.lang.declare.layouts import Dense, Inner
from specs.lang.errors import ArgumentError, ConstraintViolated, SpecError, WrongShape
from specs.lang.formats.elements import BF16, E4M3, F32, INT64, UINT8, ElementFormat


def refused(
    name: str, arrays: Mapping[str, tuple[tuple[int, ...], ElementFormat]], **attributes: object
) -> ArgumentError:
    """How a call is refused."""
    with pytest.raises(ArgumentError) as caught:
        bound(name, arrays, **attributes)
    return caught.value


def bound(name: str, arrays: Mapping[str, tuple[tuple[int, ...], ElementFormat]], **attributes: object) -> Call:
    infos = {n: ArrayInfo(shape, form, None, "here") for n, (shape, form) in arrays.items()}
    return bind(specs.get(name), infos, attributes)


A = ((4, 512), E4M3)


def test_a_weight_in_the_other_order_is_recognised() -> None:
    for order, other, weight in (("kn", "nk", (256, 512)), ("nk", "kn", (512, 256))):
        error = refused("fp8_gemm", {"a": A, "b": (weight, E4M3)}, scale_mode="tensor", weight_order=order)
        assert isinstance(error, WrongShape)
        assert str(error).endswith(f"with K = 512 from 'a', got {[*weight]} (it fits weight_order=\"{other}\")")


def test_a_weight_that_fits_in_no_order_gets_no_hint() -> None:
    error = refused("fp8_gemm", {"a": A, "b": ((256, 500), E4M3)}, scale_mode="tensor")
    assert "it fits" not in str(error)


def test_scales_in_the_other_order_are_no_reason_to_turn_the_weight() -> None:
    arrays = {"a": A, "b": ((512, 256), E4M3), "a_scale": ((4, 4), F32), "b_scale": ((2, 4), F32)}
    error = refused("fp8_gemm", arrays, scale_mode="block")
    assert error.argument == "b_scale"
    assert "it fits" not in str(error)


def test_constraints_say_it_with_the_values() -> None:
    error = refused("per_token_group_quant_fp8", {"x": ((3, 100), BF16)})
    assert isinstance(error, ConstraintViolated)
    assert str(error) == "per_token_group_quant_fp8: 'x': N = 100 must be a multiple of group = 128"
    assert (error.expected, error.actual) == ("N divisible by the group", "N = 100, group = 128")
    arrays = {"k": ((3, 576), BF16), "cache": ((1, 9792), UINT8), "slot_mapping": ((3,), INT64)}
    error = refused("quantize_and_insert_k", arrays, block_size=16)
    assert str(error) == "quantize_and_insert_k: 'k': k has 576 columns, layout 'v4' has 512"


def test_a_sentence_reads_names_that_are_declared() -> None:
    op = specs.get("fp8_gemm")
    wrong = Constraint(argument="a", holds=op.constraints[0].holds, message="right", failure="{UNKNOWN} is wrong")
    with pytest.raises(SpecError, match="constraint on 'a' reads 'UNKNOWN'"):
        replace(op, constraints=(wrong,))


def test_integers_are_taken_for_floats() -> None:
    call = bound("per_token_group_quant_fp8", {"x": ((3, 128), BF16)}, eps=1)
    assert call.attributes["eps"] == 1.0
    assert type(call.attributes["eps"]) is float


def test_strides_are_asked_for_once() -> None:
    assert Dense().problem((4, 4), (8, 2), written=False) == "a last dimension with stride 1"
    assert Dense(inner=Inner.PACKED).problem((4, 4), (8, 1), written=False) == (
        "a contiguous array (row-major without gaps)"
    )
