"""Times mHC: `python -m benchmarks.mhc --help`.

mhc_pre, mhc_post and mhc_fused_post_pre next to a copy of the bytes that a call has to move: every argument read once,
every result written once. mhc_pre reads its streams a second time, which has a floor of its own. Every call of a
pass has inputs of its own, so that they come from memory.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.attention.limits import ceilings
from benchmarks.attention.queues import jax_inputs
from benchmarks.harness.environment import prepare
from benchmarks.harness.queues import jax_queue, torch_queue
from benchmarks.harness.report import Report, Row
from benchmarks.harness.session import Settings, add_arguments, open_report, run_case, settings_of
from benchmarks.harness.timing import Queue, Timing
from benchmarks.harness.variants import OURS_JAX, OURS_TORCH, Candidate, generated, jax_backends
from specs.mhc.arrays import GATES, STREAMS

OPS = ("mhc_pre", "mhc_post", "mhc_fused_post_pre", "hc_head")
SIZES = ((1, 4096), (64, 4096), (2048, 4096), (2048, 7168))
QUICK = ((3, 128),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation at one size."""

    op: str
    rows: int
    columns: int

    @property
    def label(self) -> str:
        """Sizes in words."""
        return f"[{self.rows}, {STREAMS}, {self.columns}]"

    @property
    def stream_bytes(self) -> int:
        """Bytes of one bfloat16 stream of all rows."""
        return 2 * self.rows * self.columns

    @property
    def nbytes(self) -> int:
        """Bytes that a call has to move."""
        streams = {"mhc_pre": 5, "mhc_post": 9, "mhc_fused_post_pre": 10, "hc_head": 5}[self.op]
        gates = {"mhc_post": 0, "hc_head": STREAMS}.get(self.op, GATES)
        return streams * self.stream_bytes + 4 * gates * STREAMS * self.columns

    @property
    def floors(self) -> Mapping[str, int]:
        """Bytes of the floors: of a call, and with another read of the streams."""
        again = {} if self.op == "mhc_post" else {"streams read twice": self.nbytes + STREAMS * self.stream_bytes}
        return {"every byte once": self.nbytes} | again

    def make(self, generator: Any) -> tuple[Any, ...]:
        """Arguments in the order of the signature."""
        import torch

        def drawn(*shape: int) -> Any:
            return torch.randn(shape, generator=generator, device=generator.device)

        residual = drawn(self.rows, STREAMS, self.columns).bfloat16()
        x = drawn(self.rows, self.columns).bfloat16()
        post, comb = drawn(self.rows, STREAMS, 1).abs(), drawn(self.rows, STREAMS, STREAMS).softmax(-1)
        count, kinds = (STREAMS, 1) if self.op == "hc_head" else (GATES, 3)
        weight = drawn(count, STREAMS * self.columns) * (STREAMS * self.columns) ** -0.5
        parameters = (weight, drawn(kinds).abs(), drawn(count))
        return {
            "mhc_pre": (residual, *parameters),
            "hc_head": (residual, *parameters),
            "mhc_post": (x, residual, post, comb),
            "mhc_fused_post_pre": (x, residual, post, comb, *parameters),
        }[self.op]


def variants(case: Case, settings: Settings) -> dict[str, tuple[Callable[..., Any], bool]]:
    """Name -> function, and whether it takes JAX arrays."""
    import torch_impl.ops

    implementation = generated("torch_impl", settings.device)
    ours = partial(getattr(torch_impl.ops, case.op), implementation=implementation)
    found: dict[str, tuple[Callable[..., Any], bool]] = {OURS_TORCH: (ours, False)}
    if settings.jax:
        prepare()
        import jax_impl.ops

        backends = jax_backends(settings.device)
        for name in backends:
            title = OURS_JAX if name == backends[0] else f"{OURS_JAX}, {name}"
            found[title] = (partial(getattr(jax_impl.ops, case.op), implementation=name), True)
    return found


def queue(function: Callable[..., Any], jax: bool, sets: Sequence[tuple[Any, ...]], settings: Settings) -> Queue:
    """One pass over all input sets."""
    if jax:
        return jax_queue(function, [jax_inputs(inputs) for inputs in sets])
    return torch_queue([partial(function, *inputs) for inputs in sets], settings.device)


def section(op: str, settings: Settings, report: Report, copy: float | None) -> None:
    """All sizes of an operation."""
    import torch

    for rows, columns in QUICK if settings.quick else SIZES:
        case = Case(op=op, rows=rows, columns=columns)
        if report.out_of_time(op, case.label):
            continue
        with report.guard(op, case.label):
            generator = torch.Generator(device=settings.device).manual_seed(0)
            sets = [case.make(generator) for _ in range(settings.sets(case.nbytes))]
            for name, size in case.floors.items() if copy else ():
                assert copy is not None
                floor = Timing(samples=(size / copy,), host=math.nan, method="computed")
                note = f"{size / 1e6:.1f} MB"
                report.add(Row(section=op, case=case.label, variant=f"floor: {name}", timing=floor, note=note))
            chosen = variants(case, settings)
            candidates = {n: Candidate(build=partial(queue, f, j, sets, settings)) for n, (f, j) in chosen.items()}
            run_case(op, case.label, candidates, settings, report, partial(figures, case, copy))


def figures(case: Case, copy: float | None, _: str, seconds: float) -> dict[str, float]:
    """Bandwidth, and the time relative to each floor."""
    found = {"GB/s": case.nbytes / seconds / 1e9}
    if copy is not None:
        found |= {f"x {name}": seconds * copy / size for name, size in case.floors.items()}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="times mHC")
    parser.add_argument("--section", nargs="+", choices=OPS, default=list(OPS), help="what to time")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    settings = settings_of(given)
    report = open_report(given, settings)
    copy: float | None = None
    with report.guard("machine"):
        limits = ceilings(settings, report)
        copy = None if limits is None else limits.copy
    for name in given.section:
        with report.guard(name):
            section(name, settings, report, copy)
    print("\n" + report.table(), flush=True)
    report.save()


if __name__ == "__main__":
    main()
