"""The arrays of a step of DeepSeek-V4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import jax
import numpy as np
import pytest

from jax_impl.layers.v4.step import Batch
from specs.decoder.groups import GroupedRequest
from specs.decoder.v4.batch import PAGE_TOKENS, groups, step_batch

RATIOS = (0, 4, 128)


def request(computed: int, count: int, first: int = 0) -> GroupedRequest:
    length = computed + count
    pages = {group: range(first, first - (-length // size)) for group, size in PAGE_TOKENS.items()}
    return GroupedRequest(computed=computed, tokens=range(count), pages=pages)


def test_slots_follow_the_pages_of_every_group() -> None:
    found = step_batch((request(9, 1, first=3), request(2, 3, first=7)), RATIOS, tokens=6)
    assert found.decodes == 1
    assert found.positions.tolist() == [9, 2, 3, 4, 0, 0]
    assert found.slot_mapping.tolist() == [3 * 64 + 9, 7 * 64 + 2, 7 * 64 + 3, 7 * 64 + 4, -1, -1]
    assert found.state_slots["c4_state"].tolist() == [5 * 4 + 1, 7 * 4 + 2, 7 * 4 + 3, 8 * 4, -1, -1]
    assert found.state_slots["c128_state"].tolist() == [4 * 8 + 1, 7 * 8 + 2, 7 * 8 + 3, 7 * 8 + 4, -1, -1]
    assert found.block_tables["c4_state"].tolist() == [[3, 4, 5], [7, 8, -1]]
    assert set(found.block_tables) == set(groups(RATIOS)) == set(PAGE_TOKENS)


def test_the_indexer_sees_complete_entries_one_request_after_the_other() -> None:
    found = step_batch((request(7, 1), request(2, 7), request(0, 5)), RATIOS, tokens=14)
    assert found.index_lens.tolist() == [[2]]
    assert found.index_starts.tolist() == [0, 2, 3]
    # Positions 2 .. 8, then 0 .. 4, then a token of padding.
    assert found.index_first.tolist() == [0] * 7 + [2] * 5 + [0]
    assert found.index_end.tolist() == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 0]


def test_rows_of_padding_have_no_slots_and_see_nothing() -> None:
    found = step_batch((request(7, 1, first=1), request(2, 7, first=5)), RATIOS, decodes=3, prefills=2, tokens=12)
    assert (found.decodes, found.query_start_loc.tolist()) == (3, [0, 1, 2, 3, 10, 10])
    assert found.seq_lens.tolist() == [8, 0, 0, 9, 0]
    assert found.logits_indices.tolist() == [0, 1, 2, 9, 9]
    assert found.positions.tolist() == [7, 0, 0, 2, 3, 4, 5, 6, 7, 8, 0, 0]
    assert found.slot_mapping.tolist() == [71, -1, -1, *range(5 * 64 + 2, 5 * 64 + 9), -1, -1]
    assert found.block_tables["window"].tolist() == [[1], [-1], [-1], [5], [-1]]
    assert found.index_lens.tolist() == [[2], [0], [0]]
    assert found.index_starts.tolist() == [0, 2, 2]
    assert found.index_end.tolist() == [0, 1, 1, 1, 1, 2, 2, 0, 0]


def test_sizes_of_a_padded_step_do_not_follow_its_requests() -> None:
    sizes = {"decodes": 2, "prefills": 1, "tokens": 9, "longest": 300, "longest_chunk": 7}
    steps = [
        step_batch(requests, RATIOS, **sizes)
        for requests in ((), (request(7, 1),), (request(2, 7),), (request(7, 1), request(290, 1), request(0, 3)))
    ]
    shapes = [jax.tree.map(np.shape, {f.name: getattr(step, f.name) for f in fields(step)}) for step in steps]
    assert all(shape == shapes[0] for shape in shapes)
    structs = Batch.structs(RATIOS, **sizes)
    assert {name: jax.tree.map(np.shape, getattr(structs, name)) for name in shapes[0]} == shapes[0]


def test_layers_without_compression_need_one_group() -> None:
    found = step_batch((request(0, 2),), (0,))
    assert set(found.block_tables) == {"window"}
    assert found.state_slots == {}


@pytest.mark.parametrize(
    ("requests", "sizes", "message"),
    [
        ((request(0, 2), request(4, 1)), {}, r"expected those with one token first, and none without; got \[2, 1\]"),
        ((request(0, 0),), {}, r"expected those with one token first, and none without; got \[0\]"),
        ((request(0, 2),), {"tokens": 1}, "tokens: expected at least 2; got 1"),
        ((request(4, 2),), {"longest": 5}, "longest: expected at least 6; got 5"),
        ((request(4, 2),), {"longest_chunk": 1}, "longest_chunk: expected at least 2; got 1"),
        ((request(4, 1), request(4, 1)), {"decodes": 1}, "decodes: expected at least 2; got 1"),
        ((request(4, 2),), {"prefills": 0}, "prefills: expected at least 1; got 0"),
    ],
)
def test_what_does_not_fit_is_named(requests: Sequence[GroupedRequest], sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step_batch(requests, RATIOS, **sizes)


def test_too_few_pages_are_named() -> None:
    pages = {**request(64, 1).pages, "window": (0,)}
    with pytest.raises(ValueError, match=r"requests\[0\]\.pages\['window'\]: expected at least 2; got 1"):
        step_batch((GroupedRequest(computed=64, tokens=(1,), pages=pages),), RATIOS)
