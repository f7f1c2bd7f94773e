"""A matrix product with weights in a format that exists in this file only, from the family's building blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from specs.gemm.oracle import product
from specs.gemm.scaled import K, M, N, grid, static_conditions, tunables
from specs.gemm.tiles import finish, span, tile_position
from specs.lang.declare.accuracy import FLOAT32, Accuracy
from specs.lang.declare.check import KINDS_OF_DEVICE
from specs.lang.declare.kernel import Access, Array, Config, Kernel, Rows
from specs.lang.declare.op import Op, Reference, single
from specs.lang.formats.elements import BF16, F32, INT32, UINT8, ElementFormat, Kind, NanRule
from specs.tile.blocks import UNDEFINED, load_block
from specs.tile.frontend.trace import Tile
from specs.tile.language import cdiv, dot, fori_loop, zeros
from specs.tile.library import codec
from tests.rules.source import own_modules

NAME = "e2m2"
E2M2 = ElementFormat(name=NAME, kind=Kind.FLOAT, bits=5, exponent_bits=2, mantissa_bits=2, bias=1, nan=NanRule.NONE)


def invented_gemm(p: Any) -> None:
    """C = A @ W, W one code per byte."""
    tile_m, tile_n = tile_position(p)
    rows, cols = span(tile_m, p.BLOCK_M, UNDEFINED), span(tile_n, p.BLOCK_N, UNDEFINED)

    def step(k: Tile, acc: Tile) -> Tile:
        depth = span(k, p.BLOCK_K)
        a, codes = load_block(p.a, (rows, depth)), load_block(p.w, (depth, cols))
        return dot(a, codec.decode(codes.to(INT32), E2M2).to(BF16), acc)

    finish(p, fori_loop(0, cdiv(p.K, p.BLOCK_K), step, zeros((p.BLOCK_M, p.BLOCK_N))), rows, cols)


def _oracle(inputs: Mapping[str, Any]) -> dict[str, Reference]:
    return {"c": product(inputs["a"], E2M2.decode(inputs["w"]), None)}


def _op() -> Op:
    arrays = (
        Array(name="a", doc="activations", shapes=((Rows(M), K),), formats=(BF16,)),
        Array(name="w", doc="codes of the weight", shapes=((K, N),), formats=(UINT8,)),
        Array(name="bias", doc="addend", shapes=((N,),), formats=(F32,), optional=True),
        Array(name="c", doc="result", shapes=((Rows(M), N),), formats=(F32,), access=Access.OUT),
    )
    tiles = {"BLOCK_M": 32, "BLOCK_N": 32, "BLOCK_K": 32, "GROUP_M": 8, "num_warps": 4, "num_stages": 2}
    kernel = Kernel(
        name="invented_gemm",
        doc="C = A @ W.",
        axes=(M, N, K),
        arrays=arrays,
        tunables=tunables(),
        configs=tuple(Config(target=target, values=tuple(tiles.items())) for target in KINDS_OF_DEVICE),
        static_conditions=static_conditions(),
        grid=grid(),
        body=invented_gemm,
    )
    return single(kernel, oracle=_oracle, accuracy=(("c", Accuracy(terms=K)),))


GEMM = _op()


def _inputs(rng: np.random.Generator, kind: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    a = rng.integers(-8, 8, (2, 35, 83)) if kind == "coarse" else rng.standard_normal((2, 35, 83))
    return a.astype(BF16.numpy_dtype), rng.integers(0, 32, (83, 45)).astype(np.uint8)


def _run(implementation: str, a: np.ndarray[Any, Any], w: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    framework, name = implementation.split(":")
    if framework == "jax":
        from jax_impl.launch import run as run_jax

        return np.asarray(run_jax(GEMM, [a, w, None], (), name)[0])
    import torch

    from torch_impl.launch import run as run_torch

    values = torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    if name == "interpret" and torch.cuda.is_available():
        pytest.skip("Triton compiles in this process")
    result: np.ndarray[Any, Any] = run_torch(GEMM, [values, torch.from_numpy(w), None], (), name)[0].numpy()
    return result


@pytest.mark.parametrize("implementation", ["torch:eager", "torch:interpret", "jax:xla", "jax:interpret"])
@pytest.mark.parametrize("kind", ["coarse", "random"])
def test_product(kind: str, implementation: str, rng: np.random.Generator) -> None:
    a, w = _inputs(rng, kind)
    c = _run(implementation, a, w)
    reference = GEMM.oracle({"a": a.astype(np.float64), "w": w})["c"]
    if kind == "coarse":  # every partial sum is a float32 number
        np.testing.assert_array_equal(c, reference.value.astype(np.float32))
    assert reference.magnitude is not None
    bound = GEMM.accuracy_of("c").bound(reference.value, reference.magnitude, a.shape[-1], F32, FLOAT32)
    assert (np.abs(c - reference.value) <= bound).all()


def test_no_source_knows_the_format() -> None:
    packages = [module for module in own_modules() if module.within("specs", "torch_impl", "jax_impl", "parity")]
    assert [str(module.path) for module in packages if NAME in module.text.lower()] == []
