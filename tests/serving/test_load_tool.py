"""`python -m benchmarks.serving` notices requests that are lost, pages that leak, and answers that fail."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.serving import Load, Seen, metrics_of, problems, table

SOUND = metrics_of(
    "# HELP twinkernels_pages Pages\ntwinkernels_pages 8.0\ntwinkernels_pages_free 8.0\ntwinkernels_late_compiles 0.0\n"
    "twinkernels_preemptions 2.0\ntwinkernels_generation_tokens_total 50.0\ntwinkernels_prompt_tokens_total 90.0\n"
    "twinkernels_prefix_cached_tokens 16.0\ntwinkernels_host_seconds 0.5\n"
)
ENDED = {"sent": 6, "finished": 3, "refused": 2, "aborted": 1}


def test_a_sound_run_has_no_problems_and_a_table() -> None:
    seen = Seen(ended=Counter(ENDED), first=[0.1, 0.3], between=[0.01] * 4, whole=[1.0])
    assert problems(seen, SOUND) == []
    found = table(Load(clients=4, seconds=10.0, model="tiny", words=9), seen, [(100.0, SOUND)] * 3, 10.0)
    assert "| finished + refused (429) + aborted | 3 + 2 + 1 |" in found
    assert "| pages leaked | 0 of 8 |" in found
    assert "| tokens generated | 50, 5.0 per second |" in found


@pytest.mark.parametrize(
    ("ended", "last", "message"),
    [
        ({"sent": 7}, {}, "requests were lost"),
        ({"failed: status 500": 1, "finished": 2}, {}, "1 failed: status 500"),
        ({}, {"pages_free": 7.0}, "1 pages leaked"),
        ({}, {"late_compiles": 3.0}, "3 programs were compiled late"),
    ],
)
def test_what_is_lost_is_a_problem(ended: dict[str, int], last: dict[str, float], message: str) -> None:
    found = problems(Seen(ended=Counter({**ENDED, **ended})), {**SOUND, **last})
    assert any(line.startswith(message) for line in found), found
