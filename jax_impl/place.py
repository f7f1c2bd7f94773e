"""Where calls run: on a device that is here, or in a program for another machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import jax

from specs.tuned.device import processor
from specs.tuned.rows import Place

_elsewhere: ContextVar[str | None] = ContextVar("platform of what is traced", default=None)


def elsewhere() -> str | None:
    """The platform of `lowering_for`, None outside of it."""
    return _elsewhere.get()


@contextmanager
def lowering_for(platform: str) -> Iterator[None]:
    """Code traced inside is for `platform`; calls that it cannot run raise at once.

    Not needed to export: which implementation runs is chosen where a program is lowered.
    """
    token = _elsewhere.set(platform)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def place_of(platform: str, implementation: str) -> Place | None:
    """Where calls run, as tables of measured configurations name it; None for a device that is not here."""
    device = None if elsewhere() is not None else _device_name(platform)
    return None if device is None else Place(device=device, implementation=f"jax:{implementation}")


@lru_cache(maxsize=16)
def _device_name(platform: str) -> str | None:
    """What the first device of a platform is called; None where JAX sees none."""
    if platform == "cpu":
        return processor()
    try:
        return str(jax.local_devices(backend=platform)[0].device_kind)
    except RuntimeError:  # what JAX raises for a platform that it does not have
        return None
