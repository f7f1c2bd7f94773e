"""Runs checked calls. Everything that depends only on shapes, strides, formats and attributes is cached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from specs.lang.call.bind import Call, bind
from specs.lang.declare.kernel import Access
from specs.lang.declare.layouts import Pages
from specs.lang.declare.op import Op
from specs.lang.errors import SpecError, WrongStride, WrongType
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged
from torch_impl import repeated
from torch_impl.backend import Request, Runner, Tensors
from torch_impl.backends import BACKENDS
from torch_impl.formats import describe, dtype_of, format_of
from torch_impl.orders import in_memory_order
from torch_impl.repeated import Key, traits
from torch_impl.results import Given, check_given, refuse_aliases, strides_of
from torch_impl.support import choose, place_of, platform_of

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call ready to run on tensors of the same shapes, strides and dtypes.

    fresh: (name, shape, strides, dtype) of allocated tensors: results that are not given, then temporaries.
    results: slots of the results.
    aligned: caches and other arrays of bytes, with the multiple of bytes that each begins at.
    op: kept alive, because calls are remembered under its identity.
    arguments: how many it has. mutated: slots of those that are written in place.
    writes: whether the caller gave results, which follow the arguments.
    """

    op: Op
    arguments: int
    writes: bool
    fresh: tuple[tuple[str, Shape, Shape, torch.dtype], ...]
    results: tuple[int, ...]
    runners: tuple[Runner, ...]
    device: torch.device
    aligned: tuple[tuple[int, str, int], ...] = ()
    mutated: tuple[int, ...] = ()

    def __call__(self, tensors: Tensors) -> list[torch.Tensor]:
        """Allocates, runs every step, returns the results. tensors: arguments, then given results."""
        arrays = [*tensors]
        for slot, name, alignment in self.aligned:
            if arrays[slot].data_ptr() % alignment:
                raise misaligned(self.op, name, alignment)
        device = self.device
        for _, shape, strides, dtype in self.fresh:  # with strides it takes torch less time
            arrays.append(torch.empty_strided(shape, strides, dtype=dtype, device=device))
        if device.type == "cpu" or device.index == torch.accelerator.current_device_index():
            self._launch(arrays)
        else:  # Triton launches on the current device, wherever the tensors are
            with torch.accelerator.device_index(device.index):
                self._launch(arrays)
        return [arrays[slot] for slot in self.results]

    def _launch(self, arrays: Tensors) -> None:
        for runner in self.runners:
            runner(arrays)


def misaligned(op: Op, name: str, alignment: int) -> WrongStride:
    """The refusal of bytes that begin between two elements."""
    expected = f"memory that begins at a multiple of {alignment} bytes"
    return WrongStride(op=op.name, argument=name, expected=expected, actual="a view that begins between")


def page_alignments(call: Call) -> tuple[tuple[int, str, int], ...]:
    """Caches and other arrays of bytes by slot and name, with the multiple of bytes at which they begin."""
    found: list[tuple[int, str, int]] = []
    for slot, array in enumerate(call.op.inputs):
        if array.name not in call.shapes:
            continue
        if isinstance(array.layout, Pages):
            layout = call.attributes[array.layout.layout]
            assert isinstance(layout, Paged)
            found.append((slot, array.name, layout.alignment))
        elif array.layout.alignment > 1:
            found.append((slot, array.name, array.layout.alignment))
    return tuple(found)


_layouts: dict[str, Paged] = {}  # by name, as operators' schemas carry no objects


def run(
    op: Op,
    tensors: Given,
    attributes: tuple[object, ...],
    implementation: str | None,
    given: Given = (),
    key: Key | None = None,
) -> list[torch.Tensor]:
    """Runs `op`; tensors and attributes in the order of its spec. Returns its results.

    Args:
        given: tensors for the results in the order of the spec, None for those to allocate; () allocates all.
        key: cache key of the public function's call, under which the prepared call is kept.
    """
    every = (*tensors, *given)
    own: Key | None
    try:
        # With types: 128.0 equals 128, and is refused.
        own = (id(op), attributes, (*map(type, attributes),), implementation, traits(every))
        ready = repeated.calls.get(own)
    except (AttributeError, TypeError, RuntimeError):  # no dense tensor, or an attribute without a hash: see `check`
        own = ready = None
    if ready is None:
        ready = prepare(op, tensors, attributes, implementation, given)
        if own is not None:
            repeated.keep(own, ready)
    if key is not None:
        repeated.keep(key, ready)
    return perform(ready, every)


def perform(ready: Prepared, every: Tensors) -> list[torch.Tensor]:
    """Makes a prepared call.

    Args:
        every: arguments, then given results, whose memory is looked at.
    """
    if ready.writes:
        arguments, given = every[: ready.arguments], every[ready.arguments :]
        places = [t.data_ptr() for t in every if t is not None]
        if len({*places}) < len(places):  # or arguments share memory, or something is empty
            refuse_aliases(ready.op, arguments, given, torch.Tensor.data_ptr)
        torch.autograd.graph.increment_version([t for t in given if t is not None])
    results = ready(every)
    if ready.mutated:  # kernels bypass autograd, which may have saved the old values
        torch.autograd.graph.increment_version([every[slot] for slot in ready.mutated])
    return results


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
    for attribute, value in zip_longest(op.attributes, values):  # those left out have their defaults
        convert = attribute.kind is ElementFormat and value is not None
        named[attribute.name] = format_of(op.name, attribute.name, value) if convert else value
        if attribute.kind is Paged and isinstance(value, str):
            named[attribute.name] = _layouts.get(value, value)
    return named


def layout_name(layout: object) -> object:
    """The name of a layout, for operators' schemas; the layout is kept under it."""
    if not isinstance(layout, Paged):
        return layout
    if _layouts.setdefault(layout.name, layout) != layout:
        raise SpecError(f"two layouts are called {layout.name!r}", hint="give each a name of its own")
    return layout.name


def prepare(
    op: Op, tensors: Given, attributes: tuple[object, ...], implementation: str | None, given: Given = ()
) -> Prepared:
    """Checks a call and builds everything that repeated calls share."""
    asked = check(op, tensors, attributes)
    call, strides = in_memory_order(asked, tensors)
    device = next(t.device for t in tensors if t is not None)
    own: set[str] = set()
    if given:
        check_given(call, given, device)
        strides = {**strides, **strides_of(op, given)}
        own = {a.name for a, t in zip(op.outputs, given, strict=True) if t is not None}
    chosen = choose(op, device, implementation)
    if given:  # after it: meta tensors have no address
        refuse_aliases(op, tensors, given, torch.Tensor.data_ptr)
    fresh = [a for a in (*op.outputs, *op.temporaries) if a.name in call.shapes and a.name not in own]
    names = [a.name for a in (*op.inputs, *(op.outputs if given else ()), *fresh)]
    # The last one wins: a result that is not given is among the fresh.
    slots = {name: slot for slot, name in enumerate(names)}
    backend = BACKENDS[chosen]
    if not backend.temporaries:
        fresh = [a for a in fresh if a in op.outputs]
    runners = backend.runners(
        Request(
            asked=asked,
            call=call,
            strides=strides,
            slots=slots,
            device=device,
            target=backend.target(platform_of(device)),
            place=place_of(device, chosen),
        )
    )
    return Prepared(
        op=op,
        arguments=len(op.inputs),
        writes=any(t is not None for t in given),
        fresh=tuple((a.name, *_packed(call.shapes[a.name]), dtype_of(call.formats[a.name])) for a in fresh),
        results=tuple(slots[a.name] for a in op.outputs if a.name in call.shapes),
        runners=tuple(runners),
        device=device,
        aligned=page_alignments(call),
        mutated=tuple(s for s, a in enumerate(op.inputs) if a.access is Access.INOUT and a.name in call.shapes),
    )


def _packed(shape: Shape) -> tuple[Shape, Shape]:
    """A shape and the strides with which torch itself allocates it."""
    return shape, tuple(torch.empty(shape, device="meta").stride())


def written_names(op: Op) -> Mapping[str, Access]:
    """Arguments that a call mutates."""
    return {array.name: array.access for array in op.mutated}
