# gemm, case "prefill", target gluon-hopper. Written by `python -m parity emit`: do not edit.
"""gemm: Product of unquantised activations and weights.

Generated. Specialised on
    weight_order = nk
    out_dtype = bf16
    invariant = False
    a = bf16
    b = bf16
    c = bf16
    SPLITS = 1
    even_m = True
    even_n = True
    even_k = True
    BLOCK_M = 128
    BLOCK_N = 128
    BLOCK_K = 64
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
def gemm_producer(
    a_desc, b_desc, a_smem, b_smem, full, empty, M, N, K,
):
    BLOCK_M: gl.constexpr = 128
    BLOCK_N: gl.constexpr = 128
    BLOCK_K: gl.constexpr = 64
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
        steps = gl.cdiv(K, BLOCK_K)  # specs/gemm/dense.py:68
        for k in range(steps):
            mbarrier.wait(empty.index(slot), phase)
            mbarrier.expect(full.index(slot), 32768)
            # specs/gemm/dense.py:44
            tma.async_load(a_desc, [tile_m * BLOCK_M, k * BLOCK_K], full.index(slot), a_smem.index(2 * slot + 0))
            tma.async_load(a_desc, [index, k * BLOCK_K], full.index(slot), a_smem.index(2 * slot + 1))
            tma.async_load(b_desc, [tile_n * BLOCK_N, k * BLOCK_K], full.index(slot), b_smem.index(slot))
            slot += 1
            if slot == STAGES:
                slot = 0
                phase ^= 1


@gluon.jit
def gemm_consumer(
    warp_group: gl.constexpr, c_desc, a_smem, b_smem, c_smem, full, empty, M, N, K,
):
    BLOCK_M: gl.constexpr = 128
    BLOCK_N: gl.constexpr = 128
    BLOCK_K: gl.constexpr = 64
    GROUP_M: gl.constexpr = 8
    STAGES: gl.constexpr = 5
    TILE: gl.constexpr = gl.NVMMADistributedLayout(version=[3, 0], warps_per_cta=[4, 1], instr_shape=[16, 128, 16])
    slot = 0
    phase = 0
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
        steps = gl.cdiv(K, BLOCK_K)  # specs/gemm/dense.py:68
        acc = gl.full([BLOCK_M // 2, BLOCK_N], 0.0, gl.float32, TILE)
        for k in range(steps):
            mbarrier.wait(full.index(slot), phase)
            # specs/gemm/dense.py:66
            pending = warpgroup_mma(
                a_smem.index(2 * slot + warp_group), b_smem.index(slot).permute([1, 0]), acc, is_async=True
            )
            acc = warpgroup_mma_wait(0, deps=[pending])
            mbarrier.arrive(empty.index(slot), count=1)
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
def gemm(
    a_desc, b_desc, c_desc, M, N, K,
):
    a_smem = gl.allocate_shared_memory(a_desc.dtype, [10, 64, 64], a_desc.layout)
    b_smem = gl.allocate_shared_memory(b_desc.dtype, [5, 128, 64], b_desc.layout)
    c_smem = gl.allocate_shared_memory(c_desc.dtype, [2, 64, 128], c_desc.layout)
    full = gl.allocate_shared_memory(gl.int64, [5, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [5, 1], mbarrier.MBarrierLayout())
    for i in gl.static_range(5):
        mbarrier.init(full.index(i), count=1)
        mbarrier.init(empty.index(i), count=2)
    fence_async_shared()
    gl.warp_specialize([
        (gemm_consumer, (
            0, c_desc, a_smem, b_smem, c_smem, full, empty, M, N, K,
        )),
        (gemm_consumer, (
            1, c_desc, a_smem, b_smem, c_smem, full, empty, M, N, K,
        )),
        (gemm_producer, (
            a_desc, b_desc, a_smem, b_smem, full, empty, M, N, K,
        )),
    ], [4, 1], [232, 40])
