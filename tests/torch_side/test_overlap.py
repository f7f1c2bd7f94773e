"""Kernels that are launched while the one before them still runs."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch

import specs
from specs.tile.emit.triton import emit
from specs.tile.launch.cases import case_launches
from specs.tile.launch.plan import Launch
from specs.tile.targets import TRITON_CUDA, TRITON_HOPPER, Target
from torch_impl import support
from torch_impl.backends import BACKENDS
from torch_impl.triton import launch as launching

WAIT, GO = "tl.extra.cuda.gdc_wait()", "tl.extra.cuda.gdc_launch_dependents()"


def _launches(name: str) -> list[Launch]:
    op = specs.get(name)
    case = next(case for case in op.cases if not case.large)
    return [*case_launches(op, case, TRITON_HOPPER, strided=True)]


def _body(source: str) -> list[str]:
    """The statements of a kernel, a line each, without named constants and comments."""
    (kernel,) = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    statements = (node for node in kernel.body if not isinstance(node, ast.AnnAssign))
    return [line for node in statements for line in ast.unparse(node).splitlines()]


@pytest.mark.parametrize("name", specs.names())
def test_kernels_wait_first_and_let_the_next_one_in_before_their_last_store(name: str) -> None:
    for launch in _launches(name):
        program = launch.program
        plain, waiting, both = (_body(emit(program, *how)) for how in ((), (True,), (True, True)))
        assert not any("gdc" in line for line in plain)
        assert [line.strip() for line in waiting[:1]] == [WAIT]
        assert waiting[1:] == plain
        places = [place for place, line in enumerate(both) if line.strip() == GO]
        assert [line for line in both if line.strip() != GO] == waiting
        assert len(places) <= 1
        for place in places:
            assert [line.strip().startswith("tl.store(") for line in both[place + 1 :]] == [True]


def test_only_steps_of_several_let_the_next_kernel_in() -> None:
    op = specs.get("int4_gemm_w4a16")
    for case, hands_over in (("one-row", [False]), ("splits", [True, True])):
        launches = case_launches(op, op.case(case), TRITON_HOPPER, strided=True)
        sources = [launching.source(launch, TRITON_HOPPER) for launch in launches]
        assert [GO in source for source in sources] == hands_over
        assert all(WAIT in source for source in sources)


@pytest.mark.parametrize(
    ("cuda", "capability", "kind", "overlaps"),
    [
        ("12.8", (9, 0), "cuda", True),
        ("13.0", (10, 0), "cuda", True),
        ("12.8", (8, 9), "cuda", False),
        (None, (9, 4), "cuda", False),  # another maker's numbers
        ("12.8", (9, 0), "xpu", False),
    ],
)
def test_devices_that_cannot_do_it_are_not_asked_to(
    cuda: str | None, capability: tuple[int, int], kind: str, overlaps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    support._capability.cache_clear()
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    try:
        target = BACKENDS["triton"].target(support.platform_of(torch.device(kind, 0)))
        assert target is not None
        assert target.has_pdl is overlaps
    finally:
        support._capability.cache_clear()


@pytest.mark.parametrize("target", [TRITON_CUDA, TRITON_HOPPER], ids=lambda target: target.name)
def test_only_kernels_that_wait_are_launched_early(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool]] = []

    class Kernel:
        def __init__(self, source: str) -> None:
            self.waits = WAIT in source

        def __getitem__(self, grid: object) -> Any:
            return lambda *_, **options: seen.append((self.waits, options.get("launch_pdl", False)))

    monkeypatch.setattr(launching, "load_kernel", lambda source, *_: Kernel(source))
    monkeypatch.setattr(launching, "raw_view", lambda tensor, *_: tensor)
    for launch in _launches("int4_gemm_w4a16"):
        slots = {name: slot for slot, (name, _) in enumerate(launch.arrays.values())}
        tensors = [torch.empty(0, dtype=torch.uint8) for _ in slots]
        launching.runner_of(launch, target, slots)(tensors)
    assert seen
    assert set(seen) == {(target.has_pdl, target.has_pdl)}
