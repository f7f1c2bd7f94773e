"""Capabilities of targets (formats, dot operands, features) as data; `legalise` rewrites programs to fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from specs.lang.declare.accuracy import DPAS_FLOAT32, TENSOR_FLOAT32, TENSOR_FP8, Accumulator
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
class TensorDescriptors:
    """What arrays and blocks must be like for tensor descriptors: loads and stores of 2-D blocks, by which hardware
    checks bounds and gives zeros. Blocks that are not like this are accessed by masks, with the same result.

    multiple: of bytes, which the distance between rows, and the start of a matrix in its array, must be.
    least_pitch: bytes between rows. least_width: bytes of a row of the matrix. least_row: bytes of a row of a block.
    limit: bytes of a row, bytes between rows, and number of rows, which must be less; None for no limit.
    dots_only: in programs with dots only, where blocks are loaded in the layout of the dot unit.
    ahead_only: of loads those only that warps of their own can make ahead of a product: its operands as they lie, and
        1-D blocks of the same loop, which are contiguous and may read past their end.
    """

    multiple: int = 16
    least_pitch: int = 16
    least_width: int = 16
    least_row: int = 16
    limit: int | None = None
    dots_only: bool = False
    ahead_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place a program can run.

    native: float formats with a type of their own and correctly rounded conversion from and to float32.
    detours: casts between two of them that the target's compiler gets wrong.
    dot: operand formats of the dot unit.
    dot_fallback: operand formats of all dots of a program, one of which has operands that no format of `dot` holds.
    saturating_casts: native narrowing casts saturate (else overflow must be clamped first).
    has_round: has an instruction for rounding to an integer. Elsewhere adding and subtracting a constant does it, which
        XLA's algebraic simplifier would undo, and Triton's compilers leave alone.
    has_nibble_unpack: unpacks four bytes of nibbles at a time with its own instructions (see `specs.tile.emit.ptx`).
    has_typed_byte_access: loads and stores elements of any format in arrays of bytes; elsewhere elements are assembled
        from bytes.
    masked_scatter_is_safe: a masked store does not touch the addresses of its masked elements, even where
        other elements of the same store write to them.
    can_splat_bool: a scalar bool can be broadcast; Triton's interpreter converts it to integers, which are not a mask.
    merges_constant_factors: its compiler turns (x c) d into x (c d), c a constant and d a constant or a
        broadcast value, as XLA's algebraic simplifier does: another rounding, and zero where c d underflows.
        `legalise` hides such c.
    flushes_subnormals: treats subnormal float32 as zero, in operands of arithmetic and in its results; they can be
        moved, and converted from and to other formats.
    has_pdl: starts a kernel while the one before it ends, which the kernel waits for itself (programmatic dependent
        launch); elsewhere kernels of a queue run one after the other.
    accumulators: how its dot units add up, by bits of the operands' elements; float32 where none is listed.
    descriptors: which 2-D blocks are loaded and stored by tensor descriptors; None for none.
    poisons_padding: loads of blocks give NaN (127 in integers) where their padding is undefined, to show results that
        depend on it.
    decodes_fp8_in_half: makes float16 of FP8 codes by a shift, where it has no type for them; elsewhere float32.
    config: which rows of a kernel's configurations apply (see `specs.lang.declare.kernel.Config`).
    """

    name: str
    native: frozenset[ElementFormat]
    dot: frozenset[ElementFormat]
    saturating_casts: bool
    has_round: bool
    has_nibble_unpack: bool = False
    has_typed_byte_access: bool = False
    masked_scatter_is_safe: bool = True
    can_splat_bool: bool = True
    merges_constant_factors: bool = False
    flushes_subnormals: bool = False
    has_pdl: bool = False
    accumulators: tuple[tuple[int, Accumulator], ...] = ()
    descriptors: TensorDescriptors | None = None
    poisons_padding: bool = False
    decodes_fp8_in_half: bool = False
    dot_fallback: frozenset[ElementFormat] = frozenset()
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
_OF_TRITON_ON_INTEL = (
    Detour(
        source=F16,
        goal=BF16,
        through=(F32,),
        symptom='the compiler ends the process: "Unsupported conversion from f16 to bf16" (jax-oneapi-pjrt 0.11.2)',
    ),
)
_TENSOR_CORES = ((8, TENSOR_FP8), (16, TENSOR_FLOAT32))

TRITON_CUDA = Target(
    name="triton-cuda",
    native=_FLOATS,
    dot=_FLOATS,
    saturating_casts=True,
    has_round=False,
    has_nibble_unpack=True,
    has_typed_byte_access=True,
    detours=_OF_TRITON_ON_NVIDIA,
    accumulators=_TENSOR_CORES,
    config="cuda",
)
# Compute capability 9.0 and above.
TRITON_HOPPER = replace(TRITON_CUDA, name="triton-hopper", has_pdl=True)
# Warp groups with roles of their own (Gluon): what they cannot be given runs as TRITON_HOPPER.
GLUON_HOPPER = replace(
    TRITON_CUDA, name="gluon-hopper", descriptors=TensorDescriptors(ahead_only=True), config="cuda.gluon"
)
TRITON_XPU = Target(
    name="triton-xpu",
    native=frozenset({F32, F16, BF16}),
    dot=frozenset({F32, F16, BF16}),
    saturating_casts=False,
    has_round=False,
    has_typed_byte_access=True,
    decodes_fp8_in_half=True,
    detours=_OF_TRITON_ON_INTEL,
    accumulators=((16, DPAS_FLOAT32),),
    config="xpu",
)
# The interpreter multiplies bit patterns of narrow floats and truncates on narrowing casts: give it neither.
TRITON_INTERPRET = Target(
    name="triton-interpret",
    native=frozenset({F32}),
    dot=frozenset({F32}),
    saturating_casts=False,
    has_round=False,
    can_splat_bool=False,
    config="interpret",
)
PALLAS_CUDA = Target(
    name="pallas-cuda",
    native=_FLOATS,
    dot=_FLOATS,
    saturating_casts=True,
    has_round=False,
    has_nibble_unpack=True,
    has_typed_byte_access=True,
    detours=_OF_TRITON_ON_NVIDIA,
    accumulators=_TENSOR_CORES,
    config="cuda.pallas",
)
# Messages of Intel GPUs for 2-D blocks take matrices with rows of at least 64 bytes, a multiple of 16 bytes apart, and
# sizes of 24 bits. That they begin at multiples of 64 bytes is the compiler's part: it rounds down, and adds columns.
_INTEL_BLOCKS = TensorDescriptors(least_pitch=64, least_width=64, limit=1 << 24, dots_only=True)
# What JAX hands to OpenXLA's oneAPI plugin, Pallas or Triton, for GPUs whose matrix units it uses: for all dots of a
# function or for none of them.
PALLAS_XPU = replace(
    TRITON_XPU,
    name="pallas-xpu",
    dot=frozenset({F16, BF16}),
    dot_fallback=frozenset({F32}),
    descriptors=_INTEL_BLOCKS,
)
# Without matrix units, dots are multiplications and additions in float32, and bfloat16 operands would only pass through
# shared memory as a type that drivers' compilers fail on.
PALLAS_XPU_VECTOR = replace(
    PALLAS_XPU,
    name="pallas-xpu-vector",
    dot=frozenset({F32}),
    accumulators=(),
    descriptors=None,
    config="xpu.vector",
)
# Compiled by XLA for the CPU, which moves e5m2 as f16 and so replaces NaN codes: raw codes it leaves alone.
PALLAS_INTERPRET = Target(
    name="pallas-interpret",
    native=_FLOATS - {E5M2},
    dot=frozenset({F32}),
    saturating_casts=False,
    has_round=True,
    masked_scatter_is_safe=False,
    merges_constant_factors=True,
    config="interpret",
)
EXECUTOR = Target(
    name="executor", native=_FLOATS, dot=frozenset({F32}), saturating_casts=False, has_round=True, config="cpu"
)
EXECUTOR_POISONED = replace(EXECUTOR, name="executor-poisoned", poisons_padding=True)
EXECUTOR_XLA = replace(EXECUTOR, name="executor-xla", merges_constant_factors=True)
# Where XLA's dots go to oneDNN, whose matrix units take 16-bit floats; products of FP8 and bfloat16 stay exact.
EXECUTOR_XPU = replace(EXECUTOR_XLA, name="executor-xpu", dot=frozenset({F32, F16, BF16}))
