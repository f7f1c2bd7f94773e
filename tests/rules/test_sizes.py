"""Files and functions stay small enough to read in one go."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median

from tests.rules.source import Module, own_modules, planted, report

FILE_LINES = 600
MEDIAN_FILE_LINES = 160
FUNCTION_LINES = 60

# "path:function" -> lines it has today. Entries only shrink and go: a function that is longer than its entry
# fails the test, and so does an entry that says more than its function has.
LONG_FUNCTIONS: dict[str, int] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def line_count(module: Module) -> int:
    """Lines of the file, blank ones and comments included."""
    return len(module.text.splitlines())


def functions(module: Module) -> Iterator[tuple[str, Function]]:
    """Every function with its qualified name, methods and nested functions included."""

    def visit(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, Function | ast.ClassDef)
            name = f"{prefix}.{getattr(child, 'name', '')}".lstrip(".") if named else prefix
            if isinstance(child, Function):
                yield name, child
            yield from visit(child, name)

    return visit(module.tree, "")


def function_lines(function: Function) -> int:
    """Lines from `def` to the end, without the docstring: saying more to the caller is not a fault."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None and len(function.body) > 1:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def long_files(files: Iterable[Module]) -> list[str]:
    """Files over the limit."""
    return [
        f"{module.path}: {line_count(module)} lines, at most {FILE_LINES}"
        for module in files
        if line_count(module) > FILE_LINES
    ]


def long_functions(files: Iterable[Module], allowed: Mapping[str, int]) -> list[str]:
    """Functions over the limit and not allowed, and entries of `allowed` that are stale."""
    found, longest = [], dict.fromkeys(allowed, 0)
    for module in files:
        for name, function in functions(module):
            lines, key = function_lines(function), f"{module.path}:{name}"
            longest[key] = max(lines, longest.get(key, 0))
            if lines > (limit := allowed.get(key, FUNCTION_LINES)):
                found.append(module.at(function, f"{name} has {lines} lines, at most {limit}"))
    stale = [key for key, entry in allowed.items() if longest[key] < entry or entry <= FUNCTION_LINES]
    return found + [f"{key}: has {longest[key]} lines now, so its entry is stale" for key in stale]


def test_no_file_is_too_long() -> None:
    found = long_files(own_modules())
    assert not found, report(found)


def test_median_file_is_short(record_property: Callable[[str, object], None]) -> None:
    counts = sorted(line_count(module) for module in own_modules())
    record_property("median_file_lines", median(counts))
    assert median(counts) <= MEDIAN_FILE_LINES, f"median of {len(counts)} files is {median(counts)} lines"


def test_functions_fit_a_screen() -> None:
    found = long_functions(own_modules(), LONG_FUNCTIONS)
    assert not found, report(found)


def _function(lines: int, docstring: int = 0) -> Module:
    """A module with one method of `lines` lines after a docstring of `docstring` lines."""
    text = ['    """' + "\n    text" * (docstring - 1) + '"""'] if docstring else []
    body = ["class C:", "  def f(self):", *text, *["    pass"] * (lines - 1)]
    return planted("specs/a.py", "\n".join(body))


def test_long_file_is_reported() -> None:
    assert long_files([planted("specs/a.py", "\n" * (FILE_LINES + 1))])
    assert long_files([planted("specs/a.py", "\n" * FILE_LINES)]) == []


def test_long_function_is_reported() -> None:
    assert long_functions([_function(FUNCTION_LINES + 1)], {})
    assert long_functions([_function(FUNCTION_LINES)], {}) == []
    assert long_functions([_function(FUNCTION_LINES, docstring=9)], {}) == []


def test_allow_list_is_a_ratchet() -> None:
    lines, key = FUNCTION_LINES + 10, "specs/a.py:C.f"
    assert long_functions([_function(lines)], {key: lines}) == []
    assert len(long_functions([_function(lines + 1)], {key: lines})) == 1, "longer than its entry"
    assert "stale" in long_functions([_function(lines - 1)], {key: lines})[0], "shorter than its entry"
    assert "stale" in long_functions([_function(3)], {key: lines})[0], "needs no entry"
    assert "stale" in long_functions([], {key: lines})[0], "is gone"
