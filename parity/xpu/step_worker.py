"""A child that lowers whole steps and has OpenXLA compile them for cards that are not there.

Run with the interpreter that sees the plugin and with `settings.compiling_steps`; the dump folder is its one argument.
Request: step, implementation, card, matrix_units. Reply: "spirv", one object per module with its file, and what the
optimised HLO says; or "unsupported" or "failed" with the reason, and "missing" where there is no such step.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from parity.xpu import hlo, spirv
from parity.xpu.compile_worker import placement
from parity.xpu.process import serve
from parity.xpu.step_record import LARGE, OWN, XLA, Copy, Launches

_INSTANCE = re.compile(r"__\d+$")  # XLA's ending of a kernel whose name another has


class StepCompiler:
    """Lowers and compiles."""

    def __init__(self, dump: Path) -> None:
        self._dump = dump
        self._placement = cache(placement)

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a request."""
        import jax

        from jax_impl.platforms import custom_call, matrix_units

        module, _, function = request["step"].partition(":")
        try:
            make = getattr(import_module(module), function)
        except (ModuleNotFoundError, AttributeError) as error:
            return {"failed": f"there is no step {request['step']} here: {error}", "missing": True}
        step = make(implementation=request["implementation"])
        where = self._placement(request["card"])
        placed = [
            jax.tree.map(lambda one: jax.ShapeDtypeStruct(one.shape, one.dtype, sharding=where), argument)
            for argument in step.arguments
        ]
        before, start = set(self._dump.glob("*")), time.perf_counter()
        with matrix_units.using(request["matrix_units"]):
            lowered = step.function.lower(*placed)
            own = custom_call.kernels(lowered.compiler_ir("stablehlo"))
            setting = matrix_units.choice().setting
        compiled = lowered.compile()
        dots = {kernel.name: len(matrix_units.dots_of(kernel.ir)) for kernel in own}
        leaves = jax.tree.leaves([step.arguments[number] for number in step.caches])
        program = hlo.parse(compiled.as_text())
        return {
            "caches": sum(leaf.size * leaf.dtype.itemsize for leaf in leaves),
            "aliased": program.aliased_bytes,
            "temporaries": compiled.memory_analysis().temp_size_in_bytes,
            "launches": asdict(launches(program)),
            "copies": [asdict(one) for one in copies(program)],
            "matrix_units": setting,
            "spirv": self._modules(before, dots, program),
            "seconds": time.perf_counter() - start,
        }

    def _modules(self, before: set[Path], dots: Mapping[str, int], program: hlo.Program) -> list[dict[str, Any]]:
        """Every kernel that was written for a program; the other files are removed."""
        new = sorted(set(self._dump.glob("*")) - before)
        products = {one.instruction.name.replace(".", "_"): program.dots(one.instruction) for one in program.launches()}
        found = []
        for file in new:
            if file.suffix != ".spv":
                file.unlink()
                continue
            for kernel in spirv.parse(file.read_bytes()).kernels:
                name = _INSTANCE.sub("", kernel)
                source, count = (OWN, dots[name]) if name in dots else (XLA, products.get(kernel, 0))
                found.append({"kernel": kernel, "file": str(file), "source": source, "dots": count})
        return found


def launches(program: hlo.Program) -> Launches:
    """What a program launches, by who made it."""
    counts: Counter[str] = Counter()
    for one in program.launches():
        kind = "xla"
        if one.instruction.opcode == "custom-call":
            kind = "own" if one.instruction.target == hlo.TRITON else "library"
        elif one.instruction.opcode in hlo.COPIES:
            kind = "copies"
        counts[kind] += one.times
    return Launches(**counts)


def copies(program: hlo.Program, least: int = LARGE) -> tuple[Copy, ...]:
    """Launches that only copy."""
    found = program.copies(least)
    return tuple(
        Copy(name=one.instruction.name, type=one.instruction.type, bytes=one.instruction.bytes, times=one.times)
        for one in found
    )


if __name__ == "__main__":
    serve(StepCompiler(Path(sys.argv[1])).answer)
