"""Backends of JAX by the name that `implementation=` takes, in order of preference."""

from __future__ import annotations

from jax_impl.backend import JaxBackend
from jax_impl.pallas.backend import INTERPRET, PALLAS
from jax_impl.triton.backend import TRITON
from jax_impl.xla.backend import DEQUANT, XLA

BACKENDS: dict[str, JaxBackend] = {backend.name: backend for backend in (PALLAS, TRITON, XLA, DEQUANT, INTERPRET)}
