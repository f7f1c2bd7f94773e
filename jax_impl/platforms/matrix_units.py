"""Matrix units (XMX) of Intel GPUs: when kernels for "oneapi" use them, and how the plugin's compiler learns of them.

The plugin's Triton pipeline has everything that DPAS instructions need, but XLA leaves the option out that turns them
on. The pass that annotates modules only ever adds attributes, so that a module which says itself that the device has
the instructions is compiled as if the option were set. Only functions all of whose dots have operands that the units
take get the attribute: one other dot turns all dots of its function into multiplications and additions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final, Literal, get_args

import jax

from jax_impl.platforms import defects, environment, self_test
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
_WITHOUT: Final = (
    ("Arc A", re.compile(r"Arc\W.*\bA\d{3}M?\b|Alchemist|DG2", re.IGNORECASE)),
    ("Meteor Lake", re.compile(r"Meteor Lake", re.IGNORECASE)),
    ("Arrow Lake", re.compile(r"Arrow Lake", re.IGNORECASE)),
)
"""Devices whose compiler ends with 'Matrix B argument must have 8 components for targeted HW', or without a message."""

_WITH_UNITS: Final[tuple[Setting, ...]] = ("on", "lts")
_ADVICE: Final = "trace under matrix_units('off'), or name the device it is for: matrix_units(None, device='Arc B580')"
_WITHOUT_DEVICE: Final = (
    "for Battlemage, Lunar Lake, Panther Lake and Data Center Max; drivers of Arc A, Meteor Lake and Arrow Lake refuse "
    "such a module; matrix_units(None, device=...) names another device"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which setting holds, and why."""

    setting: Setting
    reason: str

    def __str__(self) -> str:
        return f"{self.setting} ({self.reason})"


# A part of the keys under which JAX keeps traced programs: setting, and name of a device that need not be here.
# Versions without it have no Triton for Intel GPUs.
_asked: Any = jax.make_user_context(None) if hasattr(jax, "make_user_context") else None
_tested: dict[str, Choice] = {}
"""Device -> what its self-test has shown."""


def using(setting: Setting | None, device: str | None = None) -> AbstractContextManager[None]:
    """What is traced inside uses the matrix units of Intel GPUs, or does not.

    Args:
        setting: "on", "off", "lts" (for long-term support drivers), or None for what suits the device.
        device: name of the device that modules are made for, such as "Arc B580"; None for the first one here.

    Raises:
        ArgumentError: there is no such setting, or no such device is known.
        Unsupported: this version of JAX has no Triton for Intel GPUs.
    """
    if setting is not None and setting not in get_args(Setting):
        expected = ", ".join(get_args(Setting))
        raise NotAChoice(op="matrix_units", argument="setting", expected=expected, actual=repr(setting))
    if device is not None and not any(words.search(device) for _, words in (*_DEVICES, *_WITHOUT)):
        expected = ", ".join(name for name, _ in (*_DEVICES, *_WITHOUT))
        raise NotAChoice(op="matrix_units", argument="device", expected=expected, actual=repr(device))
    if _asked is None:
        raise Unsupported("matrix_units", f"jax {jax.__version__} has no contexts of its users")
    found: AbstractContextManager[None] = _asked((setting, device))
    return found


def choice() -> Choice:
    """What holds here: the setting, else what suits the device that is named, else the first one here, else "on".

    Raises:
        Unsupported: the units were asked for, and the device has none that take the instructions.
    """
    setting, device = (None if _asked is None else _asked.value) or (None, None)
    kind = device or _device_kind()
    if setting in ("on", "lts") and kind is not None and any(words.search(kind) for _, words in _WITHOUT):
        raise Unsupported(f"matrix units {setting!r} on {kind}", f"its compiler refuses the module; {_ADVICE}")
    if setting is not None:
        return Choice(setting=setting, reason="asked for")
    if device is not None:
        found = by_device(device)
        return Choice(setting=found.setting, reason=f"for the device that is named, {found.reason}")
    if kind is None:
        return Choice(setting="on", reason=f"no device is here and none is named: {_WITHOUT_DEVICE}")
    found = by_device(kind)
    if found.setting == "off":
        return found
    if kind not in _tested:
        decide(kind, self_tested)
    return _tested[kind]


def described() -> str:
    """What holds here, or why it cannot, in words."""
    try:
        return str(choice())
    except Unsupported as error:
        return str(error)


def decide(kind: str, test: Callable[[Setting], tuple[str, ...]]) -> Choice:
    """What the self-test of a device says: its instructions where they work, else functions, else neither.

    Args:
        kind: its `device_kind`, one that has matrix units. test: failures under a setting (`self_test.failures`).
    """
    failed = ""
    found: Choice | None = None
    for setting in _WITH_UNITS:
        failures = test(setting)
        if not failures:
            found = Choice(setting=setting, reason=f"{by_device(kind).reason}; its self-test has passed{failed}")
            break
        failed += f"; {setting!r} fails its self-test: {', '.join(failures)}"
    _tested[kind] = found or Choice(setting="off", reason=f"{by_device(kind).reason}{failed}")
    return _tested[kind]


def self_tested(setting: Setting) -> tuple[str, ...]:
    """Failures of the self-test under a setting, on the first Intel GPU of this process."""
    # A function of the user may be being traced.
    with jax.ensure_compile_time_eval():
        return self_test.failures(products(setting))


def products(setting: Setting) -> self_test.Multiply:
    """Products on the first Intel GPU of this process, under a setting."""
    environment.set_defaults(defects.environment())
    return self_test.on_card(partial(annotated, setting=setting))


def by_device(kind: str) -> Choice:
    """What suits a device.

    Args:
        kind: its `device_kind`.
    """
    for name, words in _DEVICES:
        if words.search(kind):
            return Choice(setting="on", reason=f"{kind}: {name}")
    return Choice(setting="off", reason=f"{kind} is not known to have matrix units of 16 columns")


def check_device(what: str) -> None:
    """Raises `Unsupported` where kernels that use the units cannot be compiled for the Intel GPU that is here."""
    kind = _device_kind()
    if kind is not None and any(words.search(kind) for _, words in _WITHOUT):
        raise Unsupported(f"{what} on {kind}", f"it uses matrix units, and the compiler refuses them; {_ADVICE}")


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


def attributes(found: tuple[Dot, ...], setting: Setting | None = None) -> tuple[str, ...]:
    """Attributes of a module with these dots; none where the units are not to be used, or cannot be."""
    return _ATTRIBUTES[setting or choice().setting] if found and not obstacles(found) else ()


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


def annotated(text: str, setting: Setting | None = None) -> str:
    """Triton IR as text, with its attributes. setting: None for what holds here."""
    found = attributes(dots_of(text), setting)
    if not found:
        return text
    (module,) = _MODULE.finditer(text)
    given = [module[2].removeprefix(" attributes {").removesuffix("}")] if module[2] else []
    head = f"module{module[1] or ''} attributes {{{', '.join([*given, *found])}}} {{"
    return text[: module.start()] + head + text[module.end() :]
