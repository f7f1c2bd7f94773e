"""The operators of the torch library: schemas, checks of torch itself, fake tensors, gradients."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import specs
from parity.judge.frameworks import from_torch
from specs.lang.call.signature import shape_text
from specs.lang.declare.kernel import Access, Rows, choice_name
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged
from tests.helptext import entries
from tests.small import with_floats
from tests.torch_side.calls import (
    Tensors,
    as_tuple,
    fresh,
    operator,
    performed,
    public,
    raw,
    small_call,
    with_lead,
)
from torch_impl import schemas
from torch_impl.backends import BACKENDS

_KINDS = {int: "int", float: "float", bool: "bool", str: "str", ElementFormat: "Optional[int]", Paged: "Optional[str]"}
# torch compares results with arithmetic, which it does not have for 8-bit floats: `test_results_are_fresh` and
# `test_arguments_are_only_read` check what its own test of the schema would.
_CHECKS = ("test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
ROWS = [name for name in specs.names() if isinstance(specs.get(name).inputs[0].shapes[0][0], Rows)]


@pytest.mark.parametrize("op", specs.names())
def test_schema_states_the_spec(op: str) -> None:
    spec, schema = specs.get(op), operator(op)._schema
    arrays = schema.arguments[: len(spec.inputs)]
    assert [a.name for a in arrays] == [array.name for array in spec.inputs]
    optional = False
    for argument, array in zip(arrays, spec.inputs, strict=True):
        optional = optional or array.optional
        assert str(argument.type) == ("Optional[Tensor]" if optional else "Tensor")
        assert not argument.kwarg_only
        written = argument.alias_info is not None and argument.alias_info.is_write
        assert written == (array.access is Access.INOUT)
    attributes = schema.arguments[len(spec.inputs) : -1]
    assert [a.name for a in attributes] == [attribute.name for attribute in spec.attributes]
    for argument, attribute in zip(attributes, spec.attributes, strict=True):
        assert argument.kwarg_only
        kind, default = _KINDS[attribute.kind], None if attribute.required else attribute.default
        may_be_none = not attribute.required and default is None and not kind.startswith("Optional")
        assert str(argument.type) == (f"Optional[{kind}]" if may_be_none else kind)
        assert argument.has_default_value() != attribute.required
        if not attribute.required and attribute.kind not in (ElementFormat, Paged):
            assert argument.default_value == attribute.default
    assert schema.arguments[-1].name == "implementation"
    assert [str(result.type) for result in schema.returns] == ["Tensor"] * len(spec.outputs)
    assert str(torch._C.parse_schema(f"twinkernels::{schemas.schema(spec)}")) == str(schema)


@pytest.mark.parametrize("op", specs.names())
def test_torch_finds_no_fault(op: str) -> None:
    tensors, attributes = small_call(op)
    found = torch.library.opcheck(operator(op), fresh(op, tensors), attributes, test_utils=_CHECKS)
    assert found == dict.fromkeys(_CHECKS, "SUCCESS")


@pytest.mark.parametrize("op", specs.names())
def test_results_are_fresh(op: str) -> None:
    tensors, attributes = small_call(op)
    storages = {t.untyped_storage().data_ptr() for t in tensors if t is not None}
    first, second = (performed(op, operator(op), tensors, **attributes) for _ in range(2))
    made = [t.untyped_storage().data_ptr() for t in (*first, *second)]
    assert len({*made, *storages}) == len(made) + len(storages)
    assert raw(first) == raw(second)


@pytest.mark.parametrize("op", specs.names())
def test_arguments_are_only_read(op: str) -> None:
    """All but those that the schema says are written, of which torch is told that they have changed."""
    tensors, attributes = small_call(op)
    before = [None if t is None else (from_torch(t).raw.tobytes(), t._version) for t in tensors]
    operator(op)(*tensors, **attributes)
    for array, t, old in zip(specs.get(op).inputs, tensors, before, strict=True):
        if t is not None and old is not None:
            changed = array.access is Access.INOUT
            assert (from_torch(t).raw.tobytes() != old[0], t._version > old[1]) == (changed, changed), array.name


def faked(op: str, tensors: Tensors, attributes: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    with FakeTensorMode() as mode:
        fakes = [None if t is None else mode.from_tensor(t) for t in tensors]
        return as_tuple(public(op)(*fakes, **attributes))


@pytest.mark.parametrize("op", specs.names())
def test_fake_results_are_like_the_real_ones(op: str) -> None:
    for case in specs.get(op).cases:
        if not case.large:
            tensors, attributes = small_call(op, case)
            fake = faked(op, tensors, attributes)
            real = as_tuple(public(op)(*tensors, **attributes))
            assert [(t.shape, t.dtype, t.stride()) for t in fake] == [(t.shape, t.dtype, t.stride()) for t in real]


@pytest.mark.parametrize("op", ROWS)
def test_fake_results_keep_leading_dimensions(op: str) -> None:
    split, flat = (faked(op, *small_call(op, with_lead(op, lead))) for lead in ((2, 3), (6,)))
    assert split[0].shape == (2, 3, *flat[0].shape[1:])


def floats(tensors: Tensors) -> tuple[Tensors, list[torch.Tensor]]:
    """The arguments with gradients wanted of all that torch can differentiate."""
    wanted = tuple(t if t is None or not t.is_floating_point() else t.detach().requires_grad_() for t in tensors)
    return wanted, [t for t in wanted if t is not None and t.requires_grad]


@pytest.mark.parametrize("op", with_floats())
def test_gradients_are_refused(op: str) -> None:
    tensors, attributes = small_call(op)
    wanted, leaves = floats(tensors)
    assert leaves
    if specs.get(op).mutated:
        before = raw([t for t in tensors if t is not None])
        with pytest.raises(Unsupported, match=f"gradient through {op}.*in place"):
            public(op)(*wanted, **attributes)
        assert raw([t for t in tensors if t is not None]) == before
        return
    results = as_tuple(public(op)(*wanted, **attributes))
    assert raw(results) == raw(public(op)(*tensors, **attributes)), "a wanted gradient changes no result"
    differentiable = [t for t in results if t.requires_grad]
    # Numbers of columns have no gradient that could be asked for.
    assert bool(differentiable) == any(t.is_floating_point() for t in results)
    if not differentiable:
        return
    with pytest.raises(Unsupported, match=f"gradient of {op}.*no backward"):
        differentiable[-1].backward(torch.ones_like(differentiable[-1]))
    assert all(leaf.grad is None for leaf in leaves)


@pytest.mark.parametrize("op", specs.names())
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(op: str, mode: Any) -> None:
    tensors, attributes = small_call(op)
    given = fresh(op, tensors)
    wanted, _ = floats(given)
    with mode():
        results = as_tuple(public(op)(*wanted, **attributes))
    assert not any(t.requires_grad for t in results)
    written = [new for new, old in zip(given, tensors, strict=True) if new is not old and new is not None]
    assert raw((*written, *results)) == raw(performed(op, public(op), tensors, **attributes))


@pytest.mark.parametrize("op", specs.names())
def test_signature_is_the_specs(op: str) -> None:
    spec, signature = specs.get(op), inspect.signature(public(op))
    names = [a.name for a in spec.inputs] + [a.name for a in spec.attributes] + ["implementation"]
    assert list(signature.parameters) == names + ["out"] * bool(spec.outputs)
    for array in spec.inputs:
        parameter = signature.parameters[array.name]
        assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert not array.optional or parameter.default is None
    for attribute in spec.attributes:
        parameter = signature.parameters[attribute.name]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert (parameter.default is inspect.Parameter.empty) == attribute.required
        if not attribute.required:
            default = attribute.default
            assert parameter.default == (default.name if isinstance(default, ElementFormat | Paged) else default)


@pytest.mark.parametrize("op", specs.names())
def test_help_names_shapes_and_formats(op: str) -> None:
    spec, text = specs.get(op), public(op).__doc__ or ""
    lines = entries(text)
    for array in spec.arrays:
        line = lines[array.name]
        shapes = [shapes[0] for _, shapes in array.shapes_by if shapes] if array.by else list(array.shapes)
        assert all(shape_text(shape) in line for shape in shapes), line
        formats = [array.formats] if isinstance(array.formats, str) else [form.name for form in array.formats]
        assert all(name in line for name in formats), line
        assert ("optional" in line) == array.optional
    for attribute in spec.attributes:
        assert all(choice_name(choice) in lines[attribute.name] for choice in attribute.choices)
    assert all(name in lines["implementation"] for name in tuple(BACKENDS))
    assert "ArgumentError" in text
    assert "Unsupported" in text
