"""torch: a quantised tensor as the parameter of a module, and what torch does with parameters."""

from __future__ import annotations

import io

import pytest
import torch

from specs.lang.errors import Unsupported
from specs.lang.formats import ggml
from specs.lang.formats.named import FP8_BLOCK_128, INT4_GROUP_128
from specs.quantized.arrays import Form
from tests.quantized.weights import K, N, values
from torch_impl.quantized import QuantizedTensor, linear, quantize

FORMS = (FP8_BLOCK_128, INT4_GROUP_128, ggml.Q8_0)
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
X = torch.randn(2, 3, K, generator=torch.Generator().manual_seed(0)).bfloat16()


def layer(form: Form = FP8_BLOCK_128) -> torch.nn.Linear:
    made = torch.nn.Linear(K, N, dtype=torch.bfloat16)
    made.weight = torch.nn.Parameter(quantize(torch.from_numpy(values()).bfloat16(), form), requires_grad=False)
    return made.requires_grad_(requires_grad=False)


def weight_of(module: torch.nn.Linear) -> QuantizedTensor:
    assert isinstance(module.weight, QuantizedTensor)
    return module.weight


@each_form
def test_an_unchanged_module_multiplies_by_it(form: Form) -> None:
    module = layer(form)
    assert torch.equal(module(X), linear(X, weight_of(module), module.bias))


def test_to_another_dtype_leaves_codes_and_scales_alone() -> None:
    module = layer()
    before = {name: array.clone() for name, array in weight_of(module).arrays().items()}
    module.to(torch.float32)
    assert isinstance(module.weight, torch.nn.Parameter)
    assert module.weight.dtype == module.weight.dequantize().dtype == module.bias.dtype == torch.float32
    for name, array in weight_of(module).arrays().items():
        assert array.dtype == before[name].dtype
        assert torch.equal(array.view(torch.uint8), before[name].view(torch.uint8))
    assert weight_of(module.to("meta")).codes.is_meta


@each_form
def test_state_dict_and_files_of_torch(form: Form) -> None:
    module, other = layer(form), layer(form)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    state = torch.load(buffer, weights_only=True)
    assert state["weight"].format == form
    other.load_state_dict(state, assign=True)
    assert torch.equal(other(X), module(X))


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch's own
def test_compiled_and_exported() -> None:
    module = layer()
    expected = module(X)
    torch._dynamo.reset()
    assert torch.equal(torch.compile(module, fullgraph=True, backend="aot_eager")(X), expected)
    torch._dynamo.reset()
    exported = torch.export.export(module, (X,))
    assert torch.equal(exported.module()(X), expected)
    flat = exported.run_decompositions({})
    assert any("twinkernels.fp8_gemm" in str(node.target) for node in flat.graph.nodes)
    assert torch.equal(flat.module()(X), expected)


def test_an_index_picks_one_of_stacked_weights() -> None:
    stacked = quantize(torch.from_numpy(values(2)).bfloat16(), FP8_BLOCK_128)
    one = stacked[1]
    assert isinstance(one, QuantizedTensor)
    assert torch.equal(linear(X, stacked)[1], linear(X[1], one))
    assert [tuple(one.shape) for one in stacked] == [(N, K)] * 2
    with pytest.raises(Unsupported, match=r"an index into a quantised tensor.*stacked weights"):
        stacked[0][0]


def test_anything_else_is_refused() -> None:
    weight = layer().weight
    for call in (lambda: weight + 1, lambda: X @ weight.mT, lambda: torch.ones_like(weight)):
        with pytest.raises(Unsupported, match=r"of a quantised tensor.*dequantize\(\) gives a plain tensor"):
            call()
    assert "fp8_block_128" in repr(weight)
