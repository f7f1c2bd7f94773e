"""Launches are recorded by the first call, and serve others whatever their tensors hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import specs
from parity.judge.frameworks import to_torch
from parity.judge.inputs import generate
from specs.lang.formats.elements import F32, INT32, ElementFormat
from specs.tile.interpret.known import KnownOps
from specs.tile.ir import Opcode
from tests.small import small_case
from tests.torch_side.calls import raw
from torch_impl.eager import call
from torch_impl.eager.arrayops import TorchOps, multiplied
from torch_impl.eager.tape import Budget, Recorded, Tape, TapeOps, TooLarge
from torch_impl.formats import dtype_of
from torch_impl.launch import layout_name, prepare

# Gathers and scatters by tables, masked stores at known places, several steps, bounds of loops from memory.
OPS = ("flash_attn_varlen", "kv_insert", "rotary_embedding", "moe_permute", "embedding")


def performed(op: str, seeds: tuple[int, ...]) -> list[list[bytes]]:
    """Bytes of arguments and results of calls of the same signature, on the data of each seed."""
    found, ready = [], None
    for seed in seeds:
        inputs = generate(specs.get(op), small_case(op), "random", seed)
        given = [
            to_torch(inputs.arrays[a.name], inputs.formats[a.name]) if a.name in inputs.arrays else None
            for a in inputs.op.inputs
        ]
        values: Any = [layout_name(value) for value in inputs.attributes.values()]
        values = tuple(dtype_of(value) if isinstance(value, ElementFormat) else value for value in values)
        if ready is None:
            ready = prepare(specs.get(op), given, values, "eager")
        results = ready(given)
        found.append(raw([tensor for tensor in (*given, *results) if tensor is not None]))
    return found


@pytest.mark.parametrize("op", OPS)
def test_a_tape_is_for_any_data(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taped = performed(op, (1, 2, 1))
    assert taped[0] == taped[2]
    assert taped[0] != taped[1]
    monkeypatch.setattr(call, "_recorded", lambda *_: None)
    assert performed(op, (1, 2)) == taped[:2]


def test_constants_are_kept_up_to_a_size() -> None:
    ops = TapeOps(TorchOps(torch.device("cpu")))
    ops.array(np.zeros(1 << 17, np.float32))
    with pytest.raises(TooLarge):
        ops.array(np.zeros(1 << 18, np.float32))


def test_tapes_share_a_budget_and_give_it_back() -> None:
    budget, tape = Budget(10), Tape()
    assert budget.admits(tape, 6)
    assert not budget.admits(Tape(), 6)
    del tape
    assert budget.admits(Tape(), 6)


def test_without_room_a_call_is_walked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = performed("rotary_embedding", (1, 2))
    monkeypatch.setattr(call, "BUDGET", Budget(0))
    assert performed("rotary_embedding", (1, 2)) == expected


def test_the_same_function_is_called_once() -> None:
    ops = TapeOps(TorchOps(torch.device("cpu")))
    x = ops.buffer(8, torch.float32)
    assert ops.reshape(x, (2, 4)) is ops.reshape(x, (2, 4))
    assert ops.reshape(x, (2, 4)) is not ops.reshape(x, (4, 2))
    taken = [ops.take(x, ops.arange(8)) for _ in range(2)]  # memory may have been written in between
    assert taken[0] is not taken[1]


def test_what_was_loaded_stays_when_memory_is_written() -> None:
    ops, flat, first = KnownOps(TorchOps(torch.device("cpu")), (1,)), torch.arange(8.0), np.arange(4)[None]
    loaded = ops.take_known(flat, first, None, None, stays=False)
    assert ops.put_known(flat, first, torch.full((1, 4), 9.0), None) is flat
    assert loaded.tolist() == [[0.0, 1.0, 2.0, 3.0]]
    assert flat.tolist() == [9.0] * 4 + [4.0, 5.0, 6.0, 7.0]
    # Of several values for one element a store takes indices: a view of memory has no order.
    assert ops.put_known(flat, np.zeros((1, 4), np.int64), torch.zeros(1, 4), None) is None


def test_bounds_of_a_loop_are_those_of_the_call() -> None:
    ops = TapeOps(TorchOps(torch.device("cpu")))
    bounds, total = ops.buffer(2, torch.int32), ops.buffer(1, torch.int32)
    lower, upper = (ops.reshape(ops.take(bounds, ops.array(np.array([n]))), ()) for n in (0, 1))
    (found,) = ops.loop(lower, upper, lambda k, acc: [ops.binary(Opcode.ADD)(acc[0], k)], [ops.const(0, INT32)])
    ops.put(total, ops.arange(1), ops.reshape(found, (1,)), None)
    for first, last in ((0, 0), (0, 1), (2, 6), (0, 3)):
        result = torch.full((1,), -1, dtype=torch.int32)
        ops.tape.play([torch.tensor([first, last], dtype=torch.int32), result])
        assert result.item() == sum(range(first, last))


def test_what_follows_from_integers_alone_is_done_once_for_the_same_ones() -> None:
    ops, seen = TapeOps(TorchOps(torch.device("cpu"))), []

    def doubled(x: Any) -> Any:
        seen.append(x.tolist())
        return x * 2

    def step(k: Recorded, acc: list[Recorded]) -> list[Recorded]:
        added = ops.binary(Opcode.ADD)(first, k)
        return [ops.binary(Opcode.ADD)(acc[0], ops.call(doubled, added, shape=(1,), host=doubled))]

    numbers, total = ops.buffer(2, torch.int32, written=False), ops.buffer(1, torch.int32)
    first, last = (ops.take(numbers, ops.array(np.array([n]))) for n in (0, 1))
    (found,) = ops.loop(ops.const(0, INT32), ops.reshape(last, ()), step, [first])
    ops.put(total, ops.arange(1), found, None)
    memory = torch.tensor([5, 2], dtype=torch.int32)
    for values, result, calls in (([5, 2], 27, 2), ([5, 2], 27, 0), ([6, 1], 18, 1), ([5, 2], 27, 2)):
        memory[:] = torch.tensor(values)  # in the same place
        seen.clear()
        out = torch.zeros(1, dtype=torch.int32)
        ops.tape.play([memory, out])
        assert (out.item(), len(seen)) == (result, calls)
    assert ops.elements() > ops.kept


@pytest.mark.parametrize("mask", [[True, True], [True, False], [False, False]])
def test_a_fixed_mask_decides_what_a_selection_does(mask: list[bool]) -> None:
    ops = TapeOps(TorchOps(torch.device("cpu")))
    numbers, x, out = ops.buffer(2, torch.int32, written=False), *(ops.buffer(2, torch.float32) for _ in range(2))
    live = ops.binary(Opcode.GT)(numbers, ops.const(0, INT32))
    ops.put(out, ops.arange(2), ops.where(live, ops.take(x, ops.arange(2)), ops.const(7, F32)), None)
    for _ in range(2):
        result = torch.zeros(2)
        ops.tape.play([torch.tensor(mask, dtype=torch.int32), torch.tensor([1.0, 2.0]), result])
        assert result.tolist() == [value if there else 7.0 for value, there in zip((1.0, 2.0), mask, strict=True)]


@pytest.mark.parametrize("rows", [1, 3, 4, 32, 33])
def test_products_of_few_rows_by_the_transpose(rows: int) -> None:
    a, b = (torch.arange(n * 96, dtype=torch.float32).reshape(n, 96) % 7 for n in (rows, 80))
    assert torch.equal(multiplied(a, b.T), torch.from_numpy(a.numpy() @ b.numpy().T))
