"""Searches tile sizes and launch parameters of an operation on this device: `python -m benchmarks.tuning --help`.

    python -m benchmarks.tuning fp8_gemm --shapes 64x4096x7168 --limit 120
    python -m benchmarks.tuning int4_gemm_w4a16 --values BLOCK_M=16 num_warps=4,8 --search all

`climb` starts from the default and moves to the fastest neighbour until none is faster, then changes several tunables
at once and goes on from what is faster; `all` tries everything in random order. Every configuration is compiled, run
once and compared with the default in a process of its own before it is timed here. Times are ratios to the default,
measured in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from os import cpu_count
from pathlib import Path
from time import monotonic
from typing import Any

import specs
from benchmarks.harness.inputs import Problem, random_sets
from benchmarks.harness.problems import FAMILIES, parse_attributes, parse_shape, parse_tunables
from benchmarks.harness.queues import jax_queue, jax_sets, torch_queue
from benchmarks.harness.report import format_table
from benchmarks.harness.session import Settings
from benchmarks.harness.timing import Queue, describe_error, interleave, ratio
from benchmarks.harness.variants import jax_function
from benchmarks.tuning.candidates import launches_of, space_of, tuned, tuned_jax
from benchmarks.tuning.pool import Pool
from benchmarks.tuning.trial import Task, Trial
from parity.tune.space import Config, Space, changes, label
from specs.tuned import write as write_rows

BATCH = 24


@dataclass(slots=True, kw_only=True)
class Search:
    """The search at one problem.

    speed: time over the default's time, by configuration. failed: configurations that cannot be used.
    best: the fastest when timed once more.
    """

    task: Task
    given: Problem
    target: str
    space: Space
    settings: Settings
    pool: Pool
    deadline: float
    sets: list[tuple[Any, ...]] = field(default_factory=list)
    speed: dict[Config, float] = field(default_factory=dict)
    seconds: dict[Config, float] = field(default_factory=dict)
    trials: dict[Config, Trial] = field(default_factory=dict)
    best: Config = ()
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - an order, not a secret

    def prepare(self) -> None:
        """Makes the input sets."""
        self.sets = random_sets(self.given, self.settings.sets(self.given.nbytes()), self.settings.device)

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return monotonic() > self.deadline

    def climb(self) -> None:
        """The best neighbour, again and again; at a local best, changes of several tunables at once."""
        best = self.space.default
        while not self.late:
            tried = len(self.trials)
            self.try_all(self.space.neighbours(best))
            leader = self.ranked()[0]
            if leader == best:
                self.try_all(self.space.mutations(best, self.chance, BATCH))
                leader = self.ranked()[0]
            if leader != best:
                best = leader
                print(f"  {self.speed[best]:.3f} of the default's time: {self.changes(best)}", flush=True)
            elif len(self.trials) == tried:
                return

    def everything(self) -> None:
        """All configurations in random order, until the time is up."""
        configs = self.space.everything(self.chance)
        while not self.late and (batch := list(islice(configs, BATCH))):
            self.try_all(batch)

    def changes(self, config: Config) -> str:
        """A configuration as it differs from the default."""
        return changes(config, self.space.default)

    def try_all(self, configs: Sequence[Config]) -> None:
        """Compiles and checks in other processes, then times what is usable here."""
        new = [config for config in dict.fromkeys(configs) if config not in self.trials]
        answers = self.pool.run(new, self.deadline)
        self.trials |= {trial.config: trial for trial in answers}
        usable = [trial.config for trial in answers if not trial.error]
        for start in range(0, len(usable), BATCH):
            self.time(usable[start : start + BATCH])

    def time(self, configs: Sequence[Config]) -> None:
        """Times configurations next to the default."""
        queues: dict[str, Queue] = {}
        for config in dict.fromkeys([self.space.default, *configs]):
            try:
                queues[label(config)] = self.queue(config)
            except Exception as error:  # noqa: BLE001 - the report carries it
                self.trials[config] = Trial(config=config, error=describe_error(error))
        timings, failures = interleave(queues, rounds=3, sample_seconds=self.settings.sample_seconds)
        base = timings.get(label(self.space.default))
        for config in configs:
            timing = timings.get(label(config))
            if timing is not None and base is not None:
                self.speed[config] = ratio(timing, base)
                self.seconds[config] = timing.seconds
            elif label(config) in failures:
                self.trials[config] = Trial(config=config, error=failures[label(config)])

    def queue(self, config: Config) -> Queue:
        """The problem with these tunables, ready to be timed."""
        from torch_impl.launch import prepare

        with tuned(config):
            ready = prepare(self.given.op, self.sets[0], self.given.values, self.task.implementation)
        return torch_queue([partial(ready, tensors) for tensors in self.sets], self.settings.device)

    def ranked(self) -> list[Config]:
        """Usable configurations, fastest first."""
        return sorted(self.speed, key=lambda config: self.speed[config])

    def final(self, count: int, rounds: int) -> list[list[str]]:
        """The fastest ones and the default timed once more, as table lines; the same in JAX where asked for."""
        chosen = list(dict.fromkeys([*self.ranked()[:count], self.space.default]))
        queues = {label(config): self.queue(config) for config in chosen}
        if self.settings.jax:
            arrays = jax_sets(self.sets)
            for config in chosen:
                try:
                    queues["jax " + label(config)] = self._jax(config, arrays)
                except Exception as error:  # noqa: BLE001
                    print(f"  jax {self.changes(config)}: {describe_error(error)}", flush=True)
        timings, failures = interleave(queues, rounds=rounds, sample_seconds=self.settings.sample_seconds)
        base = timings[label(self.space.default)]
        self.best = min(
            (each for each in chosen if label(each) in timings), key=lambda each: timings[label(each)].seconds
        )
        lines = [["configuration", "us", "of default", "+-%", "jax us", "compiled"]]
        for config in sorted(chosen, key=lambda each: timings[label(each)].seconds if label(each) in timings else 1e9):
            timing, jax = timings.get(label(config)), timings.get("jax " + label(config))
            cells = ["-"] * 3
            if timing is not None:
                cells = [f"{timing.seconds * 1e6:.2f}", f"{ratio(timing, base):.3f}", f"{100 * timing.spread:.1f}"]
            jax_text = "-" if jax is None else f"{jax.seconds * 1e6:.2f}"
            lines.append(
                [self.changes(config), *cells, jax_text, failures.get(label(config), self.trials[config].resources)]
            )
        return lines

    def _jax(self, config: Config, arrays: list[tuple[Any, ...]]) -> Queue:
        with tuned_jax(config):
            queue = jax_queue(jax_function(self.given, self.settings.device), arrays)
            queue.enqueue()
            queue.wait()
        return queue


def run_search(task: Task, given: argparse.Namespace, settings: Settings, seconds: float) -> dict[str, Any]:
    """Searches one problem and prints the result. Returns it as JSON data."""
    problem = task.problem()
    limits = parse_tunables(given.values)
    start = {name: values[0] for name, values in parse_tunables(given.start).items()}
    target = "cpu" if settings.device == "cpu" else "cuda"
    space = space_of(problem, target, limits, start)
    print(f"\n{task.op} {problem.label}: default {label(space.default)}", flush=True)
    pool = Pool(task, workers=given.workers, timeout=given.compile_timeout)
    search = Search(
        task=task,
        given=problem,
        target=target,
        space=space,
        settings=settings,
        pool=pool,
        deadline=monotonic() + seconds,
    )
    try:
        search.prepare()
        search.try_all([space.default])
        if space.default not in search.speed:
            raise RuntimeError(f"the default cannot be timed: {search.trials[space.default].error}")
        if given.search == "climb":
            search.climb()
        else:
            search.everything()
    finally:
        pool.close()
    failed = {search.changes(config): trial.error for config, trial in search.trials.items() if trial.error}
    print(f"{len(search.trials)} tried, {len(search.speed)} timed, {len(failed)} not usable", flush=True)
    _print_reasons(failed)
    if search.speed:
        print(format_table(search.final(given.top, settings.rounds)), flush=True)
        if given.write and search.best != search.space.default:
            write(search)
    return {
        "op": task.op,
        "problem": problem.label,
        "default": label(space.default),
        "ranked": [
            {
                "config": dict(c),
                "us": search.seconds[c] * 1e6,
                "of default": search.speed[c],
                **search.trials[c].details,
            }
            for c in search.ranked()
        ],
        "failed": failed,
    }


def write(search: Search) -> None:
    """Makes the fastest configuration the default of the calls that take the same rows."""
    best = dict(search.best)
    rows = [
        (launch.default, {name: best[name] for name in launch.tunables})
        for launch in launches_of(search.given, search.target)
    ]
    for file in write_rows(rows):
        print(f"{file}: {search.changes(search.best)}; `parity emit --all --write` renews what names the specs")


def _print_reasons(failed: dict[str, str]) -> None:
    """How often each kind of failure came up, with one example."""
    kinds: dict[str, list[str]] = {}
    for name, why in failed.items():
        kinds.setdefault(why.split(":")[0], []).append(f"{name}: {why}")
    for kind, texts in kinds.items():
        print(f"  {len(texts)} x {kind}, such as {texts[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="searches tunables of an operation on this device")
    parser.add_argument("op", help="name of the operation")
    parser.add_argument("--shapes", nargs="+", default=None, help="sizes of the axes, such as 64x4096x7168")
    parser.add_argument("--attributes", nargs="*", default=[], help="such as scale_mode=block, added to the defaults")
    parser.add_argument("--absent", nargs="*", default=None, help="optional arrays to leave out")
    parser.add_argument("--values", nargs="*", default=[], help="values to try, such as BLOCK_M=64,128")
    parser.add_argument("--start", nargs="*", default=[], help="replacements of the default, such as num_warps=8")
    parser.add_argument("--search", choices=("climb", "all"), default="climb")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds per shape for the search")
    parser.add_argument("--compile-timeout", type=int, default=60, help="seconds for one configuration")
    parser.add_argument("--workers", type=int, default=max(1, (cpu_count() or 2) - 4), help="compiling processes")
    parser.add_argument("--top", type=int, default=6, help="how many to time again at the end")
    parser.add_argument("--rounds", type=int, default=7, help="samples per variant at the end")
    parser.add_argument("--sample-ms", type=float, default=10.0, help="length of one sample")
    parser.add_argument("--jax", action="store_true", help="time the fastest ones in JAX too")
    parser.add_argument("--device", default=None, help="cuda or cpu; by default cuda where torch sees one")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: tries the program, measures nothing")
    parser.add_argument("--write", action="store_true", help="make the fastest one the default (specs/tuned)")
    parser.add_argument("--json", type=Path, default=None, help="file for the result")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    import torch

    given = _parser().parse_args(arguments)
    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    settings = Settings(
        device=device, rounds=given.rounds, sample_seconds=given.sample_ms / 1e3, jax=given.jax, quick=given.quick
    )
    family = FAMILIES.get(given.op)
    shapes = [parse_shape(text) for text in given.shapes] if given.shapes else list(family.shapes if family else ())
    results: list[dict[str, Any]] = []
    for shape in shapes[:1] if given.quick else shapes:
        attributes = parse_attributes(specs.get(given.op), given.attributes)
        absent = None if given.absent is None else tuple(given.absent)
        task = Task(op=given.op, shape=shape, attributes=attributes, absent=absent, device=device, quick=given.quick)
        try:
            results.append(run_search(task, given, settings, given.limit))
        except Exception as error:  # noqa: BLE001 - the other shapes still run
            print(f"{given.op} {shape}: {describe_error(error)}", flush=True)
        if given.json is not None:
            given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
