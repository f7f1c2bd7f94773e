"""Declarations name what exists and list every choice; each check has a planted violation that it must report."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import specs
from specs.lang.declare.kernel import Array, Attribute, Kernel
from specs.lang.declare.op import Op, single
from specs.lang.errors import SpecError
from specs.lang.formats.elements import BF16, E4M3, F32
from specs.tile.launch.cases import case_arrays
from tests.export.sample import sample

MODE = Attribute(name="mode", kind=str, default="one", choices=("one", "many"), doc="how many scales")
ORDER = Attribute(name="order", kind=str, default="kn", choices=("kn", "nk"), doc="order of the weight")
FLAG = Attribute(name="flag", kind=bool, default=False, doc="a truth value")


def declared(name: str = "extra", **fields: Any) -> Callable[[], Array]:
    """An array of a spec under test, made on the line of this test that the error has to name."""
    defaults: dict[str, Any] = {"doc": "planted", "formats": (F32,), "optional": True}
    return lambda: Array(name=name, **(defaults | fields))


def with_array(op: Op, array: Array, *attributes: Attribute) -> Op:
    """The operation with one more argument."""
    return replace(op, arrays=(*op.inputs, array, *op.outputs), attributes=(*op.attributes, *attributes))


BOTH = (("one", ((),)), ("many", ((4,),)))
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "missing choice": ({"by": "mode", "shapes_by": BOTH[:1]}, r"shapes_by lacks the choice 'many' of 'mode'"),
    "missing truth": ({"by": "flag", "shapes_by": (("True", ((),)),)}, r"lacks the choice 'False' of 'flag'"),
    "unknown choice": ({"by": "mode", "shapes_by": (*BOTH, ("few", ()))}, r"names 'few', which is no choice of 'mode'"),
    "choice twice": ({"by": "mode", "shapes_by": (*BOTH, BOTH[0])}, r"lists 'one' twice"),
    "by nothing": ({"by": "modus", "shapes_by": BOTH}, r"by = 'modus' is no attribute"),
    "by a number": ({"by": "number", "shapes_by": BOTH}, r"by = 'number' has no choices"),
    "by without shapes": ({"by": "mode"}, r"shapes_by and the attribute"),
    "shapes twice": ({"by": "mode", "shapes_by": BOTH, "shapes": ((),)}, r"either shapes or shapes_by"),
    "required_for": ({"by": "mode", "shapes_by": BOTH, "required_for": ("few",)}, r"required_for names 'few'"),
    "required_for of text": ({"by": "mode", "shapes_by": BOTH, "required_for": "one"}, r"required_for is a tuple"),
    "order_for": ({"by": "mode", "shapes_by": BOTH, "order": "order", "order_for": ("x",)}, r"order_for names 'x'"),
    "order of nothing": ({"shapes": ((),), "order": "turned"}, r"order = 'turned' is no attribute"),
    "order without nk": ({"shapes": ((),), "order": "mode"}, r"order = 'mode' has no choice 'nk'"),
    "formats of nothing": ({"shapes": ((),), "formats": "weight"}, r"formats = 'weight' is neither"),
    "format not in a tuple": ({"shapes": ((),), "formats": F32}, r"formats are a tuple of element formats"),
    "no formats": ({"shapes": ((),), "formats": ()}, r"formats are a tuple of element formats"),
    "shape not in a tuple": ({"shapes": (4,)}, r"shapes are a tuple of tuples"),
    "shape of text": ({"shapes": (("N",),)}, r"dimension 'N' is no axis"),
    "pairs": ({"by": "mode", "shapes_by": ("one", "many")}, r"shapes_by holds pairs"),
    "no shapes": ({}, r"either shapes or shapes_by"),
    "unknown axis": ({"shapes": ((specs.get("int4_gemm_w4a16").axes[2],),)}, r"size 'K' is neither an axis"),
    "name taken": ({"name": "mode", "shapes": ((),)}, r"its name is taken"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_planted_mistake_is_an_error_at_its_line(mistake: str) -> None:
    fields, problem = WRONG[mistake]
    number = Attribute(name="number", kind=int, default=1, doc="a number")
    make = declared(**fields)
    with pytest.raises(SpecError, match=problem) as caught:
        with_array(sample(), make(), MODE, ORDER, FLAG, number)
    line = inspect.getsourcelines(declared)[1] + len(inspect.getsourcelines(declared)[0]) - 1
    assert caught.value.where == f"tests/rules/test_declarations.py:{line}"


def test_what_is_right_passes() -> None:
    shapes = (*BOTH[:1], ("many", ()))
    for fields in ({"by": "mode", "shapes_by": shapes, "required_for": ("one",)}, {"shapes": ((),), "formats": "x"}):
        with_array(sample(), declared(**fields)(), MODE)


def test_kernels_are_checked_as_operations_are() -> None:
    kernel = sample().steps[0].kernel
    array = declared(by="mode", shapes_by=BOTH[:1])()
    with pytest.raises(SpecError, match=re.escape(f"{kernel.name}: array 'extra': shapes_by lacks")):
        replace(kernel, arrays=(*kernel.arrays, array), attributes=(*kernel.attributes, MODE))
    assert isinstance(replace(kernel, arrays=kernel.arrays), Kernel)


ATTRIBUTES: dict[str, tuple[dict[str, Any], str]] = {
    "default": ({"kind": str, "default": "c", "choices": ("a", "b")}, r"the default c is no choice"),
    "kind": ({"kind": int, "default": 1, "choices": (1, "2")}, r"'2' is no int"),
    "truth for a number": ({"kind": int, "default": True}, r"True is no int"),
    "choices of text": ({"kind": str, "choices": "kn"}, r"choices are a tuple"),
    "follows": ({"kind": type(BF16), "choices": (BF16,), "follows": "query"}, r"follows 'query', which is no argument"),
}


@pytest.mark.parametrize("mistake", ATTRIBUTES)
def test_a_wrong_attribute_is_an_error_at_its_line(mistake: str) -> None:
    fields, problem = ATTRIBUTES[mistake]
    attribute = Attribute(name="planted", doc="planted", **fields)
    with pytest.raises(SpecError, match=problem) as caught:
        replace(sample(), attributes=(*sample().attributes, attribute))
    assert str(caught.value.where).startswith("tests/rules/test_declarations.py:")


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"sizes": (("Z", 1),)}, r"names the size 'Z'"),
    "attribute": ({"attributes": (("element_", E4M3),)}, r"names the attribute 'element_'"),
    "choice": ({"attributes": (("element", F32),)}, r"f32 is no choice of 'element'"),
    "format": ({"formats": (("y", F32),)}, r"names the format 'y'"),
    "absent": ({"absent": ("x",)}, r"names the optional argument 'x'"),
}


@pytest.mark.parametrize("mistake", CASES)
def test_a_case_names_what_exists(mistake: str) -> None:
    fields, problem = CASES[mistake]
    op = specs.get("per_token_quant_fp8")
    with pytest.raises(SpecError, match=problem):
        replace(op, cases=(replace(op.cases[0], **fields),))


def test_one_case_is_golden() -> None:
    op = specs.get("per_token_quant_fp8")
    golden = next(case for case in op.cases if case.golden)
    with pytest.raises(SpecError, match="'decode' and 'other' are both golden"):
        replace(op, cases=(golden, replace(golden, name="other")))


def test_accuracy_is_of_results() -> None:
    op = specs.get("per_token_quant_fp8")
    with pytest.raises(SpecError, match="accuracy of 'x', which is no result"):
        replace(op, accuracy=(("x", op.accuracy[0][1]),))


def test_single_checks_where_the_author_calls_it() -> None:
    kernel = specs.get("per_token_quant_fp8").steps[0].kernel
    with pytest.raises(SpecError, match="accuracy of 'x'") as caught:
        single(kernel, oracle=specs.get("per_token_quant_fp8").oracle, accuracy=(("x", None),))
    assert str(caught.value.where).startswith("tests/rules/test_declarations.py:")


def test_every_mode_of_a_product_passes_its_scales() -> None:
    """What was forgotten once: a mode whose scale no case passed, because the declaration did not know the mode."""
    for name in ("fp8_gemm", "fp8_bmm", "fp8_gemm_w8a16"):
        op = specs.get(name)
        passed: dict[object, set[str]] = {mode: set() for mode in op.attribute("scale_mode").choices}
        for case in op.cases:
            passed[dict(case.attributes)["scale_mode"]] |= set(case_arrays(op, case, strided=True))
        assert all("b_scale" in names for names in passed.values()), passed
