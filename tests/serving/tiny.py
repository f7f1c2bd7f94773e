"""A tiny random Llama with a tokenizer of characters, served over loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import jax.numpy as jnp
import tokenizers
import uvicorn
from openai import OpenAI

from checkpoints.chat import ChatTemplate
from checkpoints.checkpoint import Checkpoint
from checkpoints.tokenizer import Tokenizer
from jax_impl.layers.step import Options
from jax_impl.serving.engine import Engine, Settings
from jax_impl.serving.metrics import Metrics
from jax_impl.serving.model import Model, load
from jax_impl.serving.scheduler import Limits
from jax_impl.serving.server import Server, ServerSettings
from jax_impl.serving.worker import EngineWorker
from specs.decoder.host import PackedWeight
from specs.lang.formats.ggml import Q4_1, Q8_0
from specs.lang.formats.packed_encode import encode
from tests.decoder.models import checkpoint

LENGTH: Final = 96
PAGE: Final = 8
SETTINGS: Final[dict[str, Any]] = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "Hello there"}],
    "temperature": 0.0,
    "max_tokens": 8,
}
"""A request to `served`."""


CHAT: Final = "{% for m in messages %}{{ m.content }}{% endfor %}"
"""The chat template: texts one after the other."""


@cache
def characters() -> tokenizers.Tokenizer:
    """One token per printable character; none ends an answer."""
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel({chr(32 + i): i for i in range(96)}, unk_token=" "))  # noqa: S106
    library.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), behavior="isolated")
    library.decoder = tokenizers.decoders.Fuse()
    return library


@cache
def tokenizer() -> Tokenizer:
    """`characters`, as checkpoints have theirs."""
    return Tokenizer(library=characters(), bos=None, eos=frozenset())


def write_folder(folder: Path) -> Path:
    """The model as a folder of Hugging Face; its answers end at their length alone."""
    for file in ("config.json", "model.safetensors"):
        (folder / file).write_bytes((checkpoint("llama3").folder / file).read_bytes())
    characters().save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(CHAT)
    return folder


def free_port() -> int:
    """A port of loopback that nothing listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def packed(name: str, tensor: Any) -> Any:
    """A projection in blocks of a GGUF file, of two types that one product may have to put together."""
    if "proj" not in name:
        return tensor
    form = Q8_0 if "v_proj" in name or "down" in name else Q4_1
    return PackedWeight(form=form, data=encode(form, tensor))


@cache
def model(*, invariant: bool = False, gguf: bool = False) -> Model:
    """The model, on the CPU. gguf: with projections in blocks of GGUF files, which stay as they are."""
    found = checkpoint("llama3")
    tensors = {name: packed(name, tensor) if gguf else tensor for name, tensor in found.tensors.items()}
    opened = Checkpoint(
        name="tiny",
        config=found.config,
        tensors=tensors,
        tokenizer=tokenizer(),
        chat=None,
        quantisation="float32",
    )
    options = Options(dtype=jnp.float32, invariant=invariant)
    return load(opened, options, cache_dtype=jnp.float16)


def engine(*, pages: int = 48, requests: int = 4, tokens: int = 32, waiting: int = 16, **fields: Any) -> Engine:
    """An engine with room for four requests."""
    limits = Limits(tokens=tokens, requests=requests, waiting=waiting, length=LENGTH)
    layerwise = fields.pop("layerwise", True)
    chosen = fields.pop("model", None) or model()
    settings = Settings(pages=pages, page_size=PAGE, limits=limits, layerwise=layerwise, **fields)
    return Engine(chosen, tokenizer(), settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that runs, and a client of OpenAI's for it; untyped, because tests send what its types forbid."""

    client: Any
    worker: EngineWorker
    url: str
    server: uvicorn.Server

    def wait_until_idle(self) -> None:
        """Until no request has a page; fails where one never gives it back."""
        pool = self.worker.engine.scheduler.pool
        for _ in range(400):
            if pool.free == pool.pages and not self.worker.engine.busy:
                return
            time.sleep(0.05)
        raise AssertionError(f"{pool.pages - pool.free} pages are still in use")


@contextmanager
def served(own: Engine, *, api_key: str | None = None, body_bytes: int = 1 << 16) -> Iterator[Served]:
    """The engine over loopback on a free port."""
    worker = EngineWorker(own, Metrics())
    worker.start()
    chat = ChatTemplate(source=CHAT, tokens={})
    settings = ServerSettings(model="tiny", api_key=api_key, body_bytes=body_bytes)
    app = Server(worker, tokenizer(), chat, settings).app()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    try:
        client = OpenAI(base_url=f"{url}/v1", api_key=api_key or "none", max_retries=0, timeout=120)
        yield Served(client=client, worker=worker, url=url, server=server)
    finally:
        server.should_exit = True
        thread.join()
        worker.stop(timeout=30)


def chunks(stream: Any) -> str:
    """The text of a stream of chat chunks."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def body(error: Any) -> dict[str, Any]:
    """The error that an exception of the client carries."""
    found: dict[str, Any] = json.loads(error.response.text)["error"]
    return found
