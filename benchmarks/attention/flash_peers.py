"""Other people's variable-length attention: torch's own backends on equal requests, vLLM's unified kernel on pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import peers

Function = Callable[..., Any]
SEGMENTS = 16
"""Parts of the keys that vLLM's decode takes where it splits them at all."""


def _torch(backend: str) -> Callable[[], Function]:
    """scaled_dot_product_attention by one backend; queries and keys are views of the packed ones."""

    def load() -> Function:
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        chosen = getattr(SDPBackend, backend)
        attend = torch.nn.functional.scaled_dot_product_attention

        def call(q: Any, k: Any, v: Any, starts: Any, *_: Any) -> Any:
            requests = starts.shape[0] - 1
            queries, keys, values = (x.unflatten(0, (requests, -1)).transpose(1, 2) for x in (q, k, v))
            with sdpa_kernel(chosen):
                out = attend(queries, keys, values, is_causal=True, enable_gqa=True)
            return out.transpose(1, 2).flatten(0, 1)

        return call

    return load


def _unified(split: bool) -> Callable[[], Function]:
    """vLLM's kernel; split: its form that cuts the keys into parts, which it takes below a number of requests."""

    def load() -> Function:
        module = peers.load(f"{peers.OPS}/triton_unified_attention.py")

        def call(q: Any, k: Any, v: Any, starts: Any, _none: Any, used: Any, table: Any, *_: Any) -> Any:
            import torch

            requests, heads, width = q.shape
            out = torch.empty_like(q)
            shape = (requests, heads, SEGMENTS)
            sums = torch.empty((*shape, width), device=q.device)
            peaks, totals = (torch.empty(shape, device=q.device) for _ in range(2))
            module.unified_attention(
                q=q,
                k=k,
                v=v,
                out=out,
                cu_seqlens_q=starts,
                max_seqlen_q=1,
                seqused_k=used,
                max_seqlen_k=table.shape[1] * k.shape[1],
                softmax_scale=width**-0.5,
                causal=True,
                window_size=(-1, -1),
                block_table=table,
                softcap=0.0,
                q_descale=None,
                k_descale=None,
                v_descale=None,
                seq_threshold_3D=requests if split else 0,
                num_par_softmax_segments=SEGMENTS,
                softmax_segm_output=sums,
                softmax_segm_max=peaks,
                softmax_segm_expsum=totals,
            )
            return out

        return call

    return load


PEERS: Mapping[str, Mapping[str, Callable[[], Function]]] = {
    "causal": {"SDPA flash": _torch("FLASH_ATTENTION"), "SDPA cuDNN": _torch("CUDNN_ATTENTION")},
    "paged": {"vLLM unified": _unified(split=False), "vLLM unified, in parts": _unified(split=True)},
}
"""By section, as one operation serves both."""
