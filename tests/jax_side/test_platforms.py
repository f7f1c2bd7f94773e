"""The implementation is chosen where a program is lowered; donation on oneapi; settings of the caller."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Thread
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import export

import specs
from jax_impl import ops
from jax_impl.platforms import custom_call, donation
from specs.lang.errors import ArgumentError, Unsupported
from tests.jax_side.calls import names_of, raw, small_call

CUSTOM_CALLS = [export.DisabledSafetyCheck.custom_call(custom_call.TARGET)]
IN_PLACE = [name for name in specs.names() if specs.get(name).mutated]


def quantised(x: jax.Array) -> Any:
    """A quantiser that asks for no implementation."""
    return ops.per_token_group_quant_fp8(x)


X = jax.ShapeDtypeStruct((4, 256), jnp.bfloat16)


def exported(function: Callable[..., Any], *platforms: str, **settings: Any) -> str:
    """The program that a CPU machine exports for other platforms."""
    jitted = jax.jit(function, **settings)
    return export.export(jitted, platforms=platforms, disabled_checks=CUSTOM_CALLS)(X).mlir_module()


def kernels(module: str) -> list[str]:
    """Triton kernels by name."""
    return [kernel.name for kernel in custom_call.kernels_of_text(module)]


def test_an_export_holds_what_the_platform_would_take() -> None:
    assert kernels(exported(quantised, "oneapi")) == ["group_quant"]
    assert kernels(exported(quantised, "cpu")) == []
    assert kernels(exported(quantised, "sycl")) == []


def test_an_export_for_several_platforms_holds_the_own_one_of_each() -> None:
    module = exported(quantised, "cpu", "oneapi")
    assert kernels(module) == ["group_quant"]
    assert module.count("stablehlo.case") == 2, "which platform, and its program"
    jitted = jax.jit(quantised)
    both = export.export(jitted, platforms=("oneapi", "cpu"), disabled_checks=CUSTOM_CALLS)(X)
    x = jnp.ones(X.shape, X.dtype)
    assert raw(export.deserialize(both.serialize()).call(x)) == raw(quantised(x))


def test_equal_choices_are_one_program() -> None:
    def by_xla(x: jax.Array) -> Any:
        return ops.per_token_group_quant_fp8(x, implementation="xla")

    assert "stablehlo.case" not in exported(by_xla, "sycl", "oneapi")


def test_what_cannot_run_is_refused_where_it_is_lowered() -> None:
    def by_pallas(x: jax.Array) -> Any:
        return ops.per_token_group_quant_fp8(x, implementation="pallas")

    assert kernels(exported(by_pallas, "oneapi")) == ["group_quant"]
    for lower in (lambda: exported(by_pallas, "cpu"), lambda: jax.jit(by_pallas).lower(X)):
        with pytest.raises(Unsupported, match="the arrays are on cpu"):
            lower()
    with pytest.raises(ArgumentError, match="must be one of"):
        jax.eval_shape(lambda x: ops.per_token_group_quant_fp8(x, implementation="cuda"), X)  # type: ignore[arg-type]


def test_arrays_of_the_cpu_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default platform has no say in what is traced for arrays that lie elsewhere."""
    x = jnp.ones((3, 256), jnp.bfloat16)
    expected = raw(quantised(x))
    monkeypatch.setattr("jax_impl.support.default_platform", lambda: "cuda")
    monkeypatch.setattr("jax_impl.check.default_platform", lambda: "cuda")
    jax.clear_caches()
    assert raw(jax.jit(quantised)(x)) == expected


@pytest.mark.parametrize("op", IN_PLACE)
def test_donated_arguments_are_written_over_on_oneapi(op: str) -> None:
    """As on the CPU: one alias for each argument that is written, and none without donation."""
    function, arrays = small_call(op)
    names, written = names_of(op)
    places = tuple(map(names.index, written))
    for donated, expected in ((places, len(places)), ((), 0)):
        traced = jax.jit(function, donate_argnums=donated).trace(*arrays)
        text = traced.lower(lowering_platforms=("oneapi",)).as_text()
        assert len(re.findall(r"tf\.aliasing_output|jax\.buffer_donor", text)) == expected


def test_a_list_that_knows_the_platform_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["cpu"]
    lists = vars(donation)["mlir"]
    monkeypatch.setattr(lists, "_platforms_with_donation", known, raising=False)
    donation.allow()
    donation.allow()
    assert known == ["cpu", "oneapi"]
    monkeypatch.delattr(lists, "_platforms_with_donation")
    donation.allow()  # a version of JAX without such a list


def wide() -> AbstractContextManager[Any]:
    """64-bit types."""
    return jax.enable_x64(True)


AMBIENT: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "disable_jit": jax.disable_jit,
    "debug_nans": lambda: jax.debug_nans(True),
    "enable_checks": lambda: jax.enable_checks(True),
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "matmul precision": lambda: jax.default_matmul_precision("bfloat16"),
    "transfer guard": lambda: jax.transfer_guard("disallow"),
    "default device": lambda: jax.default_device(jax.devices()[0]),
    "x64": wide,
    "log compiles": lambda: jax.log_compiles(False),
}
FAMILIES = {specs.get(name).family: name for name in reversed(specs.names()) if not specs.get(name).mutated}


@pytest.mark.parametrize("implementation", ["xla", "interpret"])
@pytest.mark.parametrize("op", sorted(FAMILIES.values()))
def test_settings_of_the_caller_change_nothing(op: str, implementation: str) -> None:
    """Byte for byte, called and under jit, and in another thread. What is compiled once is compiled anew inside."""
    function, arrays = small_call(op, implementation)
    expected = raw(function(*arrays))
    for name, setting in AMBIENT.items():
        with setting():
            assert raw(function(*arrays)) == expected, name
    found: list[list[bytes]] = []
    thread = Thread(target=lambda: found.append(raw(jax.jit(function)(*arrays))))
    thread.start()
    thread.join()
    assert found == [expected]
