"""Platform oneapi: every operation lowers from both sources, without a plugin; other platforms notice nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import export, lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu
from jax.experimental.pallas import triton as plgpu

import specs
from jax_impl import launch, ops
from jax_impl.ahead import Lowered, lower, lowering
from jax_impl.place import lowering_for
from jax_impl.platforms import custom_call, defects, environment, matrix_units, oneapi, versions
from jax_impl.support import explain
from jax_impl.triton import source
from parity.judge.frameworks import to_jax
from parity.judge.inputs import generate
from specs.lang.declare.readiness import READY
from specs.lang.errors import Unsupported
from specs.tile.launch.cases import case_call, default_case
from tests.rules.source import ROOT
from tests.small import of_every_kind

CUSTOM_CALLS = [export.DisabledSafetyCheck.custom_call(custom_call.TARGET)]
UNLINKED = re.compile(r"tt\.precise_\w+|math\.(?:rsqrt|ceil)|__nv_\w+|__ocml_\w+|elementwise_inline_asm")
"""What the defects table says must not reach the plugin."""


def lowered(op: str, backend: str) -> list[Lowered]:
    return lower(op, default_case(specs.get(op)), backend, platform=oneapi.PLATFORM)


def default_call(op: str, implementation: str) -> tuple[Callable[..., Any], list[jax.ShapeDtypeStruct]]:
    """The default case as a function, and what it takes."""
    spec = specs.get(op)
    inputs = generate(spec, default_case(spec), "random", 0)
    names = list(inputs.arrays)
    given = [to_jax(inputs.arrays[name], inputs.formats[name]) for name in names]

    def function(*arrays: Any) -> Any:
        passed = dict(zip(names, arrays, strict=True))
        positional = [passed.get(array.name) for array in spec.inputs]
        return getattr(ops, op)(*positional, **inputs.attributes, implementation=implementation)

    return function, [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in given]


@pytest.mark.parametrize("backend", lowering("oneapi"))
@pytest.mark.parametrize("op", specs.names())
def test_every_operation_lowers(op: str, backend: str) -> None:
    spec = specs.get(op)
    found = lowered(op, backend)
    assert len(found) == len(spec.active_steps(case_call(spec, default_case(spec), strided=False).env))
    for kernel in found:
        assert f"tt.func public @{kernel.kernel}(" in kernel.ir
        (signature,) = re.findall(rf"tt\.func public @{kernel.kernel}\((.*)\)", kernel.ir)
        assert signature.count("!tt.ptr<") == len(kernel.operands) + len(kernel.results)
        assert "loc(" not in kernel.ir
        assert not UNLINKED.findall(kernel.ir)
        dots = matrix_units.dots_of(kernel.ir)
        assert len(dots) == kernel.ir.count("tt.dot ")
        assert not matrix_units.obstacles(dots), "one of them would turn the units off for all"
        assert (matrix_units.ATTRIBUTE in kernel.ir) == bool(dots)
        assert not re.search(r"tt\.fp_to_fp .*xf16> -> .*xbf16>", kernel.ir)
        assert kernel.backend == backend
        assert kernel.num_warps == kernel.tunables.get("num_warps", kernel.num_warps)
        assert kernel.num_stages == kernel.tunables.get("num_stages", kernel.num_stages)


@pytest.mark.parametrize("backend", lowering("oneapi"))
@pytest.mark.parametrize("op", of_every_kind())
def test_lowering_again_gives_the_same(op: str, backend: str) -> None:
    before = lowered(op, backend)
    source.triton_ir.cache_clear()
    assert [kernel.ir for kernel in lowered(op, backend)] == [kernel.ir for kernel in before]


@pytest.mark.parametrize("backend", lowering("oneapi"))
@pytest.mark.parametrize("op", specs.names())
def test_every_operation_exports(op: str, backend: str) -> None:
    function, structs = default_call(op, backend)
    with lowering_for("oneapi"):
        exported = export.export(jax.jit(function), platforms=["oneapi"], disabled_checks=CUSTOM_CALLS)(*structs)
    assert exported.platforms == ("oneapi",)
    kernels = custom_call.kernels_of_text(exported.mlir_module())
    assert [(k.name, k.grid, k.ir) for k in kernels] == [(k.kernel, k.grid, k.ir) for k in lowered(op, backend)]
    again = export.deserialize(exported.serialize())
    assert again.mlir_module() == exported.mlir_module()


def run_in_process(text: str) -> str:
    """What a program prints that has a process to itself, in which nothing is active yet."""
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)
    if "No supported GPU devices" in done.stderr:
        pytest.skip("not run: this JAX lowers for cuda where a device is")
    assert done.returncode == 0, done.stderr
    return done.stdout


UNCHANGED = """
import specs, jax
from jax_impl.ahead import lower
from specs.tile.launch.cases import default_case
names = ("per_token_quant_fp8", "qnorm_rope_kv_insert", "sparse_mla_decode_fp8")
def kernels():
    cases = [(n, default_case(specs.get(n)), r) for n in names for r in ("pallas", "triton")]
    return [k.ir for case in cases for k in lower(*case, platform="cuda")]
def on_cpu():
    f = jax.jit(lambda x: jax.numpy.abs(jax.lax.rsqrt(x)))
    return f.lower(jax.ShapeDtypeStruct((8,), "float32")).as_text()
before = kernels(), on_cpu()
from jax_impl.platforms import oneapi
oneapi.activate()
jax.clear_caches()
assert (kernels(), on_cpu()) == before
print(sum(map(len, before[0])), any("precise_divf" in k for k in before[0]), any("f8E4M3FN" in k for k in before[0]))
"""


def test_other_platforms_are_as_before() -> None:
    length, division, narrow = run_in_process(UNCHANGED).split()
    assert int(length) > 0
    assert (division, narrow) == ("True", "True"), "the kernels hold what would differ for oneapi"


LAZY = """
import sys, os, jax
from jax_impl import ops
ops.per_token_quant_fp8(jax.numpy.ones((2, 64), "bfloat16"))
assert "jax_impl.platforms.oneapi" not in sys.modules
assert "triton" not in sys.modules
print([name for name in os.environ if name.startswith("TRITON_INTEL")])
"""


def test_nothing_is_active_before_it_is_wanted() -> None:
    text = f"import os\nfor name in {list(defects.environment())}: os.environ.pop(name, None)\n{LAZY}"
    assert run_in_process(text).strip() == "[]"


def test_the_compilers_settings_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = defects.environment()
    variables = {second: "kept"}
    monkeypatch.setattr(environment, "VARIABLES", variables)
    oneapi.avoid_defects()
    assert variables == {**defects.environment(), second: "kept"}
    assert first in variables


@pytest.mark.parametrize(
    ("package", "implementations"), [("JAX", ("pallas",)), ("PLUGINS", ("pallas", "triton")), ("TRITON", ("triton",))]
)
def test_unknown_versions_are_refused(
    package: str, implementations: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_functions", {})  # calls that were accepted before
    installed = versions.installed
    monkeypatch.setattr(versions, "installed", lambda name: "9.9" if name == versions.PLUGIN else installed(name))
    monkeypatch.setattr(versions, "PLUGINS", ("9.9",))
    assert explain("oneapi")["pallas"] == READY
    assert explain("oneapi")["triton"] == READY
    monkeypatch.setattr(versions, package, ("8.8",))
    refused = [name for name, why in explain("oneapi").items() if "not known here" in why]
    assert tuple(refused) == implementations
    for name in refused:
        function, structs = default_call("per_token_quant_fp8", name)
        with lowering_for("oneapi"), pytest.raises(Unsupported, match=r"9\.9|8\.8"):
            jax.eval_shape(function, *structs)
    if package != "TRITON":
        with pytest.raises(Unsupported, match="not known here"):
            oneapi.activate.__wrapped__()


def triton_ir_of(body: Callable[[Any], Any], dtype: str) -> str:
    """What a Pallas kernel of one function becomes."""

    def kernel(x_ref: Any, o_ref: Any) -> None:
        plgpu.store(o_ref.at[...], body(plgpu.load(x_ref.at[...])))

    struct = jax.ShapeDtypeStruct((16,), dtype)
    oneapi.activate()
    call = jax.jit(pl.pallas_call(kernel, out_shape=struct, compiler_params=plgpu.CompilerParams()))
    module = call.trace(struct).lower(lowering_platforms=("oneapi",)).compiler_ir("stablehlo")
    (found,) = custom_call.kernels(module)
    return found.ir


@pytest.mark.parametrize(("function", "name"), [(lax.rsqrt, "rsqrt"), (lax.ceil, "ceil"), (lax.tanh, "tanh")])
def test_functions_that_nothing_links_become_builtins(function: Callable[[Any], Any], name: str) -> None:
    full = f"__spirv_ocl_{name}"
    assert f'symbol = "_Z{len(full)}{full}f"' in triton_ir_of(function, "float32")


@pytest.mark.parametrize(
    ("function", "name"), [(lax.exp2, "exp2"), (lax.sqrt, "sqrt"), (lax.floor, "floor"), (lax.abs, "absf")]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_functions_work_in_float32(function: Callable[[Any], Any], name: str, dtype: str) -> None:
    (line,) = [line for line in triton_ir_of(function, dtype).splitlines() if f"math.{name} " in line]
    assert line.endswith(": tensor<16xf32>")


def test_integers_keep_their_own_absolute_value() -> None:
    assert "math.absi" in triton_ir_of(lax.abs, "int32")


def test_the_interpreter_needs_no_compiler() -> None:
    def kernel(x_ref: Any, o_ref: Any) -> None:
        o_ref[...] = x_ref[...] + 1

    struct = jax.ShapeDtypeStruct((16,), jnp.float32)
    call = jax.jit(pl.pallas_call(kernel, out_shape=struct, interpret=True))
    oneapi.activate()
    assert custom_call.TARGET not in call.trace(struct).lower(lowering_platforms=("oneapi",)).as_text()


def test_kernels_for_other_compilers_are_refused() -> None:
    def kernel(x_ref: Any, o_ref: Any) -> None:
        o_ref[...] = x_ref[...] + 1

    struct = jax.ShapeDtypeStruct((16,), jnp.float32)
    params = tpu.CompilerParams()
    call = jax.jit(pl.pallas_call(kernel, out_shape=struct, compiler_params=params))
    oneapi.activate()
    with pytest.raises(Unsupported, match="parameters are for"):
        call.trace(struct).lower(lowering_platforms=("oneapi",))
