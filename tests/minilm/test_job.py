"""The job: all schemes on the whole model pass, and what is planted in a linear is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from parity.judge.frameworks import Result
from parity.judge.inputs import Raw
from parity.models.minilm import job
from parity.models.minilm.arrays import HostArray
from parity.models.minilm.assets import Assets, Linear, Tokens
from parity.models.minilm.engines import DEFAULT, Engine, engine
from parity.models.minilm.linears import Side, compare
from parity.models.minilm.outcomes import JobResult, LinearOutcome
from parity.models.minilm.plain import PLAIN
from parity.models.minilm.schemes import SCHEMES, Scheme
from parity.models.minilm.sentences import SENTENCES
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import E8M0, ElementFormat

PAIRS = ("torch:eager vs oracle", "jax:xla vs oracle", "torch:eager vs jax:xla")


def test_the_whole_job(assets: Assets) -> None:
    # One test: the job runs once, whichever way tests are spread over processes.
    result = job.run(assets=assets)
    every_linear_passes(result)
    every_linear_is_compared_once(result, assets)
    every_operation_is_compared_once(result)
    coarser_schemes_drift_further(result)
    sentences_keep_their_direction(result)
    bounds_are_used(result)
    paraphrases_stay_nearest(result)
    section_holds_everything(result, assets)


def every_linear_passes(result: JobResult) -> None:
    failures = [f"{o.scheme} {o.layer} {o.linear} {o.pair}: {o.reason}" for o in result.linears if o.status != "passed"]
    assert not failures, "\n".join(failures)
    assert result.passed
    assert all(outcome.same_operands for outcome in result.linears)


def every_linear_is_compared_once(result: JobResult, assets: Assets) -> None:
    places = [(o.scheme, o.layer, o.linear, o.pair) for o in result.linears]
    linears = [(layer, name) for layer, name, _ in assets.linears()]
    expected = [(s.name, *linear, pair) for s, linear, pair in product(SCHEMES, linears, PAIRS)]
    assert sorted(places) == sorted(expected)


def every_operation_is_compared_once(result: JobResult) -> None:
    names = ("query", "key", "value", "attention", "attention_output", "attention_norm", "up", "gelu", "down")
    layer = (*names, "output_norm")
    places = [(0, "embeddings"), *product(range(1, result.layers + 1), layer), (result.layers + 1, "pooling")]
    found = [(o.scheme, o.layer, o.linear, o.pair) for o in result.steps]
    assert sorted(found) == sorted((s, *place, pair) for s, place, pair in product(job.PINNED, places, PAIRS))
    failures = [f"{o.scheme} {o.layer} {o.linear} {o.pair}: {o.reason}" for o in result.steps if o.status != "passed"]
    assert not failures, "\n".join(failures)
    assert all(outcome.same_operands for outcome in result.steps)
    # Rounding to bf16 takes most of a bound: what the frameworks compute themselves is held to one that is as tight.
    glue = ("embeddings", "attention_norm", "output_norm")
    own = [o for o in result.steps if o.linear in glue and o.pair in PAIRS[:2]]
    assert all(o.bound_share is not None and 0.5 < o.bound_share <= 1 for o in own)


def coarser_schemes_drift_further(result: JobResult) -> None:
    order = ("bf16", "w8a16", "fp8_block", "int4", "mxfp4")
    for name in DEFAULT:
        found = {drift.scheme: drift.errors for drift in result.drifts if drift.pair == f"{name} vs float32"}
        assert {len(errors) for errors in found.values()} == {len(result.stages)}
        table = np.array([found[scheme] for scheme in order])
        assert (np.diff(table[:, 1:], axis=0) > 0).all(), "the embeddings are no linear"
    between = {drift.scheme: drift.errors for drift in result.drifts if drift.pair == PAIRS[2]}
    assert between.keys() == set(order)


def sentences_keep_their_direction(result: JobResult) -> None:
    found = {(c.scheme, c.implementation): np.array(c.values) for c in result.cosines}
    assert found.keys() == set(product((PLAIN.name, *(s.name for s in SCHEMES)), DEFAULT))
    for name in DEFAULT:
        assert (found["bf16", name] > found["fp8_block", name]).all()
        assert (found["fp8_block", name] > found["int4", name]).all()
        assert (found["int4", name] > found["mxfp4", name]).all()


def bounds_are_used(result: JobResult) -> None:
    """A bound that no result comes near would not be one: rounding to bf16 alone takes most of it."""
    for scheme in SCHEMES:
        shares = [o.bound_share for o in result.linears if o.scheme == scheme.name and o.pair == PAIRS[0]]
        assert all(share is not None and 0.5 < share <= 1 for share in shares)


def paraphrases_stay_nearest(result: JobResult) -> None:
    implementations = ("numpy:float32", *DEFAULT * (1 + len(SCHEMES)))
    assert tuple(table.implementation for table in result.similarities) == implementations
    for table in result.similarities:
        values = np.array(table.values)
        for first in range(0, len(SENTENCES), 2):
            others = np.delete(values[first : first + 2], [first, first + 1], axis=1)
            assert values[first, first + 1] > others.max(), table.scheme


def section_holds_everything(result: JobResult, assets: Assets) -> None:
    section = result.section()
    assert section.sentences == SENTENCES
    assert section.similarities == result.similarities
    assert len(section.linears) == len(result.linears)
    assert len(section.steps) == len(result.steps)
    assert {step.stage for step in section.steps} == set(section.stages)
    assert (section.drifts, section.cosines) == (result.drifts, result.cosines)
    assert f"{result.tokens} tokens" in section.note
    assert {linear.shape for linear in section.linears} == {
        f"M={result.tokens} N={linear.weight.shape[0]} K={linear.weight.shape[1]}" for _, _, linear in assets.linears()
    }


# -- one linear, and faults in it -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    """Both frameworks."""
    return [engine(name) for name in DEFAULT]


@pytest.fixture(scope="module")
def captured(assets: Assets, tokens: Tokens) -> dict[str, HostArray]:
    """Inputs of the linears."""
    return job.inputs_of_linears(assets, tokens)


def outcomes(
    scheme: Scheme,
    engines: list[Engine],
    linear: Linear,
    x: HostArray,
    weight: Mapping[str, Result] | None = None,
) -> dict[str, LinearOutcome]:
    """Comparisons of one linear; weight: what the engines get in place of the right operands."""
    right = scheme.quantise_weight(linear.weight, linear.bias)
    given = right if weight is None else weight
    sides = []
    for one in engines:
        operands = {name: one.operand(operand.raw, operand.form) for name, operand in given.items()}
        sides.append(Side(engine=one, scheme=scheme, weights={linear.name: operands}))
    return {found.pair: found for found in compare((scheme.name, 1, "key"), sides, linear, x, right)}


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_one_wrong_scale_fails(
    scheme: Scheme, engines: list[Engine], assets: Assets, captured: dict[str, HostArray]
) -> None:
    linear = assets.layers[1].key
    right = scheme.quantise_weight(linear.weight, linear.bias)
    scale = right["b_scale"]
    raw = scale.raw.copy()
    raw.flat[-1] = raw.flat[-1] + 1 if scale.form == E8M0 else raw.flat[-1] * 2  # twice as large, in either format
    wrong = {**right, "b_scale": replace(scale, raw=raw)}
    found = outcomes(scheme, engines, linear, captured[linear.name], wrong)
    assert [found[pair].status for pair in PAIRS] == ["failed", "failed", "passed"], "both frameworks took the fault"
    assert "outside the bound" in found[PAIRS[0]].reason


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_one_wrong_code_of_an_activation_fails(
    scheme: Scheme, engines: list[Engine], assets: Assets, captured: dict[str, HostArray]
) -> None:
    linear = assets.layers[1].key
    x = captured[linear.name]

    def disturbed(raw: Raw, form: ElementFormat) -> Any:
        if raw is x:
            raw = raw.copy()
            raw[40, 100] *= 2
        return engines[1].operand(raw, form)

    found = outcomes(scheme, [engines[0], replace(engines[1], operand=disturbed)], linear, x)
    assert [found[pair].same_operands for pair in PAIRS] == [True, False, False]
    assert [found[pair].status for pair in PAIRS] == ["passed", "failed", "failed"]


def test_what_is_not_supported_is_not_passed(
    engines: list[Engine], assets: Assets, captured: dict[str, HostArray]
) -> None:
    elsewhere = replace(engines[1], name="jax:pallas")  # compiles for GPUs only
    linear = assets.layers[0].value
    found = outcomes(SCHEMES[1], [engines[0], elsewhere], linear, captured[linear.name])
    assert [outcome.status for outcome in found.values()] == ["passed", "unsupported", "unsupported"]
    assert all("cpu" in outcome.reason for outcome in list(found.values())[1:])


def test_a_missing_device_is_refused() -> None:
    with pytest.raises(Unsupported, match="xpu"):
        engine("torch:triton", "xpu")
