"""The same model put together from torch's own parts: nn.TransformerEncoderLayer, on padded sentences, in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from parity.models.minilm.arrays import HostArray
from parity.models.minilm.assets import Assets, Layer, Linear, Norm


def embeddings(assets: Assets, sentences: Sequence[str]) -> HostArray:
    """Embeddings [sentences, hidden], float64."""
    rows = [encoding.ids for encoding in assets.tokenizer.encode_batch(list(sentences))]
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    padding = torch.tensor([[position >= len(row) for position in range(length)] for row in rows])
    table = assets.embeddings
    x = functional.embedding(ids, _wide(table.word)) + _wide(table.position)[:length] + _wide(table.token_type)[0]
    eps, hidden = assets.config.layer_norm_eps, assets.config.hidden
    x = functional.layer_norm(x, (hidden,), _wide(table.norm.weight), _wide(table.norm.bias), eps)
    with torch.no_grad():
        for layer in assets.layers:
            x = _module(assets, layer)(x, src_key_padding_mask=padding)
    kept = (~padding)[:, :, None].double()
    return functional.normalize((x * kept).sum(1) / kept.sum(1)).numpy()


def _module(assets: Assets, layer: Layer) -> torch.nn.TransformerEncoderLayer:
    config = assets.config
    module = torch.nn.TransformerEncoderLayer(
        config.hidden,
        config.heads,
        config.intermediate,
        activation="gelu",
        layer_norm_eps=config.layer_norm_eps,
        batch_first=True,
        dtype=torch.float64,
    ).eval()
    together = (layer.query, layer.key, layer.value)
    state = {
        "self_attn.in_proj_weight": _wide(np.concatenate([part.weight for part in together])),
        "self_attn.in_proj_bias": _wide(np.concatenate([part.bias for part in together])),
    }
    parts: dict[str, Linear | Norm] = {
        "self_attn.out_proj": layer.attention_output,
        "linear1": layer.up,
        "linear2": layer.down,
        "norm1": layer.attention_norm,
        "norm2": layer.output_norm,
    }
    for name, part in parts.items():
        state |= {f"{name}.weight": _wide(part.weight), f"{name}.bias": _wide(part.bias)}
    module.load_state_dict(state)
    return module


def _wide(array: HostArray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float64)
