"""What drawn calls found, one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch

import specs
from parity.judge.expected import expectations
from parity.judge.inputs import encode, generate
from parity.judge.runner import run_inputs
from specs.cache.layouts import V41_FP4, plain
from specs.indexer.oracle import top_k
from specs.lang.declare.op import Case
from specs.lang.errors import ConstraintViolated, WrongStride
from specs.lang.formats.elements import BF16, F32
from specs.lang.formats.paged import Field, Paged
from tests.cache.problems import gather, insertion
from tests.contract import suite
from torch_impl import ops


def test_words_read_as_bytes_have_to_be_contiguous_along_k() -> None:
    """A weight [N, K / 8] with steps along K: an error that names it. A transposed one is what it was made from."""
    a, scale = torch.ones(3, 128, dtype=torch.float16), torch.ones(1, 2, dtype=torch.float16)
    words = torch.randint(-(2**31), 2**31 - 1, (16, 2), dtype=torch.int32)
    with pytest.raises(WrongStride, match="'b' has unusable strides: expected stride 1 in dimension 1"):
        ops.int4_gemm_w4a16(
            a, torch.zeros(1, 48, dtype=torch.int32)[:, ::3], scale[:, :1], group_size=128, weight_order="nk"
        )
    for implementation in ("eager", "interpret"):
        calls: list[tuple[torch.Tensor, Literal["kn", "nk"]]] = [
            (words.t().contiguous(), "nk"),
            (words.t(), "nk"),
            (words, "kn"),
            (words.t().contiguous().t(), "kn"),
        ]
        nk, *others = (
            ops.int4_gemm_w4a16(a, b, scale, group_size=128, weight_order=order, implementation=implementation)
            for b, order in calls
        )
        assert all(torch.equal(nk, other) for other in others)
    one = ops.int4_gemm_w4a16(a, words.t()[:1], scale[:, :1], group_size=128, weight_order="nk", implementation="eager")
    whole = ops.int4_gemm_w4a16(a, words, scale, group_size=128, weight_order="kn", implementation="eager")
    assert torch.equal(one, whole[:, :1])


@pytest.mark.parametrize("width", [320, 20000], ids=["one-level", "three-levels"])
def test_nan_ranks_beyond_the_infinity_of_its_sign(width: int, rng: np.random.Generator) -> None:
    row = rng.standard_normal(width)
    row[[3, 50, 200]], row[100] = [np.nan, np.inf, -np.inf], -np.nan
    assert top_k(row, 0, width, 2).tolist() == [3, 50]
    assert set(range(width)) - set(top_k(row, 0, width, width - 1).tolist()) == {100}
    op = specs.get("topk_rows")
    inputs = generate(op, Case(name="nan", sizes=(("R", 1), ("W", width)), attributes=(("topk", 2),)), "random", 0)
    raw = encode(row[None], F32)
    inputs = inputs.replaced(logits=raw, row_starts=np.zeros(1, np.int32), row_ends=np.full(1, width, np.int32))
    for result in run_inputs(inputs, op.cases[0], "random", implementations=("torch:eager", "torch:interpret")):
        assert result.status == "passed", result.reason


def layout(count: int) -> Paged:
    """Rows of `count` columns of bfloat16."""
    return Paged(name="plain", fields=(Field(count=count, format=plain(BF16)),))


@pytest.mark.parametrize("count", [24, 8, 72])
def test_layouts_that_no_tile_reads_are_refused_as_arguments(count: int) -> None:
    with pytest.raises(ConstraintViolated, match=f"multiples of 16 columns.*layout_unit = {layout(count).unit}"):
        gather(layout(count), 5, 3, 12, 2).layout.call()
    gather(layout(count * 2), 5, 3, 12, 2).layout.call()


@pytest.mark.parametrize("name", ["mqa_logits", "paged_mqa_logits"])
def test_columns_that_are_left_as_they_are_are_not_compared(name: str) -> None:
    op = specs.get(name)
    case = suite.base_case(op)
    inputs = suite.inputs_of(op, replace(case, attributes=(*case.attributes, ("fill", False))))
    (expected,) = expectations(inputs, inputs.layout.call()).values()
    assert expected.reference.unwritten is not None
    assert 0 < expected.reference.unwritten.sum() < expected.reference.unwritten.size
    for result in run_inputs(inputs, case, "random", implementations=("torch:eager", "jax:xla")):
        assert result.status == "passed", result.reason


def test_no_requests_whose_factors_are_empty() -> None:
    """Loads of arrays without elements, in a branch that no program takes."""
    q, k = torch.zeros(3, 2, 16, dtype=torch.bfloat16), torch.zeros(2, 4, 2, 16, dtype=torch.bfloat16)
    none: dict[str, Any] = {"dtype": torch.int32}
    out = ops.flash_attn_varlen(
        q,
        k,
        k,
        torch.zeros(1, **none),
        None,
        torch.zeros(0, **none),
        torch.zeros(0, 1, **none),
        k_descale=torch.zeros(0, 2),
        v_descale=torch.zeros(0, 2),
        implementation="eager",
    )
    assert not out.any()


def test_no_row_of_slopes_is_refused() -> None:
    q, k = torch.zeros(3, 2, 16, dtype=torch.bfloat16), torch.zeros(4, 2, 16, dtype=torch.bfloat16)
    bounds = torch.tensor([0, 1, 3], dtype=torch.int32)
    with pytest.raises(ConstraintViolated, match="one row of slopes, or one for every request"):
        ops.flash_attn_varlen(q, k, k, bounds, bounds, alibi_slopes=torch.zeros(0, 2))


def test_one_page_of_keys_without_a_dimension_for_it() -> None:
    """[page, heads, columns] beside a block table: the same as [1, page, heads, columns], for the oracle too."""
    op = specs.get("flash_attn_varlen")
    case = next(case for case in op.cases if "block_table" not in case.absent and not case.large)
    sizes = tuple((name, 1 if name == "PAGES" else size) for name, size in case.sizes)
    inputs = generate(op, replace(case, sizes=sizes), "random", 1)
    flat = inputs.replaced(k=inputs.arrays["k"][0], v=inputs.arrays["v"][0])
    for one, other in zip(
        expectations(inputs, inputs.layout.call()).values(),
        expectations(flat, flat.layout.call()).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(one.raw, other.raw)
    for result in run_inputs(flat, case, "random", implementations=("torch:eager",)):
        assert result.status == "passed", result.reason


@pytest.mark.parametrize("implementation", ["torch:eager", "torch:interpret", "jax:xla"])
def test_an_infinity_poisons_its_group_whatever_the_format_of_the_scale(implementation: str) -> None:
    """e4m3, in which V4.1's FP4 rows store their scales, has no infinity: NaN, not the largest number."""
    inputs = insertion(V41_FP4, 16, 3, 3, 1)
    rows = np.ones((3, V41_FP4.width))
    rows[:, 5] = np.inf, -np.inf, np.nan
    slots = inputs.arrays["slot_mapping"]
    inputs = inputs.replaced(k=encode(rows, BF16), slot_mapping=np.arange(3).astype(slots.dtype))
    for result in run_inputs(inputs, Case(name="infinite", sizes=()), "random", implementations=(implementation,)):
        assert result.status == "passed", result.reason
    pages = suite.run(inputs, implementation, "cpu")["cache"]
    values = V41_FP4.read(pages, np.arange(3), 16)
    assert np.isnan(values[:, :16]).all()
    assert np.isfinite(values[:, 16:]).all()
