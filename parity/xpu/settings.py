"""Flags and variables that the processes of the ladder get, all of them.

Those that keep the plugin's compiler away from its defects are not here but in `jax_impl.platforms.defects`: users need
them too, and lowering sets them.
"""

from __future__ import annotations

from pathlib import Path


def compiling(dump: Path) -> dict[str, str]:
    """For compiling: XLA writes the SPIR-V of every kernel below `dump`, which is the only way to get it.

    Without the regular expression it leaves out kernels that come as Triton IR; with one that matches more it writes
    the IR after every pass as well, which takes ten times as long as compiling. JAX itself stays on the CPU: the plugin
    finds no device, and need not.
    """
    flags = (f"--xla_dump_to={dump}", "--xla_gpu_dump_llvmir=true", "--xla_dump_emitter_re=spirv")
    return {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": " ".join(flags), "TF_CPP_MIN_LOG_LEVEL": "3"}


def compiling_steps(dump: Path) -> dict[str, str]:
    """For compiling whole functions.

    XLA would ask oneDNN for dots that are not in our kernels, and oneDNN wants a device: XLA keeps dots below a size
    for itself, and no dot is as large as this one.
    """
    found = compiling(dump)
    found["XLA_FLAGS"] += f" --xla_gpu_gemm_rewrite_size_threshold={10**12}"
    return found


def compiling_triton(cache: Path) -> dict[str, str]:
    """For Intel's own Triton: its cache lasts as long as the walk, and it sees the packages of its environment only."""
    return {
        "TRITON_CACHE_DIR": str(cache),
        "TRITON_INTERPRET": "0",
        "PYTHONPATH": "",
        "PYTHONNOUSERSITE": "1",
    }


def executing(vendors: Path, libraries: Path) -> dict[str, str]:
    """For running on the OpenCL device.

    Args:
        vendors: folder with the one .icd file that names the runtime; others on the machine are not asked.
        libraries: folder that holds what the runtime loads by name.
    """
    return {
        "JAX_PLATFORMS": "cpu",
        "OCL_ICD_VENDORS": str(vendors),
        "LD_LIBRARY_PATH": str(libraries),
        "PYOPENCL_NO_CACHE": "1",
        "OMP_NUM_THREADS": "1",
    }


def registers(count: int | None) -> dict[str, str]:
    """For the driver's compiler: registers of a hardware thread, 128 or 256; None for its own choice.

    XLA passes no options to it, so that this variable is the only way to 256 on a card as well; half as many threads
    fit there then.
    """
    return {} if count is None else {"IGC_TotalGRFNum": str(count)}
