"""Sentence embeddings in torch: a whole encoder with FP8 linears and attention over packed sentences.

    python -m examples.minilm_torch     run it here, and its JAX counterpart (minilm_jax.py), and compare

Three operations of the library do the work; everything else is ordinary torch.

    per_token_group_quant_fp8   activations -> FP8 codes, and one scale for 128 columns of a token
    fp8_gemm                    codes times FP8 weights, scales and bias included, in bfloat16
    flash_attn_varlen           attention of sentences of different lengths, one after the other, without padding
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.minilm_problem import NDArray, Problem, problem, quantise, report
from parity.models.minilm.assets import Layer, Linear, Norm, Tokens
from torch_impl import ops

DEVICE = "cuda" if torch.cuda.is_available() else "xpu" if torch.xpu.is_available() else "cpu"


class Fp8Linear(nn.Module):
    """x @ weight.T + bias, both operands in FP8."""

    codes: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        weight = quantise(linear)
        # Codes are bytes; torch has the same format under its own name.
        self.register_buffer("codes", torch.tensor(weight.codes).view(torch.float8_e4m3fn))
        self.register_buffer("scale", torch.tensor(weight.scale))
        self.register_buffer("bias", torch.tensor(weight.bias))

    def forward(self, x: Tensor) -> Tensor:
        """bf16 [T, K] -> bf16 [T, N]. Any number of leading dimensions would do."""
        codes, scale = ops.per_token_group_quant_fp8(x)
        # "nk": the weight lies as checkpoints have it, [N, K], and is read that way.
        out: Tensor = ops.fp8_gemm(
            codes, self.codes, scale, self.scale, self.bias, scale_mode="block", weight_order="nk"
        )
        return out


class AddNorm(nn.Module):
    """Layer norm of a sum, in float32."""

    weight: Tensor
    bias: Tensor

    def __init__(self, norm: Norm, eps: float) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(norm.weight))
        self.register_buffer("bias", torch.tensor(norm.bias))
        self.eps = eps

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Any float [T, hidden] -> bf16 [T, hidden]."""
        total = x.float() + y.float()
        return functional.layer_norm(total, total.shape[-1:], self.weight, self.bias, self.eps).bfloat16()


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each followed by a residual addition and a layer norm."""

    def __init__(self, layer: Layer, heads: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (Fp8Linear(part) for part in (layer.query, layer.key, layer.value))
        self.output, self.up, self.down = (Fp8Linear(part) for part in (layer.attention_output, layer.up, layer.down))
        self.attention_norm, self.output_norm = AddNorm(layer.attention_norm, eps), AddNorm(layer.output_norm, eps)

    def forward(self, x: Tensor, starts: Tensor, longest: int) -> Tensor:
        """bf16 [T, hidden] -> the same."""
        q, k, v = (part(x).unflatten(-1, (self.heads, -1)) for part in (self.query, self.key, self.value))
        # Sentence b is rows starts[b] .. starts[b + 1] of all arrays: nothing is padded, no mask is made.
        mixed = ops.flash_attn_varlen(q, k, v, starts, starts, max_seqlen_q=longest, max_seqlen_k=longest)
        x = self.attention_norm(self.output(mixed.flatten(1)), x)
        return self.output_norm(self.down(functional.gelu(self.up(x).float()).bfloat16()), x)


class Encoder(nn.Module):
    """The whole model: tokens in, one vector of length 1 per sentence out."""

    word: Tensor
    position: Tensor

    def __init__(self, given: Problem) -> None:
        super().__init__()
        table, config = given.assets.embeddings, given.assets.config
        self.register_buffer("word", torch.tensor(table.word))
        self.register_buffer("position", torch.tensor(table.position + table.token_type[0]))
        self.norm = AddNorm(table.norm, config.layer_norm_eps)
        self.layers = nn.ModuleList(
            EncoderLayer(layer, config.heads, config.layer_norm_eps) for layer in given.assets.layers
        )

    def forward(self, tokens: Tokens) -> Tensor:
        """float32 [sentences, hidden]."""
        ids, positions, starts = (
            torch.tensor(x, device=self.word.device) for x in (tokens.ids, tokens.positions, tokens.starts)
        )
        x = self.norm(self.word[ids], self.position[positions])
        for layer in self.layers:
            x = layer(x, starts, tokens.longest)
        means = torch.stack([part.mean(0) for part in x.float().split(np.diff(tokens.starts).tolist())])
        return functional.normalize(means)


def run(given: Problem) -> NDArray:
    """Embeddings of the sentences, float32 [sentences, hidden]."""
    with torch.no_grad():
        embeddings: NDArray = Encoder(given).to(DEVICE)(given.tokens).cpu().numpy()
    return embeddings


if __name__ == "__main__":
    from examples import minilm_jax

    inputs = problem()
    print(report(inputs, {"torch": run(inputs), "jax": minilm_jax.run(inputs)}))
