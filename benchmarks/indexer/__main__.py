"""Times the sparse indexer: `python -m benchmarks.indexer --help`.

Sections: paged_logits (decode, FP8 and MXFP4 pages), dense_logits (prefill, FP8 keys), topk (against torch.topk and
jax.lax.top_k). Every call of a pass has inputs of its own, so that they come from memory. Floors are lines of their
own, computed from the copy bandwidth and the bf16 product of the same run; of top-k: one read of the rows and
three of them. DeepGEMM is timed with the logits where it can be imported.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.attention.limits import Limits, ceilings
from benchmarks.attention.queues import jax_inputs, to_torch
from benchmarks.harness.environment import prepare
from benchmarks.harness.queues import jax_queue, torch_queue
from benchmarks.harness.report import Report, Row
from benchmarks.harness.session import Settings, add_arguments, open_report, run_case, settings_of
from benchmarks.harness.timing import Queue, Timing
from benchmarks.harness.variants import OURS_JAX, OURS_TORCH, Candidate, generated, jax_backends
from benchmarks.indexer.problems import BLOCK, FAMILIES, QUICK, Case, Inputs

READS = (1, 3)
Function = Callable[..., Any]


def torch_ours(case: Case, device: str) -> Function:
    """Our operation on torch tensors."""
    import torch_impl.ops

    implementation = generated("torch_impl", device)
    return partial(getattr(torch_impl.ops, case.op), **case.attributes, implementation=implementation)


def jax_ours(case: Case, implementation: str) -> Function:
    """Our operation on JAX arrays."""
    prepare()
    import jax_impl.ops

    return partial(getattr(jax_impl.ops, case.op), **case.attributes, implementation=implementation)


def deep_gemm(case: Case) -> Function | None:
    """DeepGEMM's logits with our arguments; None where it cannot be imported or has no such kernel."""
    if case.op != "paged_mqa_logits" or "layout" in case.attributes or importlib.util.find_spec("deep_gemm") is None:
        return None
    import torch

    module: Any = importlib.import_module("deep_gemm")

    def call(q: Any, cache: Any, weights: Any, lens: Any, table: Any) -> Any:
        block, row = BLOCK, q.shape[-1] + 4
        pages = cache.as_strided((len(cache), block, 1, row), (cache.stride(0), row, row, 1))
        count = torch.cuda.get_device_properties(q.device).multi_processor_count
        plan = module.get_paged_mqa_logits_metadata(lens[:, 0], block, count)
        width = case.attributes["max_model_len"]
        return module.fp8_paged_mqa_logits(q, pages, weights, lens[:, 0], table, plan, width, clean_logits=False)

    return call


def variants(case: Case, settings: Settings) -> dict[str, tuple[Function, bool]]:
    """Name -> function, and whether it takes JAX arrays. Ours and the peers."""
    found: dict[str, tuple[Function, bool]] = {OURS_TORCH: (torch_ours(case, settings.device), False)}
    backends = jax_backends(settings.device)
    if settings.jax:
        names = {name: OURS_JAX if name == backends[0] else f"{OURS_JAX}, {name}" for name in backends}
        found |= {names[name]: (jax_ours(case, name), True) for name in backends}
        found |= {name: (function, True) for name, function in case.jax_peers.items()}
    found |= {name: (function, False) for name, function in case.peers.items()}
    other = deep_gemm(case) if settings.device != "cpu" else None
    return found | ({"DeepGEMM": (other, False)} if other else {})


def queue(function: Function, jax: bool, sets: Sequence[Inputs], settings: Settings) -> Queue:
    """One pass over all input sets."""
    if jax:
        return jax_queue(function, [jax_inputs(inputs) for inputs in sets])
    return torch_queue([partial(function, *inputs) for inputs in sets], settings.device)


def error(case: Case, function: Function, jax: bool, inputs: Inputs) -> float:
    """How far the checked rows are off."""
    return case.error(inputs, to_torch(function(*jax_inputs(inputs))) if jax else function(*inputs))


def section(name: str, settings: Settings, report: Report, limits: Limits | None) -> None:
    """All cases of a section."""
    import torch

    for case in (QUICK if settings.quick else FAMILIES)[name]:
        if report.out_of_time(name, case.label):
            continue
        with report.guard(name, case.label):
            generator = torch.Generator(device=settings.device).manual_seed(0)
            sets = [case.make(generator) for _ in range(settings.sets(case.nbytes))]
            chosen = variants(case, settings)
            _floors(name, case, report, limits)
            candidates = {n: Candidate(build=partial(queue, f, j, sets, settings)) for n, (f, j) in chosen.items()}
            errors = {n: partial(error, case, f, j, sets[0]) for n, (f, j) in chosen.items()}
            run_case(name, case.label, candidates, settings, report, partial(_figures, name, case, report, errors))


def _floors(name: str, case: Case, report: Report, limits: Limits | None) -> None:
    """The floors as lines among the times; computed, so without a spread."""
    if limits is None:
        return
    read = case.nbytes / limits.copy
    floors = {"bytes at copy bandwidth": read, "flops of a bf16 product": case.flops / limits.product}
    if not case.flops:
        floors = {f"{times} read{'s' * (times > 1)} of the rows": times * read for times in READS}
    parts = ", ".join(f"{what} {size / 1e6:.1f} MB" for what, size in case.moved.items())
    for bound, seconds in floors.items():
        timing = Timing(samples=(seconds,), host=math.nan, method="computed")
        report.add(Row(section=name, case=case.label, variant=f"floor: {bound}", timing=timing, note=parts))


def _figures(
    name: str, case: Case, report: Report, errors: Mapping[str, Callable[[], float]], variant: str, seconds: float
) -> dict[str, float]:
    """Rates, and the error."""
    columns = {"GB/s": case.nbytes / seconds / 1e9}
    if case.flops:
        columns["TFLOP/s"] = case.flops / seconds / 1e12
    with report.guard(name, case.label, f"{variant}, error"):
        columns["error"] = errors[variant]()
    return columns


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="times the sparse indexer")
    parser.add_argument("--section", nargs="+", choices=tuple(FAMILIES), default=list(FAMILIES), help="what to time")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    settings = settings_of(given)
    report = open_report(given, settings)
    limits: Limits | None = None
    with report.guard("machine"):
        limits = ceilings(settings, report)
    for name in given.section:
        with report.guard(name):
            section(name, settings, report, limits)
    print("\n" + report.table(), flush=True)
    report.save()


if __name__ == "__main__":
    main()
