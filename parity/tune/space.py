"""Configurations of a call: the default, its neighbours, and everything else."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

Config = tuple[tuple[str, int], ...]
MOST_LISTED: Final = 20_000
LARGEST_TILE_PER_THREAD: Final = 256  # accumulators: more than a thread has registers


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Values of every tunable, and the default configuration.

    registers: whether accumulators lie in registers of a GPU's threads, which bounds the tiles.
    """

    values: Mapping[str, tuple[int, ...]]
    default: Config
    registers: bool = True

    def neighbours(self, config: Config) -> list[Config]:
        """Configurations that differ in one tunable, by one step either way."""
        current = dict(config)
        found: list[Config] = []
        for name, values in self.values.items():
            smaller = [value for value in values if value < current[name]]
            larger = [value for value in values if value > current[name]]
            nearby = [*([max(smaller)] if smaller else []), *([min(larger)] if larger else [])]
            found += [freeze({**current, name: value}) for value in nearby]
        return [config for config in found if self.plausible(config)]

    def mutations(self, config: Config, chance: random.Random, count: int) -> list[Config]:
        """`count` plausible configurations that differ in two or three tunables, by any amount."""
        found: list[Config] = []
        for _ in range(20 * count):
            names = chance.sample(list(self.values), min(len(self.values), chance.choice((2, 3))))
            changed = freeze({**dict(config), **{name: chance.choice(self.values[name]) for name in names}})
            if self.plausible(changed) and changed not in found:
                found.append(changed)
            if len(found) == count:
                break
        return found

    def everything(self, chance: random.Random) -> Iterator[Config]:
        """All plausible configurations in random order; an endless random draw where there are too many to list."""
        if prod(len(values) for values in self.values.values()) <= MOST_LISTED:
            listed = [dict(zip(self.values, values, strict=True)) for values in product(*self.values.values())]
            chance.shuffle(listed)
            yield from (config for config in map(freeze, listed) if self.plausible(config))
            return
        while True:
            config = freeze({name: chance.choice(values) for name, values in self.values.items()})
            if self.plausible(config):
                yield config

    def plausible(self, config: Config) -> bool:
        """Whether the accumulators of a tile fit the registers of its threads; the compiler finds other limits."""
        values = dict(config)
        tile = values.get("BLOCK_M", 1) * values.get("BLOCK_N", 1)
        return not self.registers or tile <= LARGEST_TILE_PER_THREAD * 32 * values.get("num_warps", 4)


def freeze(values: Mapping[str, int]) -> Config:
    """A configuration that can be a key."""
    return tuple(sorted(values.items()))


def label(config: Config) -> str:
    """A configuration on one line."""
    return " ".join(f"{name}={value}" for name, value in config)


def changes(config: Config, default: Config) -> str:
    """What a configuration has other than the default."""
    return " ".join(f"{name}={value}" for name, value in config if (name, value) not in default) or "default"
