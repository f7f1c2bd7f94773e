"""What a target's registers and dot units know, as data; `legalise` rewrites a program until it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """A cast that a target's compiler gets wrong, and the formats in between by which it is right.

    symptom: what happens without them.
    """

    source: ElementFormat
    goal: ElementFormat
    through: tuple[ElementFormat, ...]
    symptom: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place a program can run.

    native: float formats with a type of their own and correctly rounded conversion from and to float32.
    detours: casts between two of them that are not to be left to the target.
    dot: operand formats of the dot unit.
    saturating: native narrowing casts saturate (else overflow must be clamped first).
    rounds: has an instruction for rounding to an integer. Elsewhere adding and subtracting a constant does it, which
        XLA's algebraic simplifier would undo, and Triton's compilers leave alone.
    nibbles: unpacks four bytes of nibbles at a time with its own instructions (see `specs.tile.emit.ptx`).
    views: loads and stores elements of any format from arrays of bytes; elsewhere they are put together from bytes.
    scatters: a masked store leaves alone what its masked elements point at, even where others are stored to it.
    splats_truth: a scalar truth value can be broadcast; Triton's interpreter makes integers of it, which are no mask.
    merges_factors: its compiler makes x (c d) of (x c) d, c a constant and d a constant or a value that is broadcast,
        as XLA's algebraic simplifier does: another rounding, and zero where c d vanishes. `legalise` hides such c.
    flushes: takes subnormal float32 for zero, in operands of arithmetic and in its results; they can be moved, and
        converted from and to other formats.
    overlaps: starts a kernel while the one before it ends, which the kernel waits for itself (programmatic dependent
        launch); elsewhere kernels of a queue run one after the other.
    config: which rows of a kernel's configurations apply (see `specs.lang.declare.kernel.Config`).
    """

    name: str
    native: frozenset[ElementFormat]
    dot: frozenset[ElementFormat]
    saturating: bool
    rounds: bool
    nibbles: bool = False
    views: bool = False
    scatters: bool = True
    splats_truth: bool = True
    merges_factors: bool = False
    flushes: bool = False
    overlaps: bool = False
    detours: tuple[Detour, ...] = ()
    config: str


_FLOATS = frozenset({F32, F16, BF16, E4M3, E5M2})
# e5m2 is the upper half of float16, so that the first step is exact, with infinities and NaN.
_OF_TRITON_ON_NVIDIA = (
    Detour(
        source=E5M2,
        goal=BF16,
        through=(F16, F32),
        symptom="the exponent is multiplied into place: infinities and NaN become 65536 to 114688 (Triton 3.4 to 3.9)",
    ),
)

TRITON_CUDA = Target(
    name="triton-cuda",
    native=_FLOATS,
    dot=_FLOATS,
    saturating=True,
    rounds=False,
    nibbles=True,
    views=True,
    detours=_OF_TRITON_ON_NVIDIA,
    config="cuda",
)
# Compute capability 9.0 and above.
TRITON_HOPPER = replace(TRITON_CUDA, name="triton-hopper", overlaps=True)
TRITON_XPU = Target(
    name="triton-xpu",
    native=frozenset({F32, F16, BF16}),
    dot=frozenset({F32, F16, BF16}),
    saturating=False,
    rounds=False,
    views=True,
    config="xpu",
)
# The interpreter multiplies bit patterns of narrow floats and truncates on narrowing casts: give it neither.
TRITON_INTERPRET = Target(
    name="triton-interpret",
    native=frozenset({F32}),
    dot=frozenset({F32}),
    saturating=False,
    rounds=False,
    splats_truth=False,
    config="interpret",
)
PALLAS_CUDA = Target(
    name="pallas-cuda",
    native=_FLOATS,
    dot=_FLOATS,
    saturating=True,
    rounds=False,
    nibbles=True,
    views=True,
    detours=_OF_TRITON_ON_NVIDIA,
    config="cuda.pallas",
)
# What JAX hands to OpenXLA's oneAPI plugin, Pallas or Triton. Dots are multiplications and additions in float32, and
# bfloat16 operands would only pass through shared memory as a type that drivers' compilers fail on.
PALLAS_XPU = replace(TRITON_XPU, name="pallas-xpu", dot=frozenset({F32}))
# Compiled by XLA for the CPU, which moves e5m2 as f16 and so replaces NaN codes: raw codes it leaves alone.
PALLAS_INTERPRET = Target(
    name="pallas-interpret",
    native=_FLOATS - {E5M2},
    dot=frozenset({F32}),
    saturating=False,
    rounds=True,
    scatters=False,
    merges_factors=True,
    config="interpret",
)
EXECUTOR = Target(name="executor", native=_FLOATS, dot=frozenset({F32}), saturating=False, rounds=True, config="cpu")
EXECUTOR_XLA = replace(EXECUTOR, name="executor-xla", merges_factors=True)
# Where XLA's dots go to oneDNN, whose matrix units take 16-bit floats; products of FP8 and bfloat16 stay exact.
EXECUTOR_XPU = replace(EXECUTOR_XLA, name="executor-xpu", dot=frozenset({F32, F16, BF16}))
