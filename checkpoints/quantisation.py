"""Quantised weights in folders of Hugging Face: which tensors are one weight, and the weight that they are.

| method in config.json | what follows the name of a linear | weight |
| --- | --- | --- |
| fp8, blocks of 128 x 128 | .weight, .weight_scale_inv | `BlockWeight` |
| gptq, 4 bits | .qweight, .qzeros, .scales, .g_idx | `Int4Groups` |
| awq, 4 bits, version gemm | .qweight, .qzeros, .scales | `Int4Groups` |
| compressed-tensors, pack-quantized, 4 bits | .weight_ packed, scale, shape, zero_point, g_idx | `Int4Groups` |
| mxfp4 | _blocks, _scales, of experts as a rule | `BlockWeight` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np

from checkpoints.tensors import Array
from specs.decoder.host import BlockWeight, describe
from specs.decoder.int4 import Int4Groups
from specs.decoder.weights import FLOATS, CheckpointError, Tensor
from specs.gemm.repack import Int4Weight, from_awq, from_compressed_tensors, from_gptq
from specs.lang.errors import ArgumentError, Unsupported, WrongShape
from specs.lang.formats.named import FP8_BLOCK_128, FP8_BLOCK_128_E8M0, MXFP4

WORDS: Final = ("int32", "uint32")
BITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A tensor of a quantised weight: what follows the weight's name, its types, and whether every weight has it."""

    suffix: str
    types: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a folder stores its quantised weights.

    name: for people. parts: of a weight, by the keyword that `make` has for them. suffix: of the weight's own name.
    shared: keyword of a part whose name weights that are not quantised have too; theirs have other types.
    """

    name: str
    parts: Mapping[str, Part]
    make: Callable[..., Tensor]
    suffix: str = ".weight"
    shared: str | None = None

    def part_of(self, name: str, tensor: Array) -> tuple[str, str] | None:
        """(name of the weight without its suffix, keyword of the part), None for tensors of no quantised weight."""
        for keyword, part in self.parts.items():
            if name.endswith(part.suffix) and (keyword != self.shared or tensor.dtype.name in part.types):
                return name.removesuffix(part.suffix), keyword
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """Weights by name, and problems by the name of the weight that is not there because of them."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)


def assemble(scheme: Scheme | None, tensors: Mapping[str, Array]) -> Assembled:
    """Tensors with the parts of every quantised weight put together."""
    found = Assembled()
    groups: dict[str, dict[str, Array]] = {}
    for name, tensor in tensors.items():
        part = None if scheme is None else scheme.part_of(name, tensor)
        if part is None:
            found.tensors[name] = tensor
        else:
            groups.setdefault(part[0], {})[part[1]] = tensor
    for stem, parts in groups.items():
        assert scheme is not None
        problems = list(_problems(scheme, stem, parts))
        if not problems:
            try:
                found.tensors[stem + scheme.suffix] = scheme.make(**parts)
                continue
            except (ArgumentError, Unsupported) as error:
                shapes = ", ".join(f"{scheme.parts[key].suffix} {describe(tensor)}" for key, tensor in parts.items())
                problems = [f"shape: {stem}, a {scheme.name} weight of {shapes}: {error}"]
        found.problems[stem + scheme.suffix] = problems
    return found


def _problems(scheme: Scheme, stem: str, parts: Mapping[str, Array]) -> list[str]:
    found = []
    for keyword, part in scheme.parts.items():
        name = stem + part.suffix
        if keyword not in parts:
            kinds = ", ".join(part.types)
            found += [f"missing: {name}, {kinds}, of a {scheme.name} weight"] if part.required else []
        elif parts[keyword].dtype.name not in part.types:
            found.append(f"type: {name}, expected {', '.join(part.types)}; got {describe(parts[keyword])}")
    return found


def scheme_of(settings: Mapping[str, Any] | None) -> Scheme | None:
    """The scheme that the `quantization_config` of a config.json describes, None where there is none.

    Raises:
        CheckpointError: a method, or a setting of one, that is not supported.
    """
    if not settings:
        return None
    method = str(settings.get("quant_method", "gptq" if "desc_act" in settings else None))
    if method not in _SCHEMES:
        _expect("quant_method", method, *_SCHEMES)
    return _SCHEMES[method](settings)


def _expect(name: str, found: object, *wanted: object) -> None:
    if found not in wanted:
        expected = " or ".join(repr(one) for one in wanted)
        raise CheckpointError(f"quantization_config.{name}: expected {expected}; got {found!r}")


def _fp8(settings: Mapping[str, Any]) -> Scheme:
    _expect("weight_block_size", settings.get("weight_block_size"), list(FP8_BLOCK_128.block))
    _expect("activation_scheme", settings.get("activation_scheme", "dynamic"), "dynamic")
    codes = Part(suffix=".weight", types=("float8_e4m3fn",))
    scale = Part(suffix=".weight_scale_inv", types=("float32", "bfloat16", "float8_e8m0fnu"))
    return Scheme(name="FP8", parts={"codes": codes, "scale": scale}, make=_fp8_weight, shared="codes")


def _fp8_weight(codes: Array, scale: Array) -> BlockWeight:
    powers = scale.dtype.name == "float8_e8m0fnu"
    form = FP8_BLOCK_128_E8M0 if powers else FP8_BLOCK_128
    wanted = form.storage_shape(codes.shape).scale
    if scale.shape != wanted:
        raise WrongShape(op=form.name, argument="scale", expected=list(wanted or ()), actual=list(scale.shape))
    stored = scale.view(np.uint8) if powers else scale.astype(np.float32, copy=False)
    return BlockWeight(form=form, data=codes.view(np.uint8), scale=stored)


def _gptq(settings: Mapping[str, Any]) -> Scheme:
    _expect("bits", settings.get("bits"), BITS)
    version = str(settings.get("checkpoint_format") or "gptq")
    _expect("checkpoint_format", version, "gptq", "gptq_v2")
    order = {"g_idx": Part(suffix=".g_idx", types=WORDS, required=False)}
    return Scheme(name="GPTQ", parts=_WORDS | order, make=_int4(partial(from_gptq, checkpoint_format=version)))


def _awq(settings: Mapping[str, Any]) -> Scheme:
    _expect("bits", settings.get("bits", settings.get("w_bit")), BITS)
    _expect("version", str(settings.get("version", "gemm")).lower(), "gemm")
    return Scheme(name="AWQ", parts=_WORDS, make=_int4(from_awq))


def _compressed_tensors(settings: Mapping[str, Any]) -> Scheme:
    _expect("format", settings.get("format"), "pack-quantized")
    for name, group in (settings.get("config_groups") or {}).items():
        weights = group.get("weights") or {}
        _expect(f"config_groups.{name}.weights.num_bits", weights.get("num_bits"), BITS)
        _expect(f"config_groups.{name}.weights.type", weights.get("type"), "int")
    parts = {
        "weight_packed": Part(suffix=".weight_packed", types=WORDS),
        "weight_scale": Part(suffix=".weight_scale", types=FLOATS),
        "weight_shape": Part(suffix=".weight_shape", types=("int64", "int32")),
        "weight_zero_point": Part(suffix=".weight_zero_point", types=WORDS, required=False),
        "weight_g_idx": Part(suffix=".weight_g_idx", types=WORDS, required=False),
    }
    return Scheme(name="compressed-tensors", parts=parts, make=_int4(from_compressed_tensors))


def _mxfp4(_: Mapping[str, Any]) -> Scheme:
    parts = {"blocks": Part(suffix="_blocks", types=("uint8",)), "scales": Part(suffix="_scales", types=("uint8",))}
    return Scheme(name="MXFP4", parts=parts, make=_mxfp4_weight, suffix="")


def _mxfp4_weight(blocks: Array, scales: Array) -> BlockWeight:
    """gpt-oss: bytes [E, N, K / 32, 16], and exponents of powers of two, [E, N, K / 32]; [N, ..] of one weight."""
    if blocks.ndim not in (3, 4) or blocks.shape[-1] != 16 or blocks.shape[:-1] != scales.shape:
        expected = f"[{', '.join(map(str, scales.shape))}, 16]"
        raise WrongShape(op=MXFP4.name, argument="blocks", expected=expected, actual=list(blocks.shape))
    return BlockWeight(form=MXFP4, data=blocks.reshape(*blocks.shape[:-2], -1), scale=scales)


def _int4(repack: Callable[..., Int4Weight]) -> Callable[..., Int4Groups]:
    def make(**parts: Array) -> Int4Groups:
        words = {name: _signed(array) for name, array in parts.items()}
        return Int4Groups(weight=repack(**words))

    return make


def _signed(array: Array) -> Array:
    return array.view(np.int32) if array.dtype == np.uint32 else array


_WORDS: Final = {
    "qweight": Part(suffix=".qweight", types=WORDS),
    "qzeros": Part(suffix=".qzeros", types=WORDS),
    "scales": Part(suffix=".scales", types=FLOATS),
}
_SCHEMES: Final[Mapping[str, Callable[[Mapping[str, Any]], Scheme]]] = {
    "fp8": _fp8,
    "gptq": _gptq,
    "awq": _awq,
    "compressed-tensors": _compressed_tensors,
    "mxfp4": _mxfp4,
}
