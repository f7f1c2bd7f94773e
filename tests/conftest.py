"""Settings every test runs under: the only place in tests/ that touches the environment.

JAX on the CPU      set JAX_PLATFORMS yourself to run the same tests on a device
XLA's compiler      on the CPU without most optimisations, whose time would be most of the suite's; set XLA_FLAGS
                    yourself to have them. `make parity` compiles the cases of its operations as users do
hypothesis          profile "ci" unless --hypothesis-profile names "dev" or "thorough"
random data         `rng` and `seed`, derived from the id of the test: no run differs from another
network             refused, except within this machine
warnings, timeouts  [tool.pytest.ini_options] in pyproject.toml
"""

from __future__ import annotations

import gc
import hashlib
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Read when a framework is first imported, which no test module may have done before this one is.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if os.environ["JAX_PLATFORMS"] == "cpu" and "XLA_FLAGS" not in os.environ:
    # Programs run once or twice and on few elements: compiling them is what takes long. Parts of a module compiled in
    # parallel would wait for each other, as every core has a process.
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_parallel_codegen_split_count=1"
    if version("jaxlib").startswith("0.10."):  # XLA ends the process over a flag that it does not know
        os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
if "PYTEST_XDIST_WORKER" in os.environ:
    # One process per core already: threads of their own would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Compiling the first example takes seconds, the others nothing: a deadline per example measures the compiler.
_COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, database=None, print_blob=True, max_examples=50, **_COMMON)
settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("thorough", max_examples=2000, **_COMMON)
settings.load_profile("ci")

_LOCAL_HOSTS = {"localhost", "::1", ""}


class NetworkUse(RuntimeError):
    """A test tried to reach another machine."""


def _refuse_remote(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in _LOCAL_HOSTS or str(name).startswith("127."):
        return
    raise NetworkUse(f"tests do not use the network, and this one asked for {name!r}")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def local_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_remote(address[0])
        connect(self, address)

    def local_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_remote(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", local_connect)
        patch.setattr(socket, "getaddrinfo", local_getaddrinfo)
        yield


MAPPINGS, EVERY = 16000, 64
"""Mappings of memory of a process from which on it forgets what it has compiled; and after how many tests it looks.

Every program of XLA's has some. Linux gives a process 65530, and where they are used up the next compile ends it.
"""
_ended = count(1)


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    maps = Path("/proc/self/maps")
    if next(_ended) % EVERY or "jax" not in sys.modules or not maps.exists():
        return
    if maps.read_bytes().count(b"\n") > MAPPINGS:
        sys.modules["jax"].clear_caches()
        gc.collect()


@pytest.fixture(scope="session", autouse=True)
def _no_measured_configurations() -> None:
    """Whatever `parity tune` has found on this machine: results do not depend on the developer."""
    from specs import tuned

    tuned.use(tuned.Measured())


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A 64-bit number that depends on the id of the test alone."""
    return int.from_bytes(hashlib.blake2b(request.node.nodeid.encode(), digest_size=8).digest(), "little")


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Random numbers that are the same in every run of this test, and others in every other test."""
    return np.random.default_rng(seed)


@pytest.fixture(scope="session")
def subprocess_environment() -> Callable[..., dict[str, str]]:
    """The environment for a process that a test starts: this one's, with the changes given by keyword."""

    def environment(**changes: str) -> dict[str, str]:
        current: Mapping[str, str] = os.environ
        return {**current, **changes}

    return environment
