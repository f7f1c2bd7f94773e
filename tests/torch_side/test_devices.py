"""Calls on tensors of a device that is not the current one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

import specs
from torch_impl.backend import Tensors
from torch_impl.launch import Prepared


@pytest.mark.parametrize("index", [0, 1, None])
def test_steps_run_while_the_device_of_the_tensors_is_current(
    index: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = [0]
    seen: list[int] = []

    @contextmanager
    def device_index(wanted: int) -> Iterator[None]:
        before, current[0] = current[0], wanted
        yield
        current[0] = before

    monkeypatch.setattr(torch.accelerator, "current_device_index", lambda: current[0])
    monkeypatch.setattr(torch.accelerator, "device_index", device_index)

    def runner(_: Tensors) -> None:
        seen.append(current[0])

    device = torch.device("cpu") if index is None else torch.device("cuda", index)
    op = specs.get("fp8_gemm")
    ready = Prepared(op=op, arguments=0, writes=False, fresh=(), results=(), runners=(runner, runner), device=device)
    ready(())
    assert seen == [index or 0] * 2
    assert current == [0]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="wants two GPUs")
def test_results_on_a_second_gpu_are_those_of_the_first() -> None:
    from torch_impl import ops

    x = torch.arange(-512.0, 512.0, device="cuda:0").reshape(4, 256).to(torch.bfloat16)
    one, other = (ops.per_token_group_quant_fp8(x.to(device)) for device in ("cuda:0", "cuda:1"))
    for a, b in zip(one, other, strict=True):
        assert b.device == torch.device("cuda", 1)
        assert torch.equal(a.cpu().view(torch.uint8), b.cpu().view(torch.uint8))
