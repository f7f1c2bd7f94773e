"""Sizes of programs: every step has one, and only steps of decodes get one that takes a single token per request."""

from __future__ import annotations

import pytest

from jax_impl.serving.buckets import Buckets


@pytest.mark.parametrize("buckets", [Buckets(tokens=t, requests=r, pages=9) for t, r in ((32, 1), (40, 4), (32, 32))])
def test_every_step_has_a_bucket(buckets: Buckets) -> None:
    known = set(buckets.all())
    for requests in range(1, buckets.requests + 1):
        for tokens in range(requests, buckets.tokens + 1):
            found = buckets.smallest(tokens, requests, pages=3, general=False)
            assert found in known
            assert found.tokens >= tokens
            assert found.requests >= requests
            assert found.longest == (1 if tokens == requests else 0)
