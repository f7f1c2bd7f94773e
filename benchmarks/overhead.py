"""Host time per call: our public operations, and the bare Triton launch of the kernel they run.

Nothing waits for the device, and the device is idle before each round, so a full launch queue does not slow the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import specs
from benchmarks.harness.environment import prepare
from benchmarks.harness.inputs import Problem, random_sets
from benchmarks.harness.problems import FAMILIES, make_problem, registered
from benchmarks.harness.queues import to_jax
from benchmarks.harness.report import Report, Row
from benchmarks.harness.session import Settings
from benchmarks.harness.timing import Timing, host_samples
from benchmarks.harness.variants import generated, jax_function, torch_function
from benchmarks.resources import record

SIZES = {"M": 16, "N": 128, "K": 128}
BARE = "bare launches"
Variants = dict[str, Callable[[], object]]


def overhead_section(settings: Settings, report: Report) -> None:
    """One row per way of calling each operation."""
    for name in FAMILIES:
        if not registered(name):
            report.add(Row(section="overhead", case=name, variant=name, note="absent: not registered"))
            continue
        with report.guard("overhead", name):
            shape = [SIZES[axis.name] for axis in specs.get(name).axes]
            _one(make_problem(name, shape), settings, report)


def _one(given: Problem, settings: Settings, report: Report) -> None:
    tensors = random_sets(given, 1, settings.device)[0]
    wait: Callable[[], None] = _synchronise if settings.device != "cpu" else (lambda: None)
    variants: Variants = {}
    if settings.device != "cpu":
        with report.guard("overhead", given.op.name, "bare launches"):
            launches = record(given, tensors)
            variants[BARE] = lambda: [launch() for launch in launches]
    with report.guard("overhead", given.op.name, "empty results"):
        variants["allocating the results"] = _allocate(given, settings.device)
    with report.guard("overhead", given.op.name, "ours torch"):
        from torch_impl.launch import prepare as prepare_call

        ready = prepare_call(given.op, tensors, given.values, generated("torch_impl", settings.device))
        variants["ours torch, already looked up"] = lambda: ready(tensors)
        function = torch_function(given, settings.device)
        variants["ours torch"] = lambda: function(*tensors)
    _rows(report, given, host_samples(variants, wait))
    if settings.jax:
        with report.guard("overhead", given.op.name, "ours jax"):
            _jax_rows(given, tensors, settings, report)


def _jax_rows(given: Problem, tensors: tuple[Any, ...], settings: Settings, report: Report) -> None:
    """The public operation, and the same inside a user's own jit."""
    prepare()
    import jax

    arrays = tuple(to_jax(tensor) for tensor in tensors)
    function = jax_function(given, settings.device)
    jitted = jax.jit(lambda *present: function(*_restore(present, arrays)))
    present = tuple(array for array in arrays if array is not None)

    def wait() -> None:
        jax.block_until_ready(jitted(*present))

    variants = {"ours jax": lambda: function(*arrays), "ours jax, inside jit": lambda: jitted(*present)}
    _rows(report, given, host_samples(variants, wait))


def _restore(present: tuple[Any, ...], pattern: tuple[Any, ...]) -> list[Any]:
    """Arguments with None where the pattern has None."""
    rest = iter(present)
    return [None if array is None else next(rest) for array in pattern]


def _allocate(given: Problem, device: str) -> Callable[[], object]:
    import torch

    from torch_impl.formats import dtype_of

    results = [(given.shape(array), dtype_of(given.element(array))) for array in given.op.outputs]
    return lambda: [torch.empty(shape, dtype=dtype, device=device) for shape, dtype in results]


def _synchronise() -> None:
    import torch

    torch.cuda.synchronize()


def _rows(report: Report, given: Problem, samples: Mapping[str, tuple[float, ...]]) -> None:
    """Host time as the time of a row; what it adds to the bare launch within a round as a column."""
    bare = samples.get(BARE)
    for variant, found in samples.items():
        timing = Timing(samples=found, host=median(found), method="host")
        figures = {}
        if bare is not None and variant.startswith("ours"):
            figures["over bare us"] = median(ours - launch for ours, launch in zip(found, bare, strict=True)) * 1e6
        case = f"{given.op.name} {given.label}"
        report.add(Row(section="overhead", case=case, variant=variant, timing=timing, figures=figures))
