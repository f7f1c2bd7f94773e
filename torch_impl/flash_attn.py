"""`flash_attn_varlen_func` and `get_scheduler_metadata` as vLLM calls them, keyword for keyword.

The kernel is that of the operation `flash_attn_varlen`; other names and shapes are converted here, and arguments for
other backends are accepted if inert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from specs.extras import hints

with hints("torch"):
    import torch

from specs.lang.errors import NotAChoice, WrongShape
from torch_impl import ops

Implementation = Literal["triton", "eager", "interpret"]
_NAME = "flash_attn_varlen_func"


def get_scheduler_metadata(*_: Any, **__: Any) -> object:
    """None: the grid follows from the arguments of the call. Attention takes the result back."""
    return None


def flash_attn_varlen_func(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    softmax_scale: float | None = None,
    causal: bool = False,
    out: torch.Tensor | None = None,
    block_table: torch.Tensor | None = None,
    alibi_slopes: torch.Tensor | None = None,
    window_size: Sequence[int] | None = None,
    softcap: float | None = 0.0,
    seqused_k: torch.Tensor | None = None,
    cu_seqlens_k: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    scheduler_metadata: object = None,
    fa_version: int | None = 2,
    q_descale: torch.Tensor | None = None,
    k_descale: torch.Tensor | None = None,
    v_descale: torch.Tensor | None = None,
    num_splits: int | None = 0,
    return_softmax_lse: bool = False,
    s_aux: torch.Tensor | None = None,
    return_attn_probs: bool = False,
    dynamic_causal: object = None,
    mask_mod: object = None,
    aux_tensors: object = None,
    *,
    implementation: Implementation | None = None,
) -> Any:
    """Attention of requests of different lengths (see `torch_impl.ops.flash_attn_varlen`).

    Args:
        q: queries [total, heads, D]. k, v: [total keys, key heads, D or Dv], or pages [pages, keys, key heads, ..].
        max_seqlen_q, max_seqlen_k: no request has more queries, or keys; rows beyond are not computed.
        window_size: keys seen before and after a query's own position, -1 for all; None for (-1, -1).
        q_descale, k_descale, v_descale: whatever broadcasts to [requests, key heads], a single value too.
        num_splits: parts of the keys; 0 as many as the batch leaves room for, any other number makes a result
            independent of the batch.
        out: where the result goes; states its format where queries are FP8, which is bfloat16 otherwise.
        cu_seqlens_k, seqused_k: where dense keys of requests begin, and how many of each are used; all if left out.
            With block_table, seqused_k alone.
        softcap: c of c tanh(score / c); 0 or None for no cap.
        fa_version: 2, 3, 4 or None, which give the same result: there is one kernel.
        dropout_p, scheduler_metadata, return_attn_probs, dynamic_causal, mask_mod, aux_tensors: only their defaults.

    Returns:
        out [total, heads, Dv], and with `return_softmax_lse` also lse float32 [heads, total].

    Raises:
        ArgumentError: the call does not fit; nothing was run and nothing written.
    """
    _refuse_unless_inert(
        dropout_p=dropout_p,
        scheduler_metadata=scheduler_metadata,
        fa_version=fa_version,
        return_attn_probs=return_attn_probs,
        dynamic_causal=dynamic_causal,
        mask_mod=mask_mod,
        aux_tensors=aux_tensors,
    )
    left, right = _window(window_size)
    factors = [_expanded(n, t, k, cu_seqlens_q) for n, t in zip("qkv", (q_descale, k_descale, v_descale), strict=True)]
    narrow = q.dtype.itemsize == 1
    given = None if out is None else (out, None) if return_softmax_lse else (out,)
    return ops.flash_attn_varlen(
        *(q, k, v, cu_seqlens_q, cu_seqlens_k, seqused_k, block_table, alibi_slopes, s_aux, *factors),
        max_seqlen_q=max_seqlen_q,
        max_seqlen_k=max_seqlen_k,
        softmax_scale=None if softmax_scale is None else float(softmax_scale),
        causal=bool(causal),
        window_left=left,
        window_right=right,
        softcap=float(softcap or 0.0),
        out_dtype=(torch.bfloat16 if out is None else out.dtype) if narrow else None,
        return_softmax_lse=return_softmax_lse,
        splits=num_splits or 0,
        implementation=implementation,
        out=given,
    )


_INERT: Mapping[str, tuple[object, ...]] = {
    "dropout_p": (0, 0.0),
    "scheduler_metadata": (None,),
    "fa_version": (2, 3, 4, None),
    "return_attn_probs": (False,),
    "dynamic_causal": (None,),
    "mask_mod": (None,),
    "aux_tensors": (None,),
}


def _refuse_unless_inert(**given: object) -> None:
    """Refuses arguments for features that are not implemented."""
    for name, value in given.items():
        if isinstance(value, torch.Tensor) or value not in _INERT[name]:
            raise NotAChoice(op=_NAME, argument=name, expected=repr(_INERT[name][0]), actual=repr(value))


def _window(size: Sequence[int] | None) -> tuple[int, int]:
    """Both sides of a window, -1 for no bound."""
    if size is None:
        return -1, -1
    if len(size) != 2:
        raise WrongShape(op=_NAME, argument="window_size", expected="(left, right)", actual=list(size))
    left, right = (max(int(side), -1) for side in size)
    return left, right


def _expanded(name: str, factor: torch.Tensor | None, k: torch.Tensor, starts: torch.Tensor) -> Any:
    """A factor as a view [requests, key heads]."""
    if factor is None:
        return None
    goal = (starts.shape[0] - 1, k.shape[-2])
    try:
        return factor.expand(goal)
    except RuntimeError:
        text = f"what broadcasts to [requests, key heads] = {list(goal)}"
        raise WrongShape(op=_NAME, argument=f"{name}_descale", expected=text, actual=list(factor.shape)) from None
