"""Every way of torch to differentiate or to batch a call: right, or refused in our words; never wrong in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

import specs
from specs.cache.layouts import V4
from specs.lang.errors import Unsupported
from tests.torch_side.calls import as_tuple, raw, small_call
from torch_impl import ops
from torch_impl.dequant import dequantise

# torch's own forward-mode rules are compiled with what it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

Function = Callable[[torch.Tensor], torch.Tensor]
PAGE = V4.page_bytes(2)


def through_function(x: torch.Tensor) -> torch.Tensor:
    return ops.per_token_quant_fp8(x)[1].sum()


def through_operator(x: torch.Tensor) -> torch.Tensor:
    scale: torch.Tensor = torch.ops.twinkernels.per_token_quant_fp8(x)[1]
    return scale.sum()


def into_results(x: torch.Tensor) -> torch.Tensor:
    scale = torch.zeros(x.shape[:-1])
    ops.per_token_quant_fp8(x, out=(torch.zeros(x.shape).to(torch.float8_e4m3fn), scale))
    return scale.sum()


def into_argument(x: torch.Tensor) -> torch.Tensor:
    cache = torch.zeros(2, PAGE, dtype=torch.uint8)
    ops.quantize_and_insert_k(x.to(torch.bfloat16), cache, torch.arange(x.shape[0]), block_size=2)
    return cache.float().sum()


CALLS = (through_function, through_operator, into_results, into_argument)


def wanted(x: torch.Tensor) -> torch.Tensor:
    return x.clone().requires_grad_()


def dual(f: Function, x: torch.Tensor) -> object:
    with forward_ad.dual_level():
        return f(forward_ad.make_dual(x, torch.ones_like(x)))


def dual_within_grad(f: Function, x: torch.Tensor) -> object:
    with forward_ad.dual_level():
        return f(forward_ad.make_dual(wanted(x), torch.ones_like(x)))


def grad(f: Function, x: torch.Tensor) -> object:
    given = wanted(x)
    return torch.autograd.grad(f(given), given)


DERIVATIVES: dict[str, Callable[[Function, torch.Tensor], object]] = {
    "backward": lambda f, x: f(wanted(x)).backward(),
    "autograd.grad": grad,
    "functional.jacobian": torch.autograd.functional.jacobian,
    "functional.jvp": lambda f, x: torch.autograd.functional.jvp(f, x, x),
    "functional forward": lambda f, x: torch.autograd.functional.jacobian(
        f, x, strategy="forward-mode", vectorize=True
    ),
    "func.grad": lambda f, x: torch.func.grad(f)(x),
    "func.vjp": lambda f, x: torch.func.vjp(f, x)[1](torch.tensor(1.0)),
    "func.jvp": lambda f, x: torch.func.jvp(f, (x,), (x,)),
    "func.jacrev": lambda f, x: torch.func.jacrev(f)(x),
    "func.jacfwd": lambda f, x: torch.func.jacfwd(f)(x),
    "func.hessian": lambda f, x: torch.func.hessian(f)(x),
    "func.linearize": torch.func.linearize,
    "dual": dual,
    "dual within grad": dual_within_grad,
    "checkpoint": lambda f, x: checkpoint(f, wanted(x), use_reentrant=False).backward(),
    "reentrant checkpoint": lambda f, x: checkpoint(f, wanted(x), use_reentrant=True).backward(),
}


@pytest.fixture
def x() -> torch.Tensor:
    """Four rows of a call that was made before, and is found again without torch's dispatcher."""
    rows = torch.linspace(-2, 2, 4 * 512).reshape(4, 512)
    for call in CALLS:
        call(rows)
    return rows


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@pytest.mark.parametrize("way", DERIVATIVES)
def test_derivatives_are_refused(way: str, call: Function, x: torch.Tensor) -> None:
    with pytest.raises(Unsupported, match=r"gradient (of|through) (per_token_quant_fp8|quantize_and_insert_k)"):
        DERIVATIVES[way](call, x)
    assert torch.isfinite(call(x)), "the next call is as before"


def test_what_no_derivative_goes_through_runs_inside(x: torch.Tensor) -> None:
    """Weights that are prepared inside a transform of something else."""
    want = through_function(x)

    def f(y: torch.Tensor) -> torch.Tensor:
        return y * through_function(x)

    one = torch.tensor(3.0)
    assert torch.equal(torch.func.grad(f)(one), want)
    assert torch.equal(torch.func.jvp(f, (one,), (torch.tensor(1.0),))[1], want)
    with forward_ad.dual_level():
        assert torch.equal(through_function(x), want)


def test_compiled_forward_with_a_gradient_wanted_says_so(x: torch.Tensor) -> None:
    """A compiler asks for the backward pass before anything runs."""
    torch._dynamo.reset()
    with pytest.raises(Exception, match="gradient of per_token_quant_fp8"):
        torch.compile(through_operator, backend="aot_eager")(wanted(x))
    with torch.no_grad():
        assert torch.equal(torch.compile(through_operator, backend="aot_eager")(wanted(x)), through_operator(x))
    torch._dynamo.reset()


# -- vmap ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_vmap_of_nothing_batched_is_the_call(call: Function, x: torch.Tensor) -> None:
    assert torch.equal(torch.vmap(lambda _: call(x))(torch.arange(2)), torch.stack([call(x)] * 2))


@pytest.mark.parametrize("op", specs.names())
def test_vmap_is_right_or_refused(op: str) -> None:
    """Over all arguments; the same bytes where an operation promises its bytes."""
    tensors, attributes = small_call(op)
    present = [index for index, tensor in enumerate(tensors) if tensor is not None]

    def call(*given: torch.Tensor) -> Any:
        own = dict(zip(present, given, strict=True))
        return as_tuple(getattr(ops, op)(*[own.get(index) for index in range(len(tensors))], **attributes))

    flipped = [torch.stack([t, t[torch.arange(len(t)).flip(0)] if t.ndim else t]) for t in tensors if t is not None]
    batched = torch.vmap(call)
    if not specs.get(op).independent or specs.get(op).mutated:
        with pytest.raises(Unsupported, match=rf"vmap of {op} .*(leading dimensions|once for each)"):
            batched(*flipped)
        return
    try:
        found = batched(*flipped)
    except Unsupported:  # of some, the batch of all arguments
        return
    for index in range(2):
        expected, own = call(*[t[index] for t in flipped]), [result[index] for result in found]
        if all(accuracy.exact for _, accuracy in specs.get(op).accuracy):
            assert raw(own) == raw(expected)
        assert [(r.shape, r.dtype) for r in own] == [(e.shape, e.dtype) for e in expected]


@pytest.mark.parametrize("call", [into_results, into_argument], ids=lambda call: call.__name__)
def test_vmap_of_what_writes_is_refused(call: Function, x: torch.Tensor) -> None:
    with pytest.raises(Unsupported, match=r"vmap of (per_token_quant_fp8|quantize_and_insert_k)"):
        torch.vmap(call)(x[None])


def test_one_scale_for_all_rows_is_not_advised_to_take_leading_dimensions() -> None:
    with pytest.raises(Unsupported, match="call the operation once for each"):
        torch.vmap(ops.per_tensor_quant_fp8)(torch.ones(2, 4, 64))


def test_kept_weights_refuse_them_too() -> None:
    a, b = torch.ones(2, 4, 64, dtype=torch.bfloat16), torch.ones(16, 64).to(torch.float8_e4m3fn)
    weight = dequantise("fp8_gemm_w8a16", b, scale_mode="tensor", weight_order="nk")
    with torch.no_grad():
        assert not weight(wanted(a)).requires_grad
    for way in ("backward", "func.grad", "func.jvp", "dual"):
        with pytest.raises(Unsupported, match="gradient of fp8_gemm_w8a16"):
            DERIVATIVES[way](lambda x: weight(x).float().sum(), a)
    with pytest.raises(Unsupported, match=r"vmap of fp8_gemm_w8a16.*leading dimensions"):
        torch.vmap(weight)(a)


# -- writes --------------------------------------------------------------------------------------------------------


def test_functionalize(x: torch.Tensor) -> None:
    assert torch.equal(torch.func.functionalize(through_function)(x), through_function(x))
    for call in (into_results, into_argument):
        with pytest.raises(Unsupported, match="functionalize"):
            torch.func.functionalize(call)(x)


@pytest.mark.parametrize("implementation", ["eager", "interpret"])
@pytest.mark.parametrize("through", [ops.dequant_gather_k, torch.ops.twinkernels.dequant_gather_k])
def test_values_kept_for_a_gradient_are_not_overwritten_in_silence(through: Any, implementation: str) -> None:
    factor = torch.ones(1, 2, 512, dtype=torch.bfloat16, requires_grad=True)
    space = torch.ones(1, 2, 512, dtype=torch.bfloat16)
    cache, index = torch.zeros(1, PAGE, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int32)
    for _ in range(2):
        product = factor * space
        through(space, cache, index[0] + 2, None, index, block_size=2, implementation=implementation)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            product.sum().backward()
