"""Backends of torch by the name that `implementation=` takes, in order of preference."""

from __future__ import annotations

from torch_impl.backend import TorchBackend
from torch_impl.eager.backend import DEQUANT, EAGER
from torch_impl.gluon.backend import GLUON
from torch_impl.triton.backend import INTERPRET, TRITON

BACKENDS: dict[str, TorchBackend] = {backend.name: backend for backend in (TRITON, EAGER, DEQUANT, INTERPRET, GLUON)}
