"""The whole encoder: as near to the exact one as bf16 allows, and what is planted in one operation is found there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity.models.minilm import encoder, operations, whole
from parity.models.minilm.arrays import ArrayNamespace
from parity.models.minilm.assets import Assets, Norm, Tokens
from parity.models.minilm.drift import drifts, sentence_cosines
from parity.models.minilm.engines import DEFAULT, Engine, engine
from parity.models.minilm.linears import Side
from parity.models.minilm.outcomes import LinearOutcome
from parity.models.minilm.pinned import pinned
from parity.models.minilm.plain import PLAIN, AnyScheme
from parity.models.minilm.schemes import SCHEMES
from parity.models.minilm.sentences import SENTENCES
from parity.models.minilm.whole import Seen, Trace
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import BF16
from tests.minilm.rounding import distance, reference, stored_envelope

FEW = SENTENCES[:3]


def side(name: str, assets: Assets, scheme: AnyScheme = PLAIN) -> Side:
    """One implementation with all weights."""
    one = engine(name)
    weights = {
        linear.name: {
            argument: one.operand(operand.raw, operand.form)
            for argument, operand in scheme.quantise_weight(linear.weight, linear.bias).items()
        }
        for _, _, linear in assets.linears()
    }
    return Side(engine=one, scheme=scheme, weights=weights)


@pytest.fixture(scope="module")
def few(assets: Assets) -> Tokens:
    """Three sentences."""
    return assets.tokenise(FEW)


@pytest.fixture(scope="module")
def sides(assets: Assets) -> list[Side]:
    """Both frameworks, without quantisation."""
    return [side(name, assets) for name in DEFAULT]


@pytest.fixture(scope="module")
def seen(sides: list[Side], assets: Assets, few: Tokens) -> list[Seen]:
    """The operations of a run."""
    found: list[Seen] = []
    whole.run(sides[0], assets, few, found)
    return found


def test_without_quantisation_only_roundings_to_bf16_are_left(
    sides: list[Side], assets: Assets, few: Tokens, rng: np.random.Generator
) -> None:
    exact, limit = reference(assets, few), stored_envelope(assets, few, BF16.unit_roundoff, rng)
    for one in sides:
        embeddings = whole.run(one, assets, few).embeddings
        assert (distance(embeddings, exact) <= limit).all(), one.engine.name


def test_parts_of_a_layer_exchanged_are_more_than_roundings(
    sides: list[Side], assets: Assets, few: Tokens, rng: np.random.Generator
) -> None:
    exact, limit = reference(assets, few), stored_envelope(assets, few, BF16.unit_roundoff, rng)
    first = assets.layers[0]
    for layer in (replace(first, query=first.key), replace(first, output_norm=first.attention_norm)):
        other = replace(assets, layers=(layer, *assets.layers[1:]))
        assert (distance(whole.run(sides[0], other, few).embeddings, exact) > limit).all()


def test_every_operation_is_seen_with_what_goes_into_it(seen: list[Seen], assets: Assets, few: Tokens) -> None:
    assert len(seen) == 2 + 10 * assets.config.layers
    hidden = (few.ids.size, assets.config.hidden)
    attention = [step for step in seen if step.name == "attention"]
    assert [step.stage for step in attention] == list(range(1, assets.config.layers + 1))
    assert all([x.raw.shape for x in step.arguments] == [hidden] * 3 for step in attention)
    assert all(x.form == BF16 for step in seen for x in step.arguments)


# -- faults ---------------------------------------------------------------------------------------------------------


def found_in(seen: list[Seen], name: str, sides: list[Side]) -> dict[str, LinearOutcome]:
    """Comparisons of the first operation of that name."""
    step = next(step for step in seen if step.name == name)
    return {outcome.pair: outcome for outcome in pinned([step], sides, {})}


def fails_on_the_second(found: dict[str, LinearOutcome]) -> None:
    """torch is right, JAX is not, and they differ."""
    assert [outcome.status for outcome in found.values()] == ["passed", "failed", "failed"]


def with_faulty(one: Side, op: str, change: Callable[..., Any]) -> Side:
    """The same implementation; arguments of one operation go through `change` first."""
    right = one.engine.operations

    def operations_of(name: str) -> Callable[..., Any]:
        if name != op:
            return right(name)
        return lambda *arguments, **attributes: right(name)(*change(*arguments), **attributes)

    return replace(one, engine=replace(one.engine, operations=operations_of))


def test_sentences_that_see_each_other_are_noticed(seen: list[Seen], sides: list[Side]) -> None:
    def merged(q: Any, k: Any, v: Any, starts: Any, *rest: Any) -> tuple[Any, ...]:
        """The second sentence begins a token later."""
        moved = starts.at[1].add(1)
        return (q, k, v, moved, moved, *rest[1:])

    faulty = with_faulty(sides[1], operations.ATTENTION, merged)
    assert [o.status for o in found_in(seen, "attention", sides).values()] == ["passed"] * 3
    fails_on_the_second(found_in(seen, "attention", [sides[0], faulty]))


def test_keys_of_another_head_are_noticed(seen: list[Seen], sides: list[Side]) -> None:
    def swapped(q: Any, k: Any, *rest: Any) -> tuple[Any, ...]:
        return (q, k.at[:, 3].set(k[:, 4]), *rest)

    fails_on_the_second(found_in(seen, "attention", [sides[0], with_faulty(sides[1], operations.ATTENTION, swapped)]))


def _other_arrays(one: Side, **changed: Any) -> Side:
    return replace(one, engine=replace(one.engine, arrays=replace(one.engine.arrays, **changed)))


@pytest.mark.parametrize("name", ["embeddings", "attention_norm", "output_norm"])
def test_a_root_that_is_a_little_off_is_noticed(name: str, seen: list[Seen], sides: list[Side]) -> None:
    right = sides[1].engine.arrays.sqrt
    faulty = _other_arrays(sides[1], sqrt=lambda x: right(x) * (1 + BF16.unit_roundoff))
    fails_on_the_second(found_in(seen, name, [sides[0], faulty]))


def test_an_approximate_gelu_is_noticed(seen: list[Seen], sides: list[Side], monkeypatch: pytest.MonkeyPatch) -> None:
    right = encoder.gelu

    def tanh_form(xp: ArrayNamespace, x: Any) -> Any:
        if xp.name != "jax":
            return right(xp, x)
        t = xp.exp(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
        return x * t / (1 + t)

    monkeypatch.setattr(operations, "gelu", tanh_form)
    fails_on_the_second(found_in(seen, "gelu", sides))


def test_a_token_pooled_elsewhere_is_noticed(seen: list[Seen], sides: list[Side], few: Tokens) -> None:
    sentence = few.sentence.copy()
    sentence[np.argmax(sentence == 1)] = 0
    moved = operations.Pool(tokens=replace(few, sentence=sentence))
    step = next(step for step in seen if step.name == "pooling")
    assert isinstance(step.operation, operations.Pool)
    right = step.operation.expected(*step.arguments)

    class Wrong:
        """Another mean on the second implementation."""

        def run(self, where: Side, *arrays: Any) -> Any:
            return (moved if where is sides[1] else step.operation).run(where, *arrays)

        def expected(self, *_arrays: Any) -> Any:
            return right

    found = {o.pair: o for o in pinned([replace(step, operation=Wrong())], sides, {})}
    fails_on_the_second(found)


def test_one_weight_of_a_linear_is_noticed(seen: list[Seen], sides: list[Side], assets: Assets) -> None:
    linear = assets.layers[0].query
    weights = dict(sides[1].weights[linear.name])
    weights["b"] = weights["b"].at[7, 9].multiply(-1)
    wrong = replace(sides[1], weights={**sides[1].weights, linear.name: weights})
    step = next(step for step in seen if step.name == "query")
    right = {linear.name: PLAIN.quantise_weight(linear.weight, linear.bias)}
    found = {o.pair: o for o in pinned([step], [sides[0], wrong], right)}
    fails_on_the_second(found)


def test_what_is_not_supported_is_not_passed(seen: list[Seen], sides: list[Side]) -> None:
    elsewhere = replace(sides[1], engine=replace(sides[1].engine, name="jax:pallas"))  # compiles for GPUs only
    found = found_in(seen, "attention", [sides[0], elsewhere])
    assert [outcome.status for outcome in found.values()] == ["passed", "unsupported", "unsupported"]


def test_a_scheme_that_is_not_supported_stops_a_run(assets: Assets, few: Tokens) -> None:
    one = side(DEFAULT[1], assets, SCHEMES[0])
    elsewhere: Engine = replace(one.engine, name="jax:pallas")
    with pytest.raises(Unsupported):
        whole.run(replace(one, engine=elsewhere), assets, few)


# -- what is left of runs -------------------------------------------------------------------------------------------


def trace(*scales: float) -> Trace:
    """Hidden states of two tokens, and embeddings of one sentence, times a factor each."""
    state = np.array([[3.0, 0.0], [0.0, 4.0]], np.float32)
    return Trace(hidden=tuple(state * s for s in scales[:-1]), embeddings=state[1:] * scales[-1])


def test_drift_is_relative_and_stage_by_stage() -> None:
    found = list(drifts("s", {"one": trace(1.5, 1.0, 2.0), "other": trace(1.0, 1.0, 4.0)}, trace(1.0, 2.0, 2.0)))
    assert [(drift.pair, drift.errors) for drift in found] == [
        ("one vs float32", (0.5, 0.5, 0.0)),
        ("other vs float32", (0.0, 0.5, 1.0)),
        ("one vs other", (0.5, 0.0, 0.5)),
    ]


def test_cosines_do_not_depend_on_length() -> None:
    turned = replace(trace(1.0, 1.0), embeddings=np.array([[3.0, 4.0]], np.float32))
    assert sentence_cosines("s", "one", trace(1.0, 7.0), trace(1.0, 1.0)).values == (1.0,)
    assert sentence_cosines("s", "one", turned, trace(1.0, 1.0)).values == (0.8,)


def test_packed_bounds_of_sentences(assets: Assets) -> None:
    tokens = assets.tokenise(["one", "two words here", "three"])
    lengths = np.bincount(tokens.sentence)
    assert tokens.starts.tolist() == [0, *np.cumsum(lengths)]
    assert tokens.starts.dtype == np.int32
    assert tokens.longest == max(lengths)
    none = assets.tokenise([])
    assert (none.starts.tolist(), none.longest) == ([0], 0)


def test_norms_of_the_model_are_not_trivial(assets: Assets) -> None:
    """A norm that multiplies by one and adds nothing would hide a fault in how they are applied."""
    norms: list[Norm] = [norm for layer in assets.layers for norm in (layer.attention_norm, layer.output_norm)]
    assert all(np.ptp(norm.weight) > 0 and np.ptp(norm.bias) > 0 for norm in norms)
