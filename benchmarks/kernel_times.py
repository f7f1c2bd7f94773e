"""Device time of every kernel of a call, from the framework's profiler: `python -m benchmarks.kernel_times --help`.

The figures leave out the gaps between launches, so they compare the kernels themselves between torch and JAX. Both
profilers want the same hardware interface for themselves: each framework runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.inputs import Problem, random_sets
from benchmarks.harness.problems import FAMILIES, make_problem, parse_shape
from benchmarks.harness.report import format_table
from benchmarks.harness.session import Settings
from benchmarks.harness.timing import describe_error

Durations = dict[str, list[float]]
PASSES = 10


def torch_durations(enqueue: Callable[[], object]) -> Durations:
    """Microseconds of every device activity by kernel name."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(PASSES):
            enqueue()
        torch.cuda.synchronize()
    found: Durations = {}
    for event in profiler.events() or ():
        if event.device_type.name == "CUDA":
            found.setdefault(event.name, []).append(event.time_range.elapsed_us())
    return found


def jax_durations(enqueue: Callable[[], object], wait: Callable[[], None], planes: str = "/device:GPU") -> Durations:
    """The same from JAX's profiler.

    Args:
        planes: start of the names of the profile's parts that hold device activity.
    """
    import jax

    wait()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(PASSES):
                enqueue()
            wait()
        files = sorted(Path(folder).rglob("*.xplane.pb"))
        data = jax.profiler.ProfileData.from_file(str(files[-1]))
        found: Durations = {}
        for plane in data.planes:
            lines = plane.lines if plane.name.startswith(planes) else ()
            for line in lines:
                # Other lines of the plane repeat the same time by module or by operation.
                if line.name.startswith("Stream"):
                    for event in line.events:
                        found.setdefault(event.name, []).append(event.duration_ns / 1e3)
    return found


def measure(framework: str, given: Problem, settings: Settings) -> Durations:
    """Kernel durations of our operation in one framework."""
    from benchmarks.harness.queues import jax_queue, jax_sets, torch_plain
    from benchmarks.harness.variants import jax_function, torch_function

    sets = random_sets(given, settings.sets(given.nbytes()), settings.device)
    if framework == "torch":
        function = torch_function(given, settings.device)
        calls = [partial(function, *tensors) for tensors in sets]
        queue = torch_plain(calls, settings.device)
    else:
        queue = jax_queue(jax_function(given, settings.device), jax_sets(sets))
    queue.enqueue()
    queue.wait()
    return torch_durations(queue.enqueue) if framework == "torch" else jax_durations(queue.enqueue, queue.wait)


def _rows(framework: str, given: Problem, found: Durations) -> list[dict[str, Any]]:
    """One row per kernel, those that take the most time first."""
    ordered = sorted(found.items(), key=lambda pair: -sum(pair[1]))[:6]
    if not ordered:
        raise LookupError("the profile holds no device activity")
    return [
        {
            "op": given.op.name,
            "problem": given.label,
            "framework": framework,
            "kernel": name,
            "calls": len(times),
            "median us": median(times),
            "least us": min(times),
        }
        for name, times in ordered
    ]


def run_here(framework: str, shapes: dict[str, list[tuple[int, ...]]], settings: Settings) -> list[dict[str, Any]]:
    """All problems in this process; what fails is a row with an error."""
    rows: list[dict[str, Any]] = []
    for name, sizes in shapes.items():
        for shape in sizes[:1] if settings.quick else sizes:
            try:
                given = make_problem(name, shape, quick=settings.quick)
                rows += _rows(framework, given, measure(framework, given, settings))
            except Exception as error:  # noqa: BLE001 - the other problems still run
                rows.append(
                    {"op": name, "problem": str(shape), "framework": framework, "kernel": describe_error(error)}
                )
    return rows


def _child(framework: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of one framework, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "benchmarks.kernel_times", "--framework", framework, *arguments]
        done = subprocess.run([*command, "--json", str(path)], check=False, capture_output=True, text=True)
        if path.is_file():
            rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
            return rows
        text = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return [{"op": "-", "problem": "-", "framework": framework, "kernel": f"process {done.returncode}: {text}"}]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    import torch

    parser = argparse.ArgumentParser(description="device time of every kernel of a call")
    parser.add_argument("--framework", choices=("torch", "jax", "both"), default="both")
    parser.add_argument("--ops", nargs="+", default=list(FAMILIES), help="names of operations")
    parser.add_argument("--shapes", nargs="+", default=None, help="sizes of the axes, such as 64x4096x7168")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: tries the program, measures nothing")
    parser.add_argument("--json", type=Path, default=None, help="file for the rows")
    given = parser.parse_args(arguments)
    settings = Settings(device="cuda" if torch.cuda.is_available() else "cpu", quick=given.quick)
    chosen = [parse_shape(text) for text in given.shapes] if given.shapes else None
    shapes = {name: chosen or list(FAMILIES[name].shapes) for name in given.ops}
    if given.framework == "both":
        passed = ["--ops", *given.ops, *(["--quick"] if given.quick else [])]
        passed += ["--shapes", *given.shapes] if given.shapes else []
        rows = [row for framework in ("torch", "jax") for row in _child(framework, passed)]
    else:
        rows = run_here(given.framework, shapes, settings)
    columns = ["op", "problem", "framework", "kernel", "calls", "median us", "least us"]
    lines = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    print(format_table(lines), flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)[:90]


if __name__ == "__main__":
    main()
