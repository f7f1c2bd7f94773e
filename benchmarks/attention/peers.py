r"""Other people's kernels for the attention benchmark, called with our operations' arguments: FlashMLA, vLLM's Triton.

FlashMLA comes from the same wheel as the files of `benchmarks.peers`, compiled for the stable ABI of torch, so that it
loads without vLLM. Two further files, 4 MB, go into the same ignored folder:

    python -m benchmarks.attention.peers unpack /some/folder/vllm-0.33.0-*.whl

A peer is a function without arguments that loads what it needs and returns the function that is timed.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import peers
from benchmarks.attention.pages import BLOCK, CODES, DIM, GROUP, GROUPS, ROPE, ROW, SCALES, rows_view
from benchmarks.attention.problems import EPSILON, SCALE

Function = Callable[..., Any]
FLASH_MLA, VLLM = "FlashMLA", "vLLM Triton"
LIBRARY = "vllm/_flashmla_C.abi3.so"
INTERFACE = "vllm/third_party/flashmla/flash_mla_interface.py"
_GATHER_WORKERS = 128


def flash_mla() -> ModuleType:
    """FlashMLA's Python interface, its library loaded.

    Raises:
        Missing: a file is not there. OSError: the library does not load on this machine.
    """
    import torch

    if not (peers.FOLDER / LIBRARY).is_file():
        raise peers.Missing(f"no {LIBRARY} under {peers.FOLDER}: see benchmarks/attention/peers.py")
    torch.ops.load_library(str(peers.FOLDER / LIBRARY))
    peers.FILES.setdefault(INTERFACE, ("flash_mla_with_kvcache", "flash_mla_sparse_fwd"))
    return peers.load(INTERFACE)


def _flash_mla_decode() -> Function:
    module = flash_mla()
    # The kernel's schedule depends on shapes and lengths alone: the first call makes it, as once in a model's step.
    schedule = module.get_mla_metadata()[0]

    def call(
        q: Any, swa: Any, swa_indices: Any, swa_lens: Any, cache: Any, indices: Any, lens: Any, sink: Any
    ) -> tuple[Any, Any]:
        out, lse = module.flash_mla_with_kvcache(
            q=q[:, None],
            k_cache=rows_view(swa)[:, :, None],
            block_table=None,
            cache_seqlens=None,
            head_dim_v=DIM,
            tile_scheduler_metadata=schedule,
            softmax_scale=SCALE,
            is_fp8_kvcache=True,
            indices=swa_indices[:, None],
            attn_sink=sink,
            extra_k_cache=rows_view(cache)[:, :, None],
            extra_indices_in_kvcache=indices[:, None],
            topk_length=swa_lens,
            extra_topk_length=lens,
        )
        return out[:, 0], lse

    return call


def _flash_mla_prefill() -> Function:
    forward = flash_mla().flash_mla_sparse_fwd
    return lambda q, kv, indices: forward(q, kv[:, None], indices[:, None], SCALE)


def _vllm_decode() -> Function:
    forward = peers.load(f"{peers.V4}/xpu/xpu_sparse_decode_fp8.py").xpu_sparse_decode_fp8

    def call(q: Any, swa: Any, swa_indices: Any, swa_lens: Any, cache: Any, indices: Any, lens: Any, sink: Any) -> Any:
        import torch

        out = torch.empty_like(q)
        pages, window = rows_view(cache), rows_view(swa)
        lists = (indices[:, None], lens, swa_indices[:, None], swa_lens)
        forward(q, pages, window, False, *lists, sink, SCALE, DIM, CODES, ROPE, out)
        return out

    return call


def _vllm_prefill() -> Function:
    forward = peers.load(f"{peers.OPS}/xpu_mla_sparse.py").triton_bf16_mla_sparse_interface
    return lambda q, kv, indices: forward(q, kv[:, None], indices[:, None], SCALE, d_v=DIM, block_dpe=0)


def _vllm_insert() -> Function:
    insert = peers.load(f"{peers.V4}/xpu/xpu_qnorm_rope_kv_fp8_insert.py").xpu_qnorm_rope_kv_fp8_insert

    def call(q: Any, kv: Any, cache: Any, slots: Any, positions: Any, cos_sin: Any) -> tuple[Any, Any]:
        insert(q, kv, rows_view(cache), slots, positions, cos_sin, EPSILON, BLOCK)
        return q, cache

    return call


def _vllm_quantize() -> Function:
    insert = peers.load(f"{peers.V4}/common/ops/cache_utils.py").quantize_and_insert_k_cache

    def call(k: Any, cache: Any, slots: Any) -> Any:
        insert(k, cache, slots, block_size=BLOCK)
        return cache

    return call


def _vllm_gather() -> Function:
    """vLLM's kernel with the grid and the constants that vLLM launches it with."""
    kernel = peers.load(f"{peers.V4}/common/ops/cache_utils.py").DequantizeAndGatherKCacheKernel.kernel
    sizes = {"fp8_dim": CODES, "bf16_dim": ROPE, "scale_dim": SCALES, "quant_block": GROUP, "output_dim": DIM}
    layout = {"cache_block_size": BLOCK, "token_data_size": ROW, "n_quant_blocks": GROUPS, "fp8_max": 448.0}

    def call(out: Any, cache: Any, lens: Any, gather_lens: Any, table: Any) -> Any:
        kernel[(out.shape[0], _GATHER_WORKERS)](
            out_ptr=out,
            out_stride0=out.stride(0),
            out_stride1=out.stride(1),
            k_cache_ptr=cache,
            seq_lens_ptr=lens,
            block_table_ptr=table,
            offset=0,
            gather_lens_ptr=gather_lens,
            max_blocks_per_seq=table.stride(0),
            block_stride=cache.stride(0),
            **sizes,
            **layout,
        )
        return out

    return call


def _assignment() -> Function:
    """What torch has: assignment to rows by page and row of each token."""
    import torch

    def call(
        key: Any, value: Any, key_cache: Any, value_cache: Any, slots: Any, k_scale: Any = None, v_scale: Any = None
    ) -> tuple[Any, Any]:
        slots, size = slots.long(), key_cache.shape[1]
        for x, cache, scale in ((key, key_cache, k_scale), (value, value_cache, v_scale)):
            rows = x if scale is None else (x.float() / scale).to(cache.dtype)
            form = {1: torch.uint8, 2: torch.int16}[cache.element_size()]
            cache.view(form)[slots // size, slots % size] = rows.contiguous().view(form)
        return key_cache, value_cache

    return call


PEERS: Mapping[str, Mapping[str, Callable[[], Function]]] = {
    "sparse_mla_decode_fp8": {FLASH_MLA: _flash_mla_decode, VLLM: _vllm_decode},
    "sparse_mla_prefill": {FLASH_MLA: _flash_mla_prefill, VLLM: _vllm_prefill},
    "qnorm_rope_kv_insert": {VLLM: _vllm_insert},
    "quantize_and_insert_k": {VLLM: _vllm_quantize},
    "dequant_gather_k": {VLLM: _vllm_gather},
    "kv_insert": {"torch: assignment": _assignment},
}


def unpack(wheel: Path, folder: Path = peers.FOLDER) -> list[Path]:
    """Unpacks FlashMLA's two files of a wheel, next to the files of `benchmarks.peers`. Returns their paths."""
    written: list[Path] = []
    with zipfile.ZipFile(wheel) as archive:
        for name in (LIBRARY, INTERFACE):
            goal = folder / name
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.write_bytes(archive.read(name))
            written.append(goal)
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: `unpack WHEEL`."""
    parser = argparse.ArgumentParser(description="FlashMLA for side-by-side timing")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("unpack", help="unpack FlashMLA's files of a wheel").add_argument("wheel", type=Path)
    for file in unpack(parser.parse_args(arguments).wheel):
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
