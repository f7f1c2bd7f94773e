"""Inputs of a call as files, with a script per implementation that makes the call from public functions alone.

FOLDER/arrays.npz          bits of the arguments by name, and of the oracle's results as "expected.NAME"
FOLDER/call.json           operation, formats and shapes of the arguments, attributes, and how to repeat it
FOLDER/torch_eager.py ..   loads the arrays, calls `torch_impl.ops` or `jax_impl.ops`, and compares
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

import specs
from parity.judge.expected import expectations
from parity.judge.frameworks import registered
from parity.judge.guard import bit_view
from parity.judge.inputs import Inputs, Raw
from parity.record.records import CaseResult
from specs.lang.call.bind import Call
from specs.lang.declare.kernel import Attribute
from specs.lang.declare.op import Op
from specs.lang.formats.elements import ElementFormat
from specs.lang.formats.paged import Paged

_COMPARE = """
for name, bits in results.items():
    expected = saved[f"expected.{name}"]
    other = np.argwhere(bits != expected)
    print(f"{name}: {len(other)} of {bits.size} elements are not what the oracle rounds to", *other[:8].tolist())
"""

_TORCH = '''\
"""{title}"""

from pathlib import Path

import numpy as np
import torch
{imports}{loading}
from torch_impl import ops

with np.load(Path(__file__).with_name("arrays.npz")) as file:
    saved = dict(file)


def tensor(name: str, dtype: torch.dtype, strides: tuple[int, ...] | None = None) -> torch.Tensor:
    values = torch.from_numpy(saved[name])
    if strides is None or 0 in values.shape:
        return values.view(dtype).to("{device}")
    memory = torch.zeros(1 + sum((n - 1) * s for n, s in zip(values.shape, strides)), dtype=values.dtype)
    places = torch.arange(memory.numel()).as_strided(values.shape, strides)
    memory[places.reshape(-1)] = values.reshape(-1)
    return memory.view(dtype).to("{device}").as_strided(values.shape, strides)


def bits(x: torch.Tensor) -> np.ndarray:
    integers = {{1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}}
    return x.cpu().contiguous().view(integers[x.element_size()]).numpy()


{arguments}
returned = ops.{call}
returned = () if returned is None else returned if isinstance(returned, tuple) else (returned,)
results = dict(zip({names}, map(bits, [{mutated}*returned]), strict=True))
'''

_JAX = '''\
"""{title}"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
{imports}{loading}
from jax_impl import ops

jax.config.update("jax_enable_x64", {wide})
with np.load(Path(__file__).with_name("arrays.npz")) as file:
    saved = dict(file)


def array(name: str, dtype: type) -> jax.Array:
    return jax.device_put(saved[name].view(np.dtype(dtype)), jax.devices("{device}")[0])


def bits(x: jax.Array) -> np.ndarray:
    return np.asarray(x).view(f"i{{x.dtype.itemsize}}")


{arguments}
returned = ops.{call}
returned = returned if isinstance(returned, tuple | list) else (returned,)
results = dict(zip({names}, map(bits, returned), strict=True))
'''


def ran(rows: Sequence[CaseResult]) -> list[str]:
    """Implementations that took part in a comparison."""
    sides = {side for row in rows if row.status in ("passed", "failed", "flushed") for side in row.pair.split(" vs ")}
    return [name for name in registered() if name in sides]


def save(inputs: Inputs, folder: Path, *, implementations: Sequence[str], device: str, title: str, repeat: str) -> None:
    """Writes the files.

    Args:
        implementations: "framework:implementation" names that scripts are written for.
        title: what this call is, in a line.
        repeat: command that makes it again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    call = inputs.layout.call()
    expected = {f"expected.{name}": found.raw for name, found in expectations(inputs, call).items()}
    arrays: dict[str, Any] = {name: _bits(raw) for name, raw in {**inputs.arrays, **expected}.items()}
    np.savez(folder / "arrays.npz", **arrays)
    facts = {
        "operation": inputs.op.name,
        "title": title,
        "repeat": repeat,
        "arguments": {n: {"format": inputs.formats[n].name, "shape": raw.shape} for n, raw in inputs.arrays.items()},
        "attributes": {name: _plain(value) for name, value in inputs.attributes.items()},
    }
    (folder / "call.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for implementation in implementations:
        text = script(inputs, call, implementation, device, title)
        (folder / f"{implementation.replace(':', '_')}.py").write_text(text, encoding="utf-8")


def script(inputs: Inputs, call: Call, implementation: str, device: str, title: str) -> str:
    """A Python program that makes the call."""
    framework, _, name = implementation.partition(":")
    op = inputs.op
    attributes = {a.name: source(a, inputs.attributes[a.name]) for a in op.attributes}
    passed = [a.name if a.name in inputs.arrays else "None" for a in op.inputs]
    words = [f"{key}={text}" for key, text in attributes.items() if text != "None"]
    mutated = [a.name for a in op.mutated if a.name in inputs.arrays]
    imports = {line for a in op.attributes for line in _imports(a, inputs.attributes[a.name])}
    filled = {
        "title": f"{title}, {implementation} on {device}.",
        "imports": "".join(f"{line}\n" for line in sorted(imports)),
        "loading": _loading(op),
        "device": _DEVICES.get(device, device) if framework == "jax" else device,
        "arguments": _arguments(inputs, framework),
        "call": f"{op.name}({', '.join((*passed, *words, f'implementation={name!r}'))})",
        "names": (*mutated, *(a.name for a in op.outputs if a.name in call.shapes)),
        "mutated": "".join(f"{name}, " for name in mutated),
        "wide": any(form.storage_bits == 64 for form in call.formats.values()),
    }
    return (_TORCH if framework == "torch" else _JAX).format(**filled) + _COMPARE


def _loading(op: Op) -> str:
    """Lines that register an operation of another package, unless that is installed."""
    source = specs.source(op.name)
    return f"\nimport specs\n\nspecs.load({source.name!r}, {source.folder!r})" if source.name else ""


_DEVICES = {"xpu": "oneapi"}


def _arguments(inputs: Inputs, framework: str) -> str:
    return "\n".join(
        f'{name} = {_function(framework)}("{name}", {_dtype(framework, inputs.formats[name])}'
        f"{_strides(inputs, name, framework)})  # {inputs.formats[name].name} {list(raw.shape)}"
        for name, raw in inputs.arrays.items()
    )


def _strides(inputs: Inputs, name: str, framework: str) -> str:
    """The memory order of an argument, where it is not the row-major one; JAX has no other."""
    return f", {inputs.strides[name]}" if framework == "torch" and inputs.strides.get(name) else ""


def _function(framework: str) -> str:
    return "tensor" if framework == "torch" else "array"


def _dtype(framework: str, form: ElementFormat) -> str:
    """A framework's dtype of a format, as a program writes it."""
    if framework == "torch":
        from torch_impl.formats import dtype_of as torch_dtype

        return str(torch_dtype(form))
    from jax_impl.formats import dtype_of as jax_dtype

    name = np.dtype(jax_dtype(form)).name
    return f"jnp.{'bool_' if name == 'bool' else name}"


def _bits(raw: Raw) -> Raw:
    return np.asarray(bit_view(raw).view(f"i{raw.dtype.itemsize}"))


# -- values as programs write them ---------------------------------------------------------------------------


def source(attribute: Attribute, value: object) -> str:
    """An attribute's value as an expression: formats and built-in layouts by name, other layouts as declared."""
    if isinstance(value, ElementFormat) or (isinstance(value, Paged) and value in attribute.choices):
        return repr(value.name)
    return _expression(value)


def _expression(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple):
        return f"({''.join(_expression(v) + ', ' for v in value)})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (f for f in dataclasses.fields(value) if f.init)
        return f"{type(value).__name__}({', '.join(f'{f.name}={_expression(getattr(value, f.name))}' for f in fields)})"
    return repr(value)


def _imports(attribute: Attribute, value: object) -> set[str]:
    """Import lines of the names in a value's expression."""
    if not isinstance(value, Paged) or value in attribute.choices:
        return set()
    return {f"from {module} import {name}" for module, name in _names(value)}


def _names(value: Any) -> set[tuple[str, str]]:
    if isinstance(value, tuple):
        return {name for part in value for name in _names(part)}
    if isinstance(value, Enum):
        return {(type(value).__module__, type(value).__name__)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = {(type(value).__module__, type(value).__name__)}
        return own.union(*(_names(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init))
    return set()


def _plain(value: object) -> object:
    """A value for JSON."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.name if isinstance(value, (ElementFormat, Paged)) else repr(value)
