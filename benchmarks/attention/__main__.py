"""Times attention and what fills its caches: `python -m benchmarks.attention --help`.

Sections: decode (sparse MLA over FP8 pages), insert (norm and rotation of q, insertion of kv), quantize (insertion of
k), kv-insert (keys and values of ordinary attention), gather (pages to bf16 rows), prefill (sparse MLA over bf16 rows),
causal (flash_attn_varlen on equal requests), paged (the same, one query per request over pages), memory (what a sparse
decode call allocates). Every case is timed twice: with its inputs coming from memory, as in `benchmarks.gemm`, and, as
the case "warm", with the same inputs in every call. The attention sink is -inf, because one of the peers ignores it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.attention import flash_peers, flash_problems
from benchmarks.attention import peers as attention_peers
from benchmarks.attention import problems as attention_problems
from benchmarks.attention.limits import Limits, ceilings
from benchmarks.attention.memory import Usage, jax_usage, torch_usage
from benchmarks.attention.ours import REPLACED, jax_function, torch_function
from benchmarks.attention.problems import Case, Inputs
from benchmarks.attention.queues import distinct, jax_inputs, jax_replacing_queue, to_torch
from benchmarks.harness.problems import registered
from benchmarks.harness.queues import jax_queue, torch_queue
from benchmarks.harness.report import Report, Row
from benchmarks.harness.session import (
    SHARE,
    Settings,
    add_arguments,
    open_report,
    run_case,
    settings_of,
)
from benchmarks.harness.timing import Queue, Timing
from benchmarks.harness.variants import OURS_JAX, OURS_JAX_TRITON, OURS_TORCH, Candidate, jax_backends

FAMILIES = {**attention_problems.FAMILIES, **flash_problems.FAMILIES}
QUICK = {**attention_problems.QUICK, **flash_problems.QUICK}
SECTIONS = (*FAMILIES, "memory")
WARM_CALLS = 4
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One implementation of a case, loaded.

    function: tensors, or arrays where `jax`, in the order of our signature.
    """

    function: Function
    jax: bool = False

    def queue(self, case: Case, sets: Sequence[Inputs], settings: Settings, warm: bool) -> Queue:
        """One pass: over all sets, or as many times, and `WARM_CALLS` times at least, over the first."""
        repeats = max(WARM_CALLS, len(sets)) if warm else 1
        if not self.jax:
            chosen = [sets[0]] * repeats if warm else sets
            return torch_queue([partial(self.function, *inputs) for inputs in chosen], settings.device)
        arrays = [jax_inputs(inputs) for inputs in (sets[:1] if warm else sets)]
        if case.op in REPLACED:
            return jax_replacing_queue(self.function, arrays, REPLACED[case.op], repeats=repeats)
        return jax_queue(self.function, distinct(arrays[0], repeats) if warm else arrays)

    def error(self, case: Case, inputs: Inputs) -> float:
        """How far the result is from the expected one."""
        if not self.jax:
            return case.error(inputs, lambda fresh: self.function(*fresh))
        return case.error(inputs, lambda fresh: to_torch(self.function(*jax_inputs(fresh))))


def section(name: str, settings: Settings, report: Report, limits: Limits | None) -> None:
    """All cases of a section."""
    for case in (QUICK if settings.quick else FAMILIES)[name]:
        if report.out_of_time(name, case.label):
            continue
        with report.guard(name, case.label):
            sets = _sets(case, settings, settings.sets(case.nbytes))
            variants = _variants(name, case, settings, report)
            _floor_rows(name, case, report, limits)
            for warm in (False, True):
                label = f"{case.label}, warm" if warm else case.label
                candidates = {
                    variant: Candidate(build=partial(loaded.queue, case, sets, settings, warm))
                    for variant, loaded in variants.items()
                }
                errors = {} if warm else {n: partial(v.error, case, sets[0]) for n, v in variants.items()}
                figures = partial(_figures, name, case, report, limits, errors)
                run_case(name, label, candidates, settings, report, figures)


def memory_section(settings: Settings, report: Report) -> None:
    """What one decode call allocates, by each variant."""
    for case in (QUICK if settings.quick else FAMILIES)["decode"]:
        if report.out_of_time("memory", case.label):
            continue
        inputs = _sets(case, settings, 1)[0]
        for name, variant in _variants("memory", case, settings, report).items():
            with report.guard("memory", case.label, name):
                if variant.jax:
                    usage = jax_usage(variant.function, jax_inputs(inputs))
                elif settings.device == "cpu":
                    continue
                else:
                    usage = torch_usage(variant.function, inputs)
                report.add(_memory_row(case, name, usage))


def _memory_row(case: Case, name: str, usage: Usage) -> Row:
    figures = {"results MB": usage.results / 1e6}
    if usage.beyond is not None:
        figures["beyond MB"] = usage.beyond / 1e6
    return Row(section="memory", case=case.label, variant=name, figures=figures, note=usage.describe())


def _sets(case: Case, settings: Settings, count: int) -> list[Inputs]:
    import torch

    generator = torch.Generator(device=settings.device).manual_seed(0)
    return [case.make(generator) for _ in range(count)]


def _variants(name: str, case: Case, settings: Settings, report: Report) -> dict[str, Variant]:
    """Ours and the peers, as far as they load; a line of the table for each that does not."""
    loaders: dict[str, Callable[[], Variant]] = {}
    if registered(case.op):
        loaders[OURS_TORCH] = lambda: Variant(function=torch_function(case.op, settings.device, case.keywords))
        if settings.jax:
            for variant, backend in zip((OURS_JAX, OURS_JAX_TRITON), jax_backends(settings.device), strict=False):
                loaders[variant] = partial(_jax_variant, case, backend)
    else:
        report.add(Row(section=name, case=case.label, variant=case.op, note="absent: not registered"))
    for peer, load in _peers(name, case).items():
        loaders[peer] = partial(_loaded, load)
    found: dict[str, Variant] = {}
    for variant, loader in loaders.items():
        with report.guard(name, case.label, variant):
            found[variant] = loader()
    return found


def _peers(name: str, case: Case) -> Mapping[str, Callable[[], Function]]:
    return flash_peers.PEERS[name] if name in flash_peers.PEERS else attention_peers.PEERS[case.op]


def _jax_variant(case: Case, backend: str) -> Variant:
    return Variant(function=jax_function(case.op, case.keywords, backend), jax=True)


def _loaded(load: Callable[[], Function]) -> Variant:
    return Variant(function=load())


def _floor_rows(name: str, case: Case, report: Report, limits: Limits | None) -> None:
    """The floors as lines among the times; computed, so without a spread."""
    if limits is None:
        return
    parts = ", ".join(f"{what} {size / 1e6:.1f} MB" for what, size in case.moved.items())
    for bound, seconds in limits.floors(case).items():
        if seconds:
            note = f"computed: {parts if 'bytes' in bound else f'{case.flops / 1e9:.1f} GFLOP'}"
            timing = Timing(samples=(seconds,), host=math.nan, method="computed")
            report.add(Row(section=name, case=case.label, variant=f"floor: {bound}", timing=timing, note=note))


def _figures(
    name: str,
    case: Case,
    report: Report,
    limits: Limits | None,
    errors: Mapping[str, Callable[[], float]],
    variant: str,
    seconds: float,
) -> dict[str, float]:
    """Rates, the time over the higher floor, and the error where it is asked for."""
    columns = {"TFLOP/s": case.flops / seconds / 1e12} if case.flops else {}
    columns["GB/s"] = case.nbytes / seconds / 1e9
    if limits is not None:
        columns[SHARE] = case.nbytes / seconds / limits.copy
        columns["over floor"] = seconds / max(limits.floors(case).values())
    if variant in errors:
        with report.guard(name, case.label, f"{variant}, error"):
            columns["error"] = errors[variant]()
    return columns


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="times sparse attention over the FP8 cache")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to time")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    settings = settings_of(given)
    report = open_report(given, settings)
    limits: Limits | None = None
    with report.guard("machine"):
        limits = ceilings(settings, report)
    for name in given.section:
        with report.guard(name):
            if name == "memory":
                memory_section(settings, report)
            else:
                section(name, settings, report, limits)
    print("\n" + report.table(), flush=True)
    report.save()


if __name__ == "__main__":
    main()
