"""Files of measured configurations: JSON, per device and implementation, a class of calls a line."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from specs.lang.errors import SpecError
from specs.tuned.rows import Measured, Place, Row

VERSION: Final = 1
"""Of the layout of the file; files of a newer one are not read."""


def default_file() -> Path | None:
    """~/.config/twinkernels/tuned.json; None where the user has no home folder."""
    try:
        return Path.home() / ".config" / "twinkernels" / "tuned.json"
    except RuntimeError:
        return None


def read(file: Path) -> Measured:
    """The table in a file.

    Raises:
        OSError: it cannot be read.
        SpecError: it is no table of measured configurations, or one of a newer version.
    """
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        version = data["version"]
        if isinstance(version, int) and version > VERSION:
            raise SpecError(f"version {version} of the file is newer than {VERSION}", hint="upgrade twinkernels")
        if version != VERSION:
            raise SpecError(f"expected version {VERSION}, got {version!r}")
        return Measured(
            rows={
                (Place(device=device, implementation=implementation), name): _row(row)
                for device, implementations in data["devices"].items()
                for implementation, rows in implementations.items()
                for name, row in rows.items()
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"this is no file of `parity tune` ({type(error).__name__}: {error})") from error


def _row(data: dict[str, Any]) -> Row:
    values = {str(name): value for name, value in data["values"].items()}
    least, most = data["range"]
    if not all(type(value) is int for value in values.values()):
        raise ValueError(f"tunables are integers, got {values}")
    return Row(values=values, ratio=float(data["ratio"]), least=float(least), most=float(most), case=str(data["case"]))


def save(table: Measured, path: Path | str | None = None) -> Path:
    """Merges a table into a file: of two rows for the same calls the one with the smaller ratio. Returns the file.

    Args:
        path: None for the user's file.

    Raises:
        OSError: it cannot be written.
        SpecError: the existing file is none of ours, or of a newer version; it stays as it is.
    """
    file = default_file() if path is None else Path(path)
    if file is None:
        raise SpecError("this user has no home folder", hint="name a file")
    merged = (read(file) if file.exists() else Measured()) | table
    file.parent.mkdir(parents=True, exist_ok=True)
    # Written whole or not at all: another process may read it now.
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text(merged))
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return file


def text(table: Measured) -> str:
    """A table as its file has it."""
    devices: dict[str, dict[str, list[str]]] = {}
    for (place, name), row in sorted(
        table.rows.items(), key=lambda each: (each[0][0].device, each[0][0].implementation)
    ):
        data = {"values": dict(row.values), "ratio": row.ratio, "range": [row.least, row.most], "case": row.case}
        lines = devices.setdefault(place.device, {}).setdefault(place.implementation, [])
        lines.append(f"    {json.dumps(name)}: {json.dumps(data)}")
    parts = []
    for device, implementations in devices.items():
        inner = [
            f"   {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n   }" for name, lines in implementations.items()
        ]
        parts.append(f"  {json.dumps(device)}: {{\n" + ",\n".join(inner) + "\n  }")
    return f'{{\n "version": {VERSION},\n "devices": {{\n' + ",\n".join(parts) + "\n }\n}\n"
