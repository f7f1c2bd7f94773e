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

from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Ref, cdiv
from specs.lang.declare.kernel import Access, Array, Config, Constraint, Kernel, Role, Rows, Tunable
from specs.lang.declare.op import Case, Op, Reference, single
from specs.lang.declare.readiness import READY
from specs.lang.formats.elements import BF16, E4M3, F32
from specs.lang.formats.named import GROUP_FLOOR
from specs.quant.scaling import scale_of
from specs.tile.language import arange, exp2, load, program_id, reduce_max, store
from specs.tile.launch.cases import case_launches
from specs.tile.library.codec import magnitude_bits
from specs.tile.passes.legalise import legalise
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
    """The product itself, which q * scale stands for, and the exact scales."""
    gate, up = inputs["gate"], inputs["up"]
    y = gate / (1.0 + np.exp(-gate)) * up
    groups = np.abs(y).reshape(*y.shape[:-1], -1, GROUP).max(-1)
    return {"q": Reference(value=y), "scale": Reference(value=np.maximum(groups, GROUP_FLOOR) / E4M3.max_finite)}


SILU_MUL_QUANT: Op = single(
    KERNEL,
    family="quant",
    constraints=(Constraint(argument="gate", holds=(N % GROUP).equals(0), message=f"N divisible by {GROUP}"),),
    oracle=oracle,
    accuracy=(("q", Accuracy()), ("scale", Accuracy())),
    cases=(Case(name="ragged", sizes=(("M", 7), ("N", 384))),),
)


# 5. How right: a bound from the formats' unit roundoffs and the operations on the way of one element.
def bounds(gate: np.ndarray[Any, Any], y: np.ndarray[Any, Any], scale: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Largest allowed errors of q * scale and of scale, float64.

    exp2(x) of a float32 library: the argument is rounded twice and 2**x feels that |x| times, plus a few roundings of
    its own. Then an addition, a division, a product; the scale takes two more products and the division by it one.
    """
    u = F32.unit_roundoff
    relative = (2 * np.abs(gate) + 8 + 3) * u
    largest = relative.reshape(*scale.shape, GROUP).max(-1)
    step = np.repeat(scale, GROUP, axis=-1)
    rounded = E4M3.unit_roundoff * np.abs(y) + E4M3.min_subnormal / 2 * step
    spread = np.repeat(largest, GROUP, axis=-1)
    # A code just beyond the largest saturates: the scale may have come out too small.
    return {
        "q": (1 + E4M3.unit_roundoff) * (relative + spread + 4 * u) * np.abs(y) + rounded * (1 + spread + 4 * u),
        "scale": (largest + 3 * u) * scale,
    }


# 6. Run it.
def implementations() -> list[str]:
    """What this machine's CPU runs kernels with: the executor everywhere, generated sources by interpretation."""
    from jax_impl.support import default_platform
    from torch_impl.support import explain

    names = ["torch eager"] + (["torch interpret"] if explain("cpu")["interpret"] == READY else [])
    return names + ["jax xla"] + (["jax interpret"] if default_platform() == "cpu" else [])


def run_torch(gate: np.ndarray[Any, Any], up: np.ndarray[Any, Any], implementation: str) -> list[np.ndarray[Any, Any]]:
    """Codes (bytes) and scales from torch."""
    import torch

    from torch_impl.launch import run

    tensors = [torch.from_numpy(x.view(np.int16)).view(torch.bfloat16) for x in (gate, up)]
    q, scale = run(SILU_MUL_QUANT, tensors, (), implementation)
    return [q.view(torch.uint8).numpy(), scale.numpy()]


def run_jax(gate: np.ndarray[Any, Any], up: np.ndarray[Any, Any], implementation: str) -> list[np.ndarray[Any, Any]]:
    """Codes (bytes) and scales from JAX."""
    from jax_impl.launch import run

    q, scale = run(SILU_MUL_QUANT, [gate, up], (), implementation)
    return [np.asarray(q).view(np.uint8), np.asarray(scale)]


def check() -> dict[str, float]:
    """Runs everything this machine's CPU can run; implementation -> largest error as a fraction of its bound."""
    rng = np.random.default_rng(0)
    gate, up = (rng.standard_normal((2, 19, 384)).astype(BF16.numpy_dtype) for _ in range(2))
    reference = oracle({"gate": gate.astype(np.float64), "up": up.astype(np.float64)})
    y, exact_scale = reference["q"].value, reference["scale"].value
    allowed = bounds(gate.astype(np.float64), y, exact_scale)
    fractions: dict[str, float] = {}
    for implementation in implementations():
        framework, name = implementation.split()
        q, scale = (run_torch if framework == "torch" else run_jax)(gate, up, name)
        value = E4M3.decode(q) * np.repeat(scale.astype(np.float64), GROUP, axis=-1)
        errors = np.abs(value - y) / allowed["q"], np.abs(scale - exact_scale) / allowed["scale"]
        fractions[implementation] = max(float(error.max()) for error in errors)
    return fractions


def show() -> None:
    """Prints the kernels of both frameworks as a CUDA device would get them."""
    from jax_impl.emitter import emit as emit_pallas
    from specs.tile.emit.triton import emit as emit_triton

    for emit, target, strided in ((emit_triton, TRITON_CUDA, True), (emit_pallas, PALLAS_CUDA, False)):
        case = SILU_MUL_QUANT.cases[0]
        (step,) = case_launches(SILU_MUL_QUANT, case, config=target.config, strided=strided)
        print(f"# {target.name}\n{emit(legalise(step.launch.program, target))}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print the generated sources and stop")
    if parser.parse_args().show:
        show()
        return 0
    fractions = check()
    for name, fraction in fractions.items():
        print(f"{name:<16} largest error {fraction:.2f} of the bound   {'ok' if fraction <= 1 else 'WRONG'}")
    return int(max(fractions.values()) > 1)


if __name__ == "__main__":
    raise SystemExit(main())
