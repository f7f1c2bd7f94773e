"""Every public operation by name."""

from __future__ import annotations

from specs.gemm.fp4 import FP4_GEMM
from specs.gemm.fp8 import FP8_BMM, FP8_GEMM, FP8_GEMM_W8A16
from specs.gemm.int4 import INT4_GEMM_W4A16
from specs.lang.op import Op

OPS: dict[str, Op] = {op.name: op for op in (FP8_GEMM, FP8_BMM, FP8_GEMM_W8A16, INT4_GEMM_W4A16, FP4_GEMM)}
