"""Tunables of an operation: defaults, neighbours, and running a call with other values than the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

from benchmarks.harness.inputs import Problem
from parity.tune.space import Config, Space, freeze
from specs.lang.call.bind import ArrayInfo, bind
from specs.lang.declare.axes import Axis, Literal
from specs.lang.declare.kernel import Array
from specs.lang.declare.layouts import packed_strides
from specs.lang.declare.op import Op
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tuned.measured import trying

PARTS = (1, 2, 3, 4, 6, 8, 12, 16)  # values to try of an axis that follows from the others (a number of splits)


def space_of(given: Problem, target: str, limits: Mapping[str, Sequence[int]], start: Mapping[str, int]) -> Space:
    """The tunables of the problem's steps.

    Args:
        target: which default configurations apply ("cuda").
        limits: values to try by tunable, where not all that the kernel declares.
        start: values that replace the defaults.
    """
    values: dict[str, tuple[int, ...]] = {}
    default: dict[str, int] = {}
    for launch in launches_of(given, target):
        default |= launch.tunables
        values |= {tunable.name: tuple(tunable.values) for tunable in launch.kernel.tunables}
        derived = {axis.name for axis in launch.kernel.axes if axis.value is not None}
        default |= {name: value for name, value in launch.key.static if name in derived}
        values |= dict.fromkeys(derived, PARTS)
    values |= {name: tuple(chosen) for name, chosen in limits.items() if name in values}
    default |= {name: value for name, value in start.items() if name in default}
    return Space(values=values, default=freeze(default))


def launches_of(given: Problem, target: str, values: Mapping[str, int] | None = None) -> list[Launch]:
    """What a call on packed arrays launches.

    Args:
        target: which default configurations apply.
        values: tunables that replace defaults.
    """
    infos = {array.name: _info(given, array) if given.taken(array) else None for array in given.op.inputs}
    with _axes(freeze(values or {})):
        call = bind(given.op, infos, given.attributes)
    strides = {name: info.strides for name, info in infos.items() if info is not None}
    return [*launches(call, target, strides=strides, tuned=values)]


def _info(given: Problem, array: Array) -> ArrayInfo:
    shape = given.shape(array)
    return ArrayInfo(shape, given.element(array), packed_strides(shape), None)


@contextmanager
def tuned(config: Config) -> Iterator[None]:
    """Torch calls that are prepared inside run with these tunables."""
    with _axes(config), trying(dict(config)):
        yield


@contextmanager
def tuned_jax(config: Config) -> Iterator[None]:
    """JAX calls that are traced inside run with these tunables."""
    with tuned(config), mock.patch("jax_impl.launch._functions", {}):
        yield


@contextmanager
def _axes(config: Config) -> Iterator[None]:
    """Calls that are bound inside have these values of axes that otherwise follow from the sizes."""
    values, derived = dict(config), vars(Op)["derived_axes"].fget

    def replaced(op: Op) -> tuple[Axis, ...]:
        return tuple(
            replace(axis, value=Literal(values[axis.name])) if axis.name in values else axis for axis in derived(op)
        )

    with mock.patch.object(Op, "derived_axes", property(replaced)):
        yield
