"""DeepSeek-V4 in the engine: all compression ratios, both kinds of routing, FP8 linears and experts in MXFP4.

One engine serves all tests, and drafts by multi-token prediction in all but the answers that they are compared with.
Its steps are of one size, and run operation by operation: what layers have in common is then compiled once.
`test_a_compiled_step_updates_the_caches_where_they_lie` is about the programs that servers have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
import torch

from checkpoints.deepseek_v4 import V4Checkpoint
from checkpoints.opening import open_model
from examples.random_v4 import write
from jax_impl.layers.step import Options
from jax_impl.serving.buckets import Bucket, Buckets
from jax_impl.serving.engine import Engine, Settings
from jax_impl.serving.programs import Programs, forward_for_drafts
from jax_impl.serving.request import SamplingParams
from jax_impl.serving.scheduler import Limits, Part, Scheduler
from jax_impl.serving.speculative import SpeculativeStep, verify_and_draft
from jax_impl.serving.v4 import MTP, V4, load_v4
from specs.decoder.groups import GroupedRequest
from specs.decoder.v4.batch import engine_batch
from torch_impl.layers.step import Options as TorchOptions
from torch_impl.layers.v4.block import head, logits, residual_streams
from torch_impl.serving.v4 import load_v4 as load_in_torch

LIMITS: Final = Limits(tokens=48, requests=2, waiting=8, length=512)
PAGES: Final = 6
"""Of 256 tokens: room for three requests of the greatest length."""
GREEDY: Final = SamplingParams(max_tokens=4, temperature=0.0)
RANDOM: Final = np.random.default_rng(5)
PROMPTS: Final = [RANDOM.integers(0, 96, count).tolist() for count in (9, 130, 37)]
TIE: Final = 0.05
"""Of the greatest logit: tokens that are this near in one framework may be the other way round in the other."""
LONG: Final = RANDOM.integers(0, 96, 270).tolist()
"""Longer than a block of 256 tokens, at whose end prefixes can be shared."""


class OneSize(Buckets):
    """All steps are padded to the largest one."""

    def smallest(self, tokens: int, requests: int, pages: int, general: bool) -> Bucket:
        """The one bucket."""
        return next(one for one in reversed(list(self.all())) if one.longest != 1 and not one.general)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> V4Checkpoint:
    """A folder of random weights."""
    folder = tmp_path_factory.mktemp("v4")
    write(folder)
    found = open_model(folder)
    assert isinstance(found, V4Checkpoint)
    return found


def by_operations(_: Programs, bucket: Bucket) -> Callable[..., Any]:
    """A step that is not compiled as a whole."""
    assert bucket.longest != 1
    assert not bucket.general

    def run(weights: Any, caches: Any, previous: Any, step: Any, source: Any) -> Any:
        arrays = jax.tree.map(jnp.asarray, (previous, step, source))
        return forward_for_drafts(weights, caches, *arrays, family=V4, general=False)

    def draft(weights: Any, cache: Any, step: Any, *rest: Any) -> Any:
        step, *arrays = jax.tree.map(jnp.asarray, (step, *rest))
        return verify_and_draft(weights, cache, step, *arrays, drafter=MTP)

    return SpeculativeStep(forward=run, draw=None, draft=draft)


@pytest.fixture(scope="module")
def engine(opened: V4Checkpoint) -> Iterator[Engine]:
    """An engine of it in invariant mode."""
    model = load_v4(opened, Options(invariant=True), drafts=1)
    one = Engine(model, opened.tokenizer, Settings(pages=PAGES, limits=LIMITS))
    sizes = one.programs.buckets
    one.programs.buckets = OneSize(tokens=sizes.tokens, requests=sizes.requests, pages=sizes.pages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Programs, "get", by_operations)
        yield one


@pytest.fixture(autouse=True)
def no_page_is_lost(engine: Engine) -> Iterator[None]:
    """After every test all pages are free."""
    yield
    assert engine.scheduler.pool.free == engine.scheduler.pool.pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A part of a step, with the pages that its request had then."""

    part: Part
    pages: dict[str, list[int]]


@dataclass(slots=True, kw_only=True)
class Record:
    """The steps of an engine."""

    steps: list[list[Scheduled]] = field(default_factory=list)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Records what the scheduler of the engine chooses."""
    found, schedule = Record(), Scheduler.schedule

    def recorded(self: Scheduler) -> list[Part]:
        parts = schedule(self)
        pages = [{name: list(own) for name, own in part.request.pages.items()} for part in parts]
        found.steps.append([Scheduled(part=part, pages=own) for part, own in zip(parts, pages, strict=True)])
        return parts

    monkeypatch.setattr(Scheduler, "schedule", recorded)
    return found


@pytest.fixture(scope="module")
def alone(engine: Engine) -> list[list[int]]:
    """Every prompt by itself, without drafts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.scheduler, "_drafted", lambda *_: [])
        return [engine.generate([prompt], GREEDY)[0] for prompt in PROMPTS]


def test_a_batch_changes_no_token(engine: Engine, alone: list[list[int]], record: Record) -> None:
    assert engine.generate(PROMPTS, GREEDY) == alone
    # Steps with a decode beside a part of a prompt, and with decodes of two requests.
    assert any({False, True} == {one.part.count > 1 for one in step} for step in record.steps)
    assert any(len({one.part.request.id for one in step if one.part.count == 1}) > 1 for step in record.steps)
    assert any(one.part.draft for step in record.steps for one in step)


def test_drafts_that_are_right_are_accepted(
    engine: Engine, alone: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted, scheduler = engine.scheduler._drafted, engine.scheduler
    answers = dict(zip(map(tuple, PROMPTS), alone, strict=True))

    def every_other(part: Part, budget: int) -> list[Part]:
        made = len(part.request.output)
        token = (answers[part.request.prompt] + [0])[made]
        part.request.draft = (token if made % 2 else (token + 1) % 96,)
        return drafted(part, budget)

    monkeypatch.setattr(scheduler, "_drafted", every_other)
    before = scheduler.accepted_tokens
    assert engine.generate(PROMPTS, GREEDY) == alone
    assert scheduler.accepted_tokens == before + len(PROMPTS)


def test_torch_has_the_tokens_and_drafts_of_the_same_steps(
    engine: Engine,
    opened: V4Checkpoint,
    record: Record,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drafts = dict[tuple[tuple[int, ...], int], int]()

    def seen(part: Part, _: int) -> list[Part]:
        if part.request.draft:  # made by the step before, and of the token after this part's
            drafts[part.request.prompt, part.start + 1] = part.request.draft[0]
        return []

    monkeypatch.setattr(engine.scheduler, "_drafted", seen)
    engine.generate(PROMPTS[::2], GREEDY)  # the short ones: on a CPU torch takes seconds for a step
    model = load_in_torch(opened, TorchOptions(), drafts=1)
    caches = model.caches({name: pool.pages for name, pool in engine.scheduler.pool.pools.items()})
    margins, compared = list[float](), {"tokens": 0, "drafts": 0}

    def compare(kind: str, row: npt.NDArray[np.float64], token: int) -> None:
        compared[kind] += 1
        margins.extend([] if token == row.argmax() else [float((row.max() - row[token]) / np.abs(row).max())])

    for step in filter(None, record.steps):
        parts = [one.part for one in step]
        requests = [
            GroupedRequest(
                computed=part.start,
                tokens=[part.request.token(part.start + index) for index in range(part.count)],
                pages=one.pages,
            )
            for one, part in zip(step, parts, strict=True)
        ]
        chunk = LIMITS.tokens if any(part.count > 1 for part in parts) else 0
        sizes = {"requests_bound": LIMITS.requests, "chunk": chunk, "longest": LIMITS.length}
        batch, starts = engine_batch(requests, opened.config.ratios, **sizes)
        next_ids = np.zeros_like(batch.token_ids)
        for first, part in zip(starts, parts, strict=True):
            after = [part.request.token(part.start + index + 1) for index in range(part.count)]
            next_ids[first : first + part.count] = after
        with torch.inference_mode():
            arrays = model.step(batch)
            streams = residual_streams(arrays, model.weights, caches[:-1])
            drawn = logits(arrays, model.weights.model, head(arrays, model.weights.model, streams))
            drafted = model.draft(arrays, streams, torch.from_numpy(next_ids), caches[-1])
        for row, draft, part in zip(drawn.double().numpy(), drafted.double().numpy(), parts, strict=False):
            end = part.start + part.count
            if part.samples:
                compare("tokens", row, part.request.token(end))
            if part.samples and (part.request.prompt, end + 1) in drafts:
                compare("drafts", draft, drafts[part.request.prompt, end + 1])
    record_property("margins of tokens that differ, of the greatest logit", margins)
    made = GREEDY.max_tokens * len(PROMPTS[::2])
    assert compared == {"tokens": made, "drafts": made - len(PROMPTS[::2])}  # after the last token nothing is drafted
    assert max(margins, default=0.0) < TIE


def test_chunks_change_no_token(engine: Engine, alone: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.scheduler, "limits", replace(LIMITS, tokens=23))  # ends inside windows and entries
    assert engine.generate(PROMPTS, GREEDY) == alone


def test_preemption_changes_no_token(engine: Engine, alone: list[list[int]]) -> None:
    # The second prompt needs 17 pages of 8 tokens beside two of the first one: it gives all back, and begins again.
    pool = engine.scheduler.pool.pools["c128_state"]
    taken = pool.take(pool.free - 18)
    assert taken is not None
    before = engine.scheduler.preemptions
    try:
        assert engine.generate(PROMPTS, GREEDY) == alone
    finally:
        pool.release(taken)
    assert engine.scheduler.preemptions > before


def test_a_cached_prefix_changes_no_token(engine: Engine) -> None:
    cached = engine.scheduler.cached_tokens
    (first,) = engine.generate([LONG], GREEDY)
    assert engine.scheduler.cached_tokens == cached
    assert engine.generate([LONG], GREEDY) == [first]
    assert engine.scheduler.cached_tokens == cached + 256


def test_a_compiled_step_updates_the_caches_where_they_lie(engine: Engine) -> None:
    bucket = Bucket(tokens=1, requests=1, pages=2, general=True)
    function, arguments = engine.programs.function(bucket)
    text = function.lower(*arguments).as_text()
    assert text.count("tf.aliasing_output") == len(jax.tree.leaves(arguments[1])) == 1 + 5 + 3
