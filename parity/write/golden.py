"""Everything that is generated and checked in, as text: golden sources, stubs, the operation table, the schema.

    torch_impl/generated/OP.py     Triton source of the operation's golden case on CUDA; OP_KERNEL.py where an
    jax_impl/generated/OP.py       operation has several steps, and the Pallas source of the same case
    torch_impl/generated/gluon/    Gluon source of a few operations, of cases with many rows
    */generated/__init__.py        sha256 of the specs that the sources were made from
    torch_impl/ops.pyi  jax_impl/ops.pyi  docs/ops.md  docs/tile-language.md  docs/gguf.md
    docs/spec.schema.json

Nothing here imports a framework: emitters only write text.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import specs
from parity.write.block_table import block_page
from parity.write.op_table import op_table
from parity.write.schema import SCHEMA_FILE, schema_text
from parity.write.sources import Files, all_emitters, chosen_sources, emitters, golden_sources
from parity.write.stubs import STUBS, stub
from parity.write.tile_page import tile_page
from specs.export import content_hash
from specs.lang.declare.op import Op

ROOT: Final = Path(__file__).resolve().parents[2]


def golden_files() -> Files:
    """Every generated file of the repository, by path from its root."""
    ops = [specs.get(name) for name in specs.built_in()]
    files: Files = {}
    for emitter in emitters().values():
        files[emitter.folder / "__init__.py"] = _index(emitter.folder.parts[0], ops)
    for emitter in all_emitters().values():
        title = f'"""Sources of `{emitter.name}` for chosen cases: read them, import them nowhere."""\n'
        files.setdefault(emitter.folder / "__init__.py", title)
    for op in ops:
        files |= golden_sources(op) | chosen_sources(op)
    for framework in STUBS:
        files[framework.path] = stub(framework, ops)
    files[PurePosixPath("docs/ops.md")] = op_table(ops)
    files[PurePosixPath("docs/tile-language.md")] = tile_page()
    files[PurePosixPath("docs/gguf.md")] = block_page()
    files[PurePosixPath(SCHEMA_FILE)] = schema_text()
    return files


def _index(package: str, ops: Sequence[Op]) -> str:
    """Module of a package's golden sources: the hash of every spec, here alone, as it changes with every word."""
    hashes = [f'    "{op.name}": "{content_hash(op)}",' for op in ops]
    head = f'"""Golden sources of `{package}`: read them, import them nowhere."""'
    return "\n".join([head, "", "SPEC_SHA256 = {", *hashes, "}"]) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A file that is not what the specs give. `expected` is None for a file that nothing generates any more."""

    path: PurePosixPath
    actual: str | None
    expected: str | None

    @property
    def problem(self) -> str:
        """The problem with the file."""
        if self.actual is None:
            return "is missing"
        return "is no longer generated" if self.expected is None else "differs from what the specs give"

    def diff(self) -> str:
        """Unified diff from the file to what it should be; ends with a newline."""
        before, after = ((text or "").splitlines(keepends=True) for text in (self.actual, self.expected))
        return "".join(difflib.unified_diff(before, after, f"a/{self.path}", f"b/{self.path}"))


def stale(files: Files, root: Path = ROOT) -> list[Stale]:
    """Files under `root` that differ from `files`, and golden sources that are not among them."""
    found = []
    for path, expected in files.items():
        actual = _read(root / path)
        if actual != expected:
            found.append(Stale(path=path, actual=actual, expected=expected))
    for emitter in all_emitters().values():
        for file in sorted((root / emitter.folder).glob("*.py")):
            path = emitter.folder / file.name
            if path not in files:
                found.append(Stale(path=path, actual=_read(file), expected=None))
    return found


def write(found: list[Stale], root: Path = ROOT) -> None:
    """Brings the files up to date, those that nothing generates removed."""
    for item in found:
        file = root / item.path
        if item.expected is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(item.expected, encoding="utf-8")


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
