"""A format that exists in this file only gets a quantiser on every implementation, from the declaration alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specs.lang.errors import ConstraintViolated
from specs.lang.formats.blocks import BlockFormat
from specs.lang.formats.elements import BF16, F32, ElementFormat, Kind, NanRule
from specs.lang.formats.packing import raw_codes
from specs.quant.group import GROUP_QUANT, group_quantiser
from tests.rules.source import own_modules

NAME = "e3m4"
E3M4 = ElementFormat(name=NAME, kind=Kind.FLOAT, bits=8, exponent_bits=3, mantissa_bits=4, bias=3, nan=NanRule.ALL_ONES)
INVENTED = BlockFormat(name="e3m4_48", element=E3M4, block=(1, 48), scale=BF16, amax_floor=1e-10)
QUANT = group_quantiser("e3m4_48_quant", INVENTED, "E3M4 codes of groups of 48, with one bfloat16 scale each.")
ROWS, COLUMNS = 37, 48 * 19  # neither is a multiple of the tile


def _values(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Groups of very different magnitude; a group of zeros, one with a NaN, one with an infinity; many ties."""
    x = rng.standard_normal((ROWS, COLUMNS)) * np.exp2(rng.integers(-40, 40, (ROWS, COLUMNS // 48)).repeat(48, 1))
    x[0, :48] = 0
    x[1, 50] = np.nan
    x[2, 100] = -np.inf
    x[3:9] = np.round(x[3:9] * 4) / 4
    x[9, :48] = np.linspace(-30, 30, 48)  # the largest value is exactly the range: the scale is 1
    return x.astype(np.float32)


def _stored(array: Any, form: ElementFormat) -> np.ndarray[Any, Any]:
    return raw_codes(np.asarray(array), form, op="test", argument="array")


def _expected(x: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    quantized = INVENTED.encode(x)
    assert quantized.scale is not None
    return _stored(quantized.data, E3M4), _stored(quantized.scale, BF16)


def _same(q: Any, scale: Any, x: np.ndarray[Any, Any]) -> None:
    codes, scales = _expected(x)
    nan = np.isnan(BF16.decode(scales))
    assert nan.sum() == 1
    np.testing.assert_array_equal(np.asarray(q), codes)
    np.testing.assert_array_equal(np.asarray(scale)[~nan], scales[~nan])
    assert np.isnan(BF16.decode(np.asarray(scale)[nan])).all()


@pytest.mark.parametrize("implementation", ["eager", "interpret", "triton"])
@pytest.mark.parametrize("form", ["f32", "bf16"])
def test_torch(implementation: str, form: str, rng: np.random.Generator) -> None:
    import torch

    from torch_impl.launch import run

    device = "cuda" if implementation == "triton" else "cpu"
    if (implementation == "triton") != torch.cuda.is_available() and implementation != "eager":
        pytest.skip("Triton compiles where there is a GPU, and is interpreted where there is none")
    x = torch.from_numpy(_values(rng))
    x = x.to(torch.bfloat16) if form == "bf16" else x
    with np.errstate(invalid="ignore"):  # the interpreter divides in numpy, and infinity by infinity is NaN
        q, scale = run(QUANT, [x.to(device)], (), implementation)
    assert (q.dtype, scale.dtype) == (torch.uint8, torch.bfloat16)
    _same(q.cpu().numpy(), scale.cpu().view(torch.int16).numpy().view(np.uint16), x.float().numpy())


@pytest.mark.parametrize("implementation", ["xla", "interpret", "pallas"])
@pytest.mark.parametrize("form", ["f32", "bf16"])
def test_jax(implementation: str, form: str, rng: np.random.Generator) -> None:
    import jax.numpy as jnp

    from jax_impl.launch import run
    from jax_impl.support import default_platform

    if implementation != "xla" and (implementation == "pallas") != (default_platform() == "cuda"):
        pytest.skip("Pallas compiles where there is a GPU, and is interpreted where there is none")
    x = jnp.asarray(_values(rng))
    x = x.astype(jnp.bfloat16) if form == "bf16" else x
    q, scale = run(QUANT, [x], (), implementation)
    assert (q.dtype, scale.dtype) == (jnp.uint8, jnp.bfloat16)
    _same(q, np.asarray(scale).view(np.uint16), np.asarray(x.astype(jnp.float32)))


def test_sources() -> None:
    """Both frameworks' kernels exist for GPUs too, and have no type of that name to lean on."""
    from jax_impl.pallas.emitter import emit as emit_pallas
    from specs.lang.call.bind import ArrayInfo, bind
    from specs.tile.emit.triton import emit as emit_triton
    from specs.tile.launch.plan import plan
    from specs.tile.passes.legalise import legalise
    from specs.tile.targets import PALLAS_CUDA, TRITON_CUDA, TRITON_XPU

    call = bind(QUANT, {"x": ArrayInfo((ROWS, COLUMNS), F32, (COLUMNS, 1), "gpu")}, {})
    for emit, target in ((emit_triton, TRITON_CUDA), (emit_triton, TRITON_XPU), (emit_pallas, PALLAS_CUDA)):
        program = plan(call, QUANT.steps[0], config=target.config, strides={"x": (COLUMNS, 1)}).program
        source = emit(legalise(program, target))
        compile(source, target.name, "exec")
        assert f"element = {NAME}" in source
        body = source.split('"""')[2]
        assert NAME not in body


def test_the_kernel_is_everyones() -> None:
    """The body is that of the registered quantisers; nothing was added for this format."""
    assert [step.kernel for step in QUANT.steps] == [GROUP_QUANT]


def test_calls_are_checked() -> None:
    import torch

    from torch_impl.launch import run

    with pytest.raises(ConstraintViolated, match="must be a multiple of group = 48"):
        run(QUANT, [torch.zeros(2, 64)], (), "eager")


def test_oracle_is_the_encoder(rng: np.random.Generator) -> None:
    x = _values(rng)
    codes, scales = _expected(x)
    results = QUANT.oracle({"x": x.astype(np.float64)})
    np.testing.assert_array_equal(results["q"].value, codes)
    np.testing.assert_array_equal(results["scale"].value, BF16.decode(scales))


def test_no_source_knows_the_format() -> None:
    packages = [module for module in own_modules() if module.within("specs", "torch_impl", "jax_impl", "parity")]
    assert len(packages) > 50
    assert [str(module.path) for module in packages if NAME in module.text.lower()] == []
