"""Times the quantised matrix products and quantisers: `python -m benchmarks.gemm --help`.

Sections: fp8 (block-scaled FP8 product next to torch's, vLLM's and a bf16 product), int4 (W4A16 at few rows, as a share
of the copy bandwidth), quant (group quantiser, likewise), overhead (host time per call). Operations that are not
registered are reported as absent; whatever fails is a line of the table, and the rest still runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import specs
from benchmarks import contenders
from benchmarks.inputs import Problem, problem, random_sets
from benchmarks.overhead import overhead_section
from benchmarks.queues import jax_queue, jax_sets
from benchmarks.report import Report, Row
from benchmarks.resources import resource_rows
from benchmarks.session import (
    Ceilings,
    Settings,
    add_arguments,
    measure_ceilings,
    open_report,
    run_case,
    settings_of,
)
from benchmarks.variants import Candidate, ours, torch_candidate

FP8_SHAPES = ((64, 4096, 7168), (4096, 4096, 7168), (4096, 7168, 2048), (16, 7168, 2048))
INT4_SHAPES = ((16, 4096, 14336), (16, 28672, 8192), (16, 8192, 28672))
QUANT_SHAPES = ((8192, 7168),)
FP8_ATTRIBUTES = {"scale_mode": "block", "weight_order": "nk"}
INT4_ATTRIBUTES = {"group_size": 128, "weight_order": "nk"}
INT4_ABSENT = ("b_zp", "g_idx", "bias")
QUANT_ATTRIBUTES = {"group": 128}
SECTIONS = ("fp8", "int4", "quant", "overhead")


def fp8_section(
    settings: Settings, report: Report, ceilings: Ceilings | None, shapes: Sequence[tuple[int, ...]] = FP8_SHAPES
) -> None:
    """FP8 product with 1x128 by 128x128 scales, bf16 result, weight [N, K]."""
    for shape in shapes:
        m, n, k = (16, 256, 256) if settings.quick else shape
        given = _problem("fp8_gemm", {"M": m, "N": n, "K": k}, FP8_ATTRIBUTES, ("bias",), "fp8", report)
        if given is None or report.out_of_time("fp8", given.label):
            continue
        with report.guard("fp8", given.label):
            count = settings.sets(given.nbytes())
            sets = random_sets(given, count, settings.device)
            candidates = ours(given, sets, settings.device, jax=settings.jax, plain=settings.plain)
            candidates |= _fp8_contenders(sets, (m, n, k), settings)
            candidates |= _bf16(m, n, k, settings)
            work, moved = 2 * m * n * k, given.nbytes()
            run_case("fp8", given.label, candidates, settings, report, _rates(work, moved))
            resource_rows("fp8", given, sets[0], settings.device, report)


def _fp8_contenders(sets: contenders.Sets, sizes: tuple[int, int, int], settings: Settings) -> dict[str, Candidate]:
    device = settings.device
    found = {
        "torch rowwise": torch_candidate(contenders.scaled_mm_rowwise(sets, fast=False), device, compare=False),
        "torch rowwise, fast sums": torch_candidate(contenders.scaled_mm_rowwise(sets, fast=True), device, compare=False),
        "torch 1x128 by 128x128": torch_candidate(contenders.scaled_mm_block(sets), device),
    }
    for label, config in contenders.block_configs(*sizes).items():
        found[f"vllm triton {label}"] = _late(lambda c=config: contenders.vllm_block_gemm(sets, c), device)  # type: ignore[misc]
    return found


def _late(calls: Callable[[], contenders.Calls], device: str) -> Candidate:
    """A candidate whose calls are made when it is built: a missing peer then fails alone."""
    return Candidate(
        build=lambda: torch_candidate(calls(), device).build(),
        result=lambda: (torch_candidate(calls()[:1], device).result or (lambda: None))(),
    )


def _bf16(m: int, n: int, k: int, settings: Settings) -> dict[str, Candidate]:
    """The bf16 products of the same size, on input sets of their own (twice the bytes per weight, or four times)."""
    count = settings.sets(2 * (m * k + n * k + m * n))
    pairs = contenders.bf16_pairs(m, n, k, count, settings.device)
    found = {"torch bf16 matmul": torch_candidate(contenders.matmul_bf16(pairs), settings.device, compare=False)}
    if settings.jax:
        found["jax bf16 matmul"] = Candidate(build=lambda: jax_queue(contenders.jax_matmul_bf16, jax_sets(pairs)))
    return found


def int4_section(
    settings: Settings, report: Report, ceilings: Ceilings | None, shapes: Sequence[tuple[int, ...]] = INT4_SHAPES
) -> None:
    """W4A16 product, groups of 128, symmetric. Share: weight bytes per second over the copy bandwidth."""
    for shape in shapes:
        m, n, k = (16, 256, 256) if settings.quick else shape
        given = _problem("int4_gemm_w4a16", {"M": m, "N": n, "K": k}, INT4_ATTRIBUTES, INT4_ABSENT, "int4", report)
        if given is None or report.out_of_time("int4", given.label):
            continue
        with report.guard("int4", given.label):
            sets = random_sets(given, settings.sets(given.nbytes()), settings.device)
            candidates = ours(given, sets, settings.device, jax=settings.jax, plain=settings.plain)
            share = _shares(given.nbytes("b"), ceilings)
            run_case("int4", given.label, candidates | _bf16(m, n, k, settings), settings, report, share)
            resource_rows("int4", given, sets[0], settings.device, report)


def quant_section(
    settings: Settings, report: Report, ceilings: Ceilings | None, shapes: Sequence[tuple[int, ...]] = QUANT_SHAPES
) -> None:
    """Groups of 128 bf16 values to e4m3 with float32 scales. Share: bytes read and written over the copy bandwidth."""
    for shape in shapes:
        m, n = (16, 256) if settings.quick else shape
        given = _problem("per_token_group_quant_fp8", {"M": m, "N": n}, QUANT_ATTRIBUTES, (), "quant", report)
        if given is None or report.out_of_time("quant", given.label):
            continue
        with report.guard("quant", given.label):
            sets = random_sets(given, settings.sets(given.nbytes()), settings.device)
            candidates = ours(given, sets, settings.device, jax=settings.jax, plain=settings.plain)
            for warps in (1, 4):
                label = f"vllm triton, {warps} warps"
                candidates[label] = _late(lambda w=warps: contenders.vllm_group_quant(sets, w), settings.device)  # type: ignore[misc]
            run_case("quant", given.label, candidates, settings, report, _shares(given.nbytes(), ceilings))
            resource_rows("quant", given, sets[0], settings.device, report)


def _problem(
    name: str, sizes: dict[str, int], attributes: dict[str, object], absent: tuple[str, ...], section: str, report: Report
) -> Problem | None:
    """The problem, or a line that says why there is none."""
    case = "x".join(str(size) for size in sizes.values())
    if name not in specs.names():
        report.add(Row(section=section, case=case, variant=name, note="absent: not registered"))
        return None
    with report.guard(section, case, name):
        op = specs.get(name)
        known = {array.name for array in op.inputs}
        return problem(op, sizes, attributes, absent=tuple(a for a in absent if a in known))
    return None


def _rates(work: int, moved: int) -> Callable[[float], dict[str, float]]:
    return lambda seconds: {"TFLOP/s": work / seconds / 1e12, "GB/s": moved / seconds / 1e9}


def _shares(moved: int, ceilings: Ceilings | None) -> Callable[[float], dict[str, float]]:
    def figures(seconds: float) -> dict[str, float]:
        columns = {"GB/s": moved / seconds / 1e9}
        if ceilings is not None:
            columns["share of copy"] = moved / seconds / ceilings.copy
        return columns

    return figures


def parse_shapes(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Sizes such as "64x4096x7168"."""
    return [tuple(int(size) for size in text.split("x")) for text in texts]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="times the quantised matrix products and quantisers")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to time")
    parser.add_argument("--shapes", nargs="+", default=None, help="MxNxK sizes instead of the section's own")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    settings = settings_of(given)
    report = open_report(given, settings)
    ceilings: Ceilings | None = None
    with report.guard("machine"):
        ceilings = measure_ceilings(settings, report)
    sections = {"fp8": fp8_section, "int4": int4_section, "quant": quant_section}
    for name in given.section:
        with report.guard(name):
            if name == "overhead":
                overhead_section(settings, report)
            elif given.shapes:
                sections[name](settings, report, ceilings, parse_shapes(given.shapes))
            else:
                sections[name](settings, report, ceilings)
    print("\n" + report.table(), flush=True)
    report.save()


if __name__ == "__main__":
    main()
