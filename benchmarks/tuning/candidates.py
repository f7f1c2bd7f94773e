"""Tunables of an operation: defaults, neighbours, and running a call with other values than the defaults."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import prod
from unittest import mock

from benchmarks.harness.inputs import Problem
from specs.lang.call.bind import ArrayInfo, bind
from specs.lang.declare.axes import Axis, Literal
from specs.lang.declare.kernel import Array
from specs.lang.declare.layouts import packed_strides
from specs.lang.declare.op import Op
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch

Config = tuple[tuple[str, int], ...]
PARTS = (1, 2, 3, 4, 6, 8, 12, 16)  # values to try of an axis that follows from the others (a number of splits)
MOST_LISTED = 20_000
LARGEST_TILE_PER_THREAD = 256  # accumulators: more than a thread has registers


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Values of every tunable, and the default configuration."""

    values: Mapping[str, tuple[int, ...]]
    default: Config

    def neighbours(self, config: Config) -> list[Config]:
        """Configurations that differ in one tunable, by one step either way."""
        current = dict(config)
        found: list[Config] = []
        for name, values in self.values.items():
            smaller = [value for value in values if value < current[name]]
            larger = [value for value in values if value > current[name]]
            nearby = [*([max(smaller)] if smaller else []), *([min(larger)] if larger else [])]
            found += [freeze({**current, name: value}) for value in nearby]
        return [config for config in found if plausible(config)]

    def mutations(self, config: Config, chance: random.Random, count: int) -> list[Config]:
        """`count` plausible configurations that differ in two or three tunables, by any amount."""
        found: list[Config] = []
        for _ in range(20 * count):
            names = chance.sample(list(self.values), min(len(self.values), chance.choice((2, 3))))
            changed = freeze({**dict(config), **{name: chance.choice(self.values[name]) for name in names}})
            if plausible(changed) and changed not in found:
                found.append(changed)
            if len(found) == count:
                break
        return found

    def everything(self, chance: random.Random) -> Iterator[Config]:
        """All plausible configurations in random order; an endless random draw where there are too many to list."""
        if prod(len(values) for values in self.values.values()) <= MOST_LISTED:
            listed = [dict(zip(self.values, values, strict=True)) for values in product(*self.values.values())]
            chance.shuffle(listed)
            yield from (config for config in map(freeze, listed) if plausible(config))
            return
        while True:
            config = freeze({name: chance.choice(values) for name, values in self.values.items()})
            if plausible(config):
                yield config


def freeze(values: Mapping[str, int]) -> Config:
    """A configuration that can be a key."""
    return tuple(sorted(values.items()))


def label(config: Config) -> str:
    """A configuration on one line."""
    return " ".join(f"{name}={value}" for name, value in config)


def changes(config: Config, default: Config) -> str:
    """What a configuration has other than the default."""
    return " ".join(f"{name}={value}" for name, value in config if (name, value) not in default) or "default"


def plausible(config: Config) -> bool:
    """Whether the accumulators of a tile fit the registers of its threads; other limits are the compiler's to find."""
    values = dict(config)
    tile = values.get("BLOCK_M", 1) * values.get("BLOCK_N", 1)
    return tile <= LARGEST_TILE_PER_THREAD * 32 * values.get("num_warps", 4)


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
    own = partial(launches, tuned=dict(config))
    with (
        _axes(config),
        mock.patch("torch_impl.triton.launch.launches", own),
        mock.patch("torch_impl.eager.call.launches", own),
    ):
        yield


@contextmanager
def tuned_jax(config: Config) -> Iterator[None]:
    """JAX calls that are traced inside run with these tunables."""
    with (
        _axes(config),
        mock.patch("jax_impl.steps.launches", partial(launches, tuned=dict(config))),
        mock.patch("jax_impl.launch._functions", {}),
    ):
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
