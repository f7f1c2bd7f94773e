"""Pages in the groups of DeepSeek-V4: what a request keeps, and which prefixes another one can begin with."""

from __future__ import annotations

from typing import Final

import pytest

from jax_impl.serving.cache_pages import CachePages
from jax_impl.serving.memory import pages_of_groups
from jax_impl.serving.request import FinishReason, Request, SamplingParams
from jax_impl.serving.scheduler import Limits, Scheduler
from specs.decoder.groups import NO_PAGE, prefix_boundary
from specs.decoder.v4.caches import cache_groups

GROUPS: Final = cache_groups((0, 4, 128), window=128)
LIMITS: Final = Limits(tokens=100, requests=2, waiting=4, length=1024)
PROMPT: Final = tuple(range(700))


def scheduler() -> Scheduler:
    return Scheduler(CachePages(GROUPS, pages_of_groups(GROUPS, 8, LIMITS)), LIMITS)


def request(prompt: tuple[int, ...], arrival: int = 0) -> Request:
    return Request(id="r", prompt=prompt, params=SamplingParams(max_tokens=2), arrival=arrival)


def serve(one: Scheduler, own: Request) -> int:
    """Runs a request to its end; tokens that it did not have to compute."""
    before = one.cached_tokens
    one.add(own)
    while own.finished is None:
        for part in one.schedule():
            for group in one.pool.groups:
                held = [page for page in own.pages[group.name] if page != NO_PAGE]
                assert len(held) <= group.most_pages(LIMITS.length, LIMITS.tokens)
            one.complete(part, 7 if part.samples else None)
            if len(own.output) == own.params.max_tokens:
                one.finish(own, FinishReason.LENGTH)
    assert one.pool.free == one.pool.pages
    return one.cached_tokens - before


def forget(one: Scheduler, group: str, count: int) -> None:
    """Uses pages of a group for something else, least recently used first."""
    pool = one.pool.pools[group]
    taken = pool.take(count)
    assert taken is not None
    pool.release(taken)


def test_prefixes_end_where_pages_of_all_groups_do() -> None:
    assert prefix_boundary(GROUPS) == 256
    one = scheduler()
    assert serve(one, request(PROMPT)) == 0
    assert serve(one, request(PROMPT, 1)) == 512
    assert serve(one, request((*PROMPT[:513], 1), 2)) == 512
    # The last token is computed, for its logits: 512 tokens have one block that can be used.
    assert serve(one, request(PROMPT[:512], 3)) == 256
    assert serve(one, request((*PROMPT[:255], 1, 1, 1), 4)) == 0


@pytest.mark.parametrize("group", ["window", "c4_state", "indexer_state", "c4", "c128", "indexer"])
def test_a_prefix_needs_the_pages_of_every_group(group: str) -> None:
    one = scheduler()
    serve(one, request(PROMPT))
    forget(one, group, one.pool.pools[group].pages)
    assert serve(one, request(PROMPT, 1)) == 0


def test_the_state_of_ratio_128_is_empty_at_a_boundary() -> None:
    one = scheduler()
    serve(one, request(PROMPT))
    forget(one, "c128_state", one.pool.pools["c128_state"].pages)
    assert serve(one, request(PROMPT, 1)) == 512


def test_a_window_is_needed_at_the_end_of_a_prefix_alone() -> None:
    one = scheduler()
    serve(one, request(PROMPT))
    pool = one.pool.pools["window"]
    forget(one, "window", pool.pages - 2)  # all except the last that were let go: tokens 384 .. 511
    assert serve(one, request(PROMPT[:400], 1)) == 0
    assert serve(one, request(PROMPT, 2)) == 512


def test_tables_of_a_prefix_have_the_pages_that_later_tokens_read() -> None:
    one, own = scheduler(), request(PROMPT)
    serve(one, own)
    tables, tokens = one.pool.match(own.block_digests(256, 512))
    assert tokens == 512
    kept = {name: [page != NO_PAGE for page in pages] for name, pages in tables.items()}
    assert kept == {
        "c4": [True] * 2,
        "c128": [True] * 2,
        "indexer": [True] * 2,
        "window": [False] * 6 + [True] * 2,
        "c4_state": [False] * 127 + [True],
        "indexer_state": [False] * 127 + [True],
        "c128_state": [False] * 64,
    }


def test_pages_are_let_go_when_no_later_token_reads_them() -> None:
    first = {group.name: [group.first_page(computed) for computed in (0, 127, 191, 192, 259, 260)] for group in GROUPS}
    assert first["c4"] == [0] * 6
    assert first["window"] == [0, 0, 1, 1, 2, 2]  # position 64 on, then 65; 132, 133
    assert first["c4_state"] == [0, 30, 46, 47, 63, 64]  # four tokens before the block of four
    assert first["c128_state"] == [0, 0, 16, 16, 32, 32]  # the block of 128


def test_pages_of_a_group_follow_from_the_first_one() -> None:
    assert pages_of_groups(GROUPS, 8, LIMITS) == {
        "c4": 8,
        "c128": 8,
        "indexer": 8,
        "window": 4 + 2 * (2 + 2) + 8 * 2,  # two steps, two requests, two pages per boundary
        "c4_state": 50 + 2 * (2 + 2) + 8,  # one page per boundary
        "indexer_state": 50 + 2 * (2 + 2) + 8,
        "c128_state": 25 + 2 * (16 + 2),
    }


def test_too_few_pages_of_one_group_are_named() -> None:
    pages = {**pages_of_groups(GROUPS, 8, LIMITS), "c4_state": 27}
    with pytest.raises(ValueError, match="pages of c4_state: expected at least 28 for requests of 1024 tokens; got 27"):
        Scheduler(CachePages(GROUPS, pages), LIMITS)
