"""What mixture-of-experts operations promise beyond their definitions: rows that no others touch, and one result."""

from __future__ import annotations

from typing import Any, Final

import pytest
import torch

from torch_impl import ops

EAGER: Final = "eager"


def test_known_permutation() -> None:
    """The example of expert parallelism: this device has experts 1 and 3 of four, in reverse order."""
    ids = torch.tensor([[0, 3], [1, -1], [3, 1]], dtype=torch.int32)
    local = torch.tensor([-1, 1, -1, 0], dtype=torch.int32)
    order, offsets, inverse = ops.moe_permute(ids, local, num_experts=2, implementation=EAGER)
    assert order.tolist() == [1, 4, 2, 5, -1, -1]
    assert offsets.tolist() == [0, 2, 4]
    assert inverse.tolist() == [[-1, 0], [2, -1], [1, 3]]


def test_bias_chooses_and_weighs_nothing() -> None:
    """The same bytes as a table that names the experts which the bias chooses."""
    logits, bias = torch.tensor([[0.0, 1.0, 2.0, 3.0]]), torch.tensor([9.0, 0.0, 0.0, 0.0])
    given: dict[str, Any] = {"topk": 2, "score": "sqrtsoftplus", "implementation": EAGER}
    weights, ids = ops.moe_route(logits, bias, **given)
    assert ids.tolist() == [[0, 3]]
    named, same = ops.moe_route(logits, tid2eid=ids, token_ids=torch.tensor([0], dtype=torch.int32), **given)
    assert same.tolist() == [[0, 3]]
    assert torch.equal(named, weights)


def test_weights_of_hopeless_experts_are_small_but_not_zero() -> None:
    """log(1 + exp(x)) is exp(x) far below 0, where 1 + exp(x) is 1 in float32."""
    logits = torch.tensor([[-40.0, -41.0]])
    weights, _ = ops.moe_route(logits, topk=2, score="sqrtsoftplus", renormalize=False, implementation=EAGER)
    ratio = weights[0].double() / torch.tensor([-20.0, -20.5]).double().exp()
    assert ((ratio > 0.999) & (ratio < 1.001)).all()


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_rows_depend_on_no_other_row(rows: int) -> None:
    """With invariant tiles the first row of one expert has the same bits alone and among others."""
    generator = torch.Generator().manual_seed(rows)
    a = torch.randn((64, 96), generator=generator).bfloat16()
    b = torch.randn((2, 48, 96), generator=generator).bfloat16()

    def first(count: int) -> torch.Tensor:
        offsets = torch.tensor([0, count, count], dtype=torch.int32)
        given: dict[str, Any] = {"weight_order": "nk", "invariant": True, "implementation": EAGER}
        return ops.grouped_gemm(a[:count], b, offsets, **given)[0]

    assert torch.equal(first(rows), first(64))


def test_no_row_reads_another_expert() -> None:
    """Not-a-number in the weights of experts without rows, and in rows of no expert, reaches nothing."""
    a, b = torch.ones((5, 32), dtype=torch.bfloat16), torch.ones((3, 16, 32), dtype=torch.bfloat16)
    a[4], b[0], b[2] = float("nan"), float("nan"), float("nan")
    offsets = torch.tensor([0, 0, 4, 4], dtype=torch.int32)
    c = ops.grouped_gemm(a, b, offsets, weight_order="nk", implementation=EAGER)
    assert c[:4].eq(32).all()
    assert c[4].eq(0).all()


def test_block_of_experts_is_the_loop_over_tokens() -> None:
    """Route, permute, two grouped products and combine, beside every token's own sum in float64."""
    generator = torch.Generator().manual_seed(5)
    tokens, hidden, inner, experts, topk = 9, 32, 24, 6, 3
    x = torch.randn((tokens, hidden), generator=generator).bfloat16()
    w1 = torch.randn((experts, inner, hidden), generator=generator).bfloat16() / 4
    w2 = torch.randn((experts, hidden, inner), generator=generator).bfloat16() / 4
    logits = torch.randn((tokens, experts), generator=generator)
    weights, ids = ops.moe_route(logits, topk=topk, implementation=EAGER)
    order, offsets, inverse = ops.moe_permute(ids, num_experts=experts, implementation=EAGER)
    given: dict[str, Any] = {"weight_order": "nk", "implementation": EAGER}
    h = ops.grouped_gemm(x, w1, offsets, order, topk=topk, **given).relu()
    h = ops.grouped_gemm(h, w2, offsets, **given)
    y = ops.moe_combine(h, inverse, weights, implementation=EAGER)
    for t in range(tokens):
        total = torch.zeros(hidden, dtype=torch.float64)
        for j, e in enumerate(ids[t].tolist()):
            inside = (w1[e].double() @ x[t].double()).bfloat16().relu().double()
            total += weights[t, j].double() * (w2[e].double() @ inside)
        assert (y[t].double() - total).abs().max() < 2.0**-6 * total.abs().max()


def test_float32_weights_give_float32_logits() -> None:
    """A router in float32: products that bfloat16 weights would miss by 2**-9."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn((4, 256), generator=generator).bfloat16()
    w = torch.randn((8, 256), generator=generator)
    found = ops.gemm(x, w, weight_order="nk", out_dtype=torch.float32, implementation=EAGER)
    exact = x.double() @ w.double().T
    spread = x.double().abs() @ w.double().abs().T
    assert ((found.double() - exact).abs() < 256 * 2.0**-24 * spread).all()
