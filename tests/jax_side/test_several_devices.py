"""Four devices: rows in, rows out, the same bytes, nothing exchanged; what does not go is refused in our words."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import specs
from specs.lang.call.dividing import divisions
from specs.lang.declare.op import Op
from specs.tile.launch.cases import case_call
from tests.rules.source import ROOT
from tests.small import small_case

RUN = ("per_token_group_quant_fp8", "fp8_gemm", "topk_rows")
Told = dict[str, Any]


def test_on_four_devices(subprocess_environment: Callable[..., dict[str, str]]) -> None:
    """One test, as what is looked at comes out of one process (`tests.jax_side.several`) that compiles for a while."""
    environment = subprocess_environment(JAX_PLATFORMS="cpu")
    command = [sys.executable, "-m", "tests.jax_side.several"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    rows_in_rows_out(told["rows"])
    what_cannot_be_divided_is_refused(told["dimensions"])
    assert told["block"]["512"] == {"same bytes": True, "collectives": []}
    assert told["block"]["384"]["same bytes"]
    assert told["block"]["384"]["collectives"], "a quarter of 384 ends inside of a block of 128"
    for kind in ("Auto", "Explicit"):
        kept = {"same bytes": True, "written over": True, "aliased": True, "collectives": []}
        assert told["donated"][kind] == kept, kind
    assert "'b' divided over d" in told["conflict"]
    assert "the same axis" in told["conflict"]


def rows_in_rows_out(rows: Told) -> None:
    """Of every operation with independent rows, and of some on every kind of mesh."""
    assert sorted(rows) == sorted(name for name in specs.names() if specs.get(name).independent)
    for op, found in rows.items():
        for kind in ("Auto", "Explicit") if op in RUN else ("Auto",):
            assert found[kind] == {"same bytes": True, "rows out": True, "collectives": []}, (op, kind)
        assert found["types"], f"{op}: on a mesh of Explicit axes the types of the results say rows"
        if op in RUN:  # the others are lowered only
            assert found["shard_map xla"], op
            assert found["shard_map interpret"], op


def what_cannot_be_divided_is_refused(dimensions: Told) -> None:
    """In words of ours, with what to do."""
    assert sorted(dimensions) == sorted(specs.names())
    for op, found in dimensions.items():
        for dimension, outcome in found.items():
            refused = outcome.startswith(f"refused: {op} with dimension") and "jax.shard_map" in outcome
            assert outcome == "taken" or refused, (op, dimension, outcome)


def parts_of(op: Op, **sizes: int) -> dict[str, int]:
    """Into how many parts the axes of a small call of other sizes fall."""
    case = small_case(op.name)
    changed = tuple((name, sizes.get(name, size)) for name, size in case.sizes)
    attributes = (("scale_mode", "block"), ("weight_order", "nk"))
    case = replace(case, sizes=changed, attributes=attributes, absent=())
    return dict(divisions(case_call(op, case, strided=False)).parts)


@pytest.mark.parametrize(("columns", "parts"), [(512, {"N": 4}), (300, {}), (384, {"N": 3}), (100, {})])
def test_scales_bound_the_parts(columns: int, parts: dict[str, int]) -> None:
    found = parts_of(specs.get("fp8_gemm"), N=columns, K=256)
    assert {name: count for name, count in found.items() if name == "N" and count > 1} == parts
