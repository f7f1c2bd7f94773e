"""The same for a JAX function: every primitive of its jaxpr in float64, with a bound for its rounding.

The rules are `parity.functions.wider`'s. Loops and branches are followed as the float64 values lead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from jax_impl.formats import FORMATS
from parity.functions.rounding import ARGUMENTS, U32, refusal
from specs.lang.formats.elements import ElementFormat

EXACT: Final = frozenset(
    [
        "neg",
        "abs",
        "sign",
        "max",
        "min",
        "select_n",
        "clamp",
        "floor",
        "ceil",
        "round",
        "stop_gradient",
        "real",
        "reduce_precision",
        "optimization_barrier",
    ]
)
"""Elementwise, and never rounded."""
ARITHMETIC: Final = frozenset(["add", "sub", "mul", "div", "add_any", "square", "sqrt", "convert_element_type", "rem"])
"""Elementwise, and rounded once."""
FUNCTIONS: Final = frozenset(
    [
        "exp",
        "exp2",
        "log",
        "log1p",
        "expm1",
        "tanh",
        "logistic",
        "erf",
        "erfc",
        "erf_inv",
        "rsqrt",
        "cbrt",
        "pow",
        "integer_pow",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
    ]
)
"""Elementwise, of hardware accuracy."""
MOVES: Final = frozenset(
    [
        "broadcast_in_dim",
        "reshape",
        "transpose",
        "squeeze",
        "expand_dims",
        "slice",
        "dynamic_slice",
        "dynamic_update_slice",
        "gather",
        "concatenate",
        "rev",
        "pad",
        "copy",
        "copy_p",
        "split",
    ]
)
LARGEST: Final = frozenset(["reduce_max", "reduce_min", "sort", "cummax", "cummin", "top_k"])
PRODUCTS: Final = frozenset(("dot_general", "conv_general_dilated"))
SUMS: Final = frozenset(("reduce_sum", "cumsum"))
CALLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("jit", "pjit", "checkpoint", "remat2"), "jaxpr"),
    **dict.fromkeys(("closed_call", "core_call", "custom_jvp_call", "custom_vjp_call"), "call_jaxpr"),
}
"""Primitives that call a jaxpr, and the parameter that has it."""


FEW_BITS: Final = 2.0**-5
"""Roundoff of numbers like 1, 0.5 and 3, which every format holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """An array in float64, and how far its rounded form may be from it."""

    value: Any
    error: Any


def analyse(function: Callable[..., Any], arguments: Sequence[Any]) -> list[tuple[Any, Any] | None]:
    """Reference and bound of every result in float64 numpy, None of results that are no floating-point numbers.

    Raises:
        Unsupported: a primitive of the function has no rule.
    """
    traced = jax.make_jaxpr(function)(*arguments)
    with jax.enable_x64(True):
        given = [_wide(x) for x in jax.tree.leaves(list(arguments))]
        found = _run(traced.jaxpr, [_wide(x) for x in traced.consts], given)
    return [(np.asarray(x.value), np.asarray(x.error)) if isinstance(x, Wide) else None for x in found]


def _wide(x: Any) -> Any:
    """An exact number; integers as they are."""
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    value = jnp.asarray(np.asarray(x).astype(np.float64))
    return Wide(value, jnp.zeros_like(value))


def _literal(x: np.ndarray[Any, Any]) -> Any:
    """A number in the program's text, which was rounded to the dtype of what it meets; with few bits it was not."""
    wide = _wide(x)
    if not isinstance(wide, Wide) or bool((_rounded(wide.value, FEW_BITS) == wide.value).all()):
        return wide
    return Wide(wide.value, FORMATS[x.dtype].unit_roundoff * abs(wide.value))


def _run(jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True))

    def read(atom: Any) -> Any:
        return _literal(np.asarray(atom.val, atom.aval.dtype)) if hasattr(atom, "val") else known[atom]

    for equation in jaxpr.eqns:
        results = _equation(equation, [read(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _closed(found: Any, given: Sequence[Any]) -> list[Any]:
    return _run(found.jaxpr, [_wide(x) for x in found.consts], given)


def _equation(equation: Any, given: list[Any]) -> list[Any]:
    name, params = equation.primitive.name, equation.params
    if name in CALLS:
        return _closed(params[CALLS[name]], given)
    if name == "cond":
        return _closed(params["branches"][int(given[0])], given[1:])
    if name == "while":
        return _while(params, given)
    if name == "scan":
        return _scan(params, given)
    wides = [x for x in given if isinstance(x, Wide)]
    if not wides or not any(jnp.issubdtype(v.aval.dtype, jnp.floating) for v in equation.outvars):
        values = [x.value if isinstance(x, Wide) else x for x in given]
        return [_wide(x) for x in _bound(equation, values)]
    return [Wide(*pair) for pair in _rule(equation, name, given, wides)]


def _bound(equation: Any, values: Sequence[Any]) -> list[Any]:
    """The primitive on other numbers, in float64."""
    dtypes = ("new_dtype", "preferred_element_type", "dtype", "accum_dtype")
    params = dict(equation.params)
    for key in dtypes:
        if params.get(key) is not None and jnp.issubdtype(params[key], jnp.floating):
            params[key] = np.dtype(np.float64)
    if equation.primitive.name == "reduce_precision":
        return [values[0]]
    found = equation.primitive.bind(*values, **params)
    return list(found) if equation.primitive.multiple_results else [found]


def _rule(equation: Any, name: str, given: list[Any], wides: list[Wide]) -> list[tuple[Any, Any]]:
    def at(change: Callable[[Wide], Any]) -> list[Any]:
        return _bound(equation, [change(x) if isinstance(x, Wide) else x for x in given])

    if name not in EXACT | ARITHMETIC | FUNCTIONS | MOVES | LARGEST | PRODUCTS | SUMS:
        raise refusal(f"JAX's {name}")
    values = at(lambda x: x.value)
    form: ElementFormat = FORMATS[np.dtype(equation.outvars[0].aval.dtype)]
    u, least = form.unit_roundoff, form.min_subnormal / 2
    if name in MOVES:
        return list(zip(values, at(lambda x: x.error), strict=True))
    if name in LARGEST:
        most = max(float(x.error.max()) if x.error.size else 0.0 for x in wides)
        return [(value, jnp.full(value.shape, most)) for value in values]
    (value,) = values
    if name in PRODUCTS:
        (size,), (most,) = at(lambda x: abs(x.value)), at(lambda x: abs(x.value) + x.error)
        return [(value, most - size + (_terms(equation) + 2) * U32 * most + u * abs(value) + least)]
    if name in SUMS:
        (size,), (passed,) = at(lambda x: abs(x.value)), at(lambda x: x.error)
        count = wides[0].value.size // max(value.size, 1) if name == "reduce_sum" else wides[0].value.shape[-1]
        return [(value, passed + (count + 1) * U32 * size + u * abs(value) + least)]
    error = _passed(equation, given, value)
    return [(value, error + jnp.nan_to_num(_own(name, wides, value, u, least), nan=0.0, posinf=0.0))]


def _passed(equation: Any, given: list[Any], value: Any) -> Any:
    """How far errors of the arguments move an elementwise result."""
    error = jnp.zeros(value.shape)
    inexact = [i for i, x in enumerate(given) if isinstance(x, Wide) and bool((x.error != 0).any())]
    for signs in product((-1.0, 1.0), repeat=len(inexact)):
        moved = [x.value if isinstance(x, Wide) else x for x in given]
        for index, sign in zip(inexact, signs, strict=True):
            moved[index] = given[index].value + sign * given[index].error
        if inexact:
            error = jnp.maximum(error, jnp.nan_to_num(abs(_bound(equation, moved)[0] - value), nan=0.0))
    return error


def _own(name: str, wides: Sequence[Wide], value: Any, u: float, least: float) -> Any:
    """The rounding of an elementwise operation itself."""
    if name in EXACT:
        return jnp.zeros(value.shape)
    if name == "convert_element_type" and bool((_rounded(value, u) == value).all()):
        return jnp.zeros(value.shape)  # every value has few enough bits
    if name == "mul" and any(_is_power(x) for x in wides):
        return least * jnp.ones(value.shape)
    own = u * abs(value) + least
    if name in FUNCTIONS:
        own = own + ARGUMENTS * U32 * (abs(value) + sum(abs(x.value) for x in wides) * jnp.ones(value.shape))
    return own


def _is_power(x: Wide) -> bool:
    """Whether all elements are powers of two, and exact."""
    return bool(((jnp.frexp(abs(x.value))[0] == 0.5) & (x.error == 0)).all())


def _rounded(x: Any, u: float) -> Any:
    mantissa, exponent = jnp.frexp(x)
    return jnp.ldexp(jnp.round(mantissa / (2 * u)) * (2 * u), exponent)


def _terms(equation: Any) -> int:
    shape = equation.invars[1].aval.shape
    if equation.primitive.name == "dot_general":
        (_, contracted), _ = equation.params["dimension_numbers"]
        return prod(shape[i] for i in contracted)
    return prod(shape)


def _while(params: Mapping[str, Any], given: list[Any]) -> list[Any]:
    first, second = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    carried = given[second:]
    while bool(_closed(params["cond_jaxpr"], [*given[:first], *carried])[0]):
        carried = _closed(params["body_jaxpr"], [*given[first:second], *carried])
    return carried


def _scan(params: Mapping[str, Any], given: list[Any]) -> list[Any]:
    consts, carry = params["num_consts"], params["num_consts"] + params["num_carry"]
    fixed, carried, rows = given[:consts], given[consts:carry], given[carry:]
    order = range(params["length"])
    outputs: list[list[Any]] = []
    for index in reversed(order) if params["reverse"] else order:
        found = _closed(params["jaxpr"], [*fixed, *carried, *(_row(x, index) for x in rows)])
        carried, outputs = found[: params["num_carry"]], [*outputs, found[params["num_carry"] :]]
    outputs = outputs[::-1] if params["reverse"] else outputs
    return [*carried, *(_stacked(parts) for parts in zip(*outputs, strict=True))]


def _row(x: Any, index: int) -> Any:
    return Wide(x.value[index], x.error[index]) if isinstance(x, Wide) else x[index]


def _stacked(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], Wide):
        return Wide(jnp.stack([x.value for x in parts]), jnp.stack([x.error for x in parts]))
    return jnp.stack(parts)
