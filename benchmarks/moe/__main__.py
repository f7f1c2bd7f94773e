"""Times the grouped products of experts: `python -m benchmarks.moe --help`.

Sections: fp8 (1x128 by 128x128 scales, next to vLLM's kernel for experts), mxfp4 and int4 (16-bit activations, as a
share of the copy bandwidth on the bytes of the weights that are read), bf16. Rows are gathered through the order that
`moe_permute` gives; assignments to experts are random. Without vLLM's file (`benchmarks/peers.py` says how to unpack
it from a wheel) its lines say so, and the rest still runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import specs
from benchmarks.harness.inputs import Problem, problem, random_sets
from benchmarks.harness.queues import torch_queue
from benchmarks.harness.report import Report
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
from benchmarks.harness.variants import Candidate, ours, torch_float
from benchmarks.moe import contenders
from specs.lang.formats.elements import BF16

VLLM = "vllm triton"
SECTIONS = ("fp8", "mxfp4", "int4", "bf16")
_OPERATIONS = {
    "fp8": ("grouped_gemm_fp8", ("bias",)),
    "mxfp4": ("grouped_gemm_mxfp4", ("bias", "a_scale")),
    "int4": ("grouped_gemm_int4", ("bias", "b_zp")),
    "bf16": ("grouped_gemm", ("bias",)),
}
SETS = 2  # the weights are much larger than any cache, and one array of them serves all sets


def section(
    name: str, settings: Settings, report: Report, ceilings: Ceilings | None, given: argparse.Namespace
) -> None:
    """One weight format at every number of tokens."""
    op, absent = _OPERATIONS[name]
    n, k, experts, topk = (64, 128, 8, 2) if settings.quick else (given.n, given.k, given.experts, given.topk)
    weights: tuple[Any, ...] | None = None
    for tokens in [16] if settings.quick else given.tokens:
        label = f"T{tokens} E{experts} k{topk} {n}x{k}"
        with report.guard(name, label):
            sizes = {"TA": tokens, "ENTRIES": tokens * topk, "E": experts, "N": n, "K": k}
            spec = specs.get(op)
            sizes |= {axis.name: tokens * topk for axis in spec.axes if axis.value is not None}
            wanted = {"weight_order": "nk", "topk": topk, "group_size": 128}
            formats = {"a": BF16} if name != "fp8" else None
            made = problem(spec, sizes, wanted, absent=absent, formats=formats)
            sets, read = _sets(made, weights, settings.device)
            weights = sets[0]
            candidates = ours(made, sets, settings.device, jax=settings.jax, plain=settings.plain)
            if name == "fp8":
                for text, config in contenders.configs(tokens * topk, experts).items():
                    candidates[f"{VLLM} {text}"] = _peer(sets, topk, config, settings.device)
            figures = partial(_figures, 2 * tokens * topk * n * k, read, ceilings)
            run_case(name, label, candidates, settings, report, figures, best_of=VLLM)


def _sets(made: Problem, before: tuple[Any, ...] | None, device: str) -> tuple[list[tuple[Any, ...]], int]:
    """Input sets that share their weights, also with the case before; bytes of weights that the first one reads."""
    import torch

    names = [array.name for array in made.op.inputs]
    own = random_sets(made, 1, device)[0] if before is None else None
    shared = dict(zip(names, own if before is None else before, strict=True))  # type: ignore[arg-type]
    tokens, pairs, experts = (made.sizes[name] for name in ("TA", "ENTRIES", "E"))
    generator = torch.Generator(device=device).manual_seed(tokens)
    sets, used = [], 0
    for _ in range(SETS):
        score = torch.rand((tokens, experts), generator=generator, device=device)
        ids = score.topk(pairs // max(tokens, 1), dim=1).indices.reshape(-1)
        counts = torch.bincount(ids, minlength=experts)
        offsets = torch.cat((counts.new_zeros(1), counts.cumsum(0))).to(torch.int32)
        changed = {"offsets": offsets, "order": ids.argsort(stable=True).to(torch.int32)}
        changed |= {name: _activations(made, name, generator) for name in ("a", "a_scale") if name in names}
        sets.append(tuple((shared | changed)[name] for name in names))
        used = used or int((counts > 0).sum())
    return sets, made.nbytes("b", "b_scale", "b_zp") * used // experts


def _activations(made: Problem, name: str, generator: Any) -> Any:
    import torch

    from torch_impl.formats import dtype_of

    array = made.op.array(name)
    if not made.taken(array):
        return None
    values = torch.randn(made.shape(array), generator=generator, device=generator.device)
    return (values if name == "a" else values.abs() + 0.5).to(dtype_of(made.element(array)))


def _peer(sets: Sequence[tuple[Any, ...]], topk: int, config: dict[str, int], device: str) -> Candidate:
    """vLLM's kernel; its rows are in the order of pairs, ours sorted by expert."""

    def result() -> Any:
        order = sets[0][4].long()
        return torch_float(contenders.vllm_grouped_fp8(sets[:1], topk, config)[0]())[order]

    return Candidate(
        build=lambda: torch_queue(contenders.vllm_grouped_fp8(sets, topk, config), device),
        result=result,
    )


def _figures(work: int, read: int, ceilings: Ceilings | None, variant: str, seconds: float) -> dict[str, float]:  # noqa: ARG001
    """Operations per second, bytes of weights per second, and these over the copy bandwidth."""
    columns = {"TFLOP/s": work / seconds / 1e12, "GB/s": read / seconds / 1e9}
    if ceilings is not None:
        columns[SHARE] = read / seconds / ceilings.copy
    return columns


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="times the grouped products of experts")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to time")
    parser.add_argument("--tokens", nargs="+", type=int, default=[16, 512, 4096], help="tokens of a call")
    parser.add_argument("--experts", type=int, default=256, help="experts")
    parser.add_argument("--topk", type=int, default=6, help="experts per token")
    parser.add_argument("--n", type=int, default=4096, help="columns of a weight")
    parser.add_argument("--k", type=int, default=4096, help="contracted size")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    settings = settings_of(given)
    report = open_report(given, settings)
    ceilings: Ceilings | None = None
    with report.guard("machine"):
        ceilings = measure_ceilings(settings, report)
    for name in given.section:
        with report.guard(name):
            section(name, settings, report, ceilings, given)
    print("\n" + report.table(), flush=True)
    report.save()


if __name__ == "__main__":
    main()
