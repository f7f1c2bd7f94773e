"""From generated Triton source to what XLA is handed for the implementation "triton" of JAX operations.

On oneAPI that is Triton IR, which XLA compiles; on CUDA the compiled kernel, where JAX's plugin launches such (see
`compiled_call`). Both are made by the installed triton package, which needs no GPU for it. Shapes are static in JAX, so
sizes and strides become constants. No Pallas is involved.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

import jax

from jax_impl.platforms import environment, ttir_worker, versions
from jax_impl.platforms.compiled_call import CompiledKernel
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import ALL, ElementFormat

POINTERS = {form: f"*{form.names.pointer}" for form in ALL if form.names.pointer}
STAGES = {"cuda": 3, "oneapi": 1}
"""How far loads of loops are fetched ahead where a kernel does not say, as Pallas has it."""

_WITHOUT_DEVICE = {"cuda": 90, "oneapi": 90}
"""Compute capability given to Triton's front end, which generates no CUDA code. It needs 8.9 or more for FP8 types, and
makes pointers and masks of tensor descriptors below 9.0."""


def compute_capability(platform: str) -> int:
    """Of the platform's first device; where there is none, of the oldest device that has all element formats."""
    if platform == "cuda":
        try:
            return int(str(jax.local_devices(backend="cuda")[0].compute_capability).replace(".", ""))
        except RuntimeError:  # no such device: the kernel is being exported
            pass
    return _WITHOUT_DEVICE[platform]


_DIVISION = """

@triton.jit
def div_rn(x, y):
    return (tl.cast(x, tl.float64) / tl.cast(y, tl.float64)).to(tl.float32)
"""


def linked(source: str, platform: str) -> str:
    """The source in terms of what `platform` links, see `defects`.

    On oneAPI, division that rounds correctly goes through float64: with more than twice the bits and two, it rounds to
    float32 as the exact quotient does.
    """
    if platform != "oneapi" or "tl.div_rn(" not in source:
        return source
    return source.replace("tl.div_rn(", "div_rn(") + _DIVISION


def launcher(name: str, parameters: Sequence[str], arguments: Sequence[str]) -> str:
    """Source of a kernel that takes `parameters` and calls the kernel `name` with `arguments`."""
    return f"\n\n@triton.jit\ndef {launcher_name(name)}({', '.join(parameters)}):\n    {name}({', '.join(arguments)})\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Integers:
    """How a launcher gets sizes and strides.

    arguments: what the generated kernel is called with. names: parameters of the launcher. values: theirs.
    """

    arguments: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[int, ...]

    @property
    def types(self) -> tuple[tuple[str, str, bool], ...]:
        """Name, type and whether the value is a multiple of 16, for `Request`."""
        pairs = zip(self.names, self.values, strict=True)
        return tuple((name, integer_type(value), value % 16 == 0) for name, value in pairs)


def constants(values: Sequence[int]) -> Integers:
    """All written into its source: XLA's call takes arrays only."""
    return Integers(arguments=tuple(map(str, values)), names=(), values=())


def integers(values: Sequence[int]) -> Integers:
    """Pass sizes as kernel arguments, except 1, which Triton specialises as a constant."""
    kept = [(f"n{index}", value) for index, value in enumerate(values) if value != 1]
    named = {name: name for name, _ in kept}
    return Integers(
        arguments=tuple(named.get(f"n{index}", "1") for index in range(len(values))),
        names=tuple(named),
        values=tuple(value for _, value in kept),
    )


def integer_type(value: int) -> str:
    """The narrower of i32 and i64 that holds the value."""
    return "i32" if -(1 << 31) <= value < 1 << 31 else "i64"


def launcher_name(name: str) -> str:
    """Name of the kernel that XLA launches."""
    return f"{name}_launch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A kernel that takes pointers, then integers.

    source: text of a module. kernel: name of a function in it. signature: argument -> element format of what it points
    at. integers: argument -> type ("i32" or "i64"), and whether its value is a multiple of 16. capability: see
    `compute_capability`.
    """

    source: str
    kernel: str
    signature: tuple[tuple[str, ElementFormat], ...]
    capability: int
    num_warps: int
    integers: tuple[tuple[str, str, bool], ...] = ()


@lru_cache(maxsize=4096)
def triton_ir(request: Request) -> str:
    """Triton IR of a kernel, without locations.

    Raises:
        Unsupported: there is no triton package, or not one that is known, or it refuses the source.
    """
    return with_plain_descriptors(held_transposes(_asked(request)["ir"]))


_TRANSPOSE: Final = re.compile(r"^( *)%(\S+) = tt\.trans (%\S+) (.*: (tensor<[^>]*>) -> .*)$", re.MULTILINE)


def held_transposes(text: str) -> str:
    """Triton IR in which XLA does not move transposes ahead of what computes their operands.

    As `triton_ops.transposed` does it for Pallas, for the same reason.
    """
    region = r"\1%held\2 = scf.execute_region -> \5 {\n\1  scf.yield \3 : \5\n\1}\n"
    return _TRANSPOSE.sub(region + r"\1%\2 = tt.trans %held\2 \4", text)


_DESCRIPTOR: Final = re.compile(r"!tt\.tensordesc<tensor<([^<>]*)>>")


def with_plain_descriptors(text: str) -> str:
    """Triton IR with types of tensor descriptors as XLA's version reads them; older Triton wraps the block's type."""
    return _DESCRIPTOR.sub(r"!tt.tensordesc<\1>", text)


@lru_cache(maxsize=4096)
def compiled(request: Request, num_stages: int) -> tuple[str, int]:
    """PTX of a kernel, and the bytes of shared memory that it needs. Raises as `triton_ir`."""
    reply = _asked(request, num_stages=num_stages)
    return reply["ptx"], reply["shared"]


def compiled_kernel(
    request: Request, num_stages: int, values: Sequence[int], grid: tuple[int, int, int]
) -> CompiledKernel:
    """One launch of a compiled kernel; values: of its integers. Raises as `triton_ir`."""
    ptx, shared = compiled(request, num_stages)
    return CompiledKernel(
        name=request.kernel,
        ptx=ptx,
        shared=shared,
        num_warps=request.num_warps,
        capability=request.capability,
        pointers=len(request.signature),
        integers=tuple((kind, value) for (_, kind, _), value in zip(request.integers, values, strict=True)),
        grid=grid,
    )


def _asked(request: Request, **more: int) -> dict[str, Any]:
    """The worker's reply to a request."""
    problem = versions.triton_problem()
    if problem is not None:
        raise Unsupported("implementation 'triton'", problem)
    source, kernel = request.source, request.kernel
    reply = _worker().ask(
        {
            "source": source,
            "kernel": kernel,
            "file": f"<generated {kernel} {hashlib.sha256(source.encode()).hexdigest()[:12]}>",
            "signature": {name: POINTERS[form] for name, form in request.signature}
            | {name: kind for name, kind, _ in request.integers},
            "unaligned": [name for name, _, aligned in request.integers if not aligned],
            "capability": request.capability,
            "num_warps": request.num_warps,
            **more,
        }
    )
    if "error" in reply:
        raise Unsupported(f"{kernel} with implementation 'triton'", f"Triton refuses the source: {reply['error']}")
    return reply


class _Worker:
    """The process that holds Triton; requests go to it one at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(Path(ttir_worker.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment.without("TRITON_INTERPRET"),
        )
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to a request."""
        with self._lock:
            to, back = self._pipes()
            try:
                to.write(json.dumps(request) + "\n")
                to.flush()
                line = back.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                _worker.cache_clear()  # the next request starts another
                return {"error": f"its process ended with status {self._process.wait()}"}
            reply: dict[str, Any] = json.loads(line)
            return reply

    def close(self) -> None:
        """Ends the process."""
        for pipe in self._pipes():
            pipe.close()
        self._process.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout


@lru_cache(maxsize=1)
def _worker() -> _Worker:
    return _Worker()
