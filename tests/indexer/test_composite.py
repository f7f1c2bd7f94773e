"""The whole indexer step: random data up to ties inside the bound, any memory limit, refusals that name a device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import jax_impl.ops
import specs
from parity.judge.frameworks import FRAMEWORKS
from parity.judge.inputs import Inputs, generate
from specs.indexer import arrays as declare
from specs.indexer.logits import LOGITS_ACCURACY
from specs.indexer.oracle import decoded, logits
from specs.indexer.paged_logits import limits_of
from specs.lang.declare.accuracy import FLOAT32
from specs.lang.errors import Unsupported
from specs.lang.formats.elements import F32
from specs.tile.launch.cases import case_call
from torch_impl.support import choose

OP = specs.get("sparse_attn_indexer")


def random_step() -> Inputs:
    """A decode step whose logits are sums of many different terms: queries and weights of a normal distribution."""
    inputs = generate(OP, OP.case("decode"), "random", 5)
    rng = np.random.default_rng(6)
    form = inputs.formats["q"]
    q = np.asarray(form.encode(rng.standard_normal(inputs.arrays["q"].shape) * 40)).view(inputs.arrays["q"].dtype)
    weights = rng.standard_normal(inputs.arrays["weights"].shape).astype(np.float32)
    return inputs.replaced(q=q, weights=weights)


def scores(inputs: Inputs, cached: np.ndarray[Any, Any], row: int, limit: int) -> tuple[Any, Any]:
    """Logits of a row in float64, and how far float32 may be from them."""
    values = inputs.values()
    size = int(values["block_size"])
    column = np.arange(limit)
    slots = values["block_tables"][row, column // size] * size + column % size
    keys = values["layout"].read(cached, slots, size)
    q = decoded(values["q"], inputs.formats["q"], values["layout"], None)[row : row + 1]
    exact, magnitude = (part[0] for part in logits(q, keys, values["weights"][row : row + 1]))
    terms = LOGITS_ACCURACY.count({"H": q.shape[1]})
    return exact, LOGITS_ACCURACY.bound(exact, magnitude, terms, F32, FLOAT32)


@pytest.mark.parametrize(("framework", "implementation"), [("torch", "eager"), ("jax", "xla")])
def test_random_data_selects_the_oracle_s_keys_up_to_ties_inside_the_bound(framework: str, implementation: str) -> None:
    inputs = random_step()
    results = FRAMEWORKS[framework].run(inputs, implementation, "cpu")
    found, cached = results["topk_indices"].raw, results["cache"].raw
    k = inputs.attributes["topk"]
    differing = 0
    for row, limit in enumerate(limits_of(inputs.arrays["context_lens"], 1)):
        own = found[row][found[row] >= 0]
        assert len(own) == min(limit, k)
        assert (np.diff(own) > 0).all()
        exact, bound = scores(inputs, cached, row, int(limit))
        best = np.sort(np.argsort(-exact, kind="stable")[:k])
        missed, extra = np.setdiff1d(best, own), np.setdiff1d(own, best)
        differing += len(extra)
        if len(extra):  # each may trade places with another only where both errors together allow it
            gap = exact[missed].max() - exact[extra].min()
            assert gap <= bound[missed].max() + bound[extra].max()
    assert differing <= 1  # such ties are rare in random data: more of them are no ties


@pytest.mark.parametrize("room", [1, 700, 5000, 1 << 30])
def test_results_do_not_depend_on_the_memory_limit(room: int) -> None:
    case = OP.case("mixed")
    inputs = generate(OP, case, "exact", 3)
    limited = replace_attribute(inputs, "logits_bytes", room)
    one, other = (FRAMEWORKS["torch"].run(given, "eager", "cpu")["topk_indices"].raw for given in (inputs, limited))
    assert np.array_equal(one, other)


def replace_attribute(inputs: Inputs, name: str, value: object) -> Inputs:
    """The same call with another value of an attribute."""
    attributes = {**inputs.attributes, name: value}
    return Inputs(op=inputs.op, arrays=inputs.arrays, formats=inputs.formats, attributes=attributes)


def test_requests_with_different_numbers_of_tokens_are_single_tokens_with_tables_of_their_own() -> None:
    inputs = generate(OP, OP.case("mixed"), "exact", 7)
    tokens = inputs.attributes["next_n"]
    assert tokens == 2
    assert inputs.attributes["lens"] == declare.PER_QUERY
    table, lens = inputs.arrays["block_tables"], inputs.arrays["context_lens"]
    alone = replace_attribute(inputs, "next_n", 1).replaced(
        block_tables=np.repeat(table, tokens, axis=0), context_lens=lens.reshape(-1, 1)
    )
    for framework, implementation in (("torch", "eager"), ("jax", "xla")):
        run = FRAMEWORKS[framework].run
        one, other = (run(given, implementation, "cpu")["topk_indices"].raw for given in (inputs, alone))
        assert np.array_equal(one, other)


def test_logits_never_take_more_than_the_limit() -> None:
    case = OP.case("mixed")
    attributes = tuple((name, 700 if name == "logits_bytes" else value) for name, value in case.attributes)
    attributes = (*attributes, *((("logits_bytes", 700),) if "logits_bytes" not in dict(attributes) else ()))
    call = case_call(OP, replace(case, attributes=attributes), strided=True)
    for name in ("prefill_logits", "decode_logits"):
        assert int(np.prod(call.shapes[name])) * F32.storage_bits // 8 <= 700
    kernels = [step.kernel.name for step in OP.active_steps(call.env)]
    assert kernels.count("paged_mqa_logits") == 2
    assert kernels.count("mqa_logits") > 1
    assert kernels.count("gather_keys") == 1


def test_a_step_without_requests_only_clears_its_rows() -> None:
    case = OP.case("padding-only")
    call = case_call(OP, case, strided=True)
    names = {step.kernel.name for step in OP.active_steps(call.env)}
    assert names == {"insert_rows", "clear_rows"}


def test_a_device_that_cannot_is_named() -> None:
    given = generate(OP, OP.case("padding-only"), "exact", 0)
    for framework, implementation in (("torch", "triton"), ("jax", "pallas")):
        with pytest.raises(Unsupported, match=r"sparse_attn_indexer.*cpu"):
            FRAMEWORKS[framework].run(given, implementation, "cpu")
    with pytest.raises(Unsupported, match="sparse_attn_indexer on mps"):
        choose(OP, torch.device("mps"), None)
    assert jax_impl.ops.explain("sparse_attn_indexer")["pallas"] is not None
