"""`assert_parity`: a torch function and a JAX function on the same bytes, each within the bound of its own rounding."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from parity.functions.failure import told
from parity.judge.compare import Bounded, Comparison, Exact
from parity.judge.frameworks import Result, from_jax, from_torch, run_guarded, to_jax, to_torch
from parity.judge.guard import bit_view
from parity.judge.inputs import decode
from parity.judge.verdict import Verdict
from specs.lang.declare.accuracy import FLOAT32, Accuracy
from specs.lang.declare.op import Reference
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, F32, INT8, INT16, INT32, INT64, UINT8, ElementFormat

Function = Callable[..., Any]
Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

FORMATS: Final[Mapping[np.dtype[Any], ElementFormat]] = {
    form.numpy_dtype: form
    for form in (BF16, E4M3, E5M2, F16, F32, INT8, INT16, INT32, INT64, UINT8)
    if form.numpy_dtype is not None
}
"""dtypes of inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One comparison of one result."""

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What is compared. arrays: positions of the arrays among the inputs, with their formats."""

    inputs: Sequence[Any]
    arrays: Mapping[int, ElementFormat]
    oracle: Function | None
    terms: int | None
    extra: int
    plain: Mapping[str, Function]

    def passed(self, convert: Callable[..., Any], device: str = "cpu") -> list[Any]:
        """The inputs in a framework."""
        return [convert(x, self.arrays[i], device) if i in self.arrays else x for i, x in enumerate(self.inputs)]

    def references(self) -> list[Reference] | None:
        """What the oracle returns."""
        if self.oracle is None:
            return None
        floats = {i for i, form in self.arrays.items() if form.is_float}
        given = [decode(x, self.arrays[i]) if i in floats else x for i, x in enumerate(self.inputs)]
        return [
            x if isinstance(x, Reference) else Reference(value=np.asarray(x, np.float64))
            for x in _listed(self.oracle(*given))
        ]


def format_of(dtype: np.dtype[Any]) -> ElementFormat:
    """The format of an input's dtype.

    Raises:
        TypeError: there is none.
    """
    if dtype not in FORMATS:
        raise TypeError(f"inputs of dtype {dtype} cannot be passed to both; known are {', '.join(map(str, FORMATS))}")
    return FORMATS[dtype]


def assert_parity(
    torch_fn: Function,
    jax_fn: Function,
    inputs: Sequence[Any],
    oracle: Function | None = None,
    *,
    terms: int | None = None,
    extra: int = 0,
    exact: bool = False,
    plain_torch: Function | None = None,
    plain_jax: Function | None = None,
    device: str = "cpu",
    save: Path | None = None,
) -> tuple[Finding, ...]:
    """Two functions on the same inputs: every result of each within its bound of a float64 reference, both together
    within the sum of these bounds. Integers have to be equal.

    Without `oracle` the reference is the torch function in float64, and the bounds follow from where each rounds: every
    operation of torch, and every primitive of JAX, adds its own rounding to that of its arguments
    (`parity.functions.wider`). XLA may round less often than a function says, never more.

    torch's allocations are filled with NaN, and its inputs lie between guard bytes: what is not written fails as well,
    and so does what is written outside, or to an input.

    Args:
        inputs: numpy arrays (`parity.functions.data` draws some), and anything else, which is passed as it is.
        oracle: float64 arrays (and what else is in `inputs`) -> float64 results, each an array or a `Reference` with
            the magnitude of what is added up.
        terms, extra: the contract that goes with `oracle`: the longest sum, and roundings besides, in float32, before
            the result is rounded. Without `terms` the bound is that of the functions.
        exact: the bytes of both have to be the same, and the oracle's where there is one: for inputs whose sums are
            exact (`parity.functions.data.summable`).
        plain_torch, plain_jax: the same in elementary operations, from which reference and bounds follow where a
            function is a kernel.
        device: "cpu", "cuda" or "xpu".
        save: folder for the inputs of a failure; a new temporary one when left out.

    Returns:
        The comparisons.

    Raises:
        AssertionError: a comparison failed, with histogram, worst elements and the place of the saved inputs.
        Unsupported: an operation has no rule, and no contract is given.
        OutOfBoundsWrite: torch wrote outside of its arguments, or into one.
    """
    asked = _Asked(
        inputs=inputs,
        arrays={i: format_of(x.dtype) for i, x in enumerate(inputs) if isinstance(x, np.ndarray)},
        oracle=oracle,
        terms=terms,
        extra=extra,
        plain={"torch": plain_torch or torch_fn, "JAX": plain_jax or jax_fn},
    )
    results = {
        "torch": _results(run_guarded(torch_fn, inputs, asked.arrays, device), from_torch),
        "JAX": _results(jax_fn(*asked.passed(to_jax, device)), from_jax),
    }
    if len(results["torch"]) != len(results["JAX"]):
        raise AssertionError(f"torch returns {len(results['torch'])} results, JAX {len(results['JAX'])}")
    found = _exact(results, asked.references()) if exact else _bounded(results, _bounds(asked, results))
    failed = [one for one in found if not one.verdict.passed]
    if failed:
        folder = save or Path(tempfile.mkdtemp(prefix="parity-"))
        raise AssertionError(told([(one.name, one.verdict) for one in failed], _saved(folder, inputs, results)))
    return tuple(found)


def _results(returned: Any, convert: Callable[[Any], Result]) -> list[Result]:
    return [convert(x) for x in _listed(returned)]


def _listed(returned: Any) -> Sequence[Any]:
    return returned if isinstance(returned, tuple | list) else (returned,)


def _bounds(asked: _Asked, results: Mapping[str, list[Result]]) -> dict[str, list[Pair | None]]:
    """Reference and bound of every result of each side; the reference is the same for both."""
    given = asked.references()
    if given is not None and asked.terms is not None:
        contract = Accuracy(extra=asked.terms + asked.extra)
        return {
            side: [_contract(contract, r, one.form) for r, one in zip(given, mine, strict=True)]
            for side, mine in results.items()
        }
    # In float64 on the CPU, wherever the functions run.
    torch = import_module("parity.functions.wider").analyse(asked.plain["torch"], asked.passed(to_torch))
    jax = import_module("parity.functions.traced").analyse(asked.plain["JAX"], asked.passed(to_jax))
    if given is not None:
        torch = [None if pair is None else (r.value, pair[1]) for r, pair in zip(given, torch, strict=True)]
    both = [None if one is None or other is None else (one[0], other[1]) for one, other in zip(torch, jax, strict=True)]
    return {"torch": torch, "JAX": both}


def _contract(contract: Accuracy, reference: Reference, form: ElementFormat) -> Pair | None:
    if not form.is_float:
        return None
    magnitude = np.abs(reference.value) if reference.magnitude is None else reference.magnitude
    return reference.value, contract.bound(reference.value, magnitude, 0, form, FLOAT32)


def _exact(results: Mapping[str, list[Result]], oracle: Sequence[Reference] | None) -> list[Finding]:
    found = []
    for i, (one, other) in enumerate(zip(results["torch"], results["JAX"], strict=True)):
        found.append(_judged(f"result {i}, torch and JAX", Exact(expected=one.raw, element=one.form), other, one.form))
        if oracle is not None:
            rounded = one.form.encode(oracle[i].value).view(one.raw.dtype)
            for side, mine in (("torch", one), ("JAX", other)):
                rule = Exact(expected=rounded.reshape(one.raw.shape), element=one.form)
                found.append(_judged(f"result {i}, {side} and the oracle", rule, mine, one.form))
    return found


def _bounded(results: Mapping[str, list[Result]], bounds: Mapping[str, list[Pair | None]]) -> list[Finding]:
    found = []
    for i, (one, other) in enumerate(zip(results["torch"], results["JAX"], strict=True)):
        left, right = bounds["torch"][i], bounds["JAX"][i]
        if left is None or right is None or one.raw.shape != other.raw.shape:
            rule: Comparison = Exact(expected=one.raw, element=one.form)
            found.append(_judged(f"result {i}, torch and JAX", rule, other, one.form))
            continue
        for side, mine, pair in zip(("torch", "JAX"), (one, other), (left, right), strict=True):
            rule = Bounded(reference=pair[0], bound=_finite(pair[1]), dtype=mine.raw.dtype, element=mine.form)
            found.append(_judged(f"result {i}, {side} and float64", rule, mine, mine.form))
        total = _finite(left[1]) + _finite(right[1])
        rule = Bounded(reference=decode(one.raw, one.form), bound=total, dtype=one.raw.dtype, element=one.form)
        found.append(_judged(f"result {i}, torch and JAX", rule, other, one.form))
    return found


def _finite(bound: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.nan_to_num(bound, nan=0.0, posinf=0.0)


def _judged(name: str, rule: Comparison, result: Result, form: ElementFormat) -> Finding:
    verdict = rule.compare(result.raw)
    if result.form != form:
        message = f"failed: element format {result.form.name}, expected {form.name}"
        verdict = replace(verdict, status="failed", message=message)
    return Finding(name=name, verdict=verdict)


def _saved(folder: Path, inputs: Sequence[Any], results: Mapping[str, list[Result]]) -> Path:
    """Inputs and results as numpy files hold them: bits, with the name of the dtype in that of the array."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"input{i}.{x.dtype.name}": bit_view(x) for i, x in enumerate(inputs) if isinstance(x, np.ndarray)}
    for side, mine in results.items():
        arrays |= {f"{side}{i}.{one.form.name}": bit_view(one.raw) for i, one in enumerate(mine)}
    np.savez(folder / "parity.npz", **arrays)  # type: ignore[arg-type]
    return folder / "parity.npz"
