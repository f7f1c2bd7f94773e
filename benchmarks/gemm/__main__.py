"""Times the quantised matrix products and quantisers: `python -m benchmarks.gemm --help`.

Sections: fp8 (block-scaled FP8 product next to torch's, vLLM's and a bf16 product), int4 (W4A16 at few rows, as a share
of the copy bandwidth), gguf (products with GGUF block types, likewise), quant (group quantiser, likewise), overhead
(host time per call). Operations that are not registered are reported as absent; whatever fails is a line of the table,
and the rest still runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from benchmarks.harness import contenders
from benchmarks.harness.inputs import Problem, random_sets
from benchmarks.harness.problems import FAMILIES, make_problem, parse_shape, registered
from benchmarks.harness.queues import jax_queue, jax_sets, torch_queue
from benchmarks.harness.report import Report, Row
from benchmarks.harness.session import (
    SHARE,
    Ceilings,
    Settings,
    add_arguments,
    measure_ceilings,
    open_report,
    run_case,
    settings_of,
)
from benchmarks.harness.variants import Candidate, of_backend, ours, torch_candidate, torch_float
from benchmarks.overhead import overhead_section
from benchmarks.resources import resource_rows

VLLM, BF16_MATMUL, COPY = "vllm triton", "bf16 matmul", "copy of as many bytes"
SECTIONS = ("fp8", "int4", "gguf", "quant", "overhead")
GGUF_TYPES = ("Q4_K", "Q6_K", "Q8_0", "Q4_0")
Shapes = Sequence[Sequence[int]] | None


def fp8_section(settings: Settings, report: Report, ceilings: Ceilings | None, shapes: Shapes = None) -> None:
    """FP8 product with 1x128 by 128x128 scales, bf16 result, weight [N, K].

    Share of copy: bytes read and written, the smaller part of the story where M is large.
    """
    for given in _problems("fp8", "fp8_gemm", shapes, settings, report):
        with report.guard("fp8", given.label):
            m, n, k = given.sizes.values()
            sets = random_sets(given, settings.sets(given.nbytes()), settings.device)
            candidates = ours(given, sets, settings.device, jax=settings.jax, plain=settings.plain)
            for backend in settings.backends:
                candidates |= of_backend(given, sets, settings.device, backend)
            candidates |= _fp8_contenders(sets, (m, n, k), settings)
            candidates |= _bf16(m, n, k, settings)
            rates = _rates(2 * m * n * k, given.nbytes(), 2 * (m * k + n * k + m * n), ceilings)
            run_case("fp8", given.label, candidates, settings, report, rates, best_of=VLLM)
            resource_rows("fp8", given, sets[0], settings.device, report)


def _fp8_contenders(sets: contenders.Sets, sizes: tuple[int, int, int], settings: Settings) -> dict[str, Candidate]:
    device = settings.device
    found = {
        "torch rowwise": torch_candidate(contenders.scaled_mm_rowwise(sets, fast=False), device, compare=False),
        "torch rowwise, fast sums": torch_candidate(
            contenders.scaled_mm_rowwise(sets, fast=True), device, compare=False
        ),
        "torch 1x128 by 128x128": torch_candidate(contenders.scaled_mm_block(sets), device),
    }
    for label, config in contenders.block_configs(*sizes).items():
        found[f"{VLLM} {label}"] = _late(partial(contenders.vllm_block_gemm, sets, config), device)
    return found


def _late(calls: Callable[[], contenders.Calls], device: str) -> Candidate:
    """A candidate whose calls are made when it is built: a missing peer then fails alone."""

    def result() -> object:
        return torch_float(calls()[0]())

    return Candidate(build=lambda: torch_queue(calls(), device), result=result)


def _bf16(m: int, n: int, k: int, settings: Settings) -> dict[str, Candidate]:
    """The bf16 products of the same size, on input sets of their own (twice the bytes per weight, or four times)."""
    count = settings.sets(2 * (m * k + n * k + m * n))
    pairs = contenders.bf16_pairs(m, n, k, count, settings.device)
    found = {f"torch {BF16_MATMUL}": torch_candidate(contenders.matmul_bf16(pairs), settings.device, compare=False)}
    if settings.jax:
        found[f"jax {BF16_MATMUL}"] = Candidate(build=lambda: jax_queue(contenders.jax_matmul_bf16, jax_sets(pairs)))
    return found


def int4_section(settings: Settings, report: Report, ceilings: Ceilings | None, shapes: Shapes = None) -> None:
    """W4A16 product, groups of 128, symmetric. Bytes and their share of a copy: of the weight alone.

    The share is of a copy of 1 GiB; what a copy of only as many bytes reaches, half read and half written, is a line.
    """
    for given in _problems("int4", "int4_gemm_w4a16", shapes, settings, report):
        with report.guard("int4", given.label):
            _read_weight("int4", given.label, given, settings, report, ceilings)


def gguf_section(settings: Settings, report: Report, ceilings: Ceilings | None, shapes: Shapes = None) -> None:
    """Products with GGUF block types at few rows; figures as of `int4_section`."""
    for quant_type in GGUF_TYPES:
        for given in _problems("gguf", "gguf_gemm", shapes, settings, report, {"quant_type": quant_type}):
            with report.guard("gguf", given.label):
                _read_weight("gguf", f"{quant_type} {given.label}", given, settings, report, ceilings)


def _read_weight(
    section: str, case: str, given: Problem, settings: Settings, report: Report, ceilings: Ceilings | None
) -> None:
    """Times a product whose time goes into reading its weight."""
    m, n, k = given.sizes.values()
    sets = random_sets(given, settings.sets(given.nbytes()), settings.device)
    candidates = ours(given, sets, settings.device, jax=settings.jax, plain=settings.plain)
    candidates |= _bf16(m, n, k, settings)
    copies = contenders.copy_calls(given.nbytes("b") // 2, settings.device, len(sets))
    candidates[COPY] = torch_candidate(copies, settings.device, compare=False)
    shares = _shares(given.nbytes("b"), 2 * n * k, ceilings)
    run_case(section, case, candidates, settings, report, shares)
    resource_rows(section, given, sets[0], settings.device, report)


def quant_section(settings: Settings, report: Report, ceilings: Ceilings | None, shapes: Shapes = None) -> None:
    """Groups of 128 bf16 values to e4m3 with float32 scales. Share: bytes read and written over the copy bandwidth."""
    for given in _problems("quant", "per_token_group_quant_fp8", shapes, settings, report):
        with report.guard("quant", given.label):
            sets = random_sets(given, settings.sets(given.nbytes()), settings.device)
            candidates = ours(given, sets, settings.device, jax=settings.jax, plain=settings.plain)
            for warps in (1, 4):
                calls = partial(contenders.vllm_group_quant, sets, warps)
                candidates[f"{VLLM} {warps} warps"] = _late(calls, settings.device)
            shares = _shares(given.nbytes(), 0, ceilings)
            run_case("quant", given.label, candidates, settings, report, shares, best_of=VLLM)
            resource_rows("quant", given, sets[0], settings.device, report)


def _problems(
    section: str,
    name: str,
    shapes: Shapes,
    settings: Settings,
    report: Report,
    attributes: Mapping[str, object] | None = None,
) -> Iterator[Problem]:
    """The problems of a section while there is time; a line of the table for each that there cannot be."""
    chosen = list(shapes or FAMILIES[name].shapes)
    for shape in chosen[:1] if settings.quick else chosen:
        label = "x".join(str(size) for size in shape)
        if not registered(name):
            report.add(Row(section=section, case=label, variant=name, note="absent: not registered"))
        elif not report.out_of_time(section, label):
            given: Problem | None = None
            with report.guard(section, label, name):
                given = make_problem(name, shape, attributes=attributes, quick=settings.quick)
            if given is not None:
                yield given


Figures = Callable[[str, float], dict[str, float]]


def _rates(work: int, moved: int, wide: int, ceilings: Ceilings | None) -> Figures:
    """Operations per second, and what `_shares` gives."""
    shares = _shares(moved, wide, ceilings)
    return lambda variant, seconds: {"TFLOP/s": work / seconds / 1e12, **shares(variant, seconds)}


def _shares(moved: int, wide: int, ceilings: Ceilings | None) -> Figures:
    """Bytes per second, and over the copy bandwidth; `wide` bytes for the bf16 variants."""

    def figures(variant: str, seconds: float) -> dict[str, float]:
        rate = (wide if BF16_MATMUL in variant else moved) / seconds
        columns = {"GB/s": rate / 1e9}
        if ceilings is not None:
            columns[SHARE] = rate / ceilings.copy
        return columns

    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="times the quantised matrix products and quantisers")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to time")
    parser.add_argument("--shapes", nargs="+", default=None, help="MxNxK sizes instead of the section's own")
    parser.add_argument("--backend", nargs="+", default=[], help="backends of torch beside the default (gluon), in fp8")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    settings = settings_of(given)
    report = open_report(given, settings)
    ceilings: Ceilings | None = None
    with report.guard("machine"):
        ceilings = measure_ceilings(settings, report)
    sections = {"fp8": fp8_section, "int4": int4_section, "gguf": gguf_section, "quant": quant_section}
    for name in given.section:
        with report.guard(name):
            if name == "overhead":
                overhead_section(settings, report)
            else:
                shapes = [parse_shape(text) for text in given.shapes] if given.shapes else None
                sections[name](settings, report, ceilings, shapes)
    print("\n" + report.table(), flush=True)
    report.save()


if __name__ == "__main__":
    main()
