"""The JAX primitive of every operation; its implementation is chosen at lowering, per platform.

A traced program holds one `twinkernels` equation per call. Its types follow from the call, so nothing of an
implementation is traced before the platform is known; a program exported for several platforms contains one
implementation for each. Implementations are traced without the user's context: no mesh, promotion rules or matmul
precision.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
from jax._src import config, dispatch
from jax._src import core as internals
from jax._src.interpreters import mlir
from jax.extend.core import Primitive
from jax.interpreters import ad, batching

from jax_impl.platforms import donation, spmd


class Work(Protocol):
    """A checked call.

    name: of the operation. results: shapes and dtypes. platform: the one it is for, None where lowering says it.
    wide: whether 64-bit types were on when it was traced.
    """

    @property
    def name(self) -> str: ...
    @property
    def results(self) -> Sequence[jax.ShapeDtypeStruct]: ...
    @property
    def platform(self) -> str | None: ...
    @property
    def wide(self) -> bool: ...

    def choice(self, platform: str) -> Hashable:
        """The function traced for a platform: equal choices are equal programs. Raises `Unsupported` where none is."""

    def function(self, platform: str) -> Callable[..., list[Any]]:
        """The implementation for a platform, jitted."""

    def batched(self, size: int, mapped: Sequence[bool]) -> Batched:
        """The call that does `size` calls at once. Raises `Unsupported` where there is none."""

    def sources(self) -> Sequence[Sequence[int]]:
        """Of every result, the operands from which it follows."""

    def divide(self) -> Callable[..., Any] | None:
        """The call for arrays that lie on several devices; None where nothing of it can be divided."""

    def differentiate(self) -> None:
        """Raises `Unsupported`."""


@dataclass(frozen=True, slots=True)
class Batched:
    """One call in place of many.

    call: and its operands, from the operands of the many, batch dimension first where there is one. after: of the
    results.
    dims: where the batch dimension is in those, None where they have none.
    """

    call: Callable[[Sequence[Any]], tuple[Work, list[Any]]]
    after: Callable[[Sequence[Any]], list[Any]]
    dims: Sequence[int | None]


primitive = Primitive("twinkernels")
inside = Primitive("twinkernels_part")
"""The same where every device has its part already (`jax.shard_map`), which no devices have to be known to lower."""


def bind(work: Work, operands: Sequence[Any]) -> list[Any]:
    """The call, under whatever trace is current."""
    which = inside if spmd.all_manual() else primitive
    results: list[Any] = which.bind(*operands, work=work)
    return results


def _types(*avals: Any, work: Work) -> list[Any]:
    if not any(map(spmd.varying, avals)):
        return [spmd.typed(result, avals, ()) for result in work.results]
    found = zip(work.results, work.sources(), strict=True)
    return [spmd.typed(result, avals, [avals[index] for index in sources]) for result, sources in found]


def _lower(ctx: Any, *operands: Any, work: Work) -> Any:
    divided = work.divide() if spmd.partitioned(ctx.module_context) else None
    if divided is not None:
        return _traced(ctx, operands, divided, work.wide)
    platforms = [work.platform] if work.platform is not None else list(ctx.platforms or ctx.module_context.platforms)
    choices = {work.choice(platform): platform for platform in reversed(platforms)}
    if len(choices) == 1:
        return _traced(ctx, operands, work.function(platforms[0]), work.wide)

    def rule(platform: str) -> Callable[..., Any]:
        return lambda inner, *given: _traced(inner, given, work.function(platform), work.wide)

    rules = {platform: rule(choices[work.choice(platform)]) for platform in platforms}
    return mlir.lower_per_platform(ctx, work.name, rules, None, internals.no_effects, *operands)


def _traced(ctx: Any, operands: Sequence[Any], function: Callable[..., list[Any]], wide: bool) -> Any:
    """What a function becomes, traced with nothing around it."""
    avals = [internals.ShapedArray(aval.shape, aval.dtype) for aval in ctx.avals_in]
    with alone(wide):
        return mlir.lower_fun(function, multiple_results=True)(ctx.replace(avals_in=avals), *operands)


@contextmanager
def alone(wide: bool) -> Iterator[None]:
    """User settings do not reach the code traced inside, except whether 64-bit types are on."""
    with ExitStack() as settings:
        enter = settings.enter_context
        enter(jax.numpy_dtype_promotion("standard"))
        enter(jax.numpy_rank_promotion("allow"))
        enter(config.default_matmul_precision(None))
        enter(config.enable_x64(wide))
        enter(config.debug_nans(False))
        enter(config.debug_infs(False))
        enter(config.disable_jit(False))
        enter(jax.transfer_guard("allow"))
        enter(spmd.no_mesh())
        yield


def _batch(operands: Sequence[Any], dims: Sequence[Any], *, work: Work) -> Any:
    mapped = [dim is not None for dim in dims]
    size = next(o.shape[d] for o, d, m in zip(operands, dims, mapped, strict=True) if m)
    plan = work.batched(size, mapped)
    first = [jax.numpy.moveaxis(o, d, 0) if m else o for o, d, m in zip(operands, dims, mapped, strict=True)]
    return plan.after(bind(*plan.call(first))), plan.dims


def _differentiate(*_: Any, work: Work, **__: Any) -> Any:
    work.differentiate()


def _register(each: Primitive) -> None:
    each.multiple_results = True
    each.def_impl(partial(dispatch.apply_primitive, each))
    each.def_abstract_eval(_types)
    mlir.register_lowering(each, _lower)
    batching.primitive_batchers[each] = _batch
    ad.primitive_jvps[each] = _differentiate
    ad.primitive_transposes[each] = _differentiate


_register(primitive)
_register(inside)
dispatch.prim_requires_devices_during_lowering.add(primitive)
donation.allow()
