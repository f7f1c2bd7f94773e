"""docs/gguf.md: how GGUF weights are used, and every block type as it is declared."""

from __future__ import annotations

from parity.write.op_table import table
from specs.lang.formats.ggml import BLOCKS
from specs.lang.formats.packed import Codes, Number, PackedBlock

_PAGE = """\
<!-- Written by `python -m parity emit --all --write`: do not edit. -->
# GGUF weights and INT4 checkpoints

Weights in the block types of GGUF files are multiplied as they lie in the file. `gguf_gemm` takes the bytes of a
tensor, uint8 `[N, row bytes]`, such as a slice of a memory map, and `gguf_embedding` rows of one by token id:

```python
from specs.gguf.tensors import tensor

w = tensor("blk.0.ffn_up.weight", type_id, (N, K), memory)      # checks type, shape and bytes; copies nothing
y = torch_impl.ops.gguf_gemm(x, torch.from_numpy(w.data), quant_type=w.quant_type)
rows = torch_impl.ops.gguf_embedding(ids, table, quant_type="Q6_K")
```

`jax_impl.ops` has the same functions. A tensor that is cut short, rows of broken blocks and types that are not in the
table below are refused with the tensor's name, its type and the bytes. The weight is not rounded on the way: codes,
which 16-bit formats hold exactly, multiply the activations, each group's sum is scaled in float32, and minima multiply
the sums of the activations of their groups. Memory begins at a multiple of 4 bytes (GGUF aligns tensors to 32).

On CPUs the weight is decoded to float32 in every call, which takes most of the time of a product of few rows. A weight
that is kept (`torch_impl.dequant.dequantise("gguf_gemm", b, quant_type=...)`, likewise in `jax_impl`) is decoded once.

## Block types

value = (d s) q - dmin m, in float32 with one rounding per operation, bit for bit what gguf-py decodes: d and dmin are
numbers of the block, s and m codes of a group (1 without), q the code of the element. Bits are byte:bit of the first
code; `n x` says that n codes in consecutive bytes follow each other before the next bits are used.

{table}

`specs.lang.formats.packed_encode.encode(form, x)` writes blocks, by these rules:

{encoders}

EXTREME, RANGE, AMAX and FLOOR_EXPONENT give the bytes that gguf-py writes; it has no encoder of the other types. Rules
of groups are plain rounding; ggml searches for better scales, and any valid block decodes alike.

A block type of your own is a `PackedBlock` ([specs/lang/formats/ggml.py](../specs/lang/formats/ggml.py) has these).

## AWQ, GPTQ and compressed-tensors

`specs.gemm.repack` turns the tensors of a linear layer into the arguments of `int4_gemm_w4a16` and `int4_gemm_w4a8`,
once, on load, in numpy: `from_awq`, `from_gptq` (versions 1 and 2, act-order), `from_compressed_tensors`
(pack-quantized, 4 bits).

```python
from specs.gemm.repack import from_gptq

weight = from_gptq(qweight, qzeros, scales, g_idx, checkpoint_format="gptq")
arguments = weight.arguments()          # b, b_scale, b_zp, g_idx, group_size, weight_order
```

Codes and zero points are moved, never rounded. A zero point of 16, which version 1 of GPTQ can express and four bits
cannot, and act-order with groups of different sizes are refused.
"""


def block_page() -> str:
    """The page."""
    columns = ("type", "number", "elements", "bytes", "bits per element", "d", "s", "q", "dmin, m", "encoder")
    used = dict.fromkeys(form.encoder for form in BLOCKS)
    encoders = "\n".join(f"- {rule.name}: {rule.value}" for rule in used)
    return _PAGE.format(table="\n".join(table(columns, [_row(form) for form in BLOCKS])), encoders=encoders)


def _row(form: PackedBlock) -> tuple[str, ...]:
    low = "-" if form.minimum is None else _number(form.minimum) + (", subtracted" if form.subtracted else ", added")
    if form.sub_minima is not None:
        low += f"; {_codes(form.sub_minima)} per {form.group}"
    sub = "-" if form.sub_scales is None else f"{_codes(form.sub_scales)} per {form.group}"
    sizes = (str(form.type_id), str(form.elements), str(form.bytes), f"{form.bits_per_element:g}")
    return (form.name, *sizes, _number(form.scale), sub, _codes(form.codes), low, form.encoder.name)


def _number(number: Number) -> str:
    return f"{number.element.name} at {number.byte}"


def _codes(codes: Codes) -> str:
    places = []
    for plane in codes.planes:
        spots = ", ".join(f"{byte}:{bit}" for byte, bit in plane.spots[:2])
        more = ", .." if len(plane.spots) > 2 else ""
        places.append(f"{plane.bits} bits {plane.run} x at {spots}{more}")
    text = " + ".join(places)
    if codes.signed:
        text += ", signed"
    if codes.offset:
        text += f", minus {codes.offset}"
    return text + (f"; values {', '.join(map(str, codes.table))}" if codes.table else "")
