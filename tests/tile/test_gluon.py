"""Warps with roles, without a card: split rows give the same bytes, and so does the generated Gluon source on numpy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.inputs import generate
from specs.lang.declare.op import Case
from specs.lang.formats.elements import F32
from specs.tile.emit.gluon import descriptors, emit_gluon, numbers, pointers
from specs.tile.emit.triton import emit
from specs.tile.interpret.arrayops import NUMPY, NUMPY_DTYPES
from specs.tile.interpret.executor import Buffer, execute
from specs.tile.ir import Program, matrix_dims
from specs.tile.launch.cases import case_arrays, case_call
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.launch.warp_roles import specialized
from specs.tile.passes.legalise import legalise
from specs.tile.passes.row_split import Refusal, split_rows
from specs.tile.passes.warp_specialize import SHARED, Specialized
from specs.tile.targets import EXECUTOR, GLUON_HOPPER, TRITON_CUDA
from tests.tile import gluon_on_numpy as on_numpy

Memory = Mapping[str, np.ndarray[Any, Any]]
SMALL = {"BLOCK_M": 128, "BLOCK_N": 32, "BLOCK_K": 64, "GROUP_M": 8, "num_warps": 4, "num_stages": 3}


def case(op: str, m: int, n: int, k: int, like: str, **fields: Any) -> Case:
    """A case of other sizes."""
    return replace(specs.get(op).case(like), sizes=(("M", m), ("N", n), ("K", k)), lead=None, **fields)


def planned(op: str, of: Case, tunables: Mapping[str, int] | None, transposed: bool = False) -> Launch:
    """The launch of a case, with tunables of its own. transposed: scales of A lie along its rows."""
    operation = specs.get(op)
    infos = case_arrays(operation, of, strided=True)
    strides = {name: info.strides for name, info in infos.items()}
    if transposed:
        strides["a_scale"] = (1, infos["a_scale"].shape[0])
    call = case_call(operation, of, strided=True)
    return next(launches(call, "cuda.gluon", strides=strides, tuned=tunables))


def memory_of(launch: Launch, op: str, of: Case, seed: int, transposed: bool) -> dict[str, np.ndarray[Any, Any]]:
    """Flat memory of every array; results are garbage."""
    inputs = generate(specs.get(op), of, "exact", seed)
    found = {}
    for param in launch.program.arrays:
        name, place = launch.arrays[param.name]
        if param.written:
            count = int(np.prod(place.sizes)) * param.element.storage_bits // 8
            found[param.name] = np.full(count, 0xA5, np.uint8).view(NUMPY_DTYPES[param.element])
            continue
        raw = inputs.arrays[name]
        flat = (raw.T if transposed and name == "a_scale" else raw).ravel().copy()
        found[param.name] = flat.view(NUMPY_DTYPES[param.element])
    return found


def executed(launch: Launch, program: Program, grid: tuple[int, ...], memory: Memory) -> dict[str, bytes]:
    """Bytes of the results of a program."""
    buffers = {name: Buffer(flat.copy(), launch.arrays[name][1].strides) for name, flat in memory.items()}
    with np.errstate(all="ignore"):
        results = execute(legalise(program, EXECUTOR), NUMPY, buffers, launch.sizes, grid)
    return {name: np.asarray(array).tobytes() for name, array in results.items()}


def run_on_numpy(launch: Launch, roles: Specialized, memory: Memory) -> tuple[dict[str, bytes], int]:
    """Bytes of the results of the generated source, and how many bytes its producers copied."""
    program = roles.program
    fresh = {name: flat.copy() for name, flat in memory.items()}
    arguments: list[Any] = []
    for descriptor in descriptors(roles):
        flat, place = fresh[descriptor.array], launch.arrays[descriptor.array][1]
        matrix = flat
        if len(descriptor.shape) > 1:
            steps = [stride * flat.itemsize for stride in place.strides]
            codes = flat.view(f"u{flat.itemsize}")  # numpy makes no views with strides of ml_dtypes' own
            whole = np.lib.stride_tricks.as_strided(codes, place.sizes, steps).view(flat.dtype)
            matrix = whole.transpose(matrix_dims(descriptor.load, program.array(descriptor.array)))
        arguments.append(on_numpy.Descriptor(matrix, tuple(map(int, descriptor.shape))))
    arguments += [on_numpy.Pointer(fresh[name]) for name in pointers(roles)]
    arguments += [launch.number(integer) for integer in numbers(roles)]
    copied = on_numpy.run(emit_gluon(roles), program.name, arguments)
    return {param.name: fresh[param.name].tobytes() for param in program.arrays if param.written}, copied


FP8 = "fp8_gemm"
PRODUCTS = [
    # Several tiles for each program, rows and columns over the edge, more steps than slots.
    pytest.param(FP8, case(FP8, 200, 80, 640, "one-row", absent=("bias",)), SMALL, False, id="blocks"),
    pytest.param(FP8, case(FP8, 260, 80, 400, "one-row"), SMALL, True, id="scales-by-tma"),
    pytest.param(FP8, case(FP8, 128, 64, 256, "one-row"), {**SMALL, "BLOCK_M": 64}, True, id="one-group"),
    pytest.param(FP8, case(FP8, 200, 96, 208, "token-channel"), SMALL, False, id="token-channel"),
    pytest.param(FP8, case(FP8, 130, 100, 352, "mx"), {**SMALL, "BLOCK_K": 32}, False, id="mx"),
    pytest.param(FP8, case(FP8, 160, 80, 256, "e5m2-f32"), SMALL, False, id="e5m2-f32"),
    pytest.param(FP8, case(FP8, 140, 64, 192, "unit-scales"), {**SMALL, "BLOCK_N": 64}, False, id="unit-scales"),
    pytest.param("gemm", case("gemm", 200, 72, 264, "ragged"), SMALL, False, id="bf16"),
]


@pytest.mark.parametrize(("op", "of", "tunables", "transposed"), PRODUCTS)
def test_roles_give_the_same_bytes(op: str, of: Case, tunables: dict[str, int], transposed: bool, seed: int) -> None:
    launch = planned(op, of, tunables, transposed)
    memory = memory_of(launch, op, of, seed, transposed)
    wanted = executed(launch, launch.program, launch.grid, memory)
    split = split_rows(launch.program)
    assert not isinstance(split, Refusal), split
    groups = int(split.grid[-1].evaluate({}))
    assert executed(launch, split, (*launch.grid, groups), memory) == wanted
    roles = specialized(launch, GLUON_HOPPER)
    assert not isinstance(roles, Refusal), roles
    assert (roles.groups, transposed) == (groups, "a_scale" in {copy.array for copy in roles.copies})
    found, copied = run_on_numpy(launch, roles, memory)
    assert found == wanted
    steps = -(-dict(of.sizes)["K"] // tunables["BLOCK_K"]) * launch.grid[0]
    assert copied == steps * sum(copy.bytes(groups) for copy in roles.copies)


FAULTS = {
    "slots are read before they are full": ("mbarrier.wait(full.index(slot), phase)\n", "pass\n"),
    "slots are filled before they are empty": ("mbarrier.wait(empty.index(slot), phase)\n", "pass\n"),
    "slots are not handed back": ("mbarrier.arrive(empty.index(slot), count=1)\n", "pass\n"),
    "stores are not waited for": ("    tma.store_wait(0)\n\n", "    pass\n\n"),
    "the rows of the other group": ("slot + warp_group)", "slot + 1 - warp_group)"),
    "fewer bytes than are copied": ("mbarrier.expect(full.index(slot), ", "mbarrier.expect(full.index(slot), -1 + "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_noticed(fault: str, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(on_numpy, "SECONDS", 0.3)
    of = case(FP8, 128, 32, 640, "one-row", absent=("bias",))
    launch = planned(FP8, of, SMALL)
    roles = specialized(launch, GLUON_HOPPER)
    assert isinstance(roles, Specialized)
    memory = memory_of(launch, FP8, of, seed, transposed=False)
    good = emit_gluon(roles)
    assert FAULTS[fault][0] in good
    bad = good.replace(*FAULTS[fault])
    monkeypatch.setattr("tests.tile.test_gluon.emit_gluon", lambda _: bad)
    try:
        found, _ = run_on_numpy(launch, roles, memory)
    except (AssertionError, RuntimeError):
        return
    assert found != executed(launch, launch.program, launch.grid, memory)


def refused(op: str, of: str | Case, tunables: Mapping[str, int] | None = None) -> str:
    """Why the first kernel of a case has no roles."""
    chosen = specs.get(op).case(of) if isinstance(of, str) else of
    found = specialized(planned(op, chosen, tunables), GLUON_HOPPER)
    assert isinstance(found, Refusal), "it has roles"
    return found.reason


@pytest.mark.parametrize(
    ("op", "of", "tunables", "reason"),
    [
        ("rms_norm", "large", None, "it has no product"),
        ("fp8_bmm", "decode", None, "its grid has several axes"),
        (FP8, "one-row", None, "tiles have 16 rows, and a warp group takes 64"),
        (FP8, case(FP8, 200, 96, 200, "one-row"), SMALL, "operand a of its product is not in rows"),
        (FP8, case(FP8, 200, 96, 256, "tensor"), SMALL, "operand b has 8 bits and is not contiguous along K"),
        (FP8, case(FP8, 200, 96, 256, "one-row"), {**SMALL, "num_stages": 1}, "num_stages is 1"),
        (FP8, case(FP8, 600, 96, 256, "one-row"), {**SMALL, "BLOCK_M": 256}, "registers do for 192"),
        ("fp8_gemm_w8a16", case("fp8_gemm_w8a16", 200, 96, 256, "one-row"), SMALL, "operand b .* converted on its way"),
        ("gemm", case("gemm", 200, 96, 256, "f32"), SMALL, "matrix units would round f32"),
        ("sparse_mla_prefill", "large", None, "it has 8 products"),
    ],
)
def test_what_has_no_roles_says_why(op: str, of: str | Case, tunables: Mapping[str, int] | None, reason: str) -> None:
    assert re.search(reason, refused(op, of, tunables))


def test_both_orders_of_a_16_bit_weight_have_roles(seed: int) -> None:
    """A weight that lies along N is transposed by the instruction."""
    of = case("gemm", 136, 64, 128, "ragged", attributes=(("weight_order", "kn"),), absent=("bias",))
    launch = planned("gemm", of, SMALL)
    roles = specialized(launch, GLUON_HOPPER)
    assert isinstance(roles, Specialized)
    assert "b_smem.index(slot), acc" in emit_gluon(roles)
    memory = memory_of(launch, "gemm", of, seed, transposed=False)
    assert run_on_numpy(launch, roles, memory)[0] == executed(launch, launch.program, launch.grid, memory)


def test_stages_are_as_many_as_fit_into_shared_memory() -> None:
    of = case(
        FP8, 512, 256, 512, "one-row", attributes=(("scale_mode", "block"), ("weight_order", "nk"), ("out_dtype", F32))
    )
    roles = specialized(planned(FP8, of, {**SMALL, "BLOCK_N": 128, "BLOCK_K": 128, "num_stages": 6}), GLUON_HOPPER)
    assert isinstance(roles, Specialized)
    used = roles.stages * sum(copy.bytes(roles.groups) for copy in roles.copies) + 128 * 128 * 4
    assert (roles.stages, used <= SHARED) == (5, True)


def test_the_program_that_is_split_is_not_changed() -> None:
    launch = planned(FP8, case(FP8, 200, 96, 256, "one-row"), SMALL)
    before = emit(legalise(launch.program, TRITON_CUDA))
    assert isinstance(specialized(launch, GLUON_HOPPER), Specialized)
    legalise.cache_clear()
    assert emit(legalise(launch.program, TRITON_CUDA)) == before
