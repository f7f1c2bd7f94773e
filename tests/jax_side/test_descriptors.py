"""Tensor descriptors on platform oneapi: the same blocks from both sources, in Triton IR that the plugin reads."""

from __future__ import annotations

import re

import pytest

import specs
from jax_impl.ahead import Lowered, lower
from jax_impl.platforms import matrix_units, oneapi
from jax_impl.triton.source import with_plain_descriptors

BLOCK = re.compile(r"tt\.descriptor_(load|store) .*: (?:tensor|!tt\.tensordesc)<([^>]*)>")
CASES = (
    ("fp8_gemm", "ragged-n"),
    ("fp8_gemm", "one-group"),
    ("fp8_bmm", "o-projection"),
    ("int4_gemm_w4a16", "group-32"),
    ("flash_attn_varlen", "causal"),
    ("flash_attn_varlen", "paged"),
    ("mqa_logits", "fp8"),
)


def lowered(op: str, case: str, backend: str) -> Lowered:
    return lower(op, specs.get(op).case(case), backend, platform=oneapi.PLATFORM)[0]


def blocks_of(found: Lowered) -> list[tuple[str, str]]:
    """Accesses by descriptors: whether they load or store, and blocks."""
    return [(match[1], match[2].replace("ui", "i")) for match in BLOCK.finditer(found.ir)]


@pytest.mark.parametrize(("op", "case"), CASES)
def test_both_sources_access_the_same_blocks(op: str, case: str) -> None:
    pallas, triton = (blocks_of(lowered(op, case, backend)) for backend in ("pallas", "triton"))
    assert pallas
    assert pallas == triton


def test_keys_and_values_of_attention_have_no_masks() -> None:
    """What is masked are queries and results, and bounds of requests."""
    found = lowered("flash_attn_varlen", "causal", "pallas")
    assert [kind for kind, _ in blocks_of(found)] == ["load"] * 4, "keys and values, of whole tiles and of others"
    masked = re.findall(r"tt\.load %\S+, %\S+, .*: tensor<(\d+x\d+)x", found.ir)
    tile = f"{found.tunables['BLOCK_M']}x{found.tunables['CHUNK']}"
    assert set(masked) <= {tile}


@pytest.mark.parametrize("backend", ["pallas", "triton"])
def test_without_matrix_units_there_are_masks(backend: str) -> None:
    with matrix_units.using("off"):
        assert not blocks_of(lowered("fp8_gemm", "ragged-n", backend))


def test_one_row_without_a_pitch_is_masked() -> None:
    """A matrix of one row, of which a caller's stride says nothing, is none that the hardware takes."""
    loads = [block for kind, block in blocks_of(lowered("fp8_gemm", "one-row", "triton")) if kind == "load"]
    assert len(loads) == 1, "the weight"


def test_descriptors_of_older_triton_become_what_the_plugin_reads() -> None:
    old = "%0 = tt.descriptor_load %d[%i, %j] : !tt.tensordesc<tensor<16x64xbf16>> -> tensor<16x64xbf16>"
    new = "%0 = tt.descriptor_load %d[%i, %j] : !tt.tensordesc<16x64xbf16> -> tensor<16x64xbf16>"
    assert with_plain_descriptors(old) == new
    assert with_plain_descriptors(new) == new
