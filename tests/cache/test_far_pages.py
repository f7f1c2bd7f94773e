"""Pages beyond two gigabytes: their addresses need 64 bits.

The buffer is 2.2 GB of which a few pages are touched; the expected bytes come from the same rows in a small cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from parity.judge.frameworks import to_torch
from parity.judge.inputs import Inputs
from specs.cache.layouts import V4
from tests.attention.problems import decode
from tests.cache.judging import judge
from tests.cache.problems import gather, insertion
from torch_impl import ops

ROWS = 64
STRIDE = V4.page_stride(ROWS)
FAR = np.array([1, 57_359, 57_500])
"""Where the three pages of the small cache lie; 2**31 / 37440 is 57358.1."""
PAGES = 57_600


@pytest.fixture(scope="module")
def memory() -> torch.Tensor:
    """Pages that nobody has touched yet, all in one buffer."""
    assert FAR[1] * STRIDE > 1 << 31
    return torch.empty(PAGES, STRIDE, dtype=torch.uint8)


@pytest.fixture
def pages(memory: torch.Tensor) -> torch.Tensor:
    """The buffer with noise in the far pages."""
    noise = np.random.default_rng(2**31).integers(0, 256, (len(FAR), STRIDE), dtype=np.uint8)
    memory[torch.from_numpy(FAR)] = torch.from_numpy(noise)
    return memory


backends = pytest.mark.parametrize("backend", ["eager", "interpret"])


def far(slots: Any) -> Any:
    """Slots of the small cache as slots of the large one; what is no slot stays none."""
    slots = np.asarray(slots)
    inside = (slots >= 0) & (slots < len(FAR) * ROWS)
    moved = FAR[np.where(inside, slots, 0) // ROWS] * ROWS + slots % ROWS
    return np.where(inside, moved, np.where(slots < 0, slots, PAGES * ROWS)).astype(slots.dtype)


def call(inputs: Inputs, backend: str, **others: torch.Tensor) -> Any:
    """A call with some tensors in place of its arrays."""
    given = {name: to_torch(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()} | others
    arguments = [given.get(a.name) for a in inputs.op.inputs]
    return getattr(ops, inputs.op.name)(*arguments, **inputs.attributes, implementation=backend)


@backends
def test_insert(pages: torch.Tensor, backend: str) -> None:
    inputs = insertion(V4, ROWS, 9, 9, len(FAR))
    slots = np.array([0, 63, 64, 127, 128, 191, -1, 70, 192], inputs.arrays["slot_mapping"].dtype)
    small = pages[torch.from_numpy(FAR)].numpy()
    expected = judge(inputs.replaced(slot_mapping=slots, cache=small), f"torch:{backend}")["cache"]
    before = torch.tensor([int(pages[page].sum()) for page in (0, 2, 57_358, 57_360)])
    call(inputs, backend, cache=pages, slot_mapping=torch.from_numpy(far(slots)))
    np.testing.assert_array_equal(pages[torch.from_numpy(FAR)].numpy(), expected)
    assert torch.equal(before, torch.tensor([int(pages[page].sum()) for page in (0, 2, 57_358, 57_360)]))


@backends
def test_gather(pages: torch.Tensor, backend: str) -> None:
    inputs = gather(V4, ROWS, 1, 150, 3)
    lengths = {"seq_lens": np.array([190], np.int32), "gather_lens": np.array([147], np.int32)}
    inputs = inputs.replaced(block_table=np.array([[2, 0, 1]], np.int32), **lengths)
    expected = judge(inputs, f"torch:{backend}")["out"]
    pages[torch.from_numpy(FAR)] = torch.from_numpy(inputs.arrays["cache"])
    out = to_torch(inputs.arrays["out"], inputs.formats["out"])
    table = torch.from_numpy(FAR[inputs.arrays["block_table"]].astype(np.int32))
    call(inputs, backend, cache=pages, block_table=table, out=out)
    np.testing.assert_array_equal(out.view(torch.int16).numpy(), expected.view(np.int16))


@backends
@pytest.mark.parametrize("splits", [1, 3])
def test_decode(pages: torch.Tensor, backend: str, splits: int) -> None:
    inputs = decode(2, 4, 96, rows=ROWS, splits=splits)
    assert len(inputs.arrays["swa_cache"]) == len(FAR)
    expected = judge(inputs, f"torch:{backend}")
    pages[torch.from_numpy(FAR)] = torch.from_numpy(inputs.arrays["swa_cache"])
    index = torch.from_numpy(far(inputs.arrays["swa_indices"]))
    out, _, lse = call(inputs, backend, swa_cache=pages, swa_indices=index)
    np.testing.assert_array_equal(out.view(torch.int16).numpy(), expected["out"].view(np.int16))
    np.testing.assert_array_equal(lse.numpy(), expected["lse"])


@backends
def test_decode_of_the_other_cache(pages: torch.Tensor, backend: str) -> None:
    inputs = decode(2, 4, 8, 96, rows=ROWS, comp_rows=ROWS)
    expected = judge(inputs, f"torch:{backend}")
    pages[torch.from_numpy(FAR)] = torch.from_numpy(inputs.arrays["comp_cache"])
    out, _, _ = call(
        inputs, backend, comp_cache=pages, topk_indices=torch.from_numpy(far(inputs.arrays["topk_indices"]))
    )
    np.testing.assert_array_equal(out.view(torch.int16).numpy(), expected["out"].view(np.int16))
