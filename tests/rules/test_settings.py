"""The settings of tests/conftest.py are in force."""

from __future__ import annotations

import _socket
import socket
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def test_processes_inherit_the_settings(subprocess_environment: Callable[..., dict[str, str]]) -> None:
    assert subprocess_environment()["JAX_PLATFORMS"]
    changed = subprocess_environment(JAX_PLATFORMS="planted")
    assert (changed["JAX_PLATFORMS"], changed["PATH"]) == ("planted", subprocess_environment()["PATH"])


def test_xla_skips_optimisations_unless_told_its_flags(subprocess_environment: Callable[..., dict[str, str]]) -> None:
    import jax

    settings_, flag = subprocess_environment(), "--xla_cpu_parallel_codegen_split_count=1"
    ours = settings_["JAX_PLATFORMS"] == "cpu" and flag in settings_["XLA_FLAGS"]
    assert jax.config.read("jax_disable_most_optimizations") == ours


def test_remote_addresses_are_refused() -> None:
    # Looked at first: where the guard is missing, this stops before anything is sent.
    assert socket.socket.connect is not _socket.socket.connect
    with socket.socket() as client, pytest.raises(RuntimeError, match="do not use the network"):
        client.connect(("192.0.2.1", 9))
    with pytest.raises(RuntimeError, match="do not use the network"):
        socket.getaddrinfo("host.invalid", 80)


def test_this_machine_is_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())


# Recorded once: the same in every process and on every machine.
RECORDED = {"one": 13884498032704171408, "two": 7439932171723700416}


@pytest.mark.parametrize("case", RECORDED)
def test_seed_depends_on_the_test_alone(seed: int, case: str) -> None:
    assert seed == RECORDED[case]


def test_random_numbers_follow_the_seed(seed: int, rng: np.random.Generator) -> None:
    assert rng.integers(1 << 62) == np.random.default_rng(seed).integers(1 << 62)


def test_warnings_are_errors() -> None:
    with pytest.raises(UserWarning, match="planted"):
        warnings.warn("planted", stacklevel=1)


def test_hypothesis_repeats_itself() -> None:
    runs: list[list[int]] = []
    for _ in range(2):
        seen: list[int] = []

        @settings(settings.get_profile("ci"), max_examples=10)
        @given(st.integers(), st.just(seen))
        def collect(value: int, into: list[int]) -> None:
            into.append(value)

        collect()
        runs.append(seen)
    assert runs[0] == runs[1]
    assert len(runs[0]) == 10
