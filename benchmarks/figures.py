"""Tables of measured figures, from the records that benchmarks leave: `python -m benchmarks.figures --help`.

The records of the figures that the documentation shows are kept in `docs/figures`, and the tables are made from them:

    python -m benchmarks.figures docs/figures/*.json --write docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.harness.session import SHARE, VERSUS
from benchmarks.harness.variants import OURS_JAX, OURS_JAX_TRITON, OURS_TORCH

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
FLOOR, OURS = "floor", "ours, Triton"
WARM: Final = ", warm"

# Column, and how the names of the variants in it begin: of several, the fastest counts, of floors the highest.
COLUMNS: Final = {
    FLOOR: ("floor",),
    OURS: (OURS_TORCH,),
    "ours, JAX `pallas`": (OURS_JAX,),
    "ours, JAX `triton`": (OURS_JAX_TRITON,),
    "vLLM Triton": ("vllm triton", "vLLM Triton", "vLLM unified"),
    "FlashMLA": ("FlashMLA",),
    "SDPA flash": ("SDPA flash",),
    "SDPA cuDNN": ("SDPA cuDNN",),
    "cuBLASLt rowwise": ("torch rowwise",),
    "cuBLASLt 1x128 by 128x128": ("torch 1x128",),
    "bf16 product": ("torch bf16", "jax bf16"),
    "torch.topk": ("torch.topk",),
    "jax.lax.top_k": ("jax.lax.top_k",),
    "copy of as many bytes": ("copy of as many bytes",),
}
TITLES: Final = {
    "fp8": "`fp8_gemm`, scales 1x128 by 128x128",
    "int4": "`int4_gemm_w4a16`, groups of 128; share: of the weight's bytes",
    "quant": "`per_token_group_quant_fp8`, groups of 128",
    "decode": "`sparse_mla_decode_fp8`, V4 pages of 64 rows",
    "prefill": "`sparse_mla_prefill`",
    "insert": "`qnorm_rope_kv_insert`",
    "quantize": "`quantize_and_insert_k`",
    "gather": "`dequant_gather_k`",
    "causal": "`flash_attn_varlen`, causal, 32 and 8 heads of 128",
    "paged": "`flash_attn_varlen`, one query per request over pages",
    "paged_logits": "`paged_mqa_logits`",
    "dense_logits": "`mqa_logits`",
    "topk": "`topk_rows`; floor: three reads",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Microseconds per call, ratio to our Triton kernel (nan: not compared), and the share of a copy (or nan)."""

    time: float
    ratio: float
    share: float

    def __str__(self) -> str:
        text = f"{self.time:#.3g}".rstrip(".") if self.time < 1000 else f"{self.time:.0f}"
        return text if math.isnan(self.ratio) else f"{text} ({self.ratio:.2f})"


def column_of(variant: str) -> str | None:
    """The column whose variants begin so, the longest beginning first; None for none."""
    if variant.endswith("plain"):
        return None
    fitting = [
        (len(start), column) for column, starts in COLUMNS.items() for start in starts if variant.startswith(start)
    ]
    return max(fitting)[1] if fitting else None


def cells(rows: Iterable[Mapping[str, Any]]) -> dict[str, Cell]:
    """One case's rows of a record as cells by column."""
    found: dict[str, Cell] = {}
    for row in rows:
        column = column_of(row["variant"])
        if column is None or row["timing"] is None:
            continue
        ratio = math.nan if column in (FLOOR, OURS) else row["figures"].get(VERSUS, math.nan)
        share = row["figures"].get(SHARE, math.nan) if column == OURS else math.nan
        cell = Cell(time=median(row["timing"]["samples"]) * 1e6, ratio=ratio, share=share)
        before = found.get(column)
        better = before is None or (cell.time > before.time if column == FLOOR else cell.time < before.time)
        if better:
            found[column] = cell
    return found


def table(section: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of one section: a line per case, a column per implementation."""
    cases = list(dict.fromkeys(row["case"] for row in rows if not row["case"].endswith(WARM)))
    lines = {case: cells(row for row in rows if row["case"] == case) for case in cases}
    used = [column for column in COLUMNS if any(column in line for line in lines.values())]
    shares = any(OURS in line and not math.isnan(line[OURS].share) for line in lines.values())
    text = [f"| {TITLES[section]} | {' | '.join([*used, *([SHARE] if shares else [])])} |"]
    text.append("| --- " * (1 + len(used) + shares) + "|")
    for case, line in lines.items():
        shown = [str(line[column]) if column in line else "" for column in used]
        share = f"{line[OURS].share:.2f}" if OURS in line and not math.isnan(line[OURS].share) else ""
        text.append(f"| {case} | {' | '.join([*shown, *([share] if shares else [])])} |")
    return "\n".join(text)


def tables(records: Iterable[Mapping[str, Any]]) -> str:
    """The tables of all records, after the machine that they were made on."""
    parts: list[str] = []
    for record in records:
        machine = record["machine"]
        versions = ", ".join(f"{name} {machine[name]}" for name in ("torch", "triton", "jax") if name in machine)
        head = f"{machine.get('name', machine.get('device', '?'))}, {versions}; microseconds:"
        rows = record["rows"]
        found = [[row for row in rows if row["section"] == section] for section in TITLES]
        shown = [table(rows[0]["section"], rows) for rows in found if rows]
        parts += shown if head in parts or not shown else [head, *shown]
    return "\n\n".join(parts)


def inserted(page: str, text: str) -> str:
    """The page with `text` between its marks.

    Raises:
        ValueError: a mark is missing.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="tables of measured figures")
    parser.add_argument("records", nargs="+", type=Path, help="JSON files of the benchmarks")
    parser.add_argument("--write", type=Path, default=None, help="page whose marked part they replace")
    given = parser.parse_args(arguments)
    text = tables([json.loads(path.read_text(encoding="utf-8")) for path in given.records])
    if given.write is None:
        print(text)
    else:
        page = given.write.read_text(encoding="utf-8")
        given.write.write_text(inserted(page, text), encoding="utf-8")


if __name__ == "__main__":
    main()
