"""What must not matter: how keys lie, what lies beside them, what else is in the batch; and rows that see nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs, generate
from specs.flash.varlen import FLASH_ATTN_VARLEN
from specs.lang.errors import ArgumentError
from tests.cache.judging import judge
from tests.contract import suite
from tests.flash.problems import call, dense, extended, paged

BACKENDS = ("torch:eager", "torch:interpret", "jax:xla")
LENGTHS = ((5, 18), (0, 7), (1, 40), (9, 3), (2, 0))


def assert_same(one: Inputs, two: Inputs, backend: str = "torch:eager") -> None:
    """Both calls give the same bytes, and the right ones."""
    first, second = judge(one, backend), suite.run(two, backend, "cpu")
    for name, raw in first.items():
        np.testing.assert_array_equal(bit_view(second[name]), bit_view(raw), err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("page", [1, 7, 16, 64])
def test_pages_hold_what_dense_keys_hold(page: int, backend: str) -> None:
    """Rows of NaN in the last page, spare entries that name no page, pages of any size and order."""
    assert_same(dense(LENGTHS, causal=True), paged(LENGTHS, page, causal=True), backend)


def test_one_page_without_a_table() -> None:
    """Dense keys are taken with and without a dimension for the only page."""
    inputs = dense(LENGTHS, causal=True)
    assert_same(inputs, inputs.replaced(k=inputs.arrays["k"][None], v=inputs.arrays["v"][None]))


@pytest.mark.parametrize("pages", [0, 2])
def test_no_other_number_of_pages_without_a_table(pages: int) -> None:
    """With none, lengths would be held to the rows of a page, of which there is no memory."""
    inputs = dense(LENGTHS, causal=True)
    k, v = (inputs.arrays[name][None].repeat(pages, axis=0) for name in ("k", "v"))
    with pytest.raises(ArgumentError, match="one page of keys"):
        inputs.replaced(k=k, v=v).layout.call()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("splits", [1, 3])
@pytest.mark.parametrize("missing", ["pages", "rows of a page", "entries of the table"])
def test_lengths_are_held_to_the_memory_that_there_is(missing: str, splits: int, backend: str) -> None:
    """A cache without memory has no keys, whatever the lengths say."""
    inputs = paged(LENGTHS, 16, causal=True, splits=splits)
    k, v, table = (inputs.arrays[name] for name in ("k", "v", "block_table"))
    if missing == "pages":
        k, v = k[:0], v[:0]
    elif missing == "rows of a page":
        k, v = k[:, :0], v[:, :0]
    else:
        table = table[:, :0]
    results = judge(inputs.replaced(k=k, v=v, block_table=table), backend)
    assert not bit_view(results["out"]).any()
    assert (results["lse"] == -np.inf).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_that_see_nothing_are_zero(backend: str) -> None:
    """More queries than keys: the first see none. Their lse is the sink's score, or -inf without one."""
    inputs = dense(((6, 2), (3, 0)), causal=True)
    results = suite.run(inputs, backend, "cpu")
    unseen = [0, 1, 2, 3, 6, 7, 8]
    assert not bit_view(results["out"])[unseen].any()
    assert (results["lse"][:, unseen] == -np.inf).all()
    sinks = np.array([1.5, -2.0, np.inf, -np.inf])
    with_sinks = suite.run(extended(inputs, s_aux=sinks), backend, "cpu")
    assert not bit_view(with_sinks["out"])[unseen].any()
    finite = np.isfinite(sinks)
    np.testing.assert_array_equal(with_sinks["lse"][~finite][:, unseen], sinks[~finite, None].repeat(len(unseen), 1))
    judge(extended(inputs, s_aux=sinks), backend)


def test_a_request_without_queries_names_no_page() -> None:
    """Trailing requests of a padded batch: stale tables, lengths of any value."""
    inputs = paged(((2, 20), (3, 9)), causal=True)
    table = np.concatenate(
        [inputs.arrays["block_table"], np.full((2, 3), 2**31 - 1, np.int32)[:, : inputs.arrays["block_table"].shape[1]]]
    )
    used = np.concatenate([inputs.arrays["seqused_k"], np.array([2**31 - 1, -5], np.int32)])
    starts = np.concatenate([inputs.arrays["cu_seqlens_q"], np.array([5, 5], np.int32)])
    assert_same(inputs, inputs.replaced(block_table=table, seqused_k=used, cu_seqlens_q=starts))


@pytest.mark.parametrize("splits", [1, 2, 5, 32])
def test_a_fixed_number_of_parts_makes_requests_independent(splits: int) -> None:
    lengths = ((1, 130), (1, 20), (1, 64), (1, 1))
    batch = judge(paged(lengths, splits=splits, max_seqlen_q=1))
    whole = paged(lengths, splits=splits, max_seqlen_q=1)
    for b in range(len(lengths)):
        alone = whole.replaced(
            q=whole.arrays["q"][b : b + 1],
            cu_seqlens_q=np.array([0, 1], np.int32),
            seqused_k=whole.arrays["seqused_k"][b : b + 1],
            block_table=whole.arrays["block_table"][b : b + 1],
        )
        results = suite.run(alone, "torch:eager", "cpu")
        np.testing.assert_array_equal(bit_view(results["out"])[0], bit_view(batch["out"])[b])
        np.testing.assert_array_equal(results["lse"][:, 0], batch["lse"][:, b])


def test_rows_of_a_request_are_decodes_of_its_prefixes() -> None:
    """A causal batch of several queries per request equals as many single ones, on data whose sums are exact."""
    inputs = generate(FLASH_ATTN_VARLEN, FLASH_ATTN_VARLEN.case("parts"), "exact", 3)
    together = suite.run(inputs, "torch:eager", "cpu")
    starts, used = inputs.arrays["cu_seqlens_q"], inputs.arrays["seqused_k"]
    assert (np.diff(starts) == 2).all()
    singles = inputs.replaced(
        cu_seqlens_q=np.arange(len(inputs.arrays["q"]) + 1, dtype=np.int32),
        seqused_k=np.maximum(np.stack([used - 1, used], axis=1).reshape(-1), 0).astype(np.int32),
        block_table=inputs.arrays["block_table"].repeat(2, axis=0),
    )
    singles = replace(singles, attributes={**singles.attributes, "max_seqlen_q": 1})
    apart = suite.run(singles, "torch:eager", "cpu")
    np.testing.assert_array_equal(bit_view(together["out"]), bit_view(apart["out"]))


@pytest.mark.parametrize("lower", [{}, {"max_seqlen_q": 9, "max_seqlen_k": 40}, {"max_seqlen_q": 900}])
def test_bounds_of_the_lengths_do_not_matter(lower: dict[str, Any]) -> None:
    assert_same(dense(LENGTHS, causal=True, splits=1), dense(LENGTHS, causal=True, splits=1, **lower))


@pytest.mark.parametrize(("argument", "values"), [("softcap", (0.0, 5.0)), ("window_left", (-1, 3))])
def test_no_attribute_is_ignored(argument: str, values: tuple[Any, Any]) -> None:
    """Existing kernels take some of these and do nothing with them."""
    one, two = (judge(dense(LENGTHS, **{argument: value}))["out"] for value in values)
    assert (bit_view(one) != bit_view(two)).any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("splits", [1, 3])
def test_rows_of_no_request_are_empty(splits: int, backend: str) -> None:
    """Batches padded to a fixed size, before the first request and behind the last; sinks do not show there."""
    sinks = np.array([1.5, -2.0, np.inf, -np.inf])
    inputs = extended(dense(LENGTHS, causal=True, splits=splits), s_aux=sinks)
    first, total = 3, len(inputs.arrays["q"])
    q = np.full((first + total + 40, *inputs.arrays["q"].shape[1:]), 0x7FC0, np.uint16).view(inputs.arrays["q"].dtype)
    q[first : first + total] = inputs.arrays["q"]
    results = judge(inputs.replaced(q=q, cu_seqlens_q=inputs.arrays["cu_seqlens_q"] + np.int32(first)), backend)
    own = (np.arange(len(q)) >= first) & (np.arange(len(q)) < first + total)
    assert not bit_view(results["out"])[~own].any()
    assert (results["lse"][:, ~own] == -np.inf).all()
    alone = suite.run(inputs, backend, "cpu")
    np.testing.assert_array_equal(bit_view(results["out"])[own], bit_view(alone["out"]))
    np.testing.assert_array_equal(results["lse"][:, own], alone["lse"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("splits", [1, 3])
def test_bounds_are_held_to_the_memory_that_there_is(splits: int, backend: str) -> None:
    """What reaches beyond the arrays is cut off; descending bounds are of no rows."""
    inputs = dense(LENGTHS, causal=True, splits=splits, max_seqlen_q=40)
    bounds = np.array([-4, 5, 9, 7, 2**31 - 1, 2**31 - 1], np.int32)
    judge(inputs.replaced(cu_seqlens_k=bounds), backend)
    judge(inputs.replaced(cu_seqlens_q=np.array([-9, 4, 4, 9, 10**6, 10**6], np.int32)), backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dense_keys_of_which_some_are_used(backend: str) -> None:
    """Keys begin at cu_seqlens_k; seqused_k says how many count, and no request reaches into the next one's."""
    inputs = dense(LENGTHS, causal=True)
    used = np.array([7, -3, 0, 900, 0], np.int32)
    starts, keys = inputs.arrays["cu_seqlens_k"], []
    for b, (_, count) in enumerate(LENGTHS):
        keys.append(np.arange(starts[b], starts[b] + np.clip(used[b], 0, count)))
    chosen = np.concatenate(keys)
    short = inputs.replaced(
        k=inputs.arrays["k"][chosen],
        v=inputs.arrays["v"][chosen],
        cu_seqlens_k=np.concatenate([[0], np.cumsum([len(part) for part in keys])]).astype(np.int32),
    )
    assert_same(short, extended(inputs, seqused_k=used), backend)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cu_seqlens_k", "block_table", "seqused_k"), "none with one"),
        (("seqused_k",), "cu_seqlens_k for keys without a block table"),
        (("block_table",), "seqused_k together with a block table"),
    ],
)
def test_what_says_where_keys_are(arguments: tuple[str, ...], message: str) -> None:
    pages, flat = paged(LENGTHS), dense(LENGTHS)
    known = {**pages.arrays, "cu_seqlens_k": flat.arrays["cu_seqlens_k"]}
    given = {name: known[name] for name in ("q", "k", "v", "cu_seqlens_q", *arguments)}
    if "block_table" not in arguments:
        given |= {name: flat.arrays[name] for name in "kv"}
    with pytest.raises(ArgumentError, match=message):
        call(given, {}).layout.call()
