"""Calls from several threads at a time, in forked and spawned processes, and of copies of the public functions."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch

import specs
from tests.torch_side.calls import operator, public, raw
from torch_impl import ops, repeated
from torch_impl.triton.load import load_kernel

THREADS, ROUNDS = 4, 3


@pytest.mark.parametrize("implementation", ["eager", "interpret"])
def test_threads_do_not_disturb_each_other(implementation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them begin with a call that nobody made before, at the same time."""
    rows = [torch.arange(n * 64.0).reshape(n, 64) for n in range(5, 5 + THREADS)]
    want = [raw(ops.per_token_quant_fp8(x, implementation="eager")) for x in rows]
    load_kernel.cache_clear()
    monkeypatch.setattr(repeated, "calls", {})
    barrier = Barrier(THREADS, timeout=60)

    def work(x: torch.Tensor) -> list[list[bytes]]:
        barrier.wait()
        return [raw(public("per_token_quant_fp8")(x, implementation=implementation)) for _ in range(ROUNDS)]

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(work, rows))
    assert found == [[bytes_] * ROUNDS for bytes_ in want]


@pytest.mark.parametrize("op", specs.names()[:3])
def test_functions_can_be_copied_and_sent(op: str) -> None:
    for way in (copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))):
        assert way(public(op)) is public(op)
    assert copy.deepcopy(operator(op)) is operator(op)


def test_a_module_that_holds_one_can_be_copied() -> None:
    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.quantise = ops.per_token_quant_fp8

    x = torch.ones(2, 64)
    assert raw(copy.deepcopy(Layer()).quantise(x)) == raw(ops.per_token_quant_fp8(x))


PROCESSES = """
import multiprocessing, os, sys, threading
import torch
from torch_impl import ops

def scale(value):
    torch.set_num_threads(1)
    x = torch.full((2, 4), float(value))
    one, other = (ops.per_token_quant_fp8(x, implementation=name)[1] for name in ("eager", "interpret"))
    assert torch.equal(one, other)
    return float(one[0]) * 448

class Scales(torch.utils.data.Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return scale(index + 1)

def main():
    torch.set_num_threads(1)
    want = [scale(value) for value in range(1, 5)]
    stop = threading.Event()
    def interpret():
        while not stop.is_set():
            ops.per_token_quant_fp8(torch.ones(8, 4), implementation="interpret")
    beside = threading.Thread(target=interpret)  # forks happen while a kernel is interpreted
    beside.start()
    try:
        for method, processes in (("fork", 2), ("spawn", 1)):
            with multiprocessing.get_context(method).Pool(processes) as pool:
                assert pool.map(scale, range(1, 5)) == want, method
                assert pool.apply(ops.per_token_quant_fp8, (torch.ones(2, 4),))[1].tolist(), method
        loaded = torch.utils.data.DataLoader(Scales(), num_workers=2, batch_size=2)
        assert torch.cat(list(loaded)).tolist() == want
    finally:
        stop.set()
        beside.join()
    print("done")

if __name__ == "__main__":
    main()
"""


def test_processes(tmp_path: Path, subprocess_environment: Callable[..., dict[str, str]]) -> None:
    """Forked and spawned ones, and the workers of a loader, after the parent has made calls."""
    script = tmp_path / "processes.py"
    script.write_text(PROCESSES, encoding="utf-8")
    environment = subprocess_environment(PYTHONPATH=".", OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "done", done.stderr[-2000:]
