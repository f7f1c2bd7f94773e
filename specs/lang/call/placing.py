"""How the arrays of a call may lie on a mesh of devices, of how they do: for either framework."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod

from specs.lang.call.dividing import Divisions
from specs.lang.errors import Unsupported

Axes = tuple[str, ...]
Placed = Sequence[Axes]
"""Of every dimension of an array, the axes of the mesh that divide it."""
Found = Mapping[str, Axes]
"""Of every label of `Divisions` that is divided, the axes of the mesh that divide it."""


def problem(
    division: Divisions, label: str, axes: Axes, found: Found, sizes: Mapping[str, int], uneven: bool = False
) -> str | None:
    """Why axes of a mesh cannot divide the dimensions of a label, next to what they divide already; None if they can.

    Args:
        sizes: devices along every axis of the mesh.
        uneven: whether parts need not be of one size.
    """
    if not label:
        return "results along it do not follow from one part"
    if found.get(label, axes) != axes:
        return f"another argument has that dimension divided over {', '.join(found[label])}"
    if any(set(axes) & set(others) for other, others in found.items() if other != label):
        return "the same axis of the mesh divides another dimension of the call"
    if uneven and label not in division.blocks:
        return None  # every array has parts of the same sizes
    if division.parts[label] % prod(sizes[axis] for axis in axes):
        return "parts would end inside of a block"
    return None


def chosen(
    division: Divisions,
    placed: Mapping[str, Placed],
    sizes: Mapping[str, int],
    whole: Collection[str] = (),
    uneven: bool = False,
) -> dict[str, Axes]:
    """Which axes of the mesh divide what, of what divides the arguments: the first that fits.

    Args:
        placed: arguments by name, the ones first that had better stay where they are.
        sizes, uneven: as `problem` has them.
        whole: labels that must not be divided.
    """
    found: dict[str, Axes] = {}
    for name, dims in placed.items():
        for label, wanted in zip(division.dims[name], dims, strict=True):
            axes = tuple(axis for axis in wanted if not any(axis in others for others in found.values()))
            if not axes or label in found or label in whole:
                continue
            if problem(division, label, axes, found, sizes, uneven) is None:
                found[label] = axes
    return found


def along(division: Divisions, name: str, found: Found) -> list[Axes]:
    """How an argument or a result lies."""
    return [found.get(label, ()) for label in division.dims[name]]


def refusal(op: str, argument: str, number: int, axes: Axes, wrong: str, advice: str) -> Unsupported:
    """Error for arrays that do not lie as the call needs them.

    Args:
        number: of the dimension that axes of the mesh divide.
        wrong: why they cannot.
        advice: what to do instead.
    """
    return Unsupported(
        f"{op} with dimension {number} of '{argument}' divided over {', '.join(axes)}", f"{wrong}; {advice}"
    )
