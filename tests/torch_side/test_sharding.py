"""DTensors: rows in, rows out, the same bytes, nothing exchanged; the rest is gathered or refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import specs
from specs.lang.call.dividing import Divisions
from specs.lang.call.placing import chosen, problem
from tests.rules.source import ROOT
from tests.small import of_every_kind

Told = dict[str, Any]


def test_on_two_ranks(subprocess_environment: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    """One test, as what is looked at comes out of one run (`tests.torch_side.sharded`), whose ranks share an import."""
    command = [sys.executable, "-m", "tests.torch_side.sharded", str(tmp_path / "store")]
    environment = subprocess_environment(GLOO_SOCKET_IFNAME="lo")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ranks = json.loads(done.stdout)
    assert len(ranks) > 1
    for told in ranks:
        assert isinstance(told, dict), told
        rows_in_rows_out(told["rows"])
        dimensions(told["dimensions"])
        assert told["columns"]["512"] == {"same bytes": True, "lies": "(Shard(dim=1),)", "collectives": 0}
        assert told["columns"]["384"] == {"same bytes": True, "lies": "(Replicate(),)", "collectives": 1}
        assert set(told["ways"].values()) == {"taken"}, told["ways"]
        assert told["partial"] == "taken", told["partial"]
        assert "argument 'b' must be a DTensor" in told["mixed"]


def rows_in_rows_out(rows: Told) -> None:
    """Of every operation with independent rows."""
    assert sorted(rows) == sorted(name for name in specs.names() if specs.get(name).independent)
    for op, found in rows.items():
        assert found == {"same bytes": True, "rows out": True, "collectives": 0}, op


def dimensions(told: Told) -> None:
    """Of whatever argument: the bytes of the whole call, or refused where it is written, with what to do."""
    assert sorted(told) == sorted(of_every_kind())
    refused = set()
    for op, found in told.items():
        written = {array.name for array in specs.get(op).mutated}
        for dimension, outcome in found.items():
            if outcome != "taken":
                assert outcome.startswith(f"refused: {op} with dimension"), (op, dimension, outcome)
                assert "written in place" in outcome
                assert "local_map" in outcome
                assert dimension.split()[0] in written, (op, dimension, outcome)
                refused.add(op)
    assert refused, "no operation that writes was refused: the cases say nothing"


ROWS = Divisions(
    {"x": ("M0", ""), "w": ("N", ""), "scale": ("N",), "y": ("M0", "N")}, {"M0": 6, "N": 3}, frozenset("N")
)
MESH = {"dp": 2, "tp": 3}


def test_what_comes_first_stays() -> None:
    wanted = {"x": [("dp", "tp"), ()], "w": [("tp",), ()]}
    assert chosen(ROWS, wanted, MESH) == {"M0": ("dp", "tp")}
    assert chosen(ROWS, dict(reversed(wanted.items())), MESH) == {"N": ("tp",), "M0": ("dp",)}
    assert chosen(ROWS, wanted, MESH, whole=("M0",)) == {"N": ("tp",)}


def test_blocks_are_never_uneven() -> None:
    assert problem(ROWS, "M0", ("four",), {}, {"four": 4}) == "parts would end inside of a block"
    assert problem(ROWS, "M0", ("four",), {}, {"four": 4}, uneven=True) is None
    assert problem(ROWS, "N", ("dp",), {}, MESH, uneven=True) == "parts would end inside of a block"
