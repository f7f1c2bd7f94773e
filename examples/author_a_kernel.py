"""A kernel from nothing: SiLU, multiply, quantise. Declared once, run in torch and JAX, checked against float64.

    python -m examples.author_a_kernel            run both frameworks on this machine's CPU and check them
    python -m examples.author_a_kernel --show     print the Triton and the Pallas kernel that GPUs would get

The gated MLP of most language models computes silu(gate) * up and then quantises it for the next FP8 product. As one
kernel that reads gate and up once and writes one byte per element. `docs/authoring.md` walks through the parts.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.judge.expected import expectations
from parity.judge.frameworks import Results, from_jax, from_torch, to_jax, to_torch
from parity.judge.inputs import Inputs, generate
from parity.judge.verdict import Verdict
from specs.lang.declare.accuracy import FLOAT32, quantised
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Config, Constraint, Kernel, Role, Rows, Tunable
from specs.lang.declare.op import Case, Op, Reference, single
from specs.lang.declare.readiness import READY
from specs.lang.formats.elements import BF16, E4M3, F32
from specs.lang.formats.named import GROUP_FLOOR, TOKEN_GROUP_128
from specs.quant.scaling import scale_of
from specs.tile.language import arange, exp2, load, program_id, reduce_max, store
from specs.tile.launch.cases import case_launches
from specs.tile.library.codec import magnitude_bits
from specs.tile.targets import PALLAS_CUDA, TRITON_CUDA

GROUP = 128  # elements that share a scale
LOG2_E = math.log2(math.e)

# 1. Sizes. Leading dimensions of any number multiply to M.
M = Axis(name="M", doc="tokens")
N = Axis(name="N", doc="width of the MLP")


# 2. What one grid point does: BLOCK_M rows of one group. Runs once, on symbolic tiles; nothing is promoted silently.
def silu_mul_quant(p: Any) -> None:
    """q * scale ~ silu(gate) * up."""
    rows = program_id(0) * p.BLOCK_M + arange(p.BLOCK_M)
    columns = program_id(1) * GROUP + arange(GROUP)
    inside = (rows < p.M)[:, None]
    gate = load(p.gate, (rows[:, None], columns[None, :]), inside).to(F32)
    up = load(p.up, (rows[:, None], columns[None, :]), inside).to(F32)
    y = gate / (1.0 + exp2(gate * -LOG2_E)) * up
    amax = reduce_max(magnitude_bits(y), axis=1)
    scale = scale_of(amax, E4M3, F32, power_of_two=False, floor=GROUP_FLOOR)
    q = scale.divide(y, (p.BLOCK_M, 1))
    store(p.q, (rows[:, None], columns[None, :]), q.to(E4M3), inside)
    store(p.scale, (rows, program_id(1)), scale.value, rows < p.M)


# 3. What the arguments are. Checks, signatures, output shapes and both sources follow from this.
KERNEL = Kernel(
    name="silu_mul_quant",
    doc="FP8 codes and scales of silu(gate) * up.",
    axes=(M, N),
    arrays=(
        Array(name="gate", doc="first half", shapes=((Rows(M), N),), formats=(BF16,)),
        Array(name="up", doc="second half", shapes=((Rows(M), N),), formats=(BF16,)),
        Array(name="q", doc="codes", shapes=((Rows(M), N),), formats=(E4M3,), access=Access.OUT),
        Array(
            name="scale",
            doc="scale of every group",
            shapes=((Rows(M), N // GROUP),),
            formats=(F32,),
            access=Access.OUT,
            role=Role.SCALE,
        ),
    ),
    tunables=(Tunable(name="BLOCK_M", values=(1, 4, 16)), Tunable(name="num_warps", values=(1, 4))),
    configs=(
        Config(target="cuda", values=(("BLOCK_M", 4), ("num_warps", 4))),
        Config(target="xpu", values=(("BLOCK_M", 4), ("num_warps", 4))),
        Config(target="cpu", values=(("BLOCK_M", 16), ("num_warps", 1))),
        Config(target="interpret", values=(("BLOCK_M", 16), ("num_warps", 1))),
    ),
    grid=(cdiv(M, Ref("BLOCK_M")), N // GROUP),
    body=silu_mul_quant,
)


# 4. What is right: the mathematics in float64, written without a look at the kernel.
def oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    """silu(gate) * up before it is quantised, and the exact scales amax / max.

    magnitude: exp2(x) feels an error of its argument |x| ln 2 times, here |gate|.
    """
    gate, up = inputs["gate"], inputs["up"]
    y = gate / (1.0 + np.exp(-gate)) * up
    groups = np.abs(y).reshape(*y.shape[:-1], y.shape[-1] // GROUP, GROUP).max(-1)
    return {
        "q": Reference(value=y, magnitude=np.abs(y) * (1.0 + np.abs(gate))),
        "scale": Reference(value=np.maximum(groups, GROUP_FLOOR) / E4M3.max_finite),
    }


# 5. How right: a bound from the formats' unit roundoffs and the operations on the way of one element. exp2 rounds its
# argument twice (a product, and log2 e) and makes up to 6 roundings of its own; addition, division and product follow.
SILU_MUL_QUANT: Op = single(
    KERNEL,
    family="quant",
    constraints=(Constraint(argument="gate", holds=(N % GROUP).equals(0), message=f"N divisible by {GROUP}"),),
    oracle=oracle,
    accuracy=quantised("q", "scale", TOKEN_GROUP_128, extra=11),
    cases=(
        Case(name="ragged", sizes=(("M", 7), ("N", 384))),
        Case(name="lead", sizes=(("M", 6), ("N", 256)), lead=(2, 3)),
        Case(name="no-rows", sizes=(("M", 0), ("N", 128))),
    ),
)


# 6. Run it.
def implementations() -> list[str]:
    """What this machine's CPU runs kernels with: the executor everywhere, generated sources by interpretation."""
    from jax_impl.support import default_platform
    from torch_impl.support import explain

    names = ["torch eager"] + (["torch interpret"] if explain("cpu")["interpret"] == READY else [])
    return names + ["jax xla"] + (["jax interpret"] if default_platform() == "cpu" else [])


def run(implementation: str, inputs: Inputs) -> Results:
    """Codes and scales of one implementation."""
    from jax_impl.launch import run as run_jax
    from torch_impl.launch import run as run_torch

    framework, name = implementation.split()
    arrays = [(raw, inputs.formats[argument]) for argument, raw in inputs.arrays.items()]
    if framework == "torch":
        q, scale = map(from_torch, run_torch(SILU_MUL_QUANT, [to_torch(*array) for array in arrays], (), name))
    else:
        q, scale = map(from_jax, run_jax(SILU_MUL_QUANT, [to_jax(*array) for array in arrays], (), name))
    return {"q": q, "scale": scale}


def check() -> dict[str, Verdict]:
    """Runs everything this machine's CPU can run and judges it; the worse of the two results of each.

    Of an operation in the registry this is `python -m parity run NAME`.
    """
    inputs = generate(SILU_MUL_QUANT, SILU_MUL_QUANT.cases[0], "random", seed=0)
    expected = expectations(inputs, inputs.layout.call())
    verdicts = {}
    for implementation in implementations():
        results = run(implementation, inputs)
        rules = {name: one.rule("random", FLOAT32, results) for name, one in expected.items()}
        found = [rule.compare(results[name].raw) for name, rule in rules.items()]
        verdicts[implementation] = max(found, key=lambda verdict: (not verdict.passed, verdict.bound_share))
    return verdicts


def show() -> None:
    """Prints the kernels of both frameworks as a CUDA device would get them."""
    from jax_impl.pallas.emitter import emit as emit_pallas
    from specs.tile.emit.triton import emit as emit_triton

    for emit, target, strided in ((emit_triton, TRITON_CUDA, True), (emit_pallas, PALLAS_CUDA, False)):
        case = SILU_MUL_QUANT.cases[0]
        (step,) = case_launches(SILU_MUL_QUANT, case, target, strided=strided)
        print(f"# {target.name}\n{emit(step.program)}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print the generated sources and stop")
    if parser.parse_args().show:
        show()
        return 0
    verdicts = check()
    for name, verdict in verdicts.items():
        print(f"{name:<16} {verdict.message}")
    return int(not all(verdict.passed for verdict in verdicts.values()))


if __name__ == "__main__":
    raise SystemExit(main())
