"""Kernels that are launched while the one before them still runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import specs
from specs.tile.cases import case_launches
from specs.tile.legalise import legalise
from specs.tile.plan import Launch
from specs.tile.targets import TRITON_CUDA, TRITON_HOPPER, Target
from specs.tile.triton_source import emit
from torch_impl import launch as launching
from torch_impl import support

WAIT, GO = "tl.extra.cuda.gdc_wait()", "tl.extra.cuda.gdc_launch_dependents()"


def _launches(name: str) -> list[Launch]:
    op = specs.get(name)
    case = next(case for case in op.cases if not case.large)
    return [of_case.launch for of_case in case_launches(op, case, config="cuda", strided=True)]


def _body(source: str) -> list[str]:
    """The statements of a kernel."""
    return source.split("\n):\n", 1)[1].splitlines()


@pytest.mark.parametrize("name", specs.names())
def test_kernels_wait_first_and_let_the_next_one_in_before_their_last_store(name: str) -> None:
    for launch in _launches(name):
        program = legalise(launch.program, TRITON_HOPPER)
        plain, overlapping = _body(emit(program)), _body(emit(program, overlaps=True))
        assert not any("gdc" in line for line in plain)
        assert [line for line in overlapping if "gdc" not in line] == plain
        assert overlapping[0].strip() == WAIT
        places = [place for place, line in enumerate(overlapping) if line.strip() == GO]
        assert len(places) <= 1
        assert sum("gdc" in line for line in overlapping) == 1 + len(places)
        for place in places:
            assert [line.strip().startswith("tl.store(") for line in overlapping[place + 1 :]] == [True]


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
        assert support.target_of("triton", torch.device(kind, 0)).overlaps is overlaps
        assert not support.target_of("interpret", torch.device(kind, 0)).overlaps
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

    monkeypatch.setattr(launching, "target_of", lambda *_: target)
    monkeypatch.setattr(launching, "load_kernel", lambda source, *_: Kernel(source))
    for launch in _launches("int4_gemm_w4a16"):
        slots = {name: slot for slot, (name, _) in enumerate(launch.arrays.values())}
        tensors = [torch.empty(0, dtype=torch.uint8) for _ in slots]
        monkeypatch.setattr(launching, "raw_view", lambda tensor, *_: tensor)
        launching.triton_runner(launch, slots, "triton", torch.device("cuda", 0))(tensors)
    assert seen
    assert set(seen) == {(target.overlaps, target.overlaps)}
