"""What the job needs of a framework and one of its implementations: operands in, operations, bytes out.

Operands stay the framework's arrays from call to call, so that weights are moved once. torch and JAX are
imported when an engine is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from parity.judge.frameworks import FRAMEWORKS, Result, from_jax, from_torch, to_jax, to_torch
from parity.judge.inputs import Raw
from parity.models.minilm.arrays import ArrayNamespace, jax_arrays, torch_arrays
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import ElementFormat

DEFAULT: Final = ("torch:eager", "jax:xla")
"""The implementations that run on every device."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engine:
    """One implementation of one framework on one device.

    name: "framework:implementation".
    arrays: float32 arrays on the device.
    operand: the framework's array with the bytes of a raw one (`parity.judge.inputs`).
    result: bytes and format of a framework's array.
    cast: a framework's array of floats, rounded to a format (nearest, ties to even).
    operations: public operations by name.
    """

    name: str
    device: str
    arrays: ArrayNamespace
    operand: Callable[[Raw, ElementFormat], Any]
    result: Callable[[Any], Result]
    cast: Callable[[Any, ElementFormat], Any]
    operations: Callable[[str], Callable[..., Any]]

    def run(self, op: Op, arrays: Mapping[str, Any], attributes: Mapping[str, object]) -> tuple[Any, ...]:
        """Results of `op` on framework arrays by name; arguments that are not among them are left out.

        Raises:
            Unsupported: the implementation cannot run there.
        """
        arguments = [arrays.get(array.name) for array in op.inputs]
        implementation = self.name.partition(":")[2]
        returned = self.operations(op.name)(*arguments, **attributes, implementation=implementation)
        return tuple(returned) if isinstance(returned, tuple | list) else (returned,)


def engine(name: str, device: str = "cpu") -> Engine:
    """The engine "framework:implementation" on "cpu", "cuda" or "xpu".

    Raises:
        Unsupported: the framework is not installed, or sees no such device.
    """
    framework = name.partition(":")[0]
    reason = FRAMEWORKS[framework].missing(device)
    if reason is not None:
        raise Unsupported(name, reason)
    return {"torch": _torch, "jax": _jax}[framework](name, device)


@contextmanager
def thread_limit(implementations: Sequence[str]) -> Iterator[None]:
    """Lets torch use one CPU thread, and restores the previous number afterwards; names as of engines.

    Tensors are small here: a second thread brings little, and where other processes want the cores too, waiting for it
    costs several times what the work does.
    """
    if not any(name.startswith("torch:") for name in implementations):
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torch(name: str, device: str) -> Engine:
    from torch_impl import ops
    from torch_impl.formats import dtype_of

    return Engine(
        name=name,
        device=device,
        arrays=torch_arrays(device),
        operand=lambda raw, form: to_torch(raw, form, device),
        result=from_torch,
        cast=lambda x, form: x.to(dtype_of(form)),
        operations=lambda op: getattr(ops, op),
    )


def _jax(name: str, device: str) -> Engine:
    from jax_impl import ops
    from jax_impl.formats import dtype_of

    return Engine(
        name=name,
        device=device,
        arrays=jax_arrays(device),
        operand=lambda raw, form: to_jax(raw, form, device),
        result=from_jax,
        cast=lambda x, form: x.astype(dtype_of(form)),
        operations=lambda op: getattr(ops, op),
    )
