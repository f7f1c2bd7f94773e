"""What tells a repeated call of a public function from another one, and whether it may skip torch's dispatcher.

A call that was checked and prepared once is found again by everything that its checks and its preparation depend on:
shape, strides, dtype and device of every tensor (None where one is left out), values and types of attributes. What can
change without any of these is looked at in every call: memory that results share, where caches begin.
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
"""Calls that are kept. A server meets new lengths for as long as it runs; the oldest entries go first."""
calls: dict[Key, Any] = {}
"""What the launcher keeps of a call, by the keys of public functions and by its own."""
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
    """What a call depends on of its tensors.

    Raises:
        AttributeError, TypeError, RuntimeError: something is no tensor, or has no strides.
    """
    return tuple([None if t is None else (_traits(t), t.stride()) for t in tensors])


def someone_listens() -> bool:
    """Whether a compiler traces this call, or under a TorchDispatchMode or a functorch transform."""
    if torch.compiler.is_compiling() or _modes() or _transforms() is not None:
        return True
    return forward_level() >= 0 or (_function_modes() > 0 and _functions_listen())


def _functions_listen() -> bool:
    """Whether a mode for functions wants to see calls; one for the default device changes nothing about ours."""
    found = map(torch._C._get_function_stack_at, range(_function_modes()))  # noqa: SLF001
    return any(type(mode) is not DeviceContext for mode in found)


def plain(tensors: Sequence[Any]) -> bool:
    """Whether nothing but this call looks at the tensors: no tracing, no modes, no subclasses, no gradient wanted.

    Then the dispatcher has nothing to add, and the call goes straight to the launcher.
    """
    if someone_listens():
        return False
    for t in tensors:
        # What is no tensor at all goes to the launcher, whose refusal is clearer than the dispatcher's.
        if isinstance(t, torch.Tensor) and (type(t) not in PLAIN or (t.requires_grad and torch.is_grad_enabled())):
            return False
        if isinstance(t, torch.Tensor) and t.is_meta:  # no memory: the operator's fake has the results
            return False
    return True


def known(op: str, values: tuple[Any, ...], tensors: Sequence[Any]) -> tuple[Key | None, Any]:
    """(cache key of a public function's call or None if uncacheable, prepared call or None).

    Args:
        op: name of the operation.
        values: of the attributes as the caller gave them, with the types of numbers: 128.0 equals 128, and is refused.
        tensors: arguments, then given results.
    """
    if someone_listens():
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
