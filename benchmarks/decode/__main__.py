"""Decodes and prompts of a Llama-shaped model with random weights: JAX and the same step in torch in turn.

    python -m benchmarks.decode --precisions bfloat16,fp8,q4_k --batches 1,32,256 --prompts 4096

A case is a step: of `--batches` requests with `--context` keys each, which get one token, or of one prompt. Steps
follow each other as in the server: tokens of one go into the next on the device, and the host does not wait. Printed
per case, over rounds in which all cases of a precision take turns:

    step       milliseconds per step, the median and the range of the rounds
    floor      milliseconds that reading weights, keys and values takes at the speed of a copy (decodes), or the
               multiplications of linears at the speed of a square product in bfloat16 (prompts), in the same process
    share      floor / step
    host       milliseconds until a step is queued on an idle device
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Final

import jax

from benchmarks.decode import jax_steps
from benchmarks.decode.load import Load, Times
from benchmarks.decode.weights import Precision, llama, operations
from specs.decoder.config import DecoderConfig

STEPS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A step of a framework. floor: seconds, see the module."""

    framework: str
    load: Load
    steps: Any
    floor: float


def cases(config: DecoderConfig, loads: Sequence[Load], precision: Precision, torch_too: bool) -> Iterator[Case]:
    """The cases of a precision. Both frameworks have the weights at the same time."""
    copy, product = jax_steps.copy_speed(), jax_steps.product_speed()
    print(f"copy {copy / 1e12:.2f} TB/s, product {product / 1e12:.0f} TFLOP/s", flush=True)
    model, floors = jax_steps.random_model(config, jax.devices()[:1], precision), {}
    for load in loads:
        start = perf_counter()
        found = jax_steps.compiled(model, load)
        multiplied = operations(config, tokens=load.requests * load.tokens, requests=load.requests)
        floors[load] = found.bytes / copy if load.tokens == 1 else multiplied / product
        yield Case(framework="JAX", load=load, steps=found, floor=floors[load])
        print(f"JAX, {precision.value}, {load}: compiled in {perf_counter() - start:.1f} s", flush=True)
    if torch_too:
        yield from _torch_cases(config, precision, floors)


def _torch_cases(config: DecoderConfig, precision: Precision, floors: Mapping[Load, float]) -> Iterator[Case]:
    import torch  # not where JAX is measured alone

    from benchmarks.decode import torch_steps

    model = torch_steps.random_model(config, precision, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    for load, floor in floors.items():
        start = perf_counter()
        yield Case(framework="torch", load=load, steps=torch_steps.captured(model, load), floor=floor)
        print(f"torch, {precision.value}, {load}: captured in {perf_counter() - start:.1f} s", flush=True)


def measured(found: Sequence[Case], rounds: int, steps: int) -> list[list[Times]]:
    """Times of every case, round by round."""
    for case in found:
        case.steps.times(steps)
    times: list[list[Times]] = [[] for _ in found]
    for _ in range(rounds):
        for case, rows in zip(found, times, strict=True):
            rows.append(case.steps.times(steps))
    return times


def row(precision: Precision, case: Case, times: Sequence[Times]) -> str:
    """A line of the table."""
    steps = [one.step * 1e3 for one in times]
    floor, load = case.floor * 1e3, case.load
    what = f"{load.requests} decodes" if load.tokens == 1 else f"prompt of {load.tokens}"
    host = median(one.host for one in times) * 1e3
    spread = f"{median(steps):.2f} ({min(steps):.2f} to {max(steps):.2f})"
    share = f"{floor:.2f} | {floor / median(steps):.2f}"
    return f"| {precision.value} | {what} | {case.framework} | {spread} | {share} | {host:.2f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precisions", default="bfloat16,fp8,q4_k", help="of the linears")
    parser.add_argument("--batches", default="1,32,256", help="numbers of requests that decode")
    parser.add_argument("--prompts", default="4096", help="tokens of prompts; empty for none")
    parser.add_argument("--layers", type=int, default=32, help="the time to compile grows with them")
    parser.add_argument("--hidden", type=int, default=4096, help="hidden size, for a try on a small machine")
    parser.add_argument("--context", type=int, default=1023, help="keys of every request before a decode")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of a case in a round")
    parser.add_argument("--no-torch", action="store_true", help="JAX alone")
    given = parser.parse_args(arguments)
    config = llama(given.layers, given.hidden)
    loads = [Load(requests=int(one), context=given.context) for one in given.batches.split(",") if one]
    loads += [Load(requests=1, tokens=int(one)) for one in given.prompts.split(",") if one]
    print("| weights | step | framework | ms | floor | share | host |", "|" + " --- |" * 7, sep="\n")
    for precision in map(Precision, given.precisions.split(",")):
        found = list(cases(config, loads, precision, not given.no_torch))
        times = measured(found, given.rounds, given.steps)
        print(*(row(precision, case, rows) for case, rows in zip(found, times, strict=True)), sep="\n", flush=True)
        del found
        gc.collect()  # the weights of one precision are let go before the next are made
    print(f"JAX {jax.__version__}, {jax.devices()[0].device_kind}, {given.layers} layers")


if __name__ == "__main__":
    main()
