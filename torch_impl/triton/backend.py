"""Backends that run generated Triton source."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import PurePosixPath

from specs.extras import hint
from specs.lang.declare.op import Op
from specs.tile.backend import Source
from specs.tile.emit.triton import emit
from specs.tile.targets import TRITON_CUDA, TRITON_HOPPER, TRITON_INTERPRET, TRITON_XPU
from torch_impl.backend import Request, Runner, TorchBackend

_NOT_INSTALLED = hint("triton")


def _compiled(request: Request) -> list[Runner]:
    from torch_impl.triton.launch import compiled

    return compiled(request)


def _interpreted(request: Request) -> list[Runner]:
    from torch_impl.triton.launch import interpreted

    return interpreted(request)


@cache
def _installed() -> bool:
    return importlib.util.find_spec("triton") is not None


def _why_not(op: Op | None, platform: str) -> str | None:
    del op
    if platform not in TRITON.targets:
        return f"Triton compiles for cuda and xpu devices, the arrays are on {_device(platform)}"
    return None if _installed() else _NOT_INSTALLED


def _device(platform: str) -> str:
    """The type of a platform's devices."""
    return "cuda" if platform == "hopper" else platform


def _not_interpreted(op: Op | None, platform: str) -> str | None:
    from torch_impl.platforms import environment

    del op
    if platform != "cpu":
        return f"the interpreter reads host memory, the arrays are on {_device(platform)}"
    if not _installed():
        return _NOT_INSTALLED
    if environment.gpu_available():
        return "Triton compiles in this process: it sees a GPU"
    return environment.interpreter_problem()


_GPUS = {"cuda": TRITON_CUDA, "hopper": TRITON_HOPPER, "xpu": TRITON_XPU}

TRITON = TorchBackend(
    name="triton",
    targets=_GPUS,
    why_not=_why_not,
    strided=True,
    source=Source(
        name="torch",
        folder=PurePosixPath("torch_impl", "generated"),
        targets={**_GPUS, "interpret": TRITON_INTERPRET},
        strided=True,
        emit=emit,
    ),
    runners=_compiled,
)
INTERPRET = TorchBackend(
    name="interpret",
    targets={"cpu": TRITON_INTERPRET},
    why_not=_not_interpreted,
    strided=True,
    runners=_interpreted,
)
