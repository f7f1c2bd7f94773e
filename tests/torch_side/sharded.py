"""What operations do with DTensors on two ranks: a program of one process, which imports once and forks them.

Prints one JSON object of what every rank found.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode

import specs
from parity.judge.frameworks import to_torch
from parity.judge.inputs import Inputs, generate
from specs.lang.call.dividing import Divisions
from specs.lang.errors import Unsupported
from tests.divided import divided_case
from tests.small import of_every_kind, small_case
from torch_impl import ops

RANKS, UNEVEN = 2, 3
DIVIDED = tuple(name for name in specs.names() if specs.get(name).independent)
Found = dict[str, Any]
Tensors = dict[str, Any]


def placed(tensor: torch.Tensor, mesh: Any, *placements: Placement) -> DTensor:
    """A tensor that every rank has, as a DTensor; nothing is exchanged."""
    raw = tensor.view(torch.uint8) if tensor.dtype.itemsize == 1 else tensor
    part = distribute_tensor(raw, mesh, placements, src_data_rank=None).to_local().view(tensor.dtype)
    shape, stride = tensor.shape, tensor.stride()
    return DTensor.from_local(part.clone(), mesh, placements, run_check=False, shape=shape, stride=stride)


def same(result: DTensor, whole: torch.Tensor) -> bool:
    """Whether this rank's part has the bytes of the whole's."""
    expected = placed(whole, result.device_mesh, *result.placements).to_local()
    own = result.to_local()
    equal = own.shape == expected.shape and result.shape == whole.shape and own.dtype == expected.dtype
    own, expected = (t.contiguous().reshape(-1).view(torch.uint8) for t in (own, expected))
    return equal and torch.equal(own, expected)


def tensors_of(inputs: Inputs) -> Tensors:
    return {name: to_torch(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()}


def call(inputs: Inputs, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Results by name, arguments that were written included."""
    positional = [tensors.get(array.name) for array in inputs.op.inputs]
    found = getattr(ops, inputs.op.name)(*positional, **inputs.attributes, implementation="eager")
    fresh = [found] if isinstance(found, torch.Tensor) else list(found or ())
    written = {array.name: tensors[array.name] for array in inputs.op.mutated if array.name in tensors}
    names = [array.name for array in inputs.op.outputs]
    return {**written, **dict(zip(names, fresh, strict=False))}


@cache
def with_rows(op: str) -> tuple[Inputs, Divisions, str, Tensors]:
    """A case with rows to divide, unevenly where no block has several, and what the whole call gives."""
    inputs, division, label = divided_case(specs.get(op), UNEVEN)
    if division.parts[label] % RANKS and label in division.blocks:
        inputs, division, label = divided_case(specs.get(op), 2 * RANKS)
    return inputs, division, label, call(inputs, tensors_of(inputs))


@cache
def small(op: str) -> tuple[Inputs, Tensors]:
    """The small case, and what the whole call gives."""
    inputs = generate(specs.get(op), small_case(op), "exact", 0)
    return inputs, call(inputs, tensors_of(inputs))


def rows_in_rows_out(op: str, mesh: Any) -> Found:
    """A call of which all that has rows is divided along them."""
    inputs, division, label, whole = with_rows(op)
    where = {n: Shard(own.index(label)) if label in own else Replicate() for n, own in division.dims.items()}
    given = {name: placed(tensor, mesh, where[name]) for name, tensor in tensors_of(inputs).items()}
    with CommDebugMode() as exchanged:
        results = call(inputs, given)
    return {
        "same bytes": not wrong(results, whole),
        "rows out": all(result.placements == (where[name],) for name, result in results.items()),
        "collectives": exchanged.get_total_counts(),
    }


def every_dimension(op: str, mesh: Any) -> Iterator[tuple[str, str]]:
    """What becomes of a call of which one dimension of one argument is divided."""
    inputs, whole = small(op)
    for name, tensor in tensors_of(inputs).items():
        for number in range(tensor.ndim):
            given: Tensors = {
                n: placed(t, mesh, Shard(number) if n == name else Replicate()) for n, t in tensors_of(inputs).items()
            }
            yield f"{name} {number}", outcome(lambda: wrong(call(inputs, given), whole) or "taken")  # noqa: B023


def wrong(results: Mapping[Any, Any], whole: Mapping[Any, Any]) -> str:
    """Results of which this rank's part has other bytes than the whole's."""
    return ", ".join(str(name) for name, result in results.items() if not same(result, whole[name]))


def outcome(tried: Callable[[], str]) -> str:
    try:
        return tried()
    except Unsupported as refused:
        return f"refused: {refused}"
    except Exception as other:  # noqa: BLE001 - an error of any kind is a finding
        return f"{type(other).__name__}: {other}"


def found(number: int, store: str) -> Found:
    """What one rank finds."""
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=number, world_size=RANKS)
    mesh = init_device_mesh("cpu", (RANKS,), mesh_dim_names=("tp",))
    told: Found = {
        "rows": {name: rows_in_rows_out(name, mesh) for name in DIVIDED},
        "dimensions": {name: dict(every_dimension(name, mesh)) for name in of_every_kind()},
        "columns": {str(columns): columns_in_columns_out(columns, mesh) for columns in (512, 384)},
        "ways": {
            name: outcome(lambda: way(mesh) or "taken")  # noqa: B023
            for name, way in (("out", into_results), ("operator", through_operator), ("compile", compiled))
            if name != "compile" or number == 0  # which takes a while
        },
        "mixed": outcome(lambda: str(ops.gemm(placed(torch.ones(4, 8), mesh, Shard(0)), torch.ones(8, 8)))),
        "partial": outcome(lambda: pending(mesh) or "taken"),
    }
    dist.destroy_process_group()
    return told


def columns_in_columns_out(columns: int, mesh: Any) -> Found:
    """A weight in blocks with their scales, divided along N: 512 in two parts; half of 384 ends inside of a block."""
    x = torch.ones(8, 256).to(torch.float8_e4m3fn)
    w, scale = torch.ones(columns, 256).to(torch.float8_e4m3fn), torch.arange(columns // 128 * 2.0).reshape(-1, 2)

    def product(x: Any, w: Any, x_scale: Any, scale: Any) -> Any:
        return ops.fp8_gemm(x, w, x_scale, scale, scale_mode="block", weight_order="nk")

    given = (x, w, torch.ones(8, 2), scale)
    where = (Replicate(), Shard(0), Replicate(), Replicate())
    with CommDebugMode() as exchanged:
        result = product(*(placed(t, mesh, p) for t, p in zip(given, where, strict=True)))
    equal = same(result, product(*given))
    return {"same bytes": equal, "lies": str(result.placements), "collectives": exchanged.get_total_counts()}


def quantised() -> tuple[Any, Any]:
    """Rows, and what per_token_quant_fp8 makes of them."""
    x = torch.arange(UNEVEN * 16.0, dtype=torch.bfloat16).reshape(UNEVEN, 16)
    return x, ops.per_token_quant_fp8(x)


def into_results(mesh: Any) -> str:
    """`out=`: the bytes and the placements that were asked for."""
    x, whole = quantised()
    out: Any = tuple(placed(torch.zeros_like(t), mesh, Shard(0)) for t in whole)
    found = ops.per_token_quant_fp8(placed(x, mesh, Shard(0)), out=out)
    kept = all(a is b for a, b in zip(found, out, strict=True))
    return wrong(dict(enumerate(out)), dict(enumerate(whole))) or ("" if kept else "others")


def through_operator(mesh: Any) -> str:
    """`torch.ops.twinkernels`."""
    x, whole = quantised()
    found = torch.ops.twinkernels.per_token_quant_fp8(placed(x, mesh, Shard(0)))
    return wrong(dict(enumerate(found)), dict(enumerate(whole)))


def compiled(mesh: Any) -> str:
    """torch.compile of one graph."""
    x, whole = quantised()
    found = torch.compile(ops.per_token_quant_fp8, backend="aot_eager", fullgraph=True)(placed(x, mesh, Shard(0)))
    return wrong(dict(enumerate(found)), dict(enumerate(whole)))


def pending(mesh: Any) -> str:
    """A sum that is not made yet is made first."""
    x = torch.ones(UNEVEN, 16)
    part = DTensor.from_local(x, mesh, (Partial(),), run_check=False)
    return wrong(dict(enumerate(ops.per_token_quant_fp8(part))), dict(enumerate(ops.per_token_quant_fp8(x * RANKS))))


def rank(number: int, store: str, queue: Any) -> None:
    """Everything, on one rank."""
    try:
        queue.put(found(number, store))
    except BaseException:
        queue.put(traceback.format_exc())
        raise


def main() -> None:
    """Prints what the ranks found, by rank."""
    torch.set_num_threads(1)  # and none to be lost
    for name in DIVIDED:  # once for all ranks
        with_rows(name)
    for name in of_every_kind():
        small(name)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    ranks = [context.Process(target=rank, args=(number, sys.argv[1], queue)) for number in range(RANKS)]
    for process in ranks:
        process.start()
    print(json.dumps([queue.get() for _ in ranks]))  # noqa: T201 - what the test reads
    for process in ranks:
        process.join()


if __name__ == "__main__":
    main()
