# fp8_gemm, case "prefill", target gluon-hopper. Written by `python -m parity emit`: do not edit.
"""fp8_gemm: W8A8 product of FP8 activations and an FP8 weight.

Generated. Specialised on
    scale_mode = block
    group = 128
    weight_order = nk
    out_dtype = bf16
    invariant = False
    a = e4m3
    b = e4m3
    a_scale = f32
    b_scale = f32
    c = bf16
    SPLITS = 1
    even_m = True
    even_n = True
    even_k = True
    batched = False
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 128
    GROUP_M = 8
    num_warps = 4
    num_stages = 5
"""

from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared, mbarrier, tma, warpgroup_mma, warpgroup_mma_wait,
)


@gluon.jit
def fp8_gemm_producer(
    a_desc, b_desc, a_smem, b_smem, full, empty, M, N, K,
):
    BLOCK_M: gl.constexpr = 128
    BLOCK_N: gl.constexpr = 128
    BLOCK_K: gl.constexpr = 128
    GROUP_M: gl.constexpr = 8
    STAGES: gl.constexpr = 5
    slot = 0
    phase = 1
    for pid in range(gl.program_id(0), gl.cdiv(M, BLOCK_M) * gl.cdiv(N, BLOCK_N), gl.num_programs(0)):
        tiles_m = gl.cdiv(M, BLOCK_M)  # specs/gemm/tiles.py:22
        tiles_n = gl.cdiv(N, BLOCK_N)
        # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
        per_band = tiles_n * GROUP_M
        band = pid // per_band
        first = band * GROUP_M
        height = gl.minimum(tiles_m - first, GROUP_M)
        inside = pid % per_band
        tile_m = first + inside % height
        tile_n = inside // height
        index = tile_m * BLOCK_M + BLOCK_M // 2  # specs/gemm/tiles.py:37
        for k in range(gl.cdiv(K, BLOCK_K)):  # specs/gemm/scaled.py:66
            mbarrier.wait(empty.index(slot), phase)
            mbarrier.expect(full.index(slot), 32768)
            # Rows and columns over the edge are not stored, so anything is read for them: a mask would keep loads from
            # being asynchronous copies. Past the end of K both operands are zeros.
            # specs/gemm/scaled.py:55
            tma.async_load(a_desc, [tile_m * BLOCK_M, k * BLOCK_K], full.index(slot), a_smem.index(2 * slot + 0))
            tma.async_load(a_desc, [index, k * BLOCK_K], full.index(slot), a_smem.index(2 * slot + 1))
            tma.async_load(b_desc, [tile_n * BLOCK_N, k * BLOCK_K], full.index(slot), b_smem.index(slot))
            slot += 1
            if slot == STAGES:
                slot = 0
                phase ^= 1


@gluon.jit
def fp8_gemm_consumer(
    warp_group: gl.constexpr, c_desc, a_scale_ptr, b_scale_ptr, a_smem, b_smem, c_smem, full, empty, M, N, K,
    stride_a_scale0, stride_b_scale1,
):
    group: gl.constexpr = 128
    BLOCK_M: gl.constexpr = 128
    BLOCK_N: gl.constexpr = 128
    BLOCK_K: gl.constexpr = 128
    GROUP_M: gl.constexpr = 8
    STAGES: gl.constexpr = 5
    TILE: gl.constexpr = gl.NVMMADistributedLayout(version=[3, 0], warps_per_cta=[4, 1], instr_shape=[16, 128, 32])
    ROWS: gl.constexpr = gl.SliceLayout(1, TILE)
    slot = 0
    phase = 0
    partial = gl.full([BLOCK_M // 2, BLOCK_N], 0.0, gl.float32, TILE)
    for pid in range(gl.program_id(0), gl.cdiv(M, BLOCK_M) * gl.cdiv(N, BLOCK_N), gl.num_programs(0)):
        tiles_m = gl.cdiv(M, BLOCK_M)  # specs/gemm/tiles.py:22
        tiles_n = gl.cdiv(N, BLOCK_N)
        # Bands of row tiles, column by column: neighbours share rows of A and columns of B in L2.
        per_band = tiles_n * GROUP_M
        band = pid // per_band
        first = band * GROUP_M
        height = gl.minimum(tiles_m - first, GROUP_M)
        inside = pid % per_band
        tile_m = first + inside % height
        tile_n = inside // height
        index = tile_m * BLOCK_M + warp_group * (BLOCK_M // 2)  # specs/gemm/tiles.py:37
        offs_m = index + gl.arange(0, BLOCK_M // 2, ROWS)  # specs/gemm/tiles.py:81
        acc = gl.full([BLOCK_M // 2, BLOCK_N], 0.0, gl.float32, TILE)  # specs/gemm/scaled.py:65
        for k in range(gl.cdiv(K, BLOCK_K)):
            b_scale = gl.load(b_scale_ptr + (k + tile_n * BLOCK_N // group * stride_b_scale1))  # specs/gemm/tiles.py:81
            a_scale = gl.load(a_scale_ptr + (offs_m * stride_a_scale0 + k))
            scale = (a_scale * b_scale)[:, None]  # specs/gemm/scaled.py:97
            mbarrier.wait(full.index(slot), phase)
            # Scales multiply the sum of their group in float32, so their range never limits the operands'.
            # specs/gemm/scaled.py:60
            pending = warpgroup_mma(
                a_smem.index(2 * slot + warp_group), b_smem.index(slot).permute([1, 0]), partial, use_acc=False,
                is_async=True
            )
            partial = warpgroup_mma_wait(0, deps=[pending])
            mbarrier.arrive(empty.index(slot), count=1)
            acc = acc + partial * scale
            slot += 1
            if slot == STAGES:
                slot = 0
                phase ^= 1
        # Rounded once.
        tma.store_wait(0)
        gl.barrier()
        c_smem.index(warp_group).store(acc.to(gl.bfloat16))  # specs/gemm/tiles.py:76
        fence_async_shared()
        gl.barrier()
        tma.async_store(c_desc, [index, tile_n * BLOCK_N], c_smem.index(warp_group))
    tma.store_wait(0)


@gluon.jit
def fp8_gemm(
    a_desc, b_desc, c_desc, a_scale_ptr, b_scale_ptr, M, N, K, stride_a_scale0, stride_b_scale1,
):
    a_smem = gl.allocate_shared_memory(a_desc.dtype, [10, 64, 128], a_desc.layout)
    b_smem = gl.allocate_shared_memory(b_desc.dtype, [5, 128, 128], b_desc.layout)
    c_smem = gl.allocate_shared_memory(c_desc.dtype, [2, 64, 128], c_desc.layout)
    full = gl.allocate_shared_memory(gl.int64, [5, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [5, 1], mbarrier.MBarrierLayout())
    for i in gl.static_range(5):
        mbarrier.init(full.index(i), count=1)
        mbarrier.init(empty.index(i), count=2)
    fence_async_shared()
    gl.warp_specialize([
        (fp8_gemm_consumer, (
            0, c_desc, a_scale_ptr, b_scale_ptr, a_smem, b_smem, c_smem, full, empty, M, N, K, stride_a_scale0,
            stride_b_scale1,
        )),
        (fp8_gemm_consumer, (
            1, c_desc, a_scale_ptr, b_scale_ptr, a_smem, b_smem, c_smem, full, empty, M, N, K, stride_a_scale0,
            stride_b_scale1,
        )),
        (fp8_gemm_producer, (
            a_desc, b_desc, a_smem, b_smem, full, empty, M, N, K,
        )),
    ], [4, 1], [232, 40])
