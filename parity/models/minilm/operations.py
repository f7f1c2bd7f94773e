"""Operations of the encoder: each has an implementation side and an expected result.

Hidden states are bf16 between operations, as in serving; each operation rounds to it once. Quantisers, products and
attention come from the library. Embeddings, layer norms, GELU and pooling are the framework's own float32 arithmetic,
of which nothing but a bound is promised (`parity.models.minilm.glue`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np

import specs
from parity.judge.expected import Expected, expectations
from parity.judge.frameworks import Result
from parity.judge.inputs import Inputs, decode
from parity.models.minilm import glue
from parity.models.minilm.assets import Assets, Linear, Norm, Tokens
from parity.models.minilm.encoder import gelu, layer_norm, pool
from parity.models.minilm.linears import Side
from parity.models.minilm.schemes import Product
from specs.lang.call.bind import check_attributes
from specs.lang.declare.accuracy import Accuracy
from specs.lang.declare.op import Op, Reference
from specs.lang.formats.elements import BF16, F32, INT32, ElementFormat

ATTENTION: Final = "flash_attn_varlen"


class Operation(Protocol):
    """One step of the encoder that is no linear."""

    def run(self, side: Side, *arrays: Any) -> Any:
        """The result; arguments and result are the framework's arrays.

        Raises:
            Unsupported: the implementation cannot run there.
        """
        ...

    def expected(self, *arrays: Result) -> Product:
        """What the result has to be, and how far it may be off."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantised:
    """A linear under the side's scheme, [T, K] -> [T, N], on which depends what it has to give."""

    linear: Linear

    def run(self, side: Side, *arrays: Any) -> Any:
        """As `Operation.run`."""
        return side.linear(self.linear.name, arrays[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attention:
    """softmax(q k^T / sqrt(head size)) v within every sentence; q, k, v and the result [T, hidden]."""

    tokens: Tokens
    heads: int

    @property
    def op(self) -> Op:
        """The operation."""
        return specs.get(ATTENTION)

    @property
    def attributes(self) -> dict[str, object]:
        """Nothing but the length of the longest sentence."""
        longest = self.tokens.longest
        return check_attributes(self.op, {"max_seqlen_q": longest, "max_seqlen_k": longest})

    def run(self, side: Side, *arrays: Any) -> Any:
        """As `Operation.run`."""
        total, hidden = arrays[0].shape
        starts = side.engine.operand(self.tokens.starts, INT32)
        q, k, v = (x.reshape(total, self.heads, hidden // self.heads) for x in arrays)
        given = {"q": q, "k": k, "v": v, "cu_seqlens_q": starts, "cu_seqlens_k": starts}
        (out,) = side.engine.run(self.op, given, self.attributes)
        return out.reshape(total, hidden)

    def expected(self, *arrays: Result) -> Product:
        """The operation's own oracle and bound."""
        total, hidden = arrays[0].raw.shape
        split = (total, self.heads, hidden // self.heads)
        given = {name: x.raw.reshape(split) for name, x in zip("qkv", arrays, strict=True)}
        given |= dict.fromkeys(("cu_seqlens_q", "cu_seqlens_k"), self.tokens.starts)
        formats = {name: INT32 if name.startswith("cu") else BF16 for name in given}
        inputs = Inputs(op=self.op, arrays=given, formats=formats, attributes=self.attributes)
        call = inputs.layout.call()
        found = expectations(inputs, call)["out"]
        reference, magnitude = found.reference, found.reference.magnitude
        assert magnitude is not None, "sums are rounded"
        flat = Reference(value=reference.value.reshape(total, hidden), magnitude=magnitude.reshape(total, hidden))
        return Product(expected=replace(found, reference=flat), call=call)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AddNorm:
    """Layer norm of the sum of two arrays [T, hidden]."""

    norm: Norm
    eps: float

    def run(self, side: Side, *arrays: Any) -> Any:
        """As `Operation.run`."""
        one = side.engine
        x, y = (one.cast(array, F32) for array in arrays)
        return one.cast(layer_norm(one.arrays, x + y, self.norm, self.eps), BF16)

    def expected(self, *arrays: Result) -> Product:
        """In float64."""
        return _own(glue.add_norm(tuple(_values(x) for x in arrays), self.norm, self.eps), BF16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gelu:
    """x * Phi(x), elementwise."""

    def run(self, side: Side, *arrays: Any) -> Any:
        """As `Operation.run`."""
        one = side.engine
        return one.cast(gelu(one.arrays, one.cast(arrays[0], F32)), BF16)

    def expected(self, *arrays: Result) -> Product:
        """In float64."""
        return _own(glue.gelu(_values(arrays[0])), BF16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embed:
    """Normalised sums of word, position and segment rows, [T, hidden]; takes no arrays."""

    assets: Assets
    tokens: Tokens

    def rows(self) -> tuple[Any, Any, Any]:
        """The summands, float32."""
        table, tokens = self.assets.embeddings, self.tokens
        return table.word[tokens.ids], table.token_type[0][None, :], table.position[tokens.positions]

    def run(self, side: Side, *_arrays: Any) -> Any:
        """As `Operation.run`."""
        xp = side.engine.arrays
        word, kind, position = (xp.array(rows) for rows in self.rows())
        normed = layer_norm(xp, word + kind + position, self.assets.embeddings.norm, self.assets.config.layer_norm_eps)
        return side.engine.cast(normed, BF16)

    def expected(self, *_arrays: Result) -> Product:
        """In float64."""
        rows = tuple(np.asarray(part, np.float64) for part in self.rows())
        return _own(glue.add_norm(rows, self.assets.embeddings.norm, self.assets.config.layer_norm_eps), BF16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Means over the tokens of each sentence, scaled to length 1: [T, hidden] -> float32 [sentences, hidden]."""

    tokens: Tokens

    def run(self, side: Side, *arrays: Any) -> Any:
        """As `Operation.run`."""
        return pool(side.engine.arrays, side.engine.cast(arrays[0], F32), self.tokens)

    def expected(self, *arrays: Result) -> Product:
        """In float64."""
        return _own(glue.pool(_values(arrays[0]), self.tokens), F32)


def _values(array: Result) -> glue.Float64:
    return decode(array.raw, array.form)


def _own(reference: Reference, form: ElementFormat) -> Product:
    """What float32 arithmetic has to give, rounded to `form`; magnitudes are in units of its roundoff already."""
    return Product(expected=Expected(form=form, accuracy=Accuracy(), reference=reference, terms=1))
