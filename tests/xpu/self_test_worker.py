"""A child of the tests: compiles the self-test's product for B580, or runs one on the OpenCL device for CPUs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jax_impl.platforms import self_test
from parity.xpu import matrices, spirv
from parity.xpu.execute_worker import UNOPTIMISED, Device, emulated
from parity.xpu.process import serve
from specs.lang.formats.elements import BF16, F16

FORMS = {form.name: form for form in (F16, BF16)}
DEVICE = Device()
OWN_ROW = matrices._Writer._row


def compiled(request: Mapping[str, Any]) -> dict[str, Any]:
    import jax

    from jax_impl.formats import dtype_of
    from jax_impl.platforms import matrix_units, oneapi
    from parity.xpu.compile_worker import placement

    oneapi.avoid_defects()
    dump, form, where = Path(sys.argv[1]), FORMS[request["form"]], placement("B580")
    before = set(dump.glob("*.spv"))
    shapes = ((self_test.ROWS, self_test.DEPTH), (self_test.DEPTH, self_test.COLUMNS))
    structs = [jax.ShapeDtypeStruct(shape, dtype_of(form), sharding=where) for shape in shapes]
    annotate = partial(matrix_units.annotated, setting=request["setting"])
    jax.jit(self_test.function(form, annotate)).lower(*structs).compile()
    (file,) = set(dump.glob("*.spv")) - before
    return {"file": str(file)}


def executed(request: Mapping[str, Any]) -> dict[str, Any]:
    swapped = request["swapped"]
    matrices._Writer._row = (  # type: ignore[method-assign]
        (lambda self, code, thread, i: OWN_ROW(self, code, thread, i ^ 1)) if swapped else OWN_ROW
    )
    module = emulated(spirv.parse(Path(request["file"]).read_bytes()))
    assert not spirv.obstacles(module), spirv.obstacles(module)
    form = FORMS[request["form"]]
    DEVICE.start()
    given = [np.array(request[name], np.float32).astype(form.numpy_dtype) for name in ("a", "b")]
    result = np.full(self_test.ROWS * self_test.COLUMNS, np.nan, np.float32)
    buffers = [DEVICE.put(one.view(np.uint16)) for one in given] + [DEVICE.put(result)]
    options = () if module.subgroups else UNOPTIMISED
    DEVICE.launch(module.to_bytes(), self_test.KERNEL, buffers, (1, 1, 1), 32, options)
    return {"product": DEVICE.get(buffers[2]).view(np.float32).tolist()}


if __name__ == "__main__":
    serve(compiled if len(sys.argv) > 1 else executed)
