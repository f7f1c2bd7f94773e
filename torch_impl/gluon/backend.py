"""The backend that runs generated Gluon source on Hopper GPUs: opt-in, as no card has measured it yet."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePosixPath

from specs.lang.declare.op import Op
from specs.tile.backend import Source
from specs.tile.emit.gluon import emit_gluon
from specs.tile.emit.triton import emit
from specs.tile.launch.cases import case_launches
from specs.tile.launch.plan import Launch
from specs.tile.launch.warp_roles import specialized
from specs.tile.passes.row_split import Refusal
from specs.tile.targets import GLUON_HOPPER
from torch_impl.backend import Request, Runner, TorchBackend


def _compiled(request: Request) -> list[Runner]:
    from torch_impl.gluon.launch import compiled

    return compiled(request)


def _source(launch: Launch) -> str:
    """Gluon source of a launch, or why it runs as the backend "triton" has it."""
    roles = specialized(launch, GLUON_HOPPER)
    if isinstance(roles, Refusal):
        return f"# {launch.program.name} runs as with implementation triton: {roles.reason}.\n"
    return emit_gluon(roles)


@lru_cache(maxsize=512)
def refusals(op: Op) -> dict[str, str]:
    """Kernels of an operation -> why their warps have no roles; empty where a case has a kernel with roles."""
    found: dict[str, str] = {}
    for case in sorted(op.cases, key=lambda case: not case.large):
        for launch in case_launches(op, case, GLUON_HOPPER.config, strided=True):
            roles = specialized(launch, GLUON_HOPPER)
            if not isinstance(roles, Refusal):
                return {}
            found.setdefault(launch.program.name, roles.reason)
    return found


def _why_not(op: Op | None, platform: str) -> str | None:
    if platform != "hopper":
        return f"its kernels are for Hopper GPUs, compute capability 9.0; the arrays are on {platform}"
    from torch_impl.platforms import gluon

    problem = gluon.problem()
    if problem is not None or op is None:
        return problem
    reasons = refusals(op)
    return None if not reasons else "; ".join(f"{kernel}: {reason}" for kernel, reason in reasons.items())


GLUON = TorchBackend(
    name="gluon",
    targets={"cuda": GLUON_HOPPER, "hopper": GLUON_HOPPER},
    why_not=_why_not,
    strided=True,
    source=Source(
        name="gluon",
        folder=PurePosixPath("torch_impl", "generated", "gluon"),
        targets={"cuda": GLUON_HOPPER},
        strided=True,
        emit=emit,
        launched=_source,
        cases={"fp8_gemm": "prefill", "gemm": "prefill"},
    ),
    runners=_compiled,
)
