"""`first_parting`: equal functions are followed to their end, and each planted fault is named with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import torch
from typer.testing import CliRunner

import jax_impl.ops as jax_ops
import torch_impl.ops as torch_ops
from checkpoints.checkpoint import Checkpoint
from checkpoints.opening import open_checkpoint
from parity import first_parting, normal, stage
from parity.cli import app
from parity.models.decoder import runs
from parity.models.decoder.followed import follow
from specs.decoder.precision import CPU
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import F32
from tests.serving.tiny import write_folder

X, WEIGHT = normal((4, 32), F32), normal((32,), F32, seed=1)
PROMPT = "Hello"


def in_torch(x: torch.Tensor, weight: torch.Tensor, *, eps: float = 1e-5, factor: float = 2.0) -> torch.Tensor:
    with stage("first"):
        y = torch_ops.rms_norm(x, weight, eps=eps)
    with stage("second"):
        return torch_ops.act_and_mul(y * factor)


@partial(jax.jit, static_argnames=("eps", "factor", "more", "returned"))
def in_jax(
    x: Any, weight: Any, *, eps: float = 1e-5, factor: float = 2.0, more: bool = False, returned: float = 1.0
) -> Any:
    with stage("first"):
        y = jax_ops.rms_norm(x, weight, eps=eps)
    with stage("second"):
        y = jax_ops.act_and_mul(y * factor)
    return jax_ops.rms_norm(y, weight[:16]) if more else y * returned


def test_equal_functions_are_followed_to_their_end() -> None:
    found = first_parting(in_torch, in_jax, (X, WEIGHT))
    assert found.parting is None
    assert found.calls == 2
    assert 0 < found.share <= 1
    assert found.widest in ("rms_norm, first", "act_and_mul, second")


@pytest.mark.parametrize(
    ("fault", "kind", "place", "name"),
    [
        ({"eps": 1e-6}, "attribute", "first", "eps"),
        ({"factor": 4.0}, "argument", "second", "x"),
        ({"more": True}, "call", "", ""),
        ({"returned": 3.0}, "returned", "", ""),
    ],
)
def test_code_between_operations_is_named(fault: dict[str, Any], kind: str, place: str, name: str) -> None:
    parting = first_parting(in_torch, partial(in_jax, **fault), (X, WEIGHT)).parting
    assert parting is not None
    assert (parting.kind, parting.stage, parting.name) == (kind, place, name)
    if kind == "argument":
        assert parting.worst is not None
        assert parting.worst.jax == parting.worst.torch * 2
        assert str(parting).count("test_first_parting.py:") == 2  # the line in either function
    swapped = first_parting(partial(in_torch, eps=1e-6), in_jax, (X, WEIGHT)).parting
    assert swapped is not None
    assert swapped.what == "attribute 'eps' is 1e-06 in torch, 1e-05 in JAX"


def test_an_operation_that_torch_alone_calls_is_named() -> None:
    def longer(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch_ops.rms_norm(in_torch(x, weight), weight[:16])

    parting = first_parting(longer, in_jax, (X, WEIGHT)).parting
    assert parting is not None
    assert (parting.kind, parting.operation, parting.jax) == ("call", "rms_norm", None)


def test_steps_of_the_format_are_allowed_on_request() -> None:
    one, other = jnp.nextafter(jnp.float32(2), jnp.float32(3)).item(), 2.0
    given = partial(first_parting, partial(in_torch, factor=one), partial(in_jax, factor=other), (X, WEIGHT))
    parting = given().parting
    assert parting is not None
    assert parting.kind == "argument"
    assert given(ulp=2).calls == 2


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(Unsupported, match="out="):
        first_parting(lambda x, w: torch_ops.rms_norm(x, w, out=torch.empty_like(x)), in_jax, (X, WEIGHT))
    with pytest.raises(Unsupported, match="vmap"):
        first_parting(in_torch, lambda x, w: jax.vmap(lambda row: in_jax(row[None], w))(x), (X, WEIGHT))


# -- a decoder -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Checkpoint:
    return open_checkpoint(folder)


def plant(module: Any, op: str, nth: int, monkeypatch: pytest.MonkeyPatch, spoilt: Callable[[Any], Any]) -> None:
    """Makes the first result of the nth call of an operation wrong."""
    right, seen = module.run, []

    def wrong(called: Any, *arguments: Any) -> list[Any]:
        results = right(called, *arguments)
        seen.extend([called.name] if called.name == op else [])
        if called.name == op and len(seen) == nth:
            results[0] = spoilt(results[0])
        return results

    monkeypatch.setattr(module, "run", wrong)


def spoilt_in_torch(x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[-1, -1] += 3
    return x


def test_a_decoder_is_followed_to_its_end(folder: Path) -> None:
    said = CliRunner().invoke(app, ["bisect", "--model", str(folder), "--prompt", PROMPT])
    assert said.exit_code == 0, said.output
    assert "no parting in 46 operations, the largest share of a bound is 0." in said.stdout


@pytest.mark.parametrize(("op", "name"), [("act_and_mul", "y"), ("flash_attn_varlen", "out")])
def test_a_wrong_operation_of_layer_1_is_named(
    op: str, name: str, tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(jax_ops, op, 2, monkeypatch, lambda x: x.at[..., -1].add(3))
    in_jax = follow(tiny, CPU, PROMPT).parting
    monkeypatch.undo()
    plant(torch_ops, op, 2, monkeypatch, spoilt_in_torch)
    in_torch = follow(tiny, CPU, PROMPT).parting
    for parting, side in ((in_jax, "JAX"), (in_torch, "torch")):
        assert parting is not None
        assert (parting.kind, parting.stage, parting.operation) == ("result", "prompt, layer 1", op)
        assert parting.name == name
        assert parting.what.endswith(f"leaves its bound, in {side}"), parting.what
        assert parting.worst is not None
        lines = str(parting).splitlines()
        assert [line.partition(": ")[2].split("_impl/layers/")[0] for line in lines[-2:]] == ["torch", "jax"]
        wrong, right = (parting.worst.jax, parting.worst.torch)[:: 1 if side == "JAX" else -1]
        assert round(wrong - right) == 3


def test_a_wrong_table_of_rotations_is_named(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny.config
    other = replace(tiny, config=replace(config, rope=replace(config.rope, theta=config.rope.theta * 2)))
    served = runs.SERVED["jax"]
    monkeypatch.setitem(runs.SERVED, "jax", lambda _, *rest: served(other, *rest))
    parting = follow(tiny, CPU, PROMPT).parting
    assert parting is not None
    assert (parting.kind, parting.stage, parting.name) == ("argument", "prompt, layer 0", "cos_sin")
    assert parting.what == "argument 'cos_sin' differs before the operation"


def test_a_wrong_epsilon_is_named(folder: Path, tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(tiny, config=replace(tiny.config, eps=1e-3))
    served = runs.SERVED["torch"]
    monkeypatch.setitem(runs.SERVED, "torch", lambda _, *rest: served(other, *rest))
    said = CliRunner().invoke(app, ["bisect", "--model", str(folder), "--prompt", PROMPT])
    assert said.exit_code == 1
    assert "prompt, layer 0, call 1, rms_norm: attribute 'eps' is 0.001 in torch, " in said.stdout
    assert "jax_impl/layers/decoder.py:" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name one operation or two traces, or give --model"),
        (["rms_norm", "--model", "smollm2"], "name one operation or two traces, or give --model"),
        (["rms_norm", "--prompt", "a"], "go with --model"),
        (["--model", "smollm2", "--case", "small"], "go with an operation"),
        (["--model", "no/such/folder"], "no/such/folder"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], message: str) -> None:
    said = CliRunner().invoke(app, ["bisect", *arguments])
    assert said.exit_code == 2
    assert message in " ".join(said.output.split())
