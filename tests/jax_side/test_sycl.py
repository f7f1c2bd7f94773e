"""Platform sycl (intel-extension-for-openxla): implementation xla exports for it, as HLO that every XLA compiles."""

from __future__ import annotations

from typing import Any

import jax
import pytest
from jax import export

import specs
from jax_impl import ops
from jax_impl.place import lowering_for
from parity.judge.frameworks import to_jax
from parity.judge.inputs import generate
from specs.lang.declare.readiness import READY
from specs.lang.errors import Unsupported
from tests.jax_side.calls import as_tuple, jax_case, raw
from tests.small import of_every_kind


@pytest.mark.parametrize("platform", ["sycl", "oneapi"])
@pytest.mark.parametrize("op", of_every_kind())
def test_the_exported_program_is_plain_and_right(op: str, platform: str) -> None:
    """One program for the platform and the CPU; here it runs on the CPU, on data whose sums are exact in any order."""
    spec = specs.get(op)
    inputs = generate(spec, jax_case(op), "exact", 0)
    names = list(inputs.arrays)
    given = [to_jax(inputs.arrays[name], inputs.formats[name]) for name in names]

    def function(*arrays: Any) -> Any:
        passed = dict(zip(names, arrays, strict=True))
        positional = [passed.get(array.name) for array in spec.inputs]
        return as_tuple(getattr(ops, op)(*positional, **inputs.attributes, implementation="xla"))

    with lowering_for(platform):
        exported = export.export(jax.jit(function), platforms=[platform, "cpu"])(*given)
    assert exported.platforms == (platform, "cpu")
    assert "custom_call" not in exported.mlir_module()
    again = export.deserialize(exported.serialize())
    assert raw(tuple(again.call(*given))) == raw(jax.jit(function)(*given))


@pytest.mark.parametrize("implementation", ["pallas", "triton"])
@pytest.mark.parametrize("op", specs.names())
def test_kernels_are_refused_in_plain_words(op: str, implementation: str) -> None:
    reason = ops.explain(op, "sycl")[implementation]
    assert "no Triton" in reason
    assert "jax-oneapi-pjrt" in reason
    assert ops.explain(op, "sycl")["xla"] == READY
    inputs = generate(specs.get(op), jax_case(op), "exact", 0)
    arrays = [
        None if a.name not in inputs.arrays else to_jax(inputs.arrays[a.name], inputs.formats[a.name])
        for a in inputs.op.inputs
    ]

    def function(*passed: Any) -> Any:
        return getattr(ops, op)(*passed, **inputs.attributes, implementation=implementation)

    with lowering_for("sycl"), pytest.raises(Unsupported, match="no Triton"):
        jax.eval_shape(function, *arrays)
