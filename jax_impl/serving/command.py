"""The command of `python -m jax_impl.serving`: its options, and the server or the replicas that they ask for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console

from jax_impl.serving.memory import DEVICE_SHARE, HOST_SHARE
from jax_impl.serving.metrics import Metrics
from jax_impl.serving.replicas import Deployment
from jax_impl.serving.replicas import run as run_replicas
from jax_impl.serving.scheduler import Limits
from jax_impl.serving.server import Server, ServerSettings
from jax_impl.serving.shutdown import GracefulServer
from jax_impl.serving.start import Sizes, prepare, warm
from jax_impl.serving.worker import EngineWorker

_CONSOLE = Console(stderr=True)


def _told(line: str) -> None:
    _CONSOLE.print(line, soft_wrap=True)  # whole lines in a log


def serve(
    model: Annotated[str, typer.Option(help="smollm2, a .gguf file, or a Hugging Face folder.")] = "smollm2",
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for other machines to connect.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8000,
    api_key: Annotated[str | None, typer.Option(help="Key that clients have to send; none when left out.")] = None,
    max_length: Annotated[int, typer.Option(help="Most tokens of a request, prompt and answer.")] = 2048,
    max_requests: Annotated[int, typer.Option(help="Most requests of a step.")] = 16,
    max_tokens: Annotated[int, typer.Option(help="Most tokens of a step.")] = 256,
    queue: Annotated[int, typer.Option(help="Most requests that wait; more are refused with 429.")] = 256,
    pages: Annotated[int | None, typer.Option(help="Pages of the caches; the memory's room when left out.")] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            help=f"Share of the memory to use; {DEVICE_SHARE} of a device's, {HOST_SHARE} of RAM when left out."
        ),
    ] = None,
    tensor_parallel: Annotated[int, typer.Option(help="Devices over which the model is spread.")] = 1,
    invariant: Annotated[bool, typer.Option(help="Same bits for a request in every batch.")] = False,
    speculative_tokens: Annotated[
        int, typer.Option(help="Tokens to draft after each step by multi-token prediction: 1 for DeepSeek-V4.")
    ] = 0,
    greedy: Annotated[
        bool,
        typer.Option(help="Compile at the start what requests of temperature 0 need; the rest when it is asked for."),
    ] = False,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps compiled programs.")] = None,
    grace: Annotated[float, typer.Option(help="Seconds that requests have to finish at the end.")] = 30.0,
    replicas: Annotated[
        int,
        typer.Option(help="Servers in processes of their own, by Ray Serve; 0 for one in this process."),
    ] = 0,
    replica_gpus: Annotated[float, typer.Option(help="GPUs that Ray gives each replica.")] = 0.0,
) -> None:
    """Serves a model with OpenAI's API: /v1/chat/completions, /v1/completions, /v1/models, /health, /metrics."""
    limits = Limits(tokens=max_tokens, requests=max_requests, waiting=queue, length=max_length)
    sizes = Sizes(
        limits=limits,
        pages=pages,
        memory=memory,
        invariant=invariant,
        devices=tensor_parallel,
        speculative_tokens=speculative_tokens,
    )
    deployment = Deployment(
        model=model,
        sizes=sizes,
        settings=ServerSettings(model=model, api_key=api_key),
        replicas=replicas,
        greedy=greedy,
        cache=cache,
        grace=grace,
        gpus=replica_gpus,
    )
    (_serve_replicas if replicas else _serve_here)(deployment, host, port)


def _serve_replicas(deployment: Deployment, host: str, port: int) -> None:
    try:
        run_replicas(deployment, host=host, port=port, told=partial(_listening, deployment.model, host, port))
    except ImportError as error:
        raise typer.BadParameter(f"--replicas: {error}") from None


def _serve_here(deployment: Deployment, host: str, port: int) -> None:
    try:
        ready = prepare(deployment.model, deployment.sizes, cache=deployment.cache, told=_told)
    except (FileNotFoundError, ValueError) as error:  # no such model, one that does not fit, or too little memory
        raise typer.BadParameter(str(error)) from None
    warm(ready, greedy=deployment.greedy, told=_told)
    worker = EngineWorker(ready.engine, Metrics())
    worker.start()
    server = Server(worker, ready.checkpoint.tokenizer, ready.checkpoint.chat, deployment.settings)
    _listening(deployment.model, host, port)
    grace = deployment.grace
    config = uvicorn.Config(
        server.app(), host=host, port=port, log_level="warning", timeout_graceful_shutdown=int(grace)
    )
    GracefulServer(config, worker, grace=grace, told=_told).run()
    worker.stop(grace)


def _listening(model: str, host: str, port: int) -> None:
    _CONSOLE.print(f"curl http://{host}:{port}/v1/chat/completions -H 'Content-Type: application/json' \\")
    _CONSOLE.print(f'  -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}\'')
