"""The search for the fastest configuration of a call: climbs from the default, and times what it finds beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import Final

from parity.judge.frameworks import Results
from parity.tune.calls import Call, differs
from parity.tune.space import Config, Space, changes
from parity.tune.timing import Queue, Timing, describe_error, interleave
from specs.tuned.measured import class_of
from specs.tuned.rows import Measured, Row

BATCH: Final = 8
"""Configurations that are timed beside the default at once."""
FINALISTS: Final = 3
QUICK: Final = (3, 0.01)
LONG: Final = (9, 0.05)
"""Rounds, and seconds of a sample: while searching, and of the finalists."""

AGAIN: Final[Config] = (("again", 1),)
"""The default a second time, compiled anew: what its ratio to itself is off 1 is noise."""

Timer = Callable[[Mapping[str, Queue], int, float], tuple[dict[str, Timing], dict[str, str]]]
"""From queues by configuration, a number of rounds and seconds of a sample to timings, and what failed."""
Tell = Callable[[int, float], None]
"""Called after every configuration: how many were tried, and the smallest ratio to the default so far."""


def device_timer(queues: Mapping[str, Queue], rounds: int, seconds: float) -> tuple[dict[str, Timing], dict[str, str]]:
    """Times queues in turn on their device."""
    return interleave(queues, rounds=rounds, sample_seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The outcome of a search.

    best: the fastest configuration; the default where none was faster in every round. ratio: its time over the
    default's, the median over rounds. least, most: the range of that ratio. seconds: a call with the default.
    noise: the range of the default's time over its own, compiled twice.
    tried: configurations that ran. refused: configurations that did not, with the reason.
    """

    best: Config
    default: Config
    ratio: float
    least: float
    most: float
    seconds: float
    noise: tuple[float, float]
    tried: int
    refused: Mapping[Config, str]

    @property
    def won(self) -> bool:
        """Whether there is a faster configuration than the default."""
        return self.best != self.default

    @property
    def changes(self) -> str:
        """What the best one has other than the default."""
        return changes(self.best, self.default)


@dataclass(slots=True, kw_only=True)
class Search:
    """A search at one call. limit: seconds after which no further configuration is tried."""

    call: Call
    limit: float
    timer: Timer = device_timer
    tell: Tell = lambda _, __: None
    speed: dict[Config, float] = field(default_factory=dict, init=False)
    refused: dict[Config, str] = field(default_factory=dict, init=False)
    _queues: dict[Config, Queue] = field(default_factory=dict, init=False)
    _seconds: float = field(default=0.0, init=False)
    _reference: Results = field(default_factory=dict, init=False)
    _chance: random.Random = field(default_factory=lambda: random.Random(0), init=False)  # noqa: S311 - an order

    def run(self) -> Found:
        """Climbs to a local best, then changes several tunables at once, until nothing is faster or the time is up.

        Raises:
            Unsupported: the implementation has no tunables, or cannot run there.
        """
        space, end = self.call.space(), monotonic() + self.limit
        self._reference = self.call.results(space.default)
        self._queues[space.default] = self.call.queue(space.default)
        best, self.speed[space.default] = space.default, 1.0
        while monotonic() < end:
            new = self._try(space, space.neighbours(best), end)
            leader = self._leader()
            if leader == best:
                new += self._try(space, space.mutations(best, self._chance, BATCH), end)
                leader = self._leader()
            if leader == best and not new:
                break
            best = leader
        return self._final(space)

    def _leader(self) -> Config:
        return min(self.speed, key=lambda config: self.speed[config])

    def _try(self, space: Space, configs: Sequence[Config], end: float) -> int:
        """Times configurations beside the default; returns how many had not been tried before."""
        new = [c for c in dict.fromkeys(configs) if c not in self.speed and c not in self.refused]
        done = 0
        for start in range(0, len(new), BATCH):
            ready: list[Config] = []
            for config in new[start : start + BATCH]:
                if monotonic() >= end:
                    break
                done += 1
                if not (why := self._prepare(config)):
                    ready.append(config)
                else:
                    self.refused[config] = why
                self.tell(len(self.speed) + len(self.refused), min(self.speed.values()))
            self.speed |= {c: median(r) for c, r in self._ratios(space, ready, *QUICK).items()}
            self.tell(len(self.speed) + len(self.refused), min(self.speed.values()))
            self._forget(space)
        return done

    def _prepare(self, config: Config) -> str:
        """Compiles a configuration and compares its results; returns why it cannot be used."""
        try:
            why = differs(self.call.inputs, self.call.results(config), self._reference)
            if not why:
                self._queues[config] = self.call.queue(config)
        except Exception as error:  # noqa: BLE001 - whatever a compiler raises: the configuration is of no use
            return describe_error(error)
        return why

    def _ratios(
        self, space: Space, configs: Sequence[Config], rounds: int, seconds: float
    ) -> dict[Config, tuple[float, ...]]:
        """Time over the default's, round by round."""
        if not configs:
            return {}
        chosen = {str(config): config for config in (space.default, *configs)}
        timings, failures = self.timer({name: self._queues[config] for name, config in chosen.items()}, rounds, seconds)
        self.refused |= {chosen[name]: why for name, why in failures.items()}
        base = timings[str(space.default)]
        self._seconds = base.seconds
        return {
            config: tuple(x / y for x, y in zip(timings[name].samples, base.samples, strict=True))
            for name, config in chosen.items()
            if config != space.default and name in timings
        }

    def _forget(self, space: Space) -> None:
        """Keeps compiled only what may be timed again: every executable holds memory."""
        kept = {space.default, *sorted(self.speed, key=lambda c: self.speed[c])[:FINALISTS]}
        self._queues = {config: queue for config, queue in self._queues.items() if config in kept}

    def _final(self, space: Space) -> Found:
        """The fastest ones timed once more, for longer, beside the default twice.

        Only what is faster in every round than the default is to itself in any wins.
        """
        ranked = sorted(self.speed, key=lambda config: self.speed[config])
        finalists = [c for c in ranked[:FINALISTS] if c != space.default and self.speed[c] < 1]
        self._queues[AGAIN] = self.call.queue(space.default)
        ratios = self._ratios(space, [AGAIN, *finalists], *LONG)
        own = (1.0, *ratios.pop(AGAIN, ()))
        faster = {config: found for config, found in ratios.items() if max(found) < min(own)}
        best = min(faster, key=lambda config: median(faster[config]), default=space.default)
        found = faster.get(best, (1.0,))
        return Found(
            best=best,
            default=space.default,
            ratio=median(found),
            least=min(found),
            most=max(found),
            seconds=self._seconds,
            noise=(min(own), max(own)),
            tried=len(self.speed),
            refused=dict(self.refused),
        )


def rows(call: Call, found: Found, case: str) -> Measured:
    """A search's outcome as a table; empty where the default stays. case: as rows name the call."""
    if not found.won:
        return Measured()
    best, place = dict(found.best), call.place()
    return Measured(
        rows={
            (place, class_of(launch.kernel, launch.default)): Row(
                values={tunable.name: best[tunable.name] for tunable in launch.kernel.tunables},
                ratio=round(found.ratio, 4),
                least=round(found.least, 4),
                most=round(found.most, 4),
                case=case,
            )
            for launch in call.launches()
        }
    )
