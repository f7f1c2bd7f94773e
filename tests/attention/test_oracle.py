"""The oracles: decode is prefill over the gathered rows, and both are softmax as the textbooks have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specs
from parity.judge.inputs import Inputs, encode
from specs.attention.oracle import attention
from specs.cache.layouts import ALL, V4
from specs.lang.declare.op import Reference
from specs.lang.formats.elements import BF16
from specs.lang.formats.paged import Paged
from tests.attention.plain import scores_of, softmax
from tests.attention.problems import PREFILL, decode, prefill, with_attributes

NDArray = np.ndarray[Any, Any]
ROUNDOFF = float(np.finfo(np.float64).eps) / 2


def answers(inputs: Inputs) -> dict[str, Reference]:
    """The operation's oracle."""
    return inputs.op.oracle(inputs.values())


def listed(inputs: Inputs, token: int) -> NDArray:
    """Keys of a token of a decode call, row by row as its lists name them."""
    values, layout = inputs.values(), inputs.attributes["layout"]
    assert isinstance(layout, Paged)
    found = []
    for cache, name, size in (("comp_cache", "topk", "comp_block_size"), ("swa_cache", "swa", "block_size")):
        if cache not in values:
            continue
        rows, pages = values[size], values[cache]
        entries = values[f"{name}_indices"][token][: max(0, int(values[f"{name}_lens"][token]))]
        slots = [int(slot) for slot in entries if 0 <= slot < len(pages) * rows]
        found += [layout.decode(pages[slot // rows], rows)[slot % rows] for slot in slots]
    return BF16.decode(BF16.encode(np.array(found).reshape(-1, layout.width)))


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_decode_is_softmax(layout: Paged) -> None:
    """Both keep a float64's share of the error that the contract states for float32."""
    inputs = decode(3, 4, 12, 9, layout=layout)
    values, found = inputs.values(), answers(inputs)
    for token in range(3):
        keys = listed(inputs, token)
        for head in range(4):
            scores = scores_of(values["q"][token, head], keys, values["sm_scale"])
            plain = softmax(scores, keys[:, : layout.value_width], float(values["attn_sink"][head]))
            for name, answer in (("out", plain.out), ("max_logits", plain.peak), ("lse", plain.lse)):
                close(found[name], (token, head), np.array(answer))


def close(reference: Reference, at: tuple[int, int], answer: NDArray) -> None:
    """Within what float64 may lose, each side its own."""
    assert reference.magnitude is not None
    value, magnitude = reference.value[at], reference.magnitude[at]
    same = value == answer
    with np.errstate(invalid="ignore"):
        assert (same | (np.abs(value - answer) <= 2 * ROUNDOFF * (magnitude + np.abs(answer)))).all()


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_decode_is_prefill_over_the_gathered_rows(layout: Paged) -> None:
    inputs = decode(4, 5, 30, 21, layout=layout)
    keys = [listed(inputs, token) for token in range(4)]
    starts = np.cumsum([0, *map(len, keys)])
    width = max(map(len, keys))
    index = np.full((4, width), -1, np.int32)
    for token, own in enumerate(keys):
        index[token, : len(own)] = starts[token] + np.arange(len(own))
    arrays = {
        "q": inputs.arrays["q"],
        "kv": encode(np.concatenate(keys), BF16),
        "indices": index,
        "attn_sink": inputs.arrays["attn_sink"],
    }
    formats = {name: inputs.formats.get(name, BF16) for name in arrays} | {"indices": inputs.formats["swa_indices"]}
    attributes = {"sm_scale": inputs.attributes["sm_scale"], "return_lse": True, "d_v": layout.value_width}
    dense = Inputs(op=specs.get(PREFILL), arrays=arrays, formats=formats, attributes=attributes)
    one, other = answers(inputs), answers(dense)
    for name in ("out", "max_logits", "lse"):
        np.testing.assert_array_equal(one[name].value, other[name].value, err_msg=name)


def test_prefill_is_softmax() -> None:
    inputs = prefill(3, 4, 11, rows=60, width=64)
    values, found = inputs.values(), answers(inputs)
    for token in range(3):
        entries = values["indices"][token][: max(0, int(values["topk_length"][token]))]
        keys = values["kv"][[i for i in entries if 0 <= i < len(values["kv"])]]
        for head in range(4):
            scores = scores_of(values["q"][token, head], keys, values["sm_scale"])
            plain = softmax(scores, keys, float(values["attn_sink"][head]))
            for name, answer in (("out", plain.out), ("max_logits", plain.peak), ("lse", plain.lse)):
                close(found[name], (token, head), np.array(answer))


def test_results_on_request() -> None:
    inputs = decode(2, 3, 4)
    assert set(answers(inputs)) == {"out", "max_logits", "lse"}
    assert set(answers(with_attributes(inputs, return_lse=False))) == {"out"}


def test_two_keys_by_hand() -> None:
    """Scores ln 3 and 0, and a sink of ln 4: weights 3/8 and 1/8, of which the sum without the sink is 4."""
    q = np.array([[np.log(3.0), 0.0]])
    keys = np.array([[1.0, 8.0], [0.0, 16.0]])
    row = attention(q, keys, 1.0, 2, np.array([np.log(4.0)]))
    expected = np.array([[3 / 8, 3 / 8 * 8 + 1 / 8 * 16]])
    assert (np.abs(row.out - expected) <= ROUNDOFF * row.out_magnitude).all()
    assert row.peak == [np.log(3.0)]
    assert (np.abs(row.lse - np.log(4.0)) <= ROUNDOFF * row.lse_magnitude).all()


def test_no_keys() -> None:
    row = attention(np.ones((2, 8)), np.zeros((0, 8)), 1.0, 6, np.array([np.inf, 3.0]))
    assert (row.out == 0).all()
    assert row.out.shape == (2, 6)
    assert (row.peak == -np.inf).all()
    assert (row.lse == -np.inf).all()
    assert V4.value_width == 512
