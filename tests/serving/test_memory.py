"""What a server plans to do with its memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import jax
import pytest

from jax_impl.serving.memory import Memory, MemoryPlan, host_bytes, memory_of, plan
from jax_impl.serving.scheduler import Limits
from tests.serving.tiny import LENGTH, PAGE, model

LIMITS = Limits(tokens=32, requests=4, length=LENGTH)
PAGE_BYTES = 2 * PAGE * 2 * 2 * 16 * 2
"""Layers, rows, keys and values, heads of keys, their columns, bytes of float16."""


@cache
def planned(total: int, used: int = 0) -> MemoryPlan:
    return plan(model(), LIMITS, PAGE, Memory(total=total, share=0.5, used=used, kind="card"))


def test_pages_are_what_weights_and_workspace_leave() -> None:
    most = LIMITS.requests * LENGTH // PAGE
    ample = planned(1 << 30)
    assert (ample.groups[0].page_bytes, ample.first, ample.most) == (PAGE_BYTES, most, most)
    assert ample.weights == sum(leaf.nbytes for leaf in jax.tree.leaves((model().weights, model().cos_sin)))
    assert ample.workspace >= 4 * 96 * LIMITS.requests  # logits
    rest = 20 * PAGE_BYTES + 5
    assert planned(2 * (ample.weights + ample.workspace + rest)).first == 20
    # Memory that others have counts too.
    others = 7 * PAGE_BYTES
    assert planned(2 * (ample.weights + ample.workspace + rest), used=ample.weights + others).first == 13


def test_a_plan_says_where_the_memory_goes() -> None:
    first, second = replace(planned(1 << 30), weights=3 << 20, workspace=1 << 19).lines()
    assert first == "memory: 50% of 1024.0 MiB (card), weights 3.0 MiB"
    assert second == (
        "caches: 48 pages of 8 tokens x 2048 B = 0.1 MiB, all that its requests can use; workspace of a step 0.5 MiB"
    )


def test_too_little_memory_for_one_request_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"memory: expected room for 12 pages, 24576 B in all.*got room for 0.*--max-length"
    ):
        planned(1 << 10)


def test_a_cpu_has_the_memory_of_the_machine() -> None:
    found = memory_of(jax.devices("cpu")[0], None)
    assert (found.total, found.kind) == (host_bytes(), "RAM")
    assert 0 < found.share < 1
    assert memory_of(jax.devices("cpu")[0], 0.25).share == 0.25


@dataclass(frozen=True)
class Card:
    stats: dict[str, int] | None
    device_kind: str = "Arc"
    platform: str = "oneapi"

    def memory_stats(self) -> dict[str, int] | None:
        return self.stats


def test_a_device_says_what_it_has() -> None:
    found = memory_of(Card({"bytes_limit": 1000, "bytes_in_use": 300}), None)
    assert (found.total, found.used, found.kind) == (1000, 300, "Arc")


def test_a_device_that_says_nothing_needs_a_number_of_pages() -> None:
    silent = memory_of(Card(None), None)
    with pytest.raises(ValueError, match="got Arc, which reports none: give --pages"):
        plan(model(), LIMITS, PAGE, silent)
    assert plan(model(), LIMITS, PAGE, silent, pages=7).first == 7
