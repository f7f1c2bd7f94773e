"""The faults are sharp: a rule that averages, masks or forgives lets at least one of them through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from parity.judge.ulp import AnyArray
from specs.lang.formats.elements import BF16
from tests.meta.faults import FAULTS
from tests.meta.problems import SHAPES, Problem, bounded, gaussian

Rule = Callable[[Problem, AnyArray], bool]


def _finite_errors(problem: Problem, actual: AnyArray) -> tuple[AnyArray, AnyArray]:
    finite = np.isfinite(actual.astype(np.float64))
    error = np.abs(actual.astype(np.float64) - problem.product)
    return error[finite], problem.bound()[finite]


def mean_error(problem: Problem, actual: AnyArray) -> bool:
    """Average over the finite elements, with a hundredfold sharper view than a cosine has."""
    error, bound = _finite_errors(problem, actual)
    return bool(error.sum() <= 2 * bound.sum())


def finite_elements_only(problem: Problem, actual: AnyArray) -> bool:
    """The componentwise bound, with everything that is not finite left out."""
    error, bound = _finite_errors(problem, actual)
    return bool((error <= bound).all())


def one_row_forgiven(problem: Problem, actual: AnyArray) -> bool:
    """The componentwise bound, with as many mismatches allowed as a row has elements."""
    return bounded(problem).compare(actual).mismatches <= int(actual.shape[1])


def dtype_ignored(problem: Problem, actual: AnyArray) -> bool:
    """The componentwise bound on whatever comes."""
    return bounded(problem).compare(actual.astype(problem.honest.dtype)).passed


@pytest.mark.parametrize(
    "rule",
    [mean_error, finite_elements_only, one_row_forgiven, dtype_ignored],
    ids=lambda rule: rule.__name__,
)
def test_weak_rule_misses_a_fault(rule: Rule) -> None:
    problem = gaussian(SHAPES[-1], BF16)
    assert rule(problem, problem.honest)
    outputs = {fault.__name__: fault(problem) for fault in FAULTS}
    comparable = {name: out for name, out in outputs.items() if out.shape == problem.honest.shape}
    missed = [name for name, out in comparable.items() if rule(problem, out)]
    assert missed, "a rule known to be weak saw every fault: the catalogue of faults has lost its edge"
