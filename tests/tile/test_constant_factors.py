"""Products of constants: each rounds where the body says, whatever a compiler would like to multiply first.

XLA makes x (c d) of (x c) d, where c is a constant and d a constant or a value that is broadcast. That rounds
otherwise, and gives zero or infinity where c d is one, though no product of the body is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest

from jax_impl import launch, place
from jax_impl.platforms import custom_call
from jax_impl.triton import source
from specs.lang.formats.elements import F32
from specs.tile import language as tl
from specs.tile.emit import triton as triton_source
from specs.tile.passes.legalise import legalise
from specs.tile.targets import TRITON_CUDA
from tests.tile.kernels import Raw, bits, implementations, launch_of, run, tiny

ROWS, COLUMNS = 32, 128
SCALE, HEADS, TINY = 128**-0.5, 11**-0.5, 2.0**-63
C, D, T = np.float32(SCALE), np.float32(HEADS), np.float32(TINY)

CHAINS: dict[str, tuple[Callable[..., Any], Callable[..., Raw]]] = {
    "two": (lambda x, _r: (x * SCALE) * HEADS, lambda x, _r: (x * C) * D),
    "from the left": (lambda x, _r: SCALE * (HEADS * x), lambda x, _r: C * (D * x)),
    "three": (lambda x, _r: ((x * SCALE) * SCALE) * HEADS, lambda x, _r: ((x * C) * C) * D),
    "negative": (lambda x, _r: -(x * -SCALE) * HEADS, lambda x, _r: -(x * -C) * D),
    "with a row": (lambda x, r: ((x * r) * SCALE) * HEADS, lambda x, r: ((x * r) * C) * D),
    "before a row": (lambda x, r: (x * SCALE) * r, lambda x, r: (x * C) * r),
    "of both": (lambda x, r: (x * SCALE) * (r * HEADS), lambda x, r: (x * C) * (r * D)),
    "broadcast": (lambda _x, r: (r * SCALE).broadcast(ROWS, COLUMNS) * HEADS, lambda x, r: (r * C) * D + 0 * x),
    "reshaped": (
        lambda x, _r: ((x * SCALE).reshape(COLUMNS, ROWS) * HEADS).reshape(ROWS, COLUMNS),
        lambda x, _r: (x * C) * D,
    ),
    "transposed": (lambda x, _r: ((x * SCALE).transpose() * HEADS).transpose(), lambda x, _r: (x * C) * D),
    "divided": (lambda x, _r: (x * SCALE) / HEADS, lambda x, _r: (x * C) / D),
    "divided by a row": (lambda x, r: (x * SCALE) / r, lambda x, r: (x * C) / r),
    "tiny powers of two": (
        lambda x, _r: ((x * 2.0**100) * TINY) * TINY,
        lambda x, _r: ((x * np.float32(2.0**100)) * T) * T,
    ),
}


def chains(p: Any) -> None:
    """All chains on one tile."""
    place = (tl.arange(ROWS)[:, None], tl.arange(COLUMNS)[None, :])
    x, r = tl.load(p.x, place), tl.load(p.r, (tl.arange(ROWS)[:, None],))
    for number, (tiles, _) in enumerate(CHAINS.values()):
        tl.store(getattr(p, f"out{number}"), place, tiles(x, r))


SHAPE = (ROWS, COLUMNS)
OF_CHAINS = tiny(
    chains, {"x": (SHAPE, F32), "r": ((ROWS,), F32)}, {f"out{number}": (SHAPE, F32) for number in range(len(CHAINS))}
)


@pytest.fixture
def _optimised() -> Iterator[None]:
    """XLA compiles as it does for users."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.mark.usefixtures("_optimised")
@pytest.mark.parametrize("implementation", implementations())
def test_products_are_rounded_one_by_one(implementation: str, rng: np.random.Generator) -> None:
    x = rng.standard_normal(SHAPE).astype(np.float32)
    r = rng.standard_normal(ROWS).astype(np.float32)
    results = run(OF_CHAINS, {"x": x, "r": r}, implementation)
    wrong = {}
    for number, (name, (_, expected)) in enumerate(CHAINS.items()):
        wrong[name] = int((results[f"out{number}"] != bits(expected(x, r[:, None]))).sum())
    assert not any(wrong.values()), wrong


def two(p: Any) -> None:
    """One chain."""
    tl.store(p.out, (tl.arange(ROWS),), (tl.load(p.x, (tl.arange(ROWS),)) * SCALE) * HEADS)


TWO = tiny(two, {"x": ((ROWS,), F32)}, {"out": ((ROWS,), F32)})
X = np.zeros(ROWS, np.float32)


def test_triton_keeps_both_constants() -> None:
    program = legalise(launch_of(TWO, {"x": X}, config="cuda").program, TRITON_CUDA)
    request = source.Request(
        source=triton_source.emit(program),
        kernel=program.name,
        signature=(("x_ptr", F32), ("out_ptr", F32)),
        capability=90,
        num_warps=1,
    )
    ptx, _ = source.compiled(request, 1)
    factors = re.findall(r"mul\.(?:rn\.)?f32\s+%\S+ %\S+ 0f([0-9A-F]{8});", ptx)
    assert factors == [f"{int(constant.view(np.uint32)):08X}" for constant in (C, D)]


def test_pallas_keeps_both_constants_on_nvidia_gpus() -> None:
    with place.lowering_for("cuda"):
        traced = jax.jit(lambda x: launch.run(TWO, [x], (), "pallas")).trace(X)
        (kernel,) = custom_call.kernels(traced.lower(lowering_platforms=("cuda",)).compiler_ir("stablehlo"))
    assert kernel.ir.count("arith.mulf") == 2
