"""A backend that is registered is seen everywhere: in both frameworks, in the comparison, among generated sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pytest

import jax_impl.backends
import specs
import torch_impl.backends
from jax_impl import ahead
from jax_impl import ops as jax_ops
from jax_impl.triton.backend import TRITON
from jax_impl.xla.backend import XLA
from parity.judge.frameworks import FRAMEWORKS, registered
from parity.judge.runner import run_case
from parity.record.environment_report import reasons
from parity.write.sources import emitters, golden_sources, sources
from parity.write.stubs import implementations
from specs.lang.declare.op import Op
from specs.lang.declare.readiness import READY
from specs.lang.errors import NotAChoice, Unsupported
from specs.tile.backend import Source
from specs.tile.ir import Program
from specs.tile.launch.cases import default_case
from specs.tile.targets import EXECUTOR
from tests.contract import suite
from torch_impl import ops as torch_ops
from torch_impl.eager.backend import EAGER

OP = "per_token_quant_fp8"
NAME = "toy"


def emit(program: Program) -> str:
    """One line for a program."""
    return f"toy {program.name}\n"


def why_not(op: Op | None, platform: str) -> str | None:
    """A reason for all devices but the host."""
    del op
    return None if platform == "cpu" else f"a toy for the host, the arrays are on {platform}"


SOURCE = Source(
    name=NAME, folder=PurePosixPath("toys", "generated"), targets={"cuda": EXECUTOR}, strided=False, emit=emit
)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A backend of the same name in both frameworks, on top of the executor."""
    of_jax = replace(XLA, name=NAME, why_not=why_not, source=SOURCE)
    of_torch = replace(EAGER, name=NAME, why_not=why_not)
    with monkeypatch.context() as patch:
        patch.setitem(jax_impl.backends.BACKENDS, NAME, of_jax)
        patch.setitem(torch_impl.backends.BACKENDS, NAME, of_torch)
        yield


def test_without_registration_there_is_none() -> None:
    assert not [name for name in registered() if name.endswith(f":{NAME}")]
    with pytest.raises(NotAChoice, match=NAME):
        run_case(specs.get(OP), default_case(specs.get(OP)), "exact", 0, [f"jax:{NAME}"])
    with pytest.raises(NotAChoice, match=NAME):
        jax_ops.per_token_quant_fp8(np.zeros((2, 3), np.float32), implementation=NAME)  # type: ignore[arg-type]


@pytest.mark.usefixtures("toys")
def test_both_frameworks_explain_it() -> None:
    assert jax_ops.explain(OP, "cpu")[NAME] == torch_ops.explain(OP, "cpu")[NAME] == READY
    assert "the arrays are on cuda" in jax_ops.explain(OP, "cuda")[NAME]
    assert reasons("jax", OP, "cpu")[NAME] is None
    assert all(NAME in implementations(known.package) for known in FRAMEWORKS.values())


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("op", [OP, "fp8_gemm"])
def test_it_runs_and_is_compared_like_any_other(op: str) -> None:
    spec = specs.get(op)
    pairs = {row.pair: row for row in run_case(spec, suite.base_case(spec), "exact", 0)}
    assert pairs[f"jax:{NAME} vs oracle"].status == pairs[f"torch:{NAME} vs oracle"].status == "passed"
    assert pairs[f"torch:{NAME} vs jax:{NAME}"].status == "passed"


@pytest.mark.usefixtures("toys")
def test_it_is_refused_where_it_cannot_run() -> None:
    from jax_impl.support import choose

    with pytest.raises(Unsupported, match="a toy for the host"):
        choose(specs.get(OP), "cuda", NAME)


@pytest.mark.usefixtures("toys")
def test_its_sources_are_generated() -> None:
    op = specs.get(OP)
    assert emitters()[NAME] is SOURCE
    assert list(sources(op, NAME, default_case(op))) == [f"{OP}.py"]
    path = SOURCE.folder / f"{OP}.py"
    assert golden_sources(op)[path].splitlines()[-1] == f"toy {OP}"


def test_kernels_of_a_backend_are_lowered_where_it_has_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ahead.lowering("oneapi")
    monkeypatch.setitem(jax_impl.backends.BACKENDS, NAME, replace(TRITON, name=NAME))
    assert ahead.lowering("oneapi") == (*before, NAME)
    (mine,), (theirs,) = (
        ahead.lower(OP, default_case(specs.get(OP)), name, platform="oneapi") for name in (NAME, "triton")
    )
    assert mine.ir == theirs.ir
    assert mine.backend == NAME
