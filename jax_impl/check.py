"""What a call is checked for before anything is traced."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import jax
import numpy as np

from jax_impl.formats import describe, format_of
from jax_impl.platforms.devices import platform_name
from jax_impl.support import default_platform
from specs.lang.call.bind import Call, bind
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported, WrongType
from specs.lang.formats.elements import ElementFormat

ARRAYS = (jax.Array, np.ndarray)
"""Types of arguments."""


def check(op: Op, arrays: Sequence[Any], attributes: tuple[object, ...]) -> Call:
    """The checked call; raises `ArgumentError` for a wrong one."""
    infos = {}
    for array, given in zip(op.inputs, arrays, strict=True):
        if given is not None and not isinstance(given, ARRAYS):
            raise WrongType(op=op.name, argument=array.name, expected="an array", actual=type(given).__name__)
        infos[array.name] = None if given is None else describe(given)
    named: dict[str, object] = {}
    for attribute, value in zip_longest(op.attributes, attributes):  # those left out have their defaults
        convert = attribute.kind is ElementFormat and value is not None
        named[attribute.name] = format_of(op.name, attribute.name, value) if convert else value
    return bind(op, infos, named)


def refuse_64_bits(call: Call) -> None:
    """Raises `Unsupported` for arrays of 64-bit numbers, which JAX would narrow in silence unless they are on."""
    for name, form in call.formats.items():
        if form.storage_bits == 64 and not jax.config.read("jax_enable_x64"):
            raise Unsupported(f"{call.op.name} with '{name}' as {form.name}", "64-bit types are off (jax_enable_x64)")


def platform_of(arrays: Sequence[Any]) -> str | None:
    """The platform that arrays live on; None while tracing, when the platform is known where it is lowered."""
    if any(isinstance(array, jax.core.Tracer) for array in arrays):
        return None
    for array in arrays:
        if isinstance(array, jax.Array):
            device = array.device  # of several devices their sharding
            return platform_name(device if isinstance(device, jax.Device) else next(iter(array.devices())))
    return default_platform()
