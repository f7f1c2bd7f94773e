"""Programs that one version of JAX exports and another one reads; `make test-next` runs this under both.

    python -m tests.jax_side.exchange write FOLDER     programs, and the bytes of their results on this CPU
    python -m tests.jax_side.exchange read FOLDER      loads and calls them: the same bytes, or status 1

Sums of the inputs are exact, so that results depend on no compiler. Operations that take a logarithm are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import jax

import specs
from jax_impl import export
from tests.jax_side.calls import raw, small_call
from tests.small import of_every_kind

PLATFORMS = ("cpu", "oneapi", "cuda")


def write(folder: Path) -> None:
    """A program of an operation of every kind, and hashes of what it gives."""
    found = {}
    for name in of_every_kind():
        if not all(contract.same_bytes(True) for _, contract in specs.get(name).accuracy):
            continue
        function, arrays = small_call(name, implementation=None, kind="exact")
        program = export.export(function, PLATFORMS)(*arrays)
        export.save(program, folder / f"{name}.zip")
        found[name] = hashes(raw(program.call(*arrays)))
    (folder / "results.json").write_text(json.dumps(found))
    sys.stdout.write(f"JAX {jax.__version__} wrote {len(found)} programs\n")


def read(folder: Path) -> int:
    """How many programs could not be loaded, or gave other bytes."""
    expected = json.loads((folder / "results.json").read_text())
    failed, writer = [], ""
    for name, results in expected.items():
        program = export.load(folder / f"{name}.zip")
        writer = program.about.jax
        _, arrays = small_call(name, implementation=None, kind="exact")
        if hashes(raw(program.call(*arrays))) != results:
            failed.append(name)
    told = f"JAX {jax.__version__} ran {len(expected)} programs of JAX {writer}: {failed or 'the same bytes'}"
    sys.stdout.write(f"{told}\n")
    return len(failed) if expected else 1


def hashes(results: list[bytes]) -> list[str]:
    """Of the bytes of results."""
    return [hashlib.sha256(result).hexdigest() for result in results]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("write", "read"))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.what == "write":
        given.folder.mkdir(parents=True, exist_ok=True)
        write(given.folder)
    else:
        raise SystemExit(bool(read(given.folder)))
