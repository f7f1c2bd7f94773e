"""`out=`: kernels write into the caller's memory, whatever its strides, and into nothing around it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import specs
from parity.judge.frameworks import from_torch
from specs.lang.call.results import overlap
from specs.lang.declare.readiness import READY
from specs.lang.errors import Aliased, ArgumentError, Surplus, Unsupported, WrongShape, WrongStride, WrongType
from specs.tile.launch.launches import launches
from tests.small import of_every_kind
from tests.torch_side import calls
from tests.torch_side.calls import as_tuple, fresh, raw, small_call, with_lead
from tests.torch_side.test_compile import COMPILED
from tests.torch_side.test_registration import _CHECKS, ROWS, floats
from torch_impl import repeated
from torch_impl.launch import layout_name
from torch_impl.schemas import out_schema
from torch_impl.support import explain

WITH_RESULTS = [name for name in specs.names() if specs.get(name).outputs]
WITH_ROWS = [name for name in ROWS if specs.get(name).outputs]
SEVERAL = [name for name in WITH_RESULTS if len(specs.get(name).outputs) > 1]
AVAILABLE = [name for name, why in explain("cpu").items() if why == READY]
BACKENDS = ("aot_eager", *(("inductor",) if shutil.which("c++") else ()))
FILL = 0x5A

Tensors = tuple[torch.Tensor, ...]


def public(op: str) -> Callable[..., Any]:
    """The public function; it gets copies of the arguments that it writes in place, so that calls can be repeated."""
    function = calls.public(op)
    if not specs.get(op).mutated:
        return function
    return lambda *tensors, **attributes: function(*fresh(op, tensors), **attributes)


def windows(results: Tensors) -> tuple[Tensors, Tensors]:
    """Workspaces full of `FILL`, as bytes, and strided windows of them that look like the results."""
    spaces, found = [], []
    for like in results:
        outer = tuple(2 * size + 1 for size in like.shape[:-1])
        size = (*outer, like.shape[-1] + 16) if like.ndim else (16,)
        space = torch.full((*size[:-1], size[-1] * like.element_size()), FILL, dtype=torch.uint8)
        place = (*[slice(1, None, 2)] * len(outer), slice(8, 8 + like.shape[-1])) if like.ndim else (8,)
        spaces.append(space)
        found.append(space.view(like.dtype)[place])
    return tuple(spaces), tuple(found)


def outside(space: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    """A copy of the workspace with `FILL` in the window."""
    copy = space.clone()
    width = window.element_size()
    strides = (*(width * stride for stride in window.stride()), 1)
    copy.as_strided((*window.shape, width), strides, width * window.storage_offset()).fill_(FILL)
    return copy


def like(results: Tensors) -> Tensors:
    """Fresh packed tensors."""
    return tuple(torch.empty_like(t) for t in results)


def as_out(op: str, results: tuple[torch.Tensor | None, ...]) -> Any:
    """Results as `out=` takes them."""
    return results[0] if len(specs.get(op).outputs) == 1 else results


def written_right(op: str, case: Any, implementation: str | None = None) -> None:
    """A call with all results given, strided, is the same call without."""
    tensors, attributes = small_call(op, case)
    attributes["implementation"] = implementation
    want = as_tuple(public(op)(*tensors, **attributes))
    before = raw([t for t in tensors if t is not None])
    spaces, given = windows(want)
    got = as_tuple(public(op)(*tensors, **attributes, out=as_out(op, given)))
    assert all(one is two for one, two in zip(got, given, strict=True))
    assert raw(given) == raw(want)
    assert raw([t for t in tensors if t is not None]) == before
    for space, window in zip(spaces, given, strict=True):
        assert torch.equal(outside(space, window), torch.full_like(space, FILL)), "only the window is written"


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_strided_windows(op: str) -> None:
    for case in specs.get(op).cases:
        if not case.large:
            written_right(op, case)


@pytest.mark.parametrize("implementation", AVAILABLE)
@pytest.mark.parametrize("op", WITH_RESULTS)
def test_every_implementation(op: str, implementation: str) -> None:
    written_right(op, None, implementation)


@pytest.mark.parametrize("implementation", AVAILABLE)
@pytest.mark.parametrize("op", WITH_ROWS)
def test_leading_dimensions_that_one_stride_cannot_walk(op: str, implementation: str) -> None:
    written_right(op, with_lead(op, (2, 3)), implementation)


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_packed_results_take_the_same_kernel(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[list[Any]] = [[], []]

    def watched(*args: Any, **keywords: Any) -> Any:
        for found in launches(*args, **keywords):
            keys[-1].append(found.key)
            yield found

    monkeypatch.setattr("torch_impl.eager.call.launches", watched)
    monkeypatch.setattr(repeated, "calls", {})
    tensors, attributes = small_call(op)
    want = as_tuple(public(op)(*tensors, **attributes, implementation="eager"))
    keys.reverse()
    given = like(want)
    public(op)(*tensors, **attributes, implementation="eager", out=as_out(op, given))
    assert raw(given) == raw(want)
    assert keys[0] == keys[1] != []


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_nothing_is_allocated_for_them(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors, attributes = small_call(op)
    want = as_tuple(public(op)(*tensors, **attributes))
    names = {array.name for array in specs.get(op).outputs}
    monkeypatch.setattr(repeated, "calls", {})
    public(op)(*tensors, **attributes)
    public(op)(*tensors, **attributes, out=as_out(op, like(want)))
    kept = [{name for name, *_ in ready.fresh} for ready in repeated.calls.values()]
    assert kept == [kept[0], kept[0], kept[-1], kept[-1]], "by the launcher's key, then by the public function's"
    without, given = kept[0], kept[-1]
    assert names & without
    assert given == without - names


@pytest.mark.parametrize("op", SEVERAL)
def test_entries_that_are_none_are_allocated(op: str) -> None:
    tensors, attributes = small_call(op)
    want = as_tuple(public(op)(*tensors, **attributes))
    for index in range(len(want)):
        given = [None if i == index else t for i, t in enumerate(windows(want)[1])]
        got = as_tuple(public(op)(*tensors, **attributes, out=tuple(given)))
        assert raw(got) == raw(want)
        assert [one is two for one, two in zip(got, given, strict=True)] == [t is not None for t in given]
        assert raw(public(op)(*tensors, **attributes, out=given)) == raw(want), "a list will do"
    assert raw(public(op)(*tensors, **attributes, out=(None,) * len(want))) == raw(want)


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_a_second_call_is_checked_again(op: str) -> None:
    """What is kept of a call is kept per shape and stride, and memory is looked at every time."""
    tensors, attributes = small_call(op)
    want = as_tuple(public(op)(*tensors, **attributes))
    for _ in range(2):
        for given in (like(want), windows(want)[1]):
            assert raw(public(op)(*tensors, **attributes, out=as_out(op, given))) == raw(want)
        wrong = tuple(t.new_empty((*t.shape, 2))[..., 0] if t.numel() > 1 else t for t in like(want))
        with pytest.raises(WrongStride):
            public(op)(*tensors, **attributes, out=as_out(op, wrong))


def test_memory_of_an_argument_is_refused_every_time() -> None:
    x = torch.randn(4, 64).to(torch.bfloat16)
    before = x.clone()
    q, scale = like(public("per_token_quant_fp8")(x))
    codes = x.view(torch.float8_e4m3fn)[:, :64]
    for _ in range(2):
        public("per_token_quant_fp8")(x, out=(q.new_empty(4, 128)[:, :64], scale))  # as strided as the wrong one
        with pytest.raises(ArgumentError, match=r"out\[0\].*memory of 'x'"):
            public("per_token_quant_fp8")(x, out=(codes, scale))
    assert torch.equal(x, before)


def test_a_workspace_may_hold_arguments_and_results() -> None:
    space = torch.zeros(4, 256, dtype=torch.uint8)
    x = space[:, :128].view(torch.bfloat16)
    x.copy_(torch.randn(4, 64))
    want = public("per_token_quant_fp8")(x.clone())
    got = public("per_token_quant_fp8")(x, out=(space[:, 128:192].view(torch.float8_e4m3fn), None))
    assert raw(got) == raw(want)
    assert got[0].data_ptr() == space[:, 128:].data_ptr()


def test_wrong_kinds_of_out() -> None:
    x, w = torch.randn(4, 64), torch.randn(64, 32).to(torch.float8_e4m3fn)
    a, c = x.to(torch.float8_e4m3fn), torch.empty(4, 32, dtype=torch.bfloat16)
    q, scale = public("per_token_quant_fp8")(x)
    for out in (q, (q,), (q, scale, None), (), "text", 3):
        with pytest.raises(WrongType, match=r"'out'.*tuple \(q, scale\)"):
            public("per_token_quant_fp8")(x, out=out)
    keywords = {"scale_mode": "tensor", "out_dtype": torch.bfloat16}
    one = torch.ones(())
    with pytest.raises(WrongType, match=r"'out'.*tuple"):
        public("fp8_gemm")(a, w, one, one, **keywords, out=(c,))
    with pytest.raises(WrongShape, match=r"'out'.*\[\.\.M, N\] = \[4, 32\] for 'c'.*\[4, 31\]"):
        public("fp8_gemm")(a, w, one, one, **keywords, out=c[:, :31])
    with pytest.raises(Surplus, match="zero_point"):
        public("per_token_quant_int8")(x, out=(None, None, torch.empty(4, dtype=torch.int32)))


def test_elements_that_share_memory() -> None:
    assert overlap((4, 8), (8, 1)) is None
    assert overlap((4, 8), (1, 4)) is None
    assert overlap((4, 1), (1, 1)) is None
    assert overlap((0, 8), (0, 1)) is None
    assert overlap((4, 8), (7, 1))
    assert overlap((2, 3, 4), (4, 4, 1))


def test_bytes_stand_for_e8m0() -> None:
    x = torch.randn(4, 64)
    want = public("mxfp8_quant")(x)
    codes = torch.empty(4, 2, dtype=torch.uint8)
    assert raw(public("mxfp8_quant")(x, out=(None, codes))) == raw(want)
    assert raw(codes.view(torch.float8_e8m0fnu)) == raw(want[1])


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_version_counters_move(op: str) -> None:
    """Autograd notices that what it saved was written over."""
    tensors, attributes = small_call(op)
    given = like(as_tuple(public(op)(*tensors, **attributes)))
    before = [t._version for t in given]
    public(op)(*tensors, **attributes, out=as_out(op, given))
    assert all(t._version > old for t, old in zip(given, before, strict=True))


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_gradients_are_refused(op: str) -> None:
    tensors, attributes = small_call(op)
    wanted, leaves = floats(tensors)
    if not leaves:
        return  # integers only
    want = as_tuple(public(op)(*tensors, **attributes))
    given = windows(want)[1]
    before = raw(given)
    with pytest.raises(Unsupported, match=f"gradient through {op}_out"):
        public(op)(*wanted, **attributes, out=as_out(op, given))
    assert raw(given) == before
    with torch.no_grad():
        public(op)(*wanted, **attributes, out=as_out(op, given))
    assert raw(given) == raw(want)


# -- the operators ---------------------------------------------------------------------------------------------


def writer(op: str) -> Any:
    """The operator that writes into given results."""
    return getattr(torch.ops.twinkernels, f"{op}_out").default


def as_schemas_have_them(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes as an operator takes them: layouts by name."""
    return {name: layout_name(value) for name, value in attributes.items()}


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_schema_annotates_results(op: str) -> None:
    spec, schema = specs.get(op), writer(op)._schema
    count = len(spec.outputs)
    written = [a for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    own = [f"out_{array.name}" for array in spec.outputs]
    assert [a.name for a in written] == [*(array.name for array in spec.mutated), *own]
    assert schema.arguments[-count:] == written[-count:]
    assert all(a.kwarg_only for a in written[-count:])
    assert [r.alias_info for r in schema.returns] == [None] * (count if count > 1 else 0)
    stated, shown = (same_numbers(text) for text in (out_schema(spec), f"twinkernels::{schema}"))
    assert stated in shown


def same_numbers(text: str) -> str:
    """A schema without blanks, and with defaults as Python writes them: torch writes 0. and 9.9999999999999995e-07."""
    number = r"=(-?\d+\.\d*(?:e[-+]?\d+)?|-?\d+e[-+]?\d+)"
    return re.sub(number, lambda found: f"={float(found[1])!r}", text.replace(" ", ""))


def test_defaults_are_compared_as_numbers() -> None:
    assert same_numbers("float eps=1e-06, float b=0.0") == same_numbers("floateps=9.9999999999999995e-07,floatb=0.")
    assert same_numbers("float eps=1e-06") != same_numbers("float eps=1e-05")
    assert same_numbers("int n=1") == "intn=1"


@pytest.mark.parametrize("op", [name for name in of_every_kind() if name in WITH_RESULTS])
def test_torch_finds_no_fault(op: str) -> None:
    tensors, attributes = small_call(op)
    given = windows(as_tuple(public(op)(*tensors, **attributes)))[1]
    passed = as_schemas_have_them(attributes)
    names = [f"out_{array.name}" for array in specs.get(op).outputs]
    for left_out in (None, 0) if len(given) > 1 else (None,):
        results = {n: t for i, (n, t) in enumerate(zip(names, given, strict=False)) if i != left_out}
        found = torch.library.opcheck(writer(op), tensors, {**passed, **results}, test_utils=_CHECKS)
        assert found == dict.fromkeys(_CHECKS, "SUCCESS")


@pytest.fixture
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def seen_by(backend: str, tensor: torch.Tensor) -> torch.Tensor:
    """Inductor writes no tensors of E8M0 that come from outside, whoever computes them; their bytes it does."""
    bytes_only = backend == "inductor" and tensor.dtype == torch.float8_e8m0fnu
    return tensor.view(torch.uint8) if bytes_only else tensor


@pytest.mark.usefixtures("_fresh")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("op", "backend"), [pair for pair in COMPILED if pair[0] in WITH_RESULTS])
def test_compiled(op: str, backend: str) -> None:
    tensors, attributes = small_call(op)
    want = as_tuple(public(op)(*tensors, **attributes))

    def function(*arrays: Any, out: Any) -> Any:
        return public(op)(*arrays, **attributes, out=out)

    compiled = torch.compile(function, fullgraph=True, backend=backend)
    spaces, given = windows(want)
    passed = tuple(seen_by(backend, t) for t in given)
    got = as_tuple(compiled(*tensors, out=as_out(op, passed)))
    assert raw(given) == raw(want)
    assert [t.data_ptr() for t in got] == [t.data_ptr() for t in given]
    for space, window in zip(spaces, given, strict=True):
        assert torch.equal(outside(space, window), torch.full_like(space, FILL))
    if len(want) > 1:
        last = (*[None] * (len(want) - 1), seen_by(backend, torch.empty_like(want[-1])))
        assert raw(compiled(*tensors, out=last)) == raw(want)
        first = (torch.empty_like(want[0]), *[None] * (len(want) - 1))
        assert raw(compiled(*tensors, out=first)) == raw(want)


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("op", WITH_ROWS)
def test_dynamic_rows_compile_once(op: str) -> None:
    _, attributes = small_call(op)
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Any]) -> Any:
        graphs.append(graph)
        return graph.forward

    def function(*arrays: Any, out: Any) -> Any:
        return public(op)(*arrays, **attributes, out=out)

    compiled = torch.compile(function, fullgraph=True, dynamic=True, backend=backend)
    for rows in (13, 14, 17):  # unlike any other size: torch takes sizes for one that are the same in the first call
        tensors, _ = small_call(op, with_lead(op, (rows,)))
        want = as_tuple(public(op)(*tensors, **attributes))
        given = like(want)
        compiled(*tensors, out=as_out(op, given))
        assert raw(given) == raw(want)
    assert len(graphs) == 1
    assert any(node.target is writer(op) for node in graphs[0].graph.nodes)


@pytest.mark.usefixtures("_fresh")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_made_and_used_within_a_graph(backend: str) -> None:
    """Halves of one workspace as results, read by what follows."""
    x = torch.randn(4, 64)

    def function(x: torch.Tensor) -> torch.Tensor:
        space = torch.zeros(4, 3 * 64, dtype=torch.uint8)
        for part in (0, 2):
            public("per_token_quant_fp8")(x, out=(space[:, 64 * part : 64 * part + 64].view(torch.float8_e4m3fn), None))
        return space + 1

    assert torch.equal(torch.compile(function, fullgraph=True, backend=backend)(x), function(x))


@pytest.mark.usefixtures("_fresh")
def test_tracing_refuses_as_calls_do() -> None:
    x = torch.randn(4, 64).to(torch.float8_e4m3fn)
    w, one = torch.eye(64).to(torch.float8_e4m3fn), torch.ones(())

    def function(x: torch.Tensor, out: torch.Tensor) -> Any:
        return public("fp8_gemm")(x, w, one, one, scale_mode="tensor", out_dtype=torch.bfloat16, out=out)

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    for out, words in ((torch.empty(4, 63, dtype=torch.bfloat16), "wrong shape"), (x, "wrong element format")):
        with pytest.raises(Exception, match=f"'out' has the {words}"):
            compiled(x, out)


@pytest.mark.usefixtures("_fresh")
def test_tracing_refuses_the_memory_of_an_argument() -> None:
    a = torch.randn(4, 64).to(torch.bfloat16)
    w, one, before = torch.eye(64).to(torch.float8_e4m3fn), torch.ones(()), a.clone()

    def function(a: torch.Tensor, out: torch.Tensor) -> Any:
        return public("fp8_gemm_w8a16")(a, w, one, scale_mode="tensor", out=out)

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match=r"'out' shares memory.*the memory of 'a'"):
        compiled(a, a)
    assert torch.equal(a, before)
    with pytest.raises(Aliased):
        function(a, a[:])


@pytest.mark.parametrize("op", WITH_RESULTS)
def test_arguments_stay(op: str) -> None:
    tensors, attributes = small_call(op)
    pairs = zip(specs.get(op).inputs, tensors, strict=True)
    kept = [t for array, t in pairs if t is not None and array not in specs.get(op).mutated]
    before = [(from_torch(t).raw.tobytes(), t._version) for t in kept]
    names = [f"out_{array.name}" for array in specs.get(op).outputs]
    given = dict(zip(names, as_tuple(public(op)(*tensors, **attributes)), strict=False))
    writer(op)(*tensors, **as_schemas_have_them(attributes), **given)
    assert [(from_torch(t).raw.tobytes(), t._version) for t in kept] == before
