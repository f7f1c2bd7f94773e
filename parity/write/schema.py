"""JSON Schema of the JSON form of an operation, from the same walk over the declarations (`specs.export`)."""

from __future__ import annotations

import json

from specs.export import Json
from specs.lang.declare.members import json_schema
from specs.lang.declare.op import Op

SCHEMA_FILE = "docs/spec.schema.json"


def schema() -> Json:
    """JSON Schema of the form; every property is required, and no other is allowed."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema(Op)}


def schema_text() -> str:
    """The schema as the checked-in file has it."""
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"
