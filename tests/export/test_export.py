"""The JSON form: complete enough to tell specs apart, stable, and what its schema says."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jsonschema
import numpy as np
import pytest

import specs
from parity.judge.inputs import Raw
from parity.write.schema import SCHEMA_FILE, schema, schema_text
from specs.cache.layouts import ALL as LAYOUTS
from specs.export import content_hash, to_dict, to_json
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.kernel import Access, Role, Tunable
from specs.lang.declare.members import encode
from specs.lang.declare.members import json_schema as json_schema_of
from specs.lang.declare.op import Case, Op
from specs.lang.declare.terms import LAYOUT_FACTS
from specs.lang.formats.elements import ALL, E5M2, F32, ElementFormat, Overflow
from specs.lang.formats.paged import Field as PagedField
from specs.lang.formats.paged import Paged
from tests.export.sample import TILE, M, N, doubled_by_another_author, sample, tripled
from tests.rules.source import ROOT

NAMES = specs.names()


@pytest.mark.parametrize("name", NAMES)
def test_export_is_what_the_checked_in_schema_says(name: str) -> None:
    schema = json.loads((ROOT / SCHEMA_FILE).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(to_dict(specs.get(name)))


@pytest.mark.parametrize("name", NAMES)
def test_export_survives_json(name: str) -> None:
    op = specs.get(name)
    assert json.loads(to_json(op)) == to_dict(op)


def test_checked_in_schema_is_up_to_date() -> None:
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text(), "run: make golden"


def objects(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object that the schema defines."""
    yield "Op", whole
    yield from whole["$defs"].items()


def test_a_new_field_of_a_declaration_is_exported_and_described() -> None:
    """One edit: the field and the docstring under it."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Measured(Tunable):
        best: int = 0
        """Fastest value."""

    assert encode(Measured(name="TILE", values=(1, 2), best=2), Tunable)["best"] == 2
    described = json_schema_of(Measured)["properties"]["best"]
    assert described == {"type": "integer", "description": "Fastest value."}


def test_a_field_without_a_docstring_is_noticed() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Silent(Tunable):
        best: int = 0

    assert not json_schema_of(Silent)["properties"]["best"]["description"]


def test_every_field_is_described_and_no_other_is_allowed() -> None:
    for name, described in objects(schema()):
        assert described["additionalProperties"] is False, name
        assert set(described["required"]) == set(described["properties"]), name
        for field, form in described["properties"].items():
            assert form.get("description"), f"{name}.{field}"


def broken(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The sample's form with one mistake in it."""
    form = json.loads(to_json(sample()))
    change(form)
    return form


@pytest.mark.parametrize(
    "change",
    [
        lambda form: form.pop("doc"),
        lambda form: form.update(unknown=1),
        lambda form: form["arrays"][0].update(access="sideways"),
        lambda form: form["arrays"][0].update(role="Data"),
        lambda form: form["arrays"][0]["layout"].update(inner="diagonal"),
        lambda form: form["formats"]["f32"].update(overflow="wrap"),
        lambda form: form["formats"]["f32"].pop("nan"),
        lambda form: form["cases"][0]["sizes"].update(M=-1),
        lambda form: form.update(content_hash="0"),
        lambda form: form.update(schema_version=0),
    ],
)
def test_mistakes_are_reported(change: Callable[[dict[str, Any]], None]) -> None:
    form = broken(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(form, schema())


def test_hash_is_that_of_the_rest() -> None:
    form = to_dict(sample())
    given = form.pop("content_hash")
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert given == hashlib.sha256(text.encode()).hexdigest()


def with_kernel(op: Op, **changes: Any) -> Op:
    """The operation with its kernel changed."""
    (step,) = op.steps
    return replace(op, steps=(replace(step, kernel=replace(step.kernel, **changes)),))


def with_array(op: Op, further: Mapping[str, Accuracy] | None = None, **changes: Any) -> Op:
    """The operation with its first argument changed, in its kernel as well. further: contracts of results it gains."""
    arrays = (replace(op.arrays[0], **changes), *op.arrays[1:])
    accuracy = (*op.accuracy, *(further or {}).items())
    return replace(with_kernel(op, arrays=arrays), arrays=arrays, accuracy=accuracy)


SATURATING = replace(F32, overflow=Overflow.SATURATE)

CHANGES: dict[str, Callable[[Op], Op]] = {
    "doc": lambda op: replace(op, doc="Other."),
    "version": lambda op: replace(op, version=2),
    "accuracy": lambda op: replace(op, accuracy=(("y", Accuracy(terms=N, extra=1)),)),
    "role": lambda op: with_array(op, role=Role.INDEX),
    "access": lambda op: with_array(op, {"x": Accuracy(exact=True)}, access=Access.INOUT),
    "constraint": lambda op: replace(op, constraints=()),
    "case": lambda op: replace(op, cases=(Case(name="small", sizes=(("M", 4), ("N", 40))),)),
    "axis": lambda op: replace(op, axes=(replace(M, maximum=9), N)),
    "attribute": lambda op: replace(with_kernel(op, attributes=()), attributes=()),
    "optional": lambda op: with_array(op, optional=True),
    "shape": lambda op: with_array(op, shapes=((M, N),)),
    "format": lambda op: with_array(op, formats=(F32, E5M2)),
    "rule of a format": lambda op: with_array(op, formats=(SATURATING,)),
    "tunable": lambda op: with_kernel(op, tunables=(Tunable(name="TILE", values=(TILE, 2 * TILE)),)),
    "fact": lambda op: with_kernel(op, static_conditions=()),
    "grid": lambda op: with_kernel(op, grid=(M, 1)),
    "tile program": lambda op: with_kernel(op, body=tripled),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_changes_the_hash(change: str) -> None:
    assert content_hash(CHANGES[change](sample())) != content_hash(sample())


def program(op: Op) -> Any:
    """What the form says of the tile program."""
    return to_dict(op)["steps"][0]["program"]


def test_program_hash_knows_operations_not_names() -> None:
    assert program(sample(doubled_by_another_author)) == program(sample())
    assert program(sample(tripled)) != program(sample())


EXPRESSION_CALLS = {"cdiv", "max", "min"}


def expressions(form: dict[str, Any]) -> Iterator[str]:
    """Every expression in a form."""
    for owner in (form, *form["kernels"]):
        for array in (*owner["arrays"], *owner.get("temporaries", ())):
            chosen = [] if array["shapes_by"] is None else list(array["shapes_by"]["choices"].values())
            for shape in (*array["shapes"], *(shape for shapes in chosen for shape in shapes)):
                yield from (dim.removeprefix("..") for dim in shape)
    yield from (constraint["holds"] for constraint in form["constraints"])
    yield from (contract["terms"] for contract in form["accuracy"] if contract["terms"] is not None)
    for step in form["steps"]:
        yield from [step["when"]] if step["when"] is not None else []
        settings = step["attributes"].values()
        yield from (setting["expression"] for setting in settings if setting["expression"] is not None)
    for kernel in form["kernels"]:
        yield from (*kernel["static_conditions"].values(), *kernel["grid"])
        rows = [row for rows in kernel["configs"].values() for row in rows]
        yield from (row["when"] for row in rows if row["when"] is not None)


def names_known(form: dict[str, Any]) -> set[str]:
    """Names that expressions of a form may use."""
    known: set[str] = set()
    # Conditions of a kernel's configurations may be about its own arrays, which a composite's call does not have.
    for owner in (form, *form["kernels"]):
        known |= {f"has_{array['name']}" for array in owner["arrays"] if array["optional"]}
        known |= {f"{array['name']}_format" for array in owner["arrays"]}
        known |= {item["name"] for key in ("axes", "attributes", "tunables") for item in owner.get(key, ())}
        layouts = [item["name"] for item in owner["attributes"] if item["kind"] == "layout"]
        known |= {f"{name}_{fact}" for name in layouts for fact in LAYOUT_FACTS}
    return known


@pytest.mark.parametrize("name", NAMES)
def test_expressions_are_python_over_known_names(name: str) -> None:
    form = to_dict(specs.get(name))
    known = names_known(form) | EXPRESSION_CALLS | set(form["formats"])
    for text in expressions(form):
        tree = ast.parse(text, mode="eval")
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used <= known, text


@pytest.mark.parametrize("name", NAMES)
def test_every_format_that_is_named_is_described(name: str) -> None:
    form = to_dict(specs.get(name))
    named = {text for owner in (form, *form["kernels"]) for array in owner["arrays"] for text in array["formats"]}
    named |= {text for case in form["cases"] for text in case["formats"].values()}
    for owner in (form, *form["kernels"]):
        for attribute in owner["attributes"]:
            named |= set(attribute["choices"]) if attribute["kind"] == "format" else set()
    for layout in form["layouts"].values():
        blocks = [field["format"] for field in layout["fields"]]
        named |= {text for block in blocks for text in (block["element"], block["scale"]) if text is not None}
    assert named <= set(form["formats"])


CACHES = [name for name in NAMES if to_dict(specs.get(name))["layouts"]]


@pytest.mark.parametrize("name", CACHES)
def test_every_layout_that_is_named_is_described(name: str) -> None:
    form = to_dict(specs.get(name))
    owners = (form, *form["kernels"])
    attributes = [item for owner in owners for item in owner["attributes"] if item["kind"] == "layout"]
    assert attributes
    named = {text for attribute in attributes for text in (attribute["default"], *attribute["choices"])}
    named |= {value for case in form["cases"] for value in case["attributes"].values() if value in form["layouts"]}
    assert named - {None} == set(form["layouts"])
    keywords = {attribute["name"] for attribute in form["attributes"]}
    for owner in owners:
        for array in owner["arrays"]:
            if array["layout"]["kind"] == "pages":
                assert {array["layout"]["layout"], array["layout"]["block_size"]} <= keywords
                assert array["layout"]["rows"] in {axis["name"] for axis in owner["axes"]}
    for case in form["cases"]:
        assert case["attributes"].get("layout", "v4") in form["layouts"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_page_can_be_read_by_its_description(layout: Paged, rng: np.random.Generator) -> None:
    """Values of a row, found with nothing but the offsets and formats of the JSON form."""
    form = to_dict(specs.get("dequant_gather_k"))
    told = form["layouts"][layout.name]
    rows, row = 5, 3
    page = layout.encode(rng.standard_normal((rows, told["width"])))
    assert page.size == rows * told["row_bytes"]
    data = row * told["row_stride"]
    share = data if told["scales"] == "after_codes" else rows * told["row_stride"] + row * told["share"]
    values = [read_field(field, page[data:], page[share:], form["formats"]) for field in told["fields"]]
    want = layout.decode(page, rows)[row]
    assert np.array_equal(np.concatenate(values), want)


def read_field(field: dict[str, Any], data: Raw, scales: Raw, formats: dict[str, Any]) -> Raw:
    """One field's values, float64."""
    block = field["format"]
    codes = data[field["byte"] : field["byte"] + field["code_bytes"]]
    if block["packing"] is not None:
        assert block["packing"]["order"] == "low_first"
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(-1)
    values = element_of(block["element"], formats).decode(words(codes, formats[block["element"]]["storage_bits"]))
    if block["scale"] is None:
        return values
    own = scales[field["scale_byte"] : field["scale_byte"] + field["scale_bytes"]]
    factors = element_of(block["scale"], formats).decode(words(own, formats[block["scale"]]["storage_bits"]))
    return values * np.repeat(factors, block["group"])


def words(raw: Raw, bits: int) -> Raw:
    """Bytes as little-endian words."""
    return np.ascontiguousarray(raw).view(f"<u{bits // 8}")


def element_of(name: str, formats: dict[str, Any]) -> ElementFormat:
    """The element format, which the form describes as well."""
    form = next(form for form in ALL if form.name == name)
    assert formats[name]["bits"] == form.bits
    return form


def with_layout(op: Op, **changes: Any) -> Op:
    """The operation with its default cache layout changed, wherever it is named."""
    (step,) = op.steps
    old = op.attribute("layout").default
    assert isinstance(old, Paged)
    new = replace(old, **changes)
    attributes = tuple(
        replace(a, default=new, choices=tuple(new if c is old else c for c in a.choices)) if a.kind is Paged else a
        for a in op.attributes
    )
    kernel = replace(step.kernel, attributes=attributes)
    return replace(op, attributes=attributes, steps=(replace(step, kernel=kernel),))


LAYOUT_CHANGES: dict[str, Callable[[Paged], dict[str, Any]]] = {
    "page multiple": lambda _: {"page_multiple": 1},
    "columns summed up": lambda _: {"values": 64},
    "padding": lambda _: {"scale_bytes": 12},
    "floor": lambda paged: {"fields": (with_floor(paged.fields[0]), *paged.fields[1:])},
    "order of fields": lambda paged: {"fields": paged.fields[::-1]},
}


def with_floor(field: PagedField) -> PagedField:
    """A field whose groups are scaled for larger values."""
    return replace(field, format=replace(field.format, amax_floor=1.0))


@pytest.mark.parametrize("change", LAYOUT_CHANGES)
def test_every_change_of_a_layout_changes_the_hash(change: str) -> None:
    op = replace(specs.get("dequant_gather_k"), cases=())
    layout = op.attribute("layout").default
    assert isinstance(layout, Paged)
    changed = with_layout(op, **LAYOUT_CHANGES[change](layout))
    assert content_hash(changed) != content_hash(op)


def test_format_rules_are_those_of_the_element() -> None:
    described = to_dict(sample())["formats"]["f32"]
    rules = {name: described[name] for name in ("bits", "bias", "exponent_bits", "mantissa_bits", "subnormals")}
    assert rules == {name: getattr(F32, name) for name in rules}
    assert described["max_finite"] == F32.max_finite
    assert isinstance(F32, ElementFormat)


def test_a_logarithm_is_not_promised_to_be_exact() -> None:
    assert to_dict(sample())["accuracy"][0]["exact_for_exact_sums"] is True
    approximate = sample(accuracy=(("y", Accuracy(terms=N, extra=1, exact_for_exact_sums=False)),))
    assert to_dict(approximate)["accuracy"][0]["exact_for_exact_sums"] is False


def test_the_formula_names_its_parts() -> None:
    assert Accuracy(exact=True).formula() == "bytes equal the oracle's"
    assert "(N + 3) u_acc" in Accuracy(terms=N, extra=3).formula()


PROGRAM = "import specs; from specs.export import to_json; print(*map(to_json, map(specs.get, specs.names())))"


def test_export_is_the_same_in_every_process(subprocess_environment: Callable[..., dict[str, str]]) -> None:
    """There and here, with hashes of its own."""
    text = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=subprocess_environment(PYTHONHASHSEED="7"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert text == " ".join(to_json(specs.get(name)) for name in NAMES) + "\n"
    assert not re.search(r"0x[0-9a-f]{8,}>|\bobject at\b", text), "an address depends on the process"
