"""The arrays of a step."""

from __future__ import annotations

import numpy as np
import pytest

from specs.decoder.batch import Request, step_batch

DECODE = Request(computed=5, tokens=(7,), pages=(3, 1))
PROMPT = Request(computed=2, tokens=(1, 2, 3, 4), pages=(6, 0))


def test_positions_and_slots_follow_the_pages_of_each_request() -> None:
    found = step_batch((DECODE, PROMPT), page_size=4)
    assert found.positions.tolist() == [5, 2, 3, 4, 5]
    assert found.slot_mapping.tolist() == [5, 26, 27, 0, 1]
    assert found.token_to_req.tolist() == [0, 1, 1, 1, 1]
    assert found.query_start_loc.tolist() == [0, 1, 5]
    assert found.seq_lens.tolist() == [6, 6]
    assert found.logits_indices.tolist() == [0, 4]
    assert all(getattr(found, name).dtype == np.int32 for name in found.__slots__)


def test_padding_writes_nothing_and_has_no_keys() -> None:
    found = step_batch((DECODE,), page_size=4, tokens=3, batch=2, table=4)
    assert found.slot_mapping.tolist() == [5, -1, -1]
    assert found.query_start_loc.tolist() == [0, 1, 1]
    assert found.seq_lens.tolist() == [6, 0]
    assert found.block_table.tolist() == [[3, 1, 0, 0], [0, 0, 0, 0]]


def test_a_step_without_requests_is_legal() -> None:
    found = step_batch((), page_size=4)
    assert found.query_start_loc.tolist() == [0]
    assert found.positions.shape == (0,)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"tokens": 4}, "tokens: expected at least 5; got 4"),
        ({"batch": 1}, "batch: expected at least 2; got 1"),
        ({"table": 1}, "table: expected at least 2; got 1"),
    ],
)
def test_sizes_that_are_too_small_are_named(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step_batch((DECODE, PROMPT), page_size=4, **sizes)


def test_too_few_pages_are_named() -> None:
    with pytest.raises(ValueError, match=r"requests\[0\]\.pages: expected at least 2; got 1"):
        step_batch((Request(computed=4, tokens=(1,), pages=(0,)),), page_size=4)
