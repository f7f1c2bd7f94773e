"""A tiny random DeepSeek-V4 of transformers, with the names that the published checkpoint has for its tensors."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
import torch
import transformers

from specs.decoder.v4.checkpoint import with_scales
from specs.decoder.v4.config import V4Config
from specs.decoder.v4.weights import PUBLISHED, layer_weights
from specs.decoder.weights import Tensors
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.named import FP8_BLOCK_128

FIELDS: Final[dict[str, Any]] = {
    "vocab_size": 96,
    "hidden_size": 128,
    "moe_intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "q_lora_rank": 128,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "o_groups": 2,
    "o_lora_rank": 128,
    "index_n_heads": 8,
    "index_topk": 4,
    "hc_sinkhorn_iters": 4,
    "max_position_embeddings": 512,
    "rms_norm_eps": 0.125,  # seen next to squares of about one, as 1e-6 is not
    "layer_types": ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"],
    "mlp_layer_types": ["hash_moe", "moe", "moe"],
    "rope_parameters": {
        "rope_type": "yarn",
        "factor": 16.0,
        "original_max_position_embeddings": 32,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
    },
}
NAMES: Final = (
    (r"^model\.", ""),
    (r"^lm_head\.", "head."),
    (r"^embed_tokens\.", "embed."),
    (r"^hc_head\.", ""),
    (r"^hc_(fn|scale|base)$", r"hc_head_\1"),
    (r"\.(attn|ffn)_hc\.", r".hc_\1_"),
    (r"\.input_layernorm\.", ".attn_norm."),
    (r"\.post_attention_layernorm\.", ".ffn_norm."),
    (r"\.self_attn\.compressor\.indexer\.(q_b_proj|scorer)", r".attn.indexer.\1"),
    (r"\.self_attn\.compressor\.indexer\.", ".attn.indexer.compressor."),
    (r"\.self_attn\.", ".attn."),
    (r"\.scorer\.", "."),
    (r"\.compressor\.kv_norm\.", ".compressor.norm."),
    (r"\.position_bias$", ".ape"),
    (r"\.sinks$", ".attn_sink"),
    (r"\.q_a_norm\.", ".q_norm."),
    (r"\.([qo])_([ab])_proj\.", r".w\1_\2."),
    (r"\.kv_proj\.", ".wkv."),
    (r"\.mlp\.", ".ffn."),
    (r"\.shared_experts\.gate_proj\.", ".shared_experts.w1."),
    (r"\.shared_experts\.up_proj\.", ".shared_experts.w3."),
    (r"\.shared_experts\.down_proj\.", ".shared_experts.w2."),
    (r"\.gate_proj\.", ".wgate."),
    (r"\.e_score_correction_bias$", ".bias"),
)
"""Names in transformers, and names in the checkpoint."""


Kind = Literal["published", "fp8"]
"""Formats of quantised weights: as V4-Flash has them, or all FP8 with float32 scales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model of transformers in float32, all of whose weights are bfloat16 numbers, or values of quantised ones.

    dense: its tensors. tensors: the same, those that the published checkpoint quantises as codes with scales.
    """

    model: Any
    config: V4Config
    dense: Tensors
    tensors: Tensors


DRAFT: Final[dict[str, Any]] = {
    "num_hidden_layers": 1,
    "layer_types": ["sliding_attention"],
    "mlp_layer_types": ["moe"],
}
"""A model whose one layer is like a block of multi-token prediction, which transformers does not have."""


@cache
def checkpoint(*, draft: bool = False, kind: Kind = "published") -> Checkpoint:
    """The model of `FIELDS`; norms, biases and tables are random too, because ones and zeros hide mistakes."""
    fields = copy.deepcopy({**FIELDS, **(DRAFT if draft else {})})  # transformers writes into nested dictionaries
    fields |= {"attn_implementation": "eager", "experts_implementation": "eager"}
    config = transformers.DeepseekV4Config(**fields)
    torch.manual_seed(4)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            value.copy_(_values(name, value))
    read, dense = V4Config.from_hf(config.to_dict()), dict(_tensors(model.state_dict()))
    published = dict(dense)
    for layer in range(read.layers):
        for key, weight in layer_weights(read, layer).items():
            for source in weight.sources if key in PUBLISHED else ():
                form = PUBLISHED[key] if kind == "published" else FP8_BLOCK_128
                published |= _quantise(source.name, dense[source.name], form)
    return Checkpoint(model=model, config=read, dense=dense, tensors=with_scales(published))


def _quantise(name: str, values: Any, form: BlockFormat) -> dict[str, np.ndarray[Any, Any]]:
    """Codes and scales of a weight, whose values become the decoded ones."""
    found = form.encode(values)
    values[...] = form.decode(found)  # part of the model's own memory
    dtype = form.element.numpy_dtype
    assert found.scale is not None
    assert dtype is not None
    codes = found.data if form.packing else found.data.view(dtype)
    return {name: codes, name.replace(".weight", ".scale"): found.scale}


def _values(name: str, value: torch.Tensor) -> torch.Tensor:
    if name.endswith("tid2eid"):
        rows = [torch.randperm(FIELDS["n_routed_experts"])[: value.shape[1]] for _ in range(value.shape[0])]
        return torch.stack(rows)
    if name.endswith("e_score_correction_bias"):
        # Further apart than scores: rounded activations would change the experts of some tokens, in any implementation.
        found = torch.tensor([9.0, 0.0, 21.0, 6.0, 15.0, 18.0, 3.0, 12.0])
    elif name.endswith("sinks"):
        found = torch.randn_like(value) * 0.5 + 4.0  # a share of the softmax that is seen next to a hundred keys
    elif name.endswith(("base", "bias")):
        found = torch.randn_like(value) * 0.5
    elif name.endswith("self_attn.compressor.kv_norm.weight"):
        found = torch.randn_like(value) * 0.25 + 3.0  # compressed keys outweigh the window's, which are many more
    elif value.ndim == 1:
        found = torch.randn_like(value) * 0.08 + 1.0
    else:
        found = torch.randn_like(value) * value.shape[-1] ** -0.5
    return found.bfloat16().float()


def _tensors(state: dict[str, torch.Tensor]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    for theirs, value in state.items():
        name = theirs
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        array = value.numpy()
        if name.endswith("experts.gate_up_proj"):
            for expert, (gate, up) in enumerate(np.split(one, 2) for one in array):
                yield name.replace("gate_up_proj", f"{expert}.w1.weight"), gate
                yield name.replace("gate_up_proj", f"{expert}.w3.weight"), up
        elif name.endswith("experts.down_proj"):
            for expert, down in enumerate(array):
                yield name.replace("down_proj", f"{expert}.w2.weight"), down
        else:
            yield name, array
