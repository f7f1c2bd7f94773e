"""What a step with drafts is told on the host: rows of requests, and which token follows each of the step's."""

from __future__ import annotations

import numpy as np

from jax_impl.serving.request import Request, SamplingParams
from jax_impl.serving.scheduler import Part
from jax_impl.serving.speculative import DraftArrays, rows_of


def part(request: Request, start: int, count: int, *, samples: bool, draft: tuple[int, ...] = ()) -> Part:
    return Part(request=request, start=start, count=count, samples=samples, preemptions=0, draft=draft)


def request(*prompt: int, output: tuple[int, ...] = ()) -> Request:
    found = Request(id=str(prompt), prompt=prompt, params=SamplingParams(), arrival=0)
    found.output.extend(output)
    return found


def test_a_draft_follows_its_request_and_parts_of_prompts_know_their_next_tokens() -> None:
    decoding, long, short = request(1, 2, 3, output=(7,)), request(*range(20, 26)), request(30, 31)
    parts = [
        part(decoding, 3, 1, samples=True),
        part(decoding, 4, 1, samples=True, draft=(9,)),
        part(long, 1, 3, samples=False),
        part(short, 0, 2, samples=True),
    ]
    assert rows_of(parts) == [[0, 1], [2], [3]]
    found = DraftArrays.of(parts, [0, 1, 2, 5], tokens=9, requests=4, length=1)
    assert found.rows.tolist() == [[0, 1], [2, 2], [3, 3], [0, 0]]
    assert found.drafts.tolist() == [[9], [0], [0], [0]]
    assert found.lengths.tolist() == [1, 0, 0, 0]
    # Of a sampled row the next token is what it draws; of a prompt it is the prompt's, after its part too.
    assert found.next_rows.tolist() == [0, 1, -1, -1, -1, -1, 3, -1, -1]
    assert found.next_ids[np.asarray(found.next_rows) < 0].tolist() == [22, 23, 24, 31, 0, 0]


def test_arrays_are_what_is_lowered_for() -> None:
    arrays = DraftArrays.of((), (), tokens=8, requests=2, length=1)
    shapes = DraftArrays.structs(tokens=8, requests=2, length=1)
    for name in DraftArrays.__dataclass_fields__:
        given, declared = getattr(arrays, name), getattr(shapes, name)
        assert (given.shape, given.dtype) == (declared.shape, declared.dtype)
