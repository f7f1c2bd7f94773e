"""No test chooses its own tolerance: bounds come from the spec, and everything else is equal bit for bit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.rules.source import Module, own_modules, planted, report

# Functions that compare with a tolerance, given or built in.
COMPARISONS = frozenset(
    {
        "allclose",
        "isclose",
        "approx",
        "assert_allclose",
        "assert_close",
        "assert_almost_equal",
        "assert_approx_equal",
        "assert_array_almost_equal",
        "assertAlmostEqual",
    }
)
KEYWORDS = frozenset({"atol", "rtol", "abs_tol", "rel_tol"})
# Names that a number would be a tolerance under.
TOLERANCE_NAME = re.compile(r"(^|_)(atol|rtol|tol|tolerance|threshold)(_|$)", re.IGNORECASE)
# A fraction below this, compared with `<`, is a threshold on an error; ratios such as 0.5 are not.
SMALL = 0.1


def violations(module: Module) -> list[str]:
    """Tolerances that are written down in the module."""
    return [module.at(node, message) for node, message in _findings(module.tree)]


def _findings(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in COMPARISONS:
                yield node, f"{name} compares with a tolerance of its own"
            yield from ((node, f"literal {item.arg}=") for item in node.keywords if item.arg in KEYWORDS)
        elif isinstance(node, ast.Compare):
            ordered = any(isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for operator in node.ops)
            if ordered and any(_is_small(side) for side in (node.left, *node.comparators)):
                yield node, "literal threshold in a comparison"
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.arg | ast.arguments):
            yield from _named_tolerances(node)


def _is_small(node: ast.AST) -> bool:
    """Whether the expression is a small non-zero number: a literal, or arithmetic on literals (2 ** -7)."""
    parts = ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop
    if not all(isinstance(part, parts) for part in ast.walk(node)):
        return False
    value = eval(ast.unparse(node), {"__builtins__": {}})  # noqa: S307 - arithmetic on literals only, see above
    return isinstance(value, float) and 0 < abs(value) < SMALL


def _named_tolerances(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Numbers assigned to a name that says it is a tolerance, or given as the default of such a parameter."""
    pairs: list[tuple[ast.expr | ast.arg, ast.expr | None]] = []
    if isinstance(node, ast.Assign):
        pairs = [(target, node.value) for target in node.targets]
    elif isinstance(node, ast.AnnAssign):
        pairs = [(node.target, node.value)]
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        pairs = list(zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True))
        pairs += list(zip(node.kwonlyargs, node.kw_defaults, strict=True))
    for target, value in pairs:
        name = getattr(target, "arg", getattr(target, "attr", getattr(target, "id", "")))
        if isinstance(value, ast.Constant) and isinstance(value.value, float) and TOLERANCE_NAME.search(name):
            yield target, f"literal tolerance {name}"


def test_no_literal_tolerances() -> None:
    files = [module for module in own_modules() if module.within("tests", "benchmarks", "examples")]
    found = [line for module in files for line in violations(module)]
    assert not found, report(found)


@pytest.mark.parametrize(
    "text",
    [
        "np.testing.assert_allclose(a, b)",
        "torch.testing.assert_close(a, b, atol=0, rtol=0)",
        "assert np.allclose(a, b)",
        "assert math.isclose(a, b)",
        "assert a == pytest.approx(b, rel=r)",
        "assert a == approx(b)",
        "check(a, b, atol=bound)",
        "assert error < 1e-3",
        "assert 0.01 >= error",
        "assert (a - b).max() <= 2.0 ** -7",
        "TOLERANCE = 1e-3",
        "bf16_tol: float = 0.5",
        "def check(a, b, rtol=1e-2): ...",
        "def check(a, b, *, tolerance=1e-2): ...",
    ],
)
def test_tolerance_is_reported(text: str) -> None:
    assert violations(planted("tests/a.py", text))


@pytest.mark.parametrize(
    "text",
    [
        "np.testing.assert_array_equal(a, b)",
        "assert (abs(a - b) <= contract.bound(a)).all()",
        "assert error <= bound",
        "assert speed > 0.5",
        "assert scale == 1e-4",
        "eps = 1e-6",
        "x = 2.0 ** -7",
        "tolerance = contract.bound(x)",
    ],
)
def test_exact_or_derived_is_accepted(text: str) -> None:
    assert violations(planted("tests/a.py", text)) == []
