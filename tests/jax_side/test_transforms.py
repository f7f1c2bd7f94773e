"""JAX: operations under jit, eval_shape, export and donation; grad and vmap are refused in plain words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import specs
from jax_impl import launch, ops
from jax_impl.support import IMPLEMENTATIONS
from parity.frameworks import to_jax
from parity.inputs import generate
from specs.lang.elements import E4M3, ElementFormat
from specs.lang.errors import Unsupported
from specs.lang.kernel import choice_name
from specs.lang.signature import shape_text
from tests.jax_side.calls import as_tuple, raw, small_call
from tests.small import small_case, with_floats


@pytest.mark.parametrize("op", specs.names())
def test_jit(op: str) -> None:
    function, arrays = small_call(op)
    assert raw(jax.jit(function)(*arrays)) == raw(function(*arrays))


@pytest.mark.parametrize("op", specs.names())
def test_jit_around_the_interpreter(op: str) -> None:
    function, arrays = small_call(op, "interpret")
    assert raw(jax.jit(function)(*arrays)) == raw(function(*arrays))


@pytest.mark.parametrize("op", specs.names())
def test_eval_shape(op: str) -> None:
    function, arrays = small_call(op)
    shapes = jax.tree.leaves(jax.eval_shape(function, *arrays))
    assert [(s.shape, s.dtype) for s in shapes] == [(a.shape, a.dtype) for a in as_tuple(function(*arrays))]


@pytest.mark.parametrize("op", specs.names())
def test_export(op: str) -> None:
    function, arrays = small_call(op)
    exported = export.export(jax.jit(function))(*arrays)
    exported = export.deserialize(exported.serialize())
    assert raw(exported.call(*arrays)) == raw(function(*arrays))


@pytest.mark.parametrize("op", specs.names())
def test_inside_a_loop(op: str) -> None:
    """The same call twice under `scan`, whose body is traced once."""
    function, arrays = small_call(op)
    stacked = tuple(jnp.stack([array, array]) for array in arrays)
    _, results = jax.lax.scan(lambda carry, given: (carry, as_tuple(function(*given))), 0, stacked)
    for index in (0, 1):
        assert raw([result[index] for result in results]) == raw(function(*arrays))


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
@pytest.mark.parametrize("op", specs.names())
def test_donated_arguments(op: str) -> None:
    function, arrays = small_call(op)
    expected = raw(function(*arrays))
    donated = tuple(jnp.array(array, copy=True) for array in arrays)
    everything = tuple(range(len(arrays)))
    assert raw(jax.jit(function, donate_argnums=everything)(*donated)) == expected
    assert raw(function(*arrays)) == expected


@pytest.mark.parametrize("op", specs.names())
def test_numpy_arguments(op: str) -> None:
    function, arrays = small_call(op)
    hosted = [np.asarray(array) for array in arrays]
    before = [array.tobytes() for array in hosted]
    assert raw(function(*hosted)) == raw(function(*arrays))
    assert [array.tobytes() for array in hosted] == before


def floating(arrays: tuple[jax.Array, ...]) -> int:
    """Position of the first argument that JAX differentiates."""
    return next(i for i, array in enumerate(arrays) if jnp.issubdtype(array.dtype, jnp.floating))


DERIVATIVES: dict[str, Callable[..., Any]] = {
    "grad": lambda f, x: jax.grad(f)(x),
    "jit of grad": lambda f, x: jax.jit(jax.grad(f))(x),
    "vjp": jax.vjp,
    "jvp": lambda f, x: jax.jvp(f, (x,), (jnp.zeros_like(x),)),
    "linearize": jax.linearize,
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("op", with_floats())
def test_derivatives_are_refused(op: str, derivative: str) -> None:
    function, arrays = small_call(op)
    at = floating(arrays)

    def one(x: Any) -> Any:
        return as_tuple(function(*arrays[:at], x, *arrays[at + 1 :]))[-1].astype(jnp.float32).sum()

    with pytest.raises(Unsupported, match=f"gradient of {op}.*no derivative"):
        DERIVATIVES[derivative](one, arrays[at])


@pytest.mark.parametrize("op", specs.names())
def test_derivatives_by_other_arguments_pass(op: str) -> None:
    """A result may be a factor in what is differentiated by something else."""
    function, arrays = small_call(op)

    def scaled(factor: Any) -> Any:
        return factor * as_tuple(function(*arrays))[-1].astype(jnp.float32).sum()

    total = np.float32(as_tuple(function(*arrays))[-1].astype(jnp.float32).sum())
    assert np.array_equal(jax.grad(scaled)(jnp.float32(2)), total, equal_nan=True)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["plain", "jit"])
@pytest.mark.parametrize("op", specs.names())
def test_vmap_is_refused(op: str, wrap: Callable[..., Any]) -> None:
    function, arrays = small_call(op)
    batched = [array[None] for array in arrays]
    with pytest.raises(Unsupported, match=f"vmap of {op}.*leading dimensions"):
        wrap(jax.vmap(function))(*batched)


SPELLINGS = {
    "jnp": lambda form: getattr(jnp, form.numpy_dtype.name),
    "numpy": lambda form: form.numpy_dtype,
    "name": lambda form: form.name,
    "format": lambda form: form,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "op", [name for name in specs.names() if any(a.kind is ElementFormat for a in specs.get(name).attributes)]
)
def test_spellings_of_a_dtype(op: str, spelling: str) -> None:
    spec = specs.get(op)
    inputs = generate(spec, small_case(op), "random", 0)
    given = {name: to_jax(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()}
    arrays = [given.get(array.name) for array in spec.inputs]
    for attribute in spec.attributes:
        if attribute.kind is ElementFormat:
            for choice in attribute.choices:
                results = [
                    getattr(ops, op)(*arrays, **{**inputs.attributes, attribute.name: value})
                    for value in (choice, SPELLINGS[spelling](choice))
                ]
                assert raw(results[0]) == raw(results[1])
                assert [a.dtype for a in as_tuple(results[0])] == [a.dtype for a in as_tuple(results[1])]


def test_spellings_share_one_executable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other values, dtypes of arguments and implementations have one of their own."""
    monkeypatch.setattr(launch, "_functions", {})
    x = jnp.ones((3, 64), jnp.float32)

    def executables() -> int:
        return len({id(function) for function, _ in launch._functions.values()})

    for element in ("e4m3", jnp.float8_e4m3fn, E4M3, np.dtype(jnp.float8_e4m3fn)):
        for implementation in ("xla", None):
            ops.per_token_quant_fp8(x, element=element, implementation=implementation)
    ops.per_token_quant_fp8(np.asarray(x))
    assert executables() == 1
    ops.per_token_quant_fp8(x, element="e5m2")
    ops.per_token_quant_fp8(x.astype(jnp.bfloat16))
    ops.per_token_quant_fp8(x[:2])
    ops.per_token_quant_fp8(x, implementation="interpret")
    assert executables() == 5


@pytest.mark.parametrize("op", specs.names())
def test_signature_and_help_are_the_specs(op: str) -> None:
    spec, function = specs.get(op), getattr(ops, op)
    signature, text = inspect.signature(function), function.__doc__
    names = [a.name for a in spec.inputs] + [a.name for a in spec.attributes] + ["implementation"]
    assert list(signature.parameters) == names
    lines = {line.strip().partition(":")[0]: line for line in text.splitlines() if ":" in line}
    for array in spec.arrays:
        shapes = [shapes[0] for _, shapes in array.shapes_by if shapes] if array.by else list(array.shapes)
        assert all(shape_text(shape) in lines[array.name] for shape in shapes)
    for attribute in spec.attributes:
        assert all(choice_name(choice) in lines[attribute.name] for choice in attribute.choices)
    assert all(name in lines["implementation"] for name in IMPLEMENTATIONS)


@pytest.mark.parametrize("op", specs.names())
def test_explain_tells_what_runs(op: str) -> None:
    assert tuple(ops.explain(op, "cpu")) == IMPLEMENTATIONS
    assert ops.explain(op, "cpu")["xla"] is None
    assert "cuda" in str(ops.explain(op, "cpu")["pallas"])
    assert ops.explain(op, "cuda")["pallas"] is None
    assert ops.explain(op, "cuda")["interpret"] is not None
