"""Weights of a decoder: one table of names and shapes, and how the tensors of a checkpoint become them.

Projections that read the same activations are one array, in this order of rows: queries, keys, values; gate, up. They
are put together when a checkpoint is loaded. In a jitted step XLA would do it again in every layer of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from specs.decoder.config import DecoderConfig, MoeConfig
from specs.decoder.host import HostArray, HostWeight, Single, concatenate_rows, describe, stack_experts

Tensor = Single
Tensors = Mapping[str, Tensor]
FLOATS: Final = ("float32", "float16", "bfloat16")
"""Types of tensors that are not quantised."""
ROWS, COLUMNS, EXPERTS = 0, 1, 0
"""Axes of tensors: of a weight [N, K], and of the weights of experts [E, .., ..]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A tensor of a Hugging Face checkpoint.

    quantised: its shape where it is quantised, if that is another one. types: of the tensor where it is not quantised.
    split: the axis that devices share in tensor and expert parallelism; None where every device has all of it.
    once: an addend of what devices sum up, so that one device alone has it and the others zeros.
    """

    name: str
    shape: tuple[int, ...]
    quantised: tuple[int, ...] | None = None
    types: tuple[str, ...] = FLOATS
    split: int | None = None
    once: bool = False

    def problem(self, tensor: Tensor) -> str | None:
        """How a tensor of this name does not fit, for people; None where it does."""
        shape = self.shape if isinstance(tensor, np.ndarray) or self.quantised is None else self.quantised
        if tuple(tensor.shape) != shape:
            return f"shape: {self.name}, expected {list(shape)}; got {describe(tensor)}"
        if isinstance(tensor, np.ndarray) and tensor.dtype.name not in self.types:
            return f"type: {self.name}, expected {', '.join(self.types)}; got {describe(tensor)}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One weight of a layer, or of the model.

    shape: [N, K] of a linear, y = x W^T; [E, N, K] of experts; [h] of a norm, bias or sink.
    linear: whether it may be quantised.
    wide: whether it is float32, whatever the activations are.
    sources: tensors of the checkpoint, put together along rows in this order.
    join: makes the weight of the sources, where it is not their concatenation along rows.
    """

    shape: tuple[int, ...]
    sources: tuple[Source, ...]
    linear: bool = False
    wide: bool = False
    join: Callable[[Sequence[Tensor]], HostWeight] | None = None

    def assemble(self, tensors: Tensors) -> HostWeight:
        """The weight, of the tensors of a checkpoint."""
        parts = [tensors[source.name] for source in self.sources]
        if self.join is not None:
            return self.join(parts)
        return parts[0] if len(parts) == 1 else concatenate_rows(parts)

    def array(self, host: HostWeight) -> HostArray:
        """The assembled weight of a norm, bias or sink, which is a plain array.

        Raises:
            CheckpointError: it is quantised.
        """
        if not isinstance(host, np.ndarray):
            raise CheckpointError(f"{self.sources[0].name}: expected a plain array; got {describe(host)}")
        return host


Weights = Mapping[str, Weight]


class CheckpointError(ValueError):
    """Tensors of a checkpoint that are missing, unknown, or have another shape than the configuration says."""


def check_tensors(config: DecoderConfig, tensors: Tensors, found: Mapping[str, Sequence[str]] | None = None) -> None:
    """Raises CheckpointError with every tensor that does not fit, by name, shape and type; see `check_sources`."""
    check_sources(sources(config), tensors, found)


def sources(config: DecoderConfig) -> dict[str, Source]:
    """The tensors of a checkpoint by name."""
    return sources_of([model_weights(config), *(layer_weights(config, layer) for layer in range(config.layers))])


def sources_of(tables: Iterable[Weights]) -> dict[str, Source]:
    """The tensors that the weights of some tables are made of, by name."""
    return {source.name: source for table in tables for weight in table.values() for source in weight.sources}


def check_sources(
    wanted: Mapping[str, Source], tensors: Tensors, found: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Checks that tensors are the wanted ones.

    Args:
        found: problems that are known already, by the name of the tensor that is not there because of them.

    Raises:
        CheckpointError: one line for every tensor that does not fit.
    """
    known = found or {}
    problems = [line for lines in known.values() for line in lines]
    for name, source in wanted.items():
        if name not in tensors and name not in known:
            problems.append(f"missing: {name} {list(source.shape)}, {', '.join(source.types)}")
    for name, tensor in tensors.items():
        problem = wanted[name].problem(tensor) if name in wanted else f"unknown: {name}, {describe(tensor)}"
        problems += [] if problem is None else [problem]
    if problems:
        raise CheckpointError("the checkpoint does not fit its configuration\n  " + "\n  ".join(problems))


def model_weights(config: DecoderConfig) -> Weights:
    """Weights outside the layers."""
    table = (config.vocab, config.hidden)
    found = {
        "embedding": _plain("model.embed_tokens.weight", *table, linear=True),
        "norm": _plain("model.norm.weight", config.hidden),
    }
    if not config.tied:
        found["head"] = _plain("lm_head.weight", config.vocab // config.devices, config.hidden, linear=True, split=ROWS)
    return found


def layer_weights(config: DecoderConfig, layer: int) -> Weights:
    """Weights of a layer by the names that `jax_impl.layers` and `torch_impl.layers` have for them."""
    prefix = f"model.layers.{layer}."
    return {
        "attention_norm": _plain(prefix + "input_layernorm.weight", config.hidden),
        **_attention(config, prefix + "self_attn."),
        "ffn_norm": _plain(prefix + "post_attention_layernorm.weight", config.hidden),
        **(_mlp(config, prefix + "mlp.") if config.moe is None else _experts(config, config.moe, prefix + "mlp.")),
    }


def _plain(name: str, *shape: int, linear: bool = False, split: int | None = None, once: bool = False) -> Weight:
    return Weight(shape=shape, sources=(Source(name=name, shape=shape, split=split, once=once),), linear=linear)


def _rows(names: tuple[str, ...], rows: tuple[int, ...], *rest: int, linear: bool = False) -> Weight:
    """Tensors with `rows` rows each, one below the other."""
    sources = tuple(Source(name=name, shape=(n, *rest), split=ROWS) for name, n in zip(names, rows, strict=True))
    return Weight(shape=(sum(rows), *rest), sources=sources, linear=linear)


def _attention(config: DecoderConfig, prefix: str) -> dict[str, Weight]:
    queries, rows = config.heads * config.head_dim, config.qkv_rows
    names = tuple(f"{prefix}{name}_proj." for name in ("q", "k", "v"))
    found = {
        "qkv": _rows(tuple(name + "weight" for name in names), rows, config.hidden, linear=True),
        "out": _plain(prefix + "o_proj.weight", config.hidden, queries, linear=True, split=COLUMNS),
    }
    if config.qkv_bias:
        found["qkv_bias"] = _rows(tuple(name + "bias" for name in names), rows)
    if config.out_bias:
        found["out_bias"] = _plain(prefix + "o_proj.bias", config.hidden, once=True)
    if config.qk_norm:
        found |= {name: _plain(f"{prefix}{name}.weight", config.head_dim) for name in ("q_norm", "k_norm")}
    if config.sinks:
        found["sinks"] = replace(_plain(f"{prefix}sinks", config.heads, split=ROWS), wide=True)
    return found


def _mlp(config: DecoderConfig, prefix: str) -> dict[str, Weight]:
    gate_up = tuple(f"{prefix}{name}_proj.weight" for name in ("gate", "up"))
    return {
        "gate_up": _rows(gate_up, (config.ffn, config.ffn), config.hidden, linear=True),
        "down": _plain(f"{prefix}down_proj.weight", config.hidden, config.ffn, linear=True, split=COLUMNS),
    }


def _experts(config: DecoderConfig, moe: MoeConfig, prefix: str) -> dict[str, Weight]:
    up, down = (config.held_experts, 2 * moe.ffn, config.hidden), (config.held_experts, config.hidden, moe.ffn)
    if not moe.bias:
        each = (moe.ffn, config.hidden)
        gates = tuple(source for e in range(config.held_experts) for source in _expert(prefix, e, ("gate", "up"), each))
        downs = tuple(
            source for e in range(config.held_experts) for source in _expert(prefix, e, ("down",), each[::-1])
        )
        return {
            "router": _plain(f"{prefix}gate.weight", moe.experts, config.hidden),
            "w13": Weight(shape=up, sources=gates, linear=True, join=gate_up),
            "w2": Weight(shape=down, sources=downs, linear=True, join=stack_experts),
        }
    experts = f"{prefix}experts."
    # Columns first; quantised ones lie rows first.
    up_source = Source(name=f"{experts}gate_up_proj", shape=(up[0], up[2], up[1]), quantised=up, split=EXPERTS)
    down_source = Source(name=f"{experts}down_proj", shape=(down[0], down[2], down[1]), quantised=down, split=EXPERTS)
    return {
        "router": _plain(f"{prefix}router.weight", moe.experts, config.hidden),
        "router_bias": _plain(f"{prefix}router.bias", moe.experts),
        "w13": Weight(shape=up, sources=(up_source,), linear=True, join=_transposed),
        "w13_bias": _plain(f"{experts}gate_up_proj_bias", *up[:2], split=EXPERTS),
        "w2": Weight(shape=down, sources=(down_source,), linear=True, join=_transposed),
        "w2_bias": _plain(f"{experts}down_proj_bias", *down[:2], split=EXPERTS),
    }


def _expert(prefix: str, expert: int, names: tuple[str, ...], shape: tuple[int, ...]) -> list[Source]:
    return [Source(name=f"{prefix}experts.{expert}.{name}_proj.weight", shape=shape) for name in names]


def gate_up(parts: Sequence[Tensor]) -> HostWeight:
    """[E, 2 I, h], of the gate and the up weight [I, h] of one expert after the other."""
    return stack_experts([concatenate_rows(pair) for pair in zip(parts[::2], parts[1::2], strict=True)])


def _transposed(parts: Sequence[Tensor]) -> HostWeight:
    """[E, N, K] of weights that gpt-oss stores as [E, K, N]; quantised ones are in order."""
    (whole,) = parts
    return np.ascontiguousarray(whole.swapaxes(1, 2)) if isinstance(whole, np.ndarray) else whole
