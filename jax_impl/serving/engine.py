"""The engine: requests in, tokens out, one step after the other.

A step is queued before the tokens of the one before are read: the device never waits for the host. A request that turns
out to have ended leaves one token too many, which is dropped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jax
import numpy as np

from checkpoints.text import TextStream
from checkpoints.tokenizer import Tokenizer
from jax_impl.serving.buckets import Bucket
from jax_impl.serving.cache_pages import CachePages
from jax_impl.serving.family import ServedModel
from jax_impl.serving.memory import buckets, pages_of_groups
from jax_impl.serving.penalties import PenaltyArrays
from jax_impl.serving.programs import Programs
from jax_impl.serving.request import FinishReason, Request, SamplingParams
from jax_impl.serving.sampler import INVALID, SamplingArrays
from jax_impl.serving.scheduler import Limits, Part, Scheduler
from jax_impl.serving.speculative import DraftArrays, rows_of
from specs.decoder.groups import GroupedRequest

DEPTH: Final = 2
"""Steps in flight: one that runs, and one that is queued. With drafts one: they decide where the next step begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Sizes of an engine.

    pages: of the first group of caches, from which follow the others' (`jax_impl.serving.memory.pages_of_groups`).
    page_size: tokens of a page, where the model leaves the choice. limits: sizes of a step and a request.
    prefix_cache: whether prefixes are shared. layerwise: whether a step is one program per layer: short to compile, and
        for CPUs.
    """

    pages: int
    page_size: int = 16
    limits: Limits = field(default_factory=Limits)
    prefix_cache: bool = True
    layerwise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprobs:
    """A token's log probability, its rank (1 is the most likely), and the most likely tokens with theirs."""

    logprob: float
    rank: int
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a step adds to a request.

    tokens: new ids; none where the request ends without one. text: what is certain of the answer now.
    finished: why it ended, None while it goes on. error: for people, where it ended with one.
    """

    request: str
    tokens: tuple[int, ...] = ()
    text: str = ""
    logprobs: TokenLogprobs | None = None
    finished: FinishReason | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    parts: Sequence[Part]
    drawn: Any


class Engine:
    """Serves requests with one model. Not safe for threads: one thread owns it."""

    def __init__(self, model: ServedModel, tokenizer: Tokenizer, settings: Settings) -> None:
        """Makes the caches; programs are compiled by `programs.warm`, or when they are needed."""
        limits, groups = settings.limits, model.groups(settings.page_size)
        pages = pages_of_groups(groups, settings.pages, limits)
        self.model: Final = model
        self.settings: Final = settings
        self.scheduler: Final = Scheduler(CachePages(groups, pages), limits, prefix_cache=settings.prefix_cache)
        self._tokenizer: Final = tokenizer
        self._caches = model.pools(groups, pages)
        sizes = buckets(groups, limits, model.drafts)
        self.programs: Final = Programs(model, groups, self._caches, sizes, layerwise=settings.layerwise)
        self._previous: Any = np.zeros(sizes.requests, np.int32)
        self._flights: deque[_Flight] = deque()
        self._live: dict[str, tuple[Request, TextStream]] = {}
        self._arrivals = 0
        self.steps = 0
        self.host_seconds = 0.0

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._live or self._flights)

    def add(self, id: str, prompt: Sequence[int], params: SamplingParams) -> None:  # noqa: A002 - OpenAI's word
        """Puts a request into the queue.

        Raises:
            ValueError: the id is in use, a token is not in the vocabulary, or the prompt is empty or too long.
            QueueFull: too many requests are waiting.
        """
        if id in self._live:
            raise ValueError(f"id: expected a new one; {id!r} is in use")
        for index, token in enumerate(prompt):
            if not 0 <= token < self.model.vocab:
                raise ValueError(f"prompt[{index}]: expected a token from 0 to {self.model.vocab - 1}; got {token}")
        request = Request(id=id, prompt=tuple(prompt), params=params, arrival=self._arrivals)
        self.scheduler.add(request)
        self._arrivals += 1
        self._live[id] = (request, TextStream(self._tokenizer.decode, params.stop))

    def abort(self, id: str) -> None:  # noqa: A002 - OpenAI's word
        """Ends a request, of which no output follows, and gives back its pages; an unknown one is ignored."""
        found = self._live.pop(id, None)
        if found is not None:
            self.scheduler.finish(found[0], FinishReason.ABORT)

    def step(self) -> list[Output]:
        """Queues a step if anything can run, and returns the results of the oldest one once enough are queued."""
        start = time.perf_counter()
        parts = self.scheduler.schedule()
        if parts:
            self._flights.append(self._launch(parts))
            self.steps += 1
        self.host_seconds += time.perf_counter() - start
        depth = 1 if self.model.drafts else DEPTH
        if not self._flights or (parts and len(self._flights) < depth):
            return []
        return self._retire(self._flights.popleft())

    def _launch(self, parts: Sequence[Part]) -> _Flight:
        rows = {id(part.request): row for row, part in enumerate(self._flights[-1].parts)} if self._flights else {}
        params = [part.request.params for part in parts]
        general = not all(one.greedy for one in params)
        first = self.scheduler.pool.groups[0].name
        tokens, pages = sum(part.count for part in parts), max(len(part.request.pages[first]) for part in parts)
        bucket = self.programs.buckets.smallest(tokens, len(parts), pages, general)
        step, starts, source = self._step(parts, bucket, rows)
        arguments: tuple[Any, ...] = (self.model.weights, self._caches, self._previous, step, source)
        if self.model.drafts:
            sizes = {"tokens": len(source), "requests": bucket.requests, "length": self.model.drafts}
            arguments += (DraftArrays.of(parts, starts, **sizes),)
        if general:
            positions, penalties = [part.start + part.count for part in parts], None
            if any(one.penalised for one in params):
                penalties = PenaltyArrays.of(parts, rows, bucket.requests, self.programs.length(bucket))
            arguments += (SamplingArrays.of(params, positions, bucket.requests), penalties)
        drawn, self._caches = self.programs.get(bucket)(*arguments)
        self._previous = drawn.tokens
        return _Flight(parts=parts, drawn=drawn)

    def _step(
        self, parts: Sequence[Part], bucket: Bucket, rows: dict[int, int]
    ) -> tuple[Any, list[int], np.ndarray[Any, Any]]:
        """The arrays of a step, where the tokens of each part begin, and which tokens the step before draws."""
        own, unknown = [], list[tuple[int, int, int]]()
        for row, part in enumerate(parts):
            request, ids = part.request, list(part.draft[-1:])
            for position in range(part.start, part.start + part.count - len(ids)):
                known = position < request.known
                ids.append(request.token(position) if known else 0)
                if not known:
                    unknown.append((row, position - part.start, rows[id(request)]))
            own.append(GroupedRequest(computed=part.start, tokens=ids, pages=request.pages))
        step, starts = self.model.step(own, self.scheduler.pool.groups, bucket)
        source = np.full(step.batch.token_ids.shape, -1, np.int32)
        for row, index, drawn in unknown:
            source[starts[row] + index] = drawn
        return step, starts, source

    def _retire(self, flight: _Flight) -> list[Output]:
        drawn = jax.device_get(flight.drawn)  # waits for the device
        start, outputs = time.perf_counter(), []
        for index, rows in enumerate(rows_of(flight.parts)):
            request = flight.parts[rows[0]].request
            accepted = int(drawn.accepted[index]) if self.model.drafts else 0
            for row in rows[: 1 + accepted]:
                part, token = flight.parts[row], int(drawn.tokens[row])
                # Drawn after the request had ended, or while it was preempted and computed again.
                counts = part.samples and request.finished is None and request.id in self._live
                if part.draft and counts:
                    self.scheduler.confirm(part)
                self.scheduler.complete(part, token if counts and token != INVALID else None)
                if counts:
                    outputs.append(self._output(request, token, row, drawn))
            if self.model.drafts:
                request.draft = tuple(drawn.draft[index].tolist())
        self.host_seconds += time.perf_counter() - start
        return outputs

    def _output(self, request: Request, token: int, row: int, drawn: Any) -> Output:
        stream, params = self._live[request.id][1], request.params
        if token == INVALID:
            self._finish(request, FinishReason.ERROR)
            message = "the model's logits are not numbers (NaN)"
            return Output(request=request.id, finished=FinishReason.ERROR, error=message)
        ends = token in params.stop_tokens or (token in self._tokenizer.eos and not params.ignore_eos)
        text = "" if ends else stream.add(token)
        full = len(request.output) >= params.max_tokens or request.known >= self.settings.limits.length
        reason = FinishReason.STOP if ends or stream.stopped else FinishReason.LENGTH if full else None
        if reason is not None:
            text += stream.finish()
            self._finish(request, reason)
        logprobs = None if params.logprobs is None else _logprobs(drawn, row, params.logprobs)
        return Output(request=request.id, tokens=(token,), text=text, logprobs=logprobs, finished=reason)

    def _finish(self, request: Request, reason: FinishReason) -> None:
        del self._live[request.id]
        self.scheduler.finish(request, reason)

    def generate(self, prompts: Sequence[Sequence[int]], params: SamplingParams) -> list[list[int]]:
        """Tokens of every prompt, all served together: for scripts and tests."""
        found: dict[str, list[int]] = {}
        for index, prompt in enumerate(prompts):
            found[str(index)] = []
            self.add(str(index), prompt, params)
        while self.busy:
            for output in self.step():
                if output.error is not None:
                    raise RuntimeError(f"prompt {output.request}: {output.error}")
                found[output.request] += output.tokens
        return list(found.values())


def _logprobs(drawn: Any, row: int, count: int) -> TokenLogprobs:
    ids, values = drawn.ids[row], drawn.logprobs[row]
    top = tuple((int(ids[1 + i]), float(values[1 + i])) for i in range(count))
    return TokenLogprobs(logprob=float(values[0]), rank=int(drawn.rank[row]), top=top)
