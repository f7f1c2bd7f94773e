"""The same computation in wider arithmetic: a float64 reference for a torch function, and a bound for its rounding.

The function runs as it is, and beside every tensor of it goes a second one in float64, with a third for how far a
rounded computation may be from it. An operation adds to that what its own rounding may be (Higham, Accuracy and
Stability of Numerical Algorithms, ch. 2 and 3), and passes on what its arguments have:

    elementwise   largest change of f over x - e, x + e; + u |f|, and 8 u32 (|f| + |x|) where f is no arithmetic
    products      |A| e_B + e_A |B| + e_A e_B + K u32 |A||B| + u |AB|
    sums          sum e + n u32 sum |x| + u |sum x|
    moves         moves e

u is the roundoff of the result's dtype, u32 that of float32, in which sums and functions of narrower types are
computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from parity.functions.rounding import ARGUMENTS, U32, refusal
from torch_impl.formats import FORMATS

ARITHMETIC: Final = frozenset(
    [
        "add",
        "sub",
        "rsub",
        "mul",
        "div",
        "neg",
        "abs",
        "sign",
        "where",
        "maximum",
        "minimum",
        "clamp",
        "clamp_min",
        "clamp_max",
        "relu",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "masked_fill",
        "logical_and",
        "logical_or",
        "logical_not",
        "bitwise_and",
        "bitwise_or",
        "bitwise_not",
        "_to_copy",
        "copy",
        "lift_fresh",
    ]
)
"""Elementwise operations that are rounded once, if at all."""
MOVES: Final = frozenset(
    [
        "clone",
        "cat",
        "stack",
        "index",
        "index_select",
        "gather",
        "embedding",
        "flip",
        "roll",
        "repeat",
        "constant_pad_nd",
        "contiguous",
        "tril",
        "triu",
        "alias",
        "detach",
        "slice_scatter",
        "select_scatter",
        "scatter",
        "sort",
        "topk",
        "amax",
        "amin",
        "max",
        "min",
    ]
)
"""Operations that move elements, besides views."""
PRODUCTS: Final = frozenset(["mm", "bmm", "addmm", "baddbmm", "addmv", "mv", "dot", "convolution"])
SUMS: Final = frozenset(["sum", "mean", "cumsum"])
_CHOOSE: Final = frozenset(["sort", "topk", "amax", "amin", "max", "min"])
"""Which elements are taken follows from the values: errors go with them, or the largest one does."""


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """A tensor in float64, and a bound for the distance of its rounded form from it."""

    value: torch.Tensor
    error: torch.Tensor


def analyse(function: Callable[..., Any], arguments: Sequence[Any]) -> list[tuple[Any, Any] | None]:
    """Reference and bound of every result in float64 numpy, None of results that are no floating-point numbers.

    Raises:
        Unsupported: an operation has no rule.
    """
    mode = _Shadows()
    with torch.no_grad(), mode:
        results = function(*arguments)
    listed = results if isinstance(results, tuple | list) else (results,)
    wide = [mode.wide(x) if x.is_floating_point() else None for x in listed]
    return [None if one is None else (one.value.cpu().numpy(), one.error.cpu().numpy()) for one in wide]


class _Shadows(TorchDispatchMode):
    """Runs every operation a second time on the wide tensors."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, tuple[torch.Tensor, Wide]] = {}  # the tensors too: an id is one as long as it lives

    def wide(self, tensor: torch.Tensor) -> Wide:
        """What goes beside a tensor; a constant is exact."""
        if id(tensor) not in self._known:
            value = tensor.double()
            self._known[id(tensor)] = tensor, Wide(value, torch.zeros_like(value))
        return self._known[id(tensor)][1]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        # Before the call, which may write into an argument.
        given, named = tree_map(self._widened, tuple(args)), tree_map(self._widened, dict(kwargs))
        results = func(*args, **kwargs)
        leaves = [x for x in (results if isinstance(results, tuple | list) else [results]) if _is_float(x)]
        if leaves and any(isinstance(x, Wide) for x in _flat((given, named))):
            found = _shadow(func, given, named, leaves[0].dtype)
            for tensor, wide in zip(leaves, found if isinstance(found, list) else [found], strict=True):
                self._keep(tensor, wide, fresh=not any(tensor is x for x in _flat((args, kwargs))))
        return results

    def _widened(self, value: Any) -> Any:
        return self.wide(value) if _is_float(value) else value

    def _keep(self, tensor: torch.Tensor, wide: Wide, *, fresh: bool) -> None:
        if fresh:
            self._known[id(tensor)] = tensor, wide
            return
        known = self.wide(tensor)  # written in place: views share its memory
        known.value.copy_(wide.value)
        known.error.copy_(wide.error)


def _is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _flat(tree: Any) -> list[Any]:
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in _flat(part)]
    return [leaf for part in tree.values() for leaf in _flat(part)] if isinstance(tree, dict) else [tree]


# -- rules ---------------------------------------------------------------------------------------------------


def _name(func: Any) -> str:
    """What an operation is called, in place or not."""
    return str(func.overloadpacket.__name__).removesuffix("_")


def _shadow(func: Any, args: Any, kwargs: Any, dtype: torch.dtype) -> Any:
    """The wide results of an operation whose results have a dtype."""
    name = _name(func)
    form = FORMATS[dtype]
    u, least = max(form.unit_roundoff, 2.0**-53), form.min_subnormal / 2
    if name in PRODUCTS:
        return _product(func, args, kwargs, u, least)
    if name in SUMS:
        return _sum(func, args, kwargs, u, least)
    if name in _CHOOSE:
        return _chosen(func, args, kwargs)
    if func.is_view or name in MOVES:
        value, error = _call(func, args, kwargs, "value"), _call(func, args, kwargs, "error")
        return [Wide(*pair) for pair in zip(*map(_listed, (value, error)), strict=True)]
    if name == "_softmax":
        return _softmax(func, args, kwargs, u, least)
    if torch.Tag.pointwise in func.tags or name in ARITHMETIC:
        return _elementwise(func, args, kwargs, u, least, exact=name in ARITHMETIC, name=name)
    raise refusal(f"torch's {func}")


def _call(func: Any, args: Any, kwargs: Any, field: str) -> Any:
    """The operation on one of the two wide tensors of every argument, in float64."""

    def taken(value: Any) -> Any:
        if isinstance(value, Wide):
            return getattr(value, field)
        return torch.float64 if isinstance(value, torch.dtype) and value.is_floating_point else value

    in_place = func.overloadpacket.__name__ != _name(func)
    functional = getattr(torch.ops.aten, _name(func)) if in_place else func
    return functional(*tree_map(taken, args), **tree_map(taken, kwargs))


def _listed(results: Any) -> list[torch.Tensor]:
    return [x for x in (results if isinstance(results, tuple | list) else [results]) if _is_float(x)]


def _wides(args: Any, kwargs: Any) -> list[Wide]:
    return [x for x in _flat((args, kwargs)) if isinstance(x, Wide)]


def _moved(args: Any, kwargs: Any, change: Callable[[Wide], torch.Tensor]) -> tuple[Any, Any]:
    """The arguments with other values."""

    def one(value: Any) -> Any:
        return Wide(change(value), value.error) if isinstance(value, Wide) else value

    return tree_map(one, args), tree_map(one, kwargs)


def _elementwise(func: Any, args: Any, kwargs: Any, u: float, least: float, *, exact: bool, name: str) -> Wide:
    value = _call(func, args, kwargs, "value")
    error, given = torch.zeros_like(value), {id(w): w for w in _wides(args, kwargs)}
    inexact = [key for key, w in given.items() if bool((w.error != 0).any())]
    for signs in product((-1.0, 1.0), repeat=len(inexact)):
        by = dict(zip(inexact, signs, strict=True))
        if by:
            moved = _moved(args, kwargs, lambda w, by=by: w.value + by.get(id(w), 0.0) * w.error)  # type: ignore[misc]
            change = (_call(func, *moved, "value") - value).abs()
            error = torch.maximum(error, torch.nan_to_num(change, nan=0.0))
    local = u * value.abs() + least
    if not exact:
        # Other formulas for the same function take differences of numbers as large as its argument (gelu).
        sizes = [w.value.abs().expand_as(value) for w in given.values() if w.value.numel() == value.numel()]
        local = local + ARGUMENTS * U32 * (value.abs() + sum(sizes, torch.zeros_like(value)))
    if name in ("neg", "abs", "where", "maximum", "minimum", "relu", "masked_fill", "sign"):
        local = torch.zeros_like(value)
    if name == "mul" and any(_is_power(w) for w in given.values()):
        local = torch.full_like(value, least)
    if name in ("_to_copy", "copy") and all(bool((_rounded(w.value, u) == w.value).all()) for w in given.values()):
        local = torch.zeros_like(value)  # every value has few enough bits
    return Wide(value, error + torch.nan_to_num(local, nan=0.0, posinf=0.0))


def _is_power(x: Wide) -> bool:
    """Whether all elements are powers of two, and exact."""
    return bool(((torch.frexp(x.value.abs())[0] == 0.5) & (x.error == 0)).all())


def _rounded(x: torch.Tensor, u: float) -> torch.Tensor:
    """Values with as many bits as the roundoff u has."""
    mantissa, exponent = torch.frexp(x)
    return torch.ldexp(torch.round(mantissa / (2 * u)) * (2 * u), exponent)


def _product(func: Any, args: Any, kwargs: Any, u: float, least: float) -> Wide:
    value = _call(func, args, kwargs, "value")
    absolute = _moved(args, kwargs, lambda w: w.value.abs())
    greatest = _moved(args, kwargs, lambda w: w.value.abs() + w.error)
    size, most = _call(func, *absolute, "value"), _call(func, *greatest, "value")
    factors = [w.value for w in _wides(args, kwargs) if w.value.dim() >= 1]
    terms = max(int(factors[-1].shape[-2]) if factors[-1].dim() > 1 else int(factors[-1].shape[0]), 1)
    if _name(func) == "convolution":
        terms = prod(factors[1].shape[1:])
    return Wide(value, (most - size) + (terms + 2) * U32 * most + u * value.abs() + least)


def _sum(func: Any, args: Any, kwargs: Any, u: float, least: float) -> Wide:
    value = _call(func, args, kwargs, "value")
    size = _call(func, *_moved(args, kwargs, lambda w: w.value.abs()), "value")
    passed = _call(func, *_moved(args, kwargs, lambda w: w.error), "value")
    (given,) = _wides(args, kwargs)
    terms = given.value.numel() if _name(func) == "cumsum" else given.value.numel() // max(value.numel(), 1)
    return Wide(value, passed + (terms + 1) * U32 * size + u * value.abs() + least)


def _chosen(func: Any, args: Any, kwargs: Any) -> list[Wide]:
    """Largest and smallest elements move by at most the largest error."""
    (given,) = _wides(args, kwargs)
    found = _listed(_call(func, args, kwargs, "value"))
    most = given.error.max() if given.error.numel() else torch.zeros((), dtype=torch.float64)
    return [Wide(value, torch.zeros_like(value) + most) for value in found]


def _softmax(func: Any, args: Any, kwargs: Any, u: float, least: float) -> Wide:
    """exp(x - max) / sum: an error of x changes the result by p (e + sum p e)."""
    (given,) = _wides(args, kwargs)
    value, dim = _call(func, args, kwargs, "value"), args[1]
    spread = given.value.amax(dim, keepdim=True) - given.value
    spread = torch.nan_to_num(spread, nan=0.0, posinf=0.0)
    passed = given.error + (value * given.error).sum(dim, keepdim=True)
    own = (given.value.shape[dim] + 10 + spread) * U32
    return Wide(value, value * torch.expm1(passed + own) + u * value + least)
