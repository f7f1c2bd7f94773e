"""A child of the ladder: lowers cases and has OpenXLA compile every launch for cards that are not there.

Run with the interpreter that sees the plugin and with `settings.compiling`; the dump folder is its one argument.
Request: op, case, backend, tuned, cards, matrix_units. Reply: "launches", one object per launch with "spirv" (card ->
file) and, for a card that refused it, "refused" (card -> why); or "unsupported" or "failed" with the reason why nothing
was lowered.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import specs
from parity.judge.again import load
from parity.xpu.process import serve
from parity.xpu.topologies import BY_NAME
from specs.tile.launch.cases import case_call

_THUNK = re.compile(
    r"kCustomKernel .*?\b(\S+) grid: \[(\d+), (\d+), (\d+)\] threads: \[(\d+), \d+, \d+\]\s+shared_memory: (\d+)"
)


class Compiler:
    """Lowers and compiles; cards are described once."""

    def __init__(self, dump: Path) -> None:
        self._dump = dump
        self._placement = cache(placement)

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a request. JAX's 64-bit types are on where the case has such arrays."""
        import jax

        from jax_impl.ahead import lower
        from jax_impl.platforms import matrix_units

        load(request)
        op = specs.get(request["op"])
        formats = case_call(op, op.case(request["case"]), strided=False).formats.values()
        wide = any(form.storage_bits == 64 for form in formats)
        with jax.enable_x64(wide), matrix_units.using(request["matrix_units"]):
            start = time.perf_counter()
            found = lower(op.name, request["case"], request["backend"], platform="oneapi", tuned=request["tuned"])
            lowered = time.perf_counter() - start
            return {"launches": [self._launch(one, request["cards"]) for one in found], "seconds": lowered}

    def _launch(self, one: Any, cards: Sequence[str]) -> dict[str, Any]:
        from jax_impl.platforms import matrix_units

        dots = matrix_units.dots_of(one.ir)
        reply: dict[str, Any] = {
            "kernel": one.kernel,
            "ir_lines": one.ir.count("\n"),
            "dots": len(dots),
            "products": min((dot.products for dot in dots), default=0) // (32 * one.num_warps),
            "useful": matrix_units.useful(dots, one.num_warps),
            "matrix_units": matrix_units.choice().setting,
            "without_matrix_units": matrix_units.obstacles(dots),
            "grid": one.grid,
            "num_warps": one.num_warps,
            "num_stages": one.num_stages,
            "operands": [argument.array for argument in one.operands],
            "results": [argument.array for argument in one.results],
            "aliases": one.aliases,
            "tunables": dict(one.tunables),
            "spirv": {},
            "refused": {},
            "seconds": {},
        }
        for card in cards:
            start = time.perf_counter()
            try:
                reply["spirv"][card], reply["threads"], reply["shared_memory"] = self._compile(one, card)
            except Exception as error:  # noqa: BLE001 - one card's refusal is a result
                reply["refused"][card] = f"{type(error).__name__}: {str(error).strip()[:1000]}"
            reply["seconds"][card] = time.perf_counter() - start
        return reply

    def _compile(self, one: Any, card: str) -> tuple[str, int, int]:
        """Compiles a launch; its SPIR-V file, threads of a work group, bytes of shared memory."""
        import jax

        where = self._placement(card)
        before = set(self._dump.glob("*"))
        structs = [jax.ShapeDtypeStruct(a.form.shape, a.form.dtype, sharding=where) for a in one.operands]
        one.function.lower(*structs).compile()
        new = sorted(set(self._dump.glob("*")) - before)
        modules = [file for file in new if file.suffix == ".spv"]
        if len(modules) != 1:
            raise RuntimeError(f"{len(modules)} SPIR-V modules were written for one kernel")
        text = "".join(file.read_text() for file in new if file.name.endswith("thunk_sequence.txt"))
        launches = [found for found in _THUNK.finditer(text) if found[1] == one.kernel]
        if len(launches) != 1 or tuple(map(int, launches[0].groups()[1:4])) != tuple(one.grid):
            raise RuntimeError(f"launches of {one.kernel} that are not the one of grid {one.grid}: {text.strip()}")
        kept = modules[0].with_name(f"{modules[0].stem}.{card}.kept")
        modules[0].rename(kept)
        for file in set(new) - {modules[0]}:
            file.unlink()
        return str(kept), int(launches[0][5]), int(launches[0][6])


def placement(card: str) -> Any:
    """The sharding of arrays on a card that is described to OpenXLA."""
    from jax.experimental import topologies
    from jax.sharding import SingleDeviceSharding

    described = topologies.get_topology_desc("", "oneapi", target_config=BY_NAME[card].text(), topology="1x1x1")
    return SingleDeviceSharding(described.devices[0])


if __name__ == "__main__":
    serve(Compiler(Path(sys.argv[1])).answer)
