"""Runs checked calls. What depends only on shapes, strides, formats and attributes is prepared once and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from specs.lang.bind import Call, bind
from specs.lang.elements import ElementFormat
from specs.lang.errors import SpecError, WrongStride, WrongType
from specs.lang.kernel import Access
from specs.lang.layouts import Pages
from specs.lang.op import Op
from specs.lang.paged import Paged
from specs.tile.executor import Buffer, execute
from specs.tile.ir import ArrayParam
from specs.tile.legalise import legalise
from specs.tile.plan import Launch, plan
from specs.tile.targets import EXECUTOR
from specs.tile.triton_source import emit, runtime_strides
from torch_impl.arrayops import TorchOps
from torch_impl.compile import load_kernel
from torch_impl.formats import describe, dtype_of, format_of, raw_view
from torch_impl.orders import in_memory_order
from torch_impl.results import Given, check_given, refuse_aliases, strides_of
from torch_impl.support import choose, target_of

Tensors = dict[str, torch.Tensor]
Runner = Callable[[Tensors], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call ready to run on tensors of the same shapes, strides and dtypes.

    fresh: (name, shape, dtype) of what is allocated: results that are not given, then temporaries.
    aligned: caches, with the multiple of bytes that each begins at.
    op: kept alive, because calls are remembered under its identity.
    """

    op: Op
    inputs: tuple[str, ...]
    fresh: tuple[tuple[str, tuple[int, ...], torch.dtype], ...]
    results: tuple[str, ...]
    runners: tuple[Runner, ...]
    device: torch.device
    aligned: tuple[tuple[str, int], ...] = ()

    def __call__(self, tensors: Given, given: Given = ()) -> list[torch.Tensor]:
        """Allocates, runs every step, returns the results."""
        arrays: Tensors = dict(zip(self.inputs, tensors, strict=True))  # type: ignore[arg-type]
        if given:
            arrays.update((a.name, t) for a, t in zip(self.op.outputs, given, strict=True) if t is not None)
        for name, alignment in self.aligned:
            if arrays[name].data_ptr() % alignment:
                raise misaligned(self.op, name, alignment)
        for name, shape, dtype in self.fresh:
            arrays[name] = torch.empty(shape, dtype=dtype, device=self.device)
        for runner in self.runners:
            runner(arrays)
        return [arrays[name] for name in self.results]


def misaligned(op: Op, name: str, alignment: int) -> WrongStride:
    """The refusal of a cache that begins between two elements."""
    expected = f"memory that begins at a multiple of {alignment} bytes"
    return WrongStride(op=op.name, argument=name, expected=expected, actual="a view that begins between")


def page_alignments(call: Call) -> tuple[tuple[str, int], ...]:
    """Caches of a call, with the multiple of bytes at which their pages begin."""
    found: list[tuple[str, int]] = []
    for array in call.op.inputs:
        if isinstance(array.layout, Pages) and array.name in call.shapes:
            layout = call.attributes[array.layout.layout]
            assert isinstance(layout, Paged)
            found.append((array.name, layout.alignment))
    return tuple(found)


_prepared: dict[Any, Prepared] = {}
_layouts: dict[str, Paged] = {}  # by name, as operators' schemas carry no objects


def run(
    op: Op, tensors: Given, attributes: tuple[object, ...], implementation: str | None, given: Given = ()
) -> list[torch.Tensor]:
    """Runs `op`; tensors and attributes in the order of its spec. Returns its results.

    Args:
        given: tensors for the results in the order of the spec, None for those to allocate; () allocates all.
    """
    # Types of attributes: 128.0 equals 128, and is refused. Devices: get_device() cannot tell the CPU from meta.
    key: list[Any] = [id(op), attributes, *map(type, attributes), implementation]
    try:
        for t in (*tensors, *given) if given else tensors:
            key += (None,) if t is None else (t.shape, t.stride(), t.dtype, t.device)
        ready = _prepared.get(tuple(key))
    except (AttributeError, TypeError, RuntimeError):  # no dense tensor, or an attribute without a hash: see `check`
        ready = None
    if ready is None:
        ready = prepare(op, tensors, attributes, implementation, given)
        _prepared[tuple(key)] = ready
    elif given:
        refuse_aliases(op, tensors, given, torch.Tensor.data_ptr)
    if given:
        torch.autograd.graph.increment_version([t for t in given if t is not None])
    return ready(tensors, given)


def check(op: Op, tensors: Sequence[torch.Tensor | None], attributes: tuple[object, ...]) -> Call:
    """The checked call; raises `ArgumentError` for a wrong one."""
    infos = {}
    for array, tensor in zip(op.inputs, tensors, strict=True):
        if tensor is not None and not isinstance(tensor, torch.Tensor):
            raise WrongType(op=op.name, argument=array.name, expected="a torch.Tensor", actual=type(tensor).__name__)
        if tensor is not None and tensor.layout is not torch.strided:
            raise WrongType(op=op.name, argument=array.name, expected="a strided tensor", actual=tensor.layout)
        infos[array.name] = None if tensor is None else describe(tensor)
    return bind(op, infos, resolve_attributes(op, attributes))


def resolve_attributes(op: Op, values: tuple[object, ...]) -> dict[str, object]:
    """Attributes by name, dtypes turned into element formats."""
    named: dict[str, object] = {}
    for attribute, value in zip(op.attributes, values, strict=True):
        convert = attribute.kind is ElementFormat and value is not None
        named[attribute.name] = format_of(op.name, attribute.name, value) if convert else value
        if attribute.kind is Paged and isinstance(value, str):
            named[attribute.name] = _layouts.get(value, value)
    return named


def layout_name(layout: object) -> object:
    """What an operator's schema carries for a layout: its name, under which the layout is kept."""
    if not isinstance(layout, Paged):
        return layout
    if _layouts.setdefault(layout.name, layout) != layout:
        raise SpecError(f"two layouts are called {layout.name!r}", hint="give each a name of its own")
    return layout.name


def prepare(
    op: Op, tensors: Given, attributes: tuple[object, ...], implementation: str | None, given: Given = ()
) -> Prepared:
    """Checks a call and builds everything that repeated calls share."""
    call, strides = in_memory_order(check(op, tensors, attributes), tensors)
    device = next(t.device for t in tensors if t is not None)
    own: set[str] = set()
    if given:
        check_given(call, given, device)
        strides = {**strides, **strides_of(op, given)}
        own = {a.name for a, t in zip(op.outputs, given, strict=True) if t is not None}
    chosen = choose(op, device, implementation)
    if given:  # after it, as tensors without memory begin nowhere
        refuse_aliases(op, tensors, given, torch.Tensor.data_ptr)
    fresh = [a for a in (*op.outputs, *op.temporaries) if a.name in call.shapes and a.name not in own]
    config = "cpu" if chosen == "eager" else target_of(chosen, device).config
    launches = [plan(call, step, config=config, strides=strides) for step in op.active_steps(call.env)]
    runners = [_runner(launch, chosen, device) for launch in launches if prod(launch.grid)]
    return Prepared(
        op=op,
        inputs=tuple(a.name for a in op.inputs),
        fresh=tuple((a.name, call.shapes[a.name], dtype_of(call.formats[a.name])) for a in fresh),
        results=tuple(a.name for a in op.outputs if a.name in call.shapes),
        runners=tuple(runners),
        device=device,
        aligned=page_alignments(call),
    )


def _runner(launch: Launch, implementation: str, device: torch.device) -> Runner:
    if implementation == "eager":
        return _eager(launch, device)
    return triton_runner(launch, implementation, device)


def triton_source(launch: Launch, implementation: str, device: torch.device) -> str:
    """The Triton source that a launch runs."""
    return emit(legalise(launch.program, target_of(implementation, device)))


def triton_runner(launch: Launch, implementation: str, device: torch.device) -> Runner:
    """Launches the generated Triton kernel (or interprets it)."""
    program = legalise(launch.program, target_of(implementation, device))
    kernel = load_kernel(emit(program), program.name)
    ordered = [p for p in program.arrays if not p.written] + [p for p in program.arrays if p.written]
    names = [(launch.arrays[p.name][0], p.element) for p in ordered]
    raw = [(launch.arrays[p.name][0], p.element) for p in ordered if _is_raw(launch, p)]
    scalars = [launch.sizes[name] for name in program.sizes]
    for param in program.arrays:
        memory = launch.arrays[param.name][1]
        scalars += [memory.strides[d] for d in runtime_strides(param)]
    grid = launch.grid
    options = {name: launch.tunables[name] for name in ("num_warps", "num_stages") if name in launch.tunables}

    def runner(arrays: Tensors) -> None:
        if raw:
            views = {name: raw_view(arrays[name], form) for name, form in raw}
            kernel[grid](*[views.get(name, arrays[name]) for name, _ in names], *scalars, **options)
        else:
            kernel[grid](*[arrays[name] for name, _ in names], *scalars, **options)

    return runner


def _is_raw(launch: Launch, param: ArrayParam) -> bool:
    """Whether the kernel sees raw codes, or narrower pieces, instead of the array's own format."""
    return dtype_of(launch.formats[param.name]) != dtype_of(param.element)


def _eager(launch: Launch, device: torch.device) -> Runner:
    program = legalise(launch.program, EXECUTOR)
    ops = TorchOps(device)

    def runner(arrays: Tensors) -> None:
        buffers = {}
        for param in program.arrays:
            name, memory = launch.arrays[param.name]
            buffers[param.name] = Buffer(_flat(raw_view(arrays[name], param.element)), memory.strides)
        with torch.no_grad():
            execute(program, ops, buffers, launch.sizes, launch.grid)

    return runner


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """The memory a tensor spans, as 1-D."""
    span = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((span if tensor.numel() else 0,), (1,))


def written_names(op: Op) -> Mapping[str, Access]:
    """Arguments that a call mutates."""
    return {array.name: array.access for array in op.mutated}
