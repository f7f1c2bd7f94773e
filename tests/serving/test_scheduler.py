"""The scheduler and its pages, as a machine of states: whatever arrives in whatever order, no page is lost or shared
wrongly, and every request ends with the tokens that it would have had alone.
"""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jax_impl.serving.cache_pages import CachePages
from jax_impl.serving.pages import PagePool
from jax_impl.serving.request import FinishReason, Request, SamplingParams
from jax_impl.serving.scheduler import Limits, Part, QueueFull, Scheduler
from specs.decoder.groups import NO_PAGE, CacheGroup

PAGE = 4
LENGTH = 40
KV = CacheGroup(name="kv", page_tokens=PAGE, page_bytes=1)
GROUPS = {
    "one": (KV,),
    # As DeepSeek-V4 has them, smaller: all rows, a window, and the states of two compressors.
    "several": (
        CacheGroup(name="all", page_tokens=8, page_bytes=1),
        CacheGroup(name="window", page_tokens=4, page_bytes=1, back=5),
        CacheGroup(name="overlapping", page_tokens=2, page_bytes=1, back=4, block=4),
        CacheGroup(name="state", page_tokens=2, page_bytes=1, back=0, block=8),
    ),
}


def next_token(tokens: tuple[int, ...]) -> int:
    """A model of three tokens: the next one follows from all before."""
    return hashlib.sha256(bytes(tokens)).digest()[0] % 3


@cache
def sequence(prompt: tuple[int, ...]) -> tuple[int, ...]:
    """A prompt and all that follows from it."""
    tokens = list(prompt)
    while len(tokens) < LENGTH:
        tokens.append(next_token(tuple(tokens)))
    return tuple(tokens)


def alone(request: Request) -> list[int]:
    """What a request generates without anybody else."""
    first = len(request.prompt)
    return list(sequence(request.prompt)[first : first + request.params.max_tokens])


class Serving(RuleBasedStateMachine):
    """Requests arrive, steps are queued up to two deep, complete in order, and some requests are aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[list[Part]] = []
        self.requests: list[Request] = []
        # What a cache would hold: the tokens in every page of a group, written when a step is queued.
        self.contents: dict[tuple[str, int, int], tuple[int, ...]] = {}

    @initialize(
        kind=st.sampled_from(sorted(GROUPS)),
        spare=st.lists(st.integers(0, 4), min_size=4, max_size=4),
        tokens=st.integers(3, 24),
        requests=st.integers(2, 4),
        cache=st.booleans(),
    )
    def start(self, kind: str, spare: list[int], tokens: int, requests: int, cache: bool) -> None:
        limits = Limits(tokens=tokens, requests=requests, waiting=6, length=LENGTH)
        self.groups = GROUPS[kind]
        pages = {g.name: g.most_pages(LENGTH, tokens) + n for g, n in zip(self.groups, spare, strict=False)}
        self.scheduler = Scheduler(CachePages(self.groups, pages), limits, prefix_cache=cache)

    # Prompts with common beginnings, long beside the pool: pages are shared, and run out.
    @rule(common=st.integers(1, LENGTH - 4), own=st.lists(st.integers(0, 2), max_size=3), most=st.integers(1, 30))
    def arrive(self, common: int, own: list[int], most: int) -> None:
        prompt = (*range(common), *own)
        request = Request(id="r", prompt=prompt, params=SamplingParams(max_tokens=most), arrival=len(self.requests))
        try:
            self.scheduler.add(request)
        except QueueFull:
            assert len(self.scheduler.waiting) >= 6  # preempted requests come back
        else:
            self.requests.append(request)

    @precondition(lambda self: len(self.queued) < 2)
    @rule()
    def queue(self) -> None:
        parts = self.scheduler.schedule()
        assert sum(part.count for part in parts) <= self.scheduler.limits.tokens
        assert len({id(part.request) for part in parts}) == len(parts) <= self.scheduler.limits.requests
        for part in parts:
            # A token that the host does not know is the one that the step before draws.
            unknown = part.start + part.count - part.request.known
            assert unknown <= 0 or (unknown == 1 and self.draws(part.request))
            for group in self.groups:
                self.run(group, part)
        self.queued.append(parts)

    def run(self, group: CacheGroup, part: Part) -> None:
        """A step writes the rows of its tokens; every one of them reads what its group says, whoever wrote it."""
        size, own = group.page_tokens, part.request.pages[group.name]
        for position in range(part.start, part.start + part.count):
            page = own[position // size]
            assert self.scheduler.pool.pools[group.name].references(page) == 1, "written while others read it"
            self.contents[group.name, page, position % size] = self.prefix(part.request, position + 1)
        first = part.start // group.block * group.block - (part.start if group.back is None else group.back)
        for position in range(max(first, 0), part.start + part.count):
            found = self.contents[group.name, own[position // size], position % size]
            assert found == self.prefix(part.request, position + 1)

    def draws(self, request: Request) -> bool:
        return bool(self.queued) and any(p.request is request and p.samples for p in self.queued[-1])

    def prefix(self, request: Request, count: int) -> tuple[int, ...]:
        return sequence(request.prompt)[:count]

    @precondition(lambda self: self.queued)
    @rule()
    def complete(self) -> None:
        for part in self.queued.pop(0):
            request, token = part.request, None
            if part.samples:
                token = next_token(self.prefix(request, part.start + part.count))
            self.scheduler.complete(part, token)
            full = request.known >= LENGTH or len(request.output) >= request.params.max_tokens
            if request.finished is None and full:
                self.scheduler.finish(request, FinishReason.LENGTH)

    @precondition(lambda self: any(r.finished is None for r in self.requests))
    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        left = [r for r in self.requests if r.finished is None]
        self.scheduler.finish(data.draw(st.sampled_from(left)), FinishReason.ABORT)

    @invariant()
    def pages_are_counted(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for name, pool in self.scheduler.pool.pools.items():
            owners = [page for one in self.requests for page in one.pages.get(name, ()) if page != NO_PAGE]
            assert [pool.references(page) for page in range(pool.pages)] == [owners.count(p) for p in range(pool.pages)]
            assert pool.free == pool.pages - len(set(owners))

    @invariant()
    def tokens_do_not_depend_on_others(self) -> None:
        for request in self.requests:
            assert request.output == alone(request)[: len(request.output)]

    def teardown(self) -> None:
        for _ in range(3000):
            while self.queued:
                self.complete()
            if all(request.finished for request in self.requests):
                break
            self.queue()
        for request in self.requests:
            assert request.finished is not None, "never ends"
            if request.finished is FinishReason.LENGTH:
                assert request.output == alone(request)
        if hasattr(self, "scheduler"):
            assert self.scheduler.pool.free == self.scheduler.pool.pages


Serving.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, phases=[Phase.reuse, Phase.generate]
)
TestServing = Serving.TestCase


def scheduler(pages: int = 10, **sizes: int) -> Scheduler:
    limits = Limits(**{"tokens": 8, "requests": 4, "waiting": 2, "length": 40, **sizes})
    return Scheduler(CachePages((KV,), {KV.name: pages}), limits)


def request(*prompt: int, arrival: int = 0, most: int = 4) -> Request:
    return Request(id=f"r{arrival}", prompt=prompt, params=SamplingParams(max_tokens=most), arrival=arrival)


def run(one: Scheduler, tokens: int = 1) -> list[Part]:
    parts = one.schedule()
    for part in parts:
        one.complete(part, 7 if part.samples else None)
    return parts


def test_prompts_are_computed_in_chunks_after_the_requests_that_generate() -> None:
    one = scheduler()
    one.add(request(1, 2, arrival=0))
    run(one)
    one.add(request(*range(10), arrival=1))
    assert [(p.start, p.count, p.samples) for p in run(one)] == [(2, 1, True), (0, 7, False)]
    assert [(p.start, p.count, p.samples) for p in run(one)] == [(3, 1, True), (7, 3, True)]


def test_a_prefix_is_computed_once_and_its_last_token_always() -> None:
    one = scheduler()
    first = request(*range(8), arrival=0)
    one.add(first)
    run(one)
    one.finish(first, FinishReason.STOP)
    one.add(request(*range(8), arrival=1))
    # Both pages are known, and the second is computed again for the logits of its last token.
    assert [(p.start, p.count) for p in one.schedule()] == [(4, 4)]
    assert one.cached_tokens == 4


def test_the_same_tokens_after_another_prefix_are_another_page() -> None:
    one = scheduler(tokens=16, waiting=3)
    for arrival, prompt in enumerate([(0, 0, 0, 0, 1, 1, 1, 1, 2), (3, 3, 3, 3, 2)]):
        known = request(*prompt, arrival=arrival)
        one.add(known)
        run(one)
        one.finish(known, FinishReason.STOP)
    # Its first page is the second request's; its second has the tokens of the first request's, after other ones.
    one.add(request(3, 3, 3, 3, 1, 1, 1, 1, 2, arrival=2))
    assert [(p.start, p.count) for p in one.schedule()] == [(4, 5)]


def test_the_youngest_request_gives_its_pages_back() -> None:
    one = scheduler(pages=10, tokens=40)
    old, young = request(*range(20), arrival=0, most=20), request(*range(19, -1, -1), arrival=1, most=20)
    one.add(old)
    one.add(young)
    run(one)
    run(one)
    assert (young.pages, young.computed, young.preemptions) == ({}, 0, 1)
    assert one.waiting[0] is young
    assert len(old.pages[KV.name]) == 6


def test_a_request_in_a_queued_step_keeps_its_pages() -> None:
    one = scheduler(pages=10, tokens=40)
    old, young = request(*range(20), arrival=0, most=20), request(*range(19, 0, -1), arrival=1, most=20)
    one.add(old)
    one.add(young)
    queued = one.schedule()
    # The old one has to wait: the token of the young one is not known yet, and could not be computed again.
    assert [(part.request, part.start) for part in one.schedule()] == [(young, 19)]
    for part in queued:
        one.complete(part, 7)
    assert young.pages


def test_nothing_is_computed_after_the_last_token() -> None:
    one = scheduler()
    last = request(1, 2, most=1)
    one.add(last)
    assert [part.samples for part in one.schedule()] == [True]
    assert one.schedule() == []


def test_a_full_queue_says_so() -> None:
    one = scheduler()
    one.add(request(1))
    one.add(request(2))
    with pytest.raises(QueueFull, match="2 requests are waiting"):
        one.add(request(3))


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ((), "prompt: expected at least one token; got none"),
        ((1,) * 40, "prompt: expected fewer than 40 tokens; got 40"),
    ],
)
def test_prompts_that_cannot_be_answered_are_named(prompt: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scheduler().add(request(*prompt))


def test_a_pool_too_small_for_one_request_is_named() -> None:
    with pytest.raises(ValueError, match="pages of kv: expected at least 10 for requests of 40 tokens; got 9"):
        scheduler(pages=9)


def test_a_page_released_twice_is_named() -> None:
    pool = PagePool(2)
    pages = pool.take(1)
    assert pages is not None
    pool.release(pages)
    with pytest.raises(ValueError, match="page 0: expected a page in use; it is free"):
        pool.release(pages)


def test_a_draft_is_a_part_of_its_own_and_counts_where_it_is_confirmed() -> None:
    one = scheduler(tokens=8, length=12)
    known = request(1, 2, 3, most=4)
    one.add(known)
    run(one)
    known.draft = (9,)
    first, guess = one.schedule()
    assert [(p.start, p.count, p.samples, p.draft) for p in (first, guess)] == [(3, 1, True, ()), (4, 1, True, (9,))]
    assert len(known.pages[KV.name]) == 2
    assert (known.computed, known.planned) == (4, 1)
    one.complete(first, 9)
    one.confirm(guess)
    one.complete(guess, 8)
    assert (known.output, known.computed, known.planned) == ([7, 9, 8], 5, 0)
    # One token is left to generate: a draft of it would be of no use.
    known.draft = (6,)
    assert [p.draft for p in one.schedule()] == [()]
    assert (one.draft_tokens, one.accepted_tokens) == (1, 1)


def test_a_step_that_is_full_has_no_draft() -> None:
    one, known = scheduler(tokens=1, length=12), request(1, 2, 3, most=4)
    one.add(known)
    for _ in known.prompt:
        run(one)
    known.draft = (9,)
    assert [p.draft for p in one.schedule()] == [()]


def test_a_draft_takes_no_page_of_another_request_and_is_dropped_with_its_own() -> None:
    one = scheduler(pages=10, tokens=40)
    old, young = request(*range(18), arrival=0, most=20), request(*range(19, -1, -1), arrival=1, most=20)
    one.add(old)
    one.add(young)
    run(one)
    assert one.pool.free == 0
    old.draft = young.draft = (1,)
    parts = one.schedule()
    # The old one has room for its token and the draft, the young one for neither.
    assert [(p.request, p.draft) for p in parts] == [(old, ()), (old, (1,))]
    assert young.preemptions == 1
    assert not young.draft
