"""Matrix units (XMX) of Intel GPUs: when kernels for "oneapi" use them, and how the plugin's compiler learns of them.

The plugin's Triton pipeline has everything that DPAS instructions need, but XLA leaves the option out that turns them
on. The pass that annotates modules only ever adds attributes, so that a module which says itself that the device has
the instructions is compiled as if the option were set. Only functions all of whose dots have operands that the units
take get the attribute: one other dot turns all dots of its function into multiplications and additions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, get_args

import jax

from specs.lang.errors import NotAChoice, Unsupported

Setting = Literal["on", "off", "lts"]
"""`on`: instructions of SPIR-V. `lts`: the compiler's own functions, which long-term support drivers take as well.
`off`: dots are multiplications and additions on vectors."""

ATTRIBUTE: Final = "ttig.support_subgroup_matrix_multiply_accumulate"
_LTS_ATTRIBUTE: Final = "ttig.is_lts"
_ATTRIBUTES: Final[dict[Setting, tuple[str, ...]]] = {
    "on": (ATTRIBUTE,),
    "lts": (ATTRIBUTE, _LTS_ATTRIBUTE),
    "off": (),
}

# Rows of accumulators lie in 16 lanes from Xe2 and Data Center Max on, in 8 before (Arc A, Meteor Lake, Arrow Lake),
# whose compiler refuses what the pipeline makes. Level Zero names devices that it does not know by their PCI ids.
_DEVICES: Final = (
    ("Data Center Max", re.compile(r"Data Center GPU Max|Ponte Vecchio|\[0x0b[d6]", re.IGNORECASE)),
    ("Battlemage", re.compile(r"Arc\W.*\bB[57]\d0\b|Arc\W.*\bPro B\d\d\b|Battlemage|\[0xe2", re.IGNORECASE)),
    ("Lunar Lake", re.compile(r"\b1[34]0V\b|Lunar Lake|\[0x64", re.IGNORECASE)),
    ("Panther Lake", re.compile(r"\bB3[79]0\b|Panther Lake|Xe3|\[0xb0", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which setting holds, and why."""

    setting: Setting
    reason: str

    def __str__(self) -> str:
        return f"{self.setting} ({self.reason})"


# A part of the keys under which JAX keeps traced programs. Versions without it have no Triton for Intel GPUs.
_asked: Any = jax.make_user_context(None) if hasattr(jax, "make_user_context") else None


def using(setting: Setting | None) -> AbstractContextManager[None]:
    """What is traced inside uses the matrix units of Intel GPUs, or does not.

    Args:
        setting: "on", "off", "lts" (for long-term support drivers), or None for what suits the device.

    Raises:
        ArgumentError: there is no such setting.
        Unsupported: this version of JAX has no Triton for Intel GPUs.
    """
    if setting is not None and setting not in get_args(Setting):
        expected = ", ".join(get_args(Setting))
        raise NotAChoice(op="matrix_units", argument="setting", expected=expected, actual=repr(setting))
    if _asked is None:
        raise Unsupported("matrix_units", f"jax {jax.__version__} has no contexts of its users")
    found: AbstractContextManager[None] = _asked(setting)
    return found


def choice() -> Choice:
    """What holds here: the setting, else what suits the device, else "on"."""
    asked = None if _asked is None else _asked.value
    return Choice(setting=asked, reason="asked for") if asked is not None else _by_device(_device_kind())


def by_device(kind: str) -> Choice:
    """What suits a device.

    Args:
        kind: its `device_kind`.
    """
    for name, words in _DEVICES:
        if words.search(kind):
            return Choice(setting="on", reason=f"{kind}: {name}")
    return Choice(setting="off", reason=f"{kind} is not known to have matrix units of 16 columns")


def _by_device(kind: str | None) -> Choice:
    return Choice(setting="on", reason="there is no device here") if kind is None else by_device(kind)


@lru_cache(maxsize=1)
def _device_kind() -> str | None:
    """Of the first Intel GPU."""
    try:
        return str(jax.local_devices(backend="oneapi")[0].device_kind)
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One `tt.dot`: MLIR's names of its operands' elements, and the precision that float32 ones are multiplied in.

    results: M N. products: M N K.
    """

    a: str
    b: str
    precision: str
    results: int = field(default=0, compare=False)
    products: int = field(default=0, compare=False)

    @property
    def qualifies(self) -> bool:
        """Whether the units take the operands."""
        return self.a == self.b and (self.a in ("f16", "bf16", "i8") or (self.a == "f32" and self.precision == "tf32"))

    def __str__(self) -> str:
        return f"{self.a} x {self.b}" + (f" ({self.precision})" if self.a == "f32" else "")


_PART: Final = 8 * 16  # results of a DPAS instruction
_DOT: Final = re.compile(
    r"= tt\.dot .*?(?:inputPrecision = (\w+).*?)?: tensor<(\d+)x(\d+)x(\w+)> \* tensor<\d+x(\d+)x(\w+)>"
)
_MODULE: Final = re.compile(r"^module( @[\w.$-]+)?( attributes \{.*?\})? \{", re.MULTILINE)


def dots_of(text: str) -> tuple[Dot, ...]:
    """Dots of Triton IR."""
    return tuple(
        Dot(a=a, b=b, precision=precision or "ieee", results=int(m) * int(n), products=int(m) * int(k) * int(n))
        for precision, m, k, a, n, b in (found.groups() for found in _DOT.finditer(text))
    )


def useful(found: tuple[Dot, ...], warps: int) -> float:
    """Part of the DPAS instructions of `warps` warps that compute what no other warp computes too, at best.

    Where a result has fewer parts of 8 rows and 16 columns than the program has warps, several compute the same part.
    """
    needed = sum(dot.products for dot in found)
    executed = sum(dot.products * max(1.0, warps * _PART / dot.results) for dot in found)
    return needed / executed if executed else 1.0


def obstacles(found: tuple[Dot, ...]) -> tuple[str, ...]:
    """Dots whose operands the units do not take, in words."""
    return tuple(dict.fromkeys(str(dot) for dot in found if not dot.qualifies))


def attributes(found: tuple[Dot, ...]) -> tuple[str, ...]:
    """Attributes of a module with these dots; none where the units are not to be used, or cannot be."""
    return _ATTRIBUTES[choice().setting] if found and not obstacles(found) else ()


def annotate(module: Any) -> None:
    """Gives a module of Triton IR (`ir.Module`) its attributes."""
    from jaxlib.mlir import ir

    found = attributes(tuple(_dots(module.operation)))
    with module.context:
        for name in found:
            module.operation.attributes[name] = ir.UnitAttr.get()


def _dots(operation: Any) -> Iterator[Dot]:
    if operation.name == "tt.dot":
        a, b = (str(operand.type.element_type) for operand in tuple(operation.operands)[:2])
        given = operation.attributes
        precision = str(given["inputPrecision"]) if "inputPrecision" in given else "ieee"
        yield Dot(a=a, b=b, precision=precision)
    for region in operation.regions:
        for block in region.blocks:
            for child in block.operations:
                yield from _dots(child.operation)


def annotated(text: str) -> str:
    """Triton IR as text, with its attributes."""
    found = attributes(dots_of(text))
    if not found:
        return text
    (module,) = _MODULE.finditer(text)
    given = [module[2].removeprefix(" attributes {").removesuffix("}")] if module[2] else []
    head = f"module{module[1] or ''} attributes {{{', '.join([*given, *found])}}} {{"
    return text[: module.start()] + head + text[module.end() :]
