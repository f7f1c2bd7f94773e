"""docs/ops.md: all operations in one table, then each with its arguments, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from parity.show.describe import Row, Section, call_text, sections
from parity.write.sources import golden_paths
from specs.docstring import NO_OUT, runnable_example
from specs.export import BOUND_SYMBOLS
from specs.lang.call.signature import formats_text
from specs.lang.declare.op import Op

INTRODUCTION = """\
<!-- Written by `python -m parity emit --all --write`: do not edit. -->
# Operations

The same names, arguments and order in `torch_impl.ops` and `jax_impl.ops`. In shapes, `..M` is any number of leading
dimensions whose sizes multiply to M, and `cdiv(a, b)` is a / b rounded up. Accuracy is elementwise, against the float64
oracle. `python -m parity show OP` prints the kernels, cases and costs of an operation as well.

In torch every operation with results also takes `out=`: a tensor, or a tuple with one entry per result (None: allocate
it), that the kernels write into directly, whatever its outer strides. JAX has no `out=`: {no_out}.

The examples run as they are (`pip install "twinkernels[jax,parity]"`). With `torch_impl.ops` and
`example_arrays(OP, "torch")` they run in torch, where arguments that are written in place are not returned.

{symbols}.
"""


def op_table(ops: Sequence[Op]) -> str:
    """The page."""
    rows = tuple(
        (
            f"[`{op.name}`](#{op.name})",
            op.family,
            op.doc,
            ", ".join(f"{a.name}: {formats_text(a)}" for a in op.inputs),
            ", ".join(f"{a.name}: {formats_text(a)}" for a in (*op.mutated, *op.outputs)),
            str(len(op.cases)),
        )
        for op in ops
    )
    columns = ("operation", "family", "what", "arguments", "results", "cases")
    introduction = INTRODUCTION.format(symbols=BOUND_SYMBOLS, no_out=NO_OUT)
    return "\n".join([introduction, *table(columns, rows), *(line for op in ops for line in _op(op))]) + "\n"


def page(op: Op) -> str:
    """One operation, for the documentation of its package."""
    return "\n".join([*_described(op)[1:], "", f"{BOUND_SYMBOLS}."]) + "\n"


def _op(op: Op) -> list[str]:
    links = [f"[`{path}`](../{path})" for path in golden_paths(op)]
    return [*_described(op), "", f"Generated source: {', '.join(links)}."]


def _described(op: Op) -> list[str]:
    lines = ["", f"## {op.name}", "", op.doc]
    if op.definition:
        lines += ["", *op.definition.strip("\n").split("\n")]
    if op.source:
        lines += ["", f"Source: {op.source}."]
    lines += ["", "```python", call_text(op), "```"]
    for section in sections(op):
        lines += ["", *_section(section)]
    return [*lines, "", "**Example**", "", "```python", *runnable_example(op), "```"]


def _section(section: Section) -> list[str]:
    return [f"**{section.title}**", "", *table(section.columns, section.rows)]


def table(columns: Row, rows: Sequence[Row]) -> list[str]:
    """A Markdown table."""
    return [_row(columns), _row(("---",) * len(columns)), *(_row(row) for row in rows)]


def _row(cells: Row) -> str:
    # A pipe ends a cell, even in code.
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
