"""Commands that do something again, and what another process has to load for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import specs
from specs.lang.declare.op import Op


def again(command: str, op: Op, *arguments: str) -> str:
    """A command about an operation, from any process: it loads what registers the operation."""
    source = specs.source(op.name).name
    loading = ["--load", source] if source else []
    return shlex.join(["python", "-m", "parity", *loading, command, op.name, *arguments])


def loading(op: Op) -> dict[str, Any]:
    """What a request to a child process holds so that the operation is there."""
    source = specs.source(op.name)
    return {"load": [source.name, source.folder]} if source.name else {}


def load(request: Mapping[str, Any]) -> None:
    """In the child, before it asks for the operation."""
    if request.get("load"):
        specs.load(*request["load"])
