"""The functions under vLLM's names: every keyword, what is accepted and inert, and views of one scale."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from specs.lang.errors import ArgumentError
from torch_impl import ops
from torch_impl.flash_attn import flash_attn_varlen_func, get_scheduler_metadata

REQUESTS, PAGE, HEADS, KEY_HEADS, WIDTH = 3, 16, 4, 2, 32


def arguments(dtype: torch.dtype = torch.bfloat16) -> dict[str, Any]:
    """A paged batch as vLLM passes it."""
    generator = torch.Generator().manual_seed(0)
    used = torch.tensor([20, 5, 33], dtype=torch.int32)
    table = torch.randperm(12, generator=generator).reshape(REQUESTS, 4).to(torch.int32)
    pages = [torch.randn(12, PAGE, KEY_HEADS, WIDTH, generator=generator) for _ in range(2)]
    return {
        "q": torch.randn(7, HEADS, WIDTH, generator=generator).to(torch.bfloat16),
        "k": pages[0].to(dtype),
        "v": pages[1].to(dtype),
        "cu_seqlens_q": torch.tensor([0, 2, 3, 7], dtype=torch.int32),
        "max_seqlen_q": 4,
        "max_seqlen_k": 33,
        "seqused_k": used,
        "block_table": table,
        "causal": True,
    }


def ours(given: dict[str, Any], **more: Any) -> Any:
    """The same call of the operation."""
    names = ("q", "k", "v", "cu_seqlens_q", "seqused_k", "block_table")
    return ops.flash_attn_varlen(
        **{name: given[name] for name in names}, max_seqlen_q=4, max_seqlen_k=33, causal=True, **more
    )


def test_it_is_the_operation() -> None:
    given = arguments()
    out, lse = flash_attn_varlen_func(**given, return_softmax_lse=True)
    expected, expected_lse = ours(given, return_softmax_lse=True)
    assert torch.equal(out, expected)
    assert torch.equal(lse, expected_lse)
    assert lse.shape == (HEADS, 7)


def test_every_optional_argument_arrives() -> None:
    given = arguments()
    slopes: Any
    slopes, sinks = torch.linspace(0.1, 0.4, HEADS), torch.tensor([0.0, 1.0, -1.0, 2.0])
    out = flash_attn_varlen_func(
        **given, softmax_scale=0.5, window_size=[9, -1], softcap=2.0, alibi_slopes=slopes, s_aux=sinks, num_splits=2
    )
    expected = ours(given, softmax_scale=0.5, window_left=9, softcap=2.0, alibi_slopes=slopes, s_aux=sinks, splits=2)
    assert torch.equal(out, expected)
    for left_out in ({"softcap": 0.0}, {"alibi_slopes": None}, {"s_aux": None}, {"window_left": -1}):
        settings: dict[str, Any] = {"softmax_scale": 0.5, "window_left": 9, "softcap": 2.0}
        settings |= {"alibi_slopes": slopes, "s_aux": sinks}
        assert not torch.equal(out, ours(given, **{**settings, **left_out}, splits=2))


def test_results_go_where_the_caller_says() -> None:
    given = arguments()
    out = torch.full((7, HEADS, 2 * WIDTH), 7.0, dtype=torch.bfloat16)[..., :WIDTH]
    returned = flash_attn_varlen_func(**given, out=out)
    assert returned is out
    assert torch.equal(out, ours(given))
    again, _ = flash_attn_varlen_func(**given, out=out, return_softmax_lse=True)
    assert again is out


@pytest.mark.parametrize("shape", ["scalar", "one", "view", "each"])
def test_scales_of_any_shape(shape: str) -> None:
    """Existing kernels ask for views of one value; here each request and head may have its own."""
    given = arguments(torch.float8_e4m3fn)
    value = torch.tensor(0.75)
    factor = {
        "scalar": value,
        "one": value.reshape(1, 1),
        "view": value.expand(REQUESTS, KEY_HEADS),
        "each": torch.linspace(0.5, 1.5, REQUESTS * KEY_HEADS).reshape(REQUESTS, KEY_HEADS),
    }[shape]
    out = flash_attn_varlen_func(**given, k_descale=factor, v_descale=factor)
    full = factor.expand(REQUESTS, KEY_HEADS).contiguous()
    assert torch.equal(out, ours(given, k_descale=full, v_descale=full))
    assert not torch.equal(out, ours(given))


def test_fp8_queries_give_the_format_of_out() -> None:
    given = arguments(torch.float8_e4m3fn)
    given["q"] = given["q"].to(torch.float8_e4m3fn)
    one = torch.ones(REQUESTS, KEY_HEADS)
    factors: dict[str, Any] = {"q_descale": one, "k_descale": one, "v_descale": one}
    assert flash_attn_varlen_func(**given, **factors).dtype == torch.bfloat16
    out = torch.empty(7, HEADS, WIDTH, dtype=torch.float16)
    assert flash_attn_varlen_func(**given, **factors, out=out) is out


def test_strides_are_free() -> None:
    """Padded columns, and keys and values of a page beside each other in one allocation, as vLLM lays them out."""
    given = arguments()
    q = torch.zeros(7, HEADS, WIDTH + 32, dtype=torch.bfloat16)[..., :WIDTH]
    q.copy_(given["q"])
    cache = torch.zeros(12, 2, PAGE, KEY_HEADS, WIDTH, dtype=torch.bfloat16)
    cache[:, 0], cache[:, 1] = given["k"], given["v"]
    expected = flash_attn_varlen_func(**given)
    assert torch.equal(flash_attn_varlen_func(**{**given, "q": q, "k": cache[:, 0], "v": cache[:, 1]}), expected)


def test_the_scheduler_has_nothing_to_say() -> None:
    plan = get_scheduler_metadata(batch_size=3, max_seqlen_q=4, anything=object())
    given = arguments()
    assert torch.equal(flash_attn_varlen_func(**given, scheduler_metadata=plan), flash_attn_varlen_func(**given))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("dropout_p", 0.1),
        ("fa_version", 5),
        ("scheduler_metadata", torch.zeros(3)),
        ("return_attn_probs", True),
        ("mask_mod", len),
        ("window_size", (1, 2, 3)),
        ("k_descale", torch.ones(5)),
        ("num_splits", -1),
        ("cu_seqlens_k", torch.zeros(4, dtype=torch.int32)),
    ],
)
def test_what_is_not_inert_is_refused(argument: str, value: Any) -> None:
    given = arguments()
    out = torch.full((7, HEADS, WIDTH), 3.0, dtype=torch.bfloat16)
    with pytest.raises(ArgumentError, match=argument if argument != "num_splits" else "splits"):
        flash_attn_varlen_func(**given, out=out, **{argument: value})
    assert (out == 3.0).all()


@pytest.mark.parametrize(
    "settings", [{"softcap": None}, {"num_splits": None}, *({"fa_version": version} for version in (None, 2, 3, 4))]
)
def test_what_asks_for_nothing_is_taken(settings: dict[str, Any]) -> None:
    given = arguments()
    assert torch.equal(flash_attn_varlen_func(**given, **settings), flash_attn_varlen_func(**given))


def test_dense_keys_of_which_some_are_used() -> None:
    """Both arguments, as flash-attention has them: where keys begin, and how many count."""
    given = arguments()
    k, v = (given.pop(name).reshape(-1, KEY_HEADS, WIDTH) for name in "kv")
    del given["block_table"]
    starts, used = torch.tensor([0, 40, 80, 120], dtype=torch.int32), given.pop("seqused_k")
    found = flash_attn_varlen_func(**given, k=k, v=v, cu_seqlens_k=starts, seqused_k=used)
    keys = [torch.cat([t[s : s + n] for s, n in zip(starts[:-1].tolist(), used.tolist(), strict=True)]) for t in (k, v)]
    ends = torch.cat([torch.zeros(1), used.cumsum(0)]).to(torch.int32)
    assert torch.equal(found, flash_attn_varlen_func(**given, k=keys[0], v=keys[1], cu_seqlens_k=ends))
