"""Results without values: fakes that compilers trace with symbols for sizes, and tensors of the device meta."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

import specs
from specs.cache.layouts import V4
from specs.lang.call.sizes import SymbolicSize, Undecided, certainly, problem_of
from specs.lang.errors import Aliased, ArgumentError, WrongDevice, WrongFormat, WrongShape
from tests.torch_side.calls import as_tuple, operator, public, raw, small_call
from torch_impl import ops

OPS = specs.names()


def symbolic(mode: FakeTensorMode, tensor: torch.Tensor | None) -> torch.Tensor | None:
    """A fake whose sizes are all symbols."""
    if tensor is None:
        return None
    context: Any = StatelessSymbolicContext(dynamic_sizes=[DimDynamic.DYNAMIC] * tensor.ndim)
    return mode.from_tensor(tensor, symbolic_context=context)


def likely(size: Any) -> int:
    """The size that a symbol was made for."""
    return size if isinstance(size, int) else int(size.node.hint)


@pytest.mark.parametrize("op", OPS)
def test_no_size_is_guarded(op: str) -> None:
    tensors, attributes = small_call(op)
    shapes = ShapeEnv()
    mode = FakeTensorMode(shape_env=shapes)
    fakes = [symbolic(mode, t) for t in tensors]
    with mode:
        results = as_tuple(operator(op)(*fakes, **attributes))
    assert not shapes.guards, [str(guard.expr) for guard in shapes.guards]
    real = as_tuple(public(op)(*tensors, **attributes))
    assert [(t.dtype, [likely(n) for n in t.shape]) for t in results] == [(t.dtype, [*t.shape]) for t in real]


def unbacked(mode: FakeTensorMode, shapes: ShapeEnv, t: torch.Tensor, rows: int) -> torch.Tensor:
    """A fake whose dimensions of that size have one that only the run knows."""
    symbol = shapes.create_unbacked_symint()
    torch._check(symbol >= 0)
    with mode:
        return torch.empty([symbol if n == rows else n for n in t.shape], dtype=t.dtype)


@pytest.mark.parametrize(
    "op", ["per_token_quant_fp8", "mxfp8_quant", "fp8_gemm_w8a16", "int4_gemm_w4a16", "quantize_and_insert_k"]
)
def test_rows_may_be_counted_by_the_run(op: str) -> None:
    tensors, attributes = small_call(op)
    shapes = ShapeEnv()
    mode = FakeTensorMode(shape_env=shapes)
    x = tensors[0]
    assert x is not None
    fakes = [unbacked(mode, shapes, x, x.shape[0]), *(None if t is None else mode.from_tensor(t) for t in tensors[1:])]
    if op == "quantize_and_insert_k":
        assert tensors[2] is not None
        fakes[2] = unbacked(mode, shapes, tensors[2], tensors[2].shape[0])
    with mode:
        results = as_tuple(operator(op)(*fakes, **attributes))
    assert all(any(not isinstance(size, int) for size in t.shape) for t in results)


@pytest.fixture
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def slots(rows: int) -> tuple[Any, ...]:
    cache = torch.zeros(64, V4.page_bytes(2), dtype=torch.uint8)
    return torch.ones(rows, 512, dtype=torch.bfloat16), cache, torch.arange(rows)


def halves(rows: int) -> tuple[Any, ...]:
    x, codes = torch.ones(rows, 256, dtype=torch.float16), torch.zeros(32, 128, dtype=torch.int32)
    return x, codes, torch.ones(1, 128, dtype=torch.float16)


def requests(tokens: int) -> tuple[Any, ...]:
    q, starts = torch.ones(tokens, 2, 16, dtype=torch.bfloat16), torch.tensor([0, 1, tokens], dtype=torch.int32)
    return q, q, q, starts, starts


def logits(rows: int) -> tuple[Any, ...]:
    found = torch.arange(rows * 300.0).reshape(rows, 300)
    return found, torch.zeros(rows, dtype=torch.int32), torch.full((rows,), 300, dtype=torch.int32)


SERVING: dict[str, tuple[Callable[[int], tuple[Any, ...]], dict[str, Any]]] = {
    "quantize_and_insert_k": (slots, {"block_size": 2}),
    "int4_gemm_w4a16": (halves, {"group_size": -1}),
    "flash_attn_varlen": (requests, {"causal": True}),
    "topk_rows": (logits, {"topk": 7}),
}


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("op", SERVING)
def test_one_graph_serves_every_number_of_tokens(op: str) -> None:
    """Below and above what kernels divide their work by."""
    make, attributes = SERVING[op]
    graphs: list[object] = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Any]) -> Any:
        graphs.append(graph)
        return graph.forward

    def function(x: torch.Tensor, *rest: Any) -> Any:
        return public(op)(x[1:], *rest, **attributes)  # one row less than the symbol says

    compiled = torch.compile(function, fullgraph=True, dynamic=True, backend=backend)
    for rows in (5, 17, 70):  # none the size of another dimension, which would be taken for one
        x, *rest = make(rows)
        longer = torch.cat([x[:1], x])
        assert raw(performed_alike(compiled, longer, rest)) == raw(performed_alike(function, longer, rest))
    assert len(graphs) == 1


def performed_alike(function: Any, x: torch.Tensor, rest: list[Any]) -> tuple[torch.Tensor, ...]:
    """Results of a call on copies, and the copies, which may have been written."""
    copies = [t.clone() for t in rest]
    return (*as_tuple(function(x, *copies)), *copies)


def test_exported_for_any_number_of_rows() -> None:
    class Layer(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return ops.per_token_group_quant_fp8(x)

    rows = torch.export.Dim("rows", min=0, max=4096)
    program = torch.export.export(Layer(), (torch.ones(3, 256),), dynamic_shapes=({0: rows},))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded: Any = torch.export.load(file).module()
    for count in (0, 1, 7):
        x = torch.arange(count * 256.0).reshape(count, 256)
        assert raw(loaded(x)) == raw(ops.per_token_group_quant_fp8(x))


def test_what_is_certainly_wrong_is_refused_while_tracing() -> None:
    mode = FakeTensorMode(shape_env=ShapeEnv())
    q = symbolic(mode, torch.ones(3, 64).to(torch.float8_e4m3fn))
    b = mode.from_tensor(torch.ones(16, 48).to(torch.float8_e4m3fn), static_shapes=True)
    half = mode.from_tensor(torch.ones(16, 64, dtype=torch.float16))
    with mode:
        with pytest.raises(WrongFormat):
            ops.fp8_gemm(q, half, scale_mode="tensor", weight_order="nk")  # type: ignore[call-overload]
        with pytest.raises(WrongShape, match="'b_scale'"):
            ops.fp8_gemm(q, b, None, torch.ones(7), scale_mode="token_channel", weight_order="nk")  # type: ignore[call-overload]


def test_a_symbol_in_a_check() -> None:
    size = SymbolicSize(5, lambda _: None)
    assert size + 1 == 6  # numbers stay numbers
    unknown = SymbolicSize(torch.tensor(5), lambda _: None)
    for compare in (lambda: unknown == 5, lambda: unknown < 6, lambda: bool(unknown), lambda: range(unknown)):
        with pytest.raises(Undecided):
            compare()
        assert not certainly(compare)
    assert problem_of(lambda: "too small" if unknown < 6 else None) is None
    assert certainly(lambda: SymbolicSize(torch.tensor(5), lambda _: True) != 3)


# -- meta ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_results_on_meta_are_like_the_real_ones(op: str) -> None:
    tensors, attributes = small_call(op)
    meta = tuple(None if t is None else t.to("meta") for t in tensors)
    real = as_tuple(public(op)(*tensors, **attributes))
    for function in (public(op), operator(op)):
        found = as_tuple(function(*meta, **attributes))
        assert all(t.is_meta for t in found)
        assert [(t.shape, t.dtype, t.stride()) for t in found] == [(t.shape, t.dtype, t.stride()) for t in real]
    if real:
        out = tuple(torch.empty_like(t, device="meta") for t in real)
        given = public(op)(*meta, **attributes, out=out[0] if len(specs.get(op).outputs) == 1 else out)
        assert all(one is other for one, other in zip(as_tuple(given), out, strict=True))


def test_wrong_calls_on_meta_are_refused_as_elsewhere() -> None:
    a, b = (torch.ones(shape, device="meta").to(torch.float8_e4m3fn) for shape in ((3, 64), (16, 48)))
    with pytest.raises(WrongShape, match="'b'"):
        ops.fp8_gemm(a, b, scale_mode="tensor", weight_order="nk")
    with pytest.raises(WrongDevice, match="'b'"):
        ops.fp8_gemm(a, torch.ones(16, 64).to(torch.float8_e4m3fn), scale_mode="tensor", weight_order="nk")
    x = torch.ones(3, 64, device="meta")
    with pytest.raises(ArgumentError) as refusal:
        ops.per_token_quant_fp8(x, out=(torch.empty(3, 64, device="meta").to(torch.float8_e4m3fn), x.view(-1)[:3]))
    assert isinstance(refusal.value, Aliased)
