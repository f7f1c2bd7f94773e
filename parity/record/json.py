"""The border between run records and JSON.

Field names are the dataclasses', in their order; mappings are sorted by key; infinities and NaN are
the strings "Infinity", "-Infinity" and "NaN"; unknown fields are refused. The same record always gives the
same text.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from parity.record.records import RunRecord


class _Schema(GenerateJsonSchema):
    """Says that a float may also be one of the three strings."""

    def float_schema(self, schema: Any) -> JsonSchemaValue:
        """A number, or the name of a value that JSON has no number for."""
        return {"anyOf": [super().float_schema(schema), {"enum": ["Infinity", "-Infinity", "NaN"]}]}


@cache
def _adapter() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)


def to_json(record: RunRecord) -> str:
    """The record as JSON text that ends with a newline."""
    return _adapter().dump_json(record, indent=1).decode() + "\n"


def from_json(text: str | bytes) -> RunRecord:
    """The record that `to_json` wrote.

    Raises:
        pydantic.ValidationError: a ValueError that names every field that is missing, unknown or of a wrong
            type.
    """
    return _adapter().validate_json(text)


def json_schema() -> dict[str, Any]:
    """JSON schema of the file, every field described."""
    return _adapter().json_schema(mode="serialization", schema_generator=_Schema)


def dump_schema() -> str:
    """The schema as JSON text that ends with a newline."""
    return json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"
