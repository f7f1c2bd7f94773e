"""Calls whose arrays lie on several devices: every device does the call for its part, and nothing is exchanged.

Which dimensions may be divided, `specs.lang.call.dividing` reads off the shapes. On a mesh of Explicit axes the
types say how arrays lie, and a call that they do not fit is refused; on a mesh of Auto axes XLA gets the sharding rule,
and reshards arrays that do not fit. Inside of `jax.shard_map` arrays are parts already, and nothing has to be done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
from jax.sharding import PartitionSpec

from specs.lang.call.placing import Axes, Placed, along, chosen, problem, refusal

if TYPE_CHECKING:
    from jax_impl.launch import Work


def specs_of(operands: Sequence[Any]) -> tuple[Any, Sequence[Placed]]:
    """The mesh of Explicit axes on which arrays lie divided, by their types, and how; None where nothing is divided."""
    if not hasattr(jax, "shard_map"):
        return None, ()
    types = [jax.typeof(operand) for operand in operands]
    placed = [[_axes(entry) for entry in _entries(aval)] for aval in types]
    mesh = next((aval.sharding.mesh for aval, dims in zip(types, placed, strict=True) if any(dims)), None)
    return mesh, placed


def _entries(aval: Any) -> Sequence[Any]:
    return (*aval.sharding.spec, *[None] * (len(aval.shape) - len(aval.sharding.spec)))


def _axes(entry: Any) -> Axes:
    if entry is None or entry is PartitionSpec.UNCONSTRAINED:
        return ()
    return tuple(entry) if isinstance(entry, tuple) else (entry,)


def explicit(work: Work, mesh: Any, placed: Sequence[Placed], operands: Sequence[Any]) -> list[Any]:
    """The call over arrays that the axes of a mesh divide.

    Raises:
        Unsupported: they divide what has to be whole, or one device's part of an argument does not go with its part of
            another.
    """
    labels = [work.divisions.dims[name] for name in work.names]
    found: dict[str, Axes] = {}
    for name, dims, own in zip(work.names, placed, labels, strict=True):
        for number, (axes, label) in enumerate(zip(dims, own, strict=True)):
            wrong = problem(work.divisions, label, axes, found, mesh.shape) if axes else None
            if wrong is not None:
                advice = f"call it inside of jax.shard_map, or give it whole: jax.sharding.reshard({name}, jax.P())"
                raise refusal(work.name, name, number, axes, wrong, advice)
            if axes:
                found[label] = axes
    rest = [along(work.divisions, name, found) for name in work.names]
    given = [
        jax.sharding.reshard(operand, jax.sharding.NamedSharding(mesh, _spec(goal))) if goal != list(dims) else operand
        for operand, goal, dims in zip(operands, rest, placed, strict=True)
    ]
    out = [_spec(along(work.divisions, name, found)) for name in work.result_names]
    parts = jax.shard_map(
        work.part,
        mesh=mesh,
        in_specs=tuple(_spec(goal) for goal in rest),
        out_specs=out,
        axis_names={axis for axes in found.values() for axis in axes},
        check_vma=False,
    )
    return list(parts(*given))


def _spec(dims: Sequence[Axes]) -> PartitionSpec:
    return PartitionSpec(*[None if not axes else axes[0] if len(axes) == 1 else axes for axes in dims])


def automatic(work: Work) -> Callable[..., Any] | None:
    """The call with a rule for XLA's partitioner, which divides what follows from one part and gathers the rest."""
    if not any(work.divisions.parts.values()) or not all(work.divisions.parts.values()):
        return None  # nothing to divide, or nothing there
    from jax.experimental.custom_partitioning import custom_partitioning

    function = custom_partitioning(lambda *operands: tuple(work.traced(*operands)))

    def partition(mesh: Any, given: Any, results: Any) -> Any:
        axes = _chosen(work, mesh, [struct.sharding for struct in given])

        def placed(names: Sequence[str]) -> tuple[Any, ...]:
            specs = [_spec(along(work.divisions, name, axes)) for name in names]
            return tuple(jax.sharding.NamedSharding(mesh, spec) for spec in specs)

        del results
        return mesh, lambda *operands: tuple(work.part(*operands)), placed(work.result_names), placed(work.names)

    text, whole, sizes = rule(work)
    function.def_partition(partition=partition, sharding_rule=text, need_replication_factors=whole, **sizes)
    return lambda *operands: list(function(*operands))


def _chosen(work: Work, mesh: Any, shardings: Sequence[Any]) -> dict[str, Axes]:
    """Which axes divide what, of what was chosen for the arguments."""
    placed = {}
    for name, sharding in zip(work.names, shardings, strict=True):
        dims = work.divisions.dims[name]
        placed[name] = [_axes(entry) for entry in (*sharding.spec, *[None] * (len(dims) - len(sharding.spec)))]
    return chosen(work.divisions, placed, mesh.shape)


def rule(work: Work) -> tuple[str, tuple[str, ...], dict[str, int]]:
    """How dimensions go together, as Shardy takes it: factors by array, those that stay whole, sizes of the parts.

    A dimension of which blocks have to stay whole is `(label rest)`, of which only the first may be divided.
    """
    whole: list[str] = []
    sizes: dict[str, int] = {}
    blocks = work.divisions.blocks

    def factor(label: str, size: int) -> str:
        if label and label not in blocks:
            return label
        whole.append(f"whole{len(whole)}")
        if not label:
            return whole[-1]
        sizes[label] = work.divisions.parts[label]
        if size == sizes[label]:
            whole.pop()
            return label
        sizes[whole[-1]] = size // sizes[label]
        return f"({label} {whole[-1]})"

    def array(name: str) -> str:
        dims = zip(work.divisions.dims[name], work.call.shapes[name], strict=True)
        return " ".join(factor(label, size) for label, size in dims)

    text = f"{', '.join(map(array, work.names))} -> {', '.join(map(array, work.result_names))}"
    alone = {word for word in text.replace(",", " ").split() if "(" not in word and ")" not in word}
    return text, tuple(whole), {name: size for name, size in sizes.items() if name not in alone}
