"""Index operations read what they may read and nothing else, whatever the indices say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import specs
from parity.judge.frameworks import from_torch, to_torch
from parity.judge.inputs import generate
from specs.lang.declare.axes import Ref
from specs.lang.declare.kernel import Access, Role
from specs.lang.declare.op import Op
from specs.lang.formats.elements import INT32
from specs.tile.interpret.arrayops import NUMPY_DTYPES, ModuleOps
from specs.tile.interpret.executor import Buffer, execute
from specs.tile.launch.cases import case_launches
from specs.tile.passes.legalise import legalise
from specs.tile.targets import EXECUTOR
from tests.cache.calls import NDArray, i32
from torch_impl import ops

INDEX_OPS = [name for name in specs.names() if all(array.role is Role.INDEX for array in specs.get(name).arrays)]
CASES = [(name, case.name) for name in INDEX_OPS for case in specs.get(name).cases if not case.large]


class Watched(ModuleOps):
    """numpy, with a look at every address."""

    def __init__(self) -> None:
        super().__init__(np)
        self.reads = 0

    def take(self, flat: Any, offsets: Any) -> Any:
        """Elements of a buffer, none of them outside."""
        assert ((offsets >= 0) & (offsets < len(flat))).all()
        self.reads += 1
        return super().take(flat, offsets)

    def put(self, flat: Any, offsets: Any, values: Any, mask: Any | None) -> Any:
        """Writes, none of them outside, and none twice with different values: any order may win on a GPU."""
        values = np.broadcast_to(values, np.shape(offsets))
        written, stored = (offsets, values) if mask is None else (offsets[mask], values[mask])
        assert ((written >= 0) & (written < len(flat))).all()
        _, first, place = np.unique(written, return_index=True, return_inverse=True)
        assert np.array_equal(stored.ravel(), stored.ravel()[first][place.ravel()], equal_nan=stored.dtype.kind == "f")
        return super().put(flat, offsets, values, mask)


def wild(arrays: dict[str, NDArray], rng: np.random.Generator) -> dict[str, NDArray]:
    """The arrays with a quarter of all indices replaced by what they must not be."""
    found = {}
    for name, raw in arrays.items():
        values = rng.choice([-(1 << 31), -1, 0, 1 << 20, (1 << 31) - 1], raw.shape)
        keep = (rng.random(raw.shape) < 3 / 4) | (raw.dtype == np.bool_)
        with np.errstate(over="ignore"):  # infinities of float16
            found[name] = np.where(keep, raw, values.astype(raw.dtype))
    return found


@pytest.mark.parametrize("kind", ["as they are", "wild"])
@pytest.mark.parametrize(("op", "case"), CASES)
def test_no_address_is_outside(op: str, case: str, kind: str, rng: np.random.Generator) -> None:
    spec = specs.get(op)
    watched = Watched()
    arrays = dict(generate(spec, spec.case(case), "random", 0).arrays)
    if kind == "wild":
        arrays = wild(arrays, rng)
    memories: dict[str, NDArray] = {}
    for launch in case_launches(spec, spec.case(case), "cpu", strided=True):
        buffers = {}
        for param in launch.program.arrays:
            name, memory = launch.arrays[param.name]
            flat = arrays[name].reshape(-1) if name in arrays else np.zeros(memory.sizes).reshape(-1)
            memories.setdefault(name, flat.astype(NUMPY_DTYPES[param.element]))
            buffers[param.name] = Buffer(memories[name], memory.strides)
        with np.errstate(all="ignore"):  # of such indices and of infinities; what they address is another matter
            execute(legalise(launch.program, EXECUTOR), watched, buffers, launch.sizes, launch.grid)
    assert watched.reads or not all(raw.size for raw in arrays.values())


def tensors(op: str) -> tuple[Op, dict[str, torch.Tensor], Any]:
    """A call of the first case in torch."""
    spec = specs.get(op)
    inputs = generate(spec, spec.cases[0], "random", 0)
    given = {name: to_torch(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()}
    return spec, given, inputs.attributes


def run(spec: Op, given: dict[str, torch.Tensor], attributes: Any) -> list[bytes]:
    """The bytes of the results."""
    returned = getattr(ops, spec.name)(*[given.get(a.name) for a in spec.inputs], **attributes)
    several = (returned,) if isinstance(returned, torch.Tensor) else returned
    return [from_torch(result).raw.tobytes() for result in several]


@pytest.mark.parametrize("op", [n for n in INDEX_OPS if any(a.name == "block_table" for a in specs.get(n).inputs)])
def test_a_block_table_may_be_columns_of_a_wider_one(op: str) -> None:
    """Also of one column: then neighbouring elements of the view are a whole row apart."""
    spec, given, attributes = tensors(op)
    table = given["block_table"]
    for width in (table.shape[1], 1):
        wider = torch.full((len(table), width + 3), 1_000_000, dtype=torch.int32)
        wider[:, 1 : 1 + width] = table[:, :width]
        view = wider[:, 1 : 1 + width]
        assert view.stride(0) == width + 3
        packed = run(spec, given | {"block_table": table[:, :width].contiguous()}, attributes)
        assert run(spec, given | {"block_table": view}, attributes) == packed


def test_lists_may_be_columns_of_a_wider_buffer() -> None:
    for op in ("combine_topk_swa", "global_topk"):
        spec, given, attributes = tensors(op)
        lists = given["topk_indices"]
        wider = torch.full((len(lists), lists.shape[1] + 5), 1_000_000, dtype=torch.int32)
        wider[:, : lists.shape[1]] = lists
        view = wider[:, : lists.shape[1]]
        assert run(spec, given | {"topk_indices": view}, attributes) == run(spec, given, attributes)


def test_start_locations_may_be_a_slice() -> None:
    """Requests 1 and 2 of 3, as they lie in the batch's array."""
    start, lengths = torch.tensor([0, 2, 5, 6], dtype=torch.int32), torch.tensor([9, 8, 7], dtype=torch.int32)
    slots = torch.arange(4, dtype=torch.int32)
    request, positions, _ = ops.token_metadata(start[1:], lengths[1:], slots)
    assert request.tolist() == [0, 0, 0, 1]
    assert positions.tolist() == [5, 6, 7, 6]


def test_workspace_sizes_make_no_new_program() -> None:
    """They change from step to step, and are read when a program runs."""
    spec = specs.get("combine_topk_swa")
    assert {a.name for a in spec.attributes if a.dynamic} == {"workspace_rows", "compressed_rows"}
    case = spec.cases[0]
    programs = []
    for rows in (4096, 5000):
        attributes = tuple((n, rows if n == "workspace_rows" else value) for n, value in case.attributes)
        (step,) = case_launches(spec, replace(case, attributes=attributes), "cuda", strided=True)
        assert step.sizes[Ref("workspace_rows")] == rows
        programs.append(step.program)
    assert programs[0] is programs[1]


def test_every_index_operation_is_looked_at() -> None:
    assert len(INDEX_OPS) >= 8
    changed = {name for name in INDEX_OPS for a in specs.get(name).arrays if a.access is Access.INOUT}
    assert changed == {"apply_penalties"}
    assert i32(1, 2).dtype == INT32.numpy_dtype
