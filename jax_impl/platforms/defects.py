"""Defects of the oneAPI plugin that kernels have to live with, in one table, with the workaround for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One defect of `versions.PLUGINS`, and where it is dealt with.

    symptom: what happens without the remedy. link: where it is, or would be, mended; empty where nothing is public.
    environment: variables that the plugin's compiler reads whenever it compiles a kernel.
    """

    name: str
    symptom: str
    remedy: str
    link: str = ""
    environment: tuple[tuple[str, str], ...] = ()


DEFECTS = (
    Defect(
        name="predicated memory access",
        symptom="masked loads and stores become SPIR-V opcodes 6528 and 6529 in place of 6258 and 6259, on which the "
        "driver's compiler fails or crashes",
        remedy="branches around plain loads and stores",
        link="https://github.com/llvm/llvm-project/pull/220062",
        environment=(("TRITON_INTEL_PREDICATED_LOAD", "0"), ("TRITON_INTEL_PREDICATED_STORE", "0")),
    ),
    Defect(
        name="library functions that nothing links",
        symptom="rsqrt and ceil of MLIR's math dialect call __imf_rsqrtf and __imf_ceilf; the native build succeeds "
        "with the symbols undefined, and the kernel cannot be loaded",
        remedy="OpenCL built-ins of SPIR-V in Pallas kernels (`oneapi_math`); generated Triton kernels use neither",
        link="https://github.com/intel/intel-xpu-backend-for-triton",
    ),
    Defect(
        name="correctly rounded division that nothing links",
        symptom="tt.precise_divf calls __imf_fdiv_rn, with the same result",
        remedy="division in float64, rounded to float32, which gives the same bits (`triton_ops`, "
        "`jax_impl.triton.source`); the card needs float64 units, which Arc B and Data Center Max have",
        link="https://github.com/intel/intel-xpu-backend-for-triton",
    ),
    Defect(
        name="tiles of bfloat16",
        symptom="arithmetic on bfloat16, and operands of dots in shared memory, need the SPIR-V capability "
        "BFloat16TypeKHR, on which the driver's compiler (IGC 2.40) crashes for some kernels",
        remedy="kernels compute in float32, mathematical functions likewise (`oneapi_math`); dots take bfloat16 only "
        "where they become instructions of the matrix units (`specs.tile.targets.PALLAS_XPU`)",
        link="https://github.com/intel/intel-graphics-compiler",
    ),
    Defect(
        name="matrix units that XLA does not turn on",
        symptom="XLA leaves out the option that tells the Triton pipeline of DPAS (support-dpas=false): dots are "
        "multiplications and additions on vectors, and large tiles spill registers",
        remedy="modules say it themselves, by the attribute that the pass would add "
        "(ttig.support_subgroup_matrix_multiply_accumulate, see `matrix_units`): on devices that have the "
        "instructions, and only where all dots of a function have operands that the units take",
        link="https://github.com/openxla/xla",
    ),
    Defect(
        name="bytes in the layout of the matrix units",
        symptom="a load of 8-bit elements that gives each thread 32 of them (more than 512 bytes of a dot's operand "
        "per warp) ends the process: LLVM's SPIR-V backend cannot legalise G_UNMERGE_VALUES of 32 x s8",
        remedy="configurations for which each warp loads less (BLOCK_K=32 with 16 rows per warp); `parity xpu` "
        "compiles in a process of its own, so that a search survives",
        link="https://github.com/llvm/llvm-project",
    ),
    Defect(
        name="conversion of float16 to bfloat16",
        symptom='tt.fp_to_fp of f16 to bf16 ends the process ("Unsupported conversion from f16 to bf16")',
        remedy="through float32 (`specs.tile.targets.Detour`)",
        link="https://github.com/intel/intel-xpu-backend-for-triton",
    ),
    Defect(
        name="donation that JAX 0.10 refuses",
        symptom="JAX 0.10 does not list oneapi among the platforms with donation: donated caches are copied, with a "
        "warning; 0.11 lists it",
        remedy="the platform is added to the list, where it is missing (`donation`)",
        link="https://github.com/jax-ml/jax",
    ),
    Defect(
        name="two-dimensional block reads",
        symptom="rows whose pitch is a multiple of 16 bytes are read with 2D block instructions; right on Arc B and "
        "Data Center Max, unknown to Intel's OpenCL device for CPUs",
        remedy="none needed for cards; `parity xpu` writes them out as loads before it runs a kernel on a CPU",
    ),
)


def environment() -> dict[str, str]:
    """Variables that keep the plugin's compiler away from its defects, to be set before it compiles a kernel."""
    return {name: value for defect in DEFECTS for name, value in defect.environment}
