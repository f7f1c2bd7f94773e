"""The Triton source that torch runs on Intel GPUs, compiled by Intel's own Triton in a child process.

A second compiler: it shares code with OpenXLA's plugin, which compiles for JAX, but neither the version nor the passes
between Triton IR and SPIR-V.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

import specs
from parity.xpu.process import Child, Reply
from specs.tile.launch.cases import case_arrays, case_call
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch

NOT_EXECUTED: Final = (
    "not run on the CPU: the emulation is for SPIR-V from OpenXLA, with 32 lanes; Intel's Triton makes 16 lanes of "
    "kernels with dots, and calls other functions"
)


class TorchCompiler:
    """Answers what `compile_worker` answers, for backend "torch"."""

    def __init__(self, child: Child, folder: Path) -> None:
        """
        Args:
            child: runs `triton_worker`.
            folder: for sources and SPIR-V.
        """
        self._child, self._folder, self._count = child, folder, 0

    def ask(self, request: Mapping[str, Any], seconds: float) -> Reply:
        """One object per launch, or why there is none.

        Args:
            seconds: how long each launch may take.
        """
        try:
            found = list(planned(request["op"], request["case"], request["tuned"]))
            sources = [described(launch) for launch in found]
        except Exception as error:  # noqa: BLE001 - what cannot be generated is a result
            return {"failed": f"{type(error).__name__}: {str(error).strip()[:1000]}"}
        pairs = zip(found, sources, strict=True)
        return {"launches": [self._launch(launch, source, request, seconds) for launch, source in pairs]}

    def close(self) -> None:
        """Ends the child."""
        self._child.close()

    def _launch(
        self, launch: Launch, source: Mapping[str, Any], request: Mapping[str, Any], seconds: float
    ) -> dict[str, Any]:
        from jax_impl.platforms import matrix_units

        self._count += 1
        file = self._folder / f"{launch.program.name}_{self._count}.spv"
        setting, start = request["matrix_units"], time.perf_counter()
        reply = self._child.ask({**source, "matrix_units": setting != "off", "file": str(file)}, seconds)
        took = time.perf_counter() - start
        why = f"the compiler {reply['crash']}" if "crash" in reply else reply.get("failed")
        dots = matrix_units.dots_of(reply.get("ir", ""))
        cards = request["cards"]
        return {
            "kernel": reply.get("kernel", launch.program.name),
            "lowered": f"{source['source'].count(chr(10))} lines of Triton source",
            "dots": len(dots),
            "products": min((dot.products for dot in dots), default=0) // reply.get("threads", 1),
            "useful": matrix_units.useful(dots, launch.tunables.get("num_warps", 4)),
            "matrix_units": setting,
            "without_matrix_units": matrix_units.obstacles(dots),
            "grid": launch.grid,
            "tunables": dict(launch.tunables),
            "shared_memory": reply.get("shared_memory"),
            "spirv": {} if why else dict.fromkeys(cards, str(file)),
            "refused": dict.fromkeys(cards, why) if why else {},
            "seconds": dict.fromkeys(cards, took),
        }


def planned(op_name: str, case_name: str, tuned: Mapping[str, int]) -> Iterator[Launch]:
    """What torch launches for a case with packed tensors on an Intel GPU."""
    from torch_impl.triton.backend import TRITON

    op = specs.get(op_name)
    case, target = op.case(case_name), TRITON.target("xpu")
    assert target is not None
    strides = {name: info.strides for name, info in case_arrays(op, case, strided=True).items()}
    every = launches(case_call(op, case, strided=True), target, strides=strides, tuned=tuned)
    return (launch for launch in every if prod(launch.grid))


def described(launch: Launch) -> dict[str, Any]:
    """A launch as `triton_worker` takes it: source, arguments and options as torch passes them."""
    from torch_impl.formats import dtype_of
    from torch_impl.triton.backend import TRITON
    from torch_impl.triton.launch import numbers, options, ordered, source

    target = TRITON.target("xpu")
    assert target is not None
    return {
        "source": source(launch, target),
        "kernel": launch.program.name,
        "arguments": [*(str(dtype_of(param.element)) for param in ordered(launch.program)), *numbers(launch)],
        "options": options(launch, target),
    }
