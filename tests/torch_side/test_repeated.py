"""A call that was made before is found again without checks; one that differs in anything is checked like a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

import specs
from specs.lang.call.bind import check_attributes
from specs.lang.declare.layouts import Pages
from specs.lang.errors import (
    ArgumentError,
    Missing,
    NotAChoice,
    Surplus,
    Unsupported,
    WrongDevice,
    WrongFormat,
    WrongShape,
    WrongStride,
    WrongType,
)
from tests.torch_side.calls import Tensors, as_tuple, performed, public, raw, small_call
from torch_impl import launch, repeated
from torch_impl.formats import FORMATS

Call = tuple[list[Any], dict[str, Any]]
TENSOR: dict[str, Any] = {"scale_mode": "tensor", "out_dtype": torch.bfloat16}


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, nothing that checks or prepares a call may be reached."""

    def refuse(*_: Any) -> Any:
        raise AssertionError("looked at a second time")

    def start() -> None:
        monkeypatch.setattr(launch, "check", refuse)
        monkeypatch.setattr(launch, "prepare", refuse)

    return start


@pytest.mark.parametrize("op", specs.names())
def test_the_same_call_is_found_again(op: str, unchecked: Callable[[], None]) -> None:
    tensors, attributes = small_call(op)
    want = performed(op, public(op), tensors, **attributes)
    unchecked()
    assert raw(performed(op, public(op), tensors, **attributes)) == raw(want)


def test_the_oldest_calls_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated, "KEPT", 4)
    monkeypatch.setattr(repeated, "calls", {})
    for rows in (*range(1, 9), 1):
        codes, _ = public("per_token_group_quant_fp8")(torch.full((rows, 128), 448.0, dtype=torch.bfloat16))
        assert torch.equal(codes.float(), torch.full((rows, 128), 448.0))
        assert 0 < len(repeated.calls) <= 4


def test_weights_may_be_parameters(unchecked: Callable[[], None]) -> None:
    tensors, attributes = gemm()
    want = public("fp8_gemm")(*tensors, **attributes)
    tensors[1] = torch.nn.Parameter(tensors[1], requires_grad=False)
    unchecked()
    assert raw(public("fp8_gemm")(*tensors, **attributes)) == raw(want)


# -- one property changed ----------------------------------------------------------------------------------------


def gemm() -> Call:
    """A product of [4, 64] and [64, 32] with one scale for each."""
    a, b = (torch.ones(shape).to(torch.float8_e4m3fn) for shape in ((4, 64), (64, 32)))
    return [a, b, torch.ones(()), torch.ones(())], dict(TENSOR)


def strided(t: torch.Tensor) -> torch.Tensor:
    """As large, with room between the elements of a row."""
    return torch.zeros((*t.shape, 2)).to(t.dtype)[..., 0]


def replaced(index: int, change: Callable[[torch.Tensor], Any]) -> Callable[[Call], Call]:
    def changed(call: Call) -> Call:
        tensors = list(call[0])
        tensors[index] = change(tensors[index])
        return tensors, call[1]

    return changed


def stated(**attributes: Any) -> Callable[[Call], Call]:
    return lambda call: (call[0], {**call[1], **attributes})


WRONG: dict[str, tuple[type[Exception], str, Callable[[Call], Call]]] = {
    "dtype": (WrongFormat, "'a_scale'", replaced(2, torch.Tensor.double)),
    "other operand's dtype": (WrongFormat, "'b'", replaced(1, lambda b: b.float().to(torch.float8_e5m2))),
    "shape": (WrongShape, "'b'", replaced(1, lambda b: b[:63])),
    "stride": (WrongStride, "'a'", replaced(0, strided)),
    "device": (WrongDevice, "'b'", replaced(1, lambda b: b.to("meta"))),
    "choice": (NotAChoice, "'scale_mode'", stated(scale_mode="each")),
    "type of text": (WrongType, "'scale_mode'", stated(scale_mode=1)),
    "type of a number": (WrongType, "'group'", stated(group=128.0)),
    "no hash": (WrongType, "'scale_mode'", stated(scale_mode=[])),
    "missing": (Missing, "'b'", replaced(1, lambda _: None)),
    "number": (WrongType, "'b_scale'", replaced(3, lambda _: 1.0)),
    "array of numpy": (WrongType, "'b_scale'", replaced(3, torch.Tensor.numpy)),
    "sparse": (WrongType, "'a_scale'", replaced(2, lambda s: s.reshape(1).to_sparse())),
    "implementation": (NotAChoice, "'implementation'", stated(implementation="fast")),
    "device of the implementation": (Unsupported, "cuda", stated(implementation="triton")),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_changed_property_is_refused(name: str) -> None:
    kind, text, change = WRONG[name]
    tensors, attributes = gemm()
    want = public("fp8_gemm")(*tensors, **attributes)
    wrong, named = change((tensors, attributes))
    for _ in range(2):
        with pytest.raises(kind, match=text):
            public("fp8_gemm")(*wrong, **named)
        assert raw(public("fp8_gemm")(*tensors, **attributes)) == raw(want)


def test_a_tensor_that_changed_itself_is_refused() -> None:
    """The same object, with other metadata than when the call was made."""
    tensors, attributes = gemm()
    public("fp8_gemm")(*tensors, **attributes)
    tensors[1].resize_(63, 32)
    with pytest.raises(WrongShape, match="'b'"):
        public("fp8_gemm")(*tensors, **attributes)


def checked_attributes(op: str, given: Mapping[str, object]) -> dict[str, object]:
    """All attributes of a call as the binder has them."""
    spec = specs.get(op)
    return check_attributes(spec, launch.resolve_attributes(spec, tuple(given.get(a.name) for a in spec.attributes)))


def surplus() -> Iterator[tuple[str, int]]:
    """Arguments that the mode of a small call does not take, by operation and place."""
    for op in specs.names():
        tensors, given = small_call(op)
        attributes = checked_attributes(op, given)
        for index, array in enumerate(specs.get(op).inputs):
            if tensors[index] is None and array.by in given and not array.under(attributes).shapes:
                yield op, index


def test_surplus_arguments_are_refused() -> None:
    found = list(surplus())
    for op, index in found:
        tensors, attributes = small_call(op)
        public(op)(*tensors, **attributes)
        wrong = [*tensors]
        wrong[index] = torch.ones(1)
        with pytest.raises(Surplus, match=specs.get(op).inputs[index].name):
            public(op)(*wrong, **attributes)
    assert found


def test_caches_that_begin_between_elements_are_refused() -> None:
    """Nothing but the address differs, at which every call looks."""
    found = 0
    for op in specs.names():
        tensors, given = small_call(op)
        attributes = checked_attributes(op, given)
        for index, array in enumerate(specs.get(op).inputs):
            cache = tensors[index]
            if not isinstance(array.layout, Pages) or cache is None:
                continue
            public(op)(*tensors, **attributes)
            moved = torch.empty(cache.numel() + 1, dtype=cache.dtype)[1:].view(cache.shape).copy_(cache)
            assert (moved.shape, moved.stride(), moved.dtype) == (cache.shape, cache.stride(), cache.dtype)
            wrong = [*tensors]
            wrong[index] = moved
            with pytest.raises(WrongStride, match=f"'{array.name}'.*begins"):
                public(op)(*wrong, **attributes)
            found += 1
    assert found


def test_a_wanted_gradient_is_seen() -> None:
    x = torch.ones(3, 64)
    public("per_token_quant_fp8")(x)
    with torch.no_grad():
        assert not public("per_token_quant_fp8")(x.requires_grad_())[1].requires_grad
    assert public("per_token_quant_fp8")(x)[1].requires_grad


class Listening(torch.Tensor):
    """A tensor that wants to hear of what is done with it."""

    heard: ClassVar[list[str]] = []

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.heard.append(str(func))
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_subclass_is_heard() -> None:
    x = torch.ones(3, 64)
    public("per_token_quant_fp8")(x)
    Listening.heard.clear()
    public("per_token_quant_fp8")(x.as_subclass(Listening))
    assert any("per_token_quant_fp8" in name for name in Listening.heard)


class Noting(TorchFunctionMode):
    """A mode that wants to hear of every function."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.heard.append(str(func))
        return func(*args, **(kwargs or {}))


def test_a_mode_for_functions_is_heard() -> None:
    x = torch.ones(3, 64)
    want = public("per_token_quant_fp8")(x)
    with Noting() as mode:
        found = public("per_token_quant_fp8")(x)
    assert raw(found) == raw(want)
    assert mode.heard == ["twinkernels.per_token_quant_fp8.default"]


def test_a_default_device_is_not_heard(unchecked: Callable[[], None]) -> None:
    x = torch.ones(3, 64)
    want = public("per_token_quant_fp8")(x)
    unchecked()
    with torch.device("meta"):
        found = public("per_token_quant_fp8")(x)
    assert raw(found) == raw(want)


# -- anything changed: with and without a call before it -------------------------------------------------------

OTHER_DTYPES = sorted((d for d in FORMATS if "float4" not in str(d)), key=str)  # torch casts nothing to that


def other_view(draw: st.DrawFn, t: torch.Tensor) -> Any:
    """A tensor that differs in one or two properties, or nothing at all."""
    match draw(st.sampled_from(["dtype", "size", "rank", "stride", "order", "device", "address", "none", "same"])):
        case "dtype":
            return torch.zeros(t.shape).to(draw(st.sampled_from(OTHER_DTYPES)))
        case "size" if t.ndim:
            shape = list(t.shape)
            shape[draw(st.integers(0, t.ndim - 1))] = draw(st.integers(0, 9))
            return torch.zeros(shape).to(t.dtype)
        case "rank":
            return t[None] if draw(st.booleans()) else t.reshape(-1)
        case "stride":
            return strided(t)
        case "order" if t.ndim > 1:
            return t.transpose(-1, -2).contiguous().transpose(-1, -2)
        case "device":
            return t.to("meta")
        case "address":
            return torch.zeros(t.numel() + 1).to(t.dtype)[1:].view(t.shape)
        case "none":
            return None
    return t


@st.composite
def changed_calls(draw: st.DrawFn) -> tuple[str, Tensors, dict[str, Any]]:
    """A small call of any operation, one argument or attribute of which may be another."""
    op = draw(st.sampled_from(specs.names()))
    tensors, attributes = small_call(op)
    changed = [*tensors]
    index, given_ = draw(st.sampled_from([(i, t) for i, t in enumerate(tensors) if t is not None]))
    spec = specs.get(op)
    if spec.attributes and draw(st.integers(0, 3)) == 0:
        attribute = draw(st.sampled_from(spec.attributes))
        own = [st.sampled_from(attribute.choices)] if attribute.choices else []
        value = attributes.get(attribute.name)
        near = [value, float(value), value + 1] if isinstance(value, int) else [value]
        attributes[attribute.name] = draw(st.one_of(st.sampled_from([*near, True, 1, 1.0, None, "v4"]), *own))
    else:
        changed[index] = other_view(draw, given_)
    return op, tuple(changed), attributes


class Ran(RuntimeError):
    """A call was found right; its text says what would have run."""


def outcome(op: str, tensors: Tensors, attributes: dict[str, Any]) -> tuple[object, str]:
    """The error of a call, or what is prepared for it."""

    def stop(ready: launch.Prepared, given: Any) -> Any:
        for slot, name, alignment in ready.aligned:
            if given[slot].data_ptr() % alignment:
                raise launch.misaligned(ready.op, name, alignment)
        raise Ran(str((ready.fresh, ready.results, ready.device, ready.aligned, len(ready.runners))))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch.Prepared, "__call__", stop)
        try:
            results = as_tuple(public(op)(*tensors, **attributes))
        except (Ran, ArgumentError, Unsupported) as raised:
            return type(raised), str(raised)
    assert all(t is None or t.is_meta for t in tensors), "neither run nor refused"
    return "nothing to run", str([(t.shape, t.dtype, t.is_meta) for t in results])


@given(call=changed_calls())
def test_earlier_calls_change_nothing(call: tuple[str, Tensors, dict[str, Any]]) -> None:
    op, tensors, attributes = call
    right, named = small_call(op)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated, "calls", {})
        cold = outcome(op, tensors, attributes)
        patch.setattr(repeated, "calls", {})
        assert outcome(op, right, named)[0] is Ran
        assert outcome(op, tensors, attributes) == cold
        assert outcome(op, tensors, attributes) == cold


def test_results_are_those_of_every_implementation() -> None:
    """One call, asked of several implementations in turn, is kept once for each."""
    tensors, attributes = gemm()
    want = public("fp8_gemm")(*tensors, **attributes)
    for _ in range(2):
        for name in ("eager", None, "interpret"):
            assert raw(as_tuple(public("fp8_gemm")(*tensors, **attributes, implementation=name))) == raw(want)
