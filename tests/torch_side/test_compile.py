"""torch.compile: one graph without breaks, and the same bytes as without it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import specs
from specs.lang.formats.elements import E8M0
from tests.small import of_every_kind, small_case
from tests.torch_side.calls import fresh, operator, performed, public, raw, small_call, with_lead
from tests.torch_side.test_registration import ROWS

BACKENDS = ("aot_eager", *(("inductor",) if shutil.which("c++") else ()))
COMPILED = [
    (op, backend) for op in specs.names() for backend in BACKENDS if backend == "aot_eager" or op in of_every_kind()
]
"""(operation, backend): inductor takes its time, and an operation is one call to it."""


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("op", "backend"), COMPILED)
def test_compiled_gives_the_same_bytes(op: str, backend: str) -> None:
    # Inductor passes over calls with E8M0 tensors, and then refuses those that write their arguments (torch 2.13).
    left_out = E8M0 if specs.get(op).mutated and backend == "inductor" else None
    tensors, attributes = small_call(op, small_case(op, left_out))

    def function(*given: Any) -> Any:
        return public(op)(*given, **attributes)

    compiled = torch.compile(function, fullgraph=True, backend=backend)
    assert raw(performed(op, compiled, tensors)) == raw(performed(op, function, tensors))


@pytest.mark.parametrize("op", ROWS)
def test_dynamic_rows_compile_once(op: str) -> None:
    """With dynamic=True one graph serves every number of rows, with the right bytes."""
    _, attributes = small_call(op)
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Any]) -> Any:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(
        lambda *given: public(op)(*given, **attributes), fullgraph=True, dynamic=True, backend=backend
    )
    for rows in (13, 14, 17):  # unlike any other size: torch takes sizes for one that are the same in the first call
        tensors, _ = small_call(op, with_lead(op, (rows,)))
        expected = raw(public(op)(*fresh(op, tensors), **attributes))
        assert raw(compiled(*fresh(op, tensors))) == expected
    assert len(graphs) == 1
    assert any(node.target is operator(op) for node in graphs[0].graph.nodes)
