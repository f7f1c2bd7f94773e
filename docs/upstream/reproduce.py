"""Compile product.mlir for an Arc B580 that need not be there.

    python reproduce.py ELEMENT K on|off        ELEMENT: f16, f8E5M2 or f8E4M3FN; on: with the attribute

Prints the size of the SPIR-V and how many matrix instructions it has; one of the inputs ends the process instead.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ATTRIBUTE = 'attributes {"ttig.support_subgroup_matrix_multiply_accumulate"}'
MULTIPLY = 6237  # OpSubgroupMatrixMultiplyAccumulateINTEL


def main(element: str, k: int, attribute: str) -> None:
    """Compiles A [16, k] times B [k, 16] in one program of one warp."""
    dump = Path(tempfile.mkdtemp())
    # Before JAX is imported, which reads them once.
    os.environ["XLA_FLAGS"] = f"--xla_dump_to={dump} --xla_gpu_dump_llvmir=true --xla_dump_emitter_re=.*"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import ml_dtypes
    import numpy as np
    from jax.experimental import topologies
    from jax.sharding import SingleDeviceSharding

    from parity.xpu.topologies import BY_NAME  # descriptions of cards: stream_executor.GpuTargetConfigProto as text

    text = Path(__file__).with_name("product.mlir").read_text()
    for name, value in (("@ATTRIBUTE@", attribute), ("@ELEMENT@", element), ("@K@", str(k))):
        text = text.replace(name, value)
    card = topologies.get_topology_desc("", "oneapi", target_config=BY_NAME["B580"].text(), topology="1x1x1")
    dtypes = {"f16": np.float16, "f8E5M2": ml_dtypes.float8_e5m2, "f8E4M3FN": ml_dtypes.float8_e4m3fn}
    device = SingleDeviceSharding(card.devices[0])
    shapes = [jax.ShapeDtypeStruct(shape, dtypes[element], sharding=device) for shape in ((16, k), (k, 16))]
    ones = {name: np.int32(1) for name in ("grid_x", "grid_y", "grid_z", "num_stages", "num_warps")}
    call = jax.ffi.ffi_call("__gpu$xla.gpu.triton", jax.ShapeDtypeStruct((16, 16), np.float32))
    jax.jit(lambda a, b: call(a, b, name="product", ir=text, debug=False, **ones)).lower(*shapes).compile()
    words = np.fromfile(next(dump.glob("*.spv")), np.uint32)
    print(4 * words.size, "bytes of SPIR-V,", int(np.sum((words & 0xFFFF) == MULTIPLY)), "matrix instructions")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), ATTRIBUTE if sys.argv[3] == "on" else "")
