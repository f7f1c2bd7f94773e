"""The problems that are timed by default, and how to name others on a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import specs
from benchmarks.harness.inputs import Problem, problem
from specs.lang.declare.op import Op
from specs.lang.errors import NotAChoice
from specs.lang.formats.elements import BF16, ElementFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How one operation is called in benchmarks.

    shapes: sizes of its axes, in the order of the spec. absent: optional arrays that are left out.
    """

    shapes: tuple[tuple[int, ...], ...]
    attributes: Mapping[str, object]
    absent: tuple[str, ...] = ()


_OPTIONAL = ("bias", "b_zp", "g_idx")
FAMILIES: dict[str, Family] = {
    "fp8_gemm": Family(
        shapes=((64, 4096, 7168), (4096, 4096, 7168), (4096, 7168, 2048), (16, 7168, 2048)),
        attributes={"scale_mode": "block", "weight_order": "nk"},
        absent=_OPTIONAL,
    ),
    "int4_gemm_w4a16": Family(
        shapes=((16, 4096, 14336), (16, 28672, 8192), (16, 8192, 28672)),
        attributes={"group_size": 128, "weight_order": "nk"},
        absent=_OPTIONAL,
    ),
    "gguf_gemm": Family(
        shapes=((1, 4096, 14336), (16, 4096, 14336)),
        attributes={"quant_type": "Q4_K", "out_dtype": BF16},
        absent=_OPTIONAL,
    ),
    "per_token_group_quant_fp8": Family(shapes=((8192, 7168),), attributes={"group": 128}),
}
# Sizes that only try the programs.
QUICK = {"M": 16, "N": 256, "K": 256, "G": 2, "KB": 128}


def registered(name: str) -> bool:
    """Whether there is an operation of this name."""
    return name in specs.names()


def make_problem(
    name: str,
    shape: Sequence[int],
    *,
    attributes: Mapping[str, object] | None = None,
    absent: Sequence[str] | None = None,
    quick: bool = False,
) -> Problem:
    """A problem of the operation `name`; missing values come from its family.

    Args:
        shape: sizes of the axes in the order of the spec.

    Raises:
        KeyError: there is no such operation.
        ArgumentError: a size or an attribute is wrong.
    """
    op = specs.get(name)
    family = FAMILIES.get(name, Family(shapes=(), attributes={}, absent=_OPTIONAL))
    names = [axis.name for axis in op.axes]
    if len(names) != len(shape):
        raise NotAChoice(op=name, argument="shape", expected="x".join(names), actual="x".join(map(str, shape)))
    sizes = {axis: QUICK.get(axis, 16) if quick else size for axis, size in zip(names, shape, strict=True)}
    left_out = family.absent if absent is None else absent
    known = {array.name for array in op.inputs if array.optional}
    wanted = family.attributes if attributes is None else {**family.attributes, **attributes}
    return problem(op, sizes, wanted, absent=tuple(a for a in left_out if a in known))


def parse_shape(text: str) -> tuple[int, ...]:
    """Sizes such as "64x4096x7168"."""
    return tuple(int(size) for size in text.split("x"))


def parse_attributes(op: Op, texts: Sequence[str]) -> dict[str, object]:
    """Attributes such as "scale_mode=block", converted to their kind."""
    found: dict[str, object] = {}
    for text in texts:
        name, _, value = text.partition("=")
        kind = op.attribute(name).kind
        if kind is ElementFormat:
            from torch_impl.formats import format_of

            found[name] = format_of(op.name, name, value)
        elif kind is bool:
            found[name] = value.lower() in ("1", "true", "yes")
        else:
            found[name] = kind(value)
    return found


def parse_tunables(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Values of tunables such as "BLOCK_M=64,128"."""
    pairs = (text.partition("=") for text in texts)
    return {name: tuple(int(value) for value in values.split(",")) for name, _, values in pairs}
