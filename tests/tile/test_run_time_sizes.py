"""Sizes are numbers to some and tensors to others: everything that a body may do with one, on every implementation.

While a kernel is traced, sizes are Python integers to Pallas; Triton makes constants of those that are 1, and tensors
of the others. Triton's interpreter makes tensors of all, so what it does not see is compiled here, without a device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specs
from jax_impl import support
from jax_impl.triton import source
from specs.lang.declare.axes import Axis
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import READY
from specs.lang.formats.elements import E4M3, F16, F32, INT32, INT64
from specs.tile import language as tl
from specs.tile.emit import triton as triton_source
from specs.tile.frontend.trace import Tile
from specs.tile.ir import Program
from specs.tile.launch.cases import case_launches
from specs.tile.passes.legalise import legalise
from specs.tile.targets import TRITON_CUDA, TRITON_XPU, Target
from tests.tile.kernels import Raw, implementations, launch_of, run, tiny

N = Axis(name="N")
COUNT = 16


def sizes(p: Any) -> None:
    """Casts, methods and functions of a size, and of what is computed from sizes alone."""
    n, one = p.N, p.N // p.N
    small, even = n < 3, n % 2 == 0
    wide = n.to(INT64) * 3 + one.to(INT64)
    number = n.to(F32) * 0.5 + even.to(F32)
    found = (
        wide.to(INT32),
        number.bitcast(INT32),
        n.to(F16).to(F32).to(INT32),
        n.to(E4M3).to(F32).to(INT32),
        tl.where(~small, one * 5, 6),
        tl.where(small & ~even, 7, n),
        tl.where(even, n, one),
        tl.minimum(n, 4),
        tl.maximum(one, n - 3),
        tl.absolute(n - 4),
        (n << 3) | one,
        -n,
        (small ^ even).to(INT32),
        tl.minimum(n, 4).to(INT64).to(INT32),
        (n > one).to(INT64).to(INT32),
        tl.reduce_sum((n * 2).broadcast(4) + one[None], axis=0),
    )
    assert len(found) == COUNT
    for place, value in enumerate(found):
        tl.store(p.out, (place,), value)

    def step(k: Tile, total: Tile) -> Tile:
        tl.store(p.visited, (k,), total)
        return total + n

    total = tl.fori_loop(0, tl.minimum(n, 4), step, one)
    tl.when(small, lambda: tl.store(p.total, (0,), total))
    tl.when(~small, lambda: tl.store(p.total, (0,), -total))


def expected(n: int) -> dict[str, Raw]:
    """The same in Python."""
    small, even = n < 3, n % 2 == 0
    number = np.float32(n * 0.5 + even)
    out = [3 * n + 1, int(number.view(np.int32)), n, n, 6 if small else 5, 7 if small and not even else n]
    out += [n if even else 1, min(n, 4), max(1, n - 3), abs(n - 4), n << 3 | 1, -n, int(small != even), min(n, 4)]
    out += [int(n > 1), 4 * (2 * n + 1)]
    visited = [1 + k * n if k < min(n, 4) else 0 for k in range(4)]
    total = 1 + min(n, 4) * n
    values = {"out": out, "visited": visited, "total": [total if small else -total]}
    return {name: np.array(value, np.int32) for name, value in values.items()}


def of_sizes() -> Op:
    def body(p: Any) -> None:
        tl.store(p.visited, (tl.arange(4),), tl.zeros((4,), INT32))
        sizes(p)

    outputs: Any = {"out": ((COUNT,), INT32), "visited": ((4,), INT32), "total": ((1,), INT32)}
    return tiny(body, {"x": ((N,), F32)}, outputs, axes=(N,))


OF_SIZES = of_sizes()


@pytest.mark.parametrize("implementation", [name for name in implementations() if not name.startswith("jax")])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_sizes(n: int, implementation: str) -> None:
    results = run(OF_SIZES, {"x": np.zeros(n, np.float32)}, implementation)
    for name, want in expected(n).items():
        np.testing.assert_array_equal(results[name].view(np.int32), want, err_msg=name)


@pytest.mark.parametrize("n", [1, 5])
def test_sizes_under_x64(n: int) -> None:
    import jax

    backends = [name for name, answer in support.explain().items() if answer == READY]
    assert {"xla", "interpret"} <= {*backends}
    with jax.enable_x64(True):
        for backend in backends:
            results = run(OF_SIZES, {"x": np.zeros(n, np.float32)}, f"jax:{backend}")
            for name, want in expected(n).items():
                np.testing.assert_array_equal(results[name].view(np.int32), want, err_msg=f"{backend}: {name}")


def compiled_with_ones(program: Program, num_warps: int) -> str:
    """Triton IR of a program all of whose sizes and strides are 1, for a CUDA device of compute capability 9.0."""
    ordered = sorted(program.arrays, key=lambda param: param.written)
    pointers = [f"{param.name}_pointer" for param in ordered]
    integers = ["1"] * (len(triton_source.arguments(program)) - len(pointers))
    launcher = source.launcher(program.name, pointers, [*pointers, *integers])
    request = source.Request(
        source=triton_source.emit(program) + launcher,
        kernel=source.launcher_name(program.name),
        signature=tuple((name, param.element) for name, param in zip(pointers, ordered, strict=True)),
        capability=90,
        num_warps=num_warps,
    )
    return source.triton_ir(request)


@pytest.mark.parametrize("target", [TRITON_CUDA, TRITON_XPU], ids=lambda target: target.name)
def test_sizes_compile_where_they_are_one(target: Target) -> None:
    launch = launch_of(OF_SIZES, {"x": np.zeros(1, np.float32)}, config=target.config)
    text = compiled_with_ones(legalise(launch.program, target), 4)
    want = expected(1)
    assert "tt.func public" in text
    for value in {*map(int, want["out"][[0, 4, 5, 9]]), int(want["total"][0])}:
        assert f"arith.constant {value} : i32" in text or f"dense<{value}>" in text, value


@pytest.mark.parametrize("name", specs.names())
def test_kernels_compile_where_every_integer_is_one(name: str) -> None:
    """All kernels that the small cases of an operation run, on NVIDIA GPUs."""
    op = specs.get(name)
    seen: set[str] = set()
    for case in (case for case in op.cases if not case.large):
        for run_ in case_launches(op, case, TRITON_CUDA, strided=True):
            program = run_.program
            source = triton_source.emit(program)
            if source not in seen:
                seen.add(source)
                assert "tt.func public" in compiled_with_ones(program, run_.tunables.get("num_warps", 4))
    assert seen
