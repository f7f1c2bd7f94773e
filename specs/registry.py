"""Every public operation by name."""

from __future__ import annotations

from specs.activation.mul import ACT_AND_MUL
from specs.activation.quant import ACT_AND_MUL_QUANT
from specs.attention.decode import SPARSE_MLA_DECODE_FP8
from specs.attention.prefill import SPARSE_MLA_PREFILL
from specs.cache.combine import COMBINE_TOPK_SWA
from specs.cache.compressed import C128A_DECODE_METADATA, C128A_PREFILL_METADATA, COMPRESSED_SLOT_MAPPING
from specs.cache.gather import DEQUANT_GATHER_K
from specs.cache.kv_insert import KV_INSERT
from specs.cache.metadata import PREFILL_GATHER_LENS, SWA_DECODE_METADATA, TOKEN_METADATA
from specs.cache.qnorm import QNORM_ROPE_KV_INSERT
from specs.cache.rope_kv_insert import ROPE_KV_INSERT
from specs.cache.topk import GLOBAL_TOPK
from specs.cache.write import QUANTIZE_AND_INSERT_K
from specs.compressor.compress import COMPRESS_NORM_ROPE
from specs.compressor.insert import COMPRESS_NORM_ROPE_INSERT
from specs.compressor.save import SAVE_PARTIAL_STATES
from specs.flash.varlen import FLASH_ATTN_VARLEN
from specs.gemm.batched import BMM
from specs.gemm.dense import GEMM
from specs.gemm.fp4 import FP4_GEMM
from specs.gemm.fp8 import FP8_BMM, FP8_GEMM, FP8_GEMM_W8A16
from specs.gemm.int4 import INT4_GEMM_W4A16
from specs.gemm.int4_w4a8 import INT4_GEMM_W4A8
from specs.gguf.embedding import EMBEDDING, GGUF_EMBEDDING
from specs.gguf.gemm import GGUF_GEMM
from specs.indexer.composite import SPARSE_ATTN_INDEXER
from specs.indexer.gather import INDEXER_K_GATHER
from specs.indexer.insert import INDEXER_K_INSERT
from specs.indexer.logits import MQA_LOGITS
from specs.indexer.paged_logits import PAGED_MQA_LOGITS
from specs.indexer.query import INDEXER_Q_FP8, INDEXER_Q_MXFP4
from specs.indexer.topk import TOPK_ROWS, TOPK_ROWS_DECODE
from specs.lang.declare.op import Op
from specs.mhc.head import HC_HEAD
from specs.mhc.post import MHC_POST
from specs.mhc.pre import MHC_FUSED_POST_PRE, MHC_PRE
from specs.moe.combine import MOE_COMBINE
from specs.moe.fused import FUSED_MOE
from specs.moe.grouped_dense import GROUPED_GEMM
from specs.moe.grouped_fp8 import GROUPED_GEMM_FP8
from specs.moe.grouped_packed import GROUPED_GEMM_INT4, GROUPED_GEMM_MXFP4
from specs.moe.permute import MOE_PERMUTE
from specs.moe.route import MOE_ROUTE
from specs.norm.rms import RMS_NORM
from specs.norm.rms_quant import RMS_NORM_QUANT
from specs.output.inverse import INV_ROPE_FP8_QUANT
from specs.output.scales import TMA_ALIGNED_SCALES
from specs.quant.group import MXFP4_QUANT, MXFP8_QUANT, NVFP4_QUANT, PER_TOKEN_GROUP_QUANT_FP8
from specs.quant.row import PER_TOKEN_QUANT_FP8, PER_TOKEN_QUANT_INT8
from specs.quant.static import STATIC_QUANT_FP8
from specs.quant.tensor import PER_TENSOR_QUANT_FP8
from specs.rope.embedding import ROTARY_EMBEDDING
from specs.rope.qk_norm import QK_NORM_ROPE
from specs.sampling.logprobs import LOGPROBS
from specs.sampling.penalties import APPLY_PENALTIES
from specs.sampling.rejection import REJECTION_SAMPLE
from specs.sampling.sample import FILTER_LOGITS, SAMPLE
from specs.sampling.verify import VERIFY_DRAFT

OPS: dict[str, Op] = {
    op.name: op
    for op in (
        PER_TOKEN_GROUP_QUANT_FP8,
        PER_TOKEN_QUANT_FP8,
        PER_TENSOR_QUANT_FP8,
        STATIC_QUANT_FP8,
        PER_TOKEN_QUANT_INT8,
        MXFP8_QUANT,
        MXFP4_QUANT,
        NVFP4_QUANT,
        GEMM,
        BMM,
        FP8_GEMM,
        FP8_BMM,
        FP8_GEMM_W8A16,
        INT4_GEMM_W4A16,
        INT4_GEMM_W4A8,
        FP4_GEMM,
        GGUF_GEMM,
        EMBEDDING,
        GGUF_EMBEDDING,
        QUANTIZE_AND_INSERT_K,
        QNORM_ROPE_KV_INSERT,
        DEQUANT_GATHER_K,
        KV_INSERT,
        ROPE_KV_INSERT,
        SPARSE_MLA_PREFILL,
        SPARSE_MLA_DECODE_FP8,
        FLASH_ATTN_VARLEN,
        COMBINE_TOPK_SWA,
        GLOBAL_TOPK,
        TOKEN_METADATA,
        SWA_DECODE_METADATA,
        PREFILL_GATHER_LENS,
        C128A_DECODE_METADATA,
        C128A_PREFILL_METADATA,
        COMPRESSED_SLOT_MAPPING,
        INDEXER_Q_FP8,
        INDEXER_Q_MXFP4,
        INDEXER_K_INSERT,
        INDEXER_K_GATHER,
        MQA_LOGITS,
        PAGED_MQA_LOGITS,
        TOPK_ROWS,
        TOPK_ROWS_DECODE,
        SPARSE_ATTN_INDEXER,
        RMS_NORM,
        RMS_NORM_QUANT,
        SAVE_PARTIAL_STATES,
        COMPRESS_NORM_ROPE,
        COMPRESS_NORM_ROPE_INSERT,
        INV_ROPE_FP8_QUANT,
        TMA_ALIGNED_SCALES,
        MHC_POST,
        MHC_PRE,
        MHC_FUSED_POST_PRE,
        HC_HEAD,
        ROTARY_EMBEDDING,
        ACT_AND_MUL,
        ACT_AND_MUL_QUANT,
        QK_NORM_ROPE,
        MOE_ROUTE,
        MOE_PERMUTE,
        GROUPED_GEMM,
        GROUPED_GEMM_FP8,
        GROUPED_GEMM_INT4,
        GROUPED_GEMM_MXFP4,
        MOE_COMBINE,
        FUSED_MOE,
        APPLY_PENALTIES,
        SAMPLE,
        FILTER_LOGITS,
        LOGPROBS,
        VERIFY_DRAFT,
        REJECTION_SAMPLE,
    )
}
