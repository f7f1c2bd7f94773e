"""The examples of every operation run, in docstrings in both frameworks, and give the arrays that they say."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import specs
from parity.examples import example_arrays
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


PAGE = (Path(__file__).parents[2] / "docs" / "ops.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"\n## (\w+)\n(?:(?!\n## ).)*\*\*Example\*\*\n\n```python\n(.*?)```", PAGE, re.DOTALL))


@pytest.mark.parametrize("name", specs.built_in())
def test_example_of_the_page_runs(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(BLOCKS[name], namespace)  # noqa: S102 - what a reader would paste
    told = {n: (form, shape) for line in BLOCKS[name].split("\n") for n, form, shape in comments(line)}
    assert set(told) <= set(namespace)
    found = {n: frameworks.from_jax(namespace[n]) for n in told}
    assert {n: (result.form.name, list(result.raw.shape)) for n, result in found.items()} == told


def comments(line: str) -> list[tuple[str, str, list[int]]]:
    """Name, format and shape of a comment such as "# a: e4m3 [1, 384]"."""
    found = re.fullmatch(r"# (\w+): (\w+) \[([\d, ]*)\]", line)
    return [] if found is None else [(found[1], found[2], [int(size) for size in found[3].split(",") if size.strip()])]


@pytest.mark.parametrize(("op", "framework", "error"), [("no_op", "jax", KeyError), ("bmm", "numpy", ValueError)])
def test_arrays_of_no_operation_or_framework(op: str, framework: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{op}|{framework}"):
        example_arrays(op, framework)


def described(text: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Format and shape by name, of arrays that are written as "a e4m3 [1, 384]"."""
    pairs = re.findall(r"(\w+) (\w+) \[([\d, ]*)\]", " ".join(text.split()))
    return {name: (form, tuple(int(size) for size in sizes.split(",") if size.strip())) for name, form, sizes in pairs}
