"""JAX: operations under jit, eval_shape, export, donation and vmap; what cannot be is refused in plain words."""

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
from jax_impl.backends import BACKENDS
from parity.judge.frameworks import to_jax
from parity.judge.inputs import generate
from specs.lang.call.signature import shape_text
from specs.lang.declare.kernel import choice_name
from specs.lang.declare.readiness import READY
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import E4M3, ElementFormat
from tests.helptext import entries
from tests.jax_side.calls import as_tuple, jax_case, raw, small_call
from tests.small import of_every_kind, with_floats


@pytest.mark.parametrize("op", specs.names())
def test_jit(op: str) -> None:
    function, arrays = small_call(op)
    assert raw(jax.jit(function)(*arrays)) == raw(function(*arrays))


@pytest.mark.parametrize("op", of_every_kind())
def test_jit_around_the_interpreter(op: str) -> None:
    function, arrays = small_call(op, "interpret")
    assert raw(jax.jit(function)(*arrays)) == raw(function(*arrays))


@pytest.mark.parametrize("op", specs.names())
def test_eval_shape(op: str) -> None:
    function, arrays = small_call(op)
    shapes = jax.tree.leaves(jax.eval_shape(function, *arrays))
    assert [(s.shape, s.dtype) for s in shapes] == [(a.shape, a.dtype) for a in as_tuple(function(*arrays))]


@pytest.mark.parametrize("op", of_every_kind())
def test_export(op: str) -> None:
    function, arrays = small_call(op)
    exported = export.export(jax.jit(function))(*arrays)
    exported = export.deserialize(exported.serialize())
    assert raw(exported.call(*arrays)) == raw(function(*arrays))


@pytest.mark.parametrize("op", of_every_kind())
def test_inside_a_loop(op: str) -> None:
    """The same call twice under `scan`, whose body is traced once."""
    function, arrays = small_call(op)
    stacked = tuple(jnp.stack([array, array]) for array in arrays)
    _, results = jax.lax.scan(lambda carry, given: (carry, as_tuple(function(*given))), 0, stacked)
    for index in (0, 1):
        assert raw([result[index] for result in results]) == raw(function(*arrays))


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
@pytest.mark.parametrize("op", of_every_kind())
def test_donated_arguments(op: str) -> None:
    function, arrays = small_call(op)
    expected = raw(function(*arrays))
    donated = tuple(jnp.array(array, copy=True) for array in arrays)
    everything = tuple(range(len(arrays)))
    assert raw(jax.jit(function, donate_argnums=everything)(*donated)) == expected
    assert raw(function(*arrays)) == expected


@pytest.mark.parametrize("op", of_every_kind())
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
    "grad of checkpoint": lambda f, x: jax.grad(jax.checkpoint(f))(x),
}
OF_ALL_ELEMENTS: dict[str, Callable[..., Any]] = {
    "jacfwd": lambda f, x: jax.jacfwd(f)(x),
    "jacrev": lambda f, x: jax.jacrev(f)(x),
    "hessian": lambda f, x: jax.hessian(f)(x),
    "hvp": lambda f, x: jax.jvp(jax.grad(f), (x,), (x,)),
    "linear_transpose": lambda f, x: jax.linear_transpose(f, x)(jnp.float32(1)),
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("op", with_floats())
def test_derivatives_are_refused(op: str, derivative: str) -> None:
    function, arrays = small_call(op)
    at = floating(arrays)

    def one(x: Any) -> Any:
        return as_tuple(function(*arrays[:at], x, *arrays[at + 1 :]))[-1].astype(jnp.float32).sum()

    with pytest.raises(Unsupported, match=f"gradient of {op}.*no backward pass"):
        DERIVATIVES[derivative](one, arrays[at])


@pytest.mark.parametrize("derivative", OF_ALL_ELEMENTS)
def test_matrices_of_derivatives_are_refused(derivative: str) -> None:
    with pytest.raises(Unsupported, match=r"gradient of per_token_quant_fp8.*no backward pass"):
        OF_ALL_ELEMENTS[derivative](lambda x: ops.per_token_quant_fp8(x)[1].sum(), jnp.ones((2, 4)))


@pytest.mark.parametrize("op", specs.names())
def test_derivatives_by_other_arguments_pass(op: str) -> None:
    """A result may be a factor in what is differentiated by something else."""
    function, arrays = small_call(op)

    def scaled(factor: Any) -> Any:
        return factor * as_tuple(function(*arrays))[-1].astype(jnp.float32).sum()

    total = np.float32(as_tuple(function(*arrays))[-1].astype(jnp.float32).sum())
    assert np.array_equal(jax.grad(scaled)(jnp.float32(2)), total, equal_nan=True)


def test_a_derivative_of_ones_own_passes() -> None:
    """As users quantise in training: straight through."""

    @jax.custom_vjp
    def rounded(x: jax.Array) -> Any:
        q, scale = ops.per_token_quant_fp8(x)
        return q.astype(jnp.float32) * scale[:, None]

    rounded.defvjp(lambda x: (rounded(x), None), lambda _, cotangent: (cotangent,))
    x = jnp.arange(8.0).reshape(2, 4)
    assert np.array_equal(jax.grad(lambda x: (3 * rounded(x)).sum())(x), np.full((2, 4), 3.0))


def mapped_ways(count: int) -> list[tuple[bool, ...]]:
    """Which arguments have a batch dimension: all, and each alone."""
    alone = [tuple(i == index for i in range(count)) for index in range(count)]
    return [(True,) * count, *(alone if count > 1 else [])]


def vmapped(function: Callable[..., Any], mapped: tuple[bool, ...]) -> Callable[..., Any]:
    """vmap over the last dimension of the mapped arguments."""
    return jax.vmap(lambda *given: as_tuple(function(*given)), in_axes=tuple(-1 if own else None for own in mapped))


COMPILED = ("per_token_group_quant_fp8", "fp8_gemm", "fp8_bmm", "topk_rows")


def twice(array: jax.Array, mapped: bool) -> jax.Array:
    """Of a mapped argument two, the second upside down."""
    return jnp.stack([array, array[::-1] if array.ndim else array], axis=-1) if mapped else array


@pytest.mark.parametrize("op", specs.names())
def test_vmap_is_right_or_refused(op: str) -> None:
    function, arrays = small_call(op)
    expected = jax.eval_shape(lambda *given: as_tuple(function(*given)), *arrays)
    refusals: list[str] = []
    for mapped in mapped_ways(len(arrays)):
        batched = [twice(array, own) for array, own in zip(arrays, mapped, strict=True)]
        try:
            found = jax.eval_shape(vmapped(function, mapped), *batched)
        except Unsupported as error:
            refusals.append(str(error))
            continue
        assert [(r.shape, r.dtype) for r in found] == [((2, *e.shape), e.dtype) for e in expected]
        if op in COMPILED:
            results = vmapped(function, mapped)(*batched)
            for index in range(2):
                one = [b[..., index] if own else b for b, own in zip(batched, mapped, strict=True)]
                assert raw([result[index] for result in results]) == raw(function(*one))
    assert all(f"vmap of {op} over" in text for text in refusals)
    assert all("leading dimensions" in text or "once for each" in text for text in refusals)
    assert specs.get(op).independent or len(refusals) == len(mapped_ways(len(arrays)))


def test_vmap_over_rows_or_columns_alone_is_the_product_of_all_of_them() -> None:
    a, b = jnp.ones((2, 3, 64), jnp.float8_e4m3fn), jnp.full((2, 64, 8), 2, jnp.float8_e4m3fn)

    def product(a: jax.Array, b: jax.Array) -> Any:
        return ops.fp8_gemm(a, b, scale_mode="tensor")

    stacked = ops.fp8_bmm(a, b, scale_mode="tensor")
    assert raw(jax.vmap(product, in_axes=(0, None))(a, b[0])[1]) == raw(stacked[1])
    assert raw(jax.vmap(product, in_axes=(None, 0))(a[0], b)[1]) == raw(stacked[1])


def test_one_scale_for_all_rows_is_not_batched_in_silence() -> None:
    """The scale of a tensor is of all that is passed: with leading dimensions it would be another."""
    x = jnp.asarray([[[1.0, 2.0]], [[100.0, 3.0]]])
    with pytest.raises(Unsupported, match="vmap of per_tensor_quant_fp8"):
        jax.vmap(ops.per_tensor_quant_fp8)(x)
    q, scale = jax.vmap(lambda x: ops.per_tensor_quant_fp8(x, jnp.float32(0.25)))(x)
    assert raw(q[1]) == raw(ops.per_tensor_quant_fp8(x[1], jnp.float32(0.25))[0])
    assert scale.tolist() == [0.25, 0.25]


def symbolic(text: str, dtype: Any) -> jax.ShapeDtypeStruct:
    """An array some of whose sizes are left open."""
    return jax.ShapeDtypeStruct(export.symbolic_shape(text), dtype)


def quantised_product(x: jax.Array) -> Any:
    """A linear as layers have it."""
    q, scale = ops.per_token_group_quant_fp8(x, group=64, implementation="xla")
    w = jnp.ones((32, 128), jnp.float8_e4m3fn)
    return ops.fp8_gemm(q, w, None, None, scale_mode="tensor", weight_order="nk", implementation="xla"), scale


@pytest.mark.parametrize("shape", ["rows, 128", "batch, tokens, 128"])
def test_symbolic_rows(shape: str, rng: np.random.Generator) -> None:
    exported = export.export(jax.jit(quantised_product))(symbolic(shape, jnp.bfloat16))
    again = export.deserialize(exported.serialize())
    for rows in (2, 134):
        sizes = (rows, 128) if shape.startswith("rows") else (rows // 2, 2, 128)
        x = jnp.asarray(rng.standard_normal(sizes), jnp.bfloat16)
        assert raw(again.call(x)) == raw(quantised_product(x))


@pytest.mark.parametrize("shape", ["4, columns", "rows, columns", "columns, columns"])
def test_other_symbolic_sizes_are_refused(shape: str) -> None:
    for function in (quantised_product, ops.per_token_quant_fp8, ops.per_tensor_quant_fp8):
        with pytest.raises(Unsupported, match=r"symbolic size.*only one of independent rows may be left open"):
            export.export(jax.jit(function))(symbolic(shape, jnp.bfloat16))


@pytest.mark.parametrize("op", specs.names())
def test_no_symbolic_size_ends_deep_inside(op: str) -> None:
    """Every dimension of every argument, one at a time: it goes, or it is refused in words of ours."""
    function, arrays = small_call(op)
    refusals: list[str] = []
    for index, array in enumerate(arrays):
        for number in range(array.ndim):
            text = ", ".join("n" if other == number else str(size) for other, size in enumerate(array.shape))
            structs: list[Any] = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]
            structs[index] = symbolic(text, array.dtype)
            try:
                jax.eval_shape(function, *structs)
            except Unsupported as error:
                refusals.append(str(error))
    assert all("symbolic size" in text for text in refusals)


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
    inputs = generate(spec, jax_case(op), "random", 0)
    given = {name: to_jax(raw, inputs.formats[name]) for name, raw in inputs.arrays.items()}
    arrays = [given.get(array.name) for array in spec.inputs]
    of_arguments = [array.formats for array in spec.inputs]  # what another choice would ask of an argument
    for attribute in spec.attributes:
        if attribute.kind is ElementFormat:
            own = (inputs.attributes[attribute.name],)
            for choice in own if attribute.name in of_arguments else attribute.choices:
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
    lines = entries(text)
    for array in spec.arrays:
        shapes = [shapes[0] for _, shapes in array.shapes_by if shapes] if array.by else list(array.shapes)
        assert all(shape_text(shape) in lines[array.name] for shape in shapes)
    for attribute in spec.attributes:
        assert all(choice_name(choice) in lines[attribute.name] for choice in attribute.choices)
    assert all(name in lines["implementation"] for name in tuple(BACKENDS))


@pytest.mark.parametrize("op", specs.names())
def test_explain_tells_what_runs(op: str) -> None:
    assert sorted(ops.explain(op, "cpu")) == sorted(BACKENDS)
    assert ops.explain(op, "cpu")["xla"] == READY
    assert "cuda" in ops.explain(op, "cpu")["pallas"]
    assert ops.explain(op, "cuda")["pallas"] == READY
    assert ops.explain(op, "cuda")["interpret"] != READY
