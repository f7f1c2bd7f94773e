"""A step that names an operation is the steps of that operation, with other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.frameworks import from_jax, from_torch, to_jax, to_torch
from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs, Raw, generate
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, as_expr, cdiv, show
from specs.lang.declare.kernel import Access, Array, Attribute, Config, Kernel, Role, Rows, Tunable
from specs.lang.declare.op import Case, Op, Reference, Step, single
from specs.lang.errors import ConstraintViolated, SpecError
from specs.lang.formats.elements import BF16, E4M3, F32, INT32
from specs.tile.language import arange, load, program_id, store
from specs.tile.launch.cases import case_call, case_launches

QUANT, GROUPS, GEMM = (specs.get(name) for name in ("per_token_quant_fp8", "per_token_group_quant_fp8", "fp8_gemm"))
M, N, K = Axis(name="M", doc="tokens"), Axis(name="N", doc="outputs"), Axis(name="K", minimum=1, doc="inputs")
IMPLEMENTATIONS = (("torch", "eager"), ("torch", "interpret"), ("jax", "xla"), ("jax", "interpret"))


def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """Not asked: results are compared with the results of the two operations."""
    raise NotImplementedError


def array(name: str, *shape: Any, form: Any = F32, **fields: Any) -> Array:
    return Array(name=name, doc=f"the {name}", shapes=(shape,), formats=(form,), **fields)


OUT, SCALE = {"access": Access.OUT}, {"role": Role.SCALE}
LINEAR = Op(
    name="linear",
    doc="x W with x quantised per token, W per channel.",
    axes=(M, N, K),
    arrays=(
        array("x", Rows(M), K, form=BF16),
        array("w", K, N, form=E4M3),
        array("w_scale", N, **SCALE),
        array("y", Rows(M), N, form=BF16, **OUT),
    ),
    temporaries=(array("x_q", Rows(M), K, form=E4M3, **OUT), array("x_scale", Rows(M), **OUT, **SCALE)),
    steps=(
        Step(op=QUANT, arrays=(("q", "x_q"), ("scale", "x_scale")), sizes=(("N", K),)),
        Step(
            op=GEMM,
            arrays=(("a", "x_q"), ("b", "w"), ("a_scale", "x_scale"), ("b_scale", "w_scale"), ("c", "y")),
            attributes=(("scale_mode", "token_channel"),),
        ),
    ),
    oracle=oracle,
    accuracy=(("y", Accuracy(terms=K)),),
    cases=(
        Case(name="ragged", sizes=(("M", 7), ("N", 40), ("K", 96))),
        Case(name="lead", sizes=(("M", 6), ("N", 24), ("K", 64)), lead=(2, 3)),
    ),
)


Given = list[tuple[Raw, Any] | None]


def run(op: Op, given: Given, attributes: dict[str, Any], way: tuple[str, str]) -> list[Any]:
    """Results of a call of raw arrays, as raw arrays with their formats."""
    from jax_impl.launch import run as run_jax
    from torch_impl.launch import run as run_torch

    values = tuple(attributes.get(a.name, a.default) for a in op.attributes)
    if way[0] == "torch":
        found: list[Any] = [from_torch(t) for t in run_torch(op, [a and to_torch(*a) for a in given], values, way[1])]
    else:
        found = [from_jax(t) for t in run_jax(op, [a and to_jax(*a) for a in given], values, way[1])]
    return [(result.raw, result.form) for result in found]


def passed(inputs: Inputs) -> Given:
    return [(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()]


@pytest.mark.parametrize("way", IMPLEMENTATIONS, ids="-".join)
@pytest.mark.parametrize("case", LINEAR.cases, ids=lambda case: case.name)
def test_a_composite_gives_the_bytes_of_its_operations(case: Case, way: tuple[str, str]) -> None:
    x, w, w_scale = passed(generate(LINEAR, case, "random", 3))
    (whole,) = run(LINEAR, [x, w, w_scale], {}, way)
    q, scale = run(QUANT, [x, None], {}, way)
    (parts,) = run(GEMM, [q, w, scale, w_scale, None], {"scale_mode": "token_channel"}, way)
    assert whole[1] == parts[1]
    np.testing.assert_array_equal(bit_view(whole[0]), bit_view(parts[0]))


def test_kernels_and_their_names_are_those_of_the_operations() -> None:
    assert [step.kernel for step in LINEAR.steps] == [step.kernel for step in (*QUANT.steps, *GEMM.steps)]
    assert {step.op for step in LINEAR.steps} == {None}
    quant, gemm, *_ = LINEAR.steps
    assert dict(quant.arrays) == {"q": "x_q", "scale": "x_scale"}
    assert dict(quant.sizes)["N"] == K
    assert dict(quant.attributes) == {"element": E4M3}
    assert dict(gemm.attributes)["scale_mode"] == "token_channel"
    assert replace(LINEAR, doc="again").steps == LINEAR.steps


def test_an_operation_that_is_a_composite_can_be_a_step() -> None:
    """Twice the same one, with prefixes: the second takes what the first gives."""
    square = replace(LINEAR, axes=(M, N, K), cases=())
    twice = Op(
        name="twice",
        doc="x V W.",
        axes=(M, K),
        arrays=(
            array("x", Rows(M), K, form=BF16),
            array("v", K, K, form=E4M3),
            array("v_scale", K, **SCALE),
            array("y", Rows(M), K, form=BF16, **OUT),
        ),
        temporaries=(array("h", Rows(M), K, form=BF16, **OUT),),
        steps=(
            Step(op=square, arrays=(("w", "v"), ("w_scale", "v_scale"), ("y", "h")), sizes=(("N", K),), prefix="one_"),
            Step(op=square, arrays=(("w", "v"), ("w_scale", "v_scale"), ("x", "h")), sizes=(("N", K),), prefix="two_"),
        ),
        oracle=oracle,
        accuracy=(("y", Accuracy(terms=K)),),
        cases=(Case(name="small", sizes=(("M", 5), ("K", 64))),),
    )
    own = ("x_q", "x_scale", "fp8_gemm_partial")
    assert [a.name for a in twice.temporaries] == ["h", *(f"{one}_{name}" for one in ("one", "two") for name in own)]
    x, v, v_scale = passed(generate(twice, twice.cases[0], "random", 3))
    for way in IMPLEMENTATIONS[::2]:
        (whole,) = run(twice, [x, v, v_scale], {}, way)
        (half,) = run(LINEAR, [x, v, v_scale], {}, way)
        (parts,) = run(LINEAR, [half, v, v_scale], {}, way)
        np.testing.assert_array_equal(bit_view(whole[0]), bit_view(parts[0]))


# -- conditions, parts, constraints --------------------------------------------------------------------------------

R, W = Axis(name="R", doc="rows"), Axis(name="W", minimum=1, multiple_of=4, doc="columns")
PART = Axis(name="PART", value=Ref("rows_together"), doc="rows of a launch")


def add_rows(p: Any) -> None:
    """y = x + amount, for PART rows from `first` on."""
    row, column = p.first + program_id(0), arange(16)
    inside = (column < p.W) & (row < p.R)
    x = load(p.x, (row, column), inside)
    store(
        p.y, (row, column), x + p.amount if p.bias is None else x + p.amount + load(p.bias, (row,), row < p.R), inside
    )


_KERNEL = Kernel(
    name="add_rows",
    doc="x + amount.",
    axes=(R, W, PART),
    arrays=(
        array("x", R, W, form=INT32, role=Role.CODES),
        array("bias", R, form=INT32, role=Role.CODES, optional=True),
        array("y", R, W, form=INT32, **OUT),
    ),
    attributes=(
        Attribute(name="amount", kind=int, default=1, doc="what is added"),
        Attribute(name="first", kind=int, default=0, dynamic=True, doc="first row"),
    ),
    tunables=(Tunable(name="num_warps", values=(1,)),),
    configs=tuple(Config(target=t, values=(("num_warps", 1),)) for t in ("cuda", "xpu", "cpu", "interpret")),
    static_conditions=(("biased", Ref("has_bias").equals(1)), ("wide", Ref("x_format").equals(INT32))),
    grid=(PART,),
    body=add_rows,
)
ADD = single(
    _KERNEL,
    axes=(R, W),
    attributes=(*_KERNEL.attributes, Attribute(name="rows_together", kind=int, default=4, doc="rows of a launch")),
    steps=(Step(kernel=_KERNEL, when=W.differs(Ref("amount"))),),
    oracle=oracle,
    accuracy=(("y", Accuracy(exact=True)),),
)
ROWS, COLUMNS = Axis(name="ROWS", doc="rows"), Axis(name="COLUMNS", doc="columns")


def parts(**fields: Any) -> Op:
    """The operation above on arrays of other names, in parts of `together` rows where `on` is set."""
    step = Step(
        op=ADD,
        arrays=(("x", "given"), ("y", "sums"), *fields.pop("arrays", ())),
        attributes=(("amount", Ref("plus")), ("rows_together", Ref("together"))),
        sizes=(("R", ROWS), ("W", COLUMNS)),
        when=Ref("on").equals(True),
        repeat=cdiv(ROWS, Ref("together")),
        advance=("first", as_expr(Ref("together"))),
    )
    return Op(
        name="in_parts",
        doc="given + plus.",
        axes=(ROWS, COLUMNS),
        arrays=(
            array("given", ROWS, COLUMNS, form=INT32, role=Role.CODES),
            array("own_bias", ROWS, form=INT32, role=Role.CODES, optional=True),
            array("sums", ROWS, COLUMNS, form=INT32, **OUT),
        ),
        attributes=(
            Attribute(name="plus", kind=int, default=7, doc="what is added"),
            Attribute(name="together", kind=int, default=2, doc="rows of a launch"),
            Attribute(name="on", kind=bool, default=True, doc="whether anything is"),
        ),
        steps=(replace(step, **fields),),
        oracle=oracle,
        accuracy=(("sums", Accuracy(exact=True)),),
        cases=(Case(name="five", sizes=(("ROWS", 5), ("COLUMNS", 8))),),
    )


@pytest.mark.parametrize("way", IMPLEMENTATIONS, ids="-".join)
@pytest.mark.parametrize("bias", [False, True])
def test_attributes_sizes_repetition_and_facts_have_their_outer_names(bias: bool, way: tuple[str, str]) -> None:
    op = parts(arrays=(("bias", "own_bias"),))
    given = np.arange(40, dtype=np.int32).reshape(5, 8)
    own = np.arange(5, dtype=np.int32) * 100
    ((sums, _),) = run(op, [(given, INT32), (own, INT32) if bias else None], {}, way)
    np.testing.assert_array_equal(sums, given + 7 + (own[:, None] if bias else 0))
    call = case_call(op, op.cases[0], strided=True)
    assert [dict(step.attributes)["first"] for step in op.active_steps(call.env)] == [0, 2, 4]
    off = replace(op.cases[0], attributes=(("on", False),))
    assert op.active_steps(case_call(op, off, strided=True).env) == []


def test_an_optional_argument_that_the_composite_does_not_have_is_left_out() -> None:
    op = parts()
    ((sums, _),) = run(op, [(np.ones((5, 8), np.int32), INT32), None], {}, ("torch", "eager"))
    assert (sums == 8).all()
    launches = case_launches(op, op.cases[0], "cpu", strided=True)
    (conditions,) = {found.key.static_conditions for found in launches}
    assert dict(conditions) == {"biased": False, "wide": True}


def test_conditions_are_those_of_both() -> None:
    (step,) = parts().steps
    assert step.when is not None
    assert show(step.when) == "(COLUMNS != plus) and (on == True)"


def test_limits_of_sizes_and_constraints_hold_where_the_step_is_taken() -> None:
    op = parts()
    case = replace(op.cases[0], sizes=(("ROWS", 5), ("COLUMNS", 6)))
    with pytest.raises(ConstraintViolated, match="COLUMNS as add_rows takes it"):
        case_call(op, case, strided=True)
    case_call(op, replace(case, attributes=(("on", False),)), strided=True)


# -- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"arrays": (("z", "given"),)}, "gives it the array 'z', which it does not have .*bias, x, y"),
        ({"arrays": (("bias", "nothing"),)}, "'bias' is 'nothing', which is no array of in_parts"),
        ({"attributes": (("amont", 3),)}, "gives it the attribute 'amont', which it does not have"),
        (
            {"attributes": (("amount", Ref("pluss")),)},
            "'amount' is 'pluss', which is no attribute .*on, plus, together",
        ),
        ({"sizes": (("R", ROWS),)}, r"its size 'W' is no axis of in_parts .*sizes=\(\(\"W\", SIZE\),\)"),
        ({"sizes": (("R", ROWS), ("W", COLUMNS), ("V", 1))}, "gives it the size 'V'"),
        ({"advance": ("amount", as_expr(1))}, r"advances 'amount', which specialises add_rows"),
        ({"op": None}, "a step is either a kernel or an operation"),
        ({"kernel": _KERNEL}, "a step is either a kernel or an operation"),
        ({"op": None, "kernel": _KERNEL, "arrays": (("z", "given"),)}, "gives it the array 'z'"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as raised:
        parts(**fields)
    assert "test_nested_steps.py:" in str(raised.value)


def test_results_and_required_arguments_have_arrays() -> None:
    op = parts()
    step = Step(op=ADD, arrays=(("x", "given"),), sizes=(("R", ROWS), ("W", COLUMNS)))
    with pytest.raises(SpecError, match="'y' is no array of in_parts"):
        replace(op, steps=(step,))
    with pytest.raises(SpecError, match="writes 'given', which in_parts only reads"):
        replace(op, steps=(replace(step, arrays=(("x", "given"), ("y", "given"))),))


def test_repeated_steps_do_not_repeat() -> None:
    op = parts()
    step = Step(op=op, arrays=(("given", "given"),), repeat=as_expr(2))
    with pytest.raises(SpecError, match="repeats add_rows, which is repeated already"):
        replace(op, name="again", steps=(step,))


def test_temporaries_of_one_name_are_one_array() -> None:
    step = Step(op=LINEAR)
    square = {"axes": (M, N, K), "name": "other", "temporaries": ()}
    both = replace(LINEAR, steps=(step, step), **square)  # type: ignore[arg-type]
    assert [a.name for a in both.temporaries] == ["linear_x_q", "linear_x_scale", "linear_fp8_gemm_partial"]
    clash = (array("linear_x_q", Rows(M), N, form=E4M3, **OUT),)
    with pytest.raises(SpecError, match=r"its temporary 'linear_x_q' is another array already .*prefix"):
        replace(LINEAR, steps=(step,), **{**square, "temporaries": clash})  # type: ignore[arg-type]
