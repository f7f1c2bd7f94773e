"""Launches of generated Triton kernels, which Triton compiles for GPUs and interprets for CPUs."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from specs.tile.emit.triton import emit, integers
from specs.tile.ir import ArrayParam, Program
from specs.tile.launch.launches import launches
from specs.tile.launch.plan import Launch
from specs.tile.targets import Target
from torch_impl.ambient import settled
from torch_impl.backend import Request, Runner, Tensors
from torch_impl.formats import dtype_of, raw_view
from torch_impl.platforms.interpreter import confined, interpreting_alone
from torch_impl.triton.load import load_kernel


def compiled(request: Request) -> list[Runner]:
    """Every launch of a call."""
    target = request.target
    assert target is not None
    planned = launches(request.call, target, strides=request.strides, place=request.place)
    return [runner_of(launch, target, request.slots) for launch in planned if prod(launch.grid)]


def interpreted(request: Request) -> list[Runner]:
    """Every launch of a call in Triton's interpreter, which runs one kernel at a time."""
    target = request.target
    assert target is not None
    planned = launches(request.call, target, strides=request.strides, place=request.place)
    return [_alone(launch, target, request) for launch in planned if prod(launch.grid)]


def _alone(launch: Launch, target: Target, request: Request) -> Runner:
    runner, device = runner_of(launch, target, request.slots), request.device
    slots = [request.slots[launch.arrays[param.name][0]] for param in launch.program.arrays]

    def run_alone(arrays: Tensors) -> None:
        with interpreting_alone(), settled(device), confined([arrays[slot] for slot in slots]):
            runner(arrays)

    return run_alone


def source(launch: Launch, target: Target) -> str:
    """The Triton source that a launch runs."""
    return emit(launch.program, waits=target.has_pdl, hands_over=target.has_pdl and not launch.alone)


def ordered(program: Program) -> list[ArrayParam]:
    """Arrays in the order in which the kernel takes them: those that it only reads come first."""
    return [p for p in program.arrays if not p.written] + [p for p in program.arrays if p.written]


def numbers(launch: Launch) -> list[int]:
    """The integers that the kernel takes after its arrays."""
    return [launch.number(integer) for integer in integers(launch.program)]


def options(launch: Launch, target: Target) -> dict[str, int]:
    """Options of the launch."""
    found = {name: launch.tunables[name] for name in ("num_warps", "num_stages") if name in launch.tunables}
    return {**found, "launch_pdl": True} if target.has_pdl else found


def runner_of(launch: Launch, target: Target, slots: Mapping[str, int]) -> Runner:
    """Launches the generated kernel, which Triton compiles or interprets."""
    program, params = launch.program, ordered(launch.program)
    taken = [slots[launch.arrays[p.name][0]] for p in params]
    raw = [(index, dtype_of(p.element)) for index, p in enumerate(params) if _is_raw(launch, p)]
    scalars, chosen = numbers(launch), options(launch, target)
    start = load_kernel(source(launch, target), program.name)[launch.grid]

    def runner(arrays: Tensors) -> None:
        given = [arrays[slot] for slot in taken]
        for index, dtype in raw:
            given[index] = raw_view(given[index], dtype)
        start(*given, *scalars, **chosen)

    return runner


def _is_raw(launch: Launch, param: ArrayParam) -> bool:
    """Whether the kernel sees raw codes, or narrower pieces, instead of the array's own format."""
    return dtype_of(launch.formats[param.name]) != dtype_of(param.element)
