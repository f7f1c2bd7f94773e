"""An argument that is written in place changes in the caller's memory, and nothing around it."""

from __future__ import annotations

import pytest
import torch

import specs
from specs.lang.declare.readiness import READY
from tests.torch_side.accumulate import ACCUMULATE
from tests.torch_side.calls import fresh, public, raw, small_call
from torch_impl.launch import run, written_names
from torch_impl.schemas import schema
from torch_impl.support import explain

AVAILABLE = [name for name, why in explain("cpu").items() if why == READY]


def whole(*shape: int, start: int = 0) -> torch.Tensor:
    """Small integers: every sum is exact."""
    count = torch.Size(shape).numel()
    return torch.arange(start, start + count, dtype=torch.float32).reshape(shape)


@pytest.mark.parametrize("implementation", AVAILABLE)
def test_the_argument_itself_changes(implementation: str) -> None:
    x, total = whole(19, 21), whole(19, 21, start=7)
    expected, memory = x + total, total.data_ptr()
    results = run(ACCUMULATE, (x, total), (), implementation)
    assert torch.equal(total, expected)
    assert total.data_ptr() == memory
    assert torch.equal(x, whole(19, 21)), "what is only read stays as it is"
    assert len(results) == 1, "in torch the argument is not returned a second time"
    assert torch.equal(results[0], x + x)


@pytest.mark.parametrize("implementation", AVAILABLE)
def test_every_call_adds(implementation: str) -> None:
    x, total = whole(2, 3, 5), torch.zeros(2, 3, 5)
    for count in (1, 2, 3):
        run(ACCUMULATE, (x, total), (), implementation)
        assert torch.equal(total, count * x)


@pytest.mark.parametrize("implementation", AVAILABLE)
def test_only_the_window_changes(implementation: str) -> None:
    larger = torch.zeros(9, 40)
    x = whole(4, 17)
    run(ACCUMULATE, (x, larger[1:9:2, 3:20]), (), implementation)
    expected = torch.zeros(9, 40)
    expected[1:9:2, 3:20] = x
    assert torch.equal(larger, expected)


def test_the_schema_says_so() -> None:
    assert schema(ACCUMULATE).startswith("accumulate_for_tests(Tensor x, Tensor(a!) total, *, ")
    assert list(written_names(ACCUMULATE)) == ["total"]


IN_PLACE = [name for name in specs.names() if specs.get(name).mutated]


@pytest.mark.parametrize("implementation", AVAILABLE)
@pytest.mark.parametrize("op", IN_PLACE)
def test_operations_write_where_the_argument_lies(op: str, implementation: str) -> None:
    """A window of a larger tensor: the same bytes in it as in a tensor of its own, and none around it."""
    tensors, attributes = small_call(op)
    attributes["implementation"] = implementation
    own = fresh(op, tensors)
    returned = public(op)(*own, **attributes)
    assert (returned is None) == (not specs.get(op).outputs), "operations without fresh results return nothing"
    for index, (array, t) in enumerate(zip(specs.get(op).inputs, tensors, strict=True)):
        if array not in specs.get(op).mutated or t is None:
            continue
        space = torch.zeros((t.shape[0] + 2, *t.shape[1:]), dtype=t.dtype)
        space[1:-1] = t
        given = [*fresh(op, tensors)]
        given[index] = window = space[1:-1]
        public(op)(*given, **attributes)
        assert raw([window]) == raw([own[index] if own[index] is not None else t])
        assert not space[0].view(torch.uint8).any()
        assert not space[-1].view(torch.uint8).any()
