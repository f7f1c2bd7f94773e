"""Records: what a verdict becomes, and the border to JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

from parity.judge.compare import Exact
from parity.record.json import dump_schema, from_json, json_schema, to_json
from parity.record.records import STATUSES, CaseResult, DataKind, RunRecord, judged
from specs.lang.formats.elements import F32
from tests.report.sample import record

TEXTS = {"op": "o", "case": "c", "pair": "p", "shape": "s", "formats": "f"}


def _judged(actual: float, data: DataKind) -> CaseResult:
    one = np.ones(3, np.float32)
    verdict = Exact(expected=one, element=F32).compare(one * np.float32(actual))
    return judged(verdict, op="o", case="c", pair="p", shape="s", formats="f", data=data)


def test_a_verdict_becomes_a_result() -> None:
    assert _judged(1.0, "exact").bit_identical == "identical"
    assert _judged(2.0, "exact").bit_identical == "differs"
    assert _judged(1.0, "random").bit_identical == "not applicable"
    failed = _judged(2.0, "random")
    assert (failed.status, failed.bound_share) == ("failed", float("inf"))
    assert failed.reason.startswith("3 of 3 elements")
    assert len(failed.pictures.worst) == 3
    assert _judged(1.0, "random").reason == ""


def test_counts_show_every_status() -> None:
    sample = record()
    assert tuple(sample.counts) == STATUSES
    assert sample.counts == {"passed": 5, "failed": 3, "flushed": 0, "unsupported": 1, "not run": 2}
    assert sum(len(found) for found in sample.by_op.values()) == len(sample.results)
    assert next(iter(sample.by_op)) == "fp8_gemm"


def test_json_round_trip_changes_nothing() -> None:
    text = to_json(record())
    again = from_json(text)
    assert to_json(again) == text
    assert again.models == record().models
    assert isinstance(again.results[0], CaseResult)
    assert isinstance(again.results[0].pictures.worst, tuple)


def test_json_has_no_numbers_that_json_does_not_know() -> None:
    text = to_json(record())

    def refuse(name: str) -> None:
        raise AssertionError(f"bare {name} in the file")

    raw = json.loads(text, parse_constant=refuse)
    special = next(result for result in raw["results"] if result["case"] == "overflow <&>")
    assert special["bound_share"] == "Infinity"
    assert special["pictures"]["worst"][0]["actual"] == "NaN"
    assert special["pictures"]["worst"][1]["actual"] == "-Infinity"
    values = from_json(text).results[4].pictures.worst
    assert np.isnan(values[0].actual)
    assert values[1].actual == float("-inf")


def test_the_same_content_gives_the_same_text() -> None:
    sample = record()
    turned = replace(sample, versions=dict(reversed(sample.versions.items())))
    assert to_json(turned) == to_json(sample) == to_json(record())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", "many"),
        ("surprise", 1),
        ("results", [{"op": "o"}]),
        ("results", [{**TEXTS, "status": "fine"}]),
    ],
)
def test_what_is_not_a_record_is_refused(path: str, value: object) -> None:
    raw = json.loads(to_json(record()))
    raw[path] = value
    with pytest.raises(ValueError, match=path):
        from_json(json.dumps(raw))


def test_the_schema_accepts_the_file_and_describes_every_field() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(to_json(record())), schema)
    broken = json.loads(to_json(record()))
    broken["results"][0]["status"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)
    objects: list[dict[str, Any]] = [schema, *schema["$defs"].values()]
    silent = [
        f"{thing['title']}.{name}"
        for thing in objects
        for name, field in thing.get("properties", {}).items()
        if not field.get("description")
    ]
    assert silent == []
    assert json.loads(dump_schema()) == schema


def test_an_empty_run_is_a_record() -> None:
    empty = RunRecord(started="", command="", seed=0, seconds=0.0, environment={}, versions={}, spec_hashes={})
    assert from_json(to_json(empty)) == empty
    assert set(empty.counts.values()) == {0}
