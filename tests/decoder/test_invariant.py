"""A whole block in invariant mode: a request's bytes alone, among others, and in another division of its prompt."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest

from specs.decoder.batch import Request
from tests.decoder.blocks import CONFIGS, PLAIN, Jax, Torch, batch_of

BLOCKS: Final[dict[str, Any]] = {"jax": Jax, "torch": Torch}
TOKENS = np.random.default_rng(9).standard_normal((257, PLAIN.hidden)).astype(np.float32)
OWN, AT = Request(computed=21, tokens=(7,), pages=(9, 4)), 120
"""A request that decodes, and its row among others."""
BEFORE = Request(computed=0, tokens=(1,) * AT, pages=tuple(range(10, 18)))
AFTER = (
    Request(computed=30, tokens=(2,) * 135, pages=tuple(range(20, 31))),
    Request(computed=11, tokens=(3,), pages=(31,)),
)
BOTH = pytest.mark.parametrize("framework", list(BLOCKS))
KINDS = pytest.mark.parametrize("kind", list(CONFIGS))


def same(found: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.view(np.uint32), other.view(np.uint32))


@BOTH
@KINDS
def test_a_request_has_the_same_bytes_alone_and_among_others(framework: str, kind: str) -> None:
    alone = BLOCKS[framework](kind, invariant=True).step(batch_of((OWN,)), TOKENS[AT : AT + 1])
    batch = batch_of((BEFORE, OWN, *AFTER))
    assert len(batch.token_ids) == 257
    every = BLOCKS[framework](kind, invariant=True).step(batch, TOKENS)
    same(every.rows(slice(AT, AT + 1)), alone.rows(slice(None)))


@pytest.mark.parametrize("kind", ["gguf", "moe"])
def test_a_token_has_the_same_bytes_decoded_and_in_a_prompt(kind: str) -> None:
    """Of JAX the engine's tests ask it."""

    def run(*ends: int) -> tuple[Any, ...]:
        block, start = Torch(kind, invariant=True), 0
        found: tuple[Any, ...] = ()
        for end in ends:
            request = Request(computed=start, tokens=(5,) * (end - start), pages=OWN.pages)
            found = block.step(batch_of((request,)), TOKENS[start:end]).rows(slice(-1, None))
            start = end
        return found

    same(run(8, 16, 17), run(17))
