r"""Loads single files of vLLM for side-by-side timing, without importing vLLM and without keeping any of it here.

The files are unpacked from the wheel into the folder `.peers/`, which version control ignores:

    python -m pip download --no-deps --only-binary=:all: --python-version 3.12 \
        --platform manylinux_2_28_x86_64 -d /some/folder vllm==0.33.0
    python -m benchmarks.peers unpack /some/folder/vllm-0.33.0-*.whl
    python -m benchmarks.peers check

Modules of vLLM that the loaded files import and that are not unpacked are stand-ins: the few names that matter are
given below, every other name is a value that can be called, subclassed and used as a decorator, and does nothing.
"""

from __future__ import annotations

import argparse
import enum
import importlib
import importlib.util
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / ".peers"
UTILS = "vllm/model_executor/layers/quantization/utils"
V4 = "vllm/models/deepseek_v4"
OPS = "vllm/v1/attention/ops"

# File -> names that it has to define.
FILES: dict[str, tuple[str, ...]] = {
    f"{UTILS}/fp8_utils.py": ("_w8a8_triton_block_scaled_mm", "_per_token_group_quant_fp8"),
    "vllm/model_executor/layers/fused_moe/fused_moe.py": ("fused_moe_kernel",),
    f"{OPS}/xpu_mla_sparse.py": ("triton_bf16_mla_sparse_interface",),
    f"{OPS}/rocm_aiter_mla_sparse.py": ("_sparse_attn_prefill_ragged_kernel", "_sparse_attn_decode_ragged_kernel"),
    f"{OPS}/triton_attention_helpers.py": (),
    f"{OPS}/triton_unified_attention.py": ("unified_attention",),
    f"{V4}/common/ops/cache_utils.py": ("DequantizeAndGatherKCacheKernel", "CombineTopkSwaIndicesKernel"),
    f"{V4}/common/ops/fused_indexer_q.py": ("FusedIndexerQRopeQuantTritonKernel",),
    f"{V4}/common/ops/fused_compress_quant_cache.py": ("_fused_kv_compress_norm_rope_insert_sparse_attn",),
    f"{V4}/common/ops/fused_inv_rope_fp8_quant.py": ("FusedInvRopeFP8QuantKernel",),
    f"{V4}/common/ops/save_partial_states.py": ("SavePartialStatesKernel",),
    f"{V4}/xpu/xpu_qnorm_rope_kv_fp8_insert.py": ("xpu_qnorm_rope_kv_fp8_insert",),
    f"{V4}/xpu/xpu_sparse_decode_fp8.py": ("xpu_sparse_decode_fp8",),
    "vllm/model_executor/kernels/mhc/torch.py": (),
    "vllm/model_executor/kernels/mhc/triton.py": (),
}
# Tuned tile sizes that vLLM ships for its block GEMM.
CONFIGS = f"{UTILS}/configs/N={{n}},K={{k}},device_name={{device}},dtype=fp8_w8a8,block_shape=[128,128].json"
CONFIG_DEVICES = ("NVIDIA_H200", "NVIDIA_H100_80GB_HBM3")


MoEActivation = enum.Enum("MoEActivation", ("SILU", "GELU"))  # defaults of arguments that no benchmark passes
# What the unified attention compares its mode with; values of our own, only the first is passed.
KVQuantMode = enum.IntEnum(
    "KVQuantMode", ("NONE", "INT4_PER_TOKEN_HEAD", "INT8_PER_TOKEN_HEAD", "FP8_PER_TOKEN_HEAD"), start=0
)


class Missing(FileNotFoundError):
    """The peer's files are not unpacked."""


class _Blank:
    """Placeholder for a name that is imported and not used: called as a decorator it returns the function."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes anything."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Takes anything."""

    def __class_getitem__(cls, item: Any) -> type[_Blank]:
        return cls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else _Blank()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Blank()

    def __bool__(self) -> bool:
        return False


class _Platform(_Blank):
    """Says no to every question about the platform, so that the portable branch is taken."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("is_", "has_", "supports_")):
            return _no
        return super().__getattr__(name)

    def fp8_dtype(self) -> Any:
        """The FP8 format of everything but ROCm."""
        import torch

        return torch.float8_e4m3fn

    def get_device_capability(self, *args: Any) -> None:
        """Unknown."""


class _Decorator(_Blank):
    """Called with arguments, a decorator that changes nothing."""

    def __call__(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        return lambda function: function


class _StandIn(ModuleType):
    """A module in which every name exists."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # A class, so that it can be subclassed, called, subscripted and instantiated.
        return type(name, (_Blank,), {})


def _no(*_args: Any, **_settings: Any) -> bool:
    return False


def _fp8_range(*_args: Any) -> tuple[float, float]:
    import torch

    largest = torch.finfo(torch.float8_e4m3fn).max
    return -largest, largest


def _known() -> dict[str, dict[str, object]]:
    """Names that the loaded files compute with at import or when they launch."""
    import math

    import triton
    import triton.language as tl

    def cdiv(a: int, b: int) -> int:
        return -(-a // b)

    logarithms = {"LOG2E": 1 / math.log(2), "LOGE2": math.log(2), "RCP_LN2": 1 / math.log(2)}
    helpers = {
        "cdiv": cdiv,
        "round_up": lambda a, b: cdiv(a, b) * b,
        "next_power_of_2": triton.next_power_of_2,
        **logarithms,
    }
    aligned = {"get_tma_aligned_size": lambda x, size: cdiv(x, 16 // size) * (16 // size)}
    no = dict.fromkeys(("is_deep_gemm_e8m0_used", "mqa_logits_use_mx_scales"), _no)
    return {
        "vllm.triton_utils": {"triton": triton, "tl": tl, "HAS_TRITON": True, **logarithms},
        "vllm.platforms": {"current_platform": _Platform()},
        "vllm.platforms.rocm": {"_ON_GFX942": False, "_ON_GFX950": False, "on_gfx1250": lambda: False},
        "vllm.utils.math_utils": helpers,
        "vllm.utils.import_utils": {"has_cutedsl": lambda: False, "has_tilelang": lambda: False},
        "vllm.utils.torch_utils": {"direct_register_custom_op": _no},
        "vllm.utils.deep_gemm": {**aligned, **no},
        "vllm.model_executor.warmup.jit_warmup": {"kernel_launcher": _Decorator()},
        "vllm.model_executor.layers.quantization.utils.quant_utils": {"get_fp8_min_max": _fp8_range},
        "vllm.v1.kv_cache_interface": {"KVQuantMode": KVQuantMode},
        "vllm.model_executor.layers.fused_moe.activation": {"MoEActivation": MoEActivation},
        "vllm.envs": {"VLLM_BATCH_INVARIANT": False},
    }


class _Finder(MetaPathFinder, Loader):
    """Finds every module of vLLM: the file where it is unpacked and wanted, else a stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.known = folder, _known()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "vllm" and not fullname.startswith("vllm."):
            return None
        relative = fullname.replace(".", "/") + ".py"
        if relative in FILES and (file := self.folder / relative).is_file():
            return importlib.util.spec_from_file_location(fullname, file)
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _StandIn(spec.name)
        module.__dict__.update(self.known.get(spec.name, {}))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """A stand-in has nothing to run."""


def load(relative: str, folder: Path = FOLDER) -> ModuleType:
    """The module in one unpacked file, such as `load(FP8_UTILS)`.

    Raises:
        Missing: the file is not there.
    """
    if not (folder / relative).is_file():
        raise Missing(f"no {relative} under {folder}: see benchmarks/peers.py for how to unpack it")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        if "vllm" in sys.modules:
            raise RuntimeError("vLLM itself is imported in this process")
        sys.meta_path.insert(0, _Finder(folder))
    return importlib.import_module(relative.removesuffix(".py").replace("/", "."))


FP8_UTILS = f"{UTILS}/fp8_utils.py"
FUSED_MOE = "vllm/model_executor/layers/fused_moe/fused_moe.py"


def unpack(wheel: Path, folder: Path = FOLDER) -> list[Path]:
    """Unpacks the wanted files of a wheel. Returns their paths."""
    written: list[Path] = []
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            tuned = name.startswith(f"{UTILS}/configs/") and "dtype=fp8_w8a8,block_shape=[128,128]" in name
            if name in FILES or (tuned and any(device in name for device in CONFIG_DEVICES)):
                goal = folder / name
                goal.parent.mkdir(parents=True, exist_ok=True)
                goal.write_bytes(archive.read(name))
                written.append(goal)
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What `check` saw of one file: the error text, or how many Triton functions it defines."""

    file: str
    functions: int
    problem: str


def check(folder: Path = FOLDER) -> list[Found]:
    """Imports every file, which compiles nothing."""
    results: list[Found] = []
    for file, names in FILES.items():
        try:
            module = load(file, folder)
            absent = [name for name in names if name not in vars(module)]
            problem = f"defines no {', '.join(absent)}" if absent else ""
            kernels = [v for v in vars(module).values() if type(v).__name__ in ("JITFunction", "InterpretedFunction")]
            results.append(Found(file=file, functions=len(kernels), problem=problem))
        except Exception as error:  # noqa: BLE001 - reported per file
            results.append(Found(file=file, functions=0, problem=f"{type(error).__name__}: {error}"))
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: `unpack WHEEL` or `check`."""
    parser = argparse.ArgumentParser(description="files of vLLM for side-by-side timing")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("unpack", help="unpack the wanted files of a wheel").add_argument("wheel", type=Path)
    commands.add_parser("check", help="import every unpacked file")
    given = parser.parse_args(arguments)
    if given.command == "unpack":
        files = unpack(given.wheel)
        print(f"{len(files)} files, {sum(file.stat().st_size for file in files)} bytes in {FOLDER}")
    else:
        for found in check():
            print(f"{found.file}: {found.problem or f'{found.functions} Triton functions'}")


if __name__ == "__main__":
    main()
