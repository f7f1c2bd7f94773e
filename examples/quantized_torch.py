"""Linears of any torch.nn module with quantised weights, without a change to the module; compiled and saved as before.

python -m examples.quantized_torch
"""

from __future__ import annotations

import torch

from specs.lang.formats.named import FP8_BLOCK_128
from specs.quantized.arrays import Form
from torch_impl.quantized import quantize


def quantize_linears(module: torch.nn.Module, form: Form) -> torch.nn.Module:
    """The module, the weights of whose linears are quantised from here on."""
    for part in module.modules():
        if isinstance(part, torch.nn.Linear):
            part.weight = torch.nn.Parameter(quantize(part.weight.detach(), form), requires_grad=False)
    return module


def model() -> torch.nn.Module:
    """A small one, with weights of its own."""
    layers = (torch.nn.Linear(256, 512), torch.nn.SiLU(), torch.nn.Linear(512, 256))
    return torch.nn.Sequential(*layers).to(torch.bfloat16).requires_grad_(requires_grad=False)


def main() -> None:
    torch.manual_seed(0)
    plain, other = model(), model()
    x = torch.randn(4, 256, dtype=torch.bfloat16)
    exact = plain(x).float()
    quantized = quantize_linears(plain, FP8_BLOCK_128)
    result = quantized(x)
    error = (result.float() - exact).abs().max() / exact.abs().max()
    print(f"largest error {float(error):.1%} of the largest result")
    print(f"compiled, the same bytes: {torch.equal(torch.compile(quantized, backend='aot_eager')(x), result)}")
    other.load_state_dict(quantized.state_dict(), assign=True)
    print(f"another one, with its state_dict: {torch.equal(other(x), result)}")


if __name__ == "__main__":
    main()
