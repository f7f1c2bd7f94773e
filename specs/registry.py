"""Every public operation by name."""

from __future__ import annotations

from specs.cache.gather import DEQUANT_GATHER_K
from specs.cache.qnorm import QNORM_ROPE_KV_INSERT
from specs.cache.write import QUANTIZE_AND_INSERT_K
from specs.gemm.fp4 import FP4_GEMM
from specs.gemm.fp8 import FP8_BMM, FP8_GEMM, FP8_GEMM_W8A16
from specs.gemm.int4 import INT4_GEMM_W4A16
from specs.lang.op import Op
from specs.quant.group import MXFP4_QUANT, MXFP8_QUANT, PER_TOKEN_GROUP_QUANT_FP8
from specs.quant.row import PER_TOKEN_QUANT_FP8, PER_TOKEN_QUANT_INT8
from specs.quant.tensor import PER_TENSOR_QUANT_FP8

OPS: dict[str, Op] = {
    op.name: op
    for op in (
        PER_TOKEN_GROUP_QUANT_FP8,
        PER_TOKEN_QUANT_FP8,
        PER_TENSOR_QUANT_FP8,
        PER_TOKEN_QUANT_INT8,
        MXFP8_QUANT,
        MXFP4_QUANT,
        FP8_GEMM,
        FP8_BMM,
        FP8_GEMM_W8A16,
        INT4_GEMM_W4A16,
        FP4_GEMM,
        QUANTIZE_AND_INSERT_K,
        QNORM_ROPE_KV_INSERT,
        DEQUANT_GATHER_K,
    )
}
