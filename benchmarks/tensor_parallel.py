"""Decode steps of a Llama-shaped model with random weights in JAX, on one device and on several: what serving runs.

    python -m benchmarks.tensor_parallel --devices 1,2 --batches 1,32,256 --layers 8

One program per batch and number of devices, as the server compiles it. Every request has `--context` keys in its pages
and gets one token; steps follow each other as in the server: the tokens of one go into the next on the device, and the
host does not wait. Weights are made where they are used. Printed per case, over rounds in which all cases take turns:

    step       milliseconds per step, the median and the range of the rounds
    floor      milliseconds that reading the weights and the keys of one device takes at the speed of a copy there
    host       milliseconds until a step is queued on an idle device
    exchanges  collectives in the compiled step
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final

import jax

from benchmarks.decode.jax_steps import JaxSteps, compiled, copy_speed, random_model
from benchmarks.decode.load import Load, Times
from benchmarks.decode.weights import Precision, llama

STEPS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A compiled step."""

    batch: int
    devices: int
    steps: JaxSteps


def measured(cases: Sequence[Case], rounds: int) -> dict[tuple[int, int], list[Times]]:
    """Times of every case, round by round."""
    found: dict[tuple[int, int], list[Times]] = {}
    for one in cases:
        one.steps.times(STEPS)
    for _ in range(rounds):
        for one in cases:
            found.setdefault((one.batch, one.devices), []).append(one.steps.times(STEPS))
    return found


def report(cases: Sequence[Case], times: Mapping[tuple[int, int], list[Times]], speed: float) -> list[str]:
    """A table in Markdown."""
    lines = ["| batch | devices | step, ms | floor, ms | host, ms | exchanges | to the first |", "|" + "---|" * 7]
    first = {one.batch: one for one in reversed(cases)}
    for one in cases:
        rows = times[one.batch, one.devices]
        steps = [row.step * 1e3 for row in rows]
        base = [row.step * 1e3 for row in times[one.batch, first[one.batch].devices]]
        ratios = sorted(a / b for a, b in zip(base, steps, strict=True))
        lines.append(
            f"| {one.batch} | {one.devices} | {median(steps):.3f} ({min(steps):.3f} to {max(steps):.3f}) | "
            f"{one.steps.bytes / (speed / 1e3):.3f} | {median(row.host for row in rows) * 1e3:.3f} | "
            f"{one.steps.exchanges} | {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) times as fast |"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", default="1,2", help="numbers of devices, separated by commas")
    parser.add_argument("--batches", default="1,32,256", help="numbers of requests")
    parser.add_argument("--precision", default="bfloat16", help="of the linears: bfloat16, fp8 or q4_k")
    parser.add_argument("--layers", type=int, default=8, help="of the 32; the time to compile grows with them")
    parser.add_argument("--hidden", type=int, default=4096, help="hidden size, for a try on a small machine")
    parser.add_argument("--context", type=int, default=1023, help="keys of every request before the step")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    config, precision = llama(given.layers, given.hidden), Precision(given.precision)
    cases = []
    for count in map(int, given.devices.split(",")):
        model = random_model(config, jax.devices()[:count], precision)
        for batch in map(int, given.batches.split(",")):
            start = perf_counter()
            load = Load(requests=batch, context=given.context)
            cases.append(Case(batch=batch, devices=count, steps=compiled(model, load)))
            print(f"{count} devices, batch {batch}: compiled in {perf_counter() - start:.1f} s", flush=True)
    speed = copy_speed()
    kind = jax.devices()[0].device_kind
    print(f"JAX {jax.__version__}, {kind}, copy {speed / 1e12:.2f} TB/s, {given.layers} layers, {precision.value}")
    print("\n".join(report(cases, measured(cases, given.rounds), speed)))


if __name__ == "__main__":
    main()
