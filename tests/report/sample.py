"""A run record as a small run might leave it: real comparisons of small products, and every status."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np

from parity.judge.compare import Bounded, Exact
from parity.judge.ulp import AnyArray
from parity.record.pictures import scale_map
from parity.record.records import (
    CaseResult,
    Device,
    Drift,
    LinearResult,
    ModelSection,
    RunRecord,
    ScaleMap,
    SentenceCosines,
    Similarity,
    Status,
    StepResult,
    judged,
)
from specs.lang.formats.elements import BF16, E4M3, F32
from tests.meta import faults
from tests.meta.problems import Problem, bounded, exact, gaussian, grid

PRODUCT = (67, 96, 512)
FORMULA = "u(bf16) |ref| + η + (1 + u) · K · u(float32) · (|A| |B|)"
DERIVATION = "one rounding to bf16, u = 2⁻⁸; K = 512 float32 additions in any order, u = 2⁻²⁴; no scale is rounded"
SENTENCES = (
    "A kernel is written once.",
    "The same kernel runs on two frameworks.",
    "Both must agree bit for bit.",
    "The cat sleeps on the keyboard.",
    "A dog barks in the garden.",
    "It will rain on Sunday.",
    "The forecast promises sunshine.",
)
STAGES = ("embeddings", *(f"layer {i}" for i in range(6)), "pooling")
SIDES = ("torch:eager", "jax:xla")
LINEARS = ("query", "key", "value", "output", "up", "down")
OUTCOMES: tuple[tuple[str, str, Status, str], ...] = (
    ("prefill", "torch:triton vs oracle", "unsupported", "triton: no kernel can be launched without a GPU"),
    ("prefill", "torch:triton vs jax:pallas", "not run", "no Intel GPU here"),
    ("decode", "torch:triton vs jax:pallas", "not run", "no Intel GPU here"),
)


def summed(problem: Problem) -> AnyArray:
    """The product accumulated in float32 in another order."""
    total = np.zeros(problem.product.shape, np.float32)
    for k in np.random.default_rng(1).permutation(problem.a.shape[1]):
        total += (problem.a[:, k, None] * problem.b[None, k]).astype(np.float32)
    return problem.round(total.astype(np.float64))


def weight_scales(rows: int, columns: int, seed: int, block: str) -> ScaleMap:
    """Powers of two that vary smoothly, as those of a weight do."""
    rng = np.random.default_rng(seed)
    trend = -7 + 1.5 * np.sin(np.arange(rows)[:, None] / 3) + np.cos(np.arange(columns)[None] / 5)
    log2 = np.floor(trend + rng.gumbel(0, 0.7, (rows, columns)))
    return scale_map(
        np.exp2(log2),
        title=f"Scales of B, {rows}×{columns} blocks of {block}",
        rows=f"N, {rows} blocks",
        columns=f"K, {columns} blocks",
    )


def gemm_cases() -> tuple[CaseResult, ...]:
    """Products: bounded, exact, and one with a doubled scale."""
    honest, whole = gaussian(PRODUCT, BF16), grid(PRODUCT, BF16)
    shape, formats = "M=67 N=96 K=512", "e4m3 × e4m3, f32[128×128] → bf16"
    found = []
    for pair, case, problem, rule, actual in (
        ("torch:eager vs jax:xla", "exact, tails everywhere", whole, exact(whole), summed(whole)),
        ("torch:eager vs oracle", "tails everywhere", honest, bounded(honest), summed(honest)),
        ("jax:xla vs oracle", "tails everywhere", honest, bounded(honest), honest.honest),
        ("jax:xla vs oracle", "one scale doubled", honest, bounded(honest), faults.doubled_scale(honest)),
    ):
        result = judged(
            rule.compare(actual),
            op="fp8_gemm",
            case=case,
            pair=pair,
            shape=shape,
            formats=formats,
            data="exact" if problem is whole else "random",
            bound="" if problem is whole else FORMULA,
            derivation="" if problem is whole else DERIVATION,
            scale_map=weight_scales(18, 40, 3, "128×128"),
            seed=20261121,
            seconds=0.42,
        )
        found.append(result)
    return tuple(found)


def quant_cases() -> tuple[CaseResult, ...]:
    """Quantisers: same bytes, and one code that differs."""
    values = np.random.default_rng(5).standard_normal((16, 512)) * 100
    codes = E4M3.encode(values)
    other = codes.copy()
    other[3, 17] ^= 1
    other[9, 300] ^= 4
    found = []
    for pair, actual in (("torch:eager vs oracle", codes), ("torch:eager vs jax:xla", other)):
        verdict = Exact(expected=codes, element=E4M3).compare(actual)
        result = judged(
            verdict,
            op="per_token_group_quant_fp8",
            case="16 tokens, groups of 128",
            pair=pair,
            shape="M=16 N=512 group=128",
            formats="bf16 → e4m3, f32[1×128]",
            data="random",
            bound="same bytes",
            scale_map=weight_scales(16, 4, 4, "1×128"),
            seed=7,
            seconds=0.011,
        )
        found.append(result)
    return tuple(found)


def other_cases() -> tuple[CaseResult, ...]:
    """One case that passes, one that nothing here can run, two that did not run."""
    problem = gaussian((33, 129, 70), F32)
    passed = judged(
        bounded(problem).compare(summed(problem)),
        op="int4_gemm_w4a16",
        case="groups of 32, tail of 6",
        pair="jax:interpret vs oracle",
        shape="M=33 N=129 K=70 group=32",
        formats="bf16 × uint4, bf16[1×32] + zero points → f32",
        data="random",
        bound="u(f32) |ref| + η + (1 + u) · (K + 2) · u(float32) · (|A| |B|)",
        derivation="K = 70 additions, one product with the scale, one subtraction of the zero point",
        scale_map=weight_scales(129, 3, 6, "1×32"),
        seed=11,
        seconds=3.2,
    )
    unsupported, *not_run = (
        CaseResult(
            op="fp4_gemm",
            case=case,
            pair=pair,
            shape="M=128 N=4096 K=7168",
            formats="e2m1 × e2m1, e8m0[1×32] → bf16",
            data="exact",
            status=status,
            reason=reason,
        )
        for case, pair, status, reason in OUTCOMES
    )
    return (passed, unsupported, *not_run)


def model_section() -> ModelSection:
    """Six layers under three schemes; numbers are invented and only their ranges are realistic."""
    rng = np.random.default_rng(9)
    schemes = {"fp8 128×128": 0.22, "mxfp8 1×32": 0.3, "int4 groups of 128": 0.12}
    linears = [
        LinearResult(
            scheme=scheme,
            layer=layer,
            linear=linear,
            shape="M=56 N=384 K=384",
            pair="torch:eager vs oracle",
            status="passed",
            bound_share=float(level * np.exp(0.25 * rng.standard_normal()) * (1.6 if linear == "down" else 1)),
            max_ulp=0.5 + float(abs(rng.standard_normal()) / 4),
        )
        for scheme, level in schemes.items()
        for layer in range(6)
        for linear in LINEARS
    ]
    points = rng.standard_normal((3, 24))[[0, 0, 0, 1, 1, 2, 2]] + 0.6 * rng.standard_normal((7, 24))
    similarities = [_similarity("float32", "torch:eager", points)]
    for (scheme, level), implementation in zip(schemes.items(), ("torch:eager", "jax:xla", "jax:xla"), strict=True):
        moved = points + level / 40 * rng.standard_normal(points.shape)
        similarities.append(_similarity(scheme, implementation, moved))
    return ModelSection(
        name="all-MiniLM-L6-v2",
        note="Every linear of the six layers replaced by its quantised form; sentences of 8 tokens.",
        sentences=SENTENCES,
        linears=tuple(linears),
        similarities=tuple(similarities),
        stages=STAGES,
        steps=(*_steps("bf16", rng), *_steps("fp8 128×128", rng)),
        drifts=(*_drifts("bf16", -3.0), *_drifts("fp8 128×128", -1.5)),
        cosines=tuple(
            SentenceCosines(scheme=scheme, implementation=side, values=(0.9987, 0.998, 1.0, 0.97, 0.99, 0.995, 0.9))
            for scheme in ("bf16", "fp8 128×128")
            for side in SIDES
        ),
    )


def _steps(scheme: str, rng: np.random.Generator) -> list[StepResult]:
    """A linear and a norm in every stage, against the oracle and framework against framework."""
    found = []
    for stage in STAGES:
        for step in ("query", "output_norm"):
            share = float(rng.uniform(0.6, 0.95))
            oracle = StepResult(
                scheme=scheme,
                stage=stage,
                step=step,
                shape="56×384",
                pair=f"{SIDES[0]} vs oracle",
                status="passed",
                same_operands=True if step == "query" else None,
                bound_share=share,
                max_ulp=0.75,
            )
            found += [oracle, replace(oracle, pair=" vs ".join(SIDES), equal=0.99996, bound_share=share / 2)]
    return found


def _drifts(scheme: str, power: float) -> tuple[Drift, ...]:
    """Growing errors; the frameworks begin with the same bytes."""
    growing = tuple(10 ** (power + i / 10) for i in range(len(STAGES)))
    return (
        *(Drift(scheme=scheme, pair=f"{side} vs float32", errors=growing) for side in SIDES),
        Drift(scheme=scheme, pair=" vs ".join(SIDES), errors=(0.0, *(error / 100 for error in growing[1:]))),
    )


def _similarity(scheme: str, implementation: str, points: AnyArray) -> Similarity:
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    values = tuple(tuple(float(x) for x in row) for row in unit @ unit.T)
    return Similarity(scheme=scheme, implementation=implementation, values=values)


def special_case() -> CaseResult:
    """NaN and infinities among the numbers of a result."""
    expected = np.array([[1.0, np.inf], [2.0, 3.0]]).astype(ml_dtypes.bfloat16)
    actual = np.array([[np.nan, np.inf], [-np.inf, 3.0]]).astype(ml_dtypes.bfloat16)
    rule = Bounded(reference=expected.astype(np.float64), bound=np.ones((2, 2)), dtype=expected.dtype, element=BF16)
    return judged(
        rule.compare(actual),
        op="fp8_gemm",
        case="overflow <&>",
        pair="torch:eager vs oracle",
        shape="M=2 N=2 K=1",
        formats="e4m3 → bf16",
        data="random",
        bound=FORMULA,
    )


def record() -> RunRecord:
    """The whole sample."""
    return RunRecord(
        started="2026-11-21T10:15:00+01:00",
        command="parity run --seed 20261121 --report report.html",
        seed=20261121,
        seconds=94.2,
        environment={"CPU": "2 cores, x86-64", "GPU": "none", "System": "Linux 6.1"},
        versions={
            "python": "3.11.7",
            "torch": "2.13.0",
            "jax": "0.10.2",
            "triton": "3.9.0",
            "numpy": "2.4.6",
        },
        spec_hashes={
            "fp8_gemm": "5be1f0c2",
            "per_token_group_quant_fp8": "9d0c77aa",
            "int4_gemm_w4a16": "1f2e3d4c",
        },
        devices=(
            Device(name="CPU", implementations="torch:eager, jax:xla, jax:interpret", status="ran"),
            Device(
                name="NVIDIA GPU",
                implementations="torch:triton, jax:pallas",
                status="not run",
                reason="no CUDA device here",
            ),
            Device(
                name="Intel GPU",
                implementations="torch:triton, jax:pallas",
                status="not run",
                reason="no XPU device here",
            ),
        ),
        results=(*gemm_cases(), special_case(), *quant_cases(), *other_cases()),
        models=(model_section(),),
    )
