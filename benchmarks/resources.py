"""What the compiler made of our Triton kernels: registers, spills, shared memory, counts of telling instructions.

    python -m benchmarks.resources fp8_gemm 64x4096x7168 BLOCK_N=64,128 num_stages=3,4 --dump out/

The launches of a call are recorded as they happen: kernel, grid, arguments and the compiled object that Triton returns.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import specs
from benchmarks.harness.inputs import Problem, random_sets
from benchmarks.harness.problems import make_problem, parse_attributes, parse_shape, parse_tunables
from benchmarks.harness.report import Report, Row
from benchmarks.harness.timing import describe_error
from benchmarks.tuning.candidates import tuned
from parity.tune.space import freeze, label

# PTX instructions: matrix instructions of each generation, asynchronous copies, wide loads and all loads.
COUNTED = {
    "wgmma": r"wgmma\.mma_async",
    "mma": r"\bmma\.sync",
    "cp.async": r"cp\.async\.c[ag]",
    "tma": r"cp\.async\.bulk\.tensor",
    "ldmatrix": r"ldmatrix",
    "ld 16 B": r"ld\.global[.\w]*\.v4\.b32",
    "ld": r"ld\.global",
    "barriers": r"bar\.sync",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """One recorded launch: `kernel[grid](*arguments, **options)` repeats it."""

    name: str
    kernel: Any
    grid: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    compiled: Any

    def __call__(self) -> Any:
        return self.kernel[self.grid](*self.arguments, **self.options)


@dataclass(slots=True)
class _Recorder:
    """Replaces a Triton function: launches it and remembers the launch."""

    kernel: Any
    name: str
    seen: list[Launched] = field(default_factory=list)

    def __getitem__(self, grid: Any) -> Any:
        def launch(*arguments: Any, **options: Any) -> Any:
            compiled = self.kernel[grid](*arguments, **options)
            self.seen.append(
                Launched(
                    name=self.name,
                    kernel=self.kernel,
                    grid=grid,
                    arguments=arguments,
                    options=options,
                    compiled=compiled,
                )
            )
            return compiled

        return launch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kernel, name)


@contextmanager
def recording() -> Iterator[list[Launched]]:
    """Records the launches of calls that are prepared inside."""
    from torch_impl.triton.load import load_kernel

    seen: list[Launched] = []

    def load(source: str, name: str) -> _Recorder:
        return _Recorder(load_kernel(source, name), name, seen)

    with mock.patch("torch_impl.triton.launch.load_kernel", load):
        yield seen


def record(given: Problem, tensors: Sequence[Any]) -> list[Launched]:
    """Runs one call of a problem through Triton and returns its launches."""
    from torch_impl.launch import prepare

    with recording() as seen:
        prepare(given.op, tensors, given.values, "triton")(tensors)
    return seen


def resources(compiled: Any) -> dict[str, float]:
    """Per thread: registers and spilled registers; per block: shared memory in bytes, warps, stages."""
    metadata = compiled.metadata
    found = {"registers": compiled.n_regs, "spills": compiled.n_spills, "shared": metadata.shared}
    found |= {"warps": metadata.num_warps, "stages": getattr(metadata, "num_stages", 0)}
    return {name: float(value) for name, value in found.items()}


def instruction_counts(ptx: str) -> dict[str, int]:
    """Occurrences of each instruction of `COUNTED` in the text."""
    return {name: len(re.findall(pattern, ptx)) for name, pattern in COUNTED.items()}


def describe(compiled: Any) -> str:
    """Resources and instruction counts on one line."""
    texts = [f"{name} {value:.0f}" for name, value in resources(compiled).items()]
    counts = instruction_counts(str(compiled.asm.get("ptx", "")))
    return ", ".join([*texts, *(f"{name} {count}" for name, count in counts.items() if count)])


def resource_rows(section: str, given: Problem, tensors: Sequence[Any], device: str, report: Report) -> None:
    """One row per kernel of a call."""
    if device == "cpu":
        return
    with report.guard(section, given.label, "resources"):
        for launched in record(given, tensors):
            text = describe(launched.compiled)
            report.add(Row(section=section, case=given.label, variant=f"kernel {launched.name}", note=text))


def dump(launched: Launched, stem: str, folder: Path) -> None:
    """Writes every stage that the compiler kept (ttir, ttgir, llir, ptx, cubin) of a kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage, content in launched.compiled.asm.items():
        data = content if isinstance(content, bytes) else str(content).encode()
        (folder / f"{launched.name}_{stem}.{stage}").write_bytes(data)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: every combination of the tunables given, compiled and run once on this device."""
    parser = argparse.ArgumentParser(description="registers, spills and shared memory of our Triton kernels")
    parser.add_argument("op", help="name of the operation")
    parser.add_argument("shape", help="sizes of its axes, such as 64x4096x7168")
    parser.add_argument("tunables", nargs="*", help="such as BLOCK_N=64,128; the default for those left out")
    parser.add_argument("--attributes", nargs="*", default=[], help="such as scale_mode=block, added to the defaults")
    parser.add_argument("--dump", type=Path, default=None, help="folder for the compiler's stages")
    chosen = parser.parse_args(arguments)
    attributes = parse_attributes(specs.get(chosen.op), chosen.attributes)
    given = make_problem(chosen.op, parse_shape(chosen.shape), attributes=attributes)
    tensors = random_sets(given, 1, "cuda")[0]
    values = parse_tunables(chosen.tunables)
    for combination in product(*values.values()):
        config = freeze(dict(zip(values, combination, strict=True)))
        try:
            with tuned(config):
                launches = record(given, tensors)
        except Exception as error:  # noqa: BLE001 - the other combinations still run
            print(f"{label(config)}: {describe_error(error)}", flush=True)
            continue
        for launched in launches:
            print(f"{launched.name} {label(config)}: {describe(launched.compiled)}", flush=True)
            if chosen.dump is not None:
                dump(launched, "_".join([given.label, *map(str, combination)]), chosen.dump)


if __name__ == "__main__":
    main()
