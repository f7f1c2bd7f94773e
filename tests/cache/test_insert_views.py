"""Caches as callers hold them: pages far apart, windows of larger buffers, nominal rows. torch only, as JAX copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from parity.judge.frameworks import to_torch
from parity.judge.inputs import Inputs
from specs.cache.layouts import V4, V32, V41_FP4
from specs.lang.errors import ArgumentError, WrongStride
from specs.lang.formats.paged import Paged
from tests.cache.judging import judge
from tests.cache.problems import gather, insertion
from torch_impl import ops

OTHER = 0xEE
BACKENDS = ("eager", "interpret")
View = Callable[[torch.Tensor, Inputs], tuple[torch.Tensor, torch.Tensor]]
"""Pages and a call -> (the buffer around them, the cache argument that has these bytes)."""


def far_apart(pages: torch.Tensor, _: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    """Every other page of a buffer."""
    buffer = torch.full((2 * len(pages), pages.shape[1]), OTHER, dtype=torch.uint8)
    buffer[::2] = pages
    return buffer, buffer[::2]


def columns(pages: torch.Tensor, _: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns of a buffer, as where the pages of several layers lie side by side."""
    buffer = torch.full((len(pages), 3 * pages.shape[1] + 64), OTHER, dtype=torch.uint8)
    inside = buffer[:, pages.shape[1] + 64 : 2 * pages.shape[1] + 64]
    inside.copy_(pages)
    return buffer, inside


def nominal_rows(pages: torch.Tensor, inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    """[pages, rows, bytes of a row] with the padding of pages between them."""
    layout, rows = inputs.attributes["layout"], inputs.attributes["block_size"]
    assert isinstance(layout, Paged)
    assert isinstance(rows, int)
    buffer = torch.full((len(pages), pages.shape[1] + 576), OTHER, dtype=torch.uint8)
    buffer[:, : pages.shape[1]] = pages
    return buffer, buffer.as_strided((len(pages), rows, layout.row_bytes), (buffer.stride(0), layout.row_bytes, 1))


VIEWS = (far_apart, columns, nominal_rows)
views = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
backends = pytest.mark.parametrize("backend", BACKENDS)
layouts = pytest.mark.parametrize("layout", [V4, V32, V41_FP4], ids=lambda layout: layout.name)


def tensors(inputs: Inputs) -> dict[str, torch.Tensor]:
    """All arguments."""
    return {name: to_torch(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()}


def called(inputs: Inputs, cache: torch.Tensor, backend: str) -> dict[str, torch.Tensor]:
    """The arguments after a call with this cache; rows of a page from its shape where that says them."""
    given: dict[str, Any] = tensors(inputs) | {"cache": cache}
    attributes = dict(inputs.attributes)
    if cache.ndim == 3:
        del attributes["block_size"]
    getattr(ops, inputs.op.name)(*(given.get(a.name) for a in inputs.op.inputs), **attributes, implementation=backend)
    return given


@backends
@views
@layouts
def test_insertion(layout: Paged, view: View, backend: str) -> None:
    inputs = insertion(layout, 8, 9, 9, 3)
    expected = torch.from_numpy(judge(inputs, f"torch:{backend}")["cache"])
    buffer, cache = view(tensors(inputs)["cache"], inputs)
    whole, _ = view(expected, inputs)
    called(inputs, cache, backend)
    assert torch.equal(buffer, whole), "the pages as packed ones, and nothing around them"


@backends
@views
def test_gather(view: View, backend: str) -> None:
    inputs = gather(V4, 8, 3, 20, 3)
    expected = judge(inputs, f"torch:{backend}")["out"]
    _, cache = view(tensors(inputs)["cache"], inputs)
    found = called(inputs, cache, backend)["out"]
    np.testing.assert_array_equal(found.view(torch.int16).numpy(), expected.view(np.int16))


@backends
def test_workspace_and_tables_in_windows(backend: str) -> None:
    """Rows of the workspace and of the block table lie further apart than they are long."""
    inputs = gather(V4, 8, 3, 20, 3)
    expected = judge(inputs, f"torch:{backend}")["out"]
    given = tensors(inputs)
    table = torch.full((3, 8), -1_000_000, dtype=torch.int32)
    table[:, 1:4] = given["block_table"]
    lengths = torch.full((3, 2), 1_000_000, dtype=torch.int32)
    lengths[:, 0] = given["seq_lens"]
    out = torch.full((3, 25, 600), -3.0, dtype=torch.bfloat16)
    out[:, 2:22, 8:520] = given["out"]
    gathering: Any = ops.dequant_gather_k
    gathering(
        out[:, 2:22, 8:520],
        given["cache"],
        lengths[:, 0],
        given["gather_lens"],
        table[:, 1:4],
        offset=2,
        block_size=8,
        implementation=backend,
    )
    inside = torch.zeros(out.shape, dtype=torch.bool)
    inside[:, 2:22, 8:520] = True
    assert (out[~inside] == -3.0).all()
    np.testing.assert_array_equal(out[inside].view(torch.int16).numpy(), expected.view(np.int16).reshape(-1))


@pytest.mark.parametrize(
    "cache",
    [
        torch.zeros(3, 8 * 584 - 1, dtype=torch.uint8),
        torch.zeros(3, 8, 583, dtype=torch.uint8),
        torch.zeros(3, 7, 584, dtype=torch.uint8),
        torch.zeros(8 * 584, 3, dtype=torch.uint8).T,
        torch.zeros(5000, dtype=torch.uint8).as_strided((2, 8, 584), (100, 584, 1)),
        torch.zeros(20000, dtype=torch.uint8).as_strided((2, 8, 584), (9000, 600, 1)),
        torch.zeros(3, 8, 584, dtype=torch.int8),
        torch.zeros(8 * 584, dtype=torch.uint8),
    ],
    ids=["too-small", "narrow-rows", "other-rows", "columns-first", "overlapping", "gaps-in-pages", "int8", "one-page"],
)
def test_refused(cache: torch.Tensor) -> None:
    k, slots = torch.zeros(2, 512, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ArgumentError, match="cache"):
        ops.quantize_and_insert_k(k, cache, slots, block_size=8, implementation="eager")


def test_pages_that_elements_would_lie_across_are_refused() -> None:
    k, slots = torch.zeros(1, V4.width, dtype=torch.bfloat16), torch.zeros(1, dtype=torch.int32)
    whole = torch.zeros(2, V4.page_bytes(16) + 8, dtype=torch.uint8)
    apart = torch.zeros(2, V4.page_bytes(16) + 1, dtype=torch.uint8)
    for cache in (whole[:, 1:], whole[:, 2:], apart):
        before = cache.clone()
        with pytest.raises(WrongStride, match=f"multiple of {V4.alignment} bytes"):
            ops.quantize_and_insert_k(k, cache, slots, block_size=16)
        assert torch.equal(cache, before)
    ops.quantize_and_insert_k(k, whole[:, 4:], slots, block_size=16)
