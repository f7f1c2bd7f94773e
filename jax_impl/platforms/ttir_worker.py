"""A program that turns Triton source into Triton IR with the compiler front end of the installed triton package.

Run by `jax_impl.triton.source` as a process of its own: whether Triton compiles or interprets is decided once per
process, and the caller's may want it interpreted. Reads requests and writes replies, one JSON object per line; imports
nothing of ours.

Request: source, kernel (name of the function), file, signature (argument -> Triton type), unaligned (arguments that are
no multiples of 16), capability (of a CUDA device; decides which instructions there are), num_warps; and num_stages
where the kernel is to be compiled. Reply: ir, or ptx and shared (bytes of shared memory), or error.
"""

from __future__ import annotations

import json
import linecache
import sys
from typing import Any


def loaded(request: dict[str, Any]) -> Any:
    """The kernel of a request. Its arguments are multiples of 16, but for those said to be not."""
    from triton.compiler.compiler import ASTSource

    source, file = request["source"], request["file"]
    # Triton reads the text of a function back through its file name.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, file, "exec"), namespace)  # noqa: S102 - running generated source is the point
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(request["signature"])
        if name not in request["unaligned"]
    }
    return ASTSource(namespace[request["kernel"]], request["signature"], {}, aligned)


def stages_of(request: dict[str, Any], options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The module that a request's kernel is traced to, the backend, and the backend's options."""
    from triton._C.libtriton import ir
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import make_backend

    target = GPUTarget("cuda", request["capability"], 32)
    backend = make_backend(target)
    parsed = backend.parse_options({"num_warps": request["num_warps"], "enable_fp_fusion": True, **options})
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    functions = backend.get_codegen_implementation(parsed)
    module = loaded(request).make_ir(target, parsed, functions, backend.get_module_map(), context)
    return module, backend, parsed


def to_ir(request: dict[str, Any]) -> str:
    """Triton IR of a request without locations, after the passes that every backend runs first."""
    module, backend, options = stages_of(request, {})
    text: str = backend.make_ttir(module, {}, options, request["capability"]).str_nodebug()
    return text


def to_ptx(request: dict[str, Any]) -> dict[str, Any]:
    """PTX of a request, and the bytes of shared memory that it needs. The assembler is the caller's."""
    from triton.backends.compiler import Language

    module, backend, options = stages_of(request, {"num_stages": request["num_stages"]})
    metadata: dict[str, Any] = {"target": backend.target, **options.__dict__}
    stages: dict[str, Any] = {}
    backend.add_stages(stages, options, Language.TRITON)
    for name, stage in stages.items():
        module = stage(module, metadata)
        if name == "ptx":
            break
    return {"ptx": module, "shared": metadata["shared"]}


def main() -> None:
    """Answers requests until standard input ends."""
    replies, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed is no reply
    for line in sys.stdin:
        try:
            request = json.loads(line)
            reply = to_ptx(request) if "num_stages" in request else {"ir": to_ir(request)}
        except Exception as error:  # noqa: BLE001 - the error goes to the caller, whatever it is
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
