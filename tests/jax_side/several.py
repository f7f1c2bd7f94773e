"""What operations do on four devices: a program with a process to itself, as the number is fixed when JAX starts.

Prints one JSON object: by operation, by what was tried, what was found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import specs
from jax_impl import ops
from parity.judge.frameworks import to_jax
from parity.judge.inputs import Inputs, generate
from specs.lang.declare.op import Op
from specs.lang.errors import Unsupported
from tests.divided import divided_case
from tests.jax_side.calls import as_tuple, jax_case, raw

DEVICES = 4
jax.config.update("jax_num_cpu_devices", DEVICES)
RUN = ("per_token_group_quant_fp8", "fp8_gemm", "topk_rows")
"""Operations that are compiled on every kind of mesh, not only lowered."""
COLLECTIVES = ("all-gather", "all-reduce", "all-to-all", "collective-permute", "reduce-scatter")
Found = dict[str, Any]


def mesh(kind: str) -> Any:
    """All devices along one axis."""
    return jax.make_mesh((DEVICES,), ("d",), axis_types=(getattr(AxisType, kind),))


def call(inputs: Inputs, implementation: str) -> tuple[Callable[..., Any], tuple[jax.Array, ...]]:
    """The operation as a function of the arrays that are passed, and those arrays."""
    names = list(inputs.arrays)

    def function(*given: Any) -> Any:
        passed = dict(zip(names, given, strict=True))
        positional = [passed.get(array.name) for array in inputs.op.inputs]
        return as_tuple(getattr(ops, inputs.op.name)(*positional, **inputs.attributes, implementation=implementation))

    return function, tuple(to_jax(inputs.arrays[name], inputs.formats[name]) for name in names)


def spec_of(labels: tuple[str, ...], rows: str) -> P:
    """Divided along the rows."""
    return P(*("d" if label == rows else None for label in labels))


def rows_in_rows_out(op: Op) -> Found:
    """A call whose arguments are divided along the rows, on every kind of mesh."""
    inputs, found, rows = divided_case(op, DEVICES)
    function, arrays = call(inputs, "xla")
    names = list(inputs.arrays)
    given = [spec_of(found.dims[name], rows) for name in names]
    out = tuple(spec_of(found.dims[a.name], rows) for a in (*op.mutated, *op.outputs) if a.name in found.dims)
    whole = raw(function(*arrays))
    told: Found = {}
    for kind in ("Auto", "Explicit"):
        here = mesh(kind)
        placed = [jax.device_put(x, NamedSharding(here, spec)) for x, spec in zip(arrays, given, strict=True)]
        lowered = jax.jit(function).lower(*placed)
        if kind == "Explicit":
            types = jax.eval_shape(jax.jit(function), *placed)
            told["types"] = all(t.sharding.spec == P(*s) for t, s in zip(types, out, strict=True))
        if kind == "Auto" or op.name in RUN:
            compiled = lowered.compile()
            results = compiled(*placed)
            told[kind] = {
                "same bytes": raw(results) == whole,
                "rows out": all(
                    r.sharding.is_equivalent_to(NamedSharding(here, s), r.ndim)
                    for r, s in zip(results, out, strict=True)
                ),
                "collectives": exchanged(compiled),
            }
    here = mesh("Auto")
    placed = [jax.device_put(x, NamedSharding(here, P())) for x in arrays]
    for implementation in ("xla", "interpret") if op.name in RUN else ("xla",):
        one, _ = call(inputs, implementation)
        parts = jax.jit(jax.shard_map(one, mesh=here, in_specs=tuple(given), out_specs=out))
        if op.name in RUN:
            told[f"shard_map {implementation}"] = raw(parts(*placed)) == whole
        else:
            parts.lower(*placed)
    return told


def every_dimension(op: Op) -> Iterator[tuple[str, str]]:
    """What becomes of a call of which one dimension of one argument is divided, on a mesh of Explicit axes."""
    inputs = generate(op, jax_case(op.name), "random", 0)
    function, arrays = call(inputs, "xla")
    here = mesh("Explicit")
    for index, (name, array) in enumerate(zip(inputs.arrays, arrays, strict=True)):
        for number, size in enumerate(array.shape):
            if size % DEVICES == 0:
                spec = P(*("d" if other == number else None for other in range(array.ndim)))
                structs: list[Any] = [
                    jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=NamedSharding(here, spec if i == index else P()))
                    for i, x in enumerate(arrays)
                ]
                try:
                    jax.eval_shape(jax.jit(function), *structs)
                    yield f"{name} {number}", "taken"
                except Unsupported as refused:
                    yield f"{name} {number}", f"refused: {refused}"
                except Exception as other:  # noqa: BLE001 - an error of any kind is a finding
                    yield f"{name} {number}", f"{type(other).__name__}: {other}"


def exchanged(compiled: Any) -> list[str]:
    """Collectives that a compiled program holds."""
    return [name for name in COLLECTIVES if name in str(compiled.as_text())]


def block_product() -> Found:
    """Columns of a weight in blocks with their scales: 512 in four parts, and 384, whose parts would cut a block."""
    told: Found = {}
    x = jnp.ones((8, 256), jnp.float8_e4m3fn)
    for columns in (512, 384):
        w, scale = jnp.ones((columns, 256), jnp.float8_e4m3fn), jnp.arange(columns // 128 * 2.0).reshape(-1, 2)

        def function(w: Any, scale: Any) -> Any:
            return ops.fp8_gemm(x, w, jnp.ones((8, 2)), scale, scale_mode="block", weight_order="nk")

        whole = raw(function(w, scale))
        here = mesh("Auto")
        placed = jax.device_put(w, NamedSharding(here, P("d"))), jax.device_put(scale, NamedSharding(here, P()))
        compiled = jax.jit(function).lower(*placed).compile()
        used = exchanged(compiled)
        told[str(columns)] = {"same bytes": raw(compiled(*placed)) == whole, "collectives": used}
    return told


def donated() -> Found:
    """A cache whose heads are divided, written over where it is donated."""
    told: Found = {}
    key, slots = jnp.ones((5, DEVICES, 64), jnp.bfloat16), jnp.arange(5)
    cache = jnp.zeros((2, 4, DEVICES, 64), jnp.bfloat16)

    def insert(keys: Any, values: Any) -> Any:
        return ops.kv_insert(key, key, keys, values, slots)

    whole = raw(insert(cache, cache))
    for kind in ("Auto", "Explicit"):
        where = NamedSharding(mesh(kind), P(None, None, "d"))
        given = [jax.device_put(cache, where) for _ in range(2)]
        compiled = jax.jit(insert, donate_argnums=(0, 1)).lower(*given).compile()
        results = compiled(*given)
        memory: Any = compiled.memory_analysis()
        told[kind] = {
            "same bytes": raw(results) == whole,
            "written over": all(array.is_deleted() for array in given),
            "aliased": memory.alias_size_in_bytes == 2 * cache.nbytes // DEVICES,
            "collectives": exchanged(compiled),
        }
    return told


def conflict() -> str:
    """Rows and columns divided by the same axis."""
    here = mesh("Explicit")
    a, b = (jax.device_put(jnp.ones((8, 64), jnp.float8_e4m3fn), NamedSharding(here, P("d"))) for _ in range(2))
    try:
        ops.fp8_gemm(a, b, scale_mode="tensor", weight_order="nk")
    except Unsupported as refused:
        return str(refused)
    return "taken"


def main() -> None:
    """Prints what was found."""
    told: Found = {"rows": {}, "dimensions": {}, "block": block_product(), "conflict": conflict(), "donated": donated()}
    for name in specs.names():
        op = specs.get(name)
        if op.independent:
            told["rows"][name] = rows_in_rows_out(op)
        told["dimensions"][name] = dict(every_dimension(op))
    print(json.dumps(told))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
