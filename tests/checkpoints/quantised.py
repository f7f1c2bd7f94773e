"""Tiny random folders of Hugging Face with quantised linears, and the same models with the values of these.

Every format is packed here by numpy alone: readers are compared with it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import ml_dtypes
import numpy as np
import tokenizers
import torch
import transformers
from safetensors.numpy import load_file, save_file

from tests.decoder.models import COMMON

Array = np.ndarray[Any, Any]
Parts = dict[str, Array]
GROUP: Final = 32
RNG: Final = np.random.default_rng(11)
SIZES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    # A part of 64 rows: its last FP8 block ends in the middle, where the next part begins.
    "llama": ("LlamaConfig", {"hidden_size": 256, "intermediate_size": 384, "num_key_value_heads": 1, "head_dim": 64}),
    "qwen3_moe": (
        "Qwen3MoeConfig",
        {"hidden_size": 128, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 128},
    ),
    "gpt_oss": (
        "GptOssConfig",
        {"num_local_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 64, "sliding_window": 8},
    ),
}
AWQ_ORDER: Final = (0, 2, 4, 6, 1, 3, 5, 7)


def words(codes: Array, axis: int, order: Sequence[int] = range(8)) -> Array:
    """Nibbles as int32 words along an axis; nibble p is element order[p] of the eight."""
    moved = np.moveaxis(codes, axis, -1).astype(np.uint32)
    eight = moved.reshape(*moved.shape[:-1], -1, 8)[..., list(order)]
    packed = (eight << (4 * np.arange(8, dtype=np.uint32))).sum(-1, dtype=np.uint32).view(np.int32)
    return np.ascontiguousarray(np.moveaxis(packed, -1, axis))


def in_groups(weight: Array, groups: Array, *, zeros: bool) -> tuple[Array, Array, Array]:
    """Codes 0 .. 15 [N, K], zero points [N, G] and scales float16 [N, G] of a weight [N, K]; groups: of every k."""
    count = int(groups.max()) + 1
    scale = np.stack([np.abs(weight[:, groups == g]).max(1) / 7 for g in range(count)], 1).astype(np.float16)
    zero = RNG.integers(5, 12, scale.shape) if zeros else np.full(scale.shape, 8)
    codes = np.clip(np.rint(weight / scale.astype(np.float32)[:, groups]) + zero[:, groups], 0, 15).astype(np.int64)
    return codes, zero, scale


def values(codes: Array, zero: Array, scale: Array, groups: Array) -> Array:
    """(u - z) s, float32: exact."""
    return ((codes - zero[:, groups]) * scale.astype(np.float32)[:, groups]).astype(np.float32)


def fp8(weight: Array) -> tuple[Parts, Array]:
    """Blocks of 128 x 128."""
    rows, columns = weight.shape
    codes, found = np.empty(weight.shape, ml_dtypes.float8_e4m3fn), np.empty_like(weight)
    scale = np.empty((-(-rows // 128), -(-columns // 128)), np.float32)
    for i, j in np.ndindex(scale.shape):
        at = slice(128 * i, 128 * i + 128), slice(128 * j, 128 * j + 128)
        scale[i, j] = np.abs(weight[at]).max() / 448
        codes[at] = (weight[at] / scale[i, j]).astype(codes.dtype)
        found[at] = codes[at].astype(np.float32) * scale[i, j]
    return {".weight": codes, ".weight_scale_inv": scale}, found


def gptq(weight: Array, *, version: int, act_order: bool = False, zeros: bool = True) -> tuple[Parts, Array]:
    """GPTQ."""
    k = weight.shape[1]
    groups = np.arange(k) // GROUP
    if act_order:  # one order for all linears of the same activations, as calibration gives it
        groups = np.random.default_rng(k).permutation(groups)
    codes, zero, scale = in_groups(weight, groups, zeros=zeros)
    parts = {
        ".qweight": words(codes.T, 0),
        ".qzeros": words((zero - (version == 1)).T, 1),
        ".scales": np.ascontiguousarray(scale.T),
        ".g_idx": groups.astype(np.int32),
    }
    return parts, values(codes, zero, scale, groups)


def awq(weight: Array) -> tuple[Parts, Array]:
    """AWQ, version gemm."""
    groups = np.arange(weight.shape[1]) // GROUP
    codes, zero, scale = in_groups(weight, groups, zeros=True)
    packed, zeros = words(codes.T, 1, AWQ_ORDER), words(zero.T, 1, AWQ_ORDER)
    parts = {".qweight": packed, ".qzeros": zeros, ".scales": np.ascontiguousarray(scale.T)}
    return parts, values(codes, zero, scale, groups)


def compressed(weight: Array, *, zeros: bool) -> tuple[Parts, Array]:
    """compressed-tensors, pack-quantized."""
    groups = np.arange(weight.shape[1]) // GROUP
    codes, zero, scale = in_groups(weight, groups, zeros=zeros)
    parts = {".weight_packed": words(codes, 1), ".weight_scale": scale, ".weight_shape": np.array(weight.shape)}
    if zeros:
        parts[".weight_zero_point"] = words(zero, 0)
    return parts, values(codes, zero, scale, groups)


def mxfp4(weight: Array) -> tuple[Parts, Array]:
    """gpt-oss: weight [E, K, N] to blocks [E, N, K / 32, 16]."""
    rows = weight.swapaxes(1, 2)
    blocks = rows.reshape(*rows.shape[:2], -1, 32)
    exponent = np.ceil(np.log2(np.abs(blocks).max(-1) / 6)).astype(np.int64)
    codes = (blocks / np.exp2(exponent)[..., None]).astype(ml_dtypes.float4_e2m1fn)
    nibbles = codes.view(np.uint8)
    parts = {"_blocks": nibbles[..., ::2] | nibbles[..., 1::2] << 4, "_scales": (exponent + 127).astype(np.uint8)}
    found = (codes.astype(np.float32) * np.exp2(exponent)[..., None]).reshape(rows.shape)
    return parts, np.ascontiguousarray(found.swapaxes(1, 2).astype(np.float32))


def _gptq_settings(version: str, *, act_order: bool = False) -> dict[str, Any]:
    settings = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": act_order}
    return settings | ({} if version == "gptq" else {"checkpoint_format": version})


_CT_GROUP: Final = {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "group_size": GROUP}}
_CT: Final = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": _CT_GROUP}}
FORMATS: Final[dict[str, tuple[dict[str, Any], Callable[[Array], tuple[Parts, Array]]]]] = {
    "fp8": ({"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}, fp8),
    "gptq": (_gptq_settings("gptq"), lambda w: gptq(w, version=1)),
    "gptq symmetric": (_gptq_settings("gptq"), lambda w: gptq(w, version=1, zeros=False)),
    "gptq_v2": (_gptq_settings("gptq_v2"), lambda w: gptq(w, version=2)),
    "gptq act-order": (_gptq_settings("gptq", act_order=True), lambda w: gptq(w, version=1, act_order=True)),
    "awq": ({"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm"}, awq),
    "compressed-tensors": (_CT, lambda w: compressed(w, zeros=False)),
    "compressed-tensors asymmetric": (_CT, lambda w: compressed(w, zeros=True)),
    "mxfp4": ({"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, mxfp4),
}
"""`quantization_config`, and the packer of a weight: its tensors by the end of their names, and its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """folder: quantised. plain: the same values in float32. values: of the quantised weights by name."""

    folder: Path
    plain: Path
    values: dict[str, Array]


@cache
def pair(kind: str, form: str) -> Pair:
    """A model of `SIZES` in a format of `FORMATS`."""
    name, sizes = SIZES[kind]
    config = getattr(transformers, name)(**copy.deepcopy({**COMMON, "num_hidden_layers": 1, **sizes}))
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.08 + (1.0 if parameter.ndim == 1 else 0.0))
    plain, folder = Path(mkdtemp(prefix="plain-")), Path(mkdtemp(prefix="quantised-"))
    model.save_pretrained(plain)
    settings, pack = FORMATS[form]
    tensors, found = load_file(plain / "model.safetensors"), {}
    stored = dict(tensors)
    for label in sorted(tensors):
        if _quantised(label, form):
            parts, found[label] = pack(tensors[label])
            del stored[label]
            stored |= {label.removesuffix(".weight") + end: np.ascontiguousarray(part) for end, part in parts.items()}
    save_file({**tensors, **found}, plain / "model.safetensors")
    save_file(stored, folder / "model.safetensors")
    written = json.loads((plain / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(written | {"quantization_config": settings}))
    vocabulary = {chr(32 + index): index for index in range(96)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=" "))  # noqa: S106 - no password
    for one in (plain, folder):
        tokenizer.save(str(one / "tokenizer.json"))
    return Pair(folder=folder, plain=plain, values=found)


def _quantised(name: str, form: str) -> bool:
    if form == "mxfp4":
        return name.endswith(("gate_up_proj", "down_proj"))
    return name.endswith("_proj.weight")
