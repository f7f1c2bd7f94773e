"""Costs, worked out by hand for the sample and checked against the sizes of every operation's arrays."""

from __future__ import annotations

from math import prod

import pytest

import specs
from specs.lang.declare.kernel import Access
from specs.lang.declare.op import Op
from specs.tile.launch.cases import case_call, case_launches
from specs.tile.launch.plan import Launch
from specs.tile.passes.cost import Cost, cost
from tests.export.sample import COLUMNS, ROWS, TILE, as_many_as_stored, one_more_per_row, sample

TRIPS = -(-COLUMNS // TILE)
FLOAT_BYTES = 4


def sample_cost(op: Op, case: str = "small") -> Cost:
    (found,) = case_launches(op, op.case(case), "cuda", strided=True)
    return cost(found)


def test_sample_by_hand() -> None:
    whole, padded = ROWS * COLUMNS, ROWS * TRIPS * TILE
    assert sample_cost(sample()) == Cost(
        bytes_read=whole * FLOAT_BYTES,
        bytes_written=whole * FLOAT_BYTES,
        traffic_read=padded * FLOAT_BYTES,
        traffic_written=padded * FLOAT_BYTES,
        dot_flops=0,
        other_flops=padded,
    )


def test_nothing_is_done_on_an_empty_grid() -> None:
    empty = sample_cost(sample(), "none")
    assert (empty.bytes_once, empty.flops, empty.intensity) == (0, 0, 0.0)


def test_loops_that_depend_on_the_program_count_as_often_as_they_run() -> None:
    found = sample_cost(sample(one_more_per_row))
    assert found.traffic_read == ROWS * (ROWS + 1) // 2 * TILE * FLOAT_BYTES
    assert not found.unresolved


def test_loops_that_depend_on_data_count_once() -> None:
    found = sample_cost(sample(as_many_as_stored))
    assert found.traffic_written == ROWS * TILE * FLOAT_BYTES
    assert len(found.unresolved) == 1
    assert found.unresolved[0].startswith("tests/export/sample.py:")


def test_intensity_is_flops_per_byte() -> None:
    found = sample_cost(sample())
    assert found.intensity == found.flops / found.bytes_once


LAUNCHES = [
    pytest.param(found, id=f"{name}-{case.name}-{found.kernel.name}")
    for name in specs.names()
    for case in specs.get(name).cases
    for found in case_launches(specs.get(name), case, "cuda", strided=True)
]


@pytest.mark.parametrize("launch", LAUNCHES)
def test_arrays_count_at_most_once_each(launch: Launch) -> None:
    sizes = {
        param.name: prod(launch.arrays[param.name][1].sizes) * param.element.storage_bits // 8
        for param in launch.program.arrays
    }
    spent = cost(launch)
    written = sum(sizes[param.name] for param in launch.program.arrays if param.written)
    if prod(launch.grid):
        assert spent.bytes_written == written
        # What is updated in place is read and written.
        updated = {array.name for array in launch.kernel.arrays if array.access is Access.INOUT}
        twice = sum(size for name, size in sizes.items() if name in updated)
        assert 0 < spent.bytes_once <= sum(sizes.values()) + twice
    else:
        assert spent.bytes_once == 0


@pytest.mark.parametrize("name", ["fp8_gemm", "fp8_bmm", "fp8_gemm_w8a16", "int4_gemm_w4a16"])
def test_products_do_whole_tiles_of_2mnk(name: str) -> None:
    op = specs.get(name)
    for case in op.cases:
        found, *others = case_launches(op, case, "cuda", strided=True)
        assert not any(cost(other).dot_flops for other in others), case.name
        sizes, tile = case_call(op, case, strided=True).sizes, dict(found.tunables)
        tile["BLOCK_K"] *= tile.get("UNROLL", 1)
        tiles = [-(-sizes[axis] // tile[f"BLOCK_{axis}"]) * tile[f"BLOCK_{axis}"] for axis in "MNK"]
        assert cost(found).dot_flops == 2 * prod(tiles) * sizes.get("G", 1), case.name
