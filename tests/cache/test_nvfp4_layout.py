"""NVFP4 pages: inserts, gathers and attention follow from the declaration, whatever the constant tensor scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specs.cache.layouts import NVFP4_MLA, nvfp4_mla
from specs.lang.errors import SpecError
from specs.lang.formats.blocks import TensorScale
from specs.lang.formats.named import NVFP4
from specs.lang.formats.paged import Field, Paged
from tests.attention.problems import decode
from tests.cache.judging import judge
from tests.cache.problems import gather, insertion, rotation

FINE = nvfp4_mla(64.0)
ROWS = 5
CALLS: dict[str, Any] = {
    "insert": lambda layout, kind: insertion(layout, ROWS, 7, 6, 3, kind),
    "rope-insert": lambda layout, kind: rotation(layout, ROWS, 5, 5, 3, kind),
    "gather": lambda layout, kind: gather(layout, ROWS, 3, 12, 2, kind),
    "attention": lambda layout, kind: decode(3, 5, 9, 20, layout=layout, rows=ROWS, comp_rows=3, kind=kind),
}
# XLA compiles attention for seconds: the constant is seen there once, in a gather.
RUNS = [(call, FINE, backend) for call in CALLS for backend in ("torch:eager", "torch:interpret")]
RUNS += [(call, FINE, backend) for call in ("insert", "gather") for backend in ("jax:xla", "jax:interpret")]
RUNS += [("attention", NVFP4_MLA, "torch:eager"), ("attention", NVFP4_MLA, "jax:xla")]


@pytest.mark.parametrize(("call", "layout", "backend"), RUNS, ids=lambda value: getattr(value, "name", value))
def test_it_works_everywhere(call: str, layout: Paged, backend: str) -> None:
    judge(CALLS[call](layout, "random"), backend)
    judge(CALLS[call](layout, "exact"), backend, "exact")


def test_the_constant_moves_the_range(rng: np.random.Generator) -> None:
    """Keys 64 times smaller under a constant 64 times larger: the same bytes, and values 64 times smaller."""
    keys = rng.standard_normal((9, 576)) * np.exp2(rng.integers(-9, 9, (9, 1)))
    keys[4, :512] = 0.0
    small = keys.copy()
    small[:, :512] /= 64
    coarse, fine = NVFP4_MLA.encode(keys), FINE.encode(small)
    np.testing.assert_array_equal(fine, coarse)
    np.testing.assert_array_equal(FINE.decode(fine, 9)[:, :512] * 64, NVFP4_MLA.decode(coarse, 9)[:, :512])
    assert not np.array_equal(NVFP4_MLA.encode(small), coarse)


def test_what_rows_have_no_place_for() -> None:
    with pytest.raises(SpecError, match="tensor scale, which rows have no place for"):
        Paged(name="stored", fields=(Field(count=512, format=NVFP4),))
    with pytest.raises(SpecError, match="power of two"):
        nvfp4_mla(3.0)
    with pytest.raises(SpecError, match="one constant or stored"):
        TensorScale()
    with pytest.raises(SpecError, match="goes with scales"):
        replace(NVFP4, scale=None)
