"""Named calls of variable-length attention."""

from __future__ import annotations

from typing import Any

from specs.attention.sampling import SCALE
from specs.cache.kv_layouts import ADJACENT, INTERLEAVED, SEPARATE, KVLayout
from specs.lang.declare.op import Case
from specs.lang.formats.elements import BF16, E4M3, E5M2, F16, INT8

_OPTIONAL = ("alibi_slopes", "s_aux", "q_descale", "k_descale", "v_descale", "k_scale_cache", "v_scale_cache")
_LSE = {"return_softmax_lse": True}
_TOKENS = ("k_scale_cache", "v_scale_cache")
_PADDED = {"max_seqlen_q": 4, "splits": 3, **_LSE}  # of 40 rows, 12 at most are of requests


def _case(
    name: str,
    requests: int,
    queries: int,
    heads: tuple[int, int],
    widths: tuple[int, int],
    pages: tuple[int, int, int],
    *with_: str,
    slopes: int = 1,
    descales: tuple[int, int] = (1, 1),
    layout: KVLayout = SEPARATE,
    used: bool = False,
    **fields: Any,
) -> Case:
    """pages: (how many, keys of each, how many a request may have); (1, keys, 1) for keys without pages.

    used: whether these keys have lengths in addition to bounds.
    """
    sizes = {"TQ": queries, "HQ": heads[0], "HKV": heads[1], "D": widths[0], "DV": widths[1]}
    sizes |= {"PAGES": pages[0], "PAGE": pages[1], "TABLE": pages[2], "BOUNDS": requests + 1, "SLOPES": slopes}
    sizes |= {"DESCALE_ROWS": descales[0], "DESCALE_HEADS": descales[1]}
    absent = tuple(name for name in _OPTIONAL if name not in with_)
    absent += ("block_table", *(() if used else ("seqused_k",))) if pages[0] == 1 else ("cu_seqlens_k",)
    absent += ("v",) if layout.fused else ()
    attributes = {"softmax_scale": SCALE, **fields.pop("attributes", {})}
    attributes |= {"kv_layout": layout.name} if layout.fused else {}
    return Case(name=name, sizes=tuple(sizes.items()), attributes=tuple(attributes.items()), absent=absent, **fields)


CASES = (
    _case("causal", 3, 90, (4, 2), (64, 64), (1, 120, 1), attributes={"causal": True, **_LSE}),
    _case("full", 3, 50, (2, 2), (32, 32), (1, 70, 1), attributes=_LSE),
    _case("window", 3, 80, (6, 2), (32, 32), (1, 150, 1), "s_aux", attributes={"window_left": 20, "window_right": 9}),
    _case("banded", 2, 40, (2, 1), (48, 16), (1, 90, 1), attributes={"causal": True, "window_left": 0, **_LSE}),
    _case("capped", 2, 30, (2, 1), (40, 24), (1, 60, 1), attributes={"softcap": 3.0, "causal": True}),
    _case("slopes", 3, 30, (4, 2), (32, 32), (1, 60, 1), "alibi_slopes", slopes=1, attributes={"causal": True}),
    _case("slopes-each", 3, 30, (4, 2), (32, 32), (1, 60, 1), "alibi_slopes", slopes=3),
    _case(
        "paged",
        4,
        70,
        (8, 2),
        (64, 64),
        (20, 16, 5),
        "s_aux",
        attributes={"causal": True, "invariant": True, **_LSE},
    ),
    _case("odd-pages", 3, 20, (3, 3), (32, 80), (20, 7, 6), attributes=_LSE),
    _case("decode", 5, 5, (8, 2), (64, 64), (40, 16, 8), "s_aux", attributes={"max_seqlen_q": 1, **_LSE}),
    _case(
        "parts",
        3,
        6,
        (8, 2),
        (64, 64),
        (24, 16, 8),
        attributes={"max_seqlen_q": 2, "causal": True, "splits": 3, **_LSE},
    ),
    _case(
        "parts-window",
        2,
        4,
        (4, 1),
        (32, 32),
        (24, 16, 12),
        "s_aux",
        attributes={"max_seqlen_q": 2, "causal": True, "window_left": 70, "splits": 2},
    ),
    _case(
        "fp8-keys",
        3,
        40,
        (4, 2),
        (64, 64),
        (20, 16, 5),
        "k_descale",
        "v_descale",
        descales=(1, 2),
        formats=(("k", E4M3),),
        attributes={"causal": True},
    ),
    _case(
        "fp8-e5m2",
        2,
        9,
        (2, 1),
        (32, 32),
        (1, 30, 1),
        "s_aux",
        formats=(("q", E5M2), ("k", E4M3), ("s_aux", BF16)),
        attributes={"out_dtype": F16},
    ),
    _case(
        "fp8",
        3,
        40,
        (4, 2),
        (64, 32),
        (1, 90, 1),
        "q_descale",
        "k_descale",
        "v_descale",
        descales=(3, 2),
        formats=(("q", E4M3), ("k", E5M2)),
        attributes={"out_dtype": BF16, "splits": 2},
    ),
    _case(
        "f16",
        2,
        40,
        (4, 4),
        (64, 64),
        (1, 60, 1),
        "s_aux",
        formats=(("q", F16), ("k", F16), ("s_aux", F16)),
        attributes=_LSE,
    ),
    _case(
        "int8-adjacent",
        3,
        9,
        (4, 2),
        (32, 80),
        (20, 16, 5),
        *_TOKENS,
        layout=ADJACENT,
        formats=(("k", INT8),),
        attributes={"causal": True, "max_seqlen_q": 4, "splits": 2, **_LSE},
    ),
    _case(
        "fp8-interleaved",
        3,
        20,
        (6, 3),
        (40, 40),
        (20, 7, 6),
        "k_descale",
        "v_descale",
        layout=INTERLEAVED,
        formats=(("q", F16), ("k", E4M3)),
    ),
    _case("fp8-tokens", 2, 9, (4, 2), (32, 32), (9, 64, 2), *_TOKENS, formats=(("q", F16), ("k", E4M3))),
    _case("adjacent", 2, 9, (4, 2), (48, 32), (9, 64, 2), layout=ADJACENT, attributes={"causal": True}),
    _case("mla", 2, 4, (16, 1), (576, 512), (12, 16, 6), attributes={"max_seqlen_q": 2, "causal": True}),
    _case("no-queries", 2, 0, (4, 2), (32, 32), (1, 20, 1), attributes=_LSE),
    _case("no-requests", 0, 0, (4, 2), (32, 32), (1, 0, 1)),
    _case("rows-of-no-request", 0, 9, (6, 2), (32, 48), (2, 16, 1), "s_aux", attributes=_LSE),
    _case("parts-padded", 3, 40, (4, 2), (32, 80), (24, 16, 8), "s_aux", attributes=_PADDED),
    _case("used", 3, 30, (4, 2), (32, 32), (1, 60, 1), used=True, attributes={"causal": True, **_LSE}),
    _case("no-keys", 2, 9, (4, 2), (32, 32), (1, 0, 1), "s_aux", attributes=_LSE),
    _case("large", 5, 900, (32, 8), (128, 128), (1, 1500, 1), large=True, attributes={"causal": True, **_LSE}),
    _case(
        "large-decode",
        16,
        16,
        (32, 8),
        (128, 128),
        (400, 64, 20),
        "s_aux",
        large=True,
        attributes={"max_seqlen_q": 1, **_LSE},
    ),
    _case(
        "decode-pages-of-16",
        64,
        64,
        (32, 8),
        (128, 128),
        (8192, 16, 128),
        large=True,
        golden=True,
        attributes={"max_seqlen_q": 1, "causal": True},
    ),
    _case("large-paged", 4, 700, (16, 4), (128, 128), (80, 64, 16), large=True, attributes={"causal": True}),
    _case("d256", 3, 300, (8, 4), (256, 256), (1, 700, 1), large=True, attributes={"causal": True, "window_left": 127}),
)
