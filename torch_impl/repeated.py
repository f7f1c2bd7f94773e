"""Cache keys of public functions' calls, and whether a call may skip torch's dispatcher.

A checked and prepared call is cached under everything that it depends on:
shape, strides, dtype and device of every tensor (None where one is left out), values and types of attributes. Facts
outside the key are checked in every call: aliasing of results, alignment of caches.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from threading import Lock
from typing import Any

import torch
from torch.utils._device import DeviceContext

from torch_impl.transforms import forward_level

Key = tuple[Any, ...]
KEPT = 8192
"""Maximum number of cached calls. Servers see new lengths all the time; the oldest entries are evicted first."""
calls: dict[Key, Any] = {}
"""Prepared calls, by the keys of public functions and by the launcher's own."""
_keeping = Lock()
PLAIN = frozenset((torch.Tensor, torch.nn.Parameter))
"""Tensor types without a dispatch of their own."""
_modes = torch._C._len_torch_dispatch_stack  # noqa: SLF001 - no public words for these
_function_modes = torch._C._len_torch_function_stack  # noqa: SLF001
_transforms = torch._C._functorch.peek_interpreter_stack  # noqa: SLF001
_traits = attrgetter("shape", "dtype", "device")  # one call into C for three


def keep(key: Key, ready: Any) -> None:
    """Keeps a call under a key."""
    with _keeping:
        while len(calls) >= KEPT:
            del calls[next(iter(calls))]
        calls[key] = ready


def traits(tensors: Sequence[Any]) -> Key:
    """Shape, strides, dtype and device of every tensor.

    Raises:
        AttributeError, TypeError, RuntimeError: something is no tensor, or has no strides.
    """
    return tuple([None if t is None else (_traits(t), t.stride()) for t in tensors])


def needs_dispatcher() -> bool:
    """True while compiling or under a TorchDispatchMode, a functorch transform or a TorchFunctionMode."""
    if torch.compiler.is_compiling() or _modes() or _transforms() is not None:
        return True
    return forward_level() >= 0 or (_function_modes() > 0 and _has_function_mode())


def _has_function_mode() -> bool:
    """Whether a TorchFunctionMode other than the default device's is active."""
    found = map(torch._C._get_function_stack_at, range(_function_modes()))  # noqa: SLF001
    return any(type(mode) is not DeviceContext for mode in found)


def plain(tensors: Sequence[Any]) -> bool:
    """Whether a call may skip the dispatcher: no tracing, no modes, no tensor subclasses, no gradients."""
    if needs_dispatcher():
        return False
    for t in tensors:
        # Non-tensors go to the launcher, whose error is clearer than the dispatcher's.
        if isinstance(t, torch.Tensor) and (type(t) not in PLAIN or (t.requires_grad and torch.is_grad_enabled())):
            return False
        if isinstance(t, torch.Tensor) and t.is_meta:  # no memory: the operator's fake has the results
            return False
    return True


def lookup(op: str, values: tuple[Any, ...], tensors: Sequence[Any]) -> tuple[Key | None, Any]:
    """(cache key of a public function's call or None if uncacheable, prepared call or None).

    Args:
        op: name of the operation.
        values: of the attributes as the caller gave them, with the types of numbers: 128.0 equals 128, and is refused.
        tensors: arguments, then given results.
    """
    if needs_dispatcher():
        return None, None
    try:
        seen: list[Any] = [op, values]
        for t in tensors:
            if t is None:
                seen.append(None)
            elif type(t) in PLAIN and not t.requires_grad:
                seen.append((_traits(t), t.stride()))
            else:
                return None, None
        key = tuple(seen)
        return key, calls.get(key)
    except (TypeError, RuntimeError):  # an attribute without a hash, a tensor without strides: the checks say so
        return None, None
