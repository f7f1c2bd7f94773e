"""Which tokens the next step computes: continuous batching with chunked prompts, preemption and a prefix cache.

Requests are served in order of arrival. A step takes one token of every request that generates, then parts of prompts
until its budget is used. A request that finds no free page makes the youngest one give back its pages; that one is
computed again later, with the same tokens. The last token of a prompt is always computed, because its logits are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from jax_impl.serving.cache_pages import CachePages
from jax_impl.serving.request import FinishReason, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes of a step.

    tokens: most tokens of a step. requests: most requests of a step. waiting: most requests in the queue.
    length: most tokens of a request, prompt and output.
    """

    tokens: int = 256
    requests: int = 32
    waiting: int = 256
    length: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a step computes of one request: `count` tokens from position `start`.

    samples: whether the last of them is the request's last, so that a token is drawn.
    preemptions: of the request so far; after another one it does not have the pages of this part any more.
    draft: the last tokens up to this part's, which are guesses; the part then computes the last of them. It follows the
        part that draws the token in place of its own, and counts if that one draws the same (`Scheduler.confirm`).
    """

    request: Request
    start: int
    count: int
    samples: bool
    preemptions: int
    draft: tuple[int, ...] = ()


class QueueFull(RuntimeError):
    """As many requests are waiting as the queue has room for."""


class Scheduler:
    """Requests that wait and run, and the pages they have."""

    def __init__(self, pool: CachePages, limits: Limits, *, prefix_cache: bool = True) -> None:
        """A scheduler over the pages of all groups of a model's caches.

        Raises:
            ValueError: a request of `limits.length` tokens would not fit.
        """
        pool.check(limits.length, limits.tokens)
        self.pool: Final = pool
        self.limits: Final = limits
        self._prefix_cache: Final = prefix_cache
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.preemptions = 0
        self.cached_tokens = 0
        self.draft_tokens = 0
        self.accepted_tokens = 0

    def add(self, request: Request) -> None:
        """Puts a request into the queue.

        Raises:
            QueueFull: the queue has no room. ValueError: the prompt is empty, or leaves no room for an answer.
        """
        if not request.prompt:
            raise ValueError("prompt: expected at least one token; got none")
        if len(request.prompt) >= self.limits.length:
            raise ValueError(f"prompt: expected fewer than {self.limits.length} tokens; got {len(request.prompt)}")
        if len(self.waiting) >= self.limits.waiting:
            raise QueueFull(f"{self.limits.waiting} requests are waiting")
        self.waiting.append(request)

    def schedule(self) -> list[Part]:
        """The parts of the next step: requests that generate first, then prompts; empty where nothing can run."""
        parts: list[Part] = []
        budget, preemptions = self.limits.tokens, self.preemptions
        # A list of its own: preemption takes requests out of `running`.
        order = sorted(self.running, key=lambda r: (r.length - r.computed > 1, r.arrival))
        for request in order:
            count = min(self._left(request), budget)
            if request.pages and count > 0 and self._grow(request, count):
                parts.append(self._part(request, count))
                drafted = self._drafted(parts[-1], budget - count)
                parts += drafted
                budget -= count + len(drafted)
        # Preempted while the step was put together: its pages are another request's now.
        parts = [part for part in parts if part.request.pages]
        # After a preemption pages are scarce: a request that is admitted now would be the next to lose its own.
        while self.waiting and preemptions == self.preemptions and len(self.running) < self.limits.requests:
            count = self._admit(self.waiting[0], budget)
            if count == 0:
                break
            request = self.waiting.popleft()
            self.running.append(request)
            parts.append(self._part(request, count))
            budget -= count
        for part in parts:
            if part.draft:
                continue
            part.request.computed += part.count
            part.request.planned += part.samples
        return parts

    def confirm(self, part: Part) -> None:
        """Counts the token of a draft that was drawn as well: its part is complete when `complete` has taken it in."""
        part.request.computed += part.count
        part.request.planned += part.samples
        self.accepted_tokens += 1

    def complete(self, part: Part, token: int | None) -> None:
        """Takes in the result of a part: the token drawn, where the part samples, and full pages for later requests."""
        request = part.request
        if part.samples and request.planned > 0:
            request.planned -= 1
            if token is not None and request.finished is None:
                request.output.append(token)
        if not request.pages or part.preemptions != request.preemptions:
            return
        done = part.start + part.count
        if self._prefix_cache:
            # A queued step runs on tokens that an earlier one made, and that one is complete: all its tokens are known.
            self.pool.publish(request.pages, request.block_digests(self.pool.boundary, done), part.start, done)
        # Steps run in order: whoever gets these pages writes them after this part has read them.
        self.pool.trim(request.pages, done)

    def finish(self, request: Request, reason: FinishReason) -> None:
        """Ends a request and gives back its pages. The caller has seen the end of every step that computes it."""
        request.finished = reason
        self._free(request)
        if request in self.running:
            self.running.remove(request)
        elif request in self.waiting:
            self.waiting.remove(request)

    def _left(self, request: Request) -> int:
        """Tokens of a running request that can be computed; none where all that it may generate are being made."""
        generated = len(request.output) + request.planned
        if generated >= request.params.max_tokens or request.length >= self.limits.length:
            return 0
        return request.length - request.computed

    def _part(self, request: Request, count: int) -> Part:
        last = request.computed + count == request.length
        return Part(request=request, start=request.computed, count=count, samples=last, preemptions=request.preemptions)

    def _drafted(self, part: Part, budget: int) -> list[Part]:
        """The draft of a request that generates, a part for each of its tokens; it takes no page from others.

        Every token has a row of its own, as if it were decoded alone: the same bits as without a draft. What a guess
        that turns out to be wrong leaves in the caches is at its position, which the next step writes again.
        """
        request, found = part.request, list[Part]()
        if not part.samples or part.count > 1:
            return found
        # The last of the tokens that may be generated is drawn after a token that is certain or a guess.
        room = min(request.params.max_tokens - len(request.output) - 1, self.limits.length - request.length - 1, budget)
        for count in range(1, min(len(request.draft), room) + 1):
            if not self.pool.grow(request.pages, request.length + count):
                break
            start = request.length + count - 1
            found.append(replace(part, start=start, count=1, draft=request.draft[:count]))
        self.draft_tokens += len(found)
        return found

    def _grow(self, request: Request, count: int) -> bool:
        """Pages for `count` more tokens, taken from the youngest requests if none are free."""
        while not self.pool.grow(request.pages, request.computed + count):
            youngest = max((r for r in self.running if r.planned == 0), key=lambda r: r.arrival, default=None)
            if youngest is None or youngest.arrival < request.arrival:
                return False
            self._preempt(youngest)
            if youngest is request:
                return False
        return True

    def _preempt(self, request: Request) -> None:
        self._free(request)
        request.computed = 0
        request.draft = ()
        request.preemptions += 1
        self.preemptions += 1
        self.running.remove(request)
        self.waiting.appendleft(request)

    def _admit(self, request: Request, budget: int) -> int:
        """Pages for the first part of a waiting request; its tokens, or 0 where it has to wait."""
        # The last token is computed even where its page is cached.
        blocks = request.block_digests(self.pool.boundary, request.known - 1) if self._prefix_cache else []
        request.pages, request.computed = self.pool.match(blocks)
        count = min(request.length - request.computed, budget)
        if count <= 0 or not self.pool.grow(request.pages, request.computed + count):
            self._free(request)
            request.computed = 0
            return 0
        self.cached_tokens += request.computed
        return count

    def _free(self, request: Request) -> None:
        self.pool.release(request.pages)
