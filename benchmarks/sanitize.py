"""Runs generated kernels under NVIDIA's compute-sanitizer: `python -m benchmarks.sanitize --help`.

Every case that is not large runs once, on random data, with each framework's allocator set to one allocation per array,
so that an access beyond an array is one beyond an allocation. The programs run in processes of their own, one per tool
and framework; what a tool finds, and a program that does not finish, ends in the closing table.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.harness.environment import one_allocation_per_array

TOOLS = ("memcheck", "racecheck")
FRAMEWORKS = ("torch", "jax")
FAMILIES = ("cache", "attention")
_SUMMARY = re.compile(r"(ERROR|RACECHECK) SUMMARY: (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one tool says about one framework's kernels."""

    tool: str
    framework: str
    ran: str
    summary: str
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all tools; 0 if none found anything."""
    given = _parser().parse_args(arguments)
    if given.inside is not None:
        print(_cases(given.inside, given.families, given.limit))
        return 0
    if shutil.which("compute-sanitizer") is None:
        print("not run: there is no compute-sanitizer on this machine")
        return 2
    pairs = [(tool, framework) for tool in given.tools for framework in given.frameworks]
    with ThreadPoolExecutor(len(pairs)) as pool:
        findings = list(pool.map(lambda pair: _run(pair[0], pair[1], given.families, given.limit), pairs))
    for finding in findings:
        line = f"{finding.tool:10} {finding.framework:6} {finding.seconds:5.0f} s  {finding.summary}; {finding.ran}"
        print(line)
    return int(any(not finding.summary.startswith(("0 errors", "0 hazards")) for finding in findings))


def _run(tool: str, framework: str, families: Sequence[str], limit: float) -> Finding:
    inside = [sys.executable, "-m", "benchmarks.sanitize", "--inside", framework, "--limit", str(limit)]
    command = ["compute-sanitizer", "--tool", tool, *inside, "--families", *families]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=one_allocation_per_array(), timeout=3 * limit + 60, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding(tool=tool, framework=framework, ran="", summary="not finished", seconds=3 * limit + 60)
    found = _SUMMARY.findall(done.stdout)
    ran = next((line for line in done.stdout.splitlines() if line.startswith("ran ")), done.stderr[-300:])
    summary = found[-1][1] if found else f"no summary, status {done.returncode}"
    return Finding(tool=tool, framework=framework, ran=ran, summary=summary, seconds=time.perf_counter() - start)


def _cases(framework: str, families: Sequence[str], limit: float) -> str:
    """Runs cases, one of every operation in turn, until there is none left or the time is up."""
    import specs
    from parity.judge.frameworks import run_jax, run_torch
    from parity.judge.inputs import generate

    start, ran, total = time.perf_counter(), 0, 0
    chosen = [op for op in map(specs.get, specs.names()) if op.family in families]
    small = [[(op, case) for case in op.cases if not case.large] for op in chosen]
    for turn in range(max(map(len, small), default=0)):
        for cases in small:
            if turn >= len(cases):
                continue
            total += 1
            if time.perf_counter() - start > limit:
                continue
            inputs = generate(*cases[turn], "random", 0)
            if framework == "torch":
                run_torch(inputs, "triton", "cuda")
            else:
                run_jax(inputs, "pallas", "cuda")
            ran += 1
    return f"ran {ran} of {total} cases"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.sanitize", description="kernels under compute-sanitizer")
    parser.add_argument("--tools", nargs="+", default=TOOLS, choices=TOOLS, help="what to look for")
    parser.add_argument("--frameworks", nargs="+", default=FRAMEWORKS, choices=FRAMEWORKS)
    parser.add_argument("--families", nargs="+", default=FAMILIES, help="families of operations")
    parser.add_argument("--limit", type=float, default=120, help="seconds after which no new case starts")
    parser.add_argument("--inside", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
