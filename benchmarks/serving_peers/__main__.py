"""Tokens per second of SmolLM2 at several batches, engines in turn on one CPU, and a table in Markdown.

    python -m benchmarks.serving_peers                          five minutes on two cores
    python -m benchmarks.serving_peers --rounds 1 --batch 1     tries the program

All engines are started first, `.venv-vllm` and `.venv-llama` where they exist (`make vllm`, `make llama`), and each is
warmed at every batch. In a round every engine decodes every batch, and the order changes from round to round: an engine
computes while the others wait. A rate counts from the first token of all requests, so prompts are not in it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import typer

from benchmarks.serving_peers.engines import ENGINES
from checkpoints.names import model_path

PYTHONS: Final = {"vllm": ".venv-vllm/bin/python", "llama.cpp": ".venv-llama/bin/python"}
STEPS: Final = {1: 32, 8: 16, 32: 8}
"""Tokens of every request, by batch."""
PROMPT: Final = 8
REFERENCE: Final = "vllm"
# A process each, nothing fetched, no compiler; threads that wait leave the cores to the engine that is measured.
ENVIRONMENT: Final = (
    "JAX_PLATFORMS=cpu",
    "OMP_WAIT_POLICY=PASSIVE",
    "KMP_BLOCKTIME=0",
    "HF_HUB_OFFLINE=1",
    "VLLM_CPU_KVCACHE_SPACE=1",
    "VLLM_CPU_OMP_THREADS_BIND=nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING=0",
    "VLLM_NO_USAGE_STATS=1",
    "VLLM_LOGGING_LEVEL=WARNING",
    "TORCHDYNAMO_DISABLE=1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One engine's decode of one batch. rate, per_cpu: tokens per second, and per CPU second of its process."""

    rate: float
    per_cpu: float
    tokens: list[list[int]]


class Engine:
    """A process of `benchmarks.serving_peers.engines`."""

    def __init__(self, name: str, python: str, model: Path) -> None:
        """Starts it; `ready` waits for it."""
        command = ["env", *ENVIRONMENT, python, "-m", "benchmarks.serving_peers.engines", name, str(model)]
        self.name: Final = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self) -> bool:
        """Whether it has a model."""
        assert self._process.stdout is not None
        return bool(self._process.stdout.readline())

    def sample(self, batch: int) -> Sample:
        """Decodes a batch.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Tokens of text, another beginning for every request.
        prompts = [[(1 + row) * 97 + 31 * column for column in range(PROMPT)] for row in range(batch)]
        print(json.dumps({"prompts": prompts, "count": STEPS[batch]}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended")
        found: dict[str, Any] = json.loads(line)
        return Sample(
            rate=found["made"] / found["seconds"], per_cpu=found["made"] / found["cpu"], tokens=found["tokens"]
        )

    def end(self) -> None:
        """Stops it."""
        self._process.terminate()
        self._process.wait(30)


@contextmanager
def started(wanted: list[str]) -> Iterator[list[Engine]]:
    """The engines that are installed, ready."""
    gguf = model_path("smollm2")
    engines: list[Engine] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in wanted:
                python = PYTHONS.get(name, sys.executable)
                if name in PYTHONS and not Path(python).exists():
                    print(f"{name}: not installed, {python} is missing")
                    continue
                model = gguf
                if name == "vllm":  # which reads no GGUF here
                    import torch

                    from tests.vllm.folder import write

                    model = Path(folder)
                    write(model, torch.float32)
                one = Engine(name, python, model)
                engines.append(one)
                if not one.ready():
                    print(f"{name}: did not start")
                    engines.remove(one)
            yield engines
        finally:
            for one in engines:
                with suppress(subprocess.TimeoutExpired):
                    one.end()


Samples = dict[tuple[str, int], list[Sample]]


def measured(engines: list[Engine], batches: list[int], rounds: int, limit: float) -> Samples:
    """Samples by engine and batch, in whole rounds. limit: seconds after which no new round starts."""
    for one in engines:  # programs are compiled, pages are touched
        for batch in batches:
            one.sample(batch)
    found: Samples = {(one.name, batch): [] for one in engines for batch in batches}
    start = time.perf_counter()
    for number in range(rounds):
        if time.perf_counter() - start > limit:
            break
        for batch in batches:
            for place in range(len(engines)):
                one = engines[(place + number) % len(engines)]
                found[one.name, batch].append(one.sample(batch))
    return found


def table(found: Mapping[tuple[str, int], list[Sample]], batches: list[int]) -> Iterator[str]:
    """Rates and ratios, in Markdown."""
    names = list(dict.fromkeys(name for name, _ in found))
    reference = REFERENCE if REFERENCE in names else names[0]
    yield f"| batch | engine | tokens/s | over {reference} | range | tokens per CPU second, over {reference} | same |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for batch in batches:
        base = found[reference, batch]
        for name in names:
            own = found[name, batch]
            ratios = [a.rate / b.rate for a, b in zip(own, base, strict=True)]
            cpu = median(a.per_cpu / b.per_cpu for a, b in zip(own, base, strict=True))
            same = sum(a == b for a, b in zip(own[0].tokens, base[0].tokens, strict=True))
            rate, span = median(one.rate for one in own), f"{min(ratios):.2f} to {max(ratios):.2f}"
            yield f"| {batch} | {name} | {rate:.1f} | {median(ratios):.2f} | {span} | {cpu:.2f} | {same} of {batch} |"


def main(
    engine: Annotated[list[str], typer.Option(help="Engines; all when left out.")] = list(ENGINES),  # noqa: B006
    batch: Annotated[list[int], typer.Option(help="Batches: 1, 8, 32.")] = list(STEPS),  # noqa: B006
    rounds: Annotated[int, typer.Option(help="Most rounds.")] = 7,
    limit: Annotated[float, typer.Option(help="Seconds after which no new round starts.")] = 180.0,
) -> None:
    """Measures and prints the table."""
    with started(engine) as engines:
        found = measured(engines, batch, rounds, limit)
    count = len(next(iter(found.values())))
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, {load}; {count} rounds, medians; ratios within a round\n")
    print("\n".join(table(found, batch)))


if __name__ == "__main__":
    typer.run(main)
