"""Times `sample` with top-k and top-p next to a copy: `python -m benchmarks.sampling`.

Prints how many reads of the logits a call costs: its time over the time in which a copy kernel moves as many bytes as
the logits have, read and written bytes counted alike; the ratio with its range over rounds, each within one round.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from benchmarks.harness.contenders import copy_calls
from benchmarks.harness.queues import torch_queue
from benchmarks.harness.timing import Timing, interleave

SETTINGS: dict[str, dict[str, float]] = {
    "greedy": {"temperature": 0.0},
    "top-k 50, top-p 0.9": {"top_k": 50, "top_p": 0.9},
    "top-k 50": {"top_k": 50},
    "top-p 0.9": {"top_p": 0.9},
    "no filter": {},
}


def main() -> None:
    """Measures and prints one line per setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--vocabulary", type=int, default=151936)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    for rows in given.rows:
        measure(rows, given.vocabulary, given.rounds, given.device)


def measure(rows: int, vocabulary: int, rounds: int, device: str) -> None:
    """All settings at one batch size; logits are peaked like a language model's."""
    import torch

    from specs.sampling.tables import sampling_table
    from torch_impl import ops

    torch.manual_seed(0)
    # Two sets of logits exceed any L2 cache at 256 rows; at few rows both calls and copies read from it.
    logits = [torch.randn(rows, vocabulary, device=device) * 3 for _ in range(2)]
    for one in logits:
        one[:, :40] += torch.linspace(14.0, 4.0, 40, device=device)
    table = torch.from_numpy(sampling_table()).to(device)
    seeds = torch.randint(-(2**31), 2**31 - 1, (rows, 2), device=device, dtype=torch.int32)
    positions = torch.arange(rows, device=device, dtype=torch.int32)
    queues = {"copy": torch_queue(copy_calls(rows * vocabulary * 4 // 2, device), device)}
    for label, setting in SETTINGS.items():
        values = {"temperature": 1.0, **setting}
        given: dict[str, Any] = {
            name: torch.full((rows,), value, device=device, dtype=torch.int32 if name == "top_k" else torch.float32)
            for name, value in values.items()
        }
        call = partial(ops.sample, seeds=seeds, positions=positions, table=table, **given)
        queues[label] = torch_queue([partial(call, one) for one in logits], device)
    timings, failures = interleave(queues, rounds=rounds)
    for label in SETTINGS:
        if label in timings:
            print(f"sample [{rows}, {vocabulary}], {label}: {_reads(timings[label], timings['copy'])}")
    for label, error in failures.items():
        print(f"sample [{rows}, {vocabulary}], {label}: {error}")


def _reads(ours: Timing, copy: Timing) -> str:
    ratios = sorted(a / b for a, b in zip(ours.samples, copy.samples, strict=True))
    middle = ratios[len(ratios) // 2]
    return f"{ours.seconds * 1e6:.1f} us, {middle:.2f} reads of the logits ({ratios[0]:.2f} .. {ratios[-1]:.2f})"


if __name__ == "__main__":
    main()
