"""Times norms, rotations and activations, some with FP8 codes, next to a copy: `python -m benchmarks.rows --help`.

Every operation, from torch and from JAX, takes turns with a device kernel that reads and writes as many bytes in
total. The share is the copy's time over the operation's, per round: median, least and greatest. Every call of a pass
has inputs of its own, so that they come from memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from benchmarks.attention.queues import jax_inputs
from benchmarks.harness.contenders import copy_calls
from benchmarks.harness.environment import prepare
from benchmarks.harness.queues import jax_queue, torch_queue
from benchmarks.harness.report import cache_bytes
from benchmarks.harness.timing import Queue, Timing, interleave, sets_needed
from benchmarks.harness.variants import OURS_JAX, OURS_TORCH, generated, jax_backends

COPY = "copy of the same bytes"
HEAD = 128
POSITIONS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One operation on [rows, columns] of bfloat16.

    passes: times that rows * columns elements are read or written by a call; half of one for FP8 codes.
    written: index of the argument that is written in place; None where there is none.
    """

    name: str
    op: str
    passes: float
    make: Callable[[int, int, Any], tuple[Any, ...]]
    written: int | None = None


def _norm(rows: int, columns: int, drawn: Any) -> tuple[Any, ...]:
    return drawn(rows, columns), drawn(columns)


def _added(rows: int, columns: int, drawn: Any) -> tuple[Any, ...]:
    return drawn(rows, columns), drawn(columns), drawn(rows, columns)


def _heads(rows: int, columns: int, drawn: Any) -> tuple[Any, ...]:
    import torch

    from torch_impl.rope import rope_table

    q = drawn(rows, columns // HEAD, HEAD)
    at = torch.arange(rows, dtype=torch.int32, device=q.device) % POSITIONS
    return at, q, None, rope_table(POSITIONS, HEAD, device=q.device)


def _gated(rows: int, columns: int, drawn: Any) -> tuple[Any, ...]:
    return (drawn(rows, 2 * columns),)


PROBLEMS = (
    Problem(name="rms_norm", op="rms_norm", passes=2, make=_norm),
    Problem(name="rms_norm with residual", op="rms_norm", passes=4, make=_added, written=2),
    Problem(name="rotary_embedding", op="rotary_embedding", passes=2, make=_heads, written=1),
    Problem(name="act_and_mul", op="act_and_mul", passes=3, make=_gated),
    Problem(name="rms_norm_quant", op="rms_norm_quant", passes=1.5, make=_norm),
    Problem(name="rms_norm_quant with residual", op="rms_norm_quant", passes=3.5, make=_added, written=2),
    Problem(name="act_and_mul_quant", op="act_and_mul_quant", passes=2.5, make=_gated),
)


def donating_queue(function: Callable[..., Any], sets: Sequence[tuple[Any, ...]], written: int) -> Queue:
    """One pass whose in-place arguments are donated and come back as the next pass's: nothing is copied."""
    import jax

    def step(held: list[Any], rest: list[Any]) -> tuple[list[Any], list[Any]]:
        held_after, results = [], []
        for value, others in zip(held, rest, strict=True):
            found = function(*others[:written], value, *others[written + 1 :])
            own, *fresh = found if isinstance(found, tuple) else (found,)
            held_after.append(own)
            results.append(fresh)
        return held_after, results

    program = jax.jit(step, donate_argnums=0)
    state: list[Any] = [[inputs[written] for inputs in sets], []]
    rest = [[None if i == written else a for i, a in enumerate(inputs)] for inputs in sets]

    def enqueue() -> None:
        state[1] = []
        state[:] = program(state[0], rest)

    return Queue(
        enqueue=enqueue,
        wait=lambda: jax.block_until_ready(state),
        calls=len(sets),
        method="one executable, donated",
        keep=(rest,),
    )


def queues(problem: Problem, rows: int, columns: int, device: str, jax: bool) -> dict[str, Queue]:
    """The copy, torch and JAX."""
    import torch

    import torch_impl.ops

    generator = torch.Generator(device=device).manual_seed(0)

    def drawn(*shape: int) -> Any:
        return torch.randn(shape, generator=generator, device=device).bfloat16()

    nbytes = int(problem.passes * rows * columns * 2)
    count = sets_needed(nbytes, cache_bytes(device)) if device != "cpu" else 1
    sets = [problem.make(rows, columns, drawn) for _ in range(count)]
    ours = partial(getattr(torch_impl.ops, problem.op), implementation=generated("torch_impl", device))
    found = {
        COPY: torch_queue(copy_calls(nbytes // 2, device, count), device),
        OURS_TORCH: torch_queue([partial(ours, *inputs) for inputs in sets], device),
    }
    if not jax:
        return found
    prepare()
    import jax_impl.ops

    for name in jax_backends(device):
        function = partial(getattr(jax_impl.ops, problem.op), implementation=name)
        given = [jax_inputs(inputs) for inputs in sets]
        queue = jax_queue if problem.written is None else partial(donating_queue, written=problem.written)
        found[f"{OURS_JAX}, {name}"] = queue(function, given)
    return found


def line(name: str, timing: Timing, copy: Timing, nbytes: int) -> str:
    """Time, bandwidth and share of the copy's."""
    shares = [b / a for a, b in zip(timing.samples, copy.samples, strict=True)]
    speed = f"{timing.seconds * 1e6:9.1f} us {nbytes / timing.seconds / 1e9:7.0f} GB/s"
    return f"  {name:<28}{speed}  {median(shares):.2f} of copy ({min(shares):.2f} .. {max(shares):.2f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="times operations on rows next to a copy of the same bytes")
    parser.add_argument("--problem", nargs="+", choices=[p.name for p in PROBLEMS], help="which; all unless stated")
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--columns", type=int, default=7168)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--no-jax", action="store_true", help="torch only")
    given = parser.parse_args(arguments)
    for problem in PROBLEMS:
        if given.problem and problem.name not in given.problem:
            continue
        nbytes = problem.passes * given.rows * given.columns * 2
        print(f"{problem.name} [{given.rows}, {given.columns}] bf16, {nbytes / 1e6:.1f} MB", flush=True)
        timings, failures = interleave(
            queues(problem, given.rows, given.columns, given.device, not given.no_jax), rounds=given.rounds
        )
        for name, timing in timings.items():
            print(line(name, timing, timings[COPY], nbytes), flush=True)
        for name, failure in failures.items():
            print(f"  {name:<28}failed: {failure}", flush=True)


if __name__ == "__main__":
    main()
