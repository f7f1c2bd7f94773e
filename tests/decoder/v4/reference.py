"""The tiny DeepSeek-V4 run by transformers: in float64, and as the measure of an error in 16 bits.

The measure is transformers in bfloat16, with what the layers keep in FP8 rounded to FP8: rows of the caches, and the
activations of quantised weights.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import numpy as np
import torch
from transformers.models.deepseek_v4 import modeling_deepseek_v4 as modeling

from specs.cache.layouts import V4
from specs.decoder.v4.config import HEAD_DIM, INDEX_DIM, STREAMS
from specs.indexer.layouts import INDEXER_FP8
from specs.lang.formats.named import TOKEN_GROUP_128
from tests.decoder.v4.frameworks import Array
from tests.decoder.v4.models import checkpoint

Prompts = tuple[tuple[int, ...], ...]
QUANTISED: Final = re.compile(
    r"q_a_proj|q_b_proj|o_[ab]_proj|self_attn\.kv_proj|shared_experts|experts\.(gate_up|down)_proj"
)
"""Weights of transformers that are quantised in the checkpoint."""


@contextmanager
def rows_in_fp8() -> Iterator[None]:
    """Keys of the model of transformers rounded as the caches store them, after their rotation."""
    rotate = modeling.apply_rotary_pos_emb

    def rounded(x: torch.Tensor, *arguments: Any, **settings: Any) -> torch.Tensor:
        y = rotate(x, *arguments, **settings)
        layout = {HEAD_DIM: V4, INDEX_DIM: INDEXER_FP8}[y.shape[-1]]
        one_key = y.shape[1] == 1 and y.ndim == 4
        if not one_key and layout is V4:
            return y
        rows = y.float().numpy().reshape(-1, y.shape[-1])
        back = layout.decode(layout.encode(rows), len(rows)) if len(rows) else rows
        return torch.from_numpy(np.array(back)).reshape(y.shape).to(y.dtype)

    modeling.apply_rotary_pos_emb = rounded
    try:
        yield
    finally:
        modeling.apply_rotary_pos_emb = rotate


@contextmanager
def activations_in_fp8(model: Any) -> Iterator[None]:
    """Inputs of quantised weights rounded as the layers quantise them, in groups of 128."""
    weights = [one for name, one in model.named_parameters() if QUANTISED.search(name)]
    places = [(one.data_ptr(), one.data_ptr() + one.nbytes) for one in weights]
    linear, product = torch.nn.functional.linear, torch.bmm

    def rounded(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        if not x.numel() or not any(start <= weight.data_ptr() < end for start, end in places):
            return x
        back = TOKEN_GROUP_128.decode(TOKEN_GROUP_128.encode(x.float().numpy()))
        return torch.from_numpy(back).to(x.dtype)

    torch.nn.functional.linear = lambda x, weight, *rest: linear(rounded(x, weight), weight, *rest)
    torch.bmm = lambda x, weight: product(rounded(x, weight), weight)  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.nn.functional.linear = linear
        torch.bmm = product


@cache
def transformers_run(prompts: Prompts, *, exact: bool, quantised: bool = False) -> list[list[Array]]:
    """Whole prompts, by request, in float64 or as the measure of an error; quantised: with activations in FP8.

    Streams after the embedding and after every layer, [T, 4, hidden], and logits.
    """
    model = copy.deepcopy(checkpoint().model).to(torch.float64 if exact else torch.bfloat16)
    if exact:
        return [_request(model, ids) for ids in prompts]
    with rows_in_fp8():
        if not quantised:
            return [_request(model, ids) for ids in prompts]
        with activations_in_fp8(model):
            return [_request(model, ids) for ids in prompts]


def _request(model: Any, ids: tuple[int, ...]) -> list[Array]:
    seen: list[Array] = []
    hooks = [
        layer.register_forward_hook(
            lambda _, __, out: seen.append((out[0] if isinstance(out, tuple) else out)[0].double().numpy())
        )
        for layer in model.model.layers
    ]
    with torch.no_grad():
        found = model(torch.tensor([list(ids)]), use_cache=False)
        first = model.model.embed_tokens(torch.tensor(list(ids))).double().numpy()
    for hook in hooks:
        hook.remove()
    return [np.repeat(first[:, None], STREAMS, 1), *seen, found.logits[0].double().numpy()]
