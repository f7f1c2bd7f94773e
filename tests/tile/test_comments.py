"""Comments, meanings of numbers and the width of lines in generated sources."""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jax_impl.pallas.emitter import emit as emit_pallas
from specs.lang.formats.elements import F32, INT32
from specs.tile.emit.comments import comments_of
from specs.tile.emit.numerals import meaning_of_bits, meaning_of_float, meaning_of_integer
from specs.tile.emit.triton import emit as emit_triton
from specs.tile.emit.wrapping import WIDTH, wrapped
from specs.tile.ir import Program
from specs.tile.language import arange, load, maximum, store
from specs.tile.passes.legalise import legalise
from specs.tile.targets import PALLAS_CUDA, TRITON_CUDA, Target
from tests.rules.source import ROOT
from tests.tile.kernels import program_of, tiny

EMITTERS = pytest.mark.parametrize(
    ("emit", "target"), [(emit_triton, TRITON_CUDA), (emit_pallas, PALLAS_CUDA)], ids=["triton", "pallas"]
)
Emit = Callable[[Program], str]
X = {"x": np.zeros(16, np.float32)}


def annotated(p: Any) -> None:
    """A body whose author explains what it does."""
    column = arange(16)
    # The rows are few: one load
    # takes them all.
    x = load(p.x, (column,))

    # Nothing stands right below this.

    if x.element == F32:  # always
        doubled = x * 2.0  # noqa: F841
    y = x * (1.0 / 448)  # "#" in a string is none
    store(p.y, (column,), y + y)


def _source(emit: Emit, target: Target, body: Callable[[Any], None]) -> str:
    op = tiny(body, {"x": ((16,), F32)}, {"y": ((16,), F32)})
    return emit(legalise(program_of(op, X), target))


@EMITTERS
def test_the_authors_comments_stand_above_their_statement_once(emit: Emit, target: Target) -> None:
    lines = [line.strip() for line in _source(emit, target, annotated).splitlines()]
    load_line = next(i for i, line in enumerate(lines) if line.startswith(("x = tl.load", "x = plgpu.load")))
    assert lines[load_line - 2 : load_line] == ["# The rows are few: one load", "# takes them all."]
    scaled = next(i for i, line in enumerate(lines) if line.startswith("y = x * "))
    assert lines[scaled - 1] == '# "#" in a string is none'
    for comment in ("# takes them all.", '# "#" in a string is none'):
        assert lines.count(comment) == 1
    assert not [line for line in lines if "noqa" in line or "right below" in line]


def by_tokenize(text: str) -> dict[int, tuple[tuple[int, str], ...]]:
    """Comments by line as Python's own tokens have them; slow."""
    found: dict[int, tuple[tuple[int, str], ...]] = {}
    above: list[tuple[int, str]] = []
    beside: list[tuple[int, str]] = []
    start, last = 0, ""
    quiet = (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            (beside if start else above).append((line, token.string.lstrip("# ").rstrip()))
        elif token.type == tokenize.NL:
            above = above if start or token.line.strip() else []
        elif token.type == tokenize.NEWLINE:
            if above or beside:
                found |= dict.fromkeys(range(start, line + 1), (*above, *beside))
            above, beside, start = [*above, *beside] if last == ":" else [], [], 0
        elif token.type not in quiet:
            start, last = start or line, token.string
    return found


def test_comments_are_those_that_python_sees() -> None:
    """In every file of the specs; comments for tools have no text left."""
    files = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "specs").rglob("*.py"))]
    compared = 0
    for file in files:
        expected = by_tokenize((ROOT / file).read_text(encoding="utf-8"))
        found = comments_of(file)
        tools = ("noqa", "type:", "fmt:", "--", "pragma")
        plain = {
            line: comments
            for line, comments in expected.items()
            if not any(tool in text for _, text in comments for tool in tools)
        }
        assert {line: found.get(line) for line in plain} == plain, file
        assert set(found) <= set(expected), file
        compared += len(plain)
    assert compared > 100


@pytest.mark.parametrize("file", ["nowhere.py", "<string>", "/etc/hostname", "../nowhere.py", ""])
def test_a_source_that_cannot_be_read_has_no_comments(file: str) -> None:
    assert comments_of(file) == {}


def test_what_is_no_python_does_no_harm(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_bytes(b"x = (1  # open\n'''\xff")
    assert comments_of(str(broken)) == {}
    broken = tmp_path / "half.py"
    broken.write_text('x = ((1 + 2)))  # closed twice\ny = """open # no comment', encoding="utf-8")
    assert dict(comments_of(str(broken))) == {1: ((1, "closed twice"),)}


FLOATS: Mapping[float, str | None] = {
    2.0**-127: "2**-127",
    12582912.0: "3 * 2**22",
    float(np.float32(1 / 448)): "1/448",
    1 / 57344: "1/57344",
    -1 / 6: "-1/6",
    math.log2(math.e): "log2(e)",
    math.log(2): "ln(2)",
    128**-0.5: "1/sqrt(128)",
    128**-0.5 * math.log2(math.e): "log2(e)/sqrt(128)",
    448.0: None,
    0.125: None,
    0.0: None,
    -1.0: None,
    0.3183098861837907: None,
    math.inf: None,
}
BITS: Mapping[int, str | None] = {
    0x3B000000: "2**-9",
    0x38D1B717: "0.0001",
    0x3B124925: "1/448",
    0x7F800000: "infinity",
    0x7FC00000: "NaN",
    0x7FFFFFFF: None,
    0x43434343: None,
    0x400000: None,
}


def test_numbers_that_do_not_explain_themselves_have_a_meaning() -> None:
    assert {number: meaning_of_float(number) for number in FLOATS} == FLOATS
    bits = {code: None if text is None else f"float32 bits of {text}" for code, text in BITS.items()}
    assert {code: meaning_of_bits(code) for code in BITS} == bits
    integers = {
        0x7FFFFFFF: "2**31 - 1",
        1 << 20: "2**20",
        -(1 << 31): "-2**31",
        1 - (1 << 31): "-(2**31 - 1)",
        70001: None,
    }
    assert {number: meaning_of_integer(number) for number in integers} == integers


def with_magic(p: Any) -> None:
    """The largest of some bits, then a reciprocal."""
    column = arange(16)
    bits = maximum(load(p.x, (column,)).bitcast(INT32), 0x3B000000)
    store(p.y, (column,), bits.bitcast(F32) * float(np.float32(1 / 448)))


@EMITTERS
def test_magic_numbers_carry_their_meaning(emit: Emit, target: Target) -> None:
    lines = _source(emit, target, with_magic).splitlines()
    assert any("0x3b000000" in line and "  # float32 bits of 2**-9" in line for line in lines)
    (scaled,) = [i for i, line in enumerate(lines) if "0.0022321" in line and "#" not in line.partition("0.0022321")[0]]
    assert "1/448" in lines[scaled] or "1/448" in lines[scaled - 1]


def _listed(*names: str, count: int = 12) -> str:
    """name_0, name_1, .. of each name."""
    return ", ".join(f"{name}_{i}" for name in names for i in range(count))


STATEMENTS = (
    "x = " + " + ".join(f"term_{i}" for i in range(40)),
    "x = " + " | ".join(f"(call_{i}(a, b[:, None]) << {i})" for i in range(20)),
    f"tl.store(base + ({_listed('rows', count=9).replace(',', '[:, None] +')}), value.to(tl.bfloat16), mask=live_2)",
    f"({_listed('carried')}) = call(0, upper, step, ({_listed('start')}))",
    f'value = call("a, b ( [ text", [{_listed("operand")}], pack={"1" * 9})',
    f"return ({_listed('result_number')})",
    f"for k in range({', '.join(f'call_{i}(bound_number_{i})' for i in range(6))}):",
)


@pytest.mark.parametrize("depth", [0, 1, 5])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_long_statements_are_broken_where_python_allows_it(statement: str, depth: int) -> None:
    lines = wrapped(statement, depth)
    assert len(lines) > 1
    assert max(map(len, lines)) <= WIDTH
    indent = " " * 4 * depth
    assert all(line.startswith(indent) for line in lines)
    body = "\n".join(line.removeprefix(indent) for line in lines)
    trees = [f"{text}\n    pass" if text.endswith(":") else text for text in (body, statement)]
    dumps = [ast.dump(ast.parse(tree)) for tree in trees]
    assert dumps[0] == dumps[1]


def test_short_statements_stay_as_they_are() -> None:
    assert wrapped("x = a + b", 2) == ["        x = a + b"]
