"""Logits: operands stay as narrow as they are stored, columns that are not asked for stay untouched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import specs
from parity.judge.inputs import generate
from specs.cache.layouts import V4
from specs.indexer.layouts import INDEXER_FP8, INDEXER_MXFP4, fp8_rows, mxfp4_rows, quant_view, workspace_shapes
from specs.lang.errors import ArgumentError
from specs.lang.formats.elements import BF16, E4M3, F32, UINT8, ElementFormat
from specs.lang.formats.paged import Paged, ScalePlace
from specs.tile.ir import Opcode, walk
from specs.tile.launch.cases import case_launches
from specs.tile.passes.legalise import legalise
from specs.tile.targets import PALLAS_CUDA, TRITON_CUDA, Target
from torch_impl import ops

NAN_SCALE = 255
CASES = [
    ("mqa_logits", "fp8", E4M3),
    ("mqa_logits", "mxfp4", BF16),
    ("paged_mqa_logits", "one-query", E4M3),
    ("paged_mqa_logits", "mxfp4", BF16),
]


@pytest.mark.parametrize("target", [TRITON_CUDA, PALLAS_CUDA], ids=lambda target: target.name)
@pytest.mark.parametrize(("name", "case", "form"), CASES)
def test_operands_of_dots_are_as_narrow_as_their_codes_and_scales_allow(
    name: str, case: str, form: ElementFormat, target: Target
) -> None:
    op = specs.get(name)
    for found in case_launches(op, op.case(case), "cuda", strided=True):
        program = walk(legalise(found.program, target).ops)
        dots = [operation for operation in program if operation.code is Opcode.DOT]
        assert dots
        assert {value.type.element for dot in dots for value in dot.operands[:2]} == {form}


@pytest.mark.parametrize("scale", [0, 1, 126, 127, 253, 254, 255])
def test_codes_times_scales_at_both_ends_of_their_range(scale: int) -> None:
    """One key and one query of one head whose scales undo each other; scale 255 is NaN."""
    codes = torch.zeros((1, 64), dtype=torch.uint8)
    codes[0, 3], codes[0, 20] = 0x07, 0x91  # columns 6 and 7, 40 and 41: 6, 0, 0.5, -0.5
    k_scale = torch.full((1, 4), scale, dtype=torch.uint8)
    q_scale = torch.full((1, 1, 4), max(254 - scale, 0), dtype=torch.uint8)
    start, end = torch.tensor([[0], [1]], dtype=torch.int32)
    found = ops.mqa_logits(
        codes[:, None],
        codes,
        torch.ones((1, 1)),
        start,
        end,
        k_scale.view(torch.float8_e8m0fnu),
        q_scale.view(torch.float8_e8m0fnu),
        layout=INDEXER_MXFP4,
        implementation="eager",
    )
    if scale == NAN_SCALE:
        assert found.isnan().all()
    else:
        assert found.item() == 6.0**2 + 2 * 0.5**2


def test_columns_behind_the_limit_keep_what_they_hold() -> None:
    op = specs.get("paged_mqa_logits")
    inputs = generate(op, op.case("two-queries"), "exact", 1)
    given = {name: torch.from_numpy(np.array(raw)) for name, raw in inputs.arrays.items()}
    given["q"] = given["q"].view(torch.float8_e4m3fn)
    arrays: list[Any] = [given.get(array.name) for array in op.inputs]
    values = inputs.values()
    width, rows = int(values["max_model_len"]), int(values["block_size"])
    out = torch.full((len(given["weights"]), width), 123.0)
    settings: dict[str, Any] = {"max_model_len": width, "block_size": rows, "implementation": "eager"}
    whole = ops.paged_mqa_logits(*arrays, **settings)
    ops.paged_mqa_logits(*arrays, **settings, fill=False, out=out)
    seen = torch.arange(width)[None, :] < given["context_lens"].reshape(-1, 1)
    assert (~seen).any()
    assert torch.equal(out[seen], whole[seen])
    assert (out[~seen] == 123.0).all()
    assert torch.isneginf(whole[~seen]).all()


def test_a_cache_may_come_in_rows() -> None:
    op = specs.get("indexer_k_insert")
    k = torch.randn((5, 128)).bfloat16()
    flat = torch.zeros((2, INDEXER_FP8.page_bytes(16)), dtype=torch.uint8)
    slots = torch.tensor([3, -1, 17, 31, 0])
    ops.indexer_k_insert(k, flat, slots, block_size=16, implementation="eager")
    rows = torch.zeros((2, 16, INDEXER_FP8.row_bytes), dtype=torch.uint8)
    ops.indexer_k_insert(k, rows, slots, implementation="eager")
    assert torch.equal(rows.reshape(2, -1), flat)
    assert op.attribute("layout").default == INDEXER_FP8


def test_bytes_of_a_page() -> None:
    """Token t: codes at t * 128, float32 scale at rows * 128 + 4 t."""
    k = torch.zeros((1, 128), dtype=torch.bfloat16)
    k[0, 5] = 448.0
    cache = torch.zeros((1, INDEXER_FP8.page_stride(64)), dtype=torch.uint8)
    ops.indexer_k_insert(k, cache, torch.tensor([9]), block_size=64, implementation="eager")
    assert cache[0, 9 * 128 + 5] == int(E4M3.encode(448.0))
    at = 64 * 128 + 4 * 9
    assert cache[0, at : at + 4].view(torch.float32).item() == 1.0
    assert int((cache != 0).sum()) == 1 + 2


def test_shapes_that_follow_from_the_layouts() -> None:
    assert workspace_shapes(7) == (((7, 128), E4M3), ((7, 4), UINT8))
    assert workspace_shapes(7, INDEXER_MXFP4) == (((7, 64), UINT8), ((7, 4), UINT8))
    assert (INDEXER_FP8.page_stride(64), INDEXER_MXFP4.page_stride(64)) == (8640, 4608)
    assert quant_view(3, 8640, 64) == ((3, 64, 1, 132), (8640, 132, 132, 1))
    assert quant_view(3, 4608, 64, INDEXER_MXFP4) == ((3, 64, 1, 68), (4608, 68, 68, 1))
    assert F32.storage_bits == 8 * INDEXER_FP8.share


@pytest.mark.parametrize("columns", [32, 64, 128])
@pytest.mark.parametrize("rows", [32, 64])
@pytest.mark.parametrize("make", [fp8_rows, mxfp4_rows])
def test_layouts_of_one_s_own(make: Callable[[int], Paged], rows: int, columns: int) -> None:
    """Whole numbers, inserted and scored: shapes follow from what a layout holds, whatever it is called."""
    layout = replace(make(columns), name=f"mine_{make.__name__}_{columns}")
    generator = torch.Generator().manual_seed(columns)
    keys = torch.randint(-2, 3, (3 * rows, columns), generator=generator).float()
    keys[:, ::32] = 3.0 if make is mxfp4_rows else 7.0  # a scale of a power of two with which all are codes
    cache = torch.zeros((4, layout.page_stride(rows)), dtype=torch.uint8)
    table = torch.tensor([[3, 0, 2]], dtype=torch.int32)
    slots = (table.repeat_interleave(rows, 1)[0] * rows + torch.arange(3 * rows) % rows).to(torch.int32)
    ops.indexer_k_insert(keys, cache, slots, block_size=rows, layout=layout, implementation="eager")
    field = layout.fields[0]
    coded = field.format.encode(torch.randint(-1, 2, (1, 1, 4, columns), generator=generator).double().numpy())
    q = field.format.decode(coded)
    weights, lens = torch.tensor([[1.0, 2.0, -1.0, 0.5]]), torch.tensor([[3 * rows - 5]], dtype=torch.int32)
    packed = field.format.packing is not None
    more: dict[str, Any] = {"q_scale": torch.from_numpy(np.array(coded.scale))} if packed else {}
    if not packed:
        q = field.format.element.decode(coded.data)
    found = ops.paged_mqa_logits(
        torch.from_numpy(np.array(coded.data)),
        cache,
        weights,
        lens,
        table,
        **more,
        max_model_len=3 * rows,
        layout=layout,
        block_size=rows,
        implementation="eager",
    )
    expected = np.maximum(q[0, 0] @ keys.double().numpy().T, 0).T @ weights[0].double().numpy()
    assert np.array_equal(found[0, : 3 * rows - 5].double().numpy(), expected[: 3 * rows - 5])
    assert torch.isneginf(found[0, 3 * rows - 5 :]).all()


@pytest.mark.parametrize(
    "layout",
    [
        V4,
        replace(fp8_rows(128), name="behind", scales=ScalePlace.AFTER_CODES),
        fp8_rows(96),
        mxfp4_rows(256),
        replace(fp8_rows(64), name="halves", fields=(fp8_rows(32).fields[0],) * 2),
    ],
    ids=lambda layout: layout.name,
)
def test_other_rows_are_refused(layout: Paged) -> None:
    """Before anything runs: the argument, and what rows may be."""
    data = layout.row_stride
    bytes_, number = torch.zeros((1, 1, 1, data), dtype=torch.uint8), torch.ones((1, 1))
    ends = torch.ones((1, 1), dtype=torch.int32)
    given: dict[str, Any] = (
        {"q_scale": torch.ones((1, 1, 1, 8)).to(torch.float8_e8m0fnu)} if layout.codes == "e2m1" else {}
    )
    with pytest.raises(ArgumentError, match=r"'layout'.*32, 64 or 128 columns"):
        ops.paged_mqa_logits(
            bytes_,
            torch.zeros((1, layout.page_stride(16)), dtype=torch.uint8),
            number,
            ends,
            ends * 0,
            **given,
            max_model_len=4,
            layout=layout,
            block_size=16,
        )
