"""A child of the ladder: runs the SPIR-V of a case on Intel's OpenCL device for CPUs, and judges the results.

Run with the interpreter that has pyopencl and with `settings.executing`. Request: op, case, kind, seed, and
launches as `compile_worker` describes them, each with "file". Reply: status, reason, max_ulp,
bound_share; or "obstacle" where a CPU cannot run one of the modules.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import specs
from parity.judge.again import load
from parity.judge.compare import Comparison
from parity.judge.expected import expectations
from parity.judge.frameworks import Result
from parity.judge.inputs import Inputs, Raw, generate, raw_dtype
from parity.judge.verdict import Verdict
from parity.xpu import blocks, matrices, spirv, subgroups
from parity.xpu.process import serve
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.formats.elements import ElementFormat

UNOPTIMISED = ("-cl-opt-disable",)
"""Kernels become CPU code a hundred times as fast. Not for those in which threads exchange values: without optimisation
the runtime does not run the threads of a sub-group together, and the values are wrong."""

_FILL = 0xFF  # what results hold before: NaN, or the largest number, where nothing is written
_GUARD = 64  # guard bytes after every array


class Refused(Exception):
    """The CPU's compiler does not take a module, which says nothing about the kernel."""


@dataclass(slots=True)
class Device:
    """The CPU as OpenCL's device, found when it is first needed."""

    context: Any = None
    queue: Any = None
    programs: dict[bytes, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Finds the device.

        Raises:
            LookupError: there is no OpenCL device for CPUs.
        """
        import pyopencl as cl  # type: ignore[import-not-found]

        if self.context is None:
            found = [d for p in cl.get_platforms() for d in p.get_devices() if d.type & cl.device_type.CPU]
            if not found:
                raise LookupError("OpenCL finds no CPU device")
            self.context = cl.Context(found[:1])
            self.queue = cl.CommandQueue(self.context)

    def put(self, data: np.ndarray[Any, Any]) -> Any:
        """A buffer with the bytes of an array, followed by guard bytes."""
        import pyopencl as cl

        guarded = np.concatenate(
            [np.ascontiguousarray(data).reshape(-1).view(np.uint8), np.full(_GUARD, _FILL, np.uint8)]
        )
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        return cl.Buffer(self.context, flags, hostbuf=guarded)

    def get(self, buffer: Any) -> np.ndarray[Any, Any]:
        """The bytes of a buffer, without its guard.

        Raises:
            ValueError: a kernel has written past the array.
        """
        import pyopencl as cl

        host = np.empty(buffer.size, np.uint8)
        cl.enqueue_copy(self.queue, host, buffer)
        self.queue.finish()
        if (host[-_GUARD:] != _FILL).any():
            raise ValueError("a kernel wrote past the end of an array")
        return host[:-_GUARD]

    def launch(
        self,
        module: bytes,
        name: str,
        buffers: Sequence[Any],
        grid: Sequence[int],
        threads: int,
        options: Sequence[str],
    ) -> None:
        """Runs a kernel, built with `options`.

        Raises:
            Refused: the CPU's compiler takes no such module; other compilers may.
            ValueError: the number of arguments does not match.
        """
        import pyopencl as cl

        if module not in self.programs:  # making machine code for the CPU takes longer than running it
            try:
                self.programs[module] = cl.Program(self.context, module).build(list(options))
            except cl.RuntimeError as error:
                frame = ("BUILD_PROGRAM_FAILURE", "Build on <")
                lines = [line.strip() for line in str(error).splitlines()]
                said = "; ".join(line for line in lines if line and not any(words in line for words in frame))
                raise Refused(f"the CPU's OpenCL compiler refuses {name}: {said[:300]}") from None
        program = self.programs[module]
        kernel = cl.Kernel(program, name)
        if kernel.num_args != len(buffers):
            raise ValueError(f"{name} takes {kernel.num_args} arguments, XLA has {len(buffers)} for it")
        for place, buffer in enumerate(buffers):
            kernel.set_arg(place, buffer)
        x, y, z = grid
        cl.enqueue_nd_range_kernel(self.queue, kernel, (x * threads, y, z), (threads, 1, 1))
        self.queue.finish()


_DEVICE = Device()


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The reply to a request."""
    parsed = [spirv.parse(Path(launch["file"]).read_bytes()) for launch in request["launches"]]
    modules = [emulated(module) for module in parsed]
    obstacles = dict.fromkeys(reason for module in modules for reason in spirv.obstacles(module))
    if obstacles:
        return {"obstacle": "; ".join(obstacles)}
    load(request)
    op = specs.get(request["op"])
    case = next(case for case in op.cases if case.name == request["case"])
    inputs = generate(op, case, request["kind"], request["seed"])
    _DEVICE.start()
    start = time.perf_counter()
    try:
        results = run(inputs, request["launches"], modules)
    except Refused as refusal:
        return {"obstacle": str(refusal)}
    seconds = time.perf_counter() - start
    verdicts = judge(inputs, request["kind"], results)
    name, worst = max(verdicts.items(), key=lambda item: (not item[1].passed, item[1].bound_share))
    return {
        "status": worst.status,
        "reason": "" if worst.passed else f"'{name}': {worst.message.removeprefix('failed: ')}",
        "max_ulp": max(verdict.max_ulp for verdict in verdicts.values()),
        "bound_share": max(verdict.bound_share for verdict in verdicts.values()),
        "seconds": seconds,
    }


def emulated(module: spirv.Module) -> spirv.Module:
    """A card's own module in terms of what a CPU has."""
    plain = blocks.written_out(matrices.written_out(module))
    return subgroups.written_out(spirv.for_cpu(plain))


def run(inputs: Inputs, launches: Sequence[Mapping[str, Any]], modules: Sequence[spirv.Module]) -> dict[str, Result]:
    """Runs the launches in order; results of the operation by name.

    Arrays are buffers of bytes: another view of the same memory is the same buffer, and an array updated in place
    is passed as operand and as result.
    """
    call = inputs.layout.call()
    buffers = {name: _DEVICE.put(raw) for name, raw in inputs.arrays.items()}
    for name, form in call.formats.items():
        if name not in buffers:
            buffers[name] = _DEVICE.put(np.full(_size(call.shapes[name], form), _FILL, np.uint8))
    for launch, module in zip(launches, modules, strict=True):
        arguments = [buffers[name] for name in (*launch["operands"], *launch["results"])]
        options = () if module.subgroups else UNOPTIMISED
        _DEVICE.launch(module.to_bytes(), launch["kernel"], arguments, launch["grid"], launch["threads"], options)
    written = [a.name for a in (*inputs.op.mutated, *inputs.op.outputs) if a.name in call.shapes]
    for name, raw in inputs.arrays.items():
        if name not in written and _DEVICE.get(buffers[name]).tobytes() != np.ascontiguousarray(raw).tobytes():
            raise ValueError(f"'{name}' is only read, and was changed")
    return {
        name: Result(raw=_raw(buffers[name], call.shapes[name], call.formats[name]), form=call.formats[name])
        for name in written
    }


def judge(inputs: Inputs, kind: Any, results: Mapping[str, Result]) -> dict[str, Verdict]:
    """Results against the oracle, by the same rules as everywhere: dots are float32 additions here."""
    found = expectations(inputs, inputs.layout.call())
    rules: dict[str, Comparison] = {name: one.rule(kind, FLOAT32, dict(results)) for name, one in found.items()}
    return {name: rule.compare(results[name].raw) for name, rule in rules.items()}


def _size(shape: Sequence[int], form: ElementFormat) -> int:
    return int(np.prod(shape, dtype=np.int64)) * raw_dtype(form).itemsize


def _raw(buffer: Any, shape: Sequence[int], form: ElementFormat) -> Raw:
    data = _DEVICE.get(buffer)[: _size(shape, form)]
    return data.view(raw_dtype(form)).reshape(shape)


if __name__ == "__main__":
    serve(answer)
