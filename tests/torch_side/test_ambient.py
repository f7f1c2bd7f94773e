"""What the caller's thread or process is set to shows in no result, and is as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from typing import Any

import pytest
import torch

import specs
from specs.lang.declare.readiness import READY
from tests.torch_side.ambient import STATES, State, precision, settings
from tests.torch_side.calls import Tensors, performed, public, raw, small_call
from torch_impl import ambient, ops, repeated
from torch_impl.dequant import dequantise
from torch_impl.eager.arrayops import TorchOps

Call = tuple[str, Tensors, dict[str, Any]]
BACKENDS = ("eager", "dequant", "interpret")
SMALL = (
    "per_token_group_quant_fp8",
    "flash_attn_varlen",
    "quantize_and_insert_k",  # writes its argument
    "global_topk",  # running sums
    "mqa_logits",
)


def call_of(op: str, *tensors: torch.Tensor, **attributes: Any) -> Call:
    """A call whose other arguments are left out."""
    return op, (*tensors, *[None] * (len(specs.get(op).inputs) - len(tensors))), attributes


def sums() -> Call:
    """Products of whole tiles, whose sums are 256 (1 + 2^-10). Bfloat16 holds neither these nor what is added up."""
    x = torch.full((64, 256), 1 + 2**-10, dtype=torch.float16)
    codes = torch.full((32, 128), 0x99999999 - 2**32).to(torch.int32)
    return call_of("int4_gemm_w4a16", x, codes, torch.ones(1, 128, dtype=torch.float16), group_size=-1)


def subnormal_scale() -> Call:
    """A scale that is subnormal, and results that are not."""
    a, b = torch.full((4, 64), 8.0).to(torch.float8_e4m3fn), torch.full((16, 64), 8.0).to(torch.float8_e4m3fn)
    scales = torch.tensor(2.0**-130), torch.tensor(1.0)
    return call_of("fp8_gemm", a, b, *scales, scale_mode="tensor", weight_order="nk", out_dtype=torch.float32)


@cache
def calls(backend: str) -> tuple[Call, ...]:
    """One call of each family at least, of those that have the backend.

    Sums are exact, because under some states another library adds them up, and in another order.
    """
    found = [sums(), subnormal_scale(), *((op, *small_call(op, kind="exact")) for op in SMALL)]
    return tuple(call for call in found if ops.explain(call[0], "cpu")[backend] == READY)


def results(call: Call, backend: str) -> list[bytes]:
    op, tensors, attributes = call
    return raw(performed(op, public(op), tensors, **attributes, implementation=backend))


@cache
def plain(backend: str) -> tuple[list[bytes], ...]:
    """Results in a process that nothing was set in."""
    return tuple(results(call, backend) for call in calls(backend))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = settings()
    yield
    assert settings() == before


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", STATES)
def test_results_do_not_depend_on_it(name: str, backend: str) -> None:
    for (op, tensors, attributes), expected in zip(calls(backend), plain(backend), strict=True):
        with STATES[name]():
            before = settings()
            found = performed(op, public(op), tensors, **attributes, implementation=backend)
            assert settings() == before, "the state itself is as it was"
        assert raw(found) == expected, op


@pytest.mark.parametrize("name", STATES)
def test_nor_what_is_kept_of_a_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call is first made, checked and prepared, under a state, and then without it."""
    monkeypatch.setattr(repeated, "calls", {})
    op, tensors, attributes = sums()
    with STATES[name]():
        performed(op, public(op), tensors, **attributes, implementation="eager")
    assert results((op, tensors, attributes), "eager") == plain("eager")[0]


@pytest.mark.parametrize("name", STATES)
def test_a_kept_weight_does_not_depend_on_it(name: str) -> None:
    _, (x, codes, scale, *_), attributes = sums()
    assert x is not None
    assert codes is not None
    with STATES[name]():
        weight = dequantise("int4_gemm_w4a16", codes, scale, **attributes)
        found = weight(x)
        assert found.is_inference() == torch.is_inference_mode_enabled()
    assert raw(found) == raw(weight(x)) == plain("dequant")[0]


@pytest.mark.parametrize("backend", ["eager", "interpret"])
def test_caches_of_inference_mode_are_written_outside(backend: str) -> None:
    index, (op, tensors, attributes) = next(
        (index, call) for index, call in enumerate(calls(backend)) if call[0] == "quantize_and_insert_k"
    )
    with torch.inference_mode():
        tensors = tuple(None if t is None else t.clone() for t in tensors)
    assert results((op, tensors, attributes), backend) == plain(backend)[index]


def without_settling(_: torch.device) -> nullcontext[None]:
    return nullcontext()


def torch_matmul(_: TorchOps, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.matmul(a, b)


def rounds_products() -> bool:
    """Whether torch rounds the operands of a product where it may."""
    a = torch.full((64, 128), 1 + 2.0**-10)
    with precision("medium"):
        rounded = a @ a.T
    return not torch.equal(rounded, a @ a.T)


@pytest.mark.parametrize(
    ("state", "call"),
    [
        (STATES["autocast bfloat16"], sums),
        (STATES["no subnormals"], subnormal_scale),
        (STATES["matmul precision medium"], sums),
    ],
    ids=["autocast", "subnormals", "precision"],
)
def test_states_show_where_nothing_is_done_about_them(
    state: State, call: Callable[[], Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TorchOps, "matmul", torch_matmul)
    monkeypatch.setattr(ambient, "settled", without_settling)
    if state is STATES["matmul precision medium"] and not rounds_products():
        pytest.skip("this processor has no products of rounded float32")
    want = results(call(), "eager")
    with state():
        assert results(call(), "eager") != want
