"""Tiny kernels for tests: declared in a line, and run on every implementation that this machine has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from specs.lang.call.bind import ArrayInfo, Call, bind
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.axes import Axis, Expr, ExprLike
from specs.lang.declare.kernel import Access, Array, Config, Kernel, Shape, Tunable
from specs.lang.declare.layouts import Dense, Inner, packed_strides
from specs.lang.declare.op import Op, single
from specs.lang.formats.elements import ElementFormat
from specs.tile.interpret.arrayops import NUMPY, NUMPY_DTYPES
from specs.tile.interpret.executor import Buffer, execute
from specs.tile.ir import Program
from specs.tile.launch.plan import Launch, plan
from specs.tile.passes.legalise import legalise
from specs.tile.targets import EXECUTOR

Raw = np.ndarray[Any, Any]
Arrays = Mapping[str, Any]
Declared = tuple[Shape, ElementFormat]

TARGETS = ("cpu", "interpret", "cuda", "xpu")
_numbers = count()


def tiny(
    body: Callable[[Any], None],
    inputs: Mapping[str, Declared],
    outputs: Mapping[str, Declared],
    *,
    axes: tuple[Axis, ...] = (),
    grid: tuple[ExprLike, ...] = (1,),
    block: Mapping[str, int] | None = None,
    conditions: tuple[tuple[str, Expr], ...] = (),
) -> Op:
    """An operation of one kernel.

    inputs, outputs: name -> (shape, element format).
    block: target -> value of the tunable BLOCK; targets that are missing take that of "interpret".
    """
    arrays = [_array(name, shape, form, Access.IN) for name, (shape, form) in inputs.items()]
    arrays += [_array(name, shape, form, Access.OUT) for name, (shape, form) in outputs.items()]
    blocks = dict(block or {})
    values = {target: (("BLOCK", blocks.get(target, blocks["interpret"])),) if blocks else () for target in TARGETS}
    kernel = Kernel(
        name=f"{body.__name__.strip('_<>')}_{next(_numbers)}",  # functions under jit are remembered by this name
        doc="A kernel of a test.",
        axes=axes,
        arrays=tuple(arrays),
        tunables=(Tunable(name="BLOCK", values=tuple(blocks.values())),) if blocks else (),
        configs=tuple(Config(target=target, values=values[target]) for target in TARGETS),
        static_conditions=conditions,
        grid=grid,
        body=body,
    )
    accuracy = tuple((name, Accuracy(exact=True)) for name in outputs)
    return single(kernel, oracle=lambda _: {}, accuracy=accuracy)


def _array(name: str, shape: Shape, form: ElementFormat, access: Access) -> Array:
    return Array(name=name, doc="", shapes=(shape,), formats=(form,), access=access, layout=Dense(inner=Inner.FREE))


def launch_of(op: Op, arrays: Arrays, *, config: str = "cpu", strides: Mapping[str, Any] | None = None) -> Launch:
    """The launch of a tiny kernel on these arrays."""
    return plan(checked(op, arrays), op.steps[0], config=config, strides=strides or {})


def checked(op: Op, arrays: Arrays) -> Call:
    """The call, with the formats as the kernel declares them."""
    infos: dict[str, ArrayInfo | None] = {}
    for array in op.inputs:
        assert not isinstance(array.formats, str)
        given = arrays[array.name]
        infos[array.name] = ArrayInfo(given.shape, array.formats[0], packed_strides(given.shape), "host")
    return bind(op, infos, {})


def program_of(op: Op, arrays: Arrays) -> Program:
    """The traced program of a tiny kernel."""
    return launch_of(op, arrays).program


def coded(raw: Raw, form: ElementFormat) -> Raw:
    """Raw codes as an array of the format's own type."""
    assert form.numpy_dtype is not None
    return raw.view(form.numpy_dtype)


def bits(array: Any) -> Raw:
    """The array as unsigned integers of its width."""
    return np.asarray(array, order="C").view(f"uint{8 * array.dtype.itemsize}")


def run_numpy(op: Op, arrays: Arrays, change: Callable[[Program], Program] = lambda program: program) -> dict[str, Raw]:
    """The results of the executor on numpy, as bits. `change` is applied to the program before it runs."""
    launch = launch_of(op, arrays)
    program = legalise(change(launch.program), EXECUTOR)
    buffers: dict[str, Buffer] = {}
    for param in program.arrays:
        memory = launch.arrays[param.name][1]
        count = param.element.storage_bits // 8 * int(np.prod(memory.sizes))
        flat = np.array(arrays[param.name]).reshape(-1) if param.name in arrays else np.full(count, 0xA5, np.uint8)
        buffers[param.name] = Buffer(flat.view(NUMPY_DTYPES[param.element]), memory.strides)
    with np.errstate(all="ignore"):
        out = execute(program, NUMPY, buffers, launch.sizes, launch.grid)
    shapes = checked(op, arrays).shapes
    return {name: bits(array.reshape(shapes[name])) for name, array in out.items()}


def run_torch(op: Op, arrays: Arrays, implementation: str) -> dict[str, Raw]:
    """The results in torch, as bits."""
    import torch

    from torch_impl.formats import DTYPES
    from torch_impl.launch import run

    device = "cuda" if implementation == "triton" else "cpu"
    tensors = []
    for array in op.inputs:
        assert not isinstance(array.formats, str)
        raw = np.array(arrays[array.name], order="C")
        plain = torch.from_numpy(raw.view(f"int{8 * raw.dtype.itemsize}"))
        tensors.append(plain.view(DTYPES[array.formats[0]]).to(device))
    results = run(op, tensors, (), implementation)
    widths = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
    plain_results = [result.contiguous().view(widths[result.element_size()]).cpu().numpy() for result in results]
    return {array.name: bits(raw) for array, raw in zip(op.outputs, plain_results, strict=True)}


def run_jax(op: Op, arrays: Arrays, implementation: str) -> dict[str, Raw]:
    """The results in JAX, as bits."""
    from jax_impl.launch import run

    results = run(op, [arrays[array.name] for array in op.inputs], (), implementation)
    return {array.name: bits(np.asarray(result)) for array, result in zip(op.outputs, results, strict=True)}


@cache
def implementations() -> tuple[str, ...]:
    """Everything that this machine runs kernels with."""
    import torch

    from jax_impl.support import default_platform

    interpreted = ("torch:triton",) if torch.cuda.is_available() else ("torch:interpret",)
    compiled = ("jax:pallas",) if default_platform() == "cuda" else ("jax:interpret",)
    return ("numpy", "torch:eager", *interpreted, "jax:xla", *compiled)


def run(op: Op, arrays: Arrays, implementation: str) -> dict[str, Raw]:
    """The results of one implementation by name, as unsigned integers of the width of the format."""
    framework, _, name = implementation.partition(":")
    match framework:
        case "numpy":
            return run_numpy(op, arrays)
        case "torch":
            return run_torch(op, arrays, name)
    return run_jax(op, arrays, name)


def widened(program: Program) -> Program:
    """The program with 64-bit offsets."""
    return replace(program, wide=True)
