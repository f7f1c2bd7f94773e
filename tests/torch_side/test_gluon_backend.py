"""The backend for Hopper without a card: its answers, its kernels compiled, what its launches pass to them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import specs
from specs.lang.declare.readiness import READY
from specs.lang.errors import Unsupported
from specs.tile.emit.gluon import Dialect, descriptors, emit_gluon, numbers, pointers
from specs.tile.launch.cases import case_arrays, case_call
from specs.tile.launch.launches import launches
from specs.tile.launch.warp_roles import specialized
from specs.tile.passes.warp_specialize import Specialized
from specs.tile.targets import GLUON_HOPPER
from tests.rules.source import ROOT
from tests.tile import gluon_on_numpy as on_numpy
from torch_impl import launch as torch_launch
from torch_impl import ops, support
from torch_impl.gluon import launch as gluon_launch
from torch_impl.platforms import gluon

FP8 = "fp8_gemm"


@pytest.fixture
def hopper(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hopper GPU, as far as questions go."""
    for module in (support, torch_launch):
        monkeypatch.setattr(module, "platform_of", lambda _: "hopper")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))


def test_other_devices_are_refused() -> None:
    for device in ("cpu", "cuda", "xpu"):
        assert ops.explain(FP8, device)["gluon"].endswith(f"compute capability 9.0; the arrays are on {device}")
    x = torch.zeros(16, 64, dtype=torch.float8_e4m3fn)
    with pytest.raises(Unsupported, match="Hopper"):
        ops.fp8_gemm(x, x, scale_mode="tensor", weight_order="nk", implementation="gluon")


@pytest.mark.usefixtures("hopper")
def test_operations_without_a_kernel_with_roles_say_why() -> None:
    assert [ops.explain(name, "cuda")["gluon"] for name in ("gemm", FP8)] == [READY, READY]
    assert ops.explain("rms_norm", "cuda")["gluon"] == "rms_norm: it has no product"
    assert "flash_attention: its grid has several axes" in ops.explain("flash_attn_varlen", "cuda")["gluon"]


@pytest.mark.usefixtures("hopper")
def test_it_is_never_the_default() -> None:
    assert support.choose(specs.get(FP8), torch.device("cuda"), None) != "gluon"
    assert list(ops.explain(FP8, "cuda"))[-1] == "gluon"


@pytest.mark.usefixtures("hopper")
def test_other_versions_of_triton_and_cards_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gluon, "installed", lambda: "3.7")
    assert ops.explain(FP8, "cuda")["gluon"] == "the Gluon of Triton 3.7 is not known: that of 3.6 and 3.9 is"
    monkeypatch.setattr(gluon, "installed", lambda: None)
    assert "not installed" in ops.explain(FP8, "cuda")["gluon"]
    monkeypatch.setattr(gluon, "installed", lambda: "3.9")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (10, 0))
    assert "compute capability 9.0" in ops.explain(FP8, "cuda")["gluon"]


def roles_of(op: str, case: str, scales_by_tma: bool = False) -> Specialized:
    operation = specs.get(op)
    infos = case_arrays(operation, operation.case(case), strided=True)
    strides = {name: info.strides for name, info in infos.items()}
    if scales_by_tma:
        strides["a_scale"] = (1, infos["a_scale"].shape[0])
    call = case_call(operation, operation.case(case), strided=True)
    roles = specialized(next(launches(call, GLUON_HOPPER.config, strides=strides)), GLUON_HOPPER)
    assert isinstance(roles, Specialized)
    return roles


def test_names_are_those_of_the_version() -> None:
    old = emit_gluon(roles_of("gemm", "prefill"), gluon.DIALECTS["3.6"])
    new = emit_gluon(roles_of("gemm", "prefill"), Dialect())
    assert all(name in old and name not in new for name in ("copy_global_to_shared(", "thread_barrier(", "copy_shared"))
    assert all(name in new and name not in old for name in ("tma.async_load(", "gl.barrier(", "tma.async_store("))


def compiled(roles: Specialized, tmp_path: Any, environment: dict[str, str]) -> dict[str, Any]:
    """What Triton and its assembler make of the generated source."""
    program = roles.program
    types = {param.name: str(param.element.names.triton) for param in program.arrays}
    short = {"float8e4nv": "fp8e4nv", "bfloat16": "bf16", "float32": "fp32"}
    request = {
        "source": emit_gluon(roles),
        "kernel": program.name,
        "file": "<generated>",
        "num_warps": gluon_launch.WARPS,
        "descriptors": {
            f"{d.array}_desc": (short[types[d.array]], [int(size) for size in d.shape], d.swizzle)
            for d in descriptors(roles)
        },
        "signature": {
            **{f"{name}_ptr": f"*{short[types[name]]}" for name in pointers(roles)},
            **{str(number): "i32" for number in numbers(roles)},
        },
    }
    worker = ROOT / "torch_impl" / "platforms" / "gluon_worker.py"
    command, given = [sys.executable, str(worker)], json.dumps(request)
    own = environment | {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
    done = subprocess.run(command, input=given, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(gluon.installed() != "3.9", reason="compiled with the Triton that is pinned")
@pytest.mark.parametrize(("op", "scales"), [(FP8, True), ("gemm", False)])
def test_kernels_compile_for_hopper(
    op: str, scales: bool, tmp_path: Any, subprocess_environment: Callable[..., dict[str, str]]
) -> None:
    """No spills, matrix instructions of a warp group on a step of each group, copies by TMA, two barriers per slot."""
    roles = roles_of(op, "prefill", scales)
    found = compiled(roles, tmp_path, subprocess_environment())
    assert (found["stack"], found["local"]) == (0, 0)
    assert (found["registers"] * found["threads"] <= 1 << 16, found["threads"]) == (True, 384)
    assert found["shared"] <= 227 << 10
    ptx, ttgir = found["ptx"], found["ttgir"]
    a = roles.product.operands[0].type
    each = int(a.shape[1]) * a.element.storage_bits // 256  # instructions take 32 bytes of K
    assert len(re.findall(r"wgmma\.mma_async\.sync", ptx)) == roles.groups * each
    loads = len(re.findall(r"cp\.async\.bulk\.tensor\.\dd\.shared", ptx))
    assert loads == sum(roles.groups if copy.by_group else 1 for copy in roles.copies)
    assert len(re.findall(r"cp\.async\.bulk\.tensor\.\dd\.global\.shared", ptx)) == roles.groups
    assert "ld.global" not in ptx or pointers(roles)
    assert ttgir.count("ttng.init_barrier") == 2 * roles.stages
    assert "partition1" in ttgir
    assert "partition2" not in ttgir


class OnNumpy:
    """In the place of a compiled kernel: runs the source on numpy, on the memory of torch's tensors."""

    def __init__(self, source: str, name: str) -> None:
        self.source, self.name, self.launches = source, name, 0

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        def start(*given: Any, num_warps: int) -> None:
            assert num_warps == gluon_launch.WARPS
            self.launches += 1
            on_numpy.run(self.source, self.name, [self.argument(one) for one in given], *grid)

        return start

    def argument(self, given: Any) -> Any:
        if isinstance(given, int):
            return given
        if isinstance(given, torch.Tensor):
            pairs = zip(given.shape, given.stride(), strict=True)
            return on_numpy.Pointer(flat(given, 1 + sum((size - 1) * step for size, step in pairs)))
        count = 1 + sum((size - 1) * stride for size, stride in zip(given.shape, given.strides, strict=True))
        codes = flat(given.base, count)
        raw = codes.view(f"u{codes.itemsize}")
        steps = [stride * raw.itemsize for stride in given.strides]
        matrix = np.lib.stride_tricks.as_strided(raw, given.shape, steps).view(codes.dtype)
        return on_numpy.Descriptor(matrix, given.block_shape)


def flat(tensor: torch.Tensor, count: int) -> Any:
    """Memory from the beginning of a tensor on, as numpy has it."""
    names = {torch.float8_e4m3fn: "float8e4nv", torch.bfloat16: "bfloat16", torch.float32: "float32"}
    whole = tensor.as_strided((count,), (1,)).view(
        {1: torch.uint8, 2: torch.int16, 4: torch.int32}[tensor.element_size()]
    )
    return whole.numpy().view(on_numpy.DTYPES[names[tensor.dtype]])


@pytest.fixture
def kernels(hopper: None, monkeypatch: pytest.MonkeyPatch) -> list[OnNumpy]:
    """Kernels that were launched; they run on numpy."""
    made: list[OnNumpy] = []

    def load(source: str, name: str) -> OnNumpy:
        made.append(OnNumpy(source, name))
        return made[-1]

    monkeypatch.setattr(gluon_launch, "load_kernel", load)
    monkeypatch.setattr(gluon, "dialect", Dialect)
    monkeypatch.setattr(gluon, "problem", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(multi_processor_count=3))
    return made


def whole(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.integers(-3, 4, shape).astype(np.float32))


def operands(rng: np.random.Generator, m: int, n: int, k: int) -> tuple[list[torch.Tensor], dict[str, Any]]:
    a, b = (whole(rng, rows, k).to(torch.float8_e4m3fn) for rows in (m, n))
    sizes = [(rows, -(-k // 128)) for rows in (m, -(-n // 128))]
    scales = [torch.from_numpy(2.0 ** rng.integers(-2, 2, size)).float() for size in sizes]
    return [a, b, *scales], {"scale_mode": "block", "weight_order": "nk"}


@pytest.mark.parametrize("order", ["row", "column"])
def test_a_call_gives_the_bytes_of_the_executor(order: str, kernels: list[OnNumpy], rng: np.random.Generator) -> None:
    """Descriptors, pointers and integers in the kernel's order; leading dimensions and strides."""
    (a, b, a_scale, b_scale), attributes = operands(rng, 300, 160, 400)
    if order == "column":
        a_scale = a_scale.t().contiguous().t()
    wide = torch.zeros(160, 512, dtype=torch.uint8).view(torch.float8_e4m3fn)
    wide[:, :400] = b
    given = [a.reshape(3, 100, 400) if order == "row" else a, wide[:, :400], a_scale, b_scale]
    given[2] = given[2].reshape(3, 100, 4) if order == "row" else given[2]
    found = ops.fp8_gemm(*given, **attributes, implementation="gluon")
    (kernel,) = kernels
    assert kernel.launches == 1
    assert ("a_scale_desc" in kernel.source) == (order == "column")
    wanted = ops.fp8_gemm(*given, **attributes, implementation="eager")
    assert torch.equal(found.view(torch.int16), wanted.view(torch.int16))
    assert found.abs().sum() > 0


def test_arrays_that_begin_elsewhere_and_few_rows_run_as_triton_has_them(
    kernels: list[OnNumpy], monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    ran: list[str] = []

    def runner_of(launch: Any, target: Any, slots: Any) -> Callable[[Sequence[Any]], None]:
        return lambda _arrays: ran.append(f"{launch.program.name} {target.name}")

    monkeypatch.setattr(gluon_launch, "runner_of", runner_of)
    (a, b, a_scale, b_scale), attributes = operands(rng, 128, 128, 256)
    memory = torch.zeros(128 * 256 + 8, dtype=torch.uint8).view(torch.float8_e4m3fn)
    shifted = memory[8:].view(128, 256)
    ops.fp8_gemm(shifted, b, a_scale, b_scale, **attributes, implementation="gluon")
    assert (ran, [kernel.launches for kernel in kernels]) == (["fp8_gemm triton-hopper"], [0])
    ops.fp8_gemm(a[:8], b, a_scale[:8], b_scale, **attributes, implementation="gluon")
    assert ran[1:] == ["fp8_gemm triton-hopper"]
