"""The example of every public docstring runs, in both frameworks, and gives the arrays that it says."""

from __future__ import annotations

import doctest
import importlib
import re
from typing import Any

import pytest

import specs
from parity.judge import frameworks
from parity.judge.inputs import generate
from specs.docstring import example_case

CONVERT: dict[str, tuple[Any, Any]] = {
    "torch_impl": (frameworks.to_torch, frameworks.from_torch),
    "jax_impl": (frameworks.to_jax, frameworks.from_jax),
}


@pytest.mark.parametrize("name", specs.names())
@pytest.mark.parametrize("package", CONVERT)
def test_example_runs(package: str, name: str) -> None:
    op, ops = specs.get(name), importlib.import_module(f"{package}.ops")
    there, back = CONVERT[package]
    text = getattr(ops, name).__doc__.partition("\nExample:\n")[2]
    (example,) = doctest.DocTestParser().get_examples(text)
    inputs = generate(op, example_case(op), "exact", 0)
    given: dict[str, Any] = {n: there(raw, inputs.formats[n]) for n, raw in inputs.arrays.items()}
    told, results = (described(part) for part in text.split(">>>"))
    assert told == {n: (inputs.formats[n].name, raw.shape) for n, raw in inputs.arrays.items()}
    namespace = {name: getattr(ops, name), **given}
    exec(example.source, namespace)  # noqa: S102 - what a reader would paste
    found = {n: back(namespace[n]) for n in results}
    assert {n: (result.form.name, result.raw.shape) for n, result in found.items()} == results


def described(text: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Format and shape by name, of arrays that are written as "a e4m3 [1, 384]"."""
    pairs = re.findall(r"(\w+) (\w+) \[([\d, ]*)\]", " ".join(text.split()))
    return {name: (form, tuple(int(size) for size in sizes.split(",") if size.strip())) for name, form, sizes in pairs}
