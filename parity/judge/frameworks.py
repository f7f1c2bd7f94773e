"""Between raw numpy arrays and the arrays of torch and JAX: bytes move, values are never converted.

Raw arrays as in `parity.judge.inputs`. torch and JAX are imported when they are first needed. torch calls are
checked for stray writes: allocations are filled with NaN (the largest value for integers), inputs lie between guard
bytes, and neither guards nor inputs may change. JAX arrays are immutable, and its interpreter fills results itself.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from parity.judge.guard import Guarded, bit_view, guarded
from parity.judge.inputs import Inputs, Raw, raw_dtype
from specs.extras import hint
from specs.lang.call.bind import Call
from specs.lang.declare.accuracy import Accumulator
from specs.lang.declare.kernel import Access
from specs.lang.declare.layouts import packed_strides
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import READY
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import ElementFormat
from specs.tile.backend import Backend

if TYPE_CHECKING:
    import jax
    import torch

JAX_PLATFORMS: Final[Mapping[str, str]] = {"cpu": "cpu", "cuda": "cuda", "xpu": "oneapi"}
"""Our device names -> JAX's."""


class OutOfBoundsWrite(Exception):
    """An operation wrote outside its arguments, or into a read-only one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """One array that an operation returned or wrote in place."""

    raw: Raw
    form: ElementFormat


Results = dict[str, Result]


# -- torch -----------------------------------------------------------------------------------------------


def to_torch(raw: Raw, form: ElementFormat, device: str = "cpu") -> torch.Tensor:
    """A tensor with the bytes of `raw`, which it does not share; shape and row-major order are kept."""
    import torch

    from torch_impl.formats import dtype_of

    bits = np.array(bit_view(raw), order="C").view(f"i{raw.dtype.itemsize}")
    return torch.from_numpy(bits).view(dtype_of(form)).to(device)


def from_torch(tensor: torch.Tensor) -> Result:
    """The bytes of a tensor and the format of its dtype.

    Raises:
        KeyError: the dtype has none.
    """
    import torch

    from torch_impl.formats import FORMATS

    form = FORMATS[tensor.dtype]
    integers = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    bits = tensor.detach().cpu().contiguous().view(integers[tensor.element_size()]).numpy()
    return Result(raw=bits.view(raw_dtype(form)), form=form)


def torch_missing(device: str) -> str | None:
    """Why torch cannot compute on `device` ("cpu", "cuda", "xpu"), None if it can."""
    if importlib.util.find_spec("torch") is None:
        return hint("torch")
    import torch

    found = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "xpu": hasattr(torch, "xpu") and torch.xpu.is_available(),
    }
    return None if found.get(device, False) else f"torch sees no {device} device"


def torch_flushes(device: str) -> bool:
    """Whether torch flushes subnormal float32 numbers on `device`: measured, because it is a per-thread setting."""
    import torch

    least = torch.full((1,), 2.0**-126, device=device)
    return not bool(((least * 0.5) * 2.0 == least).cpu())


def run_torch(inputs: Inputs, implementation: str, device: str) -> Results:
    """Results of `torch_impl.ops`, mutated arguments first.

    Raises:
        Unsupported: the implementation cannot run there.
        OutOfBoundsWrite: guard bytes, or an argument that is only read, have changed.
    """
    import torch

    from torch_impl import ops

    op = inputs.op
    kept = {
        name: _guarded_tensor(raw, inputs.formats[name], device, inputs.strides.get(name))
        for name, raw in inputs.arrays.items()
    }
    arguments = [kept[a.name].tensor if a.name in kept else None for a in op.inputs]
    # Triton's interpreter is numpy, which warns about infinity - infinity and the like.
    with _filled_allocations(), np.errstate(all="ignore"):
        returned = getattr(ops, op.name)(*arguments, **inputs.attributes, implementation=implementation)
    for array in op.inputs:
        if array.name in kept:
            kept[array.name].check(array.name, inputs.arrays[array.name], array.access is Access.IN)
    fresh = (returned,) if isinstance(returned, torch.Tensor) else tuple(returned or ())
    written = {a.name: kept[a.name].tensor for a in op.mutated if a.name in kept}
    written |= zip(returned_names(inputs), fresh, strict=True)
    return {name: from_torch(tensor) for name, tensor in written.items()}


def run_guarded(
    function: Callable[..., Any], inputs: Sequence[Any], arrays: Mapping[int, ElementFormat], device: str
) -> Any:
    """What a torch function of a user returns for arrays and other values.

    arrays: positions of the arrays among the inputs, with their formats.

    Raises:
        OutOfBoundsWrite: guard bytes, or an array, have changed.
    """
    kept = {i: _guarded_tensor(np.ascontiguousarray(inputs[i]), form, device) for i, form in arrays.items()}
    with _filled_allocations():
        returned = function(*(kept[i].tensor if i in kept else given for i, given in enumerate(inputs)))
    for i, tensor in kept.items():
        tensor.check(f"input {i}", inputs[i], read_only=True)
    return returned


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _GuardedTensor:
    tensor: torch.Tensor
    whole: torch.Tensor
    guards: Guarded

    def check(self, name: str, raw: Raw, read_only: bool) -> None:
        if self.whole.device.type != "cpu":  # on the CPU they share memory
            self.guards.buffer[:] = self.whole.cpu().numpy()
        breach = self.guards.breach()
        if breach is not None:
            where = f"the first at byte {breach.first_offset} of its data"
            raise OutOfBoundsWrite(f"{breach.count} guard bytes around '{name}' were overwritten, {where}")
        if read_only and not np.array_equal(bit_view(self.guards.data).reshape(raw.shape), bit_view(raw)):
            raise OutOfBoundsWrite(f"'{name}' is only read, and was changed")


def _guarded_tensor(
    raw: Raw, form: ElementFormat, device: str, strides: tuple[int, ...] | None = None
) -> _GuardedTensor:
    """A tensor with the bytes of `raw` between guard bytes; row-major unless it is given strides."""
    import torch

    from torch_impl.formats import dtype_of

    guards = guarded(raw.shape or (1,), raw.dtype, form, strides=strides or None)
    guards.data[...] = raw
    whole = torch.from_numpy(guards.buffer).to(device)
    rest = len(guards.buffer) - guards.offset
    memory = whole[guards.offset : guards.offset + rest // raw.dtype.itemsize * raw.dtype.itemsize]
    tensor = memory.view(dtype_of(form)).as_strided(raw.shape, strides or packed_strides(raw.shape))
    return _GuardedTensor(tensor=tensor, whole=whole, guards=guards)


@contextmanager
def _filled_allocations() -> Iterator[None]:
    """Makes torch fill allocations, to detect elements that a kernel does not write."""
    import torch

    from torch_impl.platforms import environment

    environment.prepare()  # the switch below imports triton
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    with warnings.catch_warnings():
        # The same switch names library calls that are not deterministic, which is not the question here.
        warnings.filterwarnings("ignore", message=".*determinis", category=UserWarning)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])


# -- JAX -------------------------------------------------------------------------------------------------


def to_jax(raw: Raw, form: ElementFormat, device: str = "cpu") -> jax.Array:
    """A JAX array with the bytes of `raw`.

    Raises:
        Unsupported: 64-bit numbers, which JAX narrows unless x64 is enabled.
    """
    import jax

    from jax_impl.formats import dtype_of

    array = np.array(raw, order="C").view(dtype_of(form))
    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        raise Unsupported(f"{form.name} in JAX", "64-bit types are off (jax_enable_x64)")
    return jax.device_put(array, jax.devices(JAX_PLATFORMS[device])[0])


def from_jax(array: jax.Array) -> Result:
    """The bytes of a JAX array and the format of its dtype.

    Raises:
        KeyError: the dtype has none.
    """
    from jax_impl.formats import FORMATS

    host = np.asarray(array)
    form = FORMATS[host.dtype]
    return Result(raw=np.array(host, order="C").view(raw_dtype(form)), form=form)


def jax_missing(device: str) -> str | None:
    """Why JAX cannot compute on `device` ("cpu", "cuda", "xpu"), None if it can."""
    if importlib.util.find_spec("jax") is None:
        return hint("jax")
    import jax

    try:
        found = device in JAX_PLATFORMS and bool(jax.devices(JAX_PLATFORMS[device]))
    except RuntimeError:  # what JAX raises for a platform that it does not have
        found = False
    return None if found else f"jax sees no {device} device"


def jax_flushes(device: str) -> bool:
    """Whether XLA takes subnormal float32 numbers for zero on `device`: measured."""
    from jax_impl.subnormals import flushes

    return flushes(JAX_PLATFORMS[device])


def run_jax(inputs: Inputs, implementation: str, device: str) -> Results:
    """Results of `jax_impl.ops`, in-place arguments first. Calls with 64-bit integers run with those switched on.

    Raises:
        Unsupported: the implementation cannot run there.
    """
    import jax

    from jax_impl import ops

    op = inputs.op
    wide = any(form.storage_bits == 64 for form in inputs.layout.call().formats.values())
    with jax.enable_x64(wide or jax.config.read("jax_enable_x64")):
        given = {name: to_jax(raw, inputs.formats[name], device) for name, raw in inputs.arrays.items()}
        arguments = [given.get(a.name) for a in op.inputs]
        returned = getattr(ops, op.name)(*arguments, **inputs.attributes, implementation=implementation)
    results = returned if isinstance(returned, tuple | list) else (returned,)
    names = [a.name for a in op.mutated if a.name in given] + returned_names(inputs)
    return {name: from_jax(array) for name, array in zip(names, results, strict=True)}


def returned_names(inputs: Inputs) -> list[str]:
    """Fresh results of this call, in order."""
    shapes = inputs.layout.call().shapes
    return [a.name for a in inputs.op.outputs if a.name in shapes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """How the runner uses one framework.

    package: whose module `backends` registers its implementations.
    platforms: our device names -> its own, where they differ.
    missing: why it cannot be used on a device, None if it can.
    run: a call.
    flushes: whether arithmetic on a device takes subnormal float32 numbers for zero.
    """

    package: str
    platforms: Mapping[str, str] = field(default_factory=dict)
    missing: Callable[[str], str | None]
    run: Callable[[Inputs, str, str], Results]
    flushes: Callable[[str], bool]

    @property
    def backends(self) -> Mapping[str, Backend]:
        """Its implementations by the name that `implementation=` takes; the framework need not be installed."""
        found: Mapping[str, Backend] = import_module(f"{self.package}.backends").BACKENDS
        return found

    def accumulator(self, implementation: str, call: Call, device: str) -> Accumulator:
        """How an implementation adds up products on a device."""
        return self.backends[implementation].accumulator(call, self.platforms.get(device, device))


FRAMEWORKS: Final[Mapping[str, Framework]] = {
    "torch": Framework(
        package="torch_impl",
        missing=torch_missing,
        run=run_torch,
        flushes=torch_flushes,
    ),
    "jax": Framework(
        package="jax_impl",
        platforms=JAX_PLATFORMS,
        missing=jax_missing,
        run=run_jax,
        flushes=jax_flushes,
    ),
}


def first_choice(framework: str, op: Op, device: str) -> str:
    """The implementation that an operation runs as where none is asked for."""
    explain = import_module(f"{FRAMEWORKS[framework].package}.ops").explain
    found: dict[str, str] = explain(op.name, FRAMEWORKS[framework].platforms.get(device, device))
    return next((name for name, answer in found.items() if answer == READY), next(iter(found)))


def registered() -> tuple[str, ...]:
    """Everything that can be compared, as "framework:implementation"."""
    return tuple(f"{name}:{choice}" for name, framework in FRAMEWORKS.items() for choice in framework.backends)
