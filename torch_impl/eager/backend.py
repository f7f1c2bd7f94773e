"""Backends without generated kernels: programs as torch functions, and torch's own product."""

from __future__ import annotations

from specs.lang.declare.op import Op
from specs.lang.declare.readiness import NO_WEIGHT
from specs.tile.backend import ANY
from specs.tile.targets import EXECUTOR
from torch_impl.backend import Request, Runner, TorchBackend


def _executed(request: Request) -> list[Runner]:
    from torch_impl.eager.call import executed

    return executed(request)


def _product(request: Request) -> list[Runner]:
    from torch_impl.ambient import settled_runner
    from torch_impl.dequant import runner

    return [settled_runner(runner(request.asked, request.slots, request.device), request.device)]


def _why_not(op: Op | None, platform: str) -> str | None:
    del op
    return None if platform in ("cpu", "cuda", "hopper", "xpu") else f"not tried on {platform} devices"


def _no_weight(op: Op | None, platform: str) -> str | None:
    del platform
    return None if op is not None and op.framework_product is not None else NO_WEIGHT


EAGER = TorchBackend(name="eager", targets={ANY: EXECUTOR}, why_not=_why_not, strided=True, runners=_executed)
DEQUANT = TorchBackend(name="dequant", targets={}, why_not=_no_weight, runners=_product, temporaries=False)
